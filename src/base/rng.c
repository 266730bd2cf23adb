#include "base/rng.h"

#include <Random123/philox.h>
#include <math.h>

typedef struct {
  uint32_t v[4];
} block;

static block philox(gan_rng rng, uint64_t draw, uint32_t sample, uint32_t index) {
  philox4x32_ctr_t counter = {{index, sample, (uint32_t)draw, (uint32_t)(draw >> 32)}};
  philox4x32_key_t key = {{rng.key[0], rng.key[1]}};
  philox4x32_ctr_t bits = philox4x32(counter, key);
  return (block){{bits.v[0], bits.v[1], bits.v[2], bits.v[3]}};
}

gan_rng gan_rng_stream(uint64_t seed, gan_rng_purpose purpose, uint32_t network, uint32_t pass,
                       uint32_t layer) {
  philox4x32_ctr_t counter = {{(uint32_t)purpose, network, pass, layer}};
  philox4x32_key_t key = {{(uint32_t)seed, (uint32_t)(seed >> 32)}};
  philox4x32_ctr_t bits = philox4x32(counter, key);
  return (gan_rng){{bits.v[0], bits.v[1]}};
}

void gan_rng_bits(gan_rng rng, uint64_t draw, uint32_t sample, int64_t n, uint32_t *out) {
  for (int64_t i = 0; i < n; i += 4) {
    block bits = philox(rng, draw, sample, (uint32_t)(i / 4));
    for (int64_t j = i; j < n && j < i + 4; j++) out[j] = bits.v[j - i];
  }
}

void gan_rng_at_least(gan_rng rng, uint64_t draw, uint32_t sample, int64_t n, uint32_t threshold,
                      uint8_t *out) {
  for (int64_t i = 0; i < n; i += 4) {
    block bits = philox(rng, draw, sample, (uint32_t)(i / 4));
    for (int64_t j = i; j < n && j < i + 4; j++) out[j] = bits.v[j - i] >= threshold;
  }
}

static float unit_float(uint32_t bits) {
  return (float)(bits >> 8) * 0x1p-24f;
}

void gan_rng_uniform(gan_rng rng, uint64_t draw, uint32_t sample, int64_t n, float low, float high,
                     float *out) {
  for (int64_t i = 0; i < n; i += 4) {
    block bits = philox(rng, draw, sample, (uint32_t)(i / 4));
    for (int64_t j = i; j < n && j < i + 4; j++)
      out[j] = low + (high - low) * unit_float(bits.v[j - i]);
  }
}

void gan_rng_normal(gan_rng rng, uint64_t draw, uint32_t sample, int64_t n, float *out) {
  const float two_pi = 6.28318530717958647692f;
  for (int64_t i = 0; i < n; i += 4) {
    block bits = philox(rng, draw, sample, (uint32_t)(i / 4));
    float z[4];
    for (int pair = 0; pair < 4; pair += 2) {
      float radius = sqrtf(-2.0f * logf(1.0f - unit_float(bits.v[pair]))); /* of (0, 1] */
      float angle = two_pi * unit_float(bits.v[pair + 1]);
      z[pair] = radius * cosf(angle);
      z[pair + 1] = radius * sinf(angle);
    }
    for (int64_t j = i; j < n && j < i + 4; j++) out[j] = z[j - i];
  }
}

/* A uniform integer below `bound` (Lemire, "Fast random integer generation in an interval", 2019).
 * Words that he rejects are replaced from the next block of the same position. */
static uint32_t below(gan_rng rng, uint64_t draw, uint32_t position, uint32_t bound) {
  uint32_t threshold = (0u - bound) % bound;
  for (uint32_t attempt = 0;; attempt++) {
    block bits = philox(rng, draw, attempt, position);
    for (int word = 0; word < 4; word++) {
      uint64_t product = (uint64_t)bits.v[word] * bound;
      if ((uint32_t)product >= threshold) return (uint32_t)(product >> 32);
    }
  }
}

void gan_rng_permutation(gan_rng rng, uint64_t draw, uint32_t n, uint32_t *out) {
  for (uint32_t i = 0; i < n; i++) {
    uint32_t j = below(rng, draw, i, i + 1);
    out[i] = out[j];
    out[j] = i;
  }
}
