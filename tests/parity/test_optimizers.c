/* Optimizers alone on given gradients, every step of them, against torch.optim. */
#include "base/memory.h"
#include "optim/optimizer.h"
#include "parity/parity.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

/* In norm, after ten updates of a few float32 roundings (6e-8) each.  A coefficient that is
 * computed in float32 where PyTorch has it in double (1 - beta2) shows as 1e-5. */
static const double TOLERANCE_ADAM = 1e-6;

enum { N = 37, STEPS = 10 };

/* The same of a velocity and a weight.  Momentum or a learning rate off by a thousandth shows as
 * 1e-4. */
static const double TOLERANCE_SGD = 1e-6;

static const char *const adam_cases[] = {"gan", "small_gradients", "gradients_near_eps",
                                         "without_momentum"};
static const char *const sgd_cases[] = {"plain", "momentum", "nesterov", "schedule",
                                        "schedule_of_nesterov"};
enum {
  ADAM_CASES = sizeof adam_cases / sizeof *adam_cases,
  SGD_CASES = sizeof sgd_cases / sizeof *sgd_cases
};

static double real(gan_h5 *golden, const char *group, const char *name) {
  double value;
  parity_ok(gan_h5_get_real(golden, group, name, &value));
  return value;
}

static int64_t whole(gan_h5 *golden, const char *group, const char *name) {
  int64_t value;
  parity_ok(gan_h5_get_int(golden, group, name, &value));
  return value;
}

static void compare(gan_h5 *golden, const char *name, const char *what, int step, const float *ours,
                    double tolerance) {
  double *all = parity_read(golden, GAN_F64, STEPS * N, "%s/%s", name, what);
  parity_near(N, ours, all + step * N, tolerance, "%s: %s after step %d", name, what, step + 1);
  gan_free(&all);
}

static double norm_of(const float *gradient) {
  double squares = 0;
  for (int i = 0; i < N; i++) squares += (double)gradient[i] * (double)gradient[i];
  return sqrt(squares);
}

/* All steps of a case: weights, and the moments that the golden has. */
static void run(gan_h5 *golden, const char *name, gan_optimizer *optimizer, double clip,
                double tolerance) {
  const gan_optimizer_type *type = optimizer->type;
  float *params = parity_read(golden, GAN_F32, N, "%s/first", name);
  float *gradients = parity_read(golden, GAN_F32, STEPS * N, "%s/gradients", name);
  float unlearned = params[0];
  for (int step = 0; step < STEPS; step++) {
    double norm = norm_of(gradients + step * N);
    optimizer->scale = norm > clip ? clip / norm : 1;
    gan_optimizer_step(optimizer, gradients + step * N, params);
    compare(golden, name, "params", step, params, tolerance);
    for (int m = 0; m < type->moment_count; m++) {
      char path[64];
      snprintf(path, sizeof path, "%s/%s", name, type->moments[m]);
      if (gan_h5_has(golden, path))
        compare(golden, name, type->moments[m], step, optimizer->moments[m], tolerance);
    }
  }
  ck_assert_int_eq(optimizer->step, STEPS);
  ck_assert_msg(params[0] == unlearned, "%s: a weight without gradient moved", name);
  gan_free(&params);
  gan_free(&gradients);
}

START_TEST(adam) {
  const char *name = adam_cases[_i];
  gan_h5 *golden = parity_open("adam.h5");
  gan_optimizer *optimizer;
  gan_optimizer_options options = {.beta1 = real(golden, name, "beta1"),
                                   .beta2 = real(golden, name, "beta2"),
                                   .eps = real(golden, name, "eps")};
  parity_ok(
      gan_optimizer_make(GAN_OPTIMIZER_ADAM, &options, N, real(golden, name, "lr"), &optimizer));
  ck_assert_int_eq(optimizer->type->moment_count, 2);
  ck_assert(gan_h5_has(golden, "gan/exp_avg") && gan_h5_has(golden, "gan/exp_avg_sq"));
  run(golden, name, optimizer, HUGE_VAL, TOLERANCE_ADAM);
  gan_optimizer_destroy(&optimizer);
  gan_h5_close(&golden);
}
END_TEST

/* PyTorch keeps no velocity where there is no momentum. */
START_TEST(sgd) {
  const char *name = sgd_cases[_i];
  gan_h5 *golden = parity_open("sgd.h5");
  gan_optimizer *optimizer;
  int64_t steps = whole(golden, name, "momentum_steps");
  gan_optimizer_options options = {.momentum = real(golden, name, "momentum"),
                                   .momentum_steps = steps ? steps : GAN_UNSET_INT,
                                   .nesterov = whole(golden, name, "nesterov") != 0};
  if (steps) options.momentum_final = real(golden, name, "momentum_final");
  parity_ok(
      gan_optimizer_make(GAN_OPTIMIZER_SGD, &options, N, real(golden, name, "lr"), &optimizer));
  ck_assert(gan_h5_has(golden, "momentum/momentum_buffer"));
  run(golden, name, optimizer, HUGE_VAL, TOLERANCE_SGD);
  gan_optimizer_destroy(&optimizer);
  gan_h5_close(&golden);
}
END_TEST

static const struct {
  const char *name;
  gan_optimizer_kind kind;
} decay_cases[] = {{"adamw", GAN_OPTIMIZER_ADAMW},
                   {"adamw_clipped", GAN_OPTIMIZER_ADAMW},
                   {"adam_l2", GAN_OPTIMIZER_ADAM},
                   {"sgd_l2", GAN_OPTIMIZER_SGD},
                   {"sgd_clipped", GAN_OPTIMIZER_SGD},
                   {"rmsprop", GAN_OPTIMIZER_RMSPROP},
                   {"rmsprop_momentum", GAN_OPTIMIZER_RMSPROP}};
enum { DECAY_CASES = sizeof decay_cases / sizeof *decay_cases };

/* 0 where the golden's optimizer has no such option, and PyTorch's default. */
static double option_of(gan_h5 *golden, const char *group, const char *name, double fallback) {
  double value;
  if (gan_h5_get_real(golden, group, name, &value) == GAN_OK) return value;
  gan_fail_clear();
  return fallback;
}

/* Weight decay, clipping, and RMSprop.  A decay that is left out, or beside the step in place of in
 * the gradient, shows as 1e-2. */
START_TEST(decay) {
  const char *name = decay_cases[_i].name;
  gan_h5 *golden = parity_open("decay.h5");
  gan_optimizer *optimizer;
  gan_optimizer_options options = {.beta1 = option_of(golden, name, "beta1", 0),
                                   .beta2 = option_of(golden, name, "beta2", 0),
                                   .eps = option_of(golden, name, "eps", 1e-8),
                                   .alpha = option_of(golden, name, "alpha", 0),
                                   .momentum = option_of(golden, name, "momentum", 0),
                                   .momentum_steps = GAN_UNSET_INT,
                                   .nesterov = strcmp(name, "sgd_l2") == 0,
                                   .weight_decay = option_of(golden, name, "weight_decay", 0)};
  double clip = real(golden, name, "clip_norm");
  parity_ok(
      gan_optimizer_make(decay_cases[_i].kind, &options, N, real(golden, name, "lr"), &optimizer));
  char *type = parity_text(golden, name, "type");
  ck_assert_str_eq(type, optimizer->type->name);
  gan_free(&type);
  ck_assert(gan_h5_has(golden, "rmsprop/square_avg") && gan_h5_has(golden, "adamw/exp_avg_sq"));
  ck_assert(gan_h5_has(golden, "rmsprop_momentum/momentum_buffer"));
  run(golden, name, optimizer, clip > 0 ? clip : HUGE_VAL, TOLERANCE_ADAM);
  gan_optimizer_destroy(&optimizer);
  gan_h5_close(&golden);
}
END_TEST

int main(void) {
  Suite *suite = suite_create("parity: optimizers");
  TCase *tests = tcase_create("optimizers");
  tcase_add_checked_fixture(tests, NULL, parity_report);
  tcase_add_loop_test(tests, adam, 0, ADAM_CASES);
  tcase_add_loop_test(tests, sgd, 0, SGD_CASES);
  tcase_add_loop_test(tests, decay, 0, DECAY_CASES);
  suite_add_tcase(suite, tests);
  return parity_run(suite);
}
