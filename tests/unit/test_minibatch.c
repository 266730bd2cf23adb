/* minibatch_stddev in a run: its groups lie inside shards, so that pieces of a batch, and shards
 * one by one, take the same step; and gaussian_noise: its law, and what keys it. */
#include "base/memory.h"
#include "unit/session_support.h"

#include <math.h>
#include <string.h>

/* Sums of floats in another order: 6e-8 a rounding, some layers of them. */
static const double ROUNDING = 2e-6;

enum { LEARNERS = 2 };

static const char *const config_text = "data: {path: 'builtin:digits', shards: 8}\n"
                                       "model:\n"
                                       "  latent: 16\n"
                                       "  generator: [linear: {units: 64}, sigmoid: {}]\n"
                                       "  discriminator:\n"
                                       "    - flatten: {}\n"
                                       "    - gaussian_noise: {std: 0.3}\n"
                                       "    - linear: {units: 80}\n"
                                       "    - leaky_relu: {slope: 0.2}\n"
                                       "    - minibatch_stddev: {group_size: 4}\n"
                                       "    - linear: {units: 1}\n"
                                       "train: {batch: 64, steps: 6}\n";

static void step_once(gan_session *session, const char *const *overrides) {
  unit_session_create(session, config_text, overrides);
  unit_session_step(session, 1);
}

START_TEST(pieces_take_the_same_step) {
  static const char *const rows[][3] = {{"train.microbatch=16"},
                                        {"train.microbatch=4"},
                                        {"compute.reproducible=true"},
                                        {"compute.reproducible=true", "train.microbatch=16"}};
  gan_session whole, pieces;
  step_once(&whole, NULL);
  step_once(&pieces, rows[_i]);
  for (int i = 0; i < LEARNERS; i++) {
    const gan_net *a = whole.task->learners[i].net, *b = pieces.task->learners[i].net;
    double grads = unit_float_distance(a->slab_size, b->summed, a->summed);
    ck_assert_msg(grads < ROUNDING, "%s: gradients part by %.1e", a->name, grads);
  }
  gan_session_reset(&whole);
  gan_session_reset(&pieces);
}
END_TEST

START_TEST(what_is_refused) {
  static const struct {
    const char *setting, *parts[3];
  } rows[] = {
      {"train.microbatch=6", {"train.microbatch", "minibatch_stddev", "multiples of 4"}},
      {"model.discriminator=[minibatch_stddev: {group_size: 3}, linear: {units: 1}]",
       {"group_size is 3", "divide the 8 samples", "layer 0"}},
      {"data.shards=64", {"group_size is 4", "divide the 1 samples", "fewer data.shards"}},
      {"model.discriminator=[minibatch_stddev: {channels: 7}, linear: {units: 1}]",
       {"8x8x1", "a multiple of its option channels, 7", "minibatch_stddev"}},
      {"model.generator=[linear: {units: 64}, minibatch_stddev: {}, linear: {units: 64}]",
       {"layer 1", "for a discriminator", "the generator"}},
      {"model.discriminator=[gaussian_noise: {std: -1}, linear: {units: 1}]",
       {"gaussian_noise.std", "-1", "from 0"}},
  };
  const char *const overrides[] = {rows[_i].setting, NULL};
  gan_session session;
  check_fails(unit_session_try(&session, config_text, overrides), GAN_USAGE, rows[_i].parts[0],
              rows[_i].parts[1], rows[_i].parts[2]);
  gan_session_reset(&session);
}
END_TEST

/* ---- noise ---- */

enum { SAMPLES = 8, SIZE = 4001, ALL = SAMPLES * SIZE };

static unit_net make_noise(void) {
  return unit_net_create("[gaussian_noise: {std: 0.5}]", (gan_shape){1, 1, SIZE},
                         (gan_shape){0, 0, 0}, SAMPLES);
}

/* What a pass adds to ones. */
static void noise_of(gan_net *net, const gan_pass *pass, float *noise) {
  static float ones[ALL];
  float *y;
  for (int i = 0; i < ALL; i++) ones[i] = 1;
  check_ok(gan_net_forward(net, pass, ones, &y));
  for (int64_t i = 0; i < pass->samples * SIZE; i++) noise[i] = y[i] - 1;
}

/* Mean 0, variance 0.25 and no correlation, each to 5 of its standard errors. */
START_TEST(noise_is_normal) {
  static float noise[ALL];
  unit_net made = make_noise();
  gan_pass pass = unit_pass(SAMPLES);
  noise_of(made.net, &pass, noise);
  double sum = 0, squares = 0, product = 0;
  for (int i = 0; i < ALL; i++) {
    double x = 2 * (double)noise[i];
    sum += x;
    squares += x * x;
    product += x * 2 * (double)noise[(i + SIZE) % ALL]; /* of the next sample */
  }
  ck_assert_double_lt(fabs(sum), 5 * sqrt(ALL));
  ck_assert_double_lt(fabs(squares - ALL), 5 * sqrt(2.0 * ALL));
  ck_assert_double_lt(fabs(product), 5 * sqrt(ALL));
  unit_net_destroy(&made);
}
END_TEST

START_TEST(noise_goes_by_global_sample) {
  static float whole[ALL], parts[ALL];
  unit_net made = make_noise();
  gan_pass pass = unit_pass(SAMPLES);
  noise_of(made.net, &pass, whole);
  pass.samples = SAMPLES / 2;
  for (int part = 0; part < 2; part++) {
    pass.first_sample = part * SAMPLES / 2;
    noise_of(made.net, &pass, parts + part * ALL / 2);
  }
  ck_assert_mem_eq(whole, parts, sizeof whole);
  unit_net_destroy(&made);
}
END_TEST

START_TEST(noise_differs_elsewhere) {
  static float first[ALL], second[ALL];
  unit_net made = make_noise();
  gan_pass pass = unit_pass(SAMPLES);
  noise_of(made.net, &pass, first);
  pass.seed += _i == 0;
  pass.draw += _i == 1;
  pass.phase += _i == 2;
  pass.first_sample += _i == 3 ? SAMPLES : 0;
  noise_of(made.net, &pass, second);
  double product = 0;
  for (int i = 0; i < ALL; i++) product += 4 * (double)first[i] * (double)second[i];
  ck_assert_double_lt(fabs(product), 5 * sqrt(ALL));
  unit_net_destroy(&made);
}
END_TEST

START_TEST(noise_is_nothing_while_sampling) {
  static float noise[ALL];
  unit_net made = make_noise();
  gan_pass pass = unit_pass(SAMPLES);
  pass.training = false;
  noise_of(made.net, &pass, noise);
  for (int i = 0; i < ALL; i++)
    if (noise[i] != 0) ck_abort_msg("number %d is changed", i);
  unit_net_destroy(&made);
}
END_TEST

int main(void) {
  const unit_test tests[] = {{pieces_take_the_same_step, 4}, {what_is_refused, 6},
                             {noise_is_normal, 1},           {noise_goes_by_global_sample, 1},
                             {noise_differs_elsewhere, 4},   {noise_is_nothing_while_sampling, 1}};
  return UNIT_MAIN("minibatch", tests);
}
