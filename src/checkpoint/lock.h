/* The lock of a run folder: two writers would ruin it.
 *
 * RUN_DIR/run.lock holds host, pid and job of the run, and a lease that a thread advances every
 * second.  An fcntl lock on it tells runs on one host (and on file systems that carry locks) apart
 * at once, and goes with its process.  Elsewhere the lease decides: a run that is gone is one whose
 * lease did not move while the waiting one watched; clocks are never compared.
 *
 * A start of the same Slurm job with a higher restart count takes the lock over at once: Slurm has
 * ended the earlier start, or is about to, and it must not keep its successor from the folder.  It
 * puts its name into the record.  A holder looks at the record before it advances its lease, and
 * has lost the lock where it finds another name: by that, or because it was suspended for so long
 * that it was given up.  It writes nothing then, not even to free the lock.
 */
#ifndef GAN_CHECKPOINT_LOCK_H
#define GAN_CHECKPOINT_LOCK_H

#include "base/status.h"

#include <stdbool.h>

typedef struct gan_lock gan_lock;

/* Waits up to `wait_s` seconds for another run to let go; then GAN_OUTPUT, naming it.  One that it
 * takes over from is given the time to notice, and to end what it is writing, whatever `wait_s`. */
GAN_CHECKED gan_status gan_lock_acquire(const char *run_dir, const char *host, double wait_s,
                                        gan_lock **out);

/* Whether the lease's thread has found that somebody else has the lock.  From any thread, and for
 * each step: it only looks at a flag. */
bool gan_lock_lost(const gan_lock *lock);

/* Who has the lock in our place ("host H pid P job J restart R"), as long as the lock lives; NULL
 * while it is ours.  For each write: it reads the record where the last look is not recent, as
 * after a suspension.  From any thread. */
const char *gan_lock_taker(gan_lock *lock);

/* Whom a run folder's lock names, whether that run still lives or not; in fresh memory, NULL if it
 * is free. */
char *gan_lock_holder(const char *run_dir);

void gan_lock_release(gan_lock **lock);

#endif
