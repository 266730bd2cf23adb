/* The MPI boundary: the only folder that knows mpi.h.
 *
 * A gan_comm is a group of ranks with a communicator of its own.  A program that did not start MPI
 * uses gan_comm_alone(): one rank, no MPI call.  Functions marked "collective" must be called by
 * all ranks of the group in the same order.
 *
 * Where ranks wait for each other, `what` names it for the user ("the sum of the generator's
 * gradients", "agreeing whether all have their data"), as in "rank 2 has not joined in ...": in
 * failures, and where a job that makes no progress ends (comm/watchdog.h).  It stays readable for
 * as long as the group, a literal as a rule.
 */
#ifndef GAN_COMM_COMM_H
#define GAN_COMM_COMM_H

#include "base/status.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef struct gan_comm gan_comm;

/* Starts MPI.  GAN_USAGE if the launcher started several processes and MPI does not join them;
 * one of them has the message.  Collective over the job. */
GAN_CHECKED gan_status gan_comm_start(int *argc, char ***argv, gan_comm **out);

/* A group of one; owned by nobody, needs no destroy. */
gan_comm *gan_comm_alone(void);

/* Ends MPI behind a barrier, so that no rank leaves (and the launcher kills the others) before
 * the last write of any.  Collective; does nothing for a group of one without MPI. */
void gan_comm_finish(gan_comm **comm);

/* Ranks with the same colour form a group, in rank order.  Collective; destroy what it gives. */
GAN_CHECKED gan_status gan_comm_split(gan_comm *comm, int colour, gan_comm **out);
void gan_comm_destroy(gan_comm **comm);

/* This process's rank as the launcher's environment has it, 0 without a launcher: for commands that
 * do not start MPI, so that one of them does it for the job. */
int gan_comm_launched_rank(void);

/* Whether the launcher's environment says that this process is one of several. */
bool gan_comm_launched(void);

int gan_comm_rank(const gan_comm *comm);
int gan_comm_size(const gan_comm *comm);

/* Name of this rank's host. */
const char *gan_comm_host(const gan_comm *comm);

/* The step that this rank works on, for the same reports; 0, as at first: none yet.  Local. */
void gan_comm_set_step(gan_comm *comm, int64_t step);

/* Failure is collective: every rank brings its own status; if any failed, all return the status of
 * the lowest failed rank and hold its message, which names the rank where that helps. */
GAN_CHECKED gan_status gan_comm_agree(gan_comm *comm, gan_status mine, const char *what);

/* *out = whether any rank's flag is set; collective. */
GAN_CHECKED gan_status gan_comm_any_true(gan_comm *comm, bool mine, bool *out, const char *what);

/* Rank 0's bytes to all; collective.  Any size. */
GAN_CHECKED gan_status gan_comm_broadcast(gan_comm *comm, void *bytes, size_t n, const char *what);

/* Rank 0's text (NULL elsewhere, or on failure) to all, in fresh memory; collective. */
GAN_CHECKED gan_status gan_comm_broadcast_text(gan_comm *comm, char **text, size_t *length,
                                               const char *what);

/* Sums over the ranks, in place, the same bits on all; collective.  Any count. */
GAN_CHECKED gan_status gan_comm_sum_float(gan_comm *comm, float *values, size_t n,
                                          const char *what);
GAN_CHECKED gan_status gan_comm_sum_double(gan_comm *comm, double *values, size_t n,
                                           const char *what);

/* The same for integers, exact in any order; and the largest. */
GAN_CHECKED gan_status gan_comm_sum_int64(gan_comm *comm, int64_t *values, size_t n,
                                          const char *what);
GAN_CHECKED gan_status gan_comm_max_int32(gan_comm *comm, int32_t *values, size_t n,
                                          const char *what);

/* Point to point: one sends, the other receives. */
GAN_CHECKED gan_status gan_comm_send(gan_comm *comm, int to, const void *bytes, size_t n,
                                     const char *what);
GAN_CHECKED gan_status gan_comm_receive(gan_comm *comm, int from, void *bytes, size_t n,
                                        const char *what);

/* Each rank's n bytes to all, in order of ranks: `all` has room for size * n.  Collective. */
GAN_CHECKED gan_status gan_comm_gather(gan_comm *comm, const void *mine, size_t n, void *all,
                                       const char *what);

/* *rank = the lowest rank whose bytes differ from rank 0's, -1 if all agree; collective. */
GAN_CHECKED gan_status gan_comm_compare(gan_comm *comm, const void *bytes, size_t n, int *rank,
                                        const char *what);

/* Seconds that this rank has spent in sums so far, waiting for others included. */
double gan_comm_seconds(const gan_comm *comm);

/* Seconds during which sums were under way while this rank computed. */
double gan_comm_hidden_seconds(const gan_comm *comm);

GAN_CHECKED gan_status gan_comm_barrier(gan_comm *comm, const char *what);

/* The same asleep, for ranks that stand aside while others are measured: up to a millisecond late.
 * Collective. */
GAN_CHECKED gan_status gan_comm_rest(gan_comm *comm, const char *what);

/* Shows the bytes of every sum (of a group of one, too) to `show` from now on (NULL: to nobody):
 * for `mpigan bench`, which wants to know what a step sends. */
void gan_comm_observe(void (*show)(void *context, size_t bytes, const char *what), void *context);

/* The name and version of the MPI library, on one line. */
char *gan_comm_library(char *text, size_t size);

#endif
