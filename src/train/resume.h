/* Where a start begins: anew, or from a checkpoint, and whether that may be. */
#ifndef GAN_TRAIN_RESUME_H
#define GAN_TRAIN_RESUME_H

#include "checkpoint/store.h"
#include "train/session.h"

/* Rank 0: the checkpoint to go on from, NULL for a new run, and which damaged ones were skipped (to
 * be freed in any case).  `resume` is auto, never or a path.  GAN_USAGE if the folder's state
 * forbids it, GAN_INPUT if all checkpoints are damaged. */
GAN_CHECKED gan_status gan_resume_choose(const char *run_dir, const char *resume,
                                         gan_skip_list *skipped, gan_checkpoint **out);

/* Rank 0: the number of shards to go on with.  A config that leaves data.shards open keeps the
 * checkpoint's, also where the batch has changed; GAN_USAGE if they do not divide it. */
GAN_CHECKED gan_status gan_resume_shards(const gan_session *session,
                                         const gan_checkpoint *checkpoint, bool force,
                                         int64_t *shards);

/* Rank 0: whether this config may continue that run: GAN_USAGE with the keys that forbid it, or,
 * where they are forced, with the tensor whose shape does.  Changed keys are logged. */
GAN_CHECKED gan_status gan_resume_check_config(const gan_session *session,
                                               gan_checkpoint *checkpoint, bool force);

/* Rank 0: whether the data is still the same. */
GAN_CHECKED gan_status gan_resume_check_data(const gan_session *session,
                                             const gan_checkpoint *checkpoint, bool force);

/* Collective: the state of rank 0's checkpoint (NULL on the others) into the task of all ranks. */
GAN_CHECKED gan_status gan_resume_load(gan_session *session, gan_checkpoint *checkpoint,
                                       gan_run_facts *facts);

/* Rank 0's weights, statistics and moments to all; collective. */
GAN_CHECKED gan_status gan_resume_share_learner(gan_comm *comm, gan_learner *learner);

/* Says what other numbers of ranks mean for the run that goes on: whether its steps are the same.
 */
void gan_resume_log_world(const gan_session *session, const gan_run_facts *facts);

#endif
