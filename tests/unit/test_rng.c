/* Random numbers: the published answers of Philox, where each number stands, and the laws. */
#include "base/memory.h"
#include "base/rng.h"
#include "unit/support.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* Statistics may be off by this many of their standard deviations: 6e-7 for a normal law. */
static const double SIGMAS = 5.0;

/* Kolmogorov's statistic exceeds this with probability 2 exp(-2 x^2) = 7e-7. */
static const double KOLMOGOROV = 2.7;

/* An angle up to 2 pi is off by 2^-22 or so, and the radius is up to 5.8. */
static const double NORMAL_TOLERANCE = 3e-6;

/* The inverse of erf and the rounding to float are off by less than 2e-7 of the number. */
static const double QUANTILE_TOLERANCE = 3e-7;

enum { MANY = 1 << 19 };

/* Philox4x32-10 from the paper (Salmon et al. 2011, section 3.3), without Random123. */
static void reference(const uint32_t counter[4], const uint32_t key[2], uint32_t out[4]) {
  uint32_t c[4], k[2] = {key[0], key[1]};
  memcpy(c, counter, sizeof c);
  for (int round = 0; round < 10; round++) {
    uint64_t p = (uint64_t)0xD2511F53 * c[0], q = (uint64_t)0xCD9E8D57 * c[2];
    uint32_t next[4] = {(uint32_t)(q >> 32) ^ c[1] ^ k[0], (uint32_t)q,
                        (uint32_t)(p >> 32) ^ c[3] ^ k[1], (uint32_t)p};
    memcpy(c, next, sizeof c);
    k[0] += 0x9E3779B9;
    k[1] += 0xBB67AE85;
  }
  memcpy(out, c, sizeof c);
}

/* Random123's kat_vectors: zeros, ones, and the digits of pi. */
static const struct {
  uint32_t counter[4], key[2], out[4];
} known[] = {
    {{0, 0, 0, 0}, {0, 0}, {0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8}},
    {{UINT32_MAX, UINT32_MAX, UINT32_MAX, UINT32_MAX},
     {UINT32_MAX, UINT32_MAX},
     {0x408f276d, 0x41c83b0e, 0xa20bc7c6, 0x6d5451fd}},
    {{0x243f6a88, 0x85a308d3, 0x13198a2e, 0x03707344},
     {0xa4093822, 0x299f31d0},
     {0xd16cfe09, 0x94fdcceb, 0x5001e420, 0x24126ea1}},
};

/* A stream's key is the first half of a block, so the published vectors reach it. */
START_TEST(known_answers) {
  const uint32_t *c = known[_i].counter, *k = known[_i].key, *out = known[_i].out;
  uint32_t ours[4];
  reference(c, k, ours);
  ck_assert_mem_eq(ours, out, sizeof ours);
  gan_rng rng =
      gan_rng_stream((uint64_t)k[1] << 32 | k[0], (gan_rng_purpose)c[0], c[1], c[2], c[3]);
  ck_assert_mem_eq(rng.key, out, sizeof rng.key);
}
END_TEST

START_TEST(bits_are_the_blocks_of_the_counter) {
  enum { N = 1001 };
  uint64_t state = 1;
  uint32_t ours[N], block[4];
  gan_rng_bits((gan_rng){{0, 0}}, 0, 0, 4, ours);
  ck_assert_mem_eq(ours, known[0].out, sizeof known[0].out);
  for (int trial = 0; trial < 50; trial++) {
    gan_rng rng = {{(uint32_t)unit_bits(&state), (uint32_t)unit_bits(&state)}};
    uint64_t draw = unit_bits(&state);
    uint32_t sample = (uint32_t)unit_bits(&state);
    gan_rng_bits(rng, draw, sample, N, ours);
    for (uint32_t i = 0; i < N; i++) {
      uint32_t counter[4] = {i / 4, sample, (uint32_t)draw, (uint32_t)(draw >> 32)};
      reference(counter, rng.key, block);
      if (ours[i] != block[i % 4]) ck_abort_msg("element %u of trial %d", i, trial);
    }
  }
}
END_TEST

/* The same words, compared: tails of blocks, and thresholds that a word may equal. */
START_TEST(at_least_compares_the_words) {
  enum { MOST = 203, MARK = 77 };
  uint64_t state = 5;
  uint32_t words[MOST];
  uint8_t out[MOST + 1];
  for (int64_t n = 0; n <= MOST; n++) {
    gan_rng rng = {{(uint32_t)unit_bits(&state), (uint32_t)unit_bits(&state)}};
    uint64_t draw = unit_bits(&state);
    uint32_t sample = (uint32_t)unit_bits(&state);
    gan_rng_bits(rng, draw, sample, n, words);
    const uint32_t thresholds[] = {0, 1u << 31, UINT32_MAX, n ? words[n - 1] : 1,
                                   n ? words[n / 2] + 1 : 2};
    for (int t = 0; t < 5; t++) {
      memset(out, MARK, sizeof out);
      gan_rng_at_least(rng, draw, sample, n, thresholds[t], out);
      for (int64_t i = 0; i < n; i++)
        if (out[i] != (words[i] >= thresholds[t] ? 1 : 0))
          ck_abort_msg("element %lld of %lld", (long long)i, (long long)n);
      ck_assert_int_eq(out[n], MARK);
    }
  }
}
END_TEST

static void draw_bits(gan_rng rng, int64_t n, void *out) {
  gan_rng_bits(rng, 7, 9, n, out);
}
static void draw_uniform(gan_rng rng, int64_t n, void *out) {
  gan_rng_uniform(rng, 7, 9, n, -3.0f, 5.0f, out);
}
static void draw_normal(gan_rng rng, int64_t n, void *out) {
  gan_rng_normal(rng, 7, 9, n, out);
}
static void draw_truncated(gan_rng rng, int64_t n, void *out) {
  gan_rng_truncated(rng, 7, 9, n, 1.5, out);
}

START_TEST(element_does_not_depend_on_n) {
  enum { N = 48 };
  static void (*const laws[])(gan_rng, int64_t, void *) = {draw_bits, draw_uniform, draw_normal,
                                                           draw_truncated};
  gan_rng rng = gan_rng_stream(3, GAN_RNG_LATENT, 0, 0, 0);
  uint32_t all[N], part[N], untouched = 0xdeadbeef;
  laws[_i](rng, N, all);
  for (int n = 0; n < N; n++) {
    for (int i = 0; i < N; i++) part[i] = untouched;
    laws[_i](rng, n, part);
    ck_assert_mem_eq(part, all, (size_t)n * sizeof *part);
    for (int i = n; i < N; i++) ck_assert_uint_eq(part[i], untouched);
  }
}
END_TEST

/* All that a number depends on. */
typedef struct {
  uint64_t seed;
  uint32_t purpose, network, pass, layer;
  uint64_t draw;
  uint32_t sample;
} rng_place;

enum { WORDS = 128 };

static void words_of(rng_place at, uint32_t out[WORDS]) {
  gan_rng rng = gan_rng_stream(at.seed, (gan_rng_purpose)at.purpose, at.network, at.pass, at.layer);
  gan_rng_bits(rng, at.draw, at.sample, WORDS, out);
}

START_TEST(streams_differ) {
  const rng_place base = {1, GAN_RNG_INIT, 0, 0, 0, 0, 0};
  rng_place others[] = {base, base, base, base, base, base, base, base, base};
  others[0].seed ^= 1u << 1;
  others[1].seed ^= (uint64_t)1 << 63;
  others[2].purpose = GAN_RNG_SHUFFLE;
  others[3].network = 1;
  others[4].pass = 1;
  others[5].layer = 1;
  others[6].draw = 1;
  others[7].draw = (uint64_t)1 << 32;
  others[8].sample = 1;
  uint32_t first[WORDS], second[WORDS];
  words_of(base, first);
  for (size_t i = 0; i < sizeof others / sizeof *others; i++) {
    int differing = 0;
    words_of(others[i], second);
    for (int w = 0; w < WORDS; w++) differing += __builtin_popcount(first[w] ^ second[w]);
    /* bits of unrelated words differ in half of the places, with variance 1/4 a bit */
    double bits = 32.0 * WORDS, off = fabs(differing - bits / 2) / sqrt(bits / 4);
    ck_assert_msg(off < SIGMAS, "place %zu: %d of %g bits differ", i, differing, bits);
  }
}
END_TEST

/* From the words, by the header's formulas in double: 24 bits a number; two numbers a pair. */
START_TEST(numbers_are_made_of_the_words) {
  enum { PLENTY = 20000 };
  static uint32_t words[PLENTY];
  static float uniform[PLENTY], normal[PLENTY];
  gan_rng rng = gan_rng_stream(12, GAN_RNG_SAMPLE, 1, 2, 3);
  gan_rng_bits(rng, 5, 6, PLENTY, words);
  gan_rng_uniform(rng, 5, 6, PLENTY, 0.0f, 1.0f, uniform);
  gan_rng_normal(rng, 5, 6, PLENTY, normal);
  for (int i = 0; i < PLENTY; i += 2) {
    double u = (words[i] >> 8) * 0x1p-24, v = (words[i + 1] >> 8) * 0x1p-24;
    double radius = sqrt(-2 * log(1 - u)), angle = 2 * acos(-1) * v;
    if ((double)uniform[i] != u || (double)uniform[i + 1] != v) ck_abort_msg("uniform %d", i);
    if (fabs((double)normal[i] - radius * cos(angle)) > NORMAL_TOLERANCE ||
        fabs((double)normal[i + 1] - radius * sin(angle)) > NORMAL_TOLERANCE)
      ck_abort_msg("normal %d", i);
  }
}
END_TEST

/* The mean and three central moments, of n numbers in double. */
static void moments(int64_t n, const float *x, double m[5]) {
  double sum = 0, square = 0, cube = 0, fourth = 0;
  for (int64_t i = 0; i < n; i++) sum += (double)x[i];
  m[1] = sum / (double)n;
  for (int64_t i = 0; i < n; i++) {
    double d = (double)x[i] - m[1];
    square += d * d;
    cube += d * d * d;
    fourth += d * d * d * d;
  }
  m[2] = square / (double)n;
  m[3] = cube / (double)n;
  m[4] = fourth / (double)n;
}

static void within(double statistic, double expected, double deviation, const char *what) {
  double off = fabs(statistic - expected) / deviation;
  ck_assert_msg(off < SIGMAS, "%s is %g, not %g: %.1f standard deviations", what, statistic,
                expected, off);
}

static double correlation(int64_t n, int64_t lag, const float *x, const double m[5]) {
  double sum = 0;
  for (int64_t i = 0; i + lag < n; i++)
    sum += ((double)x[i] - m[1]) * ((double)x[i + lag] - m[1]) / m[2];
  return sum / (double)(n - lag);
}

/* Neighbours in a block come from one pair of Box and Muller's, or from one block of Philox. */
static void no_correlation(int64_t n, const float *x, const double m[5]) {
  for (int64_t lag = 1; lag <= 8; lag++)
    within(correlation(n, lag, x, m), 0, 1 / sqrt((double)n), "the correlation of neighbours");
}

START_TEST(uniform_law) {
  enum { BINS = 256 };
  float *x = unit_floats(MANY);
  int64_t counts[BINS] = {0};
  double m[5], n = MANY, chi = 0;
  gan_rng_uniform(gan_rng_stream(5, GAN_RNG_LATENT, 0, 0, 0), 0, 0, MANY, -1.0f, 1.0f, x);
  for (int64_t i = 0; i < MANY; i++) {
    if (!(x[i] >= -1.0f && x[i] < 1.0f)) ck_abort_msg("%g is out of range", (double)x[i]);
    counts[(int)((x[i] + 1.0f) * (BINS / 2))]++;
  }
  moments(MANY, x, m);
  within(m[1], 0, sqrt(1 / (3 * n)), "the mean");
  within(m[2], 1.0 / 3, sqrt((1.0 / 5 - 1.0 / 9) / n), "the variance");
  no_correlation(MANY, x, m);
  for (int i = 0; i < BINS; i++) chi += pow((double)counts[i] - n / BINS, 2) / (n / BINS);
  ck_assert_double_lt(chi, unit_chi_square_bound(BINS - 1));
  gan_free(&x);
}
END_TEST

static int ascending(const void *a, const void *b) {
  float x = *(const float *)a, y = *(const float *)b;
  return (x > y) - (x < y);
}

START_TEST(normal_law) {
  float *x = unit_floats(MANY);
  double m[5], n = MANY, worst = 0;
  gan_rng_normal(gan_rng_stream(6, GAN_RNG_LATENT, 0, 0, 0), 0, 0, MANY, x);
  moments(MANY, x, m);
  within(m[1], 0, sqrt(1 / n), "the mean");
  within(m[2], 1, sqrt(2 / n), "the variance");
  within(m[3] / pow(m[2], 1.5), 0, sqrt(6 / n), "the skewness");
  within(m[4] / (m[2] * m[2]), 3, sqrt(24 / n), "the kurtosis");
  no_correlation(MANY, x, m);
  qsort(x, MANY, sizeof *x, ascending);
  ck_assert(x[0] > -5.8f && x[MANY - 1] < 5.8f);
  for (int64_t i = 0; i < MANY; i++) {
    double law = 0.5 * erfc(-(double)x[i] * M_SQRT1_2), above = (double)(i + 1) / n - law;
    worst = fmax(worst, fmax(above, law - (double)i / n));
  }
  ck_assert_double_lt(worst * sqrt(n), KOLMOGOROV);
  gan_free(&x);
}
END_TEST

/* Squares of neighbours: a pair shares its radius, which must not show. */
START_TEST(normal_pairs_are_independent) {
  float *x = unit_floats(MANY);
  double m[5];
  gan_rng_normal(gan_rng_stream(8, GAN_RNG_LATENT, 0, 0, 0), 0, 0, MANY, x);
  for (int64_t i = 0; i < MANY; i++) x[i] *= x[i];
  moments(MANY, x, m);
  no_correlation(MANY, x, m);
  gan_free(&x);
}
END_TEST

/* From a bound that leaves next to nothing to one that leaves all. */
static const double bounds[] = {1e-6, 0.05, 0.5, 1, 2, 4, 100};

enum { BOUNDS = sizeof bounds / sizeof *bounds };

/* By the C library's erf: the part of the law below a number is the number's own 24 bits. */
START_TEST(truncated_numbers_are_quantiles) {
  double bound = bounds[_i];
  uint32_t *words = gan_alloc(MANY, sizeof *words, "words");
  float *x = unit_floats(MANY);
  gan_rng rng = gan_rng_stream(21, GAN_RNG_SAMPLE, 0, 0, 0);
  gan_rng_bits(rng, 3, 4, MANY, words);
  gan_rng_truncated(rng, 3, 4, MANY, bound, x);
  for (int64_t i = 0; i < MANY; i++) {
    double z = (double)x[i], u = ((words[i] >> 8) + 0.5) * 0x1p-23 - 1;
    double density = sqrt(2 / acos(-1)) * exp(-z * z / 2); /* how fast erf(z / sqrt(2)) grows */
    double off = (erf(z * M_SQRT1_2) - u * erf(bound * M_SQRT1_2)) / density;
    if (!(fabs(z) <= bound)) ck_abort_msg("%.9g is beyond %g", z, bound);
    if (!(fabs(off) <= QUANTILE_TOLERANCE * fabs(z)))
      ck_abort_msg("%.9g is off by %g of itself", z, off / z);
  }
  gan_free(&words);
  gan_free(&x);
}
END_TEST

/* By parts, with `edge` = 2 T p(T) / P(|x| <= T): E x^2 = 1 - edge, E x^4 = 3 E x^2 - T^2 edge. */
START_TEST(truncated_law) {
  enum { BINS = 128 };
  double bound = bounds[_i], n = MANY, m[5], chi = 0;
  double mass = erf(bound * M_SQRT1_2);
  double edge = 2 * bound * exp(-bound * bound / 2) / sqrt(2 * acos(-1)) / mass;
  double second = 1 - edge, fourth = 3 * second - bound * bound * edge;
  float *x = unit_floats(MANY);
  int64_t counts[BINS] = {0};
  gan_rng_truncated(gan_rng_stream(7, GAN_RNG_LATENT, 0, 0, 0), 0, 0, MANY, bound, x);
  if (bound < 0.01) { /* the closed forms cancel: the uniform law's */
    second = bound * bound / 3;
    fourth = pow(bound, 4) / 5;
  }
  moments(MANY, x, m);
  within(m[1], 0, sqrt(second / n), "the mean");
  within(m[2], second, sqrt((fourth - second * second) / n), "the variance");
  no_correlation(MANY, x, m);
  for (int64_t i = 0; i < MANY; i++) {
    double below = 0.5 * (1 + erf((double)x[i] * M_SQRT1_2) / mass);
    counts[below < 1 ? (int)(below * BINS) : BINS - 1]++;
  }
  for (int i = 0; i < BINS; i++) chi += pow((double)counts[i] - n / BINS, 2) / (n / BINS);
  ck_assert_double_lt(chi, unit_chi_square_bound(BINS - 1));
  gan_free(&x);
}
END_TEST

START_TEST(permutation_holds_each_index_once) {
  static const uint32_t sizes[] = {1, 2, 3, 4, 5, 16, 113, 1797, 65537};
  gan_rng rng = gan_rng_stream(1, GAN_RNG_SHUFFLE, 0, 0, 3);
  uint32_t n = sizes[_i], *order = gan_alloc(n, sizeof *order, "an order");
  char *seen = gan_alloc(n, 1, "marks");
  for (uint64_t epoch = 0; epoch < 5; epoch++) {
    gan_rng_permutation(rng, epoch, n, order);
    memset(seen, 0, n);
    for (uint32_t i = 0; i < n; i++) {
      if (order[i] >= n || seen[order[i]]) ck_abort_msg("index %u comes twice", order[i]);
      seen[order[i]] = 1;
    }
  }
  gan_free(&seen);
  gan_free(&order);
}
END_TEST

/* The rank of a permutation among all n!, by Lehmer's code. */
static int rank_of(uint32_t n, const uint32_t *order) {
  int rank = 0;
  for (uint32_t i = 0; i < n; i++) {
    int smaller = 0;
    for (uint32_t j = i + 1; j < n; j++) smaller += order[j] < order[i];
    rank = rank * (int)(n - i) + smaller;
  }
  return rank;
}

START_TEST(permutation_is_uniform) {
  enum { TRIALS = 120000 };
  uint32_t n = (uint32_t)_i + 2, order[5];
  int kinds = 1, counts[120] = {0};
  for (uint32_t i = 2; i <= n; i++) kinds *= (int)i;
  gan_rng rng = gan_rng_stream(2, GAN_RNG_SHUFFLE, 0, 0, n);
  for (uint64_t epoch = 0; epoch < TRIALS; epoch++) {
    gan_rng_permutation(rng, epoch, n, order);
    counts[rank_of(n, order)]++;
  }
  double expected = (double)TRIALS / kinds, chi = 0;
  for (int i = 0; i < kinds; i++) chi += pow(counts[i] - expected, 2) / expected;
  ck_assert_double_lt(chi, unit_chi_square_bound(kinds - 1));
}
END_TEST

/* In a large one each index is as likely to come first, in the middle, or last. */
START_TEST(permutation_of_many_is_uniform_by_place) {
  enum { N = 97, TRIALS = 50000 };
  static int counts[3][N];
  uint32_t order[N];
  gan_rng rng = gan_rng_stream(4, GAN_RNG_SHUFFLE, 0, 0, 0);
  for (uint64_t epoch = 0; epoch < TRIALS; epoch++) {
    gan_rng_permutation(rng, epoch, N, order);
    counts[0][order[0]]++;
    counts[1][order[N / 2]]++;
    counts[2][order[N - 1]]++;
  }
  for (int place = 0; place < 3; place++) {
    double expected = (double)TRIALS / N, chi = 0;
    for (int i = 0; i < N; i++) chi += pow(counts[place][i] - expected, 2) / expected;
    ck_assert_double_lt(chi, unit_chi_square_bound(N - 1));
  }
}
END_TEST

int main(void) {
  const unit_test tests[] = {
      {known_answers, 3},
      {bits_are_the_blocks_of_the_counter, 1},
      {at_least_compares_the_words, 1},
      {element_does_not_depend_on_n, 4},
      {streams_differ, 1},
      {numbers_are_made_of_the_words, 1},
      {uniform_law, 1},
      {normal_law, 1},
      {normal_pairs_are_independent, 1},
      {truncated_numbers_are_quantiles, BOUNDS},
      {truncated_law, BOUNDS},
      {permutation_holds_each_index_once, 9},
      {permutation_is_uniform, 4},
      {permutation_of_many_is_uniform_by_place, 1},
  };
  return UNIT_MAIN("rng", tests);
}
