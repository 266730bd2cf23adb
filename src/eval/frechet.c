#include "eval/frechet.h"

#include "base/memory.h"
#include "kernels/eigen.h"
#include "kernels/gemm_double.h"

#include <math.h>
#include <string.h>

static double trace_of(int64_t d, const double *a) {
  double sum = 0;
  for (int64_t i = 0; i < d; i++) sum += a[i * d + i];
  return sum;
}

/* sqrt of what is 0 but for rounding where it is negative. */
static double root_of(double value) {
  return value > 0 ? sqrt(value) : 0;
}

static gan_status take(const gan_moments *moments, gan_frechet *out) {
  int64_t d = moments->d;
  GAN_TRY_ALLOC(out->mean, d, "a Frechet distance's mean");
  GAN_TRY_ALLOC(out->root, d * d, "a Frechet distance's root");
  GAN_TRY_ALLOC(out->room, 2 * d * d + d, "a Frechet distance's room");
  memcpy(out->mean, moments->mean, (size_t)d * sizeof *out->mean);
  memcpy(out->root, moments->covariance, (size_t)(d * d) * sizeof *out->root);
  GAN_TRY(gan_eigen_symmetric(d, out->root, out->room));
  for (int64_t i = 0; i < d * d; i++) out->root[i] *= root_of(out->room[i / d]);
  return GAN_OK;
}

gan_status gan_frechet_create(const gan_moments *moments, gan_frechet *out) {
  *out = (gan_frechet){.d = moments->d, .trace = trace_of(moments->d, moments->covariance)};
  gan_status status = take(moments, out);
  if (status != GAN_OK) gan_frechet_destroy(out);
  return status;
}

void gan_frechet_destroy(gan_frechet *frechet) {
  gan_free(&frechet->mean);
  gan_free(&frechet->root);
  gan_free(&frechet->room);
}

/* tr (C1 C2)^(1/2) */
static gan_status root_trace(const gan_frechet *frechet, const double *covariance, double *trace) {
  int64_t d = frechet->d;
  double *half = frechet->room, *inner = half + d * d, *values = inner + d * d;
  gan_gemm_double(false, false, d, d, d, frechet->root, covariance, 0, half);
  gan_gemm_double(false, true, d, d, d, half, frechet->root, 0, inner);
  GAN_TRY(gan_eigen_values(d, inner, values));
  *trace = 0;
  for (int64_t i = 0; i < d; i++) *trace += root_of(values[i]);
  return GAN_OK;
}

gan_status gan_frechet_distance(const gan_frechet *frechet, const gan_moments *to,
                                double *distance) {
  GAN_ASSERT(frechet->d == to->d);
  double shift = 0, root;
  for (int64_t i = 0; i < frechet->d; i++)
    shift += (frechet->mean[i] - to->mean[i]) * (frechet->mean[i] - to->mean[i]);
  GAN_TRY(root_trace(frechet, to->covariance, &root));
  *distance = fmax(0, shift + frechet->trace + trace_of(to->d, to->covariance) - 2 * root);
  return GAN_OK;
}

/* ---- to infinite count ---- */

/* y = intercept + slope x */
static void fit_line(int n, const double *x, const double *y, gan_frechet_limit *out) {
  double mean_x = 0, mean_y = 0, xx = 0, xy = 0, rest = 0;
  for (int i = 0; i < n; i++) {
    mean_x += x[i] / n;
    mean_y += y[i] / n;
  }
  for (int i = 0; i < n; i++) {
    xx += (x[i] - mean_x) * (x[i] - mean_x);
    xy += (x[i] - mean_x) * (y[i] - mean_y);
  }
  out->slope = xy / xx;
  out->infinite = mean_y - out->slope * mean_x;
  for (int i = 0; i < n; i++) rest += pow(y[i] - out->infinite - out->slope * x[i], 2);
  out->error = sqrt(rest / (n - 2) * (1.0 / n + mean_x * mean_x / xx));
}

typedef struct {
  uint32_t *order; /* (total) */
  int64_t *places; /* (total) */
  double *x, *y;   /* (points) */
} subsamples;

static gan_status distance_of_first(const gan_eval *eval, const gan_frechet *frechet,
                                    const gan_rows *rows, int64_t count, const subsamples *s,
                                    double *distance) {
  gan_moments moments;
  int64_t held = gan_rows_places(rows, count, s->order, s->places);
  GAN_TRY(gan_moments_create_of(eval, rows, held, s->places, &moments));
  gan_status status = gan_frechet_distance(frechet, &moments, distance);
  gan_moments_destroy(&moments);
  return gan_comm_agree(eval->comm, status, "agreeing on a Frechet distance");
}

static gan_status run(const gan_eval *eval, const gan_frechet *frechet, const gan_rows *rows,
                      int points, const subsamples *s, gan_frechet_limit *out) {
  gan_rng rng = gan_eval_stream(eval, GAN_EVAL_DRAW_SUBSAMPLE);
  int64_t least = rows->total / 10;
  for (int p = 0; p < points; p++) {
    int64_t count = least + (rows->total - least) * p / (points - 1);
    gan_rng_permutation(rng, (uint64_t)p, (uint32_t)rows->total, s->order);
    GAN_TRY(distance_of_first(eval, frechet, rows, count, s, s->y + p));
    s->x[p] = 1 / (double)count;
  }
  fit_line(points, s->x, s->y, out);
  out->plain = s->y[points - 1];
  return gan_comm_broadcast(eval->comm, out, sizeof *out, "a Frechet distance");
}

static gan_status take_subsamples(const gan_eval *eval, int64_t total, int points, subsamples *s) {
  GAN_TRY_EVAL_ALLOC(eval, s->order, total);
  GAN_TRY_EVAL_ALLOC(eval, s->places, total);
  GAN_TRY_EVAL_ALLOC(eval, s->x, points);
  GAN_TRY_EVAL_ALLOC(eval, s->y, points);
  return GAN_OK;
}

gan_status gan_frechet_extrapolate(const gan_eval *eval, const gan_frechet *frechet,
                                   const gan_rows *rows, int points, gan_frechet_limit *out) {
  GAN_ASSERT(points >= 3);
  if (rows->total < 20)
    return gan_fail(GAN_USAGE,
                    "a Frechet distance for infinite count wants at least 20 samples, not %lld",
                    (long long)rows->total);
  subsamples s = {0};
  gan_status status = take_subsamples(eval, rows->total, points, &s);
  if (status == GAN_OK) status = run(eval, frechet, rows, points, &s, out);
  gan_free(&s.order);
  gan_free(&s.places);
  gan_free(&s.x);
  gan_free(&s.y);
  return status;
}
