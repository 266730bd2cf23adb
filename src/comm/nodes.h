/* What a reducer is, and who sums with whom: for this folder alone. */
#ifndef GAN_COMM_NODES_H
#define GAN_COMM_NODES_H

#include "comm/group.h"
#include "comm/reducer.h"
#include "comm/window.h"
#include "comm/wire.h"

/* What a rank tells the others of its node, at the beginning of its segment: only it writes there,
 * and the counts only grow, so that nothing has to be set back between two sums. */
typedef struct {
  _Atomic uint64_t published; /* buckets of its slab that were final, over all sums */
  _Atomic uint64_t summed;    /* buckets of which the sum of its lane is there */
  _Atomic uint64_t met;       /* how often it has met the others */
  _Atomic bool failed;        /* it does not go on */
} gan_rank_flags;

_Static_assert(ATOMIC_LLONG_LOCK_FREE == 2, "processes share atomic words");

/* Two cache lines lie between the flags and the numbers. */
enum { GAN_FLAGS_BYTES = 128, GAN_LINE = 16 /* floats */ };
_Static_assert(sizeof(gan_rank_flags) <= GAN_FLAGS_BYTES, "flags have their place");

struct gan_reducer {
  gan_comm *comm;
  const char *what;
  bool window; /* of those nodes that have more than one rank */
  int64_t n;
  int more; /* slabs that a node shares, 0 where it shares none */
  int buckets;
  int64_t *begins; /* (buckets) */

  MPI_Comm node;   /* MPI_COMM_NULL: one rank, or all by MPI's allreduce */
  MPI_Comm across; /* this rank's lane on all nodes; MPI_COMM_NULL: it has none */
  int node_rank, node_size, nodes, lanes, across_size;
  gan_window shared;      /* if node_size > 1 */
  gan_rank_flags **flags; /* (node_size) */
  float **slabs;          /* (node_size) */
  float *own;             /* if node_size == 1 */
  float *mine, *sum;

  MPI_Request *requests; /* (buckets) between nodes */
  gan_wire_sums wire;    /* where numbers travel as bfloat16 */
  bool rounds;

  int begun, added, crossed; /* buckets of the sum that is under way: each is that far */
  uint64_t before;           /* buckets of all earlier sums */
  uint64_t met;
  double left; /* clock at the end of the last call */
};

/* Floats from one shared slab to the next. */
size_t gan_reducer_stride(const gan_reducer *r);

/* What MPI says, as a status. */
GAN_CHECKED gan_status gan_reducer_check(const gan_reducer *r, int code);

#endif
