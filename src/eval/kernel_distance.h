/* The kernel distance: the squared maximum mean discrepancy under k(x, y) = (x.y / d + 1)^3,
 * unbiased, over blocks.  Gretton et al., "A kernel two-sample test", 2012, eq. 3; as a judge of
 * images Binkowski et al., "Demystifying MMD GANs", 2018, section 4 (KID).  Unlike the Frechet
 * distance it has no bias at small counts; it may be negative. */
#ifndef GAN_EVAL_KERNEL_DISTANCE_H
#define GAN_EVAL_KERNEL_DISTANCE_H

#include "eval/rows.h"

typedef struct gan_kernel_distance {
  double mean;           /* over the blocks */
  double error;          /* standard error of the mean; NaN with one block */
  int64_t blocks, block; /* how many, of so many rows of each side */
} gan_kernel_distance;

/* Blocks have at most `block` rows of each side (1000 is usual), which are chosen by chance and
 * overlap nowhere: as many as the shorter side gives.  A rank has one at a time, of 20 d + 8 block
 * / ranks bytes a row.  GAN_USAGE where a side has fewer than 2 rows. */
GAN_CHECKED gan_status gan_kernel_distance_run(const gan_eval *eval, const gan_rows *a,
                                               const gan_rows *b, int64_t block,
                                               gan_kernel_distance *out);

/* The same of two blocks, (m, d) each, alone: for tests and small sets.  Local. */
GAN_CHECKED gan_status gan_kernel_distance_of(int64_t m, int64_t d, const float *a, const float *b,
                                              double *distance);

#endif
