/* Threads beside the computing ones: readers ahead, the lock's lease, the checkpoints' writer. */
#ifndef GAN_BASE_THREAD_H
#define GAN_BASE_THREAD_H

#include "base/status.h"

#include <pthread.h>

/* Starts one that no signal reaches (the main thread's loop looks for them), and that may run on
 * any core that the job may use: a launcher binds a rank to the cores of its computing threads, and
 * those have work of their own. */
GAN_CHECKED gan_status gan_thread_start(pthread_t *thread, void *(*work)(void *), void *data);

/* Lets the calling thread run only where nothing else wants the core.  Where the system refuses, it
 * stays as it was. */
void gan_thread_set_idle(void);

#endif
