#include "base/rng.h"

#include <Random123/philox.h>
#include <float.h>
#include <math.h>
#include <stdbool.h>

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

/* The inverse of erf on (-1, 1): Giles, "Approximating the erfinv function" (GPU Computing Gems
 * Jade edition, 2011, chapter 10), the polynomials for single precision: a relative error of 4e-7.
 */
static double erf_inverse(double x) {
  static const double middle[] = {2.81022636e-08,  3.43273939e-07, -3.5233877e-06,
                                  -4.39150654e-06, 0.00021858087,  -0.00125372503,
                                  -0.00417768164,  0.246640727,    1.50140941};
  static const double tail[] = {-0.000200214257, 0.000100950558, 0.00134934322,
                                -0.00367342844,  0.00573950773,  -0.0076224613,
                                0.00943887047,   1.00167406,     2.83297682};
  double w = -log((1 - x) * (1 + x));
  bool near = w < 5;
  const double *p = near ? middle : tail;
  double at = near ? w - 2.5 : sqrt(w) - 3, sum = 0;
  for (int i = 0; i < 9; i++) sum = sum * at + p[i];
  return sum * x;
}

double gan_normal_quantile(double u) {
  return M_SQRT2 * erf_inverse(2 * u - 1);
}

void gan_rng_truncated(gan_rng rng, uint64_t draw, uint32_t sample, int64_t n, double bound,
                       float *out) {
  double most = erf(bound * M_SQRT1_2);
  float limit = (float)fmin(bound, (double)FLT_MAX);
  if ((double)limit > bound) limit = nextafterf(limit, 0);
  for (int64_t i = 0; i < n; i += 4) {
    block bits = philox(rng, draw, sample, (uint32_t)(i / 4));
    for (int64_t j = i; j < n && j < i + 4; j++) {
      double u = ((double)(bits.v[j - i] >> 8) + 0.5) * 0x1p-23 - 1; /* in (-1, 1) */
      out[j] = fmaxf(-limit, fminf((float)(M_SQRT2 * erf_inverse(u * most)), limit));
    }
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
