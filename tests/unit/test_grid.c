/* The common grid: exponents of all powers of two, rounding against integer arithmetic, headroom.
 */
#include "kernels/grid.h"
#include "unit/support.h"

#include <float.h>
#include <math.h>
#include <string.h>

static int32_t bits_of(float x) {
  int32_t bits;
  memcpy(&bits, &x, sizeof bits);
  return bits & INT32_MAX;
}

static int32_t exponent_of(float x) {
  return gan_grid_exponent(gan_grid_largest(1, &x));
}

/* ---- exponents ---- */

/* 2^k lies below 2^(k + 1) and not below 2^k; the number before it lies below 2^k. */
START_TEST(exponents_of_normal_numbers) {
  for (int k = -126; k < 128; k++) {
    float power = ldexpf(1, k), before = nextafterf(power, 0), after = nextafterf(power, INFINITY);
    ck_assert_int_eq(exponent_of(power), k + 1);
    ck_assert_int_eq(exponent_of(-power), k + 1);
    ck_assert_int_eq(exponent_of(after), k + 1);
    if (k > -126) ck_assert_int_eq(exponent_of(-before), k);
  }
  ck_assert_int_eq(exponent_of(FLT_MAX), 128);
  ck_assert_int_eq(exponent_of(-FLT_MAX), 128);
}
END_TEST

/* Zeros and what lies below the normal numbers count as the least of those. */
START_TEST(exponents_of_small_numbers) {
  for (int k = -149; k < -126; k++) ck_assert_int_eq(exponent_of(-ldexpf(1, k)), -125);
  ck_assert_int_eq(exponent_of(nextafterf(FLT_MIN, 0)), -125);
  ck_assert_int_eq(exponent_of(0.0f), -125);
  ck_assert_int_eq(exponent_of(-0.0f), -125);
  ck_assert_int_eq(gan_grid_exponent(gan_grid_largest(0, NULL)), -125);
}
END_TEST

START_TEST(exponents_of_what_is_not_finite) {
  ck_assert_int_eq(exponent_of(INFINITY), INT32_MAX);
  ck_assert_int_eq(exponent_of(-INFINITY), INT32_MAX);
  ck_assert_int_eq(exponent_of(NAN), INT32_MAX);
  ck_assert_int_eq(exponent_of(-NAN), INT32_MAX);
}
END_TEST

/* Wherever it stands among n numbers, tails of vectors included, and whatever its sign. */
START_TEST(largest_is_found_everywhere) {
  enum { MOST = 70 };
  float x[MOST];
  for (int n = 1; n <= MOST; n++)
    for (int at = 0; at < n; at++) {
      unit_fill(x, n, (uint64_t)n, -1, 1);
      x[at] = at % 2 ? -3.0f : 3.0f;
      if (gan_grid_largest(n, x) != bits_of(3)) ck_abort_msg("%d of %d: 3", at, n);
      x[at] = at % 2 ? -INFINITY : INFINITY;
      if (gan_grid_largest(n, x) != bits_of(INFINITY)) ck_abort_msg("%d of %d: infinity", at, n);
      x[at] = NAN;
      if (gan_grid_largest(n, x) <= bits_of(INFINITY)) ck_abort_msg("%d of %d: NaN", at, n);
    }
  for (int i = 0; i < MOST; i++) x[i] = -ldexpf(1, -149);
  ck_assert_int_eq(gan_grid_largest(MOST, x), 1);
  ck_assert_int_eq(gan_grid_largest(MOST - 1, x), 1);
}
END_TEST

/* ---- rounding ---- */

/* x * 2^power rounded to an integer, halves to even, in integers alone. */
static int64_t rounded(float x, int power) {
  int exponent;
  int64_t m = (int64_t)ldexpf(frexpf(fabsf(x), &exponent), 24); /* |x| = m 2^(exponent - 24) */
  int shift = exponent - 24 + power;
  if (shift >= 0) {
    m = shift < 40 ? m << shift : 0;
  } else if (shift < -25) {
    m = 0;
  } else {
    int64_t rest = m & (((int64_t)1 << -shift) - 1), half = (int64_t)1 << (-shift - 1);
    m >>= -shift;
    if (rest > half || (rest == half && m % 2)) m++;
  }
  return x < 0 ? -m : m;
}

/* Magnitudes over 40 binary orders around 1, with whole numbers and halves of them in between. */
static void fill_wide(float *x, int64_t n, uint64_t seed) {
  for (int64_t i = 0; i < n; i++) {
    int order = (int)(unit_bits(&seed) % 40) - 20;
    x[i] = ldexpf((float)unit_uniform(&seed, -1, 1), order);
    if (i % 3 == 0) x[i] = (float)((int64_t)(unit_bits(&seed) % 64) - 32) / 2;
  }
}

/* Around the width of vectors and of the blocks that rounding takes. */
static const int64_t lengths[] = {1,  2,  3,  5,    7,    8,    9,    15,   16,   17,
                                  31, 33, 67, 1000, 1023, 1024, 1025, 2048, 2049, 3001};

enum { LENGTHS = sizeof lengths / sizeof *lengths, LONGEST = 3001, PARTS = 5, GAP = 13, MARK = 77 };

START_TEST(rounding_is_that_of_integers) {
  static float x[PARTS * (LONGEST + GAP)];
  static int64_t q[LONGEST + 1];
  static const int powers[] = {-18, -3, -1, 0, 1, 12, 31};
  int64_t n = lengths[_i];
  for (int parts = 0; parts <= PARTS; parts++)
    for (int gap = 0; gap <= GAP; gap += GAP)
      for (size_t k = 0; k < sizeof powers / sizeof *powers; k++) {
        int64_t stride = n + gap;
        fill_wide(x, parts * stride, (uint64_t)(parts + 10 * n));
        for (int p = 0; p < parts; p++) /* not to be read */
          for (int64_t i = n; i < stride; i++) x[p * stride + i] = NAN;
        q[n] = MARK;
        gan_grid_round(n, parts, stride, ldexp(1, powers[k]), x, q);
        for (int64_t i = 0; i < n; i++) {
          int64_t wanted = 0;
          for (int p = 0; p < parts; p++) wanted += rounded(x[p * stride + i], powers[k]);
          if (q[i] != wanted)
            ck_abort_msg("number %lld of %lld, %d parts, 2^%d: %lld, not %lld", (long long)i,
                         (long long)n, parts, powers[k], (long long)q[i], (long long)wanted);
        }
        ck_assert_int_eq(q[n], MARK);
      }
}
END_TEST

START_TEST(halves_go_to_even) {
  static const float x[] = {0.5f, 1.5f, 2.5f, 3.5f, -0.5f, -1.5f, -2.5f, 0.75f, -0.25f};
  static const int64_t wanted[] = {0, 2, 2, 4, 0, -2, -2, 1, 0};
  int64_t q[9];
  gan_grid_round(9, 1, 9, 1, x, q);
  ck_assert_mem_eq(q, wanted, sizeof q);
  gan_grid_round(4, 2, 4, 1, x, q); /* each is rounded before they are added */
  ck_assert_int_eq(q[0], 0);
  ck_assert_int_eq(q[1], 0);
  ck_assert_int_eq(q[2], 0);
  ck_assert_int_eq(q[3], 5);
}
END_TEST

/* 2^h numbers of just below 2^e, all of one sign, add up to at most just below 2^62. */
START_TEST(so_many_parts_fit) {
  static const int exponents[] = {-125, -20, 0, 1, 64, 128};
  float x[19];
  int64_t q[19];
  for (size_t k = 0; k < sizeof exponents / sizeof *exponents; k++)
    for (int h = 0; h <= 14; h++) {
      int e = exponents[k], bits = GAN_GRID_SUM_BITS - h;
      if (bits > GAN_GRID_BITS) bits = GAN_GRID_BITS;
      int64_t most = (((int64_t)1 << bits) - ((int64_t)1 << (bits - 24))) << h;
      float value = (float)ldexp(1 - 0x1p-24, e);
      ck_assert_int_eq(exponent_of(value), e);
      for (int i = 0; i < 19; i++) x[i] = i % 2 ? -value : value;
      gan_grid_round(19, (int64_t)1 << h, 0, ldexp(1, bits - e), x, q);
      for (int i = 0; i < 19; i++)
        if (q[i] != (i % 2 ? -most : most)) ck_abort_msg("2^%d numbers below 2^%d", h, e);
    }
}
END_TEST

/* ---- back to floats ---- */

/* A long double holds an int64 exactly. */
START_TEST(values_are_rounded_to_double_and_to_float) {
  static int64_t q[LONGEST];
  static float x[LONGEST + 1];
  static const int powers[] = {-180, -62, -53, 0, 3, 66};
  int64_t n = lengths[_i];
  uint64_t state = 9;
  for (size_t k = 0; k < sizeof powers / sizeof *powers; k++) {
    for (int64_t i = 0; i < n; i++)
      q[i] = (int64_t)unit_bits(&state) >> (1 + unit_bits(&state) % 62);
    if (n > 3) q[0] = 0, q[1] = ((int64_t)1 << 24) + 1, q[2] = -((int64_t)3 << 60) / 2;
    x[n] = MARK;
    gan_grid_value(n, ldexp(1, powers[k]), q, x);
    for (int64_t i = 0; i < n; i++) {
      double exact = (double)ldexpl((long double)q[i], powers[k]);
      if (x[i] != (float)exact)
        ck_abort_msg("%lld 2^%d is %g, not %g", (long long)q[i], powers[k], (double)x[i], exact);
    }
    ck_assert_float_eq(x[n], MARK);
  }
  gan_grid_value(n, (double)NAN, q, x);
  for (int64_t i = 0; i < n; i++)
    if (!isnan(x[i])) ck_abort_msg("number %lld is not NaN", (long long)i);
}
END_TEST

int main(void) {
  const unit_test tests[] = {
      {exponents_of_normal_numbers, 1},
      {exponents_of_small_numbers, 1},
      {exponents_of_what_is_not_finite, 1},
      {largest_is_found_everywhere, 1},
      {rounding_is_that_of_integers, LENGTHS},
      {halves_go_to_even, 1},
      {so_many_parts_fit, 1},
      {values_are_rounded_to_double_and_to_float, LENGTHS},
  };
  return UNIT_MAIN("grid", tests);
}
