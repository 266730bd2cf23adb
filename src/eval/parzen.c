#include "eval/parzen.h"

#include "base/blocks.h"
#include "base/memory.h"
#include "eval/pairs.h"

#include <math.h>

/* exp(-36) is below a double's last bit of a sum that holds 1. */
static const double NOTHING = 40;

/* For each point the least squared distance so far, and for each sigma the sum of
 * exp(-(squared - least) / 2 sigma^2): so that no sum is 0. */
typedef struct {
  int sigmas;
  const gan_parzen *of;
  double narrowest, widest; /* 1 / 2 sigma^2 of the two */
  double *least;            /* (points) */
  double *sums;             /* (points, sigmas) */
} windows;

static double rate_of(double sigma) {
  return 0.5 / (sigma * sigma);
}

static void lower(const windows *w, int64_t point, double squared) {
  double drop = w->least[point] - squared;
  for (int s = 0; s < w->sigmas; s++)
    w->sums[point * w->sigmas + s] *= exp(-drop * rate_of(w->of[s].sigma));
  w->least[point] = squared;
}

/* Pairs that weigh most under the narrowest window have exact distances: there an error of fp32 is
 * multiplied by 1 / 2 sigma^2. */
static double distance_of(const windows *w, const gan_tile *tile, int64_t i, int64_t j) {
  double near = w->least[tile->first_query + i] + NOTHING / w->narrowest;
  if (gan_tile_least(tile, i, j) <= near) return gan_tile_exact(tile, i, j);
  return fmax(0, gan_tile_about(tile, i, j));
}

static void add_point(const windows *w, const gan_tile *tile, int64_t i) {
  int64_t point = tile->first_query + i;
  double *sums = w->sums + point * w->sigmas, most = NOTHING / w->widest;
  for (int64_t j = 0; j < tile->references; j++) {
    double squared = distance_of(w, tile, i, j);
    if (squared < w->least[point]) lower(w, point, squared);
    double beyond = squared - w->least[point];
    if (beyond > most) continue;
    for (int s = 0; s < w->sigmas; s++) {
      double power = beyond * rate_of(w->of[s].sigma);
      if (power < NOTHING) sums[s] += exp(-power);
    }
  }
}

static void add_points(const windows *w, const gan_tile *tile, int64_t first, int64_t count) {
  for (int64_t i = first; i < first + count; i++) add_point(w, tile, i);
}

static void add_tile(void *context, const gan_tile *tile) {
  const windows *w = context;
  GAN_FOR_BLOCKS(at, count, tile->queries, tile->references, add_points(w, tile, at, count));
}

/* log p of a point */
static double value_of(const windows *w, int64_t point, int s, int64_t d, int64_t samples) {
  double rate = rate_of(w->of[s].sigma);
  return log(w->sums[point * w->sigmas + s] / (double)samples) - w->least[point] * rate +
         0.5 * (double)d * log(rate / M_PI);
}

static gan_status judge(const gan_eval *eval, const gan_rows *points, int64_t samples,
                        const windows *w, int s, double *values, double *all, gan_parzen *out) {
  double n = (double)points->total, square = 0;
  for (int64_t i = 0; i < points->n; i++) values[i] = value_of(w, i, s, points->d, samples);
  GAN_TRY(gan_rows_gather(eval, points, values, all));
  out->mean = 0;
  for (int64_t i = 0; i < points->total; i++) out->mean += all[i] / n;
  for (int64_t i = 0; i < points->total; i++) square += pow(all[i] - out->mean, 2);
  out->error = points->total > 1 ? sqrt(square / (n - 1) / n) : NAN;
  return GAN_OK;
}

static gan_status judge_all(const gan_eval *eval, const gan_rows *points, int64_t samples,
                            const windows *w, gan_parzen *out) {
  double *values; /* of this rank's points, and behind them of all */
  GAN_TRY_EVAL_ALLOC(eval, values, points->n + points->total);
  gan_status status = GAN_OK;
  for (int s = 0; status == GAN_OK && s < w->sigmas; s++)
    status = judge(eval, points, samples, w, s, values, values + points->n, out + s);
  gan_free(&values);
  return status;
}

static gan_status run(const gan_eval *eval, const gan_rows *points, const gan_rows *samples,
                      windows *w, gan_parzen *out) {
  GAN_TRY_EVAL_ALLOC(eval, w->least, points->n);
  GAN_TRY_EVAL_ALLOC(eval, w->sums, points->n * w->sigmas);
  for (int64_t i = 0; i < points->n; i++) w->least[i] = INFINITY;
  GAN_TRY(gan_pairs_visit(eval, points, samples, add_tile, w));
  return judge_all(eval, points, samples->total, w, out);
}

gan_status gan_parzen_run(const gan_eval *eval, const gan_rows *points, const gan_rows *samples,
                          int sigmas, gan_parzen *out) {
  windows w = {.sigmas = sigmas, .of = out, .widest = INFINITY};
  if (points->total < 1 || samples->total < 1)
    return gan_fail(GAN_USAGE, "a Parzen likelihood wants points and samples");
  for (int s = 0; s < sigmas; s++)
    if (!(out[s].sigma > 0 && isfinite(out[s].sigma)))
      return gan_fail(GAN_USAGE, "sigma of a Parzen likelihood is %g, and must be positive",
                      gan_printable(out[s].sigma));
  for (int s = 0; s < sigmas; s++) {
    w.narrowest = fmax(w.narrowest, rate_of(out[s].sigma));
    w.widest = fmin(w.widest, rate_of(out[s].sigma));
  }
  gan_status status = run(eval, points, samples, &w, out);
  gan_free(&w.least);
  gan_free(&w.sums);
  return status;
}

static gan_status find_sigma(const gan_eval *eval, const gan_rows *validation,
                             const gan_rows *samples, gan_parzen_grid grid, gan_parzen *tries,
                             gan_parzen *best) {
  for (int s = 0; s < grid.count; s++) {
    double share = grid.count > 1 ? (double)s / (grid.count - 1) : 0;
    tries[s].sigma = grid.low * pow(grid.high / grid.low, share);
  }
  GAN_TRY(gan_parzen_run(eval, validation, samples, grid.count, tries));
  *best = tries[0];
  for (int s = 1; s < grid.count; s++)
    if (tries[s].mean > best->mean) *best = tries[s];
  return GAN_OK;
}

gan_status gan_parzen_validated(const gan_eval *eval, const gan_rows *test,
                                const gan_rows *validation, const gan_rows *samples,
                                gan_parzen_grid grid, gan_parzen *out) {
  GAN_ASSERT(grid.count >= 1);
  gan_parzen *tries;
  GAN_TRY_EVAL_ALLOC(eval, tries, grid.count);
  gan_status status = find_sigma(eval, validation, samples, grid, tries, out);
  gan_free(&tries);
  GAN_TRY(status);
  return gan_parzen_run(eval, test, samples, 1, out);
}
