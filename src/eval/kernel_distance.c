#include "eval/kernel_distance.h"

#include "base/memory.h"
#include "kernels/gemm_double.h"

#include <math.h>

/* One block of both sides, and what this rank does of it: rows first..first+count-1. */
typedef struct {
  int64_t m, d, first, count;
  float *picked; /* (m, d) */
  double *a, *b; /* (m, d) */
  double *dots;  /* (count, m) */
} block_pair;

/* Sum of k over rows of x and all of y; without the pairs of a row with itself where they are one.
 */
static double kernel_sum(const block_pair *pair, const double *x, const double *y) {
  int64_t m = pair->m, d = pair->d;
  double sum = 0;
  gan_gemm_double(false, true, pair->count, m, d, x + pair->first * d, y, 0, pair->dots);
  for (int64_t i = 0; i < pair->count; i++) {
    double row = 0;
    for (int64_t j = 0; j < m; j++) {
      double base = pair->dots[i * m + j] / (double)d + 1;
      if (x != y || j != pair->first + i) row += base * base * base;
    }
    sum += row;
  }
  return sum;
}

/* This rank's part of the estimate. */
static double estimate(const block_pair *pair) {
  double m = (double)pair->m, pairs = m * (m - 1);
  double within = kernel_sum(pair, pair->a, pair->a) + kernel_sum(pair, pair->b, pair->b);
  return within / pairs - 2 * kernel_sum(pair, pair->a, pair->b) / (m * m);
}

static gan_status pick(const gan_eval *eval, const gan_rows *rows, const uint32_t *numbers,
                       block_pair *pair, double *to) {
  GAN_TRY(gan_rows_pick(eval, rows, pair->m, numbers, pair->picked));
  for (int64_t i = 0; i < pair->m * pair->d; i++) to[i] = (double)pair->picked[i];
  return GAN_OK;
}

static void judge(const double *values, gan_kernel_distance *out) {
  double n = (double)out->blocks, square = 0;
  out->mean = 0;
  for (int64_t b = 0; b < out->blocks; b++) out->mean += values[b] / n;
  for (int64_t b = 0; b < out->blocks; b++) square += pow(values[b] - out->mean, 2);
  out->error = out->blocks > 1 ? sqrt(square / (n - 1) / n) : NAN;
}

typedef struct {
  uint32_t *order_a, *order_b; /* (rows) */
  double *values;              /* (blocks) */
  block_pair pair;
} room;

static gan_status take_room(const gan_eval *eval, const gan_rows *a, const gan_rows *b,
                            const gan_kernel_distance *plan, room *r) {
  int64_t m = plan->block, ranks = gan_comm_size(eval->comm), rank = gan_comm_rank(eval->comm);
  int64_t first = m * rank / ranks, end = m * (rank + 1) / ranks;
  r->pair = (block_pair){.m = m, .d = a->d, .first = first, .count = end - first};
  GAN_TRY_EVAL_ALLOC(eval, r->order_a, a->total);
  GAN_TRY_EVAL_ALLOC(eval, r->order_b, b->total);
  GAN_TRY_EVAL_ALLOC(eval, r->values, plan->blocks);
  GAN_TRY_EVAL_ALLOC(eval, r->pair.picked, m * a->d);
  GAN_TRY_EVAL_ALLOC(eval, r->pair.a, m * a->d);
  GAN_TRY_EVAL_ALLOC(eval, r->pair.b, m * a->d);
  GAN_TRY_EVAL_ALLOC(eval, r->pair.dots, r->pair.count * m);
  return GAN_OK;
}

static void free_room(room *r) {
  gan_free(&r->order_a);
  gan_free(&r->order_b);
  gan_free(&r->values);
  gan_free(&r->pair.picked);
  gan_free(&r->pair.a);
  gan_free(&r->pair.b);
  gan_free(&r->pair.dots);
}

static gan_status run(const gan_eval *eval, const gan_rows *a, const gan_rows *b, room *r,
                      gan_kernel_distance *out) {
  gan_rng rng_a = gan_eval_stream(eval, GAN_EVAL_DRAW_KERNEL_A);
  gan_rng rng_b = gan_eval_stream(eval, GAN_EVAL_DRAW_KERNEL_B);
  gan_rng_permutation(rng_a, 0, (uint32_t)a->total, r->order_a);
  gan_rng_permutation(rng_b, 0, (uint32_t)b->total, r->order_b);
  for (int64_t i = 0; i < out->blocks; i++) {
    GAN_TRY(pick(eval, a, r->order_a + i * out->block, &r->pair, r->pair.a));
    GAN_TRY(pick(eval, b, r->order_b + i * out->block, &r->pair, r->pair.b));
    r->values[i] = estimate(&r->pair);
  }
  GAN_TRY(gan_comm_sum_double(eval->comm, r->values, (size_t)out->blocks,
                              "the sum of the kernel distance"));
  judge(r->values, out);
  return GAN_OK;
}

gan_status gan_kernel_distance_run(const gan_eval *eval, const gan_rows *a, const gan_rows *b,
                                   int64_t block, gan_kernel_distance *out) {
  GAN_ASSERT(a->d == b->d);
  int64_t shorter = a->total < b->total ? a->total : b->total;
  if (shorter < 2 || block < 2)
    return gan_fail(GAN_USAGE,
                    "a kernel distance wants blocks of at least 2 rows, and has %lld and %lld rows "
                    "for blocks of %lld",
                    (long long)a->total, (long long)b->total, (long long)block);
  *out = (gan_kernel_distance){.block = shorter < block ? shorter : block};
  out->blocks = shorter / out->block;
  room r = {0};
  gan_status status = take_room(eval, a, b, out, &r);
  if (status == GAN_OK) status = run(eval, a, b, &r, out);
  free_room(&r);
  return status;
}

gan_status gan_kernel_distance_of(int64_t m, int64_t d, const float *a, const float *b,
                                  double *distance) {
  block_pair pair = {.m = m, .d = d, .count = m};
  double *memory;
  GAN_TRY_ALLOC(memory, 2 * m * d + m * m, "a kernel distance");
  pair.a = memory;
  pair.b = memory + m * d;
  pair.dots = memory + 2 * m * d;
  for (int64_t i = 0; i < m * d; i++) pair.a[i] = (double)a[i];
  for (int64_t i = 0; i < m * d; i++) pair.b[i] = (double)b[i];
  *distance = estimate(&pair);
  gan_free(&memory);
  return GAN_OK;
}
