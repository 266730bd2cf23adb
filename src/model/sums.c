#include "model/sums.h"

#include "base/memory.h"
#include "kernels/grid.h"

#include <limits.h>
#include <math.h>

/* A slab goes over the ranks in pieces of this many integers; each thread rounds less at a time. */
enum { PIECE = 1 << 20, CHUNK = 1 << 14 };

struct gan_sums {
  int headroom; /* 2^headroom parts fit */
  int threads;
  int64_t room;       /* of exponents and integers */
  int32_t *exponents; /* (room) */
  int64_t *integers;  /* (room), at least a piece */
};

gan_status gan_sums_create(int64_t parts, int threads, gan_sums **out) {
  gan_sums *sums;
  GAN_TRY_ALLOC(sums, 1, "order-free sums");
  *out = sums;
  sums->threads = threads;
  while ((int64_t)1 << sums->headroom < parts) sums->headroom++;
  gan_status status = gan_sums_reserve(sums, PIECE);
  if (status != GAN_OK) gan_sums_destroy(out);
  return status;
}

void gan_sums_destroy(gan_sums **sums) {
  if (!*sums) return;
  gan_free(&(*sums)->exponents);
  gan_free(&(*sums)->integers);
  gan_free(sums);
}

gan_status gan_sums_reserve(gan_sums *sums, int64_t n) {
  if (n <= sums->room) return GAN_OK;
  gan_free(&sums->exponents);
  gan_free(&sums->integers);
  sums->room = 0;
  GAN_TRY_ALLOC(sums->exponents, n, "order-free sums");
  GAN_TRY_ALLOC(sums->integers, n, "order-free sums");
  sums->room = n;
  return GAN_OK;
}

/* The exponent of the grid for doubles below 2^exponent, and for floats. */
static int double_grid(const gan_sums *sums, int32_t exponent) {
  return exponent + sums->headroom - GAN_GRID_SUM_BITS;
}

static int float_grid(const gan_sums *sums, int32_t exponent) {
  int bits = GAN_GRID_SUM_BITS - sums->headroom;
  return exponent - (bits < GAN_GRID_BITS ? bits : GAN_GRID_BITS);
}

/* The least e with |x| < 2^e, INT32_MAX for infinity and NaN, INT32_MIN for 0. */
static int32_t exponent_of(double x) {
  int exponent;
  if (!isfinite(x)) return INT32_MAX;
  if (x == 0) return INT32_MIN;
  frexp(x, &exponent);
  return exponent;
}

gan_status gan_sums_doubles(gan_sums *sums, gan_comm *comm, int64_t parts, int64_t n,
                            int64_t stride, const double *values, double *totals,
                            const char *what) {
  if (!sums) {
    for (int64_t k = 0; k < n; k++) {
      double total = 0;
      for (int64_t p = 0; p < parts; p++) total += values[p * stride + k];
      totals[k] = total;
    }
    return gan_comm_sum_double(comm, totals, (size_t)n, what);
  }
  GAN_ASSERT(n <= sums->room);
  for (int64_t k = 0; k < n; k++) {
    sums->exponents[k] = INT32_MIN;
    for (int64_t p = 0; p < parts; p++) {
      int32_t exponent = exponent_of(values[p * stride + k]);
      if (exponent > sums->exponents[k]) sums->exponents[k] = exponent;
    }
  }
  GAN_TRY(gan_comm_max_int32(comm, sums->exponents, (size_t)n, what));
  for (int64_t k = 0; k < n; k++) {
    int32_t exponent = sums->exponents[k];
    sums->integers[k] = 0;
    if (exponent == INT32_MAX || exponent == INT32_MIN) continue;
    for (int64_t p = 0; p < parts; p++)
      sums->integers[k] += llrint(ldexp(values[p * stride + k], -double_grid(sums, exponent)));
  }
  GAN_TRY(gan_comm_sum_int64(comm, sums->integers, (size_t)n, what));
  for (int64_t k = 0; k < n; k++) {
    int32_t exponent = sums->exponents[k];
    totals[k] = exponent == INT32_MAX ? (double)NAN
                : exponent == INT32_MIN
                    ? 0
                    : ldexp((double)sums->integers[k], double_grid(sums, exponent));
  }
  return GAN_OK;
}

/* ---- slabs ---- */

/* `parts` slabs, `stride` floats apart; tensor t of `count` begins at begins[t]. */
typedef struct {
  int64_t parts, stride;
  int count;
  const int64_t *begins;
  float *slab;
} slabs;

static int64_t tensor_end(const slabs *s, int t) {
  return t + 1 < s->count ? s->begins[t + 1] : s->stride;
}

typedef void (*chunk_work)(const slabs *s, int grid, int64_t n, float *at, int64_t *integers);

/* All parts' floats to integers; what is no number is spoilt in the way back. */
static void to_integers(const slabs *s, int grid, int64_t n, float *at, int64_t *integers) {
  bool finite = grid != INT32_MAX;
  gan_grid_round(n, finite ? s->parts : 0, s->stride, finite ? ldexp(1, -grid) : 0, at, integers);
}

static void to_floats(const slabs *s, int grid, int64_t n, float *at, int64_t *integers) {
  (void)s;
  gan_grid_value(n, grid != INT32_MAX ? ldexp(1, grid) : (double)NAN, integers, at);
}

/* One chunk of the slab, [first, last): each tensor's piece of it on the tensor's grid. */
static void take_chunk(const gan_sums *sums, const slabs *s, int64_t first, int64_t last,
                       int64_t *integers, chunk_work work) {
  int t = 0;
  while (tensor_end(s, t) <= first) t++;
  for (; first < last; t++) {
    int64_t end = tensor_end(s, t) < last ? tensor_end(s, t) : last;
    int32_t exponent = gan_grid_exponent(sums->exponents[t]);
    work(s, exponent == INT32_MAX ? INT32_MAX : float_grid(sums, exponent), end - first,
         s->slab + first, integers);
    integers += end - first;
    first = end;
  }
}

/* The threads share a piece of the slab, from `at` on. */
static void take_piece(const gan_sums *sums, const slabs *s, int64_t at, int64_t size,
                       chunk_work work) {
#pragma omp parallel for schedule(static) num_threads(sums->threads)
  for (int64_t i = 0; i < size; i += CHUNK)
    take_chunk(sums, s, at + i, at + (size - i < CHUNK ? size : i + CHUNK), sums->integers + i,
               work);
}

/* The largest magnitudes of all tensors, of all ranks. */
static gan_status agree_on_grids(gan_sums *sums, gan_comm *comm, const slabs *s, const char *what) {
  GAN_ASSERT(s->count <= sums->room);
#pragma omp parallel for schedule(dynamic) num_threads(sums->threads)
  for (int t = 0; t < s->count; t++) {
    int64_t begin = s->begins[t], size = tensor_end(s, t) - begin;
    sums->exponents[t] = 0;
    for (int64_t p = 0; p < s->parts; p++) {
      int32_t largest = gan_grid_largest(size, s->slab + p * s->stride + begin);
      if (largest > sums->exponents[t]) sums->exponents[t] = largest;
    }
  }
  return gan_comm_max_int32(comm, sums->exponents, (size_t)s->count, what);
}

gan_status gan_sums_slab(gan_sums *sums, gan_comm *comm, int64_t parts, int64_t stride, int count,
                         const int64_t *begins, float *slab, const char *what) {
  if (!sums) {
    GAN_ASSERT(parts == 1);
    return gan_comm_sum_float(comm, slab, (size_t)stride, what);
  }
  slabs s = {parts, stride, count, begins, slab};
  GAN_TRY(agree_on_grids(sums, comm, &s, what));
  for (int64_t at = 0; at < stride; at += PIECE) {
    int64_t size = stride - at < PIECE ? stride - at : PIECE;
    take_piece(sums, &s, at, size, to_integers);
    GAN_TRY(gan_comm_sum_int64(comm, sums->integers, (size_t)size, what));
    take_piece(sums, &s, at, size, to_floats);
  }
  return GAN_OK;
}
