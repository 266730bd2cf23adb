/* Memorisation: are samples copies of training rows? */
#ifndef GAN_EVAL_MEMORISATION_H
#define GAN_EVAL_MEMORISATION_H

#include "eval/rows.h"

/* Whether samples are copies: the distance of each to the nearest training row, beside that of
 * held-out rows, which nobody can have learned by heart. */
typedef struct gan_memorisation {
  double mean, held_out_mean; /* distances, not squared */
  double below_low;    /* share of samples nearer than the lowest 5% of held-out rows: 0.05 by
                        * chance; more where samples are copies */
  double below_middle; /* share nearer than the median of held-out rows: 0.5 by chance */
  double low, middle;  /* these two distances */
} gan_memorisation;

/* number, distance: for each of this rank's samples its nearest training row; (n), each may be
 * NULL. */
GAN_CHECKED gan_status gan_memorisation_run(const gan_eval *eval, const gan_rows *samples,
                                            const gan_rows *training, const gan_rows *held_out,
                                            gan_memorisation *out, int64_t *number,
                                            double *distance);

/* A sample and the training row that is nearest to it, by their numbers. */
typedef struct gan_copy {
  int64_t sample, training;
  double distance;
} gan_copy;

/* The `count` samples that are nearest to their training rows, nearest first, of equals the lower
 * number: for a picture of them (gan_rows_pick).  From what gan_memorisation_run gave; count is at
 * most that of all samples.  Collective. */
GAN_CHECKED gan_status gan_memorisation_copies(const gan_eval *eval, const gan_rows *samples,
                                               const int64_t *number, const double *distance,
                                               int64_t count, gan_copy *copies);

#endif
