/* Passes over slabs of weights: the steps of Adam, SGD and RMSprop, cutting, the sum of squares. */
#include "base/memory.h"
#include "kernels/update.h"
#include "unit/support.h"

#include <float.h>
#include <math.h>
#include <string.h>

/* A step has a dozen float operations, each rounding by 6e-8. */
static const double STEP_TOLERANCE = 1e-6;

enum { N = 1037 };

typedef struct {
  float g[N], m[N], v[N], w[N];
} slabs;

static slabs make(void) {
  slabs s;
  unit_fill(s.g, N, 1, -1, 1);
  unit_fill(s.m, N, 2, -1, 1);
  unit_fill(s.v, N, 3, 0, 1);
  unit_fill(s.w, N, 4, -1, 1);
  return s;
}

static const gan_adam_step step = {.beta1 = 0.5f,
                                   .beta2 = 0.999f,
                                   .eps = 1e-8f,
                                   .rest1 = 0.5f,
                                   .rest2 = 0.001f,
                                   .step_size = 3e-4f,
                                   .root_bias_correction = 0.0632f,
                                   .keep = 1};

/* The gradient as it is; clipped; with L2; with both. */
static const gan_gradient_step gradients[] = {
    {.scale = 1}, {.scale = 0.37f}, {.scale = 1, .decay = 0.01f}, {.scale = 0.37f, .decay = 0.5f}};
enum { GRADIENTS = sizeof gradients / sizeof *gradients };
static const gan_gradient_step whole = {.scale = 1};

/* Numbers that need care: zeros, denormals, infinities, NaN, the largest. */
static void put_odd_numbers(slabs *s) {
  const float odd[] = {0.0f, -0.0f, 1e-42f, -1e-42f, INFINITY, -INFINITY, NAN, FLT_MAX, -FLT_MAX};
  for (int i = 0; i < N; i += 5) {
    s->g[i] = odd[i / 5 % 9];
    if (i % 2) s->m[i] = odd[i / 45 % 9];
    if (i % 3 == 0) s->v[i] = i % 4 ? 0.0f : 1e-42f;
  }
}

START_TEST(fast_and_plain_agree_to_the_bit) {
  slabs fast = make();
  const gan_gradient_step *gradient = &gradients[_i / 2];
  if (_i % 2) put_odd_numbers(&fast);
  slabs plain = fast;
  for (int i = 0; i < 10; i++) {
    gan_adam_update(N, &step, gradient, fast.g, fast.m, fast.v, fast.w);
    gan_adam_update_reference(N, &step, gradient, plain.g, plain.m, plain.v, plain.w);
    ck_assert_mem_eq(fast.m, plain.m, sizeof fast.m);
    ck_assert_mem_eq(fast.v, plain.v, sizeof fast.v);
    ck_assert_mem_eq(fast.w, plain.w, sizeof fast.w);
  }
}
END_TEST

START_TEST(every_length) {
  const slabs before = make();
  slabs all = before;
  gan_adam_update(N, &step, &whole, all.g, all.m, all.v, all.w);
  for (int n = 0; n < 70; n++) {
    slabs part = before;
    size_t done = (size_t)n * sizeof(float), rest = (N - (size_t)n) * sizeof(float);
    gan_adam_update(n, &step, &whole, part.g, part.m, part.v, part.w);
    ck_assert_mem_eq(part.w, all.w, done);
    ck_assert_mem_eq(part.m, all.m, done);
    ck_assert_mem_eq(part.v, all.v, done);
    ck_assert_mem_eq(part.w + n, before.w + n, rest);
    ck_assert_mem_eq(part.m + n, before.m + n, rest);
    ck_assert_mem_eq(part.v + n, before.v + n, rest);
  }
}
END_TEST

static void near(double found, double wanted, double size, int i) {
  if (!(fabs(found - wanted) <= STEP_TOLERANCE * size))
    ck_abort_msg("number %d is %.9g, not %.9g", i, found, wanted);
}

/* The header's formulas, in double. */
START_TEST(one_step) {
  const slabs before = make();
  slabs after = before;
  gan_adam_update(N, &step, &whole, after.g, after.m, after.v, after.w);
  for (int i = 0; i < N; i++) {
    double g = (double)before.g[i], w = (double)before.w[i];
    double m = 0.5 * (double)before.m[i] + 0.5 * g;
    double v = 0.999 * (double)before.v[i] + 0.001 * g * g;
    double change = 3e-4 * m / (sqrt(v) / 0.0632 + 1e-8);
    near((double)after.m[i], m, fabs(m) + fabs(g), i);
    near((double)after.v[i], v, v, i);
    /* the change, as far as a weight of that size can show it */
    if (!(fabs(w - (double)after.w[i] - change) <= STEP_TOLERANCE * fabs(change) + 6e-8 * fabs(w)))
      ck_abort_msg("weight %d moves by %.9g, not %.9g", i, w - (double)after.w[i], change);
  }
}
END_TEST

/* The gradient that goes in: scaled, and weights added; in double. */
static double goes_in(const gan_gradient_step *gradient, float g, float w) {
  return (double)gradient->scale * (double)g + (double)gradient->decay * (double)w;
}

/* With L2 and scale the moments are those of another gradient; with `keep` the weight is smaller
 * before it moves, and the moments are the same. */
START_TEST(decays) {
  const gan_gradient_step *gradient = &gradients[_i];
  const slabs before = make();
  slabs after = before;
  gan_adam_step adamw = step;
  adamw.keep = 0.9f;
  gan_adam_update(N, &adamw, gradient, after.g, after.m, after.v, after.w);
  for (int i = 0; i < N; i++) {
    double w = (double)before.w[i], g = goes_in(gradient, before.g[i], before.w[i]);
    double m = 0.5 * (double)before.m[i] + 0.5 * g;
    double v = 0.999 * (double)before.v[i] + 0.001 * g * g;
    double change = 3e-4 * m / (sqrt(v) / 0.0632 + 1e-8);
    near((double)after.m[i], m, 1, i);
    near((double)after.v[i], v, fabs(v) + 1e-3, i);
    near((double)after.w[i], (double)adamw.keep * w - change, fabs(w) + fabs(change), i);
  }
}
END_TEST

/* Without decay a gradient of -0 stays one: moments of runs without it keep their bits. */
START_TEST(negative_zero_goes_through) {
  float g = -0.0f, m = -0.0f, v = 0, w = 1;
  gan_adam_update(1, &step, &whole, &g, &m, &v, &w);
  ck_assert(signbit(m));
}
END_TEST

/* The gaps between tensors hold zeros, and must keep them. */
START_TEST(zeros_stay_zeros) {
  static const slabs zeros;
  slabs s = zeros;
  for (int i = 0; i < 5; i++) gan_adam_update(N, &step, &gradients[_i], s.g, s.m, s.v, s.w);
  ck_assert_mem_eq(&s, &zeros, sizeof s);
}
END_TEST

/* ---- SGD: v is the velocity ---- */

static const gan_sgd_step sgd_steps[] = {
    {.momentum = 0.9f, .of_gradient = 0.0f, .of_velocity = 1.0f, .lr = 0.1f},
    {.momentum = 0.7f, .of_gradient = 1.0f, .of_velocity = 0.7f, .lr = 3e-4f}, /* Nesterov's */
    {.momentum = 0.0f, .of_gradient = 0.0f, .of_velocity = 1.0f, .lr = 1.0f},
};

enum { SGD_STEPS = sizeof sgd_steps / sizeof *sgd_steps };

START_TEST(sgd_fast_and_plain_agree_to_the_bit) {
  const gan_sgd_step *sgd = &sgd_steps[_i / 2];
  slabs fast = make();
  if (_i % 2) put_odd_numbers(&fast);
  slabs plain = fast;
  for (int i = 0; i < 10; i++) {
    gan_sgd_update(N, sgd, &whole, fast.g, fast.v, fast.w);
    gan_sgd_update_reference(N, sgd, &whole, plain.g, plain.v, plain.w);
    ck_assert_mem_eq(fast.v, plain.v, sizeof fast.v);
    ck_assert_mem_eq(fast.w, plain.w, sizeof fast.w);
  }
}
END_TEST

START_TEST(sgd_every_length) {
  const slabs before = make();
  slabs all = before;
  gan_sgd_update(N, &sgd_steps[1], &whole, all.g, all.v, all.w);
  for (int n = 0; n < 70; n++) {
    slabs part = before;
    size_t done = (size_t)n * sizeof(float), rest = (N - (size_t)n) * sizeof(float);
    gan_sgd_update(n, &sgd_steps[1], &whole, part.g, part.v, part.w);
    ck_assert_mem_eq(part.w, all.w, done);
    ck_assert_mem_eq(part.v, all.v, done);
    ck_assert_mem_eq(part.w + n, before.w + n, rest);
    ck_assert_mem_eq(part.v + n, before.v + n, rest);
  }
}
END_TEST

/* The header's formulas, in double. */
START_TEST(sgd_one_step) {
  const gan_sgd_step *sgd = &sgd_steps[_i];
  const slabs before = make();
  slabs after = before;
  gan_sgd_update(N, sgd, &whole, after.g, after.v, after.w);
  for (int i = 0; i < N; i++) {
    double g = (double)before.g[i], w = (double)before.w[i];
    double v = (double)sgd->momentum * (double)before.v[i] + g;
    double change = (double)sgd->lr * ((double)sgd->of_gradient * g + (double)sgd->of_velocity * v);
    near((double)after.v[i], v, fabs((double)before.v[i]) + fabs(g), i);
    near((double)after.w[i], w - change, fabs(w) + (double)sgd->lr * (fabs(v) + fabs(g)), i);
  }
}
END_TEST

START_TEST(sgd_zeros_stay_zeros) {
  static const slabs zeros;
  slabs s = zeros;
  for (int i = 0; i < 5; i++) gan_sgd_update(N, &sgd_steps[_i], &whole, s.g, s.v, s.w);
  ck_assert_mem_eq(&s, &zeros, sizeof s);
}
END_TEST

START_TEST(sgd_decays) {
  const gan_gradient_step *gradient = &gradients[_i];
  const gan_sgd_step *sgd = &sgd_steps[1];
  const slabs before = make();
  slabs after = before;
  gan_sgd_update(N, sgd, gradient, after.g, after.v, after.w);
  for (int i = 0; i < N; i++) {
    double w = (double)before.w[i], g = goes_in(gradient, before.g[i], before.w[i]);
    double v = (double)sgd->momentum * (double)before.v[i] + g;
    near((double)after.v[i], v, 2, i);
    near((double)after.w[i], w - (double)sgd->lr * (g + (double)sgd->of_velocity * v), 2, i);
  }
}
END_TEST

/* ---- RMSprop: m is the velocity, v the mean of squares ---- */

static const gan_rmsprop_step rmsprop_steps[] = {
    {.alpha = 0.99f, .rest = 0.01f, .eps = 1e-8f, .momentum = 0.0f, .lr = 5e-5f},
    {.alpha = 0.9f, .rest = 0.1f, .eps = 1e-3f, .momentum = 0.8f, .lr = 0.1f},
};
enum { RMSPROP_STEPS = sizeof rmsprop_steps / sizeof *rmsprop_steps };

START_TEST(rmsprop_fast_and_plain_agree_to_the_bit) {
  const gan_rmsprop_step *rmsprop = &rmsprop_steps[_i / 2 % RMSPROP_STEPS];
  const gan_gradient_step *gradient = &gradients[_i / 2 / RMSPROP_STEPS];
  slabs fast = make();
  if (_i % 2) put_odd_numbers(&fast);
  slabs plain = fast;
  for (int i = 0; i < 10; i++) {
    gan_rmsprop_update(N, rmsprop, gradient, fast.g, fast.v, fast.m, fast.w);
    gan_rmsprop_update_reference(N, rmsprop, gradient, plain.g, plain.v, plain.m, plain.w);
    ck_assert_mem_eq(fast.m, plain.m, sizeof fast.m);
    ck_assert_mem_eq(fast.v, plain.v, sizeof fast.v);
    ck_assert_mem_eq(fast.w, plain.w, sizeof fast.w);
  }
}
END_TEST

START_TEST(rmsprop_every_length) {
  const slabs before = make();
  slabs all = before;
  gan_rmsprop_update(N, &rmsprop_steps[1], &whole, all.g, all.v, all.m, all.w);
  for (int n = 0; n < 70; n++) {
    slabs part = before;
    size_t done = (size_t)n * sizeof(float), rest = (N - (size_t)n) * sizeof(float);
    gan_rmsprop_update(n, &rmsprop_steps[1], &whole, part.g, part.v, part.m, part.w);
    ck_assert_mem_eq(part.w, all.w, done);
    ck_assert_mem_eq(part.m, all.m, done);
    ck_assert_mem_eq(part.v, all.v, done);
    ck_assert_mem_eq(part.w + n, before.w + n, rest);
    ck_assert_mem_eq(part.m + n, before.m + n, rest);
    ck_assert_mem_eq(part.v + n, before.v + n, rest);
  }
}
END_TEST

/* The header's formulas, in double. */
START_TEST(rmsprop_one_step) {
  const gan_rmsprop_step *rmsprop = &rmsprop_steps[_i % RMSPROP_STEPS];
  const gan_gradient_step *gradient = &gradients[_i / RMSPROP_STEPS];
  const slabs before = make();
  slabs after = before;
  gan_rmsprop_update(N, rmsprop, gradient, after.g, after.v, after.m, after.w);
  for (int i = 0; i < N; i++) {
    double w = (double)before.w[i], g = goes_in(gradient, before.g[i], before.w[i]);
    double square = (double)rmsprop->alpha * (double)before.v[i] + (double)rmsprop->rest * g * g;
    double way = g / (sqrt(square) + (double)rmsprop->eps);
    double velocity = (double)rmsprop->momentum * (double)before.m[i] + way;
    near((double)after.v[i], square, square, i);
    near((double)after.m[i], velocity, fabs(way) + 1, i);
    near((double)after.w[i], w - (double)rmsprop->lr * velocity, fabs(w) + fabs(velocity), i);
  }
}
END_TEST

START_TEST(rmsprop_zeros_stay_zeros) {
  static const slabs zeros;
  slabs s = zeros;
  for (int i = 0; i < 5; i++)
    gan_rmsprop_update(N, &rmsprop_steps[0], &gradients[_i], s.g, s.v, s.m, s.w);
  ck_assert_mem_eq(&s, &zeros, sizeof s);
}
END_TEST

/* ---- cutting ---- */

START_TEST(cutting) {
  float x[N], before[N];
  unit_fill(before, N, 7, -2, 2);
  before[3] = NAN, before[5] = INFINITY, before[7] = -INFINITY, before[11] = 0.5f, before[13] = 0;
  for (int n = 0; n <= N; n += n < 70 ? 1 : 97) {
    memcpy(x, before, sizeof x);
    gan_cut(n, 0.5f, x);
    for (int i = 0; i < n; i++)
      if (isnan(before[i]))
        ck_assert_float_nan(x[i]);
      else
        ck_assert_float_eq(x[i], fmaxf(fminf(before[i], 0.5f), -0.5f));
    ck_assert_mem_eq(x + n, before + n, sizeof x - (size_t)n * sizeof *x);
  }
}
END_TEST

/* ---- sum of squares ---- */

/* As the header says: 16 interleaved partial sums, added in order. */
static double sixteen_lanes(int64_t n, const float *x) {
  double lanes[16] = {0}, total = 0;
  for (int64_t i = 0; i < n; i++) lanes[i % 16] += (double)x[i] * (double)x[i];
  for (int k = 0; k < 16; k++) total += lanes[k];
  return total;
}

START_TEST(sum_of_squares) {
  float x[N];
  unit_fill(x, N, 7, -2, 2);
  for (int n = 0; n <= N; n += n < 100 ? 1 : 31) {
    double exact = 0, sum = gan_sum_of_squares(n, x);
    for (int i = n - 1; i >= 0; i--) exact += (double)x[i] * (double)x[i];
    ck_assert_double_le(fabs(sum - exact), 1e-13 * exact);
    ck_assert(sum == sixteen_lanes(n, x)); /* the order is part of the determinism contract */
  }
}
END_TEST

START_TEST(sum_of_squares_at_the_ends) {
  const float large[] = {1e30f, 1e30f, 1e-30f}, none[] = {1, NAN, 2}, endless[] = {1, -INFINITY};
  float ones[100];
  for (int i = 0; i < 100; i++) ones[i] = i % 2 ? -1.0f : 1.0f;
  ck_assert(gan_sum_of_squares(100, ones) == 100);
  ck_assert(gan_sum_of_squares(0, ones) == 0);
  ck_assert_double_le(fabs(gan_sum_of_squares(3, large) / 2e60 - 1), 1e-6);
  ck_assert(isnan(gan_sum_of_squares(3, none)));
  ck_assert(isinf(gan_sum_of_squares(2, endless)));
}
END_TEST

int main(void) {
  const unit_test tests[] = {
      {fast_and_plain_agree_to_the_bit, 2 * GRADIENTS},
      {every_length, 1},
      {one_step, 1},
      {decays, GRADIENTS},
      {negative_zero_goes_through, 1},
      {zeros_stay_zeros, GRADIENTS},
      {sgd_fast_and_plain_agree_to_the_bit, 2 * SGD_STEPS},
      {sgd_every_length, 1},
      {sgd_one_step, SGD_STEPS},
      {sgd_zeros_stay_zeros, SGD_STEPS},
      {sgd_decays, GRADIENTS},
      {rmsprop_fast_and_plain_agree_to_the_bit, 2 * RMSPROP_STEPS * GRADIENTS},
      {rmsprop_every_length, 1},
      {rmsprop_one_step, RMSPROP_STEPS * GRADIENTS},
      {rmsprop_zeros_stay_zeros, GRADIENTS},
      {cutting, 1},
      {sum_of_squares, 1},
      {sum_of_squares_at_the_ends, 1},
  };
  return UNIT_MAIN("update", tests);
}
