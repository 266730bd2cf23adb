/* Which modes of a known law samples reach: the protocol of PacGAN (Lin et al., "PacGAN: the power
 * of two samples in generative adversarial networks", 2018, section 4.1), which is VEEGAN's
 * (Srivastava et al., 2017). */
#ifndef GAN_EVAL_MODES_H
#define GAN_EVAL_MODES_H

#include "eval/rows.h"

/* A mixture of Gaussians of equal spread in every direction. */
typedef struct gan_mixture {
  int64_t modes, d;
  const double *centres; /* (modes, d) */
  double deviation;      /* of each */
} gan_mixture;

/* Each sample belongs to its nearest mode (the first of equals), and is good within 3 standard
 * deviations of it: nearest and good (modes) count them.  Collective. */
GAN_CHECKED gan_status gan_modes_count(const gan_eval *eval, const gan_rows *samples,
                                       const gan_mixture *mixture, int64_t *nearest, int64_t *good);

typedef struct gan_mode_report {
  int64_t captured;    /* modes that have a good sample */
  double high_quality; /* share of good samples */
  double reverse_kl;   /* sum of q log(q / p), q the samples' shares of modes, p the law's */
} gan_mode_report;

/* shares (modes) are those of the law, whatever they add up to; NULL: all alike.  Where modes come
 * as labels (stacked MNIST), nearest and good are the same counts (classes.h).  Infinite where
 * samples reach a mode that has no share.  Local; NaN where there are no samples. */
void gan_modes_judge(int64_t modes, const int64_t *nearest, const int64_t *good,
                     const double *shares, gan_mode_report *out);

#endif
