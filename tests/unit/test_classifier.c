/* The task classifier on real data: what a step does, that it is the same again, and its tests on
 * held-out data, against the plain forward pass. */
#include "base/memory.h"
#include "data/heldout.h"
#include "task/features.h"
#include "train/resume.h"
#include "unit/session_support.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* Losses in double over float logits, summed in another order. */
static const double SUM_ROUNDING = 1e-12;

/* Matrix products of other sizes round otherwise. */
static const double PRODUCT_ROUNDING = 1e-5;

enum { BATCH = 12, PIXELS = 64, CLASSES = 10, FEATURES = 20 };

static const char *const config_text = "task: classifier\n"
                                       "data: {path: 'builtin:digits', test: 'builtin:digits'}\n"
                                       "model:\n"
                                       "  classifier:\n"
                                       "    - conv2d: {channels: 3, kernel: 3, bias: false}\n"
                                       "    - batchnorm: {}\n"
                                       "    - relu: {}\n"
                                       "    - flatten: {}\n"
                                       "    - linear: {units: 20}\n"
                                       "    - leaky_relu: {slope: 0.2}\n"
                                       "    - dropout: {p: 0.3}\n"
                                       "    - linear: {units: 10}\n"
                                       "train: {batch: 12, steps: 6}\n";

static double value_of(const gan_metric *metrics, int count, const char *name) {
  for (int i = 0; i < count; i++)
    if (!strcmp(metrics[i].name, name)) return metrics[i].value;
  ck_abort_msg("no metric %s", name);
  return NAN;
}

static double metric_of(const gan_task *task, const char *name) {
  return value_of(task->metrics, task->metric_count, name);
}

static double test_of(const gan_task *task, const char *name) {
  return value_of(task->tests, task->test_count, name);
}

/* All that a run goes on from, as one digest. */
static gan_digest state_of(const gan_session *session) {
  gan_hasher *hasher = gan_hasher_create();
  const gan_task *task = session->task;
  const gan_net *net = task->learners[0].net;
  const gan_optimizer *adam = task->learners[0].optimizer;
  size_t slab = (size_t)net->slab_size * sizeof(float);
  gan_hasher_add(hasher, net->params, slab);
  gan_hasher_add(hasher, adam->moments[0], slab);
  gan_hasher_add(hasher, adam->moments[1], slab);
  gan_hasher_add(hasher, net->buffers, (size_t)net->buffer_size * sizeof(float));
  gan_hasher_add(hasher, net->counters, (size_t)net->counter_count * sizeof(int64_t));
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

/* ---- steps ---- */

static const char *const ways[][3] = {
    {NULL},
    {"compute.reproducible=true", NULL},
    {"train.microbatch=4",
     "model.classifier=[{linear: {units: 20}}, {relu: {}}, {dropout: {p: 0.2}}, {linear: {units: "
     "10}}]",
     NULL},
    {"train.label_smoothing=0.1", "data.crop_padding=1", NULL},
};
enum { WAYS = sizeof ways / sizeof *ways };

START_TEST(seed_gives_the_bits) {
  ck_assert(gan_digest_equal(run_of(ways[_i], 3), run_of(ways[_i], 3)));
  static const char *const others[] = {"seed=2", "train.optimizer.lr=0.01",
                                       "train.label_smoothing=0.2", "data.flip=true"};
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

START_TEST(updates_are_counted) {
  gan_session session;
  unit_session_create(&session, config_text, NULL);
  const gan_task *task = session.task;
  unit_session_step(&session, 3);
  ck_assert_int_eq(task->images_seen, 3 * BATCH);
  ck_assert_int_eq(task->learners[0].optimizer->step, 3);
  ck_assert_int_eq(task->learners[0].net->counters[0], 3);
  ck_assert_int_eq(task->batches_a_step, 1);
  ck_assert_double_eq(metric_of(task, "lr"), 1e-3); /* the default */
  ck_assert_double_gt(metric_of(task, "grad_norm"), 0);
  ck_assert_ptr_null(task->type->sample);
  gan_session_reset(&session);
}
END_TEST

/* The last layer's weights and biases to 0: all classes are as likely. */
static void undecide(gan_task *task) {
  gan_net *net = task->learners[0].net;
  for (int i = net->tensor_count - 2; i < net->tensor_count; i++)
    memset(gan_net_tensor(net, &net->tensors[i]), 0, sizeof(float) * (size_t)net->tensors[i].size);
  gan_net_changed(net);
}

/* It is wrong by log 10, with any smoothing; and the gradient of its biases is the mean share of
 * each class less that of its labels, which sums to 0. */
START_TEST(losses_of_an_undecided_classifier) {
  static const char *const smoothings[] = {"train.label_smoothing=0", "train.label_smoothing=0.3"};
  gan_session session;
  unit_session_create(&session, config_text,
                      (const char *[]){smoothings[_i], "train.optimizer.lr=0", NULL});
  const gan_task *task = session.task;
  undecide(session.task);
  unit_session_step(&session, 1);
  ck_assert_double_eq_tol(metric_of(task, "loss"), log(CLASSES), SUM_ROUNDING);
  const gan_net *net = task->learners[0].net;
  const gan_tensor *bias = &net->tensors[net->tensor_count - 1];
  double sum = 0, largest = 0, kept = _i ? 0.7 : 1;
  for (int k = 0; k < CLASSES; k++) {
    double slope = (double)net->summed[bias->offset + k];
    sum += slope;
    largest = fmax(largest, fabs(slope));
    /* (0.1 - share of the labels) * kept; shares are multiples of 1/12 */
    double share = (0.1 - slope / kept) * BATCH;
    ck_assert_double_eq_tol(share, round(share), 1e-4);
  }
  ck_assert_double_eq_tol(sum, 0, 1e-6);
  ck_assert_double_gt(largest, 0.01);
  check_ok(session.task->type->test(session.task));
  ck_assert_double_eq_tol(test_of(task, "test_loss"), log(CLASSES), SUM_ROUNDING);
  gan_session_reset(&session);
}
END_TEST

START_TEST(it_learns) {
  gan_session session;
  unit_session_create(&session, config_text, (const char *[]){"train.optimizer.beta1=0.9", NULL});
  unit_session_step(&session, 400);
  check_ok(session.task->type->test(session.task));
  ck_assert_double_gt(test_of(session.task, "test_accuracy"), 0.9); /* chance: 0.1 */
  gan_session_reset(&session);
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
                                              .data = gan_session_data_facts(session)},
                                    .learner_count = task->learner_count,
                                    .counter_count = task->counter_count};
  memcpy(content.learners, task->learners, sizeof content.learners);
  memcpy(content.counters, task->counters, sizeof content.counters);
  check_ok(gan_checkpoint_write(path, &content));
}

START_TEST(resumed_run_is_the_straight_one) {
  const char *path = unit_path("checkpoint.h5");
  gan_session session;
  unit_session_create(&session, config_text, ways[_i]);
  unit_session_step(&session, 3);
  write_checkpoint(&session, path);
  gan_session_reset(&session);

  gan_checkpoint *checkpoint;
  gan_run_facts facts;
  check_ok(gan_checkpoint_open(path, &checkpoint));
  check_ok(unit_session_try(&session, config_text, ways[_i])); /* its weights are all 0 */
  check_ok(gan_resume_load(&session, checkpoint, &facts));
  gan_checkpoint_close(&checkpoint);
  ck_assert(gan_digest_equal(state_of(&session), run_of(ways[_i], 3)));
  unit_session_step(&session, 3);
  ck_assert(gan_digest_equal(state_of(&session), run_of(ways[_i], 6)));
  gan_session_reset(&session);
}
END_TEST

/* A weight that is no number spoils the update: nothing of it is left, and with good weights the
 * run goes on. */
START_TEST(skipped_update_leaves_no_trace) {
  gan_session session;
  unit_session_create(&session, config_text, (const char *[]){"train.on_nonfinite=skip", NULL});
  unit_session_step(&session, 2);
  gan_net *net = session.task->learners[0].net;
  float good = net->params[0], running = net->buffers[0];
  net->params[0] = NAN;
  gan_net_changed(net);
  unit_session_step(&session, 1);
  ck_assert_int_eq(session.task->skips[0].updates, 1);
  ck_assert_int_eq(session.task->learners[0].optimizer->step, 2);
  ck_assert_int_eq(session.task->images_seen, 3 * BATCH);
  ck_assert(net->buffers[0] == running);
  net->params[0] = good;
  gan_net_changed(net);
  unit_session_step(&session, 1);
  ck_assert_int_eq(session.task->skips[0].updates, 0);
  ck_assert_int_eq(session.task->learners[0].optimizer->step, 3);
  gan_session_reset(&session);
}
END_TEST

/* ---- tests ---- */

/* -log softmax of the label's, in double. */
static double cross_entropy(const float *logits, int32_t label) {
  double sum = 0;
  for (int k = 0; k < CLASSES; k++) sum += exp((double)logits[k] - (double)logits[label]);
  return log(sum);
}

static int64_t largest_of(const float *logits) {
  int64_t best = 0;
  for (int k = 1; k < CLASSES; k++)
    if (logits[k] > logits[best]) best = k;
  return best;
}

/* Over all of the held-out data, by one forward pass of another network: the features'. */
START_TEST(tests_are_those_of_a_forward_pass) {
  const char *path = unit_path("checkpoint.h5");
  gan_session session;
  unit_session_create(&session, config_text, ways[_i]);
  unit_session_step(&session, 40);
  gan_digest before = state_of(&session);
  check_ok(session.task->type->test(session.task));
  ck_assert(gan_digest_equal(state_of(&session), before));
  write_checkpoint(&session, path);

  const gan_dataset *set = session.test;
  int64_t n = set->info.n, right = 0;
  float *images = unit_floats(n * PIXELS), *logits = unit_floats(n * CLASSES);
  gan_features *features;
  check_ok(gan_features_open(path, &features));
  gan_heldout_images(set, 0, n, images);
  check_ok(gan_features_of(features, n, images, NULL, logits));
  double loss = 0;
  for (int64_t i = 0; i < n; i++) {
    loss += cross_entropy(logits + i * CLASSES, set->labels[i]) / (double)n;
    right += largest_of(logits + i * CLASSES) == set->labels[i];
  }
  ck_assert_double_eq_tol(test_of(session.task, "test_loss"), loss, PRODUCT_ROUNDING * loss);
  /* one image may stand between two classes */
  ck_assert_double_eq_tol(test_of(session.task, "test_accuracy"), (double)right / (double)n,
                          1.5 / (double)n);
  gan_features_close(&features);
  gan_free(&images);
  gan_free(&logits);
  gan_session_reset(&session);
}
END_TEST

/* confusion.json: all samples are in it, in the rows of their labels, what is right on its
 * diagonal.
 */
START_TEST(confusion_counts_all) {
  gan_session session;
  unit_session_create(&session, config_text, NULL);
  unit_session_step(&session, 40);
  check_ok(session.task->type->test(session.task));
  const char *name;
  char *text;
  check_ok(session.task->type->report(session.task, 40, &name, &text));
  ck_assert_str_eq(name, "confusion.json");
  const char *at = strstr(text, "\"counts\":");
  ck_assert_ptr_nonnull(at);
  ck_assert_ptr_nonnull(strstr(text, "\"step\": 40,"));
  int64_t sum = 0, right = 0;
  const gan_dataset *set = session.test;
  for (int64_t label = 0; label < CLASSES; label++) {
    int64_t row = 0;
    for (int64_t k = 0; k < CLASSES; k++) {
      at = at + strcspn(at, "0123456789");
      char *end;
      int64_t count = strtoll(at, &end, 10);
      at = end;
      row += count;
      if (k == label) right += count;
    }
    ck_assert_int_eq(row, set->class_counts[label]);
    sum += row;
  }
  ck_assert_int_eq(sum, set->info.n);
  ck_assert_double_eq_tol(test_of(session.task, "test_accuracy"), (double)right / (double)sum,
                          SUM_ROUNDING);
  gan_free(&text);
  gan_session_reset(&session);
}
END_TEST

/* ---- features ---- */

/* What reaches the last layer: by its weight and bias it gives the logits; and of any division of
 * the images the same. */
START_TEST(features_give_the_logits) {
  enum { N = 700 }; /* more than two passes */
  const char *path = unit_path("checkpoint.h5");
  gan_session session;
  unit_session_create(&session, config_text, NULL);
  unit_session_step(&session, 5);
  write_checkpoint(&session, path);
  gan_features *features;
  check_ok(gan_features_open(path, &features));
  gan_features_info info = gan_features_get_info(features);
  ck_assert_int_eq(info.features, FEATURES);
  ck_assert_int_eq(info.classes, CLASSES);
  ck_assert_int_eq(info.h * info.w * info.c, PIXELS);
  ck_assert_int_eq(info.step, 3);
  ck_assert_double_eq(info.scale, session.data->scale);
  ck_assert_double_eq(info.offset, session.data->offset);
  ck_assert(info.digest.high || info.digest.low);

  float *images = unit_floats(N * PIXELS), *made = unit_floats(N * FEATURES);
  float *logits = unit_floats(N * CLASSES), one[FEATURES];
  unit_fill(images, N * PIXELS, 1, 0, 1);
  check_ok(gan_features_of(features, N, images, made, logits));
  const gan_net *net = session.task->learners[0].net;
  const float *weight = gan_net_tensor(net, &net->tensors[net->tensor_count - 2]);
  const float *bias = gan_net_tensor(net, &net->tensors[net->tensor_count - 1]);
  for (int i = 0; i < N; i++)
    for (int k = 0; k < CLASSES; k++) {
      double wanted = (double)bias[k];
      for (int f = 0; f < FEATURES; f++)
        wanted += (double)weight[k * FEATURES + f] * (double)made[i * FEATURES + f];
      if (!(fabs((double)logits[i * CLASSES + k] - wanted) <= PRODUCT_ROUNDING))
        ck_abort_msg("image %d, class %d: %g, not %g", i, k, (double)logits[i * CLASSES + k],
                     wanted);
    }
  for (int i = 0; i < N; i += 99) {
    check_ok(gan_features_of(features, 1, images + i * PIXELS, one, NULL));
    ck_assert_double_le(unit_float_distance(FEATURES, one, made + i * FEATURES), PRODUCT_ROUNDING);
  }
  gan_features_close(&features);
  gan_free(&images);
  gan_free(&made);
  gan_free(&logits);
  gan_session_reset(&session);
}
END_TEST

/* Sample files have channels first, and the data's own units. */
START_TEST(features_scale_images) {
  enum { H = 2, W = 3, C = 3, N = 2, SIZE = H * W * C };
  const char *path = unit_path("checkpoint.h5");
  gan_session session;
  const char *const overrides[] = {"data.path=synthetic:60x2x3x3", "data.test=null",
                                   "model.classifier=[linear: {units: 10}]"};
  unit_write(unit_path("run.yaml"), config_text, strlen(config_text));
  session = (gan_session){.comm = gan_comm_alone()};
  check_ok(gan_session_config(&session, unit_path("run.yaml"), overrides, 3));
  check_ok(gan_session_build_synthetic(&session)); /* which has labels */
  write_checkpoint(&session, path);
  gan_features *features;
  check_ok(gan_features_open(path, &features));
  float images[N * SIZE], out[N * SIZE];
  for (int i = 0; i < N * SIZE; i++) images[i] = (float)i;
  gan_features_scale(features, N, images, out);
  for (int i = 0; i < N; i++)
    for (int p = 0; p < H * W; p++)
      for (int k = 0; k < C; k++)
        ck_assert_double_eq_tol((double)out[i * SIZE + p * C + k],
                                (i * SIZE + k * H * W + p) / 255.0, 1e-7);
  gan_features_close(&features);
  gan_session_reset(&session);
}
END_TEST

START_TEST(features_want_a_last_linear_layer) {
  const char *path = unit_path("checkpoint.h5");
  gan_session session;
  unit_session_create(
      &session, config_text,
      (const char *[]){"model.classifier=[{linear: {units: 10}}, {relu: {}}]", NULL});
  write_checkpoint(&session, path);
  gan_features *features;
  check_fails(gan_features_open(path, &features), GAN_USAGE, "last layer", "relu");
  gan_session_reset(&session);
}
END_TEST

/* ---- mistakes ---- */

START_TEST(what_does_not_fit) {
  static const struct {
    const char *overrides[3];
    const char *texts[2];
  } rows[] = {
      {{"model.classifier=[linear: {units: 9}]", NULL},
       {"key 'data.path'", "the largest label of the data is 9"}},
      {{"model.classifier=[linear: {units: 1}]", NULL}, {"key 'model.classifier'", "gives 1;"}},
      {{"model.classifier=[conv2d: {channels: 10, kernel: 3}]", NULL},
       {"key 'model.classifier'", "gives 6x6x10"}},
      {{"data.path=synthetic:99x8x8x1", "data.test=null", NULL}, {"key 'task'", "has no labels"}},
      {{"data.test=synthetic:99x8x8x1", NULL}, {"key 'data.test'", "has no labels"}},
      {{"data.test=synthetic:99x8x4x1", NULL}, {"key 'data.test'", "99 images of 8x4x1"}},
      {{"data.classes=[3, 5]", NULL}, {"gives 10 logits", "data.classes names 2"}},
      {{"train.microbatch=4", NULL}, {"train.microbatch", "classifier"}},
  };
  for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
    gan_session session;
    check_fails(unit_session_try(&session, config_text, rows[i].overrides), GAN_USAGE,
                rows[i].texts[0], rows[i].texts[1]);
    gan_session_reset(&session);
  }
}
END_TEST

/* Fewer classes than the layer has logits, or chosen ones, are fine. */
START_TEST(what_fits) {
  static const char *const rows[][3] = {
      {"model.classifier=[linear: {units: 12}]", NULL},
      {"data.classes=[3, 5]", "model.classifier=[linear: {units: 2}]", NULL},
      {"data.test=null", NULL},
  };
  for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
    gan_session session;
    unit_session_create(&session, config_text, rows[i]);
    unit_session_step(&session, 1);
    if (session.test) check_ok(session.task->type->test(session.task));
    gan_session_reset(&session);
  }
}
END_TEST

int main(void) {
  const unit_test tests[] = {
      {seed_gives_the_bits, WAYS},
      {steps_and_tests_take_no_memory, WAYS},
      {updates_are_counted, 1},
      {losses_of_an_undecided_classifier, 2},
      {it_learns, 1},
      {resumed_run_is_the_straight_one, WAYS},
      {skipped_update_leaves_no_trace, 1},
      {tests_are_those_of_a_forward_pass, WAYS},
      {confusion_counts_all, 1},
      {features_give_the_logits, 1},
      {features_scale_images, 1},
      {features_want_a_last_linear_layer, 1},
      {what_does_not_fit, 1},
      {what_fits, 1},
  };
  return UNIT_MAIN("classifier", tests);
}
