/* The task gan on real data: what a step does, that it is the same again, and what comes out. */
#include "base/memory.h"
#include "kernels/update.h"
#include "task/generate.h"
#include "train/resume.h"
#include "unit/session_support.h"

#include <math.h>
#include <string.h>

/* Matrix products of other sizes round otherwise. */
static const double PRODUCT_ROUNDING = 1e-5;

enum { GENERATOR, DISCRIMINATOR, BATCH = 12, LATENT = 7 };

static const char *const config_text = "data: {path: 'builtin:digits'}\n"
                                       "model:\n"
                                       "  latent: 7\n"
                                       "  generator:\n"
                                       "    - linear: {units: 19, bias: false}\n"
                                       "    - batchnorm: {}\n"
                                       "    - relu: {}\n"
                                       "    - linear: {units: 64}\n"
                                       "    - tanh: {}\n"
                                       "  discriminator:\n"
                                       "    - linear: {units: 33}\n"
                                       "    - leaky_relu: {slope: 0.2}\n"
                                       "    - dropout: {p: 0.3}\n"
                                       "    - batchnorm: {}\n"
                                       "    - linear: {units: 1}\n"
                                       "train: {batch: 12, steps: 6}\n";

/* What relativistic judges must not have: batch norms. */
#define UNMIXED                                                                                    \
  "model.discriminator=[{linear: {units: 33}}, {leaky_relu: {slope: 0.2}}, {dropout: {p: 0.3}}, "  \
  "{linear: {units: 1}}]"

/* ---- state ---- */

/* All that a run goes on from, as bytes. */
typedef struct {
  char *bytes;
  size_t n;
} state;

static void append(state *to, const void *bytes, size_t n) {
  if (to->bytes) memcpy(to->bytes + to->n, bytes, n);
  to->n += n;
}

static void collect(state *to, const gan_task *task) {
  to->n = 0;
  for (int i = 0; i < task->learner_count; i++) {
    const gan_net *net = task->learners[i].net;
    const gan_optimizer *adam = task->learners[i].optimizer;
    size_t slab = (size_t)net->slab_size * sizeof(float);
    append(to, net->params, slab);
    append(to, adam->moments[0], slab);
    append(to, adam->moments[1], slab);
    append(to, &adam->step, sizeof adam->step);
    append(to, net->buffers, (size_t)net->buffer_size * sizeof(float));
    append(to, net->counters, (size_t)net->counter_count * sizeof(int64_t));
  }
  for (int i = 0; i < task->counter_count; i++)
    append(to, task->counters[i].value, sizeof(int64_t));
}

static state state_of(const gan_session *session) {
  state made = {NULL, 0};
  collect(&made, session->task);
  made.bytes = gan_alloc(made.n, 1, "the state of a run");
  collect(&made, session->task);
  return made;
}

/* Whether both are the same to the bit; frees them. */
static bool same_state(state a, state b) {
  bool same = a.n == b.n && memcmp(a.bytes, b.bytes, a.n) == 0;
  gan_free(&a.bytes);
  gan_free(&b.bytes);
  return same;
}

static state run_of(const char *const *overrides, int steps) {
  gan_session session;
  unit_session_create(&session, config_text, overrides);
  unit_session_step(&session, steps);
  state made = state_of(&session);
  gan_session_reset(&session);
  return made;
}

START_TEST(seed_gives_the_bits) {
  ck_assert(same_state(run_of(NULL, 3), run_of(NULL, 3)));
  static const char *const others[] = {"seed=2",
                                       "train.objective=minimax",
                                       "train.reuse_fakes=true",
                                       "model.latent_distribution=uniform",
                                       "train.optimizer.lr_d=0.001",
                                       "train.optimizer.lr_g=0.001",
                                       "model.init=normal"};
  for (size_t i = 0; i < sizeof others / sizeof *others; i++)
    ck_assert_msg(!same_state(run_of(NULL, 3), run_of((const char *[]){others[i], NULL}, 3)),
                  "%s changes nothing", others[i]);
}
END_TEST

START_TEST(steps_take_no_memory) {
  static const char *const rows[][4] = {
      {NULL},
      {"train.objective=relativistic", UNMIXED, "train.instance_noise=0.1", NULL},
      {"train.label_flip=0.1", "train.instance_noise=0.1", "train.clip_norm=0.1", NULL}};
  gan_session session;
  unit_session_create(&session, config_text, rows[_i]);
  uint64_t count = gan_alloc_count();
  unit_session_step(&session, 5);
  ck_assert_uint_eq(gan_alloc_count(), count);
  gan_session_reset(&session);
}
END_TEST

/* ---- phases ---- */

static int64_t counter_of(const gan_task *task, const char *name) {
  for (int i = 0; i < task->counter_count; i++)
    if (!strcmp(task->counters[i].name, name)) return *task->counters[i].value;
  ck_abort_msg("no counter %s", name);
  return -1;
}

static double metric_of(const gan_task *task, const char *name) {
  for (int i = 0; i < task->metric_count; i++)
    if (!strcmp(task->metrics[i].name, name)) return task->metrics[i].value;
  ck_abort_msg("no metric %s", name);
  return NAN;
}

START_TEST(updates_are_counted) {
  static const char *const overrides[] = {"train.d_steps=2", "train.g_steps=3", NULL};
  gan_session session;
  unit_session_create(&session, config_text, overrides);
  const gan_task *task = session.task;
  for (int step = 1; step <= 3; step++) {
    unit_session_step(&session, 1);
    ck_assert_int_eq(counter_of(task, "d_updates"), 2 * step);
    ck_assert_int_eq(counter_of(task, "g_updates"), 3 * step);
    ck_assert_int_eq(counter_of(task, "images_seen"), 2 * step * session.config.train.batch);
    ck_assert_int_eq(task->learners[DISCRIMINATOR].optimizer->step, 2 * step);
    ck_assert_int_eq(task->learners[GENERATOR].optimizer->step, 3 * step);
    /* each pass in training counts a batch: the generator's fakes serve both phases, the
     * discriminator sees two batches an update of its own and one of the generator's */
    ck_assert_int_eq(task->learners[GENERATOR].net->counters[0], (2 + 3) * step);
    ck_assert_int_eq(task->learners[DISCRIMINATOR].net->counters[0], (2 * 2 + 3) * step);
  }
  ck_assert_int_eq(task->batches_a_step, 2);
  gan_session_reset(&session);
}
END_TEST

/* The first generator update of a step takes the discriminator's samples, the others fresh ones. */
START_TEST(fakes_are_reused_once) {
  for (int g_steps = 1; g_steps <= 3; g_steps += 2) {
    char *count = gan_format("train.g_steps=%d", g_steps);
    gan_session session;
    unit_session_create(&session, config_text,
                        (const char *[]){"train.reuse_fakes=true", count, NULL});
    const gan_task *task = session.task;
    for (int step = 1; step <= 3; step++) {
      unit_session_step(&session, 1);
      ck_assert_int_eq(counter_of(task, "g_updates"), g_steps * step);
      ck_assert_int_eq(task->learners[GENERATOR].optimizer->step, g_steps * step);
      ck_assert_int_eq(task->learners[GENERATOR].net->counters[0], g_steps * step);
      ck_assert_int_eq(task->learners[DISCRIMINATOR].net->counters[0], (2 + g_steps) * step);
    }
    gan_session_reset(&session);
    gan_free(&count);
  }
}
END_TEST

/* Each phase moves its own network only. */
START_TEST(networks_learn_apart) {
  static const char *const still[] = {"train.optimizer.lr_g=0", "train.optimizer.lr_d=0"};
  for (int which = 0; which < 2; which++) {
    gan_session session;
    unit_session_create(&session, config_text, (const char *[]){still[which], NULL});
    const gan_learner *fixed = &session.task->learners[which];
    const gan_learner *moving = &session.task->learners[!which];
    size_t fixed_bytes = (size_t)fixed->net->slab_size * sizeof(float);
    size_t moving_bytes = (size_t)moving->net->slab_size * sizeof(float);
    float *before = unit_floats(fixed->net->slab_size);
    float *old = unit_floats(moving->net->slab_size);
    memcpy(before, fixed->net->params, fixed_bytes);
    memcpy(old, moving->net->params, moving_bytes);
    unit_session_step(&session, 2);
    ck_assert_mem_eq(before, fixed->net->params, fixed_bytes);
    ck_assert_mem_ne(old, moving->net->params, moving_bytes);
    gan_free(&before);
    gan_free(&old);
    gan_session_reset(&session);
  }
}
END_TEST

/* A discriminator that always says "0" is wrong by log 2 each time; its logit's bias is pulled up
 * by the data as much as down by the samples. */
START_TEST(losses_of_an_undecided_discriminator) {
  static const char *const overrides[] = {"train.optimizer.lr_d=0", "train.optimizer.lr_g=0", NULL};
  gan_session session;
  unit_session_create(&session, config_text, overrides);
  gan_net *net = session.task->learners[DISCRIMINATOR].net;
  const gan_tensor *bias = &net->tensors[net->tensor_count - 1];
  const gan_tensor *weight = &net->tensors[net->tensor_count - 2];
  ck_assert_str_eq(weight->name, "4.weight");
  ck_assert_str_eq(bias->name, "4.bias");
  memset(gan_net_tensor(net, weight), 0, sizeof(float) * (size_t)weight->size);
  memset(gan_net_tensor(net, bias), 0, sizeof(float));
  unit_session_step(&session, 1);
  ck_assert_double_eq_tol(metric_of(session.task, "d_loss"), 2 * log(2), 1e-12);
  ck_assert_double_eq_tol(metric_of(session.task, "g_loss"), log(2), 1e-12);
  ck_assert_double_eq_tol(metric_of(session.task, "d_real"), 0.5, 1e-12);
  ck_assert_double_eq_tol(metric_of(session.task, "d_fake"), 0.5, 1e-12);
  ck_assert_double_eq(metric_of(session.task, "lr_d"), 0);
  ck_assert_double_gt(metric_of(session.task, "d_grad_norm"), 0);
  ck_assert_double_eq(metric_of(session.task, "g_grad_norm"), 0);
  ck_assert_double_eq_tol((double)net->grads[bias->offset], 0, 1e-7);
  gan_session_reset(&session);
}
END_TEST

/* The generator's input is the noise of its last update: never the same twice. */
START_TEST(noise_is_fresh) {
  enum { STEPS = 5, SIZE = BATCH * LATENT };
  for (int law = 0; law < 2; law++) {
    gan_session session;
    unit_session_create(&session, config_text,
                        law ? (const char *[]){"model.latent_distribution=uniform", NULL} : NULL);
    static float noise[STEPS][SIZE];
    double squares = 0, most = 0;
    for (int i = 0; i < STEPS; i++) {
      unit_session_step(&session, 1);
      memcpy(noise[i], session.task->learners[GENERATOR].net->at[0], sizeof noise[i]);
      for (int k = 0; k < i; k++)
        for (int j = 0; j < SIZE; j += LATENT) /* sample by sample */
          ck_assert_mem_ne(noise[k] + j, noise[i] + j, LATENT * sizeof(float));
      for (int j = LATENT; j < SIZE; j += LATENT)
        ck_assert_mem_ne(noise[i], noise[i] + j, LATENT * sizeof(float));
      for (int j = 0; j < SIZE; j++) {
        squares += (double)noise[i][j] * (double)noise[i][j] / (STEPS * SIZE);
        most = fmax(most, fabs((double)noise[i][j]));
      }
    }
    /* 5 deviations of the mean of squares of each law; a uniform one ends at 1 */
    double excess = law ? 1.8 : 3, wanted = law ? 1.0 / 3 : 1;
    ck_assert_double_le(fabs(squares - wanted), 5 * wanted * sqrt((excess - 1) / (STEPS * SIZE)));
    ck_assert(law ? most <= 1 : most > 1.5);
    gan_session_reset(&session);
  }
}
END_TEST

/* ---- going on ---- */

static void write_checkpoint(const gan_session *session, const char *path) {
  gan_task *task = session->task;
  gan_checkpoint_content content = {.task = task->type->name,
                                    .config = session->config_text,
                                    .facts = {.step = 3,
                                              .seed = session->config.seed,
                                              .world_size = 1,
                                              .epoch = 0.02,
                                              .elapsed_s = 1.5,
                                              .data = gan_session_data_facts(session)},
                                    .learner_count = task->learner_count,
                                    .counter_count = task->counter_count};
  memcpy(content.learners, task->learners, sizeof content.learners);
  memcpy(content.counters, task->counters, sizeof content.counters);
  check_ok(gan_checkpoint_write(path, &content));
}

START_TEST(resumed_run_is_the_straight_one) {
  static const char *const rows[][4] = {
      {"train.d_steps=2", "train.g_steps=3", NULL},
      {"train.d_steps=2", "train.g_steps=3", "train.reuse_fakes=true", NULL},
      {"train.reuse_fakes=true", NULL},
      {"train.objective=relativistic", UNMIXED, "train.g_steps=2", NULL},
      {"train.instance_noise=0.3", "train.instance_noise_steps=5", "train.label_flip=0.3", NULL}};
  const char *const *overrides = rows[_i];
  const char *path = unit_path("checkpoint.h5");
  gan_session session;
  unit_session_create(&session, config_text, overrides);
  unit_session_step(&session, 3);
  write_checkpoint(&session, path);
  gan_session_reset(&session);

  gan_checkpoint *checkpoint;
  gan_run_facts facts;
  check_ok(gan_checkpoint_open(path, &checkpoint));
  check_ok(unit_session_try(&session, config_text, overrides)); /* its weights are all 0 */
  check_ok(gan_resume_load(&session, checkpoint, &facts));
  gan_checkpoint_close(&checkpoint);
  ck_assert_int_eq(facts.step, 3);
  ck_assert(same_state(state_of(&session), run_of(overrides, 3)));
  unit_session_step(&session, 3);
  ck_assert(same_state(state_of(&session), run_of(overrides, 6)));
  gan_session_reset(&session);
}
END_TEST

/* ---- numbers that are none ---- */

START_TEST(endless_weight_stops_the_run) {
  enum { HIDDEN_BIAS = 2, OUTPUT_WEIGHT = 6 }; /* of the generator */
  static const struct {
    int learner, tensor;
    float value;
    const char *text;
  } rows[] = {{DISCRIMINATOR, 0, INFINITY, "gradient of the discriminator is not finite"},
              {DISCRIMINATOR, 0, NAN, "gradient of the discriminator is not finite"},
              {GENERATOR, 0, NAN, "gradient of the discriminator is not finite"},
              {GENERATOR, OUTPUT_WEIGHT, INFINITY, "gradient of the generator is not finite"}};
  for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
    gan_session session;
    unit_session_create(&session, config_text, NULL);
    const gan_learner *learner = &session.task->learners[rows[i].learner];
    unit_session_step(&session, 1);
    ck_assert_int_lt(rows[i].tensor, learner->net->tensor_count);
    float *tensor = gan_net_tensor(learner->net, &learner->net->tensors[rows[i].tensor]);
    /* a hidden number that is always above 0: the sample is 1 then, its gradient 0 times infinity
     */
    if (rows[i].tensor == OUTPUT_WEIGHT)
      *(float *)gan_net_tensor(learner->net, &learner->net->tensors[HIDDEN_BIAS]) = 100;
    tensor[0] = rows[i].value;
    gan_net_changed(learner->net);
    size_t bytes = (size_t)learner->net->slab_size * sizeof(float);
    float *before = unit_floats(learner->net->slab_size);
    memcpy(before, learner->net->params, bytes);
    check_fails(session.task->type->step(session.task), GAN_NUMBERS, rows[i].text, "norm is");
    ck_assert_mem_eq(before, learner->net->params, bytes); /* no step was taken */
    ck_assert_int_eq(learner->optimizer->step, 1);
    gan_free(&before);
    gan_session_reset(&session);
  }
}
END_TEST

/* What a network and its optimizer hold, as bytes. */
static state learner_state(const gan_session *session, int which) {
  gan_task task = *session->task;
  task.learners[0] = task.learners[which];
  task.learner_count = 1;
  task.counter_count = 0;
  state made = {NULL, 0};
  collect(&made, &task);
  made.bytes = gan_alloc(made.n, 1, "the state of a network");
  collect(&made, &task);
  return made;
}

static const char *const ways[][3] = {
    {NULL, NULL},
    {"model.generator=[{linear: {units: 64}}, {batchnorm: {stats: ghost}}, {tanh: {}}]",
     "data.shards=4", NULL},
    {"compute.reproducible=true", NULL},
    {"train.objective=relativistic", UNMIXED, NULL},
    {"train.label_flip=0.3", "train.instance_noise=0.3", NULL},
    {"train.reuse_fakes=true", NULL}};

/* A generator whose samples are none spoils both updates: nothing of either is left, in either
 * network, but what was drawn stays drawn; and with good weights the run goes on. */
START_TEST(skipped_update_leaves_no_trace) {
  for (size_t i = 0; i < sizeof ways / sizeof *ways; i++) {
    const char *overrides[4] = {"train.on_nonfinite=skip", ways[i][0], ways[i][1], NULL};
    gan_session session;
    unit_session_create(&session, config_text, overrides);
    unit_session_step(&session, 2);
    gan_net *net = session.task->learners[GENERATOR].net;
    float good = net->params[0];
    net->params[0] = NAN;
    gan_net_changed(net);
    state before[2] = {learner_state(&session, 0), learner_state(&session, 1)};
    uint64_t count = gan_alloc_count();
    unit_session_step(&session, 1);
    ck_assert_uint_eq(gan_alloc_count(), count);
    for (int k = 0; k < 2; k++) {
      ck_assert(same_state(before[k], learner_state(&session, k)));
      ck_assert_int_eq(session.task->skips[k].updates, 1);
      ck_assert_ptr_nonnull(strstr(session.task->skips[k].reason, "is not finite"));
    }
    ck_assert_int_eq(counter_of(session.task, "d_updates"), 3);
    ck_assert_int_eq(counter_of(session.task, "g_updates"), 3);
    ck_assert_int_eq(counter_of(session.task, "images_seen"), 3 * BATCH);
    net->params[0] = good;
    gan_net_changed(net);
    state still = state_of(&session);
    unit_session_step(&session, 1);
    ck_assert_int_eq(session.task->skips[0].updates + session.task->skips[1].updates, 0);
    ck_assert(!same_state(still, state_of(&session)));
    gan_session_reset(&session);
  }
}
END_TEST

/* Of several updates of a step only the bad one is left out. */
START_TEST(good_updates_of_a_step_are_taken) {
  gan_session session;
  unit_session_create(&session, config_text,
                      (const char *[]){"train.on_nonfinite=skip", "train.d_steps=3", NULL});
  gan_learner *learner = &session.task->learners[DISCRIMINATOR];
  unit_session_step(&session, 1);
  learner->net->params[0] = INFINITY;
  gan_net_changed(learner->net);
  unit_session_step(&session, 1);
  ck_assert_int_eq(session.task->skips[DISCRIMINATOR].updates, 3);
  ck_assert_int_eq(learner->optimizer->step, 3);
  learner->net->params[0] = 0;
  gan_net_changed(learner->net);
  unit_session_step(&session, 1);
  ck_assert_int_eq(session.task->skips[DISCRIMINATOR].updates, 0);
  ck_assert_int_eq(learner->optimizer->step, 6);
  gan_session_reset(&session);
}
END_TEST

/* Behind any failure a cleared task is a new one. */
START_TEST(cleared_task_is_new) {
  for (size_t i = 0; i < sizeof ways / sizeof *ways; i++) {
    gan_session session;
    unit_session_create(&session, config_text, ways[i]);
    unit_session_step(&session, 2);
    session.task->learners[DISCRIMINATOR].net->params[0] = NAN;
    gan_net_changed(session.task->learners[DISCRIMINATOR].net);
    check_fails(session.task->type->step(session.task), GAN_NUMBERS, "is not finite");
    gan_task_clear(session.task);
    gan_task_init(session.task);
    unit_session_step(&session, 3);
    ck_assert(same_state(state_of(&session), run_of(ways[i], 3)));
    gan_session_reset(&session);
  }
}
END_TEST

/* ---- samples ---- */

enum { PIXELS = 64, MANY = 30 }; /* more than two passes of the generator's capacity */

START_TEST(samples_of_a_seed) {
  gan_session session;
  unit_session_create(&session, config_text, NULL);
  gan_net *net = session.task->learners[GENERATOR].net;
  gan_data_facts facts = gan_session_data_facts(&session);
  static float images[MANY * PIXELS], latent[MANY * LATENT], some[MANY * PIXELS], z[MANY * LATENT];
  unit_session_step(&session, 3);
  state before = state_of(&session);
  check_ok(gan_generate(net, &(gan_request){GAN_LATENT_NORMAL, 5, 0, MANY, NULL}, &facts, images,
                        latent));
  double low = 255, high = 0;
  for (int i = 0; i < MANY * PIXELS; i++) {
    low = fmin(low, (double)images[i]);
    high = fmax(high, (double)images[i]);
  }
  ck_assert(low >= 0 && high <= 255 && high - low > 20);
  ck_assert_double_eq(facts.low, 0);
  ck_assert_double_eq(facts.high, 255);

  for (int first = 0; first < MANY; first += 7)
    for (int n = 1; first + n <= MANY; n += 13) {
      check_ok(
          gan_generate(net, &(gan_request){GAN_LATENT_NORMAL, 5, first, n, NULL}, &facts, some, z));
      ck_assert_mem_eq(z, latent + first * LATENT, sizeof(float) * (size_t)n * LATENT);
      for (int i = 0; i < n * PIXELS; i++)
        ck_assert_double_eq_tol((double)some[i], (double)images[first * PIXELS + i],
                                255 * PRODUCT_ROUNDING);
    }

  /* the run's own are those of its seed */
  check_ok(session.task->type->sample(session.task, &facts, 4, some, z, NULL));
  check_ok(
      gan_generate(net, &(gan_request){GAN_LATENT_NORMAL, 1, 0, 4, NULL}, &facts, images, latent));
  ck_assert_mem_eq(some, images, sizeof(float) * 4 * PIXELS);
  check_ok(
      gan_generate(net, &(gan_request){GAN_LATENT_NORMAL, 6, 0, 4, NULL}, &facts, images, latent));
  ck_assert_mem_ne(z, latent, sizeof(float) * 4 * LATENT);
  ck_assert(same_state(state_of(&session), before)); /* sampling leaves no trace */
  gan_session_reset(&session);
}
END_TEST

/* From (H, W, C) and the networks' range to (C, H, W) and the data's: a generator that hands its
 * noise on, which it gives in PyTorch's order. */
START_TEST(samples_in_data_units) {
  enum { SIZE = 24, N = 5 };
  unit_net made = unit_net_create("[relu: {}]", (gan_shape){1, 1, SIZE}, (gan_shape){2, 3, 4}, 3);
  gan_data_facts facts = {.h = 2, .w = 3, .c = 4, .scale = 0.25, .offset = -3};
  float images[N * SIZE], latent[N * SIZE];
  for (int law = 0; law < 2; law++) {
    gan_latent_distribution distribution = law ? GAN_LATENT_UNIFORM : GAN_LATENT_NORMAL;
    check_ok(gan_generate(made.net, &(gan_request){distribution, 1, 10, N, NULL}, &facts, images,
                          latent));
    for (int i = 0; i < N * SIZE; i++) {
      double value = latent[i] > 0 ? (double)latent[i] : 0;
      ck_assert_double_eq_tol((double)images[i], (value + 3) / 0.25, 1e-5);
      ck_assert(!law || (latent[i] >= -1 && latent[i] < 1));
    }
  }
  unit_net_destroy(&made);
}
END_TEST

/* ---- what fits ---- */

START_TEST(networks_must_fit_the_data) {
  static const struct {
    const char *override, *text;
  } rows[] = {
      {"model.generator=[linear: {units: 63}]", "the generator must give 8x8x1"},
      {"model.generator=[linear: {units: 64}, reshape: {shape: [1, 4, 16]}]",
       "the generator must give 8x8x1"},
      {"model.discriminator=[linear: {units: 2}]", "the discriminator must give 1"},
      {"model.discriminator=[relu: {}]", "the discriminator must give 1"},
  };
  for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
    gan_session session;
    const char *const overrides[] = {rows[i].override, NULL};
    check_fails(unit_session_try(&session, config_text, overrides), GAN_USAGE, rows[i].text);
    gan_session_reset(&session);
  }
}
END_TEST

/* The range follows the generator's last activation, unless the config says otherwise. */
START_TEST(range_of_the_data) {
  static const struct {
    const char *generator, *range;
    gan_range wanted;
  } rows[] = {
      {"[linear: {units: 64}, tanh: {}]", "auto", GAN_RANGE_SYMMETRIC},
      {"[linear: {units: 64}, sigmoid: {}]", "auto", GAN_RANGE_UNIT},
      {"[linear: {units: 64}, sigmoid: {}, reshape: {shape: [1, 8, 8]}]", "auto", GAN_RANGE_UNIT},
      {"[tanh: {}, linear: {units: 64}]", "auto", GAN_RANGE_NONE},
      {"[linear: {units: 64}, tanh: {}, relu: {}]", "auto", GAN_RANGE_NONE},
      {"[linear: {units: 64}, tanh: {}]", "unit", GAN_RANGE_UNIT},
      {"[linear: {units: 64}]", "symmetric", GAN_RANGE_SYMMETRIC},
      {"[linear: {units: 64}, sigmoid: {}]", "none", GAN_RANGE_NONE},
  };
  for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
    gan_config config;
    char *text =
        gan_format("data: {path: x, range: %s}\nmodel: {generator: %s, discriminator: [relu: {}]}\n"
                   "train: {steps: 1}\n",
                   rows[i].range, rows[i].generator);
    check_ok(unit_parse(&config, text, 0, NULL));
    ck_assert_int_eq(gan_task_range(&config), rows[i].wanted);
    gan_config_reset(&config);
    gan_free(&text);
  }
}
END_TEST

/* First weights of a standard deviation of their own in each network; biases stay 0. */
START_TEST(first_weights_of_each_network) {
  static const char *const overrides[][3] = {
      {"model={init: normal, init_std: 0.1}", NULL},
      {"model={init: normal, init_std: 0.1, init_std_d: 0.001}", NULL}};
  gan_session session;
  unit_session_create(&session, config_text, overrides[_i]);
  const double wanted[] = {[GENERATOR] = 0.1, [DISCRIMINATOR] = _i ? 0.001 : 0.1};
  for (int k = 0; k < 2; k++) {
    const gan_net *net = session.task->learners[k].net;
    const gan_tensor *tensor = net->tensors; /* the large one: 64 x 19, or 33 x 64 */
    while (tensor->rank != 2 || tensor->dims[0] * tensor->dims[1] < 1000) tensor++;
    const float *w = gan_net_tensor(net, tensor);
    double deviation = sqrt(gan_sum_of_squares(tensor->size, w) / (double)tensor->size);
    /* of n numbers it is off by 1 / sqrt(2 n) of itself, 2%: five times that */
    ck_assert_double_eq_tol(deviation / wanted[k], 1, 0.1);
  }
  gan_session_reset(&session);
}
END_TEST

int main(void) {
  const unit_test tests[] = {
      {first_weights_of_each_network, 2},
      {seed_gives_the_bits, 1},
      {steps_take_no_memory, 3},
      {updates_are_counted, 1},
      {fakes_are_reused_once, 1},
      {networks_learn_apart, 1},
      {losses_of_an_undecided_discriminator, 1},
      {noise_is_fresh, 1},
      {resumed_run_is_the_straight_one, 5},
      {endless_weight_stops_the_run, 1},
      {skipped_update_leaves_no_trace, 1},
      {good_updates_of_a_step_are_taken, 1},
      {cleared_task_is_new, 1},
      {samples_of_a_seed, 1},
      {samples_in_data_units, 1},
      {networks_must_fit_the_data, 1},
      {range_of_the_data, 1},
  };
  return UNIT_MAIN("task", tests);
}
