/* How sure a figure is: the same metric on parts of the rows that are chosen by chance. */
#ifndef GAN_EVAL_SPREAD_H
#define GAN_EVAL_SPREAD_H

#include "eval/rows.h"

/* A division of `total` rows by chance: the first total / 2 of order (total) are one half, the rest
 * the other.  Of a trial the same on all ranks.  Local. */
void gan_spread_halve(const gan_eval *eval, int trial, int64_t total, uint32_t *order);

/* A bootstrap resample (Efron 1979): numbers (total), with replacement.  Local. */
void gan_spread_resample(const gan_eval *eval, int trial, int64_t total, uint32_t *numbers);

/* Rows of these numbers, the same list on all ranks, each as often as it is named: a set of its
 * own, in memory of its own.  Each rank holds those that it held.  Collective. */
typedef struct gan_subset {
  gan_rows rows;
  float *x; /* (rows.n, rows.d) */
} gan_subset;

GAN_CHECKED gan_status gan_subset_create(const gan_eval *eval, const gan_rows *rows, int64_t count,
                                         const uint32_t *numbers, gan_subset *out);
void gan_subset_destroy(gan_subset *subset);

/* Mean and standard deviation (over n - 1; NaN where n is 1) of the figures of n trials. */
typedef struct gan_spread {
  double mean, deviation;
} gan_spread;

gan_spread gan_spread_of(int64_t n, const double *figures);

/* Figures of one set of rows, to out (count). */
typedef gan_status gan_figures(void *context, const gan_eval *eval, const gan_rows *rows, int count,
                               double *out);

/* Their spread over parts of the rows: both halves of each of `trials` divisions by chance, or as
 * many resamples.  Both ways the deviation is about that of a figure of all rows: a half deviates
 * more from the law, but not from the whole.  (Of a sum of independent terms: var / (n / 2) - var /
 * n.) Figures with a bias at small counts have more of it in halves; resamples hold rows twice, and
 * are not for what asks for nearest neighbours.  Collective. */
typedef enum gan_spread_way { GAN_SPREAD_HALVES, GAN_SPREAD_RESAMPLES } gan_spread_way;

GAN_CHECKED gan_status gan_spread_run(const gan_eval *eval, const gan_rows *rows,
                                      gan_spread_way way, int trials, gan_figures *figures,
                                      void *context, int count, gan_spread *out);

/* The fewest rows for which a covariance of d features says something: 5 a feature, as the FID's
 * authors ask (10,000 for 2048).  With d or fewer it is singular. */
int64_t gan_spread_least_count(int64_t d);

#endif
