/* A copy of all that a checkpoint holds, in memory that is taken once, so that it can be written
 * while training goes on. */
#ifndef GAN_CHECKPOINT_SNAPSHOT_H
#define GAN_CHECKPOINT_SNAPSHOT_H

#include "checkpoint/checkpoint.h"

typedef struct gan_snapshot gan_snapshot;

/* Reserves the memory for `content`, whose networks, texts and counters it borrows for good. */
GAN_CHECKED gan_status gan_snapshot_create(const gan_checkpoint_content *content,
                                           gan_snapshot **out);
void gan_snapshot_destroy(gan_snapshot **snapshot);

/* What gan_snapshot_create will take for these learners, in bytes. */
size_t gan_snapshot_bytes(const gan_learner *learners, int count);

/* Copies what the networks, optimizers and counters hold now, beside these facts. */
void gan_snapshot_take(gan_snapshot *snapshot, const gan_run_facts *facts);

/* The copy; good until the next take. */
const gan_checkpoint_content *gan_snapshot_content(const gan_snapshot *snapshot);

#endif
