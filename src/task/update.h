/* Updates whose numbers may be bad: what is checked before a network takes a step, and how one that
 * is left out (train.on_nonfinite: skip) leaves no trace.
 *
 *   gan_update_begin    before the first pass of an update
 *   ...                 its passes: losses, gradients
 *   gan_update_taint    before the gradients are summed
 *   ...                 the sum over the ranks
 *   gan_update_finish   the step, or none
 *
 * A skipped update changes no weight, no moment and not the optimizer's count of steps; and what
 * its passes left in the running statistics of any network goes too.  What was drawn for it stays
 * drawn: the next update sees the next samples and fresh noise.
 */
#ifndef GAN_TASK_UPDATE_H
#define GAN_TASK_UPDATE_H

#include "task/task.h"

/* When the networks are there: takes the memory that skipping needs. */
GAN_CHECKED gan_status gan_update_reserve(gan_task *task);

/* When a step begins: forgets the last one's skips. */
void gan_update_forget(gan_task *task);

void gan_update_begin(gan_task *task);

/* Where updates are skipped: makes the gradient of learner `which` no number if this rank alone
 * knows that the update is bad, by its losses or by what its passes left, so that the sum over the
 * ranks tells all of them. */
void gan_update_taint(gan_task *task, int which, bool losses_finite);

/* *norm is that of the summed gradient, the same on all ranks.  If it is finite, one step of the
 * optimizer at rate `lr`; else the update is skipped, or GAN_NUMBERS. */
GAN_CHECKED gan_status gan_update_finish(gan_task *task, int which, double lr, double *norm);

/* The same for all learners at once, at one rate: *norm is that of all their gradients together,
 * and where one is bad none takes the step. */
GAN_CHECKED gan_status gan_update_finish_all(gan_task *task, double lr, double *norm);

/* The same for all learners at once, each at its own rate and with its own norm: both (learners).
 */
GAN_CHECKED gan_status gan_update_finish_each(gan_task *task, const double *lr, double *norms);

/* Behind a step, when its statistics are in the networks: GAN_NUMBERS if a metric or a running
 * statistic is not finite, and no skipped update says why. */
GAN_CHECKED gan_status gan_update_check(const gan_task *task);

#endif
