/* A batch that passes in pieces takes the same step as one that passes whole. */
#include "base/memory.h"
#include "unit/session_support.h"

#include <math.h>
#include <string.h>

/* Products of other sizes, and sums in another order, round otherwise. */
static const double ROUNDING = 1e-5;

enum { BATCH = 64, LEARNERS = 2 };

static const char *const config_text =
    "data: {path: 'builtin:digits', shards: 8}\n"
    "model:\n"
    "  latent: 16\n"
    "  generator:\n"
    "    - linear: {units: 96, bias: false}\n"
    "    - batchnorm: {stats: ghost, ghost_size: 4}\n"
    "    - relu: {}\n"
    "    - linear: {units: 64}\n"
    "    - sigmoid: {}\n"
    "  discriminator:\n"
    "    - linear: {units: 80, bias: false}\n" /* a bias before batchnorm has a gradient of noise */
    "    - batchnorm: {stats: ghost}\n"
    "    - leaky_relu: {slope: 0.2}\n"
    "    - dropout: {p: 0.3}\n"
    "    - linear: {units: 1}\n"
    "train: {batch: 64, steps: 6}\n";

/* The session behind one step with these settings. */
static void step_once(gan_session *session, const char *first, const char *second) {
  unit_session_create(session, config_text, (const char *const[]){first, second, NULL});
  unit_session_step(session, 1);
}

START_TEST(pieces_take_the_same_step) {
  gan_session whole, pieces;
  step_once(&whole, NULL, NULL);
  step_once(&pieces, "train.microbatch=16", NULL);
  for (int i = 0; i < LEARNERS; i++) {
    const gan_net *a = whole.task->learners[i].net, *b = pieces.task->learners[i].net;
    double grads = unit_float_distance(a->slab_size, b->grads, a->grads);
    double buffers = unit_float_distance(a->buffer_size, b->buffers, a->buffers);
    ck_assert_msg(grads < ROUNDING && buffers < ROUNDING,
                  "%s: gradients part by %.1e, statistics by %.1e", a->name, grads, buffers);
    ck_assert_int_eq(*a->counters, *b->counters);
  }
  for (int i = 0; i < whole.task->metric_count; i++) {
    double wanted = whole.task->metrics[i].value, got = pieces.task->metrics[i].value;
    ck_assert_msg(fabs(got / wanted - 1) < ROUNDING, "%s", whole.task->metrics[i].name);
  }
  gan_session_reset(&whole);
  gan_session_reset(&pieces);
}
END_TEST

START_TEST(reproducible_pieces_have_the_same_bits) {
  static const char *const sizes[] = {"train.microbatch=16", "train.microbatch=8",
                                      "train.microbatch=24", "train.microbatch=1000"};
  gan_session whole, pieces;
  step_once(&whole, "compute.reproducible=true", NULL);
  for (size_t k = 0; k < sizeof sizes / sizeof *sizes; k++) {
    step_once(&pieces, "compute.reproducible=true", sizes[k]);
    for (int i = 0; i < LEARNERS; i++) {
      const gan_net *a = whole.task->learners[i].net, *b = pieces.task->learners[i].net;
      ck_assert_mem_eq(a->grads, b->grads, (size_t)a->slab_size * sizeof(float));
      ck_assert_mem_eq(a->params, b->params, (size_t)a->slab_size * sizeof(float));
      ck_assert_mem_eq(a->buffers, b->buffers, (size_t)a->buffer_size * sizeof(float));
    }
    gan_session_reset(&pieces);
  }
  gan_session_reset(&whole);
}
END_TEST

START_TEST(pieces_bound_the_memory_of_activations) {
  gan_session whole, pieces;
  const char *library = "compute.library=openblas"; /* it keeps no other order of the weights */
  step_once(&whole, library, NULL);
  step_once(&pieces, library, "train.microbatch=16");
  for (int i = 0; i < LEARNERS; i++) {
    double a = (double)whole.task->learners[i].net->activation_bytes;
    double b = (double)pieces.task->learners[i].net->activation_bytes;
    ck_assert_msg(b < 0.3 * a, "%g of %g bytes", b, a); /* a quarter, and what has a fixed size */
  }
  gan_session_reset(&whole);
  gan_session_reset(&pieces);
}
END_TEST

START_TEST(steps_in_pieces_take_no_memory) {
  gan_session session;
  step_once(&session, "train.microbatch=16", "compute.reproducible=true");
  uint64_t count = gan_alloc_count();
  check_ok(session.task->type->step(session.task));
  ck_assert_uint_eq(gan_alloc_count(), count);
  gan_session_reset(&session);
}
END_TEST

#define GENERATOR "model.generator=[linear: {units: 8}, "
#define REST      ", linear: {units: 64}]"

START_TEST(what_cannot_be_cut_is_named) {
  static const struct {
    const char *first, *second, *parts[3];
  } rows[] = {
      {"train.microbatch=16",
       GENERATOR "batchnorm: {}" REST,
       {"train.microbatch", "layer 1 (batchnorm) of the generator", "stats: ghost"}},
      {"train.microbatch=18",
       GENERATOR "relu: {}" REST,
       {"18", "groups of 8", "layer 1 (batchnorm) of the discriminator"}},
      {"train.microbatch=4", "compute.reproducible=true", {"4", "8", "layer 1 (batchnorm)"}},
      {"train.microbatch=4",
       GENERATOR "batchnorm: {stats: ghost, ghost_size: 3}" REST,
       {"ghost_size is 3", "8 samples", "2, 4, 8"}},
      {"train.microbatch=16",
       "train.reuse_fakes=true",
       {"train.microbatch", "train.reuse_fakes", "up to 64"}},
      {"train.batch=8",
       GENERATOR "batchnorm: {stats: ghost}" REST,
       {"ghost_size is 1", "more than one", "none"}},
  };
  gan_session session;
  const char *const overrides[] = {rows[_i].first, rows[_i].second, NULL};
  ck_assert_int_eq(unit_session_try(&session, config_text, overrides), GAN_USAGE);
  for (int k = 0; k < 3; k++)
    ck_assert_msg(strstr(gan_error_message(), rows[_i].parts[k]), "'%s' lacks '%s'",
                  gan_error_message(), rows[_i].parts[k]);
  gan_session_reset(&session);
}
END_TEST

/* Without groups the share of a shard is what reproducible pieces must hold. */
START_TEST(reproducible_pieces_hold_whole_shares) {
  gan_session session;
  const char *const overrides[] = {
      "train.microbatch=12", "compute.reproducible=true", GENERATOR "relu" REST,
      "model.discriminator=[linear: {units: 8}, relu, linear: {units: 1}]", NULL};
  ck_assert_int_eq(unit_session_try(&session, config_text, overrides), GAN_USAGE);
  ck_assert(strstr(gan_error_message(), "multiples of 8"));
  gan_session_reset(&session);
  check_ok(unit_session_try(&session, config_text, overrides + 2));
  gan_session_reset(&session);
}
END_TEST

int main(void) {
  const unit_test tests[] = {
      {pieces_take_the_same_step, 1},
      {reproducible_pieces_have_the_same_bits, 1},
      {pieces_bound_the_memory_of_activations, 1},
      {steps_in_pieces_take_no_memory, 1},
      {what_cannot_be_cut_is_named, 6},
      {reproducible_pieces_hold_whole_shares, 1},
  };
  return UNIT_MAIN("microbatch", tests);
}
