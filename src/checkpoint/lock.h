/* The lock of a run folder: two writers would ruin it.
 *
 * RUN_DIR/run.lock holds host, pid and job of the run, and a lease that a thread advances every
 * second.  An fcntl lock on it tells runs on one host (and on file systems that carry locks) apart
 * at once, and goes with its process.  Elsewhere the lease decides: a run that is gone is one whose
 * lease did not move while the waiting one watched; clocks are never compared.
 */
#ifndef GAN_CHECKPOINT_LOCK_H
#define GAN_CHECKPOINT_LOCK_H

#include "base/status.h"

typedef struct gan_lock gan_lock;

/* Waits up to `wait_s` seconds for another run to let go; then GAN_OUTPUT, naming it. */
GAN_CHECKED gan_status gan_lock_acquire(const char *run_dir, const char *host, double wait_s,
                                        gan_lock **out);
void gan_lock_release(gan_lock **lock);

#endif
