/* Sums over ranks whose numbers travel as bfloat16: half the bytes of a float allreduce.
 *
 * Each rank's numbers are rounded to bfloat16 (to nearest, ties to even), the owner of a slice adds
 * them up in float in order of rank, and the sum is rounded once more on its way back.  So a sum is
 * off by at most 2^-8 (|sum| + the sum of the |numbers|), to first order; all ranks get the same
 * bits.
 */
#ifndef GAN_COMM_WIRE_H
#define GAN_COMM_WIRE_H

#include "base/status.h"

#include <mpi.h>
#include <stdint.h>

typedef struct gan_wire_sums {
  MPI_Comm comm;
  int rank, size;
  int64_t room;                /* numbers at most */
  uint16_t *out, *in;          /* what is sent, what has come */
  int *counts, *begins;        /* (size) this rank's numbers, cut into the ranks' slices */
  int *slice_counts, *offsets; /* (size) all ranks' numbers of this rank's slice */
} gan_wire_sums;

/* For up to n numbers, fewer than 2^31.  Local; where it fails it is still to be reset. */
GAN_CHECKED gan_status gan_wire_create(MPI_Comm comm, int64_t n, gan_wire_sums *wire);
void gan_wire_reset(gan_wire_sums *wire);

/* Sums `values` (n) over the ranks in place; what MPI says.  Collective. */
int gan_wire_sum(gan_wire_sums *wire, int64_t n, float *values);

/* Nearest bfloat16, ties to even; NaN stays NaN. */
uint16_t gan_wire_pack(float x);
float gan_wire_unpack(uint16_t x);

#endif
