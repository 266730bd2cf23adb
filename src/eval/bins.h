/* NDB: the number of statistically different bins.
 *
 * The space is cut into the cells of k-means centres of training rows; two sets are compared by
 * their shares of each cell.  Richardson and Weiss, "On GANs and GMMs", 2018, section 3. */
#ifndef GAN_EVAL_BINS_H
#define GAN_EVAL_BINS_H

#include "eval/rows.h"

typedef struct gan_bins {
  int64_t bins, d;
  float *centres;  /* (bins, d), on all ranks */
  int64_t *counts; /* (bins) of the rows that they were made of */
  int64_t total;
} gan_bins;

/* k-means of rows: first centres as k-means++ chooses them (Arthur and Vassilvitskii, 2007), from
 * the counter-based generator, then so many of Lloyd's iterations; a centre without rows stays
 * where it is.  Collective.  GAN_USAGE where there are fewer rows than bins. */
GAN_CHECKED gan_status gan_bins_create(const gan_eval *eval, const gan_rows *rows, int64_t bins,
                                       int iterations, gan_bins *out);
void gan_bins_destroy(gan_bins *bins);

/* How many rows are in each bin: counts (bins).  Collective. */
GAN_CHECKED gan_status gan_bins_count(const gan_eval *eval, const gan_bins *bins,
                                      const gan_rows *rows, int64_t *counts);

typedef struct gan_bins_report {
  int64_t different; /* bins whose shares differ: |z| of two proportions, pooled, beyond a limit */
  double divergence; /* Jensen-Shannon of the shares, in nats */
} gan_bins_report;

/* A limit of the paper: a two-sided level of 0.05, at which chance alone makes one bin in twenty
 * differ; and of its authors' demonstration on MNIST: 3 standard errors. */
#define GAN_BINS_LEVEL_5  1.959963984540054
#define GAN_BINS_ERRORS_3 3.0

/* Two histograms.  Local. */
void gan_bins_compare(int64_t bins, const int64_t *a, const int64_t *b, double limit,
                      gan_bins_report *out);

#endif
