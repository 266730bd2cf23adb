/* The moving average of a generator's weights: its formula, step by step, in double; and that it
 * leaves the run as it is. */
#include "base/memory.h"
#include "optim/average.h"
#include "task/networks.h"
#include "train/session.h"
#include "unit/support.h"

#include <math.h>
#include <string.h>

/* The average is rounded to float in each of 8 steps. */
static const double ROUNDING = 2e-6;
static const double EXACT = 1e-12;

enum { STEPS = 8, BATCH = 12 };

static const char *const config_text = "data: {path: 'builtin:digits'}\n"
                                       "model:\n"
                                       "  latent: 5\n"
                                       "  generator:\n"
                                       "    - linear: {units: 24}\n"
                                       "    - batchnorm: {}\n"
                                       "    - relu: {}\n"
                                       "    - linear: {units: 64, spectral_norm: true}\n"
                                       "    - sigmoid: {}\n"
                                       "  discriminator: [linear: {units: 1}]\n"
                                       "train: {batch: 12, steps: 9}\n";

static void make(gan_session *session, int count, const char *const *overrides) {
  const char *path = unit_path("run.yaml");
  unit_write(path, config_text, strlen(config_text));
  *session = (gan_session){.comm = gan_comm_alone()};
  check_ok(gan_session_config(session, path, overrides, count));
  check_ok(gan_session_build(session));
  check_ok(gan_session_load(session));
  gan_task_init(session->task);
}

static gan_learner *generator_of(gan_session *session) {
  return &session->task->learners[GAN_GENERATOR];
}

static void step(gan_session *session) {
  check_ok(session->task->type->step(session->task));
}

/* ---- the weight of an update ---- */

START_TEST(what_new_weights_count_for) {
  gan_average average = {.half_life = 240, .batch = 24};
  ck_assert_double_eq_tol(gan_average_rest(&average), 1 - pow(0.5, 0.1), EXACT);
  average.warmup = 0.05;
  ck_assert(gan_average_rest(&average) == 1); /* no images so far */
  average.updates = 100;                      /* 2400 images: a half-life of 120 */
  ck_assert_double_eq_tol(gan_average_rest(&average), 1 - pow(0.5, 0.2), EXACT);
  average.updates = 1000; /* 24000 images: 240 is less than 1200 */
  ck_assert_double_eq_tol(gan_average_rest(&average), 1 - pow(0.5, 0.1), EXACT);
}
END_TEST

/* ---- steps ---- */

static const struct {
  const char *setting, *warmup;
  double decay;
} ways[] = {
    {"train.ema.decay=0.75", "train.ema.warmup=0", 0.75},
    {"train.ema.decay=0", "train.ema.warmup=0", 0},
    {"train.ema.half_life_images=24", "train.ema.warmup=0", 0.70710678118654752},
};

START_TEST(average_is_the_formula) {
  gan_session session;
  make(&session, 2, (const char *[]){ways[_i].setting, ways[_i].warmup});
  const gan_learner *learner = generator_of(&session);
  const gan_net *averaged = learner->average->net;
  int64_t n = learner->net->slab_size;
  double *wanted = gan_alloc((size_t)n, sizeof *wanted, "an average");
  for (int64_t i = 0; i < n; i++) wanted[i] = (double)learner->net->params[i];
  for (int k = 0; k < STEPS; k++) {
    step(&session);
    for (int64_t i = 0; i < n; i++)
      wanted[i] =
          ways[_i].decay * wanted[i] + (1 - ways[_i].decay) * (double)learner->net->params[i];
    ck_assert_double_lt(unit_distance(n, averaged->params, wanted), ROUNDING);
    ck_assert_mem_eq(averaged->buffers, learner->net->buffers,
                     (size_t)averaged->buffer_size * sizeof(float));
    ck_assert_mem_eq(averaged->counters, learner->net->counters,
                     (size_t)averaged->counter_count * sizeof(int64_t));
  }
  double apart = unit_distance(n, learner->net->params, wanted);
  ck_assert(ways[_i].decay > 0 ? apart > 1e-4 : apart < ROUNDING);
  ck_assert_int_eq(learner->average->updates, STEPS);
  gan_free(&wanted);
  gan_session_reset(&session);
}
END_TEST

START_TEST(warmup_copies_first) {
  gan_session session;
  make(&session, 1, (const char *[]){"train.ema.decay=0.999"});
  const gan_learner *learner = generator_of(&session);
  size_t slab = (size_t)learner->net->slab_size * sizeof(float);
  step(&session);
  ck_assert_mem_eq(learner->average->net->params, learner->net->params, slab);
  for (int k = 1; k < STEPS; k++) step(&session);
  ck_assert(memcmp(learner->average->net->params, learner->net->params, slab) != 0);
  gan_session_reset(&session);
}
END_TEST

/* The run itself is the same to the bit, and takes no memory in a step. */
START_TEST(run_stays) {
  gan_session with, without;
  make(&with, 1, (const char *[]){"train.ema.decay=0.9"});
  make(&without, 0, NULL);
  ck_assert_ptr_null(generator_of(&without)->average);
  uint64_t count = gan_alloc_count();
  for (int k = 0; k < STEPS; k++) step(&with);
  ck_assert_uint_eq(gan_alloc_count(), count);
  for (int k = 0; k < STEPS; k++) step(&without);
  for (int i = 0; i < 2; i++) {
    const gan_net *a = with.task->learners[i].net, *b = without.task->learners[i].net;
    ck_assert_mem_eq(a->params, b->params, (size_t)a->slab_size * sizeof(float));
    ck_assert_mem_eq(a->buffers, b->buffers, (size_t)a->buffer_size * sizeof(float));
  }
  gan_session_reset(&with);
  gan_session_reset(&without);
}
END_TEST

/* The generator has two updates a step: both count. */
START_TEST(every_update_counts) {
  gan_session session;
  make(&session, 2, (const char *[]){"train.ema.decay=0.9", "train.g_steps=2"});
  for (int k = 0; k < 3; k++) step(&session);
  ck_assert_int_eq(generator_of(&session)->average->updates, 6);
  gan_session_reset(&session);
}
END_TEST

START_TEST(skipped_updates_leave_it) {
  gan_session session;
  make(&session, 2, (const char *[]){"train.ema.decay=0.9", "train.on_nonfinite=skip"});
  const gan_learner *learner = generator_of(&session);
  size_t slab = (size_t)learner->net->slab_size * sizeof(float);
  step(&session);
  float *before = gan_alloc(1, slab, "an average"), kept;
  memcpy(before, learner->average->net->params, slab);
  float *broken = session.task->learners[GAN_DISCRIMINATOR].net->params;
  kept = *broken;
  *broken = NAN;
  step(&session);
  ck_assert_int_eq(session.task->skips[GAN_GENERATOR].updates, 1);
  ck_assert_mem_eq(learner->average->net->params, before, slab);
  ck_assert_int_eq(learner->average->updates, 1);
  *broken = kept;
  step(&session);
  ck_assert_int_eq(learner->average->updates, 2);
  gan_free(&before);
  gan_session_reset(&session);
}
END_TEST

/* As a run goes back: all to zero, then first weights. */
START_TEST(goes_back_to_the_beginning) {
  gan_session session;
  make(&session, 1, (const char *[]){"train.ema.decay=0.9"});
  const gan_learner *learner = generator_of(&session);
  for (int k = 0; k < 3; k++) step(&session);
  gan_task_clear(session.task);
  ck_assert_int_eq(learner->average->updates, 0);
  for (int64_t i = 0; i < learner->net->slab_size; i++)
    if (learner->average->net->params[i] != 0) ck_abort_msg("number %lld stays", (long long)i);
  gan_task_init(session.task);
  ck_assert_mem_eq(learner->average->net->params, learner->net->params,
                   (size_t)learner->net->slab_size * sizeof(float));
  gan_session_reset(&session);
}
END_TEST

/* ---- keys ---- */

START_TEST(what_does_not_go_together) {
  static const struct {
    const char *settings[2];
    const char *key;
  } rows[] = {
      {{"train.ema.decay=0.9", "train.ema.half_life_images=100"}, "train.ema.decay"},
      {{"train.ema.warmup=0.1", "seed=1"}, "train.ema.warmup"},
      {{"train.ema.decay=1", "seed=1"}, "train.ema.decay"},
      {{"train.ema.half_life_images=0", "seed=1"}, "train.ema.half_life_images"},
  };
  gan_config config;
  check_fails(unit_parse(&config, config_text, 2, rows[_i].settings), GAN_USAGE, rows[_i].key);
  gan_config_reset(&config);
}
END_TEST

int main(void) {
  const unit_test tests[] = {
      {what_new_weights_count_for, 1}, {average_is_the_formula, sizeof ways / sizeof *ways},
      {warmup_copies_first, 1},        {run_stays, 1},
      {every_update_counts, 1},        {skipped_updates_leave_it, 1},
      {goes_back_to_the_beginning, 1}, {what_does_not_go_together, 4}};
  return UNIT_MAIN("average", tests);
}
