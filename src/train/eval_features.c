#include "train/eval_features.h"

#include "base/memory.h"
#include "eval/classes.h"

#include <stdio.h>

/* The covariance of such long rows still fits, and is decomposed within a minute. */
enum { COMPONENTS = 64, COMPONENTS_OF = 4096 };

enum { SEEN_ROWS = 1024 };

void gan_judged_set_release(gan_judged_set *set) {
  gan_eval_set_release(&set->set);
  gan_free(&set->features);
  gan_free(&set->logits);
  gan_free(&set->found);
}

void gan_judged_set_note(gan_judged_set *set) {
  set->side.values = set->set.rows;
  set->side.labels = set->set.labels;
}

void gan_feature_maker_release(gan_feature_maker *maker) {
  gan_features_close(&maker->classifier);
  gan_pca_destroy(&maker->pca);
}

/* ---- principal components ---- */

gan_status gan_feature_maker_fit(const gan_eval *eval, const gan_rows *data,
                                 gan_feature_maker *out) {
  gan_moments moments;
  if (data->d > COMPONENTS_OF)
    return gan_fail(GAN_USAGE,
                    "eval: rows of %lld numbers are too long for principal components (up to %d): "
                    "give --features CLASSIFIER",
                    (long long)data->d, COMPONENTS_OF);
  GAN_TRY(gan_moments_create(eval, data, &moments));
  out->count = data->d < COMPONENTS ? data->d : COMPONENTS;
  gan_status status = gan_pca_create(eval, &moments, out->count, &out->pca);
  gan_moments_destroy(&moments);
  GAN_TRY(status);
  snprintf(out->over, sizeof out->over,
           "the data's first %lld principal components (%.1f%% of its "
           "variance)",
           (long long)out->count, 100 * out->pca.share);
  return GAN_OK;
}

static gan_status project(const gan_eval *eval, const gan_pca *pca, gan_judged_set *set) {
  const gan_rows *values = &set->set.rows;
  if (!set->features) GAN_TRY_EVAL_ALLOC(eval, set->features, values->n * pca->k);
  gan_status status = gan_pca_project(pca, values->n, values->x, set->features);
  GAN_TRY(gan_comm_agree(eval->comm, status, "agreeing whether all could project their rows"));
  return gan_rows_share(eval, values->n, pca->k, set->features, &set->side.features);
}

/* ---- a classifier ---- */

gan_status gan_feature_maker_open(const gan_eval *eval, const char *path, const gan_eval_set *data,
                                  gan_feature_maker *out) {
  gan_status status = gan_features_open(path, &out->classifier);
  GAN_TRY(gan_comm_agree(eval->comm, status, "agreeing whether all could open the classifier"));
  gan_features_info info = gan_features_get_info(out->classifier);
  if (info.h != data->h || info.w != data->w || info.c != data->c)
    return gan_fail(GAN_USAGE,
                    "%s: its images are %lldx%lldx%lld (height, width, channels), but the data's "
                    "are %lldx%lldx%lld",
                    path, (long long)info.h, (long long)info.w, (long long)info.c,
                    (long long)data->h, (long long)data->w, (long long)data->c);
  char digest[33];
  out->count = info.features;
  snprintf(out->over, sizeof out->over, "the %lld penultimate activations of %.300s (%s)",
           (long long)info.features, path, gan_digest_text(digest, info.digest));
  return GAN_OK;
}

/* Rows in pieces, brought from 0 to 1 to the interval of its own data, and so to what it sees:
 * bytes and floats of the same images are told alike. */
static gan_status classify_rows(gan_features *classifier, gan_judged_set *set) {
  const gan_rows *values = &set->set.rows;
  gan_features_info info = gan_features_get_info(classifier);
  float scale = (float)((info.high - info.low) * info.scale);
  float offset = (float)(info.low * info.scale + info.offset), *seen;
  gan_status status = GAN_OK;
  gan_features_use(classifier);
  GAN_TRY_ALLOC(seen, SEEN_ROWS * values->d, "rows to classify");
  for (int64_t at = 0; at < values->n && status == GAN_OK; at += SEEN_ROWS) {
    int64_t n = values->n - at < SEEN_ROWS ? values->n - at : SEEN_ROWS;
    for (int64_t i = 0; i < n * values->d; i++)
      seen[i] = values->x[at * values->d + i] * scale + offset;
    status = gan_features_of(classifier, n, seen, set->features + at * info.features,
                             set->logits + at * info.classes);
  }
  gan_free(&seen);
  return status;
}

static gan_status classify(const gan_eval *eval, gan_features *classifier, gan_judged_set *set) {
  const gan_rows *values = &set->set.rows;
  gan_features_info info = gan_features_get_info(classifier);
  if (!set->features) {
    GAN_TRY_EVAL_ALLOC(eval, set->features, values->n * info.features);
    GAN_TRY_EVAL_ALLOC(eval, set->logits, values->n * info.classes);
    GAN_TRY_EVAL_ALLOC(eval, set->found, values->n);
  }
  GAN_TRY(gan_comm_agree(eval->comm, classify_rows(classifier, set),
                         "agreeing whether all could classify their rows"));
  GAN_TRY(gan_rows_share(eval, values->n, info.features, set->features, &set->side.features));
  GAN_TRY(gan_rows_share(eval, values->n, info.classes, set->logits, &set->side.logits));
  gan_class_of(&set->side.logits, set->found);
  for (int64_t i = 0; i < values->n; i++)
    set->found[i] = (int32_t)gan_features_label(classifier, set->found[i]);
  set->side.found = set->found;
  return GAN_OK;
}

gan_status gan_feature_maker_apply(const gan_eval *eval, gan_feature_maker *maker,
                                   gan_judged_set *set) {
  return maker->classifier ? classify(eval, maker->classifier, set)
                           : project(eval, &maker->pca, set);
}
