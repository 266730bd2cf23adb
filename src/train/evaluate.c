#include "train/evaluate.h"

#include "base/clock.h"
#include "base/log.h"
#include "base/memory.h"
#include "checkpoint/store.h"
#include "train/eval_metrics.h"
#include "train/evaluator.h"
#include "train/nearest.h"

#include <stdio.h>
#include <string.h>

/* ---- where the samples are from ---- */

/* What rank 0 finds out about the samples, and tells. */
typedef struct {
  char *checkpoint;  /* its file; NULL: they are in a file of samples */
  char *text;        /* its config, */
  gan_config config; /* read */
  int64_t step;
} origin;

static void forget_origin(origin *from) {
  gan_free(&from->checkpoint);
  gan_free(&from->text);
  gan_config_reset(&from->config);
}

static gan_status look_at(const char *path, origin *out) {
  gan_checkpoint *checkpoint = NULL;
  if (!gan_store_holds(path)) return GAN_OK;
  GAN_TRY(gan_store_open(path, &checkpoint));
  out->step = gan_checkpoint_facts(checkpoint)->step;
  out->checkpoint = gan_strdup(gan_checkpoint_path(checkpoint));
  out->text = gan_strdup(gan_checkpoint_config(checkpoint));
  gan_checkpoint_close(&checkpoint);
  return out->checkpoint && out->text ? GAN_OK : GAN_NO_MEMORY;
}

static gan_status share_text(gan_comm *comm, char **text) {
  size_t n = *text ? strlen(*text) : 0;
  return gan_comm_broadcast_text(comm, text, &n, "the broadcast of a checkpoint's words");
}

static gan_status find_origin(gan_comm *comm, const char *path, origin *out) {
  bool found = false;
  gan_status status = GAN_OK;
  if (gan_comm_rank(comm) == 0) status = look_at(path, out);
  GAN_TRY(gan_comm_agree(comm, status, "agreeing whether the checkpoint could be opened"));
  GAN_TRY(gan_comm_any_true(comm, out->checkpoint != NULL, &found, "agreeing what is evaluated"));
  if (!found) return GAN_OK;
  GAN_TRY(gan_comm_broadcast(comm, &out->step, sizeof out->step, "the broadcast of a step"));
  GAN_TRY(share_text(comm, &out->checkpoint));
  GAN_TRY(share_text(comm, &out->text));
  gan_layer_schemas layers = gan_layer_table();
  status = gan_config_parse(&out->config, out->text, strlen(out->text), out->checkpoint, NULL, 0, 1,
                            &layers);
  return gan_comm_agree(comm, status, "agreeing whether all could read the config");
}

/* ---- one evaluation ---- */

static gan_status load_samples(gan_evaluator *evaluator, const origin *from, bool *averaged) {
  const gan_evaluation_request *request = evaluator->request;
  const gan_eval *eval = &evaluator->judged.eval;
  const gan_eval_set *data = &evaluator->data.set;
  gan_eval_set *samples = &evaluator->samples.set;
  if (from->checkpoint)
    return gan_eval_set_generate(eval, from->checkpoint, request->weights, request->count,
                                 request->truncation, data, samples, averaged);
  return gan_eval_set_load(eval, (gan_eval_source){request->samples, NULL}, request->count, data,
                           samples);
}

static gan_status draw_pairs(const gan_evaluator *evaluator) {
  const char *path = evaluator->request->pairs;
  int written;
  if (!path) return GAN_OK;
  if (!(evaluator->given & GAN_WANTS_IMAGES))
    return gan_fail(GAN_USAGE, "--pairs draws images, and these are points");
  GAN_TRY(gan_nearest_write_png(&evaluator->judged.eval, path, &evaluator->samples.set,
                                &evaluator->training, &written));
  if (written) gan_log("the samples nearest to the data, each beside it: %s", path);
  return GAN_OK;
}

/* Statistics of the images for the caller, beside the data's bands, which a metric may have made.
 */
static gan_status hand_over_physics(gan_evaluator *evaluator) {
  const gan_judged *judged = &evaluator->judged;
  const gan_evaluation_request *request = evaluator->request;
  if (!request->physics) return GAN_OK;
  GAN_TRY(gan_judged_find_bands(judged));
  GAN_TRY(gan_physics_report_fill(&judged->eval, judged->physics, &evaluator->samples.set.rows));
  *request->physics = *judged->physics;
  *judged->physics = (gan_physics_report){.size = 0};
  return GAN_OK;
}

static gan_status check_pictures(const gan_evaluator *evaluator) {
  if (!evaluator->request->physics || evaluator->given & GAN_WANTS_IMAGES) return GAN_OK;
  return gan_fail(GAN_USAGE, "--physics is of images, and these are points");
}

static gan_status judge(gan_comm *comm, const gan_evaluation_request *request, const origin *from,
                        gan_eval_source data, gan_evaluation *out) {
  gan_evaluator evaluator;
  gan_status status = gan_evaluator_load(comm, request, data, &evaluator);
  if (status == GAN_OK) status = check_pictures(&evaluator);
  if (status == GAN_OK) status = load_samples(&evaluator, from, &out->averaged);
  if (status == GAN_OK) status = gan_evaluator_prepare(&evaluator);
  if (status == GAN_OK) status = gan_evaluator_judge(&evaluator, out);
  if (status == GAN_OK) status = hand_over_physics(&evaluator);
  if (status == GAN_OK) status = draw_pairs(&evaluator);
  gan_evaluator_release(&evaluator);
  return status;
}

static gan_status evaluate(gan_comm *comm, const gan_evaluation_request *request,
                           const origin *from, gan_evaluation *out) {
  bool own = !request->data; /* the run's */
  gan_eval_source data = {own ? from->config.data.path : request->data, own ? &from->config : NULL};
  out->step = from->checkpoint ? from->step : -1;
  snprintf(out->samples_path, sizeof out->samples_path, "%s",
           from->checkpoint ? from->checkpoint : request->samples);
  if (!data.path)
    return gan_fail(GAN_USAGE,
                    "eval: %s is no checkpoint, so what it was trained on is not known: give "
                    "--data PATH",
                    request->samples);
  if (!from->checkpoint && request->weights != GAN_WEIGHTS_AUTO)
    return gan_fail(GAN_USAGE,
                    "eval: --weights chooses what a checkpoint's samples are made by, but %s is a "
                    "file of samples; leave it out",
                    request->samples);
  if (!from->checkpoint && request->truncation > 0)
    return gan_fail(GAN_USAGE,
                    "eval: --truncation is for the noise of a checkpoint's samples; "
                    "those of %s are there",
                    request->samples);
  return judge(comm, request, from, data, out);
}

gan_status gan_evaluate(gan_comm *comm, const gan_evaluation_request *request,
                        gan_evaluation *out) {
  origin from = {.checkpoint = NULL};
  double start = gan_clock();
  *out = (gan_evaluation){.count = 0};
  gan_status status =
      request->metrics ? gan_eval_metrics_check(request->metrics, "--metrics") : GAN_OK;
  if (status == GAN_OK) status = find_origin(comm, request->samples, &from);
  if (status == GAN_OK) status = evaluate(comm, request, &from, out);
  forget_origin(&from);
  out->seconds = gan_clock() - start;
  return status;
}
