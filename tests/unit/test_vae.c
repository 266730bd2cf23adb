/* The task vae on real data: the same bits for the same seed, no memory taken in a step, tests that
 * leave no trace, and their figures against plain passes. */
#include "base/memory.h"
#include "data/heldout.h"
#include "task/generate.h"
#include "unit/session_support.h"

#include <math.h>
#include <string.h>

/* Losses of float passes, whose matrix products of other sizes round otherwise. */
static const double PRODUCT_ROUNDING = 1e-5;

enum { BATCH = 12, PIXELS = 64, LATENT = 3 };

static const char *const config_text = "task: vae\n"
                                       "data: {path: 'builtin:digits', test: 'builtin:digits'}\n"
                                       "model:\n"
                                       "  latent: 3\n"
                                       "  encoder:\n"
                                       "    - conv2d: {channels: 3, kernel: 3, bias: false}\n"
                                       "    - batchnorm: {}\n"
                                       "    - relu: {}\n"
                                       "    - flatten: {}\n"
                                       "    - linear: {units: 6}\n"
                                       "  decoder:\n"
                                       "    - linear: {units: 20}\n"
                                       "    - relu: {}\n"
                                       "    - dropout: {p: 0.3}\n"
                                       "    - linear: {units: 64}\n"
                                       "train: {batch: 12, steps: 6}\n";

static double test_of(const gan_task *task, const char *name) {
  for (int i = 0; i < task->test_count; i++)
    if (!strcmp(task->tests[i].name, name)) return task->tests[i].value;
  ck_abort_msg("no test %s", name);
  return NAN;
}

/* Weights, statistics and counters, as one digest. */
static gan_digest state_of(const gan_session *session) {
  gan_hasher *hasher = gan_hasher_create();
  const gan_task *task = session->task;
  for (int i = 0; i < task->learner_count; i++) {
    const gan_net *net = task->learners[i].net;
    gan_hasher_add(hasher, net->params, (size_t)net->slab_size * sizeof(float));
    gan_hasher_add(hasher, net->buffers, (size_t)net->buffer_size * sizeof(float));
    gan_hasher_add(hasher, net->counters, (size_t)net->counter_count * sizeof(int64_t));
  }
  for (int i = 0; i < task->counter_count; i++)
    gan_hasher_add(hasher, task->counters[i].value, sizeof(int64_t));
  gan_digest digest = gan_hasher_digest(hasher);
  gan_hasher_destroy(&hasher);
  return digest;
}

static gan_digest run_of(const char *const *overrides, int steps) {
  gan_session session;
  unit_session_create(&session, config_text, overrides);
  unit_session_step(&session, steps);
  gan_digest made = state_of(&session);
  gan_session_reset(&session);
  return made;
}

#define NO_BATCHNORM                                                                               \
  "model.encoder=[{linear: {units: 20}}, {relu: {}}, {dropout: {p: 0.2}}, {linear: {units: 6}}]"

static const char *const ways[][4] = {
    {NULL},
    {"compute.reproducible=true", NULL},
    {"train.microbatch=4", NO_BATCHNORM, NULL},
    {"model.likelihood=gaussian", "train.kl_warmup_steps=4", "train.decoder_std=0.5", NULL},
    {"model.stochastic=false", "model.encoder=[{linear: {units: 3}}]", NULL},
};
enum { WAYS = sizeof ways / sizeof *ways };

START_TEST(seed_gives_the_bits) {
  ck_assert(gan_digest_equal(run_of(ways[_i], 3), run_of(ways[_i], 3)));
  static const char *const others[] = {"seed=2", "train.optimizer.lr=0.01", "train.beta=2",
                                       "train.kl_warmup_steps=9", "model.likelihood=gaussian"};
  for (size_t i = 0; i < sizeof others / sizeof *others; i++)
    ck_assert_msg(!gan_digest_equal(run_of(NULL, 3), run_of((const char *[]){others[i], NULL}, 3)),
                  "%s changes nothing", others[i]);
}
END_TEST

START_TEST(steps_and_tests_take_no_memory) {
  gan_session session;
  unit_session_create(&session, config_text, ways[_i]);
  uint64_t count = gan_alloc_count();
  unit_session_step(&session, 5);
  check_ok(session.task->type->test(session.task));
  ck_assert_uint_eq(gan_alloc_count(), count);
  gan_session_reset(&session);
}
END_TEST

/* A run with tests in it is the run without; and a test gives the same figures each time. */
START_TEST(tests_leave_no_trace) {
  gan_session session;
  unit_session_create(&session, config_text, ways[_i]);
  unit_session_step(&session, 1);
  check_ok(session.task->type->test(session.task));
  double first = test_of(session.task, "test_loss");
  check_ok(session.task->type->test(session.task));
  ck_assert_double_eq(test_of(session.task, "test_loss"), first);
  unit_session_step(&session, 2);
  ck_assert(gan_digest_equal(state_of(&session), run_of(ways[_i], 3)));
  gan_session_reset(&session);
}
END_TEST

/* The divergence that a test finds, by one pass over each image and the formula. */
START_TEST(divergence_of_a_test) {
  gan_session session;
  unit_session_create(&session, config_text, NULL);
  gan_task *task = session.task;
  gan_net *encoder = task->learners[0].net;
  float image[PIXELS], *code;
  double sum = 0;
  unit_session_step(&session, 4);
  check_ok(task->type->test(task));
  int64_t n = task->test->info.n;
  for (int64_t i = 0; i < n; i++) {
    gan_pass pass = {.comm = gan_comm_alone(), .samples = 1, .batch = 1};
    gan_heldout_images(task->test, i, 1, image);
    check_ok(gan_net_forward(encoder, &pass, image, &code));
    for (int k = 0; k < LATENT; k++) {
      double mean = (double)code[k], v = (double)code[LATENT + k];
      sum += (mean * mean + exp(v) - 1 - v) / 2;
    }
  }
  double kl = test_of(task, "test_kl");
  ck_assert_double_eq_tol(kl, sum / (double)n, PRODUCT_ROUNDING * kl);
  ck_assert_double_eq_tol(test_of(task, "test_loss"), test_of(task, "test_reconstruction") + kl,
                          1e-12 * test_of(task, "test_loss"));
  gan_session_reset(&session);
}
END_TEST

/* What an image's code is does not depend on how it is asked for; and images come back in the
 * data's units. */
START_TEST(codes) {
  enum { N = 40 };
  gan_session session;
  unit_session_create(&session, config_text, NULL);
  gan_task *task = session.task;
  gan_data_facts facts = gan_session_data_facts(&session);
  float images[N * PIXELS], latent[N * LATENT], made[N * PIXELS], x[PIXELS], *code;
  unit_session_step(&session, 2);
  for (int i = 0; i < N * PIXELS; i++) images[i] = (float)(i * 7 % 256);
  check_ok(gan_encode(task->learners[0].net, &facts, N, LATENT, images, latent));
  for (int i = 0; i < N; i++) {
    gan_pass pass = {.comm = gan_comm_alone(), .samples = 1, .batch = 1};
    for (int p = 0; p < PIXELS; p++) x[p] = images[i * PIXELS + p] / 255;
    check_ok(gan_net_forward(task->learners[0].net, &pass, x, &code));
    for (int k = 0; k < LATENT; k++)
      ck_assert_double_eq_tol((double)latent[i * LATENT + k], (double)code[k], PRODUCT_ROUNDING);
  }
  check_ok(gan_generate_from(task->learners[1].net, true, &facts, N, latent, NULL, made));
  for (int i = 0; i < N * PIXELS; i++) ck_assert(made[i] >= 0 && made[i] <= 255);
  gan_session_reset(&session);
}
END_TEST

START_TEST(quantiles) {
  static const double known[][2] = {{0.5, 0}, {0.975, 1.959963985}, {0.0013498980, -3}};
  for (size_t i = 0; i < sizeof known / sizeof *known; i++)
    ck_assert_double_eq_tol((double)gan_latent_quantile(GAN_LATENT_NORMAL, known[i][0]),
                            known[i][1], 2e-6);
  ck_assert_double_eq_tol((double)gan_latent_quantile(GAN_LATENT_UNIFORM, 0.25), -0.5, 1e-7);
}
END_TEST

/* The norm that is bounded is that of both networks together: of a plain step at rate 1 it is what
 * all weights move by. */
START_TEST(gradients_are_clipped_together) {
  static const char *const overrides[] = {"train.optimizer={type: sgd, lr: 1}",
                                          "train.clip_norm=0.01", NULL};
  gan_session session;
  float *before[2];
  double squares = 0;
  unit_session_create(&session, config_text, overrides);
  gan_task *task = session.task;
  for (int i = 0; i < 2; i++) {
    const gan_net *net = task->learners[i].net;
    before[i] = unit_floats(net->slab_size);
    memcpy(before[i], net->params, (size_t)net->slab_size * sizeof(float));
  }
  unit_session_step(&session, 1);
  for (int i = 0; i < 2; i++) {
    const gan_net *net = task->learners[i].net;
    double own = 0;
    for (int64_t k = 0; k < net->slab_size; k++)
      own += pow((double)net->params[k] - (double)before[i][k], 2);
    ck_assert_double_gt(own, 0);
    squares += own;
    gan_free(&before[i]);
  }
  ck_assert_double_eq_tol(sqrt(squares), 0.01, 1e-5); /* weights of 1 are rounded to 6e-8 each */
  gan_session_reset(&session);
}
END_TEST

int main(void) {
  const unit_test tests[] = {{gradients_are_clipped_together, 1},
                             {seed_gives_the_bits, WAYS},
                             {steps_and_tests_take_no_memory, WAYS},
                             {tests_leave_no_trace, WAYS},
                             {divergence_of_a_test, 1},
                             {codes, 1},
                             {quantiles, 1}};
  return UNIT_MAIN("vae", tests);
}
