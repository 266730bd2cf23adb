/* Adam against Kingma and Ba 2015, algorithm 1, as the paper writes it, in double. */
#include "base/memory.h"
#include "optim/adam.h"
#include "unit/support.h"

#include <math.h>
#include <string.h>

enum { N = 37, STEPS = 25 };

/* A step moves by the learning rate at most (about), to some float roundings; and the sum is
 * rounded to the weight. */
static const double STEP_TOLERANCE = 2e-6, WEIGHT_ROUNDING = 6e-8;

static const struct {
  double lr, beta1, beta2, eps;
} rows[] = {
    {2e-4, 0.5, 0.999, 1e-8}, {1e-3, 0.9, 0.999, 1e-8}, {0.1, 0.9, 0.99, 0.1},
    {0.05, 0, 0.9, 1e-3},     {0.05, 0.9, 0, 1e-3},     {1, 0, 0, 0.5},
};

enum { ROWS = sizeof rows / sizeof *rows };

static gan_adam *make_adam(int row) {
  gan_adam *adam;
  check_ok(
      gan_adam_create(N, rows[row].lr, rows[row].beta1, rows[row].beta2, rows[row].eps, &adam));
  return adam;
}

/* Gradients of many sizes, the first always 0. */
static void fill_gradient(float *g, int step) {
  unit_fill(g, N, 100 + (uint64_t)step, -1, 1);
  for (int i = 0; i < N; i++) g[i] *= powf(10, (float)(i % 7 - 4));
  g[0] = 0;
}

/* The paper's line by line: bias-corrected moments, eps outside the root. */
typedef struct {
  double m[N], v[N], w[N];
} plain_adam;

static void plain_step(plain_adam *plain, int row, int t, const float *g) {
  double beta1 = rows[row].beta1, beta2 = rows[row].beta2;
  for (int i = 0; i < N; i++) {
    double gradient = (double)g[i];
    plain->m[i] = beta1 * plain->m[i] + (1 - beta1) * gradient;
    plain->v[i] = beta2 * plain->v[i] + (1 - beta2) * gradient * gradient;
    double m_hat = plain->m[i] / (1 - pow(beta1, t)), v_hat = plain->v[i] / (1 - pow(beta2, t));
    plain->w[i] -= rows[row].lr * m_hat / (sqrt(v_hat) + rows[row].eps);
  }
}

START_TEST(steps_of_the_paper) {
  gan_adam *adam = make_adam(_i);
  plain_adam plain = {{0}, {0}, {0}};
  float w[N], g[N];
  unit_fill(w, N, 1, -1, 1);
  float first = w[0];
  for (int i = 0; i < N; i++) plain.w[i] = (double)w[i];
  for (int t = 1; t <= STEPS; t++) {
    fill_gradient(g, t);
    gan_adam_step_once(adam, g, w);
    plain_step(&plain, _i, t, g);
    ck_assert_int_eq(adam->step, t);
    double allowed = t * (STEP_TOLERANCE * rows[_i].lr + WEIGHT_ROUNDING * (1 + t * rows[_i].lr));
    for (int i = 0; i < N; i++) {
      ck_assert_msg(fabs((double)w[i] - plain.w[i]) <= allowed,
                    "step %d, weight %d: %.9g, not %.9g", t, i, (double)w[i], plain.w[i]);
      double scale = pow(10, i % 7 - 4);
      ck_assert_double_eq_tol((double)adam->exp_avg[i], plain.m[i], 1e-6 * scale);
      ck_assert_double_eq_tol((double)adam->exp_avg_sq[i], plain.v[i], 1e-6 * scale * scale);
    }
  }
  ck_assert_float_eq(w[0], first);
  gan_adam_destroy(&adam);
  ck_assert_ptr_null(adam);
}
END_TEST

/* Bias correction makes the first step lr * sign(gradient), whatever the gradient's size. */
START_TEST(first_step_is_the_learning_rate) {
  gan_adam *adam = make_adam(1);
  float w[N] = {0}, g[N];
  for (int i = 0; i < N; i++) g[i] = powf(10, (float)(i % 7 - 4)) * (i % 2 ? 1 : -1);
  gan_adam_step_once(adam, g, w);
  for (int i = 0; i < N; i++) /* eps is 1e-4 of the smallest gradient */
    ck_assert_double_eq_tol((double)w[i], i % 2 ? -1e-3 : 1e-3, 1.1e-4 * 1e-3);
  gan_adam_destroy(&adam);
}
END_TEST

START_TEST(created_empty) {
  gan_adam *adam = make_adam(0);
  ck_assert_int_eq(adam->n, N);
  ck_assert_int_eq(adam->step, 0);
  for (int i = 0; i < N; i++) {
    ck_assert_float_eq(adam->exp_avg[i], 0);
    ck_assert_float_eq(adam->exp_avg_sq[i], 0);
  }
  gan_adam_destroy(&adam);
  gan_adam_destroy(&adam); /* nothing is there */
}
END_TEST

/* A learning rate of 0 still counts and averages. */
START_TEST(learning_rate_zero) {
  gan_adam *adam = make_adam(1);
  float w[N], kept[N], g[N];
  adam->lr = 0;
  unit_fill(w, N, 1, -1, 1);
  memcpy(kept, w, sizeof w);
  for (int t = 1; t <= 3; t++) {
    fill_gradient(g, t);
    gan_adam_step_once(adam, g, w);
  }
  ck_assert_mem_eq(w, kept, sizeof w);
  ck_assert_int_eq(adam->step, 3);
  for (int i = 1; i < N; i++) ck_assert(adam->exp_avg[i] != 0.0f && adam->exp_avg_sq[i] > 0.0f);
  gan_adam_destroy(&adam);
}
END_TEST

/* Where moments and count are taken over, the steps go on as if nothing had been. */
START_TEST(continued) {
  gan_adam *whole = make_adam(1), *part = make_adam(1);
  float w[N], u[N], g[N];
  unit_fill(w, N, 1, -1, 1);
  for (int t = 1; t <= STEPS; t++) {
    if (t == 10) {
      memcpy(u, w, sizeof w);
      memcpy(part->exp_avg, whole->exp_avg, sizeof w);
      memcpy(part->exp_avg_sq, whole->exp_avg_sq, sizeof w);
      part->step = whole->step;
    }
    fill_gradient(g, t);
    gan_adam_step_once(whole, g, w);
    if (t >= 10) gan_adam_step_once(part, g, u);
  }
  ck_assert_mem_eq(u, w, sizeof w);
  gan_adam_destroy(&whole);
  gan_adam_destroy(&part);
}
END_TEST

/* Those that share weights and means update all of them together, as one alone would. */
START_TEST(in_parts) {
  enum { CUT = N / 3 };
  gan_adam *whole = make_adam(1), *parts[] = {make_adam(1), make_adam(1)};
  float w[N], u[N], g[N], exp_avg[N] = {0}, exp_avg_sq[N] = {0};
  gan_adam_share(parts[0], exp_avg, exp_avg_sq, 0, CUT);
  gan_adam_share(parts[1], exp_avg, exp_avg_sq, CUT, N);
  unit_fill(w, N, 1, -1, 1);
  memcpy(u, w, sizeof w);
  for (int t = 1; t <= 3; t++) {
    fill_gradient(g, t);
    gan_adam_step_once(whole, g, w);
    gan_adam_step_once(parts[0], g, u);
    for (int i = CUT; i < N && t == 1; i++) ck_assert_float_eq(exp_avg[i], 0);
    gan_adam_step_once(parts[1], g, u);
  }
  ck_assert_mem_eq(w, u, sizeof w);
  ck_assert_mem_eq(whole->exp_avg, exp_avg, sizeof exp_avg);
  ck_assert_mem_eq(whole->exp_avg_sq, exp_avg_sq, sizeof exp_avg_sq);
  gan_adam_destroy(&whole);
  gan_adam_destroy(&parts[0]);
  gan_adam_destroy(&parts[1]);
}
END_TEST

int main(void) {
  const unit_test tests[] = {
      {steps_of_the_paper, ROWS},
      {first_step_is_the_learning_rate, 1},
      {created_empty, 1},
      {learning_rate_zero, 1},
      {continued, 1},
      {in_parts, 1},
  };
  return UNIT_MAIN("optim", tests);
}
