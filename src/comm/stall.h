/* Whether a job has come to a standstill, and who holds it up: plain arithmetic over what the ranks
 * have told of themselves.  No MPI, no clock.
 */
#ifndef GAN_COMM_STALL_H
#define GAN_COMM_STALL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* What a rank tells of itself, twice a second; goes over the wire as it is. */
typedef struct {
  uint64_t moves; /* ends and beginnings of calls: odd inside one */
  uint64_t calls; /* collective calls begun: the same on all ranks for the same call */
  int64_t step;   /* 0: none yet */
  int32_t peer;   /* the rank that a point-to-point call waits for; -1: the call is collective */
  int32_t last;   /* it tells no more */
  char what[96];  /* the call's name */
  char host[64];
} gan_report;

/* One rank, as another sees it. */
typedef struct {
  gan_report report; /* its last one; all zero before the first */
  int rank;
  double heard, moved; /* seconds since it was heard, and since its `moves` changed */
} gan_rank_state;

/* A report has come. */
void gan_stall_hear(gan_rank_state *state, const gan_report *report);

/* Time goes by for all `n`. */
void gan_stall_tick(gan_rank_state *states, int n, double seconds);

/* Whether nobody has moved for `limit` seconds although one waits in a call. */
bool gan_stall_found(const gan_rank_state *states, int n, double limit);

/* The sentence for the user: who holds up what at which step, who waits, and whether the one that
 * is missing still answers. */
void gan_stall_text(const gan_rank_state *states, int n, double limit, char *text, size_t size);

#endif
