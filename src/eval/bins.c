#include "eval/bins.h"

#include "base/blocks.h"
#include "base/memory.h"
#include "eval/neighbours.h"

#include <math.h>
#include <string.h>

typedef struct {
  int64_t *cell;   /* (n) of this rank's rows */
  double *squared; /* (n) distance to its centre */
  double *all;     /* (total) */
  double *sums;    /* (bins, d), and behind them (bins) counts */
} room;

/* ---- first centres ---- */

/* The row at which the sum of weights passes `share` of all: in order of rows, so the same on any
 * division. */
static uint32_t row_at(int64_t n, const double *weights, double share) {
  double all = 0, sum = 0;
  for (int64_t i = 0; i < n; i++) all += weights[i];
  for (int64_t i = 0; i < n; i++) {
    sum += weights[i];
    if (sum > share * all) return (uint32_t)i;
  }
  return (uint32_t)(n - 1);
}

static void come_nearer(int64_t n, int64_t d, const float *x, const float *centre,
                        double *squared) {
  for (int64_t i = 0; i < n; i++)
    squared[i] = fmin(squared[i], gan_squared_distance(d, x + i * d, centre));
}

/* Each is a row, taken with a chance in proportion to its squared distance to those before. */
static gan_status choose_centres(const gan_eval *eval, const gan_rows *rows, room *r,
                                 gan_bins *out) {
  gan_rng rng = gan_eval_stream(eval, GAN_EVAL_DRAW_CENTRES);
  for (int64_t i = 0; i < rows->n; i++) r->squared[i] = INFINITY;
  for (int64_t i = 0; i < rows->total; i++) r->all[i] = 1;
  for (int64_t b = 0; b < out->bins; b++) {
    float *centre = out->centres + b * out->d, share;
    gan_rng_uniform(rng, (uint64_t)b, 0, 1, 0, 1, &share);
    uint32_t row = row_at(rows->total, r->all, (double)share);
    GAN_TRY(gan_rows_pick(eval, rows, 1, &row, centre));
    GAN_FOR_BLOCKS(at, count, rows->n, out->d,
                   come_nearer(count, out->d, rows->x + at * out->d, centre, r->squared + at));
    GAN_TRY(gan_rows_gather(eval, rows, r->squared, r->all));
  }
  return GAN_OK;
}

/* ---- cells ---- */

/* The nearest centre of each of this rank's rows: as rows that rank 0 holds. */
static gan_status assign(const gan_eval *eval, const gan_bins *bins, const gan_rows *rows,
                         room *r) {
  gan_rows centres;
  int64_t held = gan_comm_rank(eval->comm) == 0 ? bins->bins : 0;
  GAN_TRY(gan_rows_share(eval, held, bins->d, bins->centres, &centres));
  return gan_neighbours_find(eval, rows, &centres, 1, false, r->cell, r->squared);
}

static gan_status move_centres(const gan_eval *eval, const gan_rows *rows, room *r, gan_bins *out) {
  int64_t d = out->d, size = out->bins * d;
  double *counts = r->sums + size;
  memset(r->sums, 0, (size_t)(size + out->bins) * sizeof *r->sums);
  for (int64_t i = 0; i < rows->n; i++) {
    const float *x = rows->x + i * d;
    double *sum = r->sums + r->cell[i] * d;
    for (int64_t j = 0; j < d; j++) sum[j] += (double)x[j];
    counts[r->cell[i]]++;
  }
  GAN_TRY(gan_comm_sum_double(eval->comm, r->sums, (size_t)(size + out->bins),
                              "the sum of rows of each bin"));
  for (int64_t i = 0; i < size; i++)
    if (counts[i / d] > 0) out->centres[i] = (float)(r->sums[i] / counts[i / d]);
  return GAN_OK;
}

static gan_status count_cells(const gan_eval *eval, const gan_bins *bins, const gan_rows *rows,
                              room *r, int64_t *counts) {
  GAN_TRY(assign(eval, bins, rows, r));
  memset(counts, 0, (size_t)bins->bins * sizeof *counts);
  for (int64_t i = 0; i < rows->n; i++) counts[r->cell[i]]++;
  return gan_comm_sum_int64(eval->comm, counts, (size_t)bins->bins, "the counts of bins");
}

static gan_status run(const gan_eval *eval, const gan_rows *rows, int iterations, room *r,
                      gan_bins *out) {
  GAN_TRY_EVAL_ALLOC(eval, out->centres, out->bins * out->d);
  GAN_TRY_EVAL_ALLOC(eval, out->counts, out->bins);
  GAN_TRY_EVAL_ALLOC(eval, r->cell, rows->n);
  GAN_TRY_EVAL_ALLOC(eval, r->squared, rows->n);
  GAN_TRY_EVAL_ALLOC(eval, r->all, rows->total);
  GAN_TRY_EVAL_ALLOC(eval, r->sums, out->bins * (out->d + 1));
  GAN_TRY(choose_centres(eval, rows, r, out));
  for (int i = 0; i < iterations; i++) {
    GAN_TRY(assign(eval, out, rows, r));
    GAN_TRY(move_centres(eval, rows, r, out));
  }
  return count_cells(eval, out, rows, r, out->counts);
}

static void free_room(room *r) {
  gan_free(&r->cell);
  gan_free(&r->squared);
  gan_free(&r->all);
  gan_free(&r->sums);
}

gan_status gan_bins_create(const gan_eval *eval, const gan_rows *rows, int64_t bins, int iterations,
                           gan_bins *out) {
  *out = (gan_bins){.bins = bins, .d = rows->d, .total = rows->total};
  if (bins < 1 || rows->total < bins)
    return gan_fail(GAN_USAGE, "%lld bins of %lld rows: 1 to %lld are allowed", (long long)bins,
                    (long long)rows->total, (long long)rows->total);
  room r = {0};
  gan_status status = run(eval, rows, iterations, &r, out);
  free_room(&r);
  if (status != GAN_OK) gan_bins_destroy(out);
  return status;
}

void gan_bins_destroy(gan_bins *bins) {
  gan_free(&bins->centres);
  gan_free(&bins->counts);
}

static gan_status count(const gan_eval *eval, const gan_bins *bins, const gan_rows *rows, room *r,
                        int64_t *counts) {
  GAN_TRY_EVAL_ALLOC(eval, r->cell, rows->n);
  GAN_TRY_EVAL_ALLOC(eval, r->squared, rows->n);
  return count_cells(eval, bins, rows, r, counts);
}

gan_status gan_bins_count(const gan_eval *eval, const gan_bins *bins, const gan_rows *rows,
                          int64_t *counts) {
  room r = {0};
  gan_status status = count(eval, bins, rows, &r, counts);
  free_room(&r);
  return status;
}

/* ---- comparison ---- */

static int64_t sum_of(int64_t n, const int64_t *x) {
  int64_t sum = 0;
  for (int64_t i = 0; i < n; i++) sum += x[i];
  return sum;
}

static bool differ(double p, double n, double q, double m, double limit) {
  double pooled = (p * n + q * m) / (n + m);
  double error = sqrt(pooled * (1 - pooled) * (1 / n + 1 / m));
  return fabs(p - q) > limit * error;
}

static double divergence_from(double p, double middle) {
  return p > 0 ? p * log(p / middle) : 0;
}

void gan_bins_compare(int64_t bins, const int64_t *a, const int64_t *b, double limit,
                      gan_bins_report *out) {
  double n = (double)sum_of(bins, a), m = (double)sum_of(bins, b);
  *out = (gan_bins_report){0};
  for (int64_t i = 0; i < bins; i++) {
    double p = (double)a[i] / n, q = (double)b[i] / m, middle = (p + q) / 2;
    out->different += differ(p, n, q, m, limit);
    out->divergence += (divergence_from(p, middle) + divergence_from(q, middle)) / 2;
  }
}
