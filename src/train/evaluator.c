#include "train/evaluator.h"

#include "base/log.h"
#include "base/memory.h"
#include "eval/spread.h"
#include "kernels/compute.h"
#include "train/eval_metrics.h"
#include "train/eval_mixture.h"
#include "train/threads.h"

#include <stdio.h>

void gan_evaluator_release(gan_evaluator *evaluator) {
  gan_judged_set_release(&evaluator->samples);
  gan_judged_set_release(&evaluator->data);
  gan_judged_set_release(&evaluator->held_out);
  gan_eval_set_release(&evaluator->training);
  gan_feature_maker_release(&evaluator->maker);
  gan_frechet_destroy(&evaluator->judged.ruler);
  gan_bins_destroy(&evaluator->bins);
  gan_physics_report_destroy(&evaluator->physics);
  gan_free(&evaluator->radii);
  gan_free(&evaluator->centres);
}

/* ---- the data ---- */

static gan_status load_sets(gan_evaluator *evaluator, gan_eval_source rows) {
  const gan_evaluation_request *request = evaluator->request;
  const gan_eval *eval = &evaluator->judged.eval;
  gan_eval_source held_out = {request->held_out, rows.config};
  gan_eval_set *data = &evaluator->data.set;
  GAN_TRY(gan_eval_set_load(eval, rows, request->count, NULL, data));
  if (request->held_out)
    GAN_TRY(gan_eval_set_load(eval, held_out, request->count, data, &evaluator->held_out.set));
  if (!request->held_out && !request->pairs) return GAN_OK;
  return gan_eval_set_load(eval, rows, 0, data, &evaluator->training);
}

gan_status gan_evaluator_load(gan_comm *comm, const gan_evaluation_request *request,
                              gan_eval_source data, gan_evaluator *out) {
  gan_config threads = {.compute.threads = GAN_AUTO_INT};
  *out = (gan_evaluator){.request = request,
                         .judged = {.eval = {.comm = comm,
                                             .buffer_bytes = (size_t)(request->buffer_mb * 0x1p20),
                                             .seed = (uint64_t)request->seed},
                                    .neighbours = request->neighbours}};
  out->judged.bins = &out->bins;
  out->judged.physics = &out->physics;
  out->judged.radii = &out->radii;
  snprintf(out->data_path, sizeof out->data_path, "%s", data.path);
  GAN_TRY(gan_threads_resolve(comm, &threads));
  out->threads = (int)threads.compute.threads;
  GAN_TRY(load_sets(out, data));
  out->judged.h = out->data.set.h;
  out->judged.w = out->data.set.w;
  out->judged.c = out->data.set.c;
  gan_judged_set_note(&out->data);
  gan_judged_set_note(&out->held_out);
  if (request->held_out) out->given |= GAN_WANTS_HELD_OUT;
  if (out->judged.h > 1 && out->judged.w > 1) out->given |= GAN_WANTS_IMAGES;
  return GAN_OK;
}

/* ---- what it is measured by ---- */

/* What metrics compute with, whatever a checkpoint's config had. */
static void use_own_compute(const gan_evaluator *evaluator) {
  gan_compute_set((gan_compute){.library = GAN_LIBRARY_AUTO, .precision = GAN_PRECISION_FP32});
  gan_compute_use_threads(evaluator->threads, false);
}

static gan_status read_mixture(gan_evaluator *evaluator) {
  const char *text = evaluator->request->mixture;
  if (!text) return GAN_OK;
  evaluator->given |= GAN_WANTS_MIXTURE;
  return gan_eval_mixture_read(&evaluator->judged.eval, text, &evaluator->data.set,
                               &evaluator->centres, &evaluator->judged.mixture);
}

static gan_status make_ruler(gan_evaluator *evaluator) {
  const gan_eval *eval = &evaluator->judged.eval;
  gan_moments moments;
  GAN_TRY(gan_moments_create(eval, &evaluator->data.side.features, &moments));
  gan_status status = gan_frechet_create(&moments, &evaluator->judged.ruler);
  gan_moments_destroy(&moments);
  return gan_comm_agree(eval->comm, status,
                        "agreeing whether all could decompose the data's covariance");
}

gan_status gan_evaluator_prepare(gan_evaluator *evaluator) {
  const gan_eval *eval = &evaluator->judged.eval;
  const char *classifier = evaluator->request->classifier;
  gan_judged_set *data = &evaluator->data;
  gan_feature_maker *maker = &evaluator->maker;
  GAN_TRY(read_mixture(evaluator));
  use_own_compute(evaluator);
  if (classifier)
    GAN_TRY(gan_feature_maker_open(eval, classifier, &data->set, maker));
  else
    GAN_TRY(gan_feature_maker_fit(eval, &data->set.rows, maker));
  if (classifier) evaluator->given |= GAN_WANTS_CLASSIFIER;
  GAN_TRY(gan_feature_maker_apply(eval, maker, data));
  use_own_compute(evaluator);
  GAN_TRY(make_ruler(evaluator));
  evaluator->judged.data = data->side;
  evaluator->judged.held_out = evaluator->held_out.side;
  evaluator->judged.training = evaluator->training.rows;
  return GAN_OK;
}

/* ---- samples ---- */

/* The largest label + 1 that the classifier, the data or the samples know. */
static int64_t labels_end(const gan_evaluator *evaluator) {
  const gan_features *classifier = evaluator->maker.classifier;
  int64_t end = evaluator->data.set.classes;
  if (!classifier) return 0;
  if (evaluator->samples.set.classes > end) end = evaluator->samples.set.classes;
  for (int64_t k = 0; k < gan_features_get_info(classifier).classes; k++) {
    int64_t label = gan_features_label(classifier, k);
    if (label >= end) end = label + 1;
  }
  return end;
}

static void describe(const gan_evaluator *evaluator, gan_evaluation *out) {
  const gan_eval_set *data = &evaluator->data.set, *held_out = &evaluator->held_out.set;
  const gan_features *classifier = evaluator->maker.classifier;
  out->rows = data->rows.total;
  out->rows_of = data->of;
  out->data_digest = data->digest;
  out->held_out = held_out->rows.total;
  out->held_out_digest = held_out->digest;
  out->samples = evaluator->samples.set.rows.total;
  out->samples_digest = evaluator->samples.set.digest;
  out->features = evaluator->maker.count;
  if (classifier) out->classifier_digest = gan_features_get_info(classifier).digest;
  snprintf(out->over, sizeof out->over, "%s", evaluator->maker.over);
  snprintf(out->data_path, sizeof out->data_path, "%s", evaluator->data_path);
}

static void warn(const gan_evaluation *out) {
  int64_t least = gan_spread_least_count(out->features);
  if (out->samples < least || out->rows < least)
    gan_log("few rows for %lld features: %lld samples, %lld of the data; below %lld the Frechet "
            "distance says little",
            (long long)out->features, (long long)out->samples, (long long)out->rows,
            (long long)least);
}

gan_status gan_evaluator_judge(gan_evaluator *evaluator, gan_evaluation *out) {
  gan_judged *judged = &evaluator->judged;
  gan_judged_set *samples = &evaluator->samples;
  unsigned given = evaluator->given;
  gan_judged_set_note(samples);
  if (samples->set.labels) given |= GAN_WANTS_LABELS;
  GAN_TRY(gan_feature_maker_apply(&judged->eval, &evaluator->maker, samples));
  use_own_compute(evaluator);
  judged->classes = labels_end(evaluator);
  describe(evaluator, out);
  if (!evaluator->request->while_training) warn(out);
  return gan_eval_metrics_run(judged, evaluator->request, &samples->side, given, out);
}
