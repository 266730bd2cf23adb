/* What the steps of all tasks share: this rank's part of a batch and the pieces that it passes in,
 * the sums of losses over parts and ranks, and where the time goes.
 */
#ifndef GAN_TASK_WORK_H
#define GAN_TASK_WORK_H

#include "task/task.h"

typedef struct gan_work {
  gan_division division; /* of this rank's samples: see model/layer.h */
  gan_sums *sums;        /* order-free ones; NULL: plain */
  int64_t piece;         /* samples that a pass takes at most */
  int64_t first_sample;  /* global index of this rank's first of a batch */
  int losses;
  int64_t row;              /* the losses, what all must know, the networks' statistics */
  double *parts;            /* (parts, row): `losses` sums of this rank's, ... */
  double *totals;           /* (row) ... and over all ranks */
  int sum_row;              /* of the profile: time in sums over the ranks */
  double since, sums_since; /* clock and seconds in sums at the last row of the profile */
} gan_work;

/* Cuts this rank's part of a batch into parts and pieces; sets task->local_samples. */
GAN_CHECKED gan_status gan_work_divide(gan_task *task, gan_work *work);

/* Room for so many losses, once the networks are there. */
GAN_CHECKED gan_status gan_work_reserve(const gan_task *task, int losses, gan_work *work);
void gan_work_release(gan_work *work);

/* ---- a step: begin, passes, updates, share ---- */

void gan_work_begin(const gan_task *task, gan_work *work);

/* Where a pass over the batch stands among those of its update. */
enum { GAN_FIRST_PASS = 1, GAN_LAST_PASS = 2 };

/* The pass of `sets` sets of this rank's samples from number `at` on, in training; its classes are
 * the caller's. */
gan_pass gan_work_pass(const gan_task *task, const gan_work *work, uint32_t phase, int64_t update,
                       int64_t at, int sets);

/* Whether those samples are the update's first and last of this rank: what pass->accumulate and
 * pass->completes say. */
void gan_work_place(const gan_task *task, unsigned place, gan_pass *pass);

/* Losses first..end-1 to zero; whether those of this rank are finite; and where a span's are added
 * up. */
void gan_work_forget(gan_work *work, int first, int end);
bool gan_work_finite(const gan_work *work, int first, int end);
double *gan_work_losses(const gan_work *work, const gan_span *span);

/* Adds the time since the last call to a row of the profile, less what was spent in sums. */
void gan_work_spend(gan_task *task, gan_work *work, int row);

/* Sums the gradients of learner `which` over the ranks, behind passes whose losses are
 * first..end-1; all then take the same step, unless it is no number.  Time goes to the rows `row`
 * and `optimizer_row` of the profile. */
GAN_CHECKED gan_status gan_work_update(gan_task *task, gan_work *work, int which, bool finite,
                                       int row, int optimizer_row, double *norm);

/* The same of all learners at once, at the rate of the first: see gan_update_finish_all. */
GAN_CHECKED gan_status gan_work_update_all(gan_task *task, gan_work *work, bool finite, int row,
                                           int optimizer_row, double *norm);

/* The same, each at its own rate: see gan_update_finish_each. */
GAN_CHECKED gan_status gan_work_update_each(gan_task *task, gan_work *work, bool finite, int row,
                                            int optimizer_row, double *norms);

/* At the end of a step, the one reduction of it: losses, into work->totals; the networks'
 * statistics; what some rank asks of all; and whether one could not read (data_status), which all
 * then return.  Collective. */
GAN_CHECKED gan_status gan_work_share(gan_task *task, gan_work *work, gan_status data_status);

#endif
