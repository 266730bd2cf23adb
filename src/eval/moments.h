/* Mean and covariance of rows over ranks, exact but for rounding of doubles: two passes, so that a
 * mean far from 0 costs no digits. */
#ifndef GAN_EVAL_MOMENTS_H
#define GAN_EVAL_MOMENTS_H

#include "eval/rows.h"

typedef struct gan_moments {
  int64_t n, d;
  double *mean;       /* (d) */
  double *covariance; /* (d, d), over n - 1 */
} gan_moments;

/* Of all rows.  GAN_USAGE where there are fewer than two. */
GAN_CHECKED gan_status gan_moments_create(const gan_eval *eval, const gan_rows *rows,
                                          gan_moments *out);

/* Of those at these places of this rank's x, each as often as it is named; another list on each
 * rank, maybe none. */
GAN_CHECKED gan_status gan_moments_create_of(const gan_eval *eval, const gan_rows *rows,
                                             int64_t count, const int64_t *places,
                                             gan_moments *out);

void gan_moments_destroy(gan_moments *moments);

#endif
