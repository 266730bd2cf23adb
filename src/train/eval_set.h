/* A set of samples that is evaluated, or the data that it is held against: each rank has some rows.
 *
 * Values are brought to [0, 1] by the data's own interval (0 and 255 for uint8), so that what is
 * measured on them does not depend on how they are stored. */
#ifndef GAN_TRAIN_EVAL_SET_H
#define GAN_TRAIN_EVAL_SET_H

#include <mpigan/generator.h>

#include "base/hash.h"
#include "config/config.h"
#include "eval/rows.h"

typedef struct gan_eval_set {
  int64_t h, w, c;   /* of a row */
  gan_rows rows;     /* of h * w * c values, channels last */
  float *values;     /* the rows' */
  int32_t *labels;   /* (rows.n), or NULL: has none */
  int64_t classes;   /* the largest label + 1; 0: has none */
  int64_t of;        /* rows that there were to choose from */
  double low, high;  /* what 0 and 1 were */
  gan_digest digest; /* of all that there was to choose from */
  int32_t *asked;    /* of samples of a conditional model: the class that each is asked to be of */
  float *latent, *images; /* a piece of samples in the making */
} gan_eval_set;

/* Where rows come from. */
typedef struct gan_eval_source {
  const char *path;         /* any that data.path can name */
  const gan_config *config; /* of the run whose data it is: its data.images, labels, layout and
                             * classes hold; NULL: their defaults */
} gan_eval_source;

/* `count` rows of it (0: all), chosen by the seed; all where it has no more.  With `like` the rows
 * must have its shape, and have its interval.  Collective. */
GAN_CHECKED gan_status gan_eval_set_load(const gan_eval *eval, gan_eval_source from, int64_t count,
                                         const gan_eval_set *like, gan_eval_set *out);

/* What makes samples: a trained generator, or the task that is being trained. */
typedef struct gan_eval_maker {
  int64_t h, w, c, latent_size;
  int64_t classes; /* of a conditional model; else 0 */
  void *context;
  /* Samples first..first+n-1: latent (n, Z), and images (n, C, H, W) in the data's units; of these
   * classes where it is conditional, else NULL.  Local. */
  gan_status (*make)(void *context, int64_t first, int64_t n, const int32_t *classes, float *latent,
                     float *images);
  int64_t (*label)(void *context, int32_t of); /* that the data has for a class */
} gan_eval_maker;

/* Memory for `count` samples, shared among the ranks, and the classes that they are asked to be of:
 * drawn as often as `like` has them.  Collective. */
GAN_CHECKED gan_status gan_eval_set_reserve(const gan_eval *eval, const gan_eval_maker *maker,
                                            int64_t count, const gan_eval_set *like,
                                            gan_eval_set *out);

/* Makes them, as often as one likes.  Collective. */
GAN_CHECKED gan_status gan_eval_set_make(const gan_eval *eval, const gan_eval_maker *maker,
                                         gan_eval_set *set);

/* `count` samples of a checkpoint, or of a run's newest one; sample i is the same for any number
 * of ranks, to rounding.  Of a conditional model the classes are drawn as often as `like` has them,
 * and are the labels.  *averaged: of the moving average's weights.  Collective. */
GAN_CHECKED gan_status gan_eval_set_generate(const gan_eval *eval, const char *checkpoint,
                                             gan_weights weights, int64_t count, double truncation,
                                             const gan_eval_set *like, gan_eval_set *out,
                                             bool *averaged);

/* Rows of each label, over all ranks: counts (classes).  Collective. */
GAN_CHECKED gan_status gan_eval_set_count(const gan_eval *eval, const gan_eval_set *set,
                                          int64_t classes, int64_t *counts);

void gan_eval_set_release(gan_eval_set *set);

#endif
