/* What a classifier says about samples. */
#ifndef GAN_EVAL_CLASSES_H
#define GAN_EVAL_CLASSES_H

#include "eval/frechet.h"

/* exp(mean KL(p(y|x) || p(y))), p(y) the mean of p(y|x): Salimans et al., "Improved techniques for
 * training GANs", 2016, section 4 (the inception score, where the classifier is theirs).  Between 1
 * and the number of classes. */
typedef struct gan_class_score {
  double mean, deviation; /* over the splits: contiguous parts of the rows, as they take 10 */
} gan_class_score;

/* Of logits (n, classes).  Collective.  GAN_USAGE where there are fewer rows than splits. */
GAN_CHECKED gan_status gan_class_score_run(const gan_eval *eval, const gan_rows *logits, int splits,
                                           gan_class_score *out);

/* The class of the largest logit, the first of equals; to classes (n).  Local. */
void gan_class_of(const gan_rows *logits, int32_t *classes);

/* How many of all ranks' rows are of each class: counts (of).  Collective.  GAN_INPUT where a class
 * is none of 0..of-1. */
GAN_CHECKED gan_status gan_class_count(const gan_eval *eval, int64_t n, const int32_t *classes,
                                       int of, int64_t *counts);

/* Half the sum of |p - q| over the shares of two histograms: 0 for equal ones, 1 for disjoint ones.
 * Local. */
double gan_total_variation(int classes, const int64_t *a, const int64_t *b);

/* The share of rows whose class is the one asked for.  Collective. */
GAN_CHECKED gan_status gan_class_accuracy(const gan_eval *eval, int64_t n, const int32_t *asked,
                                          const int32_t *found, double *share);

/* Rows with their classes (n). */
typedef struct gan_labelled {
  const gan_rows *rows;
  const int32_t *classes;
} gan_labelled;

/* The Frechet distance within each class, to distances (of), NaN where a side has fewer than
 * `least` (at least 2) rows of it; and the mean of those that are there, NaN where none is (Miyato
 * and Koyama, "cGANs with projection discriminator", 2018: intra FID).  Collective. */
GAN_CHECKED gan_status gan_class_frechet(const gan_eval *eval, gan_labelled real, gan_labelled fake,
                                         int of, int64_t least, double *distances, double *mean);

#endif
