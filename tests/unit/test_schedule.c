/* Learning rates over a run: against PyTorch's schedulers, and against closed forms. */
#include "base/memory.h"
#include "optim/schedule.h"
#include "unit/support.h"

#include <math.h>
#include <string.h>

#define SHORTEST                                                                                   \
  "data: {path: builtin:digits}\n"                                                                 \
  "model:\n"                                                                                       \
  "  generator: [linear: {units: 64}]\n"                                                           \
  "  discriminator: [linear: {units: 1}]\n"

/* Made with torch 2.15.0 on the CPU, an SGD optimizer of lr 1, the rate
 * read before each optimizer.step(), scheduler.step() behind it, printed with 9 decimals:
 *   linear  LinearLR(o, start_factor=1, end_factor=0.25, total_iters=10)
 *   cosine  CosineAnnealingLR(o, T_max=12, eta_min=0.1)
 *   step    StepLR(o, 3, 0.5)
 *   both    SequentialLR(o, [LinearLR(o, start_factor=1/4, end_factor=1, total_iters=3),
 *                            CosineAnnealingLR(o, T_max=8, eta_min=0.1)], [4])
 *   warm    LinearLR(o, start_factor=1/5, end_factor=1, total_iters=4)
 *   exponential  ExponentialLR(o, 0.8); it has no end, where ours stays at 0.3 */
static const struct {
  const char *keys;
  int count;
  double factors[13];
} pytorch[] = {
    {"lr_schedule: linear, lr_decay_steps: 10, lr_final: 0.25",
     13,
     {1, 0.925, 0.85, 0.775, 0.7, 0.625, 0.55, 0.475, 0.4, 0.325, 0.25, 0.25, 0.25}},
    {"lr_schedule: cosine, lr_decay_steps: 12, lr_final: 0.1",
     13,
     {1.000000000, 0.984666622, 0.939711432, 0.868198052, 0.775000000, 0.666468570, 0.550000000,
      0.433531430, 0.325000000, 0.231801948, 0.160288568, 0.115333378, 0.100000000}},
    {"lr_schedule: step, lr_step: 3, lr_gamma: 0.5",
     11,
     {1, 1, 1, 0.5, 0.5, 0.5, 0.25, 0.25, 0.25, 0.125, 0.125}},
    {"lr_schedule: cosine, lr_decay_steps: 12, lr_final: 0.1, lr_warmup_steps: 4",
     13,
     {0.250000000, 0.500000000, 0.750000000, 1.000000000, 1.000000000, 0.965745790, 0.868198052,
      0.722207545, 0.550000000, 0.377792455, 0.231801948, 0.134254210, 0.100000000}},
    {"lr_schedule: exponential, lr_gamma: 0.8, lr_final: 0.3",
     9,
     {1.000000000, 0.800000000, 0.640000000, 0.512000000, 0.409600000, 0.327680000, 0.3, 0.3, 0.3}},
    {"lr_warmup_steps: 5", 8, {0.2, 0.4, 0.6, 0.8, 1, 1, 1, 1}},
};

/* Half of their last decimal. */
static const double DECIMALS = 5.1e-10;

/* The schedule of a run of so many steps with these keys of `train`. */
static gan_schedule schedule_of(const char *keys, int64_t steps) {
  gan_config config;
  char *text = gan_format(SHORTEST "train: {steps: %lld, %s}\n", (long long)steps, keys);
  check_ok(unit_parse(&config, text, 0, NULL));
  gan_schedule schedule = gan_schedule_of(&config, steps);
  gan_config_reset(&config);
  gan_free(&text);
  return schedule;
}

START_TEST(as_pytorch) {
  gan_schedule schedule = schedule_of(pytorch[_i].keys, 1000);
  for (int s = 0; s < pytorch[_i].count; s++) {
    double factor = gan_schedule_factor(&schedule, s);
    ck_assert_msg(fabs(factor - pytorch[_i].factors[s]) < DECIMALS, "step %d: %.12f, not %.9f", s,
                  factor, pytorch[_i].factors[s]);
  }
}
END_TEST

START_TEST(constant_is_one_to_the_bit) {
  gan_schedule schedule = schedule_of("lr_scaling: none", 10);
  for (int64_t s = 0; s < 2000000000; s += 99999999)
    ck_assert(gan_schedule_factor(&schedule, s) == 1);
}
END_TEST

/* The decay ends where the run does, unless the config says where. */
START_TEST(the_run_is_the_default_length) {
  static const char *const kinds[] = {"linear", "cosine"};
  for (int k = 0; k < 2; k++) {
    char *keys = gan_format("lr_schedule: %s, lr_final: 0.5", kinds[k]);
    gan_schedule schedule = schedule_of(keys, 400);
    ck_assert(gan_schedule_factor(&schedule, 0) == 1);
    ck_assert_double_eq_tol(gan_schedule_factor(&schedule, 200), 0.75, 1e-15);
    ck_assert(gan_schedule_factor(&schedule, 399) > 0.5);
    ck_assert(gan_schedule_factor(&schedule, 400) == 0.5);
    ck_assert(gan_schedule_factor(&schedule, INT64_MAX) == 0.5);
    gan_free(&keys);
  }
}
END_TEST

/* A run that ends within its warm-up does not decay. */
START_TEST(short_runs_only_warm_up) {
  gan_schedule schedule = schedule_of("lr_schedule: cosine, lr_warmup_steps: 50", 20);
  for (int s = 0; s < 20; s++)
    ck_assert_double_eq_tol(gan_schedule_factor(&schedule, s), (s + 1) / 50.0, 1e-15);
}
END_TEST

/* Decays of a warm-up and of steps are factors: at step 7 of 10, the second of them is in. */
START_TEST(factors_multiply) {
  gan_schedule schedule = schedule_of("batch: 48, lr_scaling: linear, base_batch: 16, "
                                      "lr_warmup_steps: 10, lr_schedule: step, lr_step: 3",
                                      20);
  ck_assert_double_eq_tol(gan_schedule_factor(&schedule, 0), 3 * 0.1, 1e-15);
  ck_assert_double_eq_tol(gan_schedule_factor(&schedule, 7), 3 * 0.8 * 0.01, 1e-15);
  ck_assert_double_eq_tol(gan_schedule_factor(&schedule, 12), 3 * 1e-4, 1e-15);
}
END_TEST

START_TEST(scaling) {
  static const struct {
    const char *keys;
    double factor;
  } rows[] = {
      {"batch: 512, lr_scaling: linear, base_batch: 128", 4},
      {"batch: 512, lr_scaling: sqrt, base_batch: 128", 2},
      {"batch: 8192, lr_scaling: linear, base_batch: 256", 32}, /* Goyal et al.: 0.1 to 3.2 */
      {"batch: 1, lr_scaling: sqrt, base_batch: 4", 0.5},
      {"batch: 7, lr_scaling: linear, base_batch: 7", 1},
      {"batch: 128, lr_scaling: sqrt, base_batch: 64", 1.4142135623730951},
      {"batch_per_rank: 32, lr_scaling: linear, base_batch: 8", 4}, /* on one rank */
  };
  for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
    gan_schedule schedule = schedule_of(rows[i].keys, 9);
    ck_assert_double_eq_tol(gan_schedule_factor(&schedule, 3), rows[i].factor, 1e-15);
  }
}
END_TEST

START_TEST(texts) {
  static const struct {
    const char *keys, *text, *scale;
  } rows[] = {
      {"log_every: 1", "constant", ""},
      {"lr_warmup_steps: 500", "warm-up 500 steps, then constant", ""},
      {"lr_schedule: cosine, lr_warmup_steps: 500",
       "warm-up 500 steps, cosine to 0 of it at step 10000", ""},
      {"lr_schedule: linear, lr_final: 0.1, lr_decay_steps: 70", "linear to 0.1 of it at step 70",
       ""},
      {"lr_schedule: step, lr_step: 30", "x 0.1 each 30 steps", ""},
      {"lr_schedule: exponential, lr_gamma: 0.999996, lr_final: 1e-5",
       "x 0.999996 each step, down to 1e-05 of it", ""},
      {"batch: 512, lr_scaling: linear, base_batch: 128", "constant",
       " x 4 (linear: batch 512 / base_batch 128)"},
      {"batch: 512, lr_scaling: sqrt, base_batch: 256", "constant",
       " x 1.41421 (sqrt: batch 512 / base_batch 256)"},
  };
  for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
    gan_config config;
    char text[128], *yaml = gan_format(SHORTEST "train: {steps: 10000, %s}\n", rows[i].keys);
    check_ok(unit_parse(&config, yaml, 0, NULL));
    gan_schedule schedule = gan_schedule_of(&config, 10000);
    ck_assert_str_eq(gan_schedule_text(&schedule, text, sizeof text), rows[i].text);
    ck_assert_str_eq(gan_schedule_scale_text(&config, text, sizeof text), rows[i].scale);
    gan_config_reset(&config);
    gan_free(&yaml);
  }
}
END_TEST

/* ---- rules between the keys ---- */

static const struct {
  const char *keys, *first, *second; /* of the message */
} refused[] = {
    {"lr_scaling: linear", "key 'train.lr_scaling' is linear", "needs train.base_batch"},
    {"lr_scaling: sqrt, base_batch: null", "key 'train.lr_scaling' is sqrt", "train.base_batch"},
    {"base_batch: 64", "key 'train.base_batch' is 64", "lr_scaling to linear or sqrt"},
    {"lr_schedule: step", "key 'train.lr_schedule' is step", "needs train.lr_step"},
    {"lr_schedule: cosine, lr_step: 5", "key 'train.lr_step' is 5", "lr_schedule to step"},
    {"lr_schedule: linear, lr_gamma: 0.5", "key 'train.lr_gamma' is 0.5", "leave it out (0.1)"},
    {"lr_gamma: 1", "key 'train.lr_gamma' is 1", "train.lr_schedule is constant"},
    {"lr_schedule: exponential", "key 'train.lr_schedule' is exponential", "needs train.lr_gamma"},
    {"lr_schedule: exponential, lr_gamma: 0.5, lr_step: 3", "key 'train.lr_step' is 3",
     "is exponential"},
    {"lr_final: 0.5", "key 'train.lr_final' is 0.5", "linear or cosine or exponential"},
    {"optimizer: {lr: 0.1}", "key 'train.optimizer.lr' is 0.1",
     "train.optimizer.lr_d and train.optimizer.lr_g"},
    {"optimizer: {type: sgd, beta1: 0.9}", "key 'train.optimizer.beta1' is 0.9", "type is sgd"},
    {"optimizer: {type: sgd, beta2: 0.9}", "key 'train.optimizer.beta2' is 0.9", "to adam"},
    {"optimizer: {type: sgd, eps: 1e-7}", "key 'train.optimizer.eps' is 1.0e-07", "to adam"},
    {"optimizer: {momentum: 0.9}", "key 'train.optimizer.momentum' is 0.9", "type is adam"},
    {"optimizer: {nesterov: true}", "key 'train.optimizer.nesterov' is true", "to sgd"},
    {"optimizer: {momentum_final: 0, momentum_steps: 5}", "'train.optimizer.momentum_final' is 0",
     "to sgd"},
    {"optimizer: {type: sgd, momentum_final: 0.7}", "key 'train.optimizer.momentum_final'",
     "needs train.optimizer.momentum_steps"},
    {"optimizer: {type: sgd, momentum_steps: 7}", "key 'train.optimizer.momentum_steps'",
     "needs train.optimizer.momentum_final"},
    {"optimizer: {type: sgd, nesterov: true}", "key 'train.optimizer.nesterov' is true",
     "give train.optimizer.momentum"},
    {"optimizer: {type: sgd, momentum: 1}", "key 'train.optimizer.momentum' is 1",
     "from 0 to 1 (not included)"},
    {"lr_schedule: step, lr_step: 5, lr_final: 0.5", "key 'train.lr_final' is 0.5", "is step"},
    {"lr_decay_steps: 5", "key 'train.lr_decay_steps' is 5", "linear or cosine"},
    {"lr_schedule: linear, lr_decay_steps: 5, lr_warmup_steps: 5",
     "key 'train.lr_decay_steps' is 5", "train.lr_warmup_steps, 5"},
    {"lr_final: 1.1", "key 'train.lr_final' is 1.1", "from 0 to 1"},
    {"lr_gamma: 0", "key 'train.lr_gamma' is 0", "from 0 (not included) to 1"},
    {"lr_schedule: polynomial", "polynomial", "one of: constant, linear, cosine, step, exp"},
    {"lr_scaling: quadratic", "quadratic", "one of: none, linear, sqrt"},
};

START_TEST(keys_without_effect_are_refused) {
  for (size_t i = 0; i < sizeof refused / sizeof *refused; i++) {
    gan_config config;
    char *text = gan_format(SHORTEST "train: {steps: 10, %s}\n", refused[i].keys);
    check_fails(unit_parse(&config, text, 0, NULL), GAN_USAGE, "run.yaml:5", refused[i].first,
                refused[i].second);
    gan_config_reset(&config);
    gan_free(&text);
  }
}
END_TEST

/* A saved config names every key; that is no mistake. */
START_TEST(saved_configs_can_be_read) {
  static const char *const keys[] = {
      "log_every: 5",
      "lr_schedule: cosine, lr_final: 0.25, lr_decay_steps: 9",
      "lr_schedule: step, lr_step: 7, lr_gamma: 0.9",
      "lr_schedule: exponential, lr_gamma: 0.1", /* its default, but it was said */
      "lr_schedule: exponential, lr_gamma: 0.99, optimizer: {type: sgd, momentum: 0.5}",
      "optimizer: {type: sgd, momentum_final: 0.9, momentum_steps: 3, nesterov: true}",
      "optimizer: {type: adam, eps: 1e-7}",
      "batch: 9, lr_scaling: sqrt, base_batch: 3"};
  for (size_t i = 0; i < sizeof keys / sizeof *keys; i++) {
    gan_config config, again;
    char *saved, *text = gan_format(SHORTEST "train: {steps: 10, %s}\n", keys[i]);
    check_ok(unit_parse(&config, text, 0, NULL));
    check_ok(gan_config_yaml(&config, &saved));
    check_ok(unit_parse(&again, saved, 0, NULL));
    gan_config_reset(&config);
    gan_config_reset(&again);
    gan_free(&saved);
    gan_free(&text);
  }
}
END_TEST

int main(void) {
  const unit_test tests[] = {
      {as_pytorch, sizeof pytorch / sizeof *pytorch},
      {constant_is_one_to_the_bit, 1},
      {the_run_is_the_default_length, 1},
      {short_runs_only_warm_up, 1},
      {factors_multiply, 1},
      {scaling, 1},
      {texts, 1},
      {keys_without_effect_are_refused, 1},
      {saved_configs_can_be_read, 1},
  };
  return UNIT_MAIN("schedule", tests);
}
