/* Features of the rows that are evaluated: what reaches the last layer of a classifier, or
 * principal components of the data's values. */
#ifndef GAN_TRAIN_EVAL_FEATURES_H
#define GAN_TRAIN_EVAL_FEATURES_H

#include "eval/pca.h"
#include "task/features.h"
#include "train/eval_set.h"
#include "train/figures.h"

/* Rows, and what was made of them; the side borrows from the rest. */
typedef struct gan_judged_set {
  gan_eval_set set;
  float *features, *logits; /* taken once: they are written over where the rows change */
  int32_t *found;
  gan_side side;
} gan_judged_set;

void gan_judged_set_release(gan_judged_set *set);

/* The side's values and labels, once the rows are there. */
void gan_judged_set_note(gan_judged_set *set);

/* One of the two. */
typedef struct gan_feature_maker {
  gan_features *classifier;
  gan_pca pca;
  int64_t count;  /* of features */
  char over[512]; /* what they are, for people */
} gan_feature_maker;

/* The classifier of a checkpoint or run folder; GAN_USAGE where its images are of another shape
 * than those of `data`.  Collective, as all here but release. */
GAN_CHECKED gan_status gan_feature_maker_open(const gan_eval *eval, const char *path,
                                              const gan_eval_set *data, gan_feature_maker *out);

/* Principal components of the data's values; GAN_USAGE where its rows are too long. */
GAN_CHECKED gan_status gan_feature_maker_fit(const gan_eval *eval, const gan_rows *data,
                                             gan_feature_maker *out);

/* Features of the set's rows, and by a classifier logits and labels.  A classifier computes as its
 * own run did: library, precision and threads are set to that. */
GAN_CHECKED gan_status gan_feature_maker_apply(const gan_eval *eval, gan_feature_maker *maker,
                                               gan_judged_set *set);

void gan_feature_maker_release(gan_feature_maker *maker);

#endif
