/* Pointwise kernels against the C library in long double, over all kinds of floats. */
#include "base/memory.h"
#include "kernels/pointwise.h"
#include "unit/support.h"

#include <float.h>
#include <math.h>
#include <string.h>

/* Relative, as the header says of exp; sigmoid and tanh add a division and two sums. */
static const long double EXP_TOLERANCE = 1e-7L, RATIO_TOLERANCE = 2e-7L;

/* Where exp is clamped, sigmoid stops here rather than at 0: 1 / (1 + exp(88)). */
static const long double SIGMOID_FLOOR = 6.1e-39L;

/* A product of three floats. */
static const long double PRODUCT_TOLERANCE = 2e-7L;

/* Every STRIDE-th bit pattern of a float: all exponents, both signs, denormals, infinities. */
enum { STRIDE = 9973, BLOCK = 1024 };

typedef void (*pointwise)(int64_t n, const float *x, float *y);
typedef long double (*oracle)(long double x);

static long double sigmoid(long double x) {
  return x > 0 ? 1 / (1 + expl(-x)) : expl(x) / (1 + expl(x));
}

/* The next block of patterns, NaN left out; how many, 0 at the end. */
static int next_block(uint64_t *pattern, float x[BLOCK]) {
  int n = 0;
  for (; n < BLOCK && *pattern <= UINT32_MAX; *pattern += STRIDE) {
    uint32_t bits = (uint32_t)*pattern;
    memcpy(&x[n], &bits, sizeof bits);
    n += !isnan(x[n]);
  }
  return n;
}

/* |found - wanted| <= tolerance |wanted| + floor for each x in [low, high]. */
static void compare(pointwise kernel, oracle wanted, double low, double high, long double tolerance,
                    long double floor) {
  float x[BLOCK], y[BLOCK];
  uint64_t pattern = 0;
  for (int n; (n = next_block(&pattern, x));) {
    kernel(n, x, y);
    for (int i = 0; i < n; i++) {
      if (!((double)x[i] >= low && (double)x[i] <= high)) continue;
      long double right = wanted((long double)x[i]), off = fabsl((long double)y[i] - right);
      if (!(off <= tolerance * fabsl(right) + floor))
        ck_abort_msg("f(%a) is %.9g, not %.9Lg", (double)x[i], (double)y[i], right);
    }
  }
}

START_TEST(exponential) {
  compare(gan_exp, expl, -87, 88, EXP_TOLERANCE, 0);
}
END_TEST

START_TEST(logistic) {
  compare(gan_sigmoid, sigmoid, -(double)INFINITY, (double)INFINITY, RATIO_TOLERANCE,
          SIGMOID_FLOOR);
}
END_TEST

static long double silu(long double x) {
  return x * sigmoid(x);
}

/* Far below 0 it stays at the least that it comes to: 88 exp(-88). */
START_TEST(sigmoid_linear_unit) {
  compare(gan_silu, silu, -(double)FLT_MAX, (double)INFINITY, RATIO_TOLERANCE, 89 * SIGMOID_FLOOR);
}
END_TEST

static void silu_slope(int64_t n, const float *x, float *y) {
  float ones[BLOCK];
  for (int i = 0; i < n; i++) ones[i] = 1.0f;
  gan_silu_backward(n, x, ones, y);
}

static long double slope_of_silu(long double x) {
  long double s = sigmoid(x);
  return s + (x * s) * sigmoid(-x);
}

/* Around its zero at -1.28 digits cancel. */
START_TEST(slope_of_sigmoid_linear_unit) {
  compare(silu_slope, slope_of_silu, -1e4, 1e4, 4 * RATIO_TOLERANCE, 2e-7L);
}
END_TEST

START_TEST(hyperbolic_tangent) {
  /* the smallest denormals have no digits to lose a part of */
  compare(gan_tanh, tanhl, -(double)INFINITY, (double)INFINITY, RATIO_TOLERANCE,
          (long double)FLT_TRUE_MIN);
}
END_TEST

/* Values that everybody knows, to the bit. */
START_TEST(ends_and_zeros) {
  const float in[] = {0.0f, -0.0f, INFINITY, -INFINITY, 1e30f, -1e30f, FLT_MAX, -FLT_MAX};
  const float tanh_of[] = {0, 0, 1, -1, 1, -1, 1, -1}; /* zeros of either sign */
  float out[8];
  gan_tanh(8, in, out);
  for (int i = 0; i < 8; i++) ck_assert(out[i] == tanh_of[i]);
  gan_sigmoid(8, in, out);
  ck_assert(out[0] == 0.5f && out[1] == 0.5f);
  for (int i = 2; i < 8; i += 2) {
    ck_assert(out[i] == 1.0f);
    ck_assert(out[i + 1] >= 0.0f && (long double)out[i + 1] <= SIGMOID_FLOOR);
  }
  gan_exp(8, in, out);
  ck_assert(out[0] == 1.0f && out[1] == 1.0f);
  for (int i = 2; i < 8; i += 2) ck_assert(out[i] > 1e38f && out[i + 1] < 2e-38f);
}
END_TEST

static void relu(int64_t n, const float *x, float *y) {
  gan_leaky_relu(n, 0.0f, x, y);
}
static void leaky(int64_t n, const float *x, float *y) {
  gan_leaky_relu(n, 0.2f, x, y);
}

START_TEST(nan_stays_nan) {
  static const pointwise kernels[] = {gan_exp, gan_sigmoid, gan_tanh, gan_silu, relu, leaky};
  float x[40], y[40];
  unit_fill(x, 40, 1, -2, 2);
  for (int i = 0; i < 40; i += 7) x[i] = i % 2 ? NAN : -NAN;
  kernels[_i](40, x, y);
  for (int i = 0; i < 40; i++) ck_assert(!isnan(y[i]) == (i % 7 != 0));
}
END_TEST

START_TEST(leaky_relu) {
  static const float slopes[] = {0.0f, 0.01f, 0.2f, 1.0f};
  float x[BLOCK], y[BLOCK], slope = slopes[_i];
  uint64_t pattern = 0;
  for (int n; (n = next_block(&pattern, x));) {
    gan_leaky_relu(n, slope, x, y);
    for (int i = 0; i < n; i++) {
      float wanted = x[i] > 0 ? x[i] : slope > 0 ? slope * x[i] : 0;
      if (!(y[i] == wanted))
        ck_abort_msg("slope %g, %a: %g", (double)slope, (double)x[i], (double)y[i]);
    }
  }
}
END_TEST

/* PyTorch: where the output is above 0 the gradient goes through, else slope times it, and slope 0
 * lets nothing through, not even an infinity. */
START_TEST(leaky_relu_backward) {
  const float y[] = {1, -1, 0.0f, -0.0f, 1e-40f, 1, -1, 0, 2, -2};
  const float dy[] = {3, 3, 3, 3, 3, INFINITY, INFINITY, -INFINITY, -4, -4};
  static const float slopes[] = {0.0f, 0.25f};
  float dx[10], slope = slopes[_i];
  gan_leaky_relu_backward(10, slope, y, dy, dx);
  for (int i = 0; i < 10; i++) {
    float wanted = y[i] > 0 ? dy[i] : slope > 0 ? slope * dy[i] : 0;
    ck_assert_msg(dx[i] == wanted, "number %d is %g, not %g", i, (double)dx[i], (double)wanted);
  }
}
END_TEST

START_TEST(slopes_from_outputs) {
  enum { N = 1000 };
  float y[N], dy[N], dx[N];
  unit_fill(dy, N, 2, -3, 3);
  unit_fill(y, N, 1, 0, 1);
  y[0] = 0;
  y[1] = 1;
  gan_sigmoid_backward(N, y, dy, dx);
  for (int i = 0; i < N; i++) {
    long double out = (long double)y[i], wanted = (long double)dy[i] * out * (1 - out);
    if (!(fabsl((long double)dx[i] - wanted) <= PRODUCT_TOLERANCE * fabsl(wanted)))
      ck_abort_msg("sigmoid, %d", i);
  }
  unit_fill(y + 2, N - 2, 3, -1, 1);
  gan_tanh_backward(N, y, dy, dx);
  for (int i = 0; i < N; i++) {
    long double out = (long double)y[i], wanted = (long double)dy[i] * (1 - out * out);
    /* 1 - y^2 is rounded where y^2 is near 1 */
    if (!(fabsl((long double)dx[i] - wanted) <= PRODUCT_TOLERANCE * fabsl((long double)dy[i])))
      ck_abort_msg("tanh, %d", i);
  }
}
END_TEST

START_TEST(bias_is_added_to_each_row) {
  enum { C = 37, ROWS = 5 };
  float bias[C], y[ROWS * C], before[ROWS * C];
  unit_fill(bias, C, 1, -1, 1);
  unit_fill(y, ROWS * C, 2, -1, 1);
  memcpy(before, y, sizeof y);
  gan_add_bias(ROWS - 1, C, bias, y);
  for (int i = 0; i < ROWS * C; i++) {
    float wanted = i < (ROWS - 1) * C ? before[i] + bias[i % C] : before[i];
    if (y[i] != wanted) ck_abort_msg("number %d", i);
  }
}
END_TEST

START_TEST(mask) {
  enum { N = 101 };
  uint8_t keep[N];
  float x[N], y[N];
  unit_fill(x, N, 1, -1, 1);
  for (int i = 0; i < N; i++) keep[i] = i % 3 != 0;
  x[0] = NAN; /* what is masked is gone, whatever it was */
  x[3] = INFINITY;
  gan_mask(N, 1.25f, keep, x, y);
  for (int i = 0; i < N; i++)
    if (y[i] != (i % 3 ? x[i] * 1.25f : 0.0f)) ck_abort_msg("number %d is %g", i, (double)y[i]);
}
END_TEST

START_TEST(transpose) {
  enum { SAMPLES = 3, ROWS = 7, COLUMNS = 5, N = SAMPLES * ROWS * COLUMNS };
  float x[N], y[N], back[N];
  unit_fill(x, N, 1, -1, 1);
  gan_transpose(SAMPLES, ROWS, COLUMNS, x, y);
  for (int s = 0; s < SAMPLES; s++)
    for (int r = 0; r < ROWS; r++)
      for (int k = 0; k < COLUMNS; k++)
        ck_assert(y[(s * COLUMNS + k) * ROWS + r] == x[(s * ROWS + r) * COLUMNS + k]);
  gan_transpose(SAMPLES, COLUMNS, ROWS, y, back);
  ck_assert_mem_eq(x, back, sizeof x);
}
END_TEST

/* ---- every length, in place, and nothing past the end ---- */

static void sigmoid_back(int64_t n, const float *x, float *y) {
  float out[BLOCK];
  for (int64_t i = 0; i < n; i++) out[i] = 0.25f;
  gan_sigmoid_backward(n, out, x, y);
}
static void tanh_back(int64_t n, const float *x, float *y) {
  float out[BLOCK];
  for (int64_t i = 0; i < n; i++) out[i] = 0.25f;
  gan_tanh_backward(n, out, x, y);
}
static void relu_back(int64_t n, const float *x, float *y) {
  gan_leaky_relu_backward(n, 0.5f, x, x, y);
}
static void masked(int64_t n, const float *x, float *y) {
  uint8_t keep[BLOCK];
  for (int64_t i = 0; i < n; i++) keep[i] = i % 2;
  gan_mask(n, 2.0f, keep, x, y);
}

START_TEST(lengths_and_places) {
  static const pointwise kernels[] = {gan_exp,      gan_sigmoid, gan_tanh,  relu,  leaky,
                                      sigmoid_back, tanh_back,   relu_back, masked};
  enum { N = 80 };
  float x[N], all[N], y[N];
  unit_fill(x, N, 3, -4, 4);
  kernels[_i](N, x, all);
  for (int n = 0; n < N; n++) {
    for (int i = 0; i < N; i++) y[i] = 12345;
    kernels[_i](n, x, y);
    ck_assert_mem_eq(y, all, (size_t)n * sizeof *y);
    for (int i = n; i < N; i++) ck_assert(y[i] == 12345);
    memcpy(y, x, sizeof y);
    kernels[_i](n, y, y); /* in place */
    ck_assert_mem_eq(y, all, (size_t)n * sizeof *y);
    ck_assert_mem_eq(y + n, x + n, (size_t)(N - n) * sizeof *y);
  }
}
END_TEST

int main(void) {
  const unit_test tests[] = {
      {exponential, 1},
      {logistic, 1},
      {sigmoid_linear_unit, 1},
      {slope_of_sigmoid_linear_unit, 1},
      {hyperbolic_tangent, 1},
      {ends_and_zeros, 1},
      {nan_stays_nan, 6},
      {leaky_relu, 4},
      {leaky_relu_backward, 2},
      {slopes_from_outputs, 1},
      {bias_is_added_to_each_row, 1},
      {mask, 1},
      {transpose, 1},
      {lengths_and_places, 9},
  };
  return UNIT_MAIN("pointwise", tests);
}
