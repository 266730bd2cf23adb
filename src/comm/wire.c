#include "comm/wire.h"

#include "base/memory.h"

#include <string.h>

uint16_t gan_wire_pack(float x) {
  uint32_t bits;
  memcpy(&bits, &x, sizeof bits);
  if ((bits & 0x7fffffffu) > 0x7f800000u) return (uint16_t)(bits >> 16 | 0x40); /* quiet NaN */
  return (uint16_t)((bits + 0x7fffu + (bits >> 16 & 1)) >> 16);
}

float gan_wire_unpack(uint16_t x) {
  uint32_t bits = (uint32_t)x << 16;
  float value;
  memcpy(&value, &bits, sizeof value);
  return value;
}

gan_status gan_wire_create(MPI_Comm comm, int64_t n, gan_wire_sums *wire) {
  *wire = (gan_wire_sums){.comm = comm, .room = n};
  MPI_Comm_rank(comm, &wire->rank);
  MPI_Comm_size(comm, &wire->size);
  int64_t slice = n / wire->size + 1;
  if (n > INT32_MAX - wire->size)
    return gan_fail(GAN_USAGE, "comm.wire bf16 sums fewer than 2^31 numbers at once");
  GAN_TRY_ALLOC(wire->out, n, "numbers on the wire");
  GAN_TRY_ALLOC(wire->in, slice * wire->size, "numbers on the wire");
  GAN_TRY_ALLOC(wire->counts, wire->size, "numbers on the wire");
  GAN_TRY_ALLOC(wire->begins, wire->size, "numbers on the wire");
  GAN_TRY_ALLOC(wire->slice_counts, wire->size, "numbers on the wire");
  GAN_TRY_ALLOC(wire->offsets, wire->size, "numbers on the wire");
  return GAN_OK;
}

void gan_wire_reset(gan_wire_sums *wire) {
  gan_free(&wire->out);
  gan_free(&wire->in);
  gan_free(&wire->counts);
  gan_free(&wire->begins);
  gan_free(&wire->slice_counts);
  gan_free(&wire->offsets);
}

static void cut(gan_wire_sums *wire, int64_t n) {
  for (int r = 0; r < wire->size; r++) {
    wire->begins[r] = (int)(n * r / wire->size);
    wire->counts[r] = (int)(n * (r + 1) / wire->size) - wire->begins[r];
  }
  int slice = wire->counts[wire->rank];
  for (int r = 0; r < wire->size; r++) {
    wire->slice_counts[r] = slice;
    wire->offsets[r] = r * slice;
  }
}

/* The slice of all ranks, in their order, rounded into its place of `out`. */
static void add_slice(const gan_wire_sums *wire) {
  int slice = wire->counts[wire->rank];
  uint16_t *to = wire->out + wire->begins[wire->rank];
  for (int i = 0; i < slice; i++) {
    float sum = gan_wire_unpack(wire->in[i]);
    for (int r = 1; r < wire->size; r++) sum += gan_wire_unpack(wire->in[r * slice + i]);
    to[i] = gan_wire_pack(sum);
  }
}

int gan_wire_sum(gan_wire_sums *wire, int64_t n, float *values) {
  GAN_ASSERT(n <= wire->room);
  cut(wire, n);
  for (int64_t i = 0; i < n; i++) wire->out[i] = gan_wire_pack(values[i]);
  int code = MPI_Alltoallv(wire->out, wire->counts, wire->begins, MPI_UINT16_T, wire->in,
                           wire->slice_counts, wire->offsets, MPI_UINT16_T, wire->comm);
  if (code != MPI_SUCCESS) return code;
  add_slice(wire);
  code = MPI_Allgatherv(MPI_IN_PLACE, 0, MPI_DATATYPE_NULL, wire->out, wire->counts, wire->begins,
                        MPI_UINT16_T, wire->comm);
  for (int64_t i = 0; i < n; i++) values[i] = gan_wire_unpack(wire->out[i]);
  return code;
}
