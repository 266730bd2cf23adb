/* task: classifier.  One network that tells the label of a sample, by the cross entropy of its
 * softmax (Bishop 2006, section 4.3.4): a step is one update, on a batch of data.
 *
 * Each rank works on its shards' part of the batch, in pieces of train.microbatch samples;
 * gradients are summed over the ranks, and every rank takes the same step.  On held-out data it is
 * tested: loss, accuracy, and how often which label was taken for which.
 */
#include "base/memory.h"
#include "objective/objective.h"
#include "task/confusion.h"
#include "task/heldout.h"
#include "task/inputs.h"
#include "task/networks.h"
#include "task/update.h"

enum { CLASSIFIER };

/* Losses of an update: this rank's part, summed over the ranks at the end of a step. */
enum { LOSS, TOLD, LOSSES };

/* The keys of its passes' randomness. */
enum { PASS };

enum { METRIC_LOSS, METRIC_TOLD, METRIC_NORM, METRIC_LR, METRICS };
enum { TEST_LOSS, TEST_TOLD, TESTS };
enum { TEST_SUMS = TEST_LOSS + 1 }; /* what is told right is counted */
enum { TIME_DATA, TIME_WAIT, TIME_PASS, TIME_SUM, TIME_OPTIMIZER, TIMES };

typedef struct {
  gan_work work;
  gan_inputs inputs;
  int64_t classes; /* logits of the last layer */
  int64_t updates;
  gan_heldout heldout;
  gan_confusion confusion; /* of the last test */
  float *slopes;           /* (classes) that a test makes for nothing */
} gan_state;

static gan_net *net_of(const gan_task *task) {
  return task->learners[CLASSIFIER].net;
}

/* ---- a step ---- */

/* The logits' gradients, and each part's sums. */
static void judge(const gan_task *task, const gan_pass *pass, const float *logits) {
  const gan_state *state = task->state;
  gan_net *net = net_of(task);
  for (int64_t i = 0; i < gan_net_span_count(net, pass); i++) {
    gan_span span = gan_net_span(net, pass, i);
    int64_t at = span.first * state->classes;
    double *row = gan_work_losses(&state->work, &span);
    gan_loss made =
        gan_smoothed_class_term(span.samples, pass->batch, state->classes, state->classes, 1,
                                task->config->train.label_smoothing,
                                state->inputs.labels + span.first, logits + at, net->dout + at);
    row[LOSS] += made.loss;
    row[TOLD] += made.probability;
  }
}

static gan_status learn(gan_task *task, const gan_pass *pass) {
  gan_state *state = task->state;
  gan_net *net = net_of(task);
  float *logits;
  gan_inputs_fetch(task, &state->work, &state->inputs, pass, TIME_DATA);
  GAN_TRY(gan_net_forward(net, pass, state->inputs.images, &logits));
  judge(task, pass, logits);
  return gan_net_backward(net, pass, GAN_WANT_WEIGHTS, net->dout, NULL);
}

static gan_status update(gan_task *task) {
  gan_state *state = task->state;
  gan_work *work = &state->work;
  task->phase = TIME_PASS;
  gan_update_begin(task);
  gan_work_forget(work, 0, LOSSES);
  for (int64_t at = 0; at < task->local_samples; at += work->piece) {
    gan_pass pass = gan_work_pass(task, work, PASS, state->updates, at, 1);
    gan_work_place(task, GAN_FIRST_PASS | GAN_LAST_PASS, &pass);
    GAN_TRY(learn(task, &pass));
  }
  state->updates++;
  task->images_seen += task->config->train.batch;
  return gan_work_update(task, work, CLASSIFIER, gan_work_finite(work, 0, LOSSES), TIME_PASS,
                         TIME_OPTIMIZER, &task->metrics[METRIC_NORM].value);
}

static gan_status step(gan_task *task) {
  gan_state *state = task->state;
  const double *totals = state->work.totals;
  gan_work_begin(task, &state->work);
  gan_update_forget(task);
  GAN_TRY(update(task));
  GAN_TRY(gan_work_share(task, &state->work, state->inputs.data_status));
  task->metrics[METRIC_LOSS].value = totals[LOSS];
  task->metrics[METRIC_TOLD].value = totals[TOLD];
  task->metrics[METRIC_LR].value = task->learners[CLASSIFIER].optimizer->lr;
  return gan_update_check(task);
}

/* ---- tests ---- */

/* The class of the largest logit, the first of them where there are several. */
static int64_t told(int64_t classes, const float *logits) {
  int64_t best = 0;
  for (int64_t k = 1; k < classes; k++)
    if (logits[k] > logits[best]) best = k;
  return best;
}

static gan_status look(gan_task *task, const gan_heldout *heldout, int64_t first, int64_t own,
                       int64_t n, double *sums) {
  gan_state *state = task->state;
  const int32_t *labels = heldout->data->labels + own;
  int64_t classes = state->classes;
  gan_pass pass = gan_heldout_look(n);
  float *logits;
  (void)first;
  GAN_TRY(gan_net_forward(net_of(task), &pass, heldout->images, &logits));
  for (int64_t i = 0; i < n; i++, logits += classes) {
    sums[TEST_LOSS] +=
        gan_class_term(1, 1, classes, classes, 1, labels + i, logits, state->slopes).loss;
    gan_confusion_add(&state->confusion, labels[i], told(classes, logits));
  }
  return GAN_OK;
}

static gan_status test(gan_task *task) {
  gan_state *state = task->state;
  double n = (double)task->test->info.n;
  gan_confusion_forget(&state->confusion);
  GAN_TRY(gan_heldout_pass(task, &state->work, &state->heldout, look));
  GAN_TRY(gan_confusion_share(&state->confusion, task->comm));
  task->tests[TEST_LOSS].value = state->heldout.totals[TEST_LOSS] / n;
  task->tests[TEST_TOLD].value = (double)state->confusion.right / n;
  return GAN_OK;
}

static gan_status report(const gan_task *task, int64_t at, const char **name, char **text) {
  const gan_state *state = task->state;
  *name = "confusion.json";
  gan_confusion_log(&state->confusion, task->config);
  return gan_confusion_json(&state->confusion, task->config, at, task->tests[TEST_LOSS].value,
                            text);
}

/* ---- before and after ---- */

static void describe(gan_task *task) {
  static const gan_metric metrics[METRICS] = {
      [METRIC_LOSS] = {"loss", "loss", 0},
      [METRIC_TOLD] = {"accuracy", "accuracy", 0},
      [METRIC_NORM] = {"grad_norm", NULL, 0},
      [METRIC_LR] = {"lr", NULL, 0},
  };
  static const gan_metric tests[TESTS] = {
      [TEST_LOSS] = {"test_loss", "test loss", 0},
      [TEST_TOLD] = {"test_accuracy", "test accuracy", 0},
  };
  static const char *const times[TIMES] = {
      [TIME_DATA] = "data",
      [TIME_WAIT] = "waiting for data",
      [TIME_PASS] = "forward and backward",
      [TIME_SUM] = "sums over ranks",
      [TIME_OPTIMIZER] = "optimizer",
  };
  gan_state *state = task->state;
  for (int i = 0; i < METRICS; i++) task->metrics[task->metric_count++] = metrics[i];
  for (int i = 0; i < TESTS; i++) task->tests[task->test_count++] = tests[i];
  for (int i = 0; i < TIMES; i++) task->profile[task->profile_count++].name = times[i];
  task->counters[task->counter_count++] = (gan_counter){"images_seen", &task->images_seen};
  task->counters[task->counter_count++] = (gan_counter){"updates", &state->updates};
}

static gan_status add_network(gan_task *task, gan_state *state) {
  const gan_work *work = &state->work;
  gan_net_spec spec = gan_network_spec(task, CLASSIFIER, work->piece, work->division, work->sums);
  char place[600], shape[64];
  spec.in = (gan_shape){task->info->h, task->info->w, task->info->c};
  GAN_TRY(gan_networks_add(task, &spec));
  gan_shape out = net_of(task)->out;
  state->classes = out.c;
  if (!gan_shape_is_flat(out) || out.c < 2)
    return gan_fail(GAN_USAGE,
                    "%s gives %s; the last layer of a classifier gives a logit for each class, in "
                    "a flat vector of 2 or more",
                    gan_config_place(task->config, spec.key, place, sizeof place),
                    gan_shape_text(out, shape));
  int chosen = task->config->data.classes.count;
  if (chosen && chosen != out.c)
    return gan_fail(GAN_USAGE, "%s gives %s logits, but data.classes names %d; let it give %d",
                    gan_config_place(task->config, spec.key, place, sizeof place),
                    gan_shape_text(out, shape), chosen, chosen);
  return gan_task_check_microbatch(task);
}

static gan_status create(gan_task *task) {
  const gan_config *config = task->config;
  gan_state *state;
  char place[600];
  if (!task->info->has_labels)
    return gan_fail(GAN_USAGE,
                    "%s is classifier, but the data (%s) has no labels; give data with labels",
                    gan_config_place(config, "task", place, sizeof place), config->data.path);
  GAN_TRY_ALLOC(state, 1, "the classifier");
  task->state = state;
  task->batches_a_step = 1;
  state->work.sum_row = TIME_SUM;
  GAN_TRY(gan_work_divide(task, &state->work));
  GAN_TRY(add_network(task, state));
  GAN_TRY(gan_update_reserve(task));
  GAN_TRY(gan_work_reserve(task, LOSSES, &state->work));
  GAN_TRY(gan_inputs_reserve(task, state->work.piece, true, &state->inputs));
  describe(task);
  return GAN_OK;
}

/* Whether the data has labels, and none that is beyond the logits. */
static gan_status check_labels(const gan_task *task, const char *key, const gan_dataset *data) {
  const gan_state *state = task->state;
  char place[600];
  if (!data->info.has_labels)
    return gan_fail(GAN_USAGE,
                    "%s is %s, which has no labels; a classifier is tested on data with "
                    "labels",
                    gan_config_place(task->config, key, place, sizeof place), data->spec.path);
  if (data->classes <= state->classes) return GAN_OK;
  return gan_fail(GAN_USAGE,
                  "%s: the largest label of the data is %lld, but the last layer of "
                  "model.classifier gives %lld logits, for labels 0 to %lld; let it give %lld",
                  gan_config_place(task->config, key, place, sizeof place),
                  (long long)data->classes - 1, (long long)state->classes,
                  (long long)state->classes - 1, (long long)data->classes);
}

static gan_status start(gan_task *task, const gan_dataset *data) {
  gan_state *state = task->state;
  GAN_TRY(check_labels(task, "data.path", data));
  GAN_TRY(gan_inputs_start(task, data, &state->inputs));
  if (!task->test) return GAN_OK;
  GAN_TRY(check_labels(task, "data.test", task->test));
  GAN_TRY_ALLOC(state->slopes, state->classes, "a test");
  GAN_TRY(gan_confusion_reserve(state->classes, &state->confusion));
  return gan_heldout_reserve(task, &state->work, TEST_SUMS, &state->heldout);
}

static void destroy(gan_task *task) {
  gan_state *state = task->state;
  if (!state) return;
  gan_inputs_release(&state->inputs);
  gan_heldout_release(&state->heldout);
  gan_confusion_release(&state->confusion);
  gan_work_release(&state->work);
  gan_free(&state->slopes);
  gan_free(&task->state);
}

const gan_task_type gan_task_classifier = {
    .name = "classifier",
    .create = create,
    .start = start,
    .step = step,
    .test = test,
    .report = report,
    .destroy = destroy,
};
