/* Adam against Kingma and Ba 2015, algorithm 1, as the paper writes it, and SGD with momentum
 * against PyTorch's formulas, in double. */
#include "base/memory.h"
#include "optim/optimizer.h"
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

static gan_optimizer *make_adam(int row) {
  gan_optimizer *adam;
  gan_optimizer_options options = {
      .beta1 = rows[row].beta1, .beta2 = rows[row].beta2, .eps = rows[row].eps};
  check_ok(gan_optimizer_make(GAN_OPTIMIZER_ADAM, &options, N, rows[row].lr, &adam));
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
  gan_optimizer *adam = make_adam(_i);
  plain_adam plain = {{0}, {0}, {0}};
  float w[N], g[N];
  unit_fill(w, N, 1, -1, 1);
  float first = w[0];
  for (int i = 0; i < N; i++) plain.w[i] = (double)w[i];
  for (int t = 1; t <= STEPS; t++) {
    fill_gradient(g, t);
    gan_optimizer_step(adam, g, w);
    plain_step(&plain, _i, t, g);
    ck_assert_int_eq(adam->step, t);
    double allowed = t * (STEP_TOLERANCE * rows[_i].lr + WEIGHT_ROUNDING * (1 + t * rows[_i].lr));
    for (int i = 0; i < N; i++) {
      ck_assert_msg(fabs((double)w[i] - plain.w[i]) <= allowed,
                    "step %d, weight %d: %.9g, not %.9g", t, i, (double)w[i], plain.w[i]);
      double scale = pow(10, i % 7 - 4);
      ck_assert_double_eq_tol((double)adam->moments[0][i], plain.m[i], 1e-6 * scale);
      ck_assert_double_eq_tol((double)adam->moments[1][i], plain.v[i], 1e-6 * scale * scale);
    }
  }
  ck_assert_float_eq(w[0], first);
  gan_optimizer_destroy(&adam);
  ck_assert_ptr_null(adam);
}
END_TEST

/* Bias correction makes the first step lr * sign(gradient), whatever the gradient's size. */
START_TEST(first_step_is_the_learning_rate) {
  gan_optimizer *adam = make_adam(1);
  float w[N] = {0}, g[N];
  for (int i = 0; i < N; i++) g[i] = powf(10, (float)(i % 7 - 4)) * (i % 2 ? 1 : -1);
  gan_optimizer_step(adam, g, w);
  for (int i = 0; i < N; i++) /* eps is 1e-4 of the smallest gradient */
    ck_assert_double_eq_tol((double)w[i], i % 2 ? -1e-3 : 1e-3, 1.1e-4 * 1e-3);
  gan_optimizer_destroy(&adam);
}
END_TEST

START_TEST(created_empty) {
  gan_optimizer *adam = make_adam(0);
  ck_assert_int_eq(adam->n, N);
  ck_assert_int_eq(adam->step, 0);
  for (int i = 0; i < N; i++) {
    ck_assert_float_eq(adam->moments[0][i], 0);
    ck_assert_float_eq(adam->moments[1][i], 0);
  }
  gan_optimizer_destroy(&adam);
  gan_optimizer_destroy(&adam); /* nothing is there */
}
END_TEST

/* A learning rate of 0 still counts and averages. */
START_TEST(learning_rate_zero) {
  gan_optimizer *adam = make_adam(1);
  float w[N], kept[N], g[N];
  adam->lr = 0;
  unit_fill(w, N, 1, -1, 1);
  memcpy(kept, w, sizeof w);
  for (int t = 1; t <= 3; t++) {
    fill_gradient(g, t);
    gan_optimizer_step(adam, g, w);
  }
  ck_assert_mem_eq(w, kept, sizeof w);
  ck_assert_int_eq(adam->step, 3);
  for (int i = 1; i < N; i++) ck_assert(adam->moments[0][i] != 0.0f && adam->moments[1][i] > 0.0f);
  gan_optimizer_destroy(&adam);
}
END_TEST

/* Where moments and count are taken over, the steps go on as if nothing had been. */
START_TEST(continued) {
  gan_optimizer *whole = make_adam(1), *part = make_adam(1);
  float w[N], u[N], g[N];
  unit_fill(w, N, 1, -1, 1);
  for (int t = 1; t <= STEPS; t++) {
    if (t == 10) {
      memcpy(u, w, sizeof w);
      memcpy(part->moments[0], whole->moments[0], sizeof w);
      memcpy(part->moments[1], whole->moments[1], sizeof w);
      part->step = whole->step;
    }
    fill_gradient(g, t);
    gan_optimizer_step(whole, g, w);
    if (t >= 10) gan_optimizer_step(part, g, u);
  }
  ck_assert_mem_eq(u, w, sizeof w);
  gan_optimizer_destroy(&whole);
  gan_optimizer_destroy(&part);
}
END_TEST

/* Those that share weights and means update all of them together, as one alone would. */
START_TEST(in_parts) {
  enum { CUT = N / 3 };
  gan_optimizer *whole = make_adam(1), *parts[] = {make_adam(1), make_adam(1)};
  float w[N], u[N], g[N], exp_avg[N] = {0}, exp_avg_sq[N] = {0};
  float *const moments[GAN_MOMENTS_MAX] = {exp_avg, exp_avg_sq};
  gan_optimizer_share(parts[0], moments, 0, CUT);
  gan_optimizer_share(parts[1], moments, CUT, N);
  unit_fill(w, N, 1, -1, 1);
  memcpy(u, w, sizeof w);
  for (int t = 1; t <= 3; t++) {
    fill_gradient(g, t);
    gan_optimizer_step(whole, g, w);
    gan_optimizer_step(parts[0], g, u);
    for (int i = CUT; i < N && t == 1; i++) ck_assert_float_eq(exp_avg[i], 0);
    gan_optimizer_step(parts[1], g, u);
  }
  ck_assert_mem_eq(w, u, sizeof w);
  ck_assert_mem_eq(whole->moments[0], exp_avg, sizeof exp_avg);
  ck_assert_mem_eq(whole->moments[1], exp_avg_sq, sizeof exp_avg_sq);
  gan_optimizer_destroy(&whole);
  gan_optimizer_destroy(&parts[0]);
  gan_optimizer_destroy(&parts[1]);
}
END_TEST

/* ---- SGD ---- */

static const gan_optimizer_options sgd_rows[] = {
    {.momentum = 0, .momentum_steps = GAN_UNSET_INT},
    {.momentum = 0.9, .momentum_steps = GAN_UNSET_INT},
    {.momentum = 0.9, .momentum_steps = GAN_UNSET_INT, .nesterov = true},
    {.momentum = 0.5, .momentum_final = 0.7, .momentum_steps = 10},
    {.momentum = 0, .momentum_final = 0.8, .momentum_steps = 1, .nesterov = true},
};

enum { SGD_ROWS = sizeof sgd_rows / sizeof *sgd_rows };

static const double SGD_RATE = 0.05;

static gan_optimizer *make_sgd(int row) {
  gan_optimizer *sgd;
  check_ok(gan_optimizer_make(GAN_OPTIMIZER_SGD, &sgd_rows[row], N, SGD_RATE, &sgd));
  return sgd;
}

/* Of update t, from 1: 0.5 at the first, 0.7 at the 11th and later ones. */
static double wanted_momentum(const gan_optimizer_options *options, int t) {
  if (options->momentum_steps == GAN_UNSET_INT) return options->momentum;
  double way = fmin((t - 1) / (double)options->momentum_steps, 1);
  return options->momentum * (1 - way) + options->momentum_final * way;
}

START_TEST(sgd_by_its_formulas) {
  const gan_optimizer_options *options = &sgd_rows[_i];
  gan_optimizer *sgd = make_sgd(_i);
  float w[N], g[N];
  double v[N] = {0}, wanted[N];
  unit_fill(w, N, 1, -1, 1);
  float first = w[0];
  for (int i = 0; i < N; i++) wanted[i] = (double)w[i];
  for (int t = 1; t <= STEPS; t++) {
    double momentum = wanted_momentum(options, t);
    fill_gradient(g, t);
    gan_optimizer_step(sgd, g, w);
    ck_assert_int_eq(sgd->step, t);
    for (int i = 0; i < N; i++) {
      v[i] = momentum * v[i] + (double)g[i];
      wanted[i] -= SGD_RATE * (options->nesterov ? (double)g[i] + momentum * v[i] : v[i]);
      double scale = pow(10, i % 7 - 4), moved = SGD_RATE * 10 * scale;
      ck_assert_double_eq_tol((double)sgd->moments[0][i], v[i], 1e-5 * scale);
      ck_assert_double_eq_tol((double)w[i], wanted[i],
                              t * (STEP_TOLERANCE * moved + WEIGHT_ROUNDING * (1 + t * moved)));
    }
  }
  ck_assert_float_eq(w[0], first);
  gan_optimizer_destroy(&sgd);
  ck_assert_ptr_null(sgd);
}
END_TEST

/* The first velocity is the gradient itself: nothing is dampened. */
START_TEST(first_velocity_is_the_gradient) {
  gan_optimizer *sgd = make_sgd(1);
  float w[N] = {0}, g[N];
  fill_gradient(g, 3);
  gan_optimizer_step(sgd, g, w);
  for (int i = 0; i < N; i++) {
    ck_assert_float_eq(sgd->moments[0][i], g[i]);
    ck_assert_float_eq(w[i], -((float)SGD_RATE * g[i]));
  }
  gan_optimizer_destroy(&sgd);
}
END_TEST

/* As above, of one slab. */
START_TEST(sgd_in_parts_and_continued) {
  enum { CUT = N / 3 };
  gan_optimizer *whole = make_sgd(3), *parts[] = {make_sgd(3), make_sgd(3)};
  float w[N], u[N], g[N], velocity[N] = {0};
  float *const moments[GAN_MOMENTS_MAX] = {velocity};
  gan_optimizer_share(parts[0], moments, 0, CUT);
  gan_optimizer_share(parts[1], moments, CUT, N);
  unit_fill(w, N, 1, -1, 1);
  memcpy(u, w, sizeof w);
  for (int t = 1; t <= STEPS; t++) {
    if (t == 7) gan_optimizer_clear(whole);
    if (t == 7) memcpy(whole->moments[0], velocity, sizeof velocity);
    if (t == 7) whole->step = parts[0]->step;
    fill_gradient(g, t);
    gan_optimizer_step(whole, g, w);
    gan_optimizer_step(parts[0], g, u);
    gan_optimizer_step(parts[1], g, u);
  }
  ck_assert_mem_eq(w, u, sizeof w);
  ck_assert_mem_eq(whole->moments[0], velocity, sizeof velocity);
  gan_optimizer_destroy(&whole);
  gan_optimizer_destroy(&parts[0]);
  gan_optimizer_destroy(&parts[1]);
}
END_TEST

/* Weights are cut behind the step, those of its part alone, and nothing else is. */
START_TEST(weights_are_cut) {
  enum { CUT = N / 3 };
  gan_optimizer *free_one = make_adam(2), *bound = make_adam(2);
  float w[N], u[N], before[N], g[N];
  unit_fill(before, N, 1, -1, 1);
  memcpy(w, before, sizeof w);
  memcpy(u, before, sizeof u);
  bound->end = CUT;
  bound->bound = 0.25;
  fill_gradient(g, 1);
  gan_optimizer_step(free_one, g, w);
  gan_optimizer_step(bound, g, u);
  int cut = 0;
  for (int i = 0; i < CUT; i++) {
    cut += fabsf(w[i]) > 0.25f;
    ck_assert_float_eq(u[i], fmaxf(fminf(w[i], 0.25f), -0.25f));
  }
  ck_assert_int_gt(cut, 0);
  ck_assert_mem_eq(u + CUT, before + CUT, (N - CUT) * sizeof *u);
  ck_assert_mem_eq(bound->moments[0], free_one->moments[0], CUT * sizeof *u);
  gan_optimizer_destroy(&free_one);
  gan_optimizer_destroy(&bound);
}
END_TEST

/* A scale is what another gradient would be: all optimizers take it in. */
START_TEST(scaled_gradients) {
  static const gan_optimizer_kind kinds[] = {GAN_OPTIMIZER_ADAM, GAN_OPTIMIZER_SGD,
                                             GAN_OPTIMIZER_ADAMW, GAN_OPTIMIZER_RMSPROP};
  gan_optimizer_options options = {.beta1 = 0.5,
                                   .beta2 = 0.9,
                                   .eps = 1e-3,
                                   .alpha = 0.9,
                                   .momentum = 0.7,
                                   .momentum_steps = GAN_UNSET_INT,
                                   .weight_decay = 0.1};
  gan_optimizer *scaled, *plain;
  float w[N], u[N], g[N], half[N];
  check_ok(gan_optimizer_make(kinds[_i], &options, N, 0.01, &scaled));
  check_ok(gan_optimizer_make(kinds[_i], &options, N, 0.01, &plain));
  unit_fill(w, N, 1, -1, 1);
  memcpy(u, w, sizeof w);
  scaled->scale = 0.5; /* exact */
  for (int t = 1; t <= 3; t++) {
    fill_gradient(g, t);
    for (int i = 0; i < N; i++) half[i] = g[i] / 2;
    gan_optimizer_step(scaled, g, w);
    gan_optimizer_step(plain, half, u);
  }
  ck_assert_mem_eq(w, u, sizeof w);
  plain->scale = 1;
  gan_optimizer_step(plain, g, u);
  gan_optimizer_step(scaled, g, w);
  ck_assert_mem_ne(w, u, sizeof w);
  gan_optimizer_destroy(&scaled);
  gan_optimizer_destroy(&plain);
}
END_TEST

/* What `mpigan bench step` counts: Adam reads 4 slabs and writes 3, SGD 3 and 2. */
START_TEST(bytes_of_an_update) {
  gan_optimizer *adam = make_adam(0), *sgd = make_sgd(1);
  ck_assert(gan_optimizer_weight_bytes(adam) == 28);
  ck_assert(gan_optimizer_weight_bytes(sgd) == 20);
  gan_optimizer_destroy(&adam);
  gan_optimizer_destroy(&sgd);
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
      {sgd_by_its_formulas, SGD_ROWS},
      {first_velocity_is_the_gradient, 1},
      {sgd_in_parts_and_continued, 1},
      {weights_are_cut, 1},
      {scaled_gradients, 4},
      {bytes_of_an_update, 1},
  };
  return UNIT_MAIN("optim", tests);
}
