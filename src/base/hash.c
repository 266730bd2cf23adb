#include "base/hash.h"

#include <inttypes.h>
#include <stdio.h>
#include <xxhash.h>

gan_digest gan_digest_of(const void *bytes, size_t n) {
  XXH128_hash_t hash = XXH3_128bits(bytes, n);
  return (gan_digest){hash.high64, hash.low64};
}

bool gan_digest_equal(gan_digest a, gan_digest b) {
  return a.high == b.high && a.low == b.low;
}

char *gan_digest_text(char text[33], gan_digest digest) {
  snprintf(text, 33, "%016" PRIx64 "%016" PRIx64, digest.high, digest.low);
  return text;
}
