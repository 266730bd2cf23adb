/* Packs of samples, and updates at the same weights: what lies where, and that pieces of a batch,
 * and shards one by one, take the same step; the values are compared with PyTorch's in
 * tests/parity. */
#include "base/memory.h"
#include "task/networks.h"
#include "task/packing.h"
#include "unit/session_support.h"

#include <math.h>
#include <string.h>

/* Sums of floats in another order: 6e-8 a rounding, some layers of them. */
static const double ROUNDING = 2e-6;

enum { LEARNERS = 2 };

static const char *const config_text = "data: {path: 'builtin:digits', shards: 8}\n"
                                       "model:\n"
                                       "  latent: 16\n"
                                       "  packing: 2\n"
                                       "  generator:\n"
                                       "    - linear: {units: 48}\n"
                                       "    - batchnorm: {stats: ghost, ghost_size: 2}\n"
                                       "    - relu: {}\n"
                                       "    - linear: {units: 64}\n"
                                       "    - sigmoid: {}\n"
                                       "  discriminator:\n"
                                       "    - linear: {units: 40}\n"
                                       "    - leaky_relu: {slope: 0.2}\n"
                                       "    - dropout: {p: 0.3}\n"
                                       "    - linear: {units: 1}\n"
                                       "train: {batch: 64, steps: 6}\n";

/* Layers that want data and generated samples in a pass each. */
#define APART                                                                                      \
  "model.discriminator=[conv2d: {channels: 6, kernel: 4, stride: 2}, leaky_relu: {}, "             \
  "minibatch_stddev: {group_size: 2}, flatten: {}, linear: {units: 1}]"

/* ---- what lies where ---- */

enum { PACKS = 5, M = 3, PIXELS = 4, CHANNELS = 2, SIZE = PIXELS * CHANNELS };

START_TEST(packs_are_channels) {
  float samples[PACKS * M * SIZE], packs[PACKS * M * SIZE], back[PACKS * M * SIZE];
  gan_packing packing = {.samples = M, .pixels = PIXELS, .channels = CHANNELS, .packs = packs};
  unit_fill(samples, PACKS * M * SIZE, 1, -1, 1);
  ck_assert_ptr_eq(gan_packing_join(&packing, PACKS, samples), packs);
  for (int i = 0; i < PACKS * M; i++)
    for (int p = 0; p < PIXELS; p++)
      for (int c = 0; c < CHANNELS; c++) {
        float found = packs[(i / M) * M * SIZE + p * M * CHANNELS + (i % M) * CHANNELS + c];
        ck_assert(found == samples[i * SIZE + p * CHANNELS + c]);
      }
  gan_packing_split(&packing, PACKS, packs, back);
  ck_assert_mem_eq(back, samples, sizeof samples);
}
END_TEST

START_TEST(points_lie_as_their_packs) {
  float samples[12] = {0};
  gan_packing packing = {.samples = M, .pixels = 1, .channels = 2};
  ck_assert(gan_packing_is_plain(&packing));
  ck_assert_ptr_eq(gan_packing_join(&packing, 2, samples), samples);
}
END_TEST

/* ---- steps ---- */

static const char *const ways[][3] = {
    {NULL},
    {APART, NULL},
    {"train.update=simultaneous", NULL},
    {APART, "train.update=simultaneous", NULL},
    {"model.packing=1", "train.update=simultaneous", NULL},
    {APART, "model.packing=4", NULL},
};
enum { WAYS = sizeof ways / sizeof *ways };

static const char *const cuts[] = {"train.microbatch=16", "train.microbatch=8",
                                   "compute.reproducible=true"};
enum { CUTS = sizeof cuts / sizeof *cuts };

START_TEST(pieces_take_the_same_step) {
  const char *const *way = ways[_i / CUTS];
  const char *settings[4] = {NULL};
  int count = 0;
  while (way[count]) settings[count] = way[count], count++;
  gan_session whole, pieces;
  unit_session_create(&whole, config_text, settings);
  settings[count] = cuts[_i % CUTS];
  unit_session_create(&pieces, config_text, settings);
  unit_session_step(&whole, 1);
  unit_session_step(&pieces, 1);
  for (int i = 0; i < LEARNERS; i++) {
    const gan_net *a = whole.task->learners[i].net, *b = pieces.task->learners[i].net;
    double grads = unit_float_distance(a->slab_size, b->summed, a->summed);
    ck_assert_msg(grads < ROUNDING, "%s: gradients part by %.1e", a->name, grads);
  }
  for (int i = 0; i < whole.task->metric_count; i++)
    ck_assert_double_eq_tol(pieces.task->metrics[i].value, whole.task->metrics[i].value, 1e-5);
  gan_session_reset(&whole);
  gan_session_reset(&pieces);
}
END_TEST

START_TEST(steps_take_no_memory) {
  gan_session session;
  unit_session_create(&session, config_text, ways[_i]);
  uint64_t count = gan_alloc_count();
  unit_session_step(&session, 3);
  ck_assert_uint_eq(gan_alloc_count(), count);
  gan_session_reset(&session);
}
END_TEST

/* Of two networks that are updated at the same weights neither is if the numbers of one are bad. */
START_TEST(both_are_skipped) {
  gan_session session;
  unit_session_create(
      &session, config_text,
      (const char *[]){"train.update=simultaneous", "train.on_nonfinite=skip", NULL});
  gan_task *task = session.task;
  float *broken = task->learners[GAN_GENERATOR].net->params, kept = *broken;
  unit_session_step(&session, 1);
  *broken = NAN;
  unit_session_step(&session, 1);
  for (int i = 0; i < LEARNERS; i++) {
    ck_assert_int_eq(task->skips[i].updates, 1);
    ck_assert_int_eq(task->learners[i].optimizer->step, 1);
  }
  *broken = kept;
  unit_session_step(&session, 1);
  for (int i = 0; i < LEARNERS; i++) ck_assert_int_eq(task->learners[i].optimizer->step, 2);
  gan_session_reset(&session);
}
END_TEST

/* The second network does not see what the first has just learnt: its rate does not matter. */
START_TEST(gradients_are_of_the_same_weights) {
  const char *const order[] = {"train.update=simultaneous", "train.update=alternating"};
  gan_session slow, fast;
  unit_session_create(&slow, config_text,
                      (const char *[]){order[_i], "train.optimizer.lr_d=0", NULL});
  unit_session_create(&fast, config_text,
                      (const char *[]){order[_i], "train.optimizer.lr_d=0.1", NULL});
  unit_session_step(&slow, 1);
  unit_session_step(&fast, 1);
  const gan_net *a = slow.task->learners[GAN_GENERATOR].net;
  const gan_net *b = fast.task->learners[GAN_GENERATOR].net;
  double apart = unit_float_distance(a->slab_size, b->summed, a->summed);
  ck_assert(_i ? apart > 1e-2 : apart == 0);
  gan_session_reset(&slow);
  gan_session_reset(&fast);
}
END_TEST

/* ---- mistakes ---- */

START_TEST(what_is_refused) {
  static const struct {
    const char *settings[2], *parts[3];
  } rows[] = {
      {{"model.packing=3"}, {"model.packing", "8 samples", "multiple of 24"}},
      {{"model.packing=2", "data.shards=64"}, {"model.packing", "1 samples", "fewer data.shards"}},
      {{"model.packing=2", "train.microbatch=9"}, {"train.microbatch", "9", "packs of 2"}},
      {{"model.packing=2", "model.classes=10"}, {"model.packing", "model.classes is 10", "class"}},
      {{APART, "train.microbatch=6"}, {"train.microbatch", "groups of 4", "minibatch_stddev"}},
      {{"model.discriminator=[diff_augment: {cutout: 0.5}, flatten: {}, linear: {units: 1}]"},
       {"model.packing", "diff_augment", "layer 0"}},
      {{"train.update=simultaneous", "train.d_steps=2"}, {"train.d_steps", "2", "simultaneous"}},
      {{"train.update=simultaneous", "train.g_steps=2"}, {"train.g_steps", "2", "simultaneous"}},
      {{"train.update=simultaneous", "train.reuse_fakes=true"},
       {"train.reuse_fakes", "true", "simultaneous"}},
      {{"train.update=simultaneous", "comm.overlap=true"},
       {"comm.overlap", "true", "simultaneous"}},
  };
  const char *const overrides[] = {rows[_i].settings[0], rows[_i].settings[1], NULL};
  gan_session session;
  check_fails(unit_session_try(&session, config_text, overrides), GAN_USAGE, rows[_i].parts[0],
              rows[_i].parts[1], rows[_i].parts[2]);
  gan_session_reset(&session);
}
END_TEST

/* Shards that packs fit into are found without being asked for. */
START_TEST(default_shards_fit) {
  gan_session session;
  unit_session_create(
      &session, config_text,
      (const char *[]){"data.shards=null", "train.batch=100", "model.packing=4", NULL});
  ck_assert_int_eq(session.config.data.shards, 5);
  gan_session_reset(&session);
}
END_TEST

int main(void) {
  const unit_test tests[] = {{packs_are_channels, 1},
                             {points_lie_as_their_packs, 1},
                             {pieces_take_the_same_step, WAYS * CUTS},
                             {steps_take_no_memory, WAYS},
                             {both_are_skipped, 1},
                             {gradients_are_of_the_same_weights, 2},
                             {what_is_refused, 10},
                             {default_shards_fit, 1}};
  return UNIT_MAIN("packing", tests);
}
