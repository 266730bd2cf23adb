/* XXH3-128 digests, from the xxHash library. */
#ifndef GAN_BASE_HASH_H
#define GAN_BASE_HASH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef struct gan_digest {
  uint64_t high, low;
} gan_digest;

gan_digest gan_digest_of(const void *bytes, size_t n);

/* The digest of what comes in pieces; NULL if memory is short. */
typedef struct gan_hasher gan_hasher;
gan_hasher *gan_hasher_create(void);
void gan_hasher_add(gan_hasher *hasher, const void *bytes, size_t n);
gan_digest gan_hasher_digest(const gan_hasher *hasher);
void gan_hasher_destroy(gan_hasher **hasher);

bool gan_digest_equal(gan_digest a, gan_digest b);

/* 32 hexadecimal digits, as `xxhsum -H2` prints them. */
char *gan_digest_text(char text[33], gan_digest digest);

#endif
