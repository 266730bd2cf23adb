/* The watchdog: ends a job that makes no progress, and names the rank that holds it up.
 *
 * One thread a rank, with a communicator of its own, tells rank 0 twice a second what its rank is
 * in; rank 0's keeps the table (comm/stall.h) and tells the others what it is in itself.  It sends
 * at most one message at a time to each, and waits for none, so no stopped process and no dead link
 * holds it up.  Where nobody has got on for the limit although some rank waits, rank 0 prints who
 * is missing in what and ends the job with GAN_TEMPORARY.  The other ranks do so where rank 0 is
 * silent for that long, one after the other, so that there is one message.  Where MPI lets only one
 * thread call it, each rank watches itself alone.
 *
 * Time is counted in the threads' own ticks: a job that was suspended as a whole goes on.
 */
#ifndef GAN_COMM_WATCHDOG_H
#define GAN_COMM_WATCHDOG_H

#include "comm/comm.h"

typedef struct gan_watchdog gan_watchdog;

/* Over the calls of `comm`.  Collective; a job of one rank has none (*out = NULL). */
GAN_CHECKED gan_status gan_watchdog_start(gan_comm *comm, double limit_s, gan_watchdog **out);

/* Another limit in seconds; 0: none.  Local; does nothing for NULL, as the next. */
void gan_watchdog_set_limit(gan_watchdog *dog, double limit_s);

/* Called by the watchdog's thread before it ends the job, where the main thread is known to wait in
 * a call: to record why. */
void gan_watchdog_set_record(gan_watchdog *dog, void (*record)(void *data, const char *reason),
                             void *data);

/* Ends the threads.  Collective, and watched by them itself: before the group and what its calls
 * are named by is gone. */
void gan_watchdog_stop(gan_watchdog **dog);

#endif
