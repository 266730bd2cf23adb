/* What a run has cost: where its time went, and what its ranks took of their nodes. */
#ifndef GAN_TRAIN_TALLY_H
#define GAN_TRAIN_TALLY_H

#include "task/task.h"

/* To the log: of `steps` steps in `seconds`, `evaluating` of them in evaluations. */
void gan_tally_time(const gan_task *task, int64_t steps, double seconds, double evaluating);

/* The peaks of the ranks' memory; at_start: bytes that rank 0 had then, 0: not known.  Collective.
 */
GAN_CHECKED gan_status gan_tally_memory(gan_comm *comm, size_t at_start);

#endif
