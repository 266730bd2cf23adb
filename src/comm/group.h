/* What a group of ranks is: for this folder alone. */
#ifndef GAN_COMM_GROUP_H
#define GAN_COMM_GROUP_H

#include "comm/comm.h"

#include <mpi.h>
#include <stdatomic.h>

/* The call that a rank is in, or its last one: written by the thread that calls, read by a service
 * thread beside it, without a lock.  All but `moves` stand still while that is odd. */
typedef struct {
  _Atomic uint64_t moves; /* ends and beginnings of calls: odd inside one */
  _Atomic uint64_t calls; /* collective ones begun: the same on all ranks for the same call */
  _Atomic(const char *) what;
  _Atomic int peer; /* the rank that a point-to-point call waits for; -1: a collective one */
  _Atomic int64_t step;
} gan_call;

struct gan_comm {
  MPI_Comm mpi;
  int rank, size;
  bool owns_mpi;  /* this group started MPI */
  bool threads;   /* all threads may call MPI */
  double seconds; /* in sums */
  double hidden;  /* of sums, while this rank computed */
  gan_call call;
  char host[256];
};

/* One MPI call moves at most this many elements, far below the limit of int counts.  The cut is
 * part of the determinism contract: other pieces could be summed in another order. */
enum { GAN_COMM_PIECE = 1 << 28 };

/* Elements of the next call, where n are to be moved and `at` are done. */
int gan_comm_piece(int64_t n, int64_t at);

/* Around whatever waits for other ranks; `leave` gives back the status. */
void gan_comm_enter(gan_comm *comm, int peer, const char *what);
GAN_CHECKED gan_status gan_comm_leave(gan_comm *comm, gan_status status);

/* What begins to be summed, for who observes (gan_comm_observe). */
void gan_comm_show(size_t bytes, const char *what);

/* Ranks that will talk to each other do so once, while one thread of each calls MPI: where two do,
 * Open MPI's TCP (4.1) may trip over a connection that both are making.  All pairs of up to 64
 * ranks; in larger groups those of trees, rings and of rank 0.  Collective. */
GAN_CHECKED gan_status gan_comm_connect(gan_comm *comm, const char *what);

/* Another communicator for the same ranks.  Collective. */
GAN_CHECKED gan_status gan_comm_dup(gan_comm *comm, MPI_Comm *out, const char *what);

#endif
