/* Sums of one slab of floats over the ranks of a group, again and again: gradients.
 *
 * The slab is cut into buckets, which can be begun one after the other while the rest is still
 * being computed; the plan of them is the caller's, the same on all ranks and never a matter of
 * timing.  Two ways lead to the sum, in which it has the same bits on all ranks and over repeated
 * runs:
 *
 *   allreduce  MPI's own, in place.
 *   window     The ranks of a node put their slabs into memory that they share, beside one slab for
 *              the sum.  Each bucket is cut into lanes, as many as the node with the fewest ranks
 *              has; rank k of a node adds up lane k of all its ranks, in order of rank, and sums it
 *              with the ranks k of the other nodes by an allreduce.  All read the sum where it is.
 *
 * A rank writes its slab between gan_reducer_finish and gan_reducer_begin; it reads the sum from
 * gan_reducer_finish until it begins the next one.  No call takes memory but gan_reducer_create.
 */
#ifndef GAN_COMM_REDUCER_H
#define GAN_COMM_REDUCER_H

#include "comm/comm.h"
#include "config/config.h"

typedef struct gan_reducer gan_reducer;

/* Floats of a bucket, but for the last one: what one non-blocking call sums. */
enum { GAN_BUCKET_MOST = 1 << 28 };

typedef struct gan_reducer_spec {
  gan_comm_sum way;
  gan_wire wire;
  const char *what;      /* the sum's name, as comm.h wants it */
  int64_t n;             /* floats of the slab */
  int buckets;           /* at least 1 */
  const int64_t *begins; /* (buckets) bucket b is [begins[b], begins[b - 1]), the first ends at n,
                          * the last begins at 0; borrowed until the creation is done */
  int more;              /* slabs beside it that the ranks of a node are to share */
  int apart;             /* for tests: ranks of a node whose numbers differ modulo this are taken to
                          * be on different nodes; 0: nodes are as they are */
} gan_reducer_spec;

/* Collective, as all here but the three that only look. GAN_USAGE where a window is asked for and
 * cannot be had; where the choice is free, one line in the log says why and MPI's sums are taken.
 */
GAN_CHECKED gan_status gan_reducer_create(gan_comm *comm, const gan_reducer_spec *spec,
                                          gan_reducer **out);
void gan_reducer_destroy(gan_reducer **reducer);

/* Where this rank's numbers are to be put, (n), zero at first; and where their sum will be. */
float *gan_reducer_mine(const gan_reducer *reducer);
const float *gan_reducer_sum(const gan_reducer *reducer);

/* Slab k of spec->more, (n), zero at first, which the ranks of this node share; NULL where they
 * share nothing.  A number is written by one rank, and read by others after they have met. */
float *gan_reducer_shared(const gan_reducer *reducer, int k);

/* This rank's part of them, [first, end): all together are the slab. */
void gan_reducer_part(const gan_reducer *reducer, int64_t *first, int64_t *end);

/* What the ranks of this node have written is there for all of them.  Does nothing where they share
 * no more than sums. */
GAN_CHECKED gan_status gan_reducer_meet(gan_reducer *reducer);

/* The next bucket of this rank's slab is final.  Waits for nobody; not for the last bucket. */
GAN_CHECKED gan_status gan_reducer_begin(gan_reducer *reducer);

/* Takes what is under way further, and waits for nobody. */
GAN_CHECKED gan_status gan_reducer_progress(gan_reducer *reducer);

/* All of this rank's slab is final: waits until all of the sum is there. */
GAN_CHECKED gan_status gan_reducer_finish(gan_reducer *reducer);

/* How it sums, for the plan: "window, 2 ranks on 1 node; 1 bucket". */
char *gan_reducer_text(const gan_reducer *reducer, char *text, size_t size);

/* Bytes of shared memory that this rank will have touched: its own slab, the sum, and its lane of
 * the other slabs. */
double gan_reducer_shared_bytes(const gan_reducer *reducer);

#endif
