/* The lines of run.jsonl and metrics.jsonl.  All of it is rank 0's. */
#ifndef GAN_TRAIN_RECORDS_H
#define GAN_TRAIN_RECORDS_H

#include "checkpoint/store.h"
#include "task/task.h"
#include "train/folder.h"

/* Start number `start` of the run begins at `step`. */
GAN_CHECKED gan_status gan_record_start(gan_folder *folder, const gan_comm *comm, int64_t start,
                                        int64_t step);

/* The checkpoints that this start could not go on from. */
GAN_CHECKED gan_status gan_record_skipped(gan_folder *folder, int64_t start,
                                          const gan_skip_list *skipped);

/* It ended at `step` with that status, and why. */
GAN_CHECKED gan_status gan_record_stop(gan_folder *folder, int64_t start, int64_t step,
                                       gan_status status, const char *reason);

/* A step that left updates of a network out. */
GAN_CHECKED gan_status gan_record_skip(gan_folder *folder, int64_t start, int64_t step,
                                       const char *network, const gan_skip *skip,
                                       const gan_run_facts *facts);

/* A step that was not taken, and to which one the run went back: facts->step. */
GAN_CHECKED gan_status gan_record_rollback(gan_folder *folder, int64_t start, int64_t step,
                                           const char *reason, const gan_run_facts *facts);

/* The task's metrics of the step that `facts` tell of. */
GAN_CHECKED gan_status gan_record_metrics(gan_folder *folder, const gan_task *task,
                                          const gan_run_facts *facts, int64_t start,
                                          double images_per_s);

#endif
