/* A pass over held-out data: each rank over its rows, shard by shard, so that what is summed does
 * not depend on the ranks where sums are order-free. */
#ifndef GAN_TASK_HELDOUT_H
#define GAN_TASK_HELDOUT_H

#include "task/work.h"

typedef struct gan_heldout {
  const gan_dataset *data; /* borrowed */
  int64_t piece;           /* samples that a pass takes at most */
  int sums;                /* how many are added up */
  float *images;           /* (piece, H, W, C) */
  double *parts;           /* (shards of this rank, sums) */
  double *totals;          /* (sums) over all samples of all ranks */
} gan_heldout;

/* For so many sums over passes of work->piece samples; not in a step. */
GAN_CHECKED gan_status gan_heldout_reserve(const gan_task *task, gan_work *work, int sums,
                                           gan_heldout *heldout);
void gan_heldout_release(gan_heldout *heldout);

/* Whether all values, as the networks see them, lie in [0, 1]; GAN_INPUT names the first that does
 * not.  Of this rank's rows; local. */
GAN_CHECKED gan_status gan_heldout_check_unit(const gan_task *task);

/* Samples first..first+n-1 of all the held-out data, of which row `own` is this rank's first:
 * adds to `sums`, sample by sample. */
typedef gan_status (*gan_heldout_take)(gan_task *task, const gan_heldout *heldout, int64_t first,
                                       int64_t own, int64_t n, double *sums);

/* Into heldout->totals.  Collective. */
GAN_CHECKED gan_status gan_heldout_pass(gan_task *task, gan_work *work, gan_heldout *heldout,
                                        gan_heldout_take take);

/* The pass of n samples through a network that only looks. */
gan_pass gan_heldout_look(int64_t n);

#endif
