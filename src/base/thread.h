/* Threads beside the computing ones: readers ahead, the lock's lease. */
#ifndef GAN_BASE_THREAD_H
#define GAN_BASE_THREAD_H

/* Lets the calling thread run on any core that the job may use: a launcher binds a rank to the
 * cores of its computing threads, and those have work of their own. */
void gan_thread_unbind(void);

#endif
