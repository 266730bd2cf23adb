/* The task gan with a gradient penalty: steps take no memory, pieces of a batch give what the whole
 * gives, the lazy one comes when it is due, and an update that it spoils is left out. */
#include "base/memory.h"
#include "unit/session_support.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* Products of other sizes, and sums in another order, round otherwise. */
static const double ROUNDING = 1e-5;

enum { BATCH = 24, GENERATOR = 0, DISCRIMINATOR = 1, LEARNERS = 2 };

/* Data and fakes in one pass (linear), or in a pass each (convolutions, spectral norms). */
static const char *const discriminators[] = {
    "[linear: {units: 33}, silu, dropout: {p: 0.3}, linear: {units: 1}]",
    "[conv2d: {channels: 5, kernel: 3, spectral_norm: true}, silu, flatten, linear: {units: 1}]",
};
enum { DISCRIMINATORS = sizeof discriminators / sizeof *discriminators };

static const char *const types[] = {"r1", "r2", "wgan_gp", "dragan"};
enum { TYPES = sizeof types / sizeof *types };

/* With `train` behind the keys that are the same in all. */
static void make_session(gan_session *session, const char *discriminator, const char *train) {
  char *text = gan_format("data: {path: 'builtin:digits', shards: 8}\n"
                          "model:\n"
                          "  latent: 7\n"
                          "  generator: [linear: {units: 64}, sigmoid]\n"
                          "  discriminator: %s\n"
                          "train: {batch: %d, steps: 6, %s}\n",
                          discriminator, BATCH, train);
  ck_assert_ptr_nonnull(text);
  unit_session_create(session, text, NULL);
  gan_free(&text);
}

static void make_penalised(gan_session *session, const char *discriminator, const char *type,
                           const char *more) {
  char *train = gan_format("penalty: {type: %s, weight: 5}%s", type, more);
  ck_assert_ptr_nonnull(train);
  make_session(session, discriminator, train);
  gan_free(&train);
}

static double metric_of(const gan_task *task, const char *name) {
  for (int i = 0; i < task->metric_count; i++)
    if (!strcmp(task->metrics[i].name, name)) return task->metrics[i].value;
  ck_abort_msg("no metric %s", name);
  return NAN;
}

START_TEST(steps_take_no_memory) {
  gan_session session;
  make_penalised(&session, discriminators[_i % DISCRIMINATORS], types[_i / DISCRIMINATORS], "");
  uint64_t count = gan_alloc_count();
  for (int i = 0; i < 3; i++) unit_session_step(&session, 1);
  ck_assert_uint_eq(gan_alloc_count(), count);
  gan_session_reset(&session);
}
END_TEST

START_TEST(pieces_take_the_same_step) {
  const char *discriminator = discriminators[_i % DISCRIMINATORS];
  gan_session whole, pieces;
  make_penalised(&whole, discriminator, types[_i / DISCRIMINATORS], "");
  make_penalised(&pieces, discriminator, types[_i / DISCRIMINATORS], ", microbatch: 10");
  unit_session_step(&whole, 1);
  unit_session_step(&pieces, 1);
  for (int i = 0; i < LEARNERS; i++) {
    const gan_net *a = whole.task->learners[i].net, *b = pieces.task->learners[i].net;
    double apart = unit_float_distance(a->slab_size, b->grads, a->grads);
    ck_assert_msg(apart < ROUNDING, "%s: gradients part by %.1e", a->name, apart);
    ck_assert(a->buffer_size == 0 ||
              unit_float_distance(a->buffer_size, b->buffers, a->buffers) < ROUNDING);
  }
  for (int i = 0; i < whole.task->metric_count; i++) {
    double wanted = whole.task->metrics[i].value, got = pieces.task->metrics[i].value;
    ck_assert_msg(fabs(got / wanted - 1) < ROUNDING, "%s", whole.task->metrics[i].name);
  }
  gan_session_reset(&whole);
  gan_session_reset(&pieces);
}
END_TEST

/* With two updates a step and a penalty in every third: in updates 0, 3, 6 and 9, so in all steps
 * but those with updates 4, 5 and 10, 11.  Its value is that of the last. */
START_TEST(lazy_one_comes_when_due) {
  static const bool due[] = {true, true, false, true, true, false};
  gan_session session;
  make_session(&session, discriminators[0], "d_steps: 2, penalty: {type: r1, every: 3}");
  double before = 0;
  for (size_t i = 0; i < sizeof due / sizeof *due; i++) {
    unit_session_step(&session, 1);
    double now = metric_of(session.task, "d_penalty");
    ck_assert(now > 0 && due[i] == (now != before));
    before = now;
  }
  gan_session_reset(&session);
}
END_TEST

/* Where it is due it counts `every` times: from the same weights the gradient moves by as much. */
START_TEST(lazy_one_counts_for_all) {
  static const char *const trains[] = {"penalty: {type: none}", "penalty: {type: r1, weight: 6}",
                                       "penalty: {type: r1, weight: 2, every: 3}"};
  enum { RUNS = sizeof trains / sizeof *trains };
  gan_session sessions[RUNS];
  const float *grads[RUNS];
  for (int i = 0; i < RUNS; i++) {
    make_session(&sessions[i], discriminators[0], trains[i]);
    unit_session_step(&sessions[i], 1);
    grads[i] = sessions[i].task->learners[DISCRIMINATOR].net->grads;
  }
  int64_t n = sessions[0].task->learners[DISCRIMINATOR].net->slab_size;
  ck_assert_double_lt(unit_float_distance(n, grads[2], grads[1]), ROUNDING);
  ck_assert_double_gt(unit_float_distance(n, grads[1], grads[0]), 1e-3);
  double whole = metric_of(sessions[1].task, "d_penalty");
  double lazy = metric_of(sessions[2].task, "d_penalty"); /* without that factor */
  ck_assert_double_eq_tol(3 * lazy / whole, 1, ROUNDING);
  for (int i = 0; i < RUNS; i++) gan_session_reset(&sessions[i]);
}
END_TEST

/* A weight so large that a float's sum of it is endless.  What is kept of it is a number again. */
START_TEST(spoilt_update_is_left_out) {
  gan_session session;
  make_session(&session, discriminators[0],
               "on_nonfinite: skip, penalty: {type: r1, every: 2, weight: 2}");
  gan_net *net = session.task->learners[DISCRIMINATOR].net;
  unit_session_step(&session, 1);
  unit_session_step(&session, 1);
  double kept = metric_of(session.task, "d_penalty");
  for (int64_t i = 0; i < net->slab_size; i++) net->params[i] *= 1e15f;
  gan_net_changed(net);
  float *weights = unit_floats(net->slab_size);
  memcpy(weights, net->params, (size_t)net->slab_size * sizeof *weights);
  unit_session_step(&session, 1);
  ck_assert_int_eq(session.task->skips[DISCRIMINATOR].updates, 1);
  ck_assert_mem_eq(weights, net->params, (size_t)net->slab_size * sizeof *weights);
  for (int64_t i = 0; i < net->slab_size; i++) net->params[i] *= 1e-15f;
  gan_net_changed(net);
  unit_session_step(&session, 1);
  ck_assert_int_eq(session.task->skips[DISCRIMINATOR].updates, 0);
  ck_assert(isfinite(metric_of(session.task, "d_penalty")) && kept > 0);
  gan_free(&weights);
  gan_session_reset(&session);
}
END_TEST

int main(void) {
  const unit_test tests[] = {
      {steps_take_no_memory, TYPES * DISCRIMINATORS},
      {pieces_take_the_same_step, TYPES * DISCRIMINATORS},
      {lazy_one_comes_when_due, 1},
      {lazy_one_counts_for_all, 1},
      {spoilt_update_is_left_out, 1},
  };
  return UNIT_MAIN("penalty_task", tests);
}
