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
bool gan_digest_equal(gan_digest a, gan_digest b);

/* 32 hexadecimal digits, as `xxhsum -H2` prints them. */
char *gan_digest_text(char text[33], gan_digest digest);

#endif
