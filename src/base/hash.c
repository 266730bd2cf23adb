#include "base/hash.h"

#include "base/memory.h"

#include <inttypes.h>
#include <stdio.h>
#include <xxhash.h>

gan_digest gan_digest_of(const void *bytes, size_t n) {
  XXH128_hash_t hash = XXH3_128bits(bytes, n);
  return (gan_digest){hash.high64, hash.low64};
}

struct gan_hasher {
  XXH3_state_t *state;
};

gan_hasher *gan_hasher_create(void) {
  gan_hasher *hasher = gan_alloc(1, sizeof *hasher, "a digest");
  if (!hasher) return NULL;
  hasher->state = XXH3_createState();
  if (!hasher->state || XXH3_128bits_reset(hasher->state) != XXH_OK) gan_hasher_destroy(&hasher);
  return hasher;
}

void gan_hasher_add(gan_hasher *hasher, const void *bytes, size_t n) {
  XXH3_128bits_update(hasher->state, bytes, n);
}

gan_digest gan_hasher_digest(const gan_hasher *hasher) {
  XXH128_hash_t hash = XXH3_128bits_digest(hasher->state);
  return (gan_digest){hash.high64, hash.low64};
}

void gan_hasher_destroy(gan_hasher **hasher) {
  if (!*hasher) return;
  XXH3_freeState((*hasher)->state);
  gan_free(hasher);
}

bool gan_digest_equal(gan_digest a, gan_digest b) {
  return a.high == b.high && a.low == b.low;
}

char *gan_digest_text(char text[33], gan_digest digest) {
  snprintf(text, 33, "%016" PRIx64 "%016" PRIx64, digest.high, digest.low);
  return text;
}
