#include "train/evaluations.h"

#include "base/clock.h"
#include "base/log.h"
#include "base/memory.h"
#include "kernels/compute.h"
#include "train/eval_metrics.h"
#include "train/eval_record.h"
#include "train/evaluator.h"
#include "train/signals.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

struct gan_evaluations {
  gan_session *session;
  const gan_data_facts *data;
  const char *run_dir;
  gan_folder *folder;  /* rank 0 */
  gan_compute compute; /* that training computes with */
  gan_evaluation_request request;
  gan_evaluator evaluator;
  gan_eval_maker maker;
  gan_evaluation made; /* the last one */
  gan_json line;
  double seconds;
};

gan_status gan_evaluations_check(const gan_session *session) {
  const char *metrics = session->config.eval.metrics;
  char place[600];
  if (!metrics) return GAN_OK;
  return gan_eval_metrics_check(
      metrics, gan_config_place(&session->config, "eval.metrics", place, sizeof place));
}

double gan_evaluations_bytes(const gan_session *session) {
  const gan_config *config = &session->config;
  double ranks = gan_comm_size(session->comm);
  double row = (double)gan_data_row_size(&session->info) * sizeof(float);
  double rows = ceil((double)config->eval.count / ranks);
  if (!config->eval.every_steps) return 0;
  double blocks = fmin(config->eval.buffer_mb * 0x1p20, 2 * sizeof(double) * rows * rows * ranks);
  return 3 * rows * row + blocks; /* data, samples and their halves */
}

double gan_evaluations_seconds(const gan_evaluations *evaluations) {
  return evaluations->seconds;
}

/* ---- samples of the task that trains ---- */

static gan_status make(void *context, int64_t first, int64_t n, const int32_t *classes,
                       float *latent, float *images) {
  const gan_evaluations *evaluations = context;
  gan_task *task = evaluations->session->task;
  task->first_sample = first;
  gan_status status = task->type->sample(task, evaluations->data, n, images, latent, classes);
  task->first_sample = 0;
  return status;
}

static int64_t label(void *context, int32_t of) {
  return gan_config_class_label(&((const gan_evaluations *)context)->session->config, of);
}

static gan_eval_maker maker_of(gan_evaluations *evaluations) {
  const gan_data_facts *data = evaluations->data;
  const gan_task *task = evaluations->session->task;
  return (gan_eval_maker){.h = data->h,
                          .w = data->w,
                          .c = data->c,
                          .latent_size = task->latent_size,
                          .classes = task->classes,
                          .context = evaluations,
                          .make = make,
                          .label = label};
}

/* ---- before the first step ---- */

static bool is_asked_to_stop(void) {
  return gan_signals_received() != 0;
}

static gan_evaluation_request request_of(const gan_config *config) {
  return (gan_evaluation_request){.data = config->eval.data,
                                  .classifier = config->eval.features,
                                  .metrics = config->eval.metrics,
                                  .count = config->eval.count,
                                  .seed = config->seed,
                                  .neighbours = GAN_EVAL_NEIGHBOURS,
                                  .buffer_mb = config->eval.buffer_mb,
                                  .while_training = true,
                                  .stop = is_asked_to_stop};
}

/* What training computes with, again. */
static void restore_compute(const gan_evaluations *evaluations) {
  const gan_config *config = &evaluations->session->config;
  gan_compute_use_threads(gan_config_threads(config), config->compute.reproducible);
  gan_compute_set(evaluations->compute);
}

/* The failure of a key's value is named by the key. */
static gan_status say_key(const gan_evaluations *evaluations, const char *key, gan_status status) {
  char place[600];
  if (status != GAN_INPUT && status != GAN_USAGE) return status;
  gan_config_place(&evaluations->session->config, key, place, sizeof place);
  return gan_fail_context(status, "%s", place);
}

static gan_status prepare(gan_evaluations *evaluations) {
  const gan_config *config = &evaluations->session->config;
  gan_evaluator *evaluator = &evaluations->evaluator;
  const char *path = config->eval.data ? config->eval.data : config->data.path;
  gan_eval_source data = {path, config};
  gan_status status =
      gan_evaluator_load(evaluations->session->comm, &evaluations->request, data, evaluator);
  GAN_TRY(say_key(evaluations, config->eval.data ? "eval.data" : "data.path", status));
  status = gan_evaluator_prepare(evaluator);
  if (config->eval.features) status = say_key(evaluations, "eval.features", status);
  GAN_TRY(status);
  evaluations->maker = maker_of(evaluations);
  return gan_eval_set_reserve(&evaluator->judged.eval, &evaluations->maker,
                              evaluations->request.count, &evaluator->data.set,
                              &evaluator->samples.set);
}

/* What an evaluation will be, and what the preparation took. */
static void tell(const gan_evaluations *evaluations, double seconds) {
  const gan_evaluator *evaluator = &evaluations->evaluator;
  gan_log(
      "evaluations: each %lld steps, of %lld samples, against %lld of %lld rows of %s; prepared "
      "in %.1f s",
      (long long)evaluations->session->config.eval.every_steps,
      (long long)evaluations->request.count, (long long)evaluator->data.set.rows.total,
      (long long)evaluator->data.set.of, evaluator->data_path, seconds);
  gan_log("  features: %s", evaluator->maker.over);
}

gan_status gan_evaluations_create(gan_session *session, const gan_data_facts *data,
                                  const char *run_dir, gan_folder *folder, gan_evaluations **out) {
  gan_evaluations *evaluations;
  double start = gan_clock();
  *out = NULL;
  if (!session->config.eval.every_steps) return GAN_OK;
  *out = evaluations = gan_alloc(1, sizeof **out, "evaluations");
  GAN_TRY(gan_comm_agree(session->comm, evaluations ? GAN_OK : GAN_NO_MEMORY,
                         "agreeing whether all have room for evaluations"));
  evaluations->session = session;
  evaluations->data = data;
  evaluations->run_dir = run_dir;
  evaluations->folder = folder;
  evaluations->compute = gan_compute_now();
  evaluations->request = request_of(&session->config);
  gan_status status = prepare(evaluations);
  restore_compute(evaluations);
  if (status == GAN_OK) tell(evaluations, gan_clock() - start);
  return status;
}

void gan_evaluations_destroy(gan_evaluations **evaluations) {
  if (!*evaluations) return;
  gan_evaluator_release(&(*evaluations)->evaluator);
  gan_free(evaluations);
}

/* ---- one evaluation ---- */

/* All figures on a line. */
static void log_figures(const gan_evaluation *made) {
  char text[2048] = "";
  size_t used = 0;
  for (int i = 0; i < made->count && used < sizeof text; i++)
    used += (size_t)snprintf(text + used, sizeof text - used, "%s %s %.5g", i ? "," : "",
                             made->figures[i].name, made->figures[i].value);
  gan_log("evaluation of step %lld in %.1f s:%s", (long long)made->step, made->seconds, text);
}

static gan_status record(gan_evaluations *evaluations, int64_t start) {
  gan_json *line = &evaluations->line;
  char time[32];
  gan_evaluation_fill(line, &evaluations->request, "train",
                      gan_comm_size(evaluations->session->comm), &evaluations->made);
  gan_json_int(line, "start", start);
  gan_json_text(line, "time", gan_clock_text(time));
  return gan_folder_evaluation(evaluations->folder, line);
}

static double figure_of(const gan_evaluation *made, const char *name) {
  for (int i = 0; name && i < made->count; i++)
    if (strcmp(made->figures[i].name, name) == 0) return made->figures[i].value;
  return (double)NAN;
}

static gan_status judge(gan_evaluations *evaluations) {
  gan_evaluator *evaluator = &evaluations->evaluator;
  const gan_eval *eval = &evaluator->judged.eval;
  gan_evaluation *made = &evaluations->made;
  GAN_TRY(gan_evaluation_ask(eval, &evaluations->request, made));
  if (made->abandoned) return GAN_OK;
  GAN_TRY(gan_eval_set_make(eval, &evaluations->maker, &evaluator->samples.set));
  gan_status status = gan_evaluator_judge(evaluator, made);
  restore_compute(evaluations);
  return status;
}

/* What is no number has no figures; whether training can go on is for its own numbers to say. */
static gan_status note_numbers(const gan_evaluation *made, double *watched, bool *abandoned) {
  gan_log("evaluation of step %lld: none: %s", (long long)made->step, gan_error_message());
  gan_fail_clear();
  *watched = (double)NAN;
  *abandoned = false;
  return GAN_OK;
}

gan_status gan_evaluations_run(gan_evaluations *evaluations, int64_t step, int64_t start,
                               const char *figure, double *watched, bool *abandoned) {
  gan_comm *comm = evaluations->session->comm;
  gan_evaluation *made = &evaluations->made;
  double begin = gan_clock();
  gan_status status = GAN_OK;
  *made = (gan_evaluation){.step = step};
  for (int i = 0; i < evaluations->session->task->learner_count; i++)
    made->averaged |= evaluations->session->task->learners[i].average != NULL;
  snprintf(made->samples_path, sizeof made->samples_path, "%s", evaluations->run_dir);
  status = judge(evaluations);
  if (status == GAN_NUMBERS) return note_numbers(made, watched, abandoned);
  GAN_TRY(status);
  made->seconds = gan_clock() - begin;
  evaluations->seconds += made->seconds;
  *watched = figure_of(made, figure);
  *abandoned = made->abandoned;
  if (made->abandoned) return GAN_OK;
  log_figures(made);
  if (gan_comm_rank(comm) == 0) status = record(evaluations, start);
  return gan_comm_agree(comm, status, "agreeing whether the evaluation was recorded");
}
