#include "eval/physics.h"

#include "base/memory.h"
#include "eval/spread.h"
#include "kernels/gemm_double.h"

#include <math.h>
#include <string.h>

static const char summing[] = "the sum of the images' statistics";

int64_t gan_physics_rings(const gan_physics *physics) {
  return (physics->h < physics->w ? physics->h : physics->w) / 2 + 1;
}

int64_t gan_physics_size(const gan_physics *physics) {
  return physics->bins + gan_physics_rings(physics) + GAN_PHYSICS_MOMENTS * physics->c;
}

/* Powers of values are taken about the middle of the range, so that few digits cancel. */
static double middle_of(const gan_physics *physics) {
  return (physics->low + physics->high) / 2;
}

/* ---- one image ---- */

static void measure_histogram(const gan_physics *physics, const float *x, double *shares) {
  int64_t pixels = physics->h * physics->w * physics->c;
  double scale = (double)physics->bins / (physics->high - physics->low);
  for (int64_t i = 0; i < pixels; i++) {
    double at = floor(((double)x[i] - physics->low) * scale);
    int64_t bin = at < 0 ? 0 : at >= (double)physics->bins ? physics->bins - 1 : (int64_t)at;
    shares[bin] += 1 / (double)pixels;
  }
}

static void measure_moments(const gan_physics *physics, const float *x, double *powers) {
  int64_t pixels = physics->h * physics->w, c = physics->c;
  double middle = middle_of(physics);
  for (int64_t i = 0; i < pixels * c; i++) {
    double *of = powers + i % c * GAN_PHYSICS_MOMENTS, value = (double)x[i] - middle, power = value;
    for (int p = 0; p < GAN_PHYSICS_MOMENTS; p++, power *= value) of[p] += power / (double)pixels;
  }
}

/* The Fourier transform by matrix products: exact for any size, and quick for images of such sizes.
 * Of a real image the columns beyond half are the others' mirror. */
typedef struct {
  int64_t columns;  /* w / 2 + 1 */
  double *along;    /* (w, 2 columns): cos, and behind them sin */
  double *across;   /* (2 h, h): cos, and below them sin */
  double *plane;    /* (h, w): a channel of an image */
  double *half;     /* (h, 2 columns) */
  double *spectrum; /* (2 h, 2 columns): cos cos, cos sin; sin cos, sin sin */
  int64_t *ring;    /* (h, columns); -1 where none */
  double *weight;   /* (rings): 1 / frequencies of the ring */
} fourier;

static double turns(int64_t i, int64_t k, int64_t n) {
  return 2 * M_PI * (double)(i * k % n) / (double)n;
}

/* Whether a column stands for its mirror image, too. */
static double copies_of(int64_t column, int64_t w) {
  return column == 0 || 2 * column == w ? 1 : 2;
}

static int64_t ring_of(const gan_physics *physics, int64_t row, int64_t column) {
  int64_t h = physics->h, w = physics->w;
  double shorter = (double)(h < w ? h : w);
  double y = (double)(2 * row <= h ? row : h - row) / (double)h, x = (double)column / (double)w;
  int64_t ring = (int64_t)floor(sqrt(x * x + y * y) * shorter + 0.5);
  return ring < gan_physics_rings(physics) ? ring : -1;
}

static void fill_waves(const gan_physics *physics, fourier *f) {
  int64_t h = physics->h, w = physics->w, k = f->columns;
  for (int64_t i = 0; i < w; i++)
    for (int64_t j = 0; j < k; j++) {
      f->along[i * 2 * k + j] = cos(turns(i, j, w));
      f->along[i * 2 * k + k + j] = sin(turns(i, j, w));
    }
  for (int64_t i = 0; i < h; i++)
    for (int64_t j = 0; j < h; j++) {
      f->across[i * h + j] = cos(turns(i, j, h));
      f->across[(h + i) * h + j] = sin(turns(i, j, h));
    }
}

static void fill_rings(const gan_physics *physics, fourier *f) {
  for (int64_t i = 0; i < physics->h; i++)
    for (int64_t j = 0; j < f->columns; j++) {
      int64_t ring = ring_of(physics, i, j);
      f->ring[i * f->columns + j] = ring;
      if (ring >= 0) f->weight[ring] += copies_of(j, physics->w);
    }
  for (int64_t r = 0; r < gan_physics_rings(physics); r++)
    f->weight[r] = 1 / (f->weight[r] * (double)(physics->h * physics->w * physics->c));
}

static gan_status take_fourier(const gan_physics *physics, fourier *f) {
  int64_t h = physics->h, w = physics->w, k = f->columns = w / 2 + 1;
  static const char what[] = "a power spectrum";
  GAN_TRY_ALLOC(f->along, w * 2 * k, what);
  GAN_TRY_ALLOC(f->across, 2 * h * h, what);
  GAN_TRY_ALLOC(f->plane, h * w, what);
  GAN_TRY_ALLOC(f->half, h * 2 * k, what);
  GAN_TRY_ALLOC(f->spectrum, 2 * h * 2 * k, what);
  GAN_TRY_ALLOC(f->ring, h * k, what);
  GAN_TRY_ALLOC(f->weight, gan_physics_rings(physics), what);
  fill_waves(physics, f);
  fill_rings(physics, f);
  return GAN_OK;
}

static void free_fourier(fourier *f) {
  gan_free(&f->along);
  gan_free(&f->across);
  gan_free(&f->plane);
  gan_free(&f->half);
  gan_free(&f->spectrum);
  gan_free(&f->ring);
  gan_free(&f->weight);
}

/* F = (cos - i sin) x (cos - i sin), down the columns and along the rows. */
static void add_power(const gan_physics *physics, fourier *f, double *rings) {
  int64_t h = physics->h, w = physics->w, k = f->columns;
  gan_gemm_double(false, false, h, 2 * k, w, f->plane, f->along, 0, f->half);
  gan_gemm_double(false, false, 2 * h, 2 * k, h, f->across, f->half, 0, f->spectrum);
  for (int64_t i = 0; i < h; i++) {
    const double *cosine = f->spectrum + i * 2 * k, *sine = f->spectrum + (h + i) * 2 * k;
    for (int64_t j = 0; j < k; j++) {
      int64_t ring = f->ring[i * k + j];
      double real = cosine[j] - sine[k + j], imaginary = cosine[k + j] + sine[j];
      if (ring < 0) continue;
      rings[ring] += (real * real + imaginary * imaginary) * copies_of(j, w) * f->weight[ring];
    }
  }
}

static void measure_spectrum(const gan_physics *physics, fourier *f, const float *x,
                             double *rings) {
  int64_t pixels = physics->h * physics->w;
  for (int64_t k = 0; k < physics->c; k++) {
    for (int64_t i = 0; i < pixels; i++) f->plane[i] = (double)x[i * physics->c + k];
    add_power(physics, f, rings);
  }
}

gan_status gan_physics_measure(const gan_physics *physics, int64_t n, const float *x, double *out) {
  int64_t pixels = physics->h * physics->w * physics->c, size = gan_physics_size(physics);
  fourier f = {0};
  gan_status status = take_fourier(physics, &f);
  memset(out, 0, (size_t)(n * size) * sizeof *out);
  for (int64_t i = 0; status == GAN_OK && i < n; i++, x += pixels, out += size) {
    measure_histogram(physics, x, out);
    measure_spectrum(physics, &f, x, out + physics->bins);
    measure_moments(physics, x, out + physics->bins + gan_physics_rings(physics));
  }
  free_fourier(&f);
  return status;
}

/* ---- sets of images ---- */

/* What is left of a variance of 0, relative to the mean square, when doubles are rounded. */
static const double NO_VARIANCE = 1e-12;

/* Mean powers of one channel, about the middle, become its moments. */
static void finish_moments(double middle, double *m) {
  double mean = m[0], square = mean * mean;
  double variance = m[1] - square;
  if (variance <= NO_VARIANCE * m[1]) variance = 0;
  double third = m[2] - 3 * mean * m[1] + 2 * mean * square;
  double fourth = m[3] - 4 * mean * m[2] + 6 * square * m[1] - 3 * square * square;
  double deviation = sqrt(variance);
  m[0] = mean + middle;
  m[1] = deviation;
  m[2] = deviation > 0 ? third / (variance * deviation) : 0;
  m[3] = deviation > 0 ? fourth / (variance * variance) - 3 : 0;
}

/* sums (size), over count images, become statistics. */
static void finish(const gan_physics *physics, double count, double *sums) {
  int64_t size = gan_physics_size(physics);
  double *moments = sums + physics->bins + gan_physics_rings(physics);
  for (int64_t i = 0; i < size; i++) sums[i] /= count;
  for (int64_t k = 0; k < physics->c; k++)
    finish_moments(middle_of(physics), moments + k * GAN_PHYSICS_MOMENTS);
}

static void add(int64_t size, const double *measured, double *sums) {
  for (int64_t i = 0; i < size; i++) sums[i] += measured[i];
}

gan_status gan_physics_run(const gan_eval *eval, const gan_physics *physics, int64_t n,
                           const double *measured, double *out) {
  int64_t size = gan_physics_size(physics), total = n;
  memset(out, 0, (size_t)size * sizeof *out);
  for (int64_t i = 0; i < n; i++) add(size, measured + i * size, out);
  GAN_TRY(gan_comm_sum_int64(eval->comm, &total, 1, summing));
  if (total < 1) return gan_fail(GAN_USAGE, "statistics of images want an image");
  GAN_TRY(gan_comm_sum_double(eval->comm, out, (size_t)size, summing));
  finish(physics, (double)total, out);
  return GAN_OK;
}

typedef struct {
  const double *measured;
  gan_rows rows;   /* which images are this rank's */
  uint32_t *order; /* (total) */
  double *halves;  /* (2, size) */
} division;

/* Statistics of both halves of a division. */
static gan_status divide(const gan_eval *eval, const gan_physics *physics, int trial,
                         division *of) {
  int64_t size = gan_physics_size(physics), total = of->rows.total, half = total / 2;
  gan_spread_halve(eval, trial, total, of->order);
  memset(of->halves, 0, (size_t)(2 * size) * sizeof *of->halves);
  for (int64_t i = 0; i < total; i++) {
    int64_t place = (int64_t)of->order[i] - of->rows.first;
    if (place < 0 || place >= of->rows.n) continue;
    add(size, of->measured + place * size, of->halves + (i < half ? 0 : size));
  }
  GAN_TRY(gan_comm_sum_double(eval->comm, of->halves, (size_t)(2 * size), summing));
  finish(physics, (double)half, of->halves);
  finish(physics, (double)(total - half), of->halves + size);
  return GAN_OK;
}

static gan_status run_bands(const gan_eval *eval, const gan_physics *physics, int divisions,
                            division *of, double *low, double *high) {
  int64_t size = gan_physics_size(physics);
  GAN_TRY_EVAL_ALLOC(eval, of->order, of->rows.total);
  GAN_TRY_EVAL_ALLOC(eval, of->halves, 2 * size);
  for (int64_t i = 0; i < size; i++) low[i] = INFINITY;
  for (int64_t i = 0; i < size; i++) high[i] = -INFINITY;
  for (int t = 0; t < divisions; t++) {
    GAN_TRY(divide(eval, physics, t, of));
    for (int64_t i = 0; i < 2 * size; i++) {
      low[i % size] = fmin(low[i % size], of->halves[i]);
      high[i % size] = fmax(high[i % size], of->halves[i]);
    }
  }
  return GAN_OK;
}

gan_status gan_physics_bands(const gan_eval *eval, const gan_physics *physics, int64_t n,
                             const double *measured, int divisions, double *low, double *high) {
  division of = {.measured = measured};
  GAN_TRY(gan_rows_share(eval, n, 0, NULL, &of.rows));
  if (of.rows.total < 2)
    return gan_fail(GAN_USAGE, "halves of %lld images: there must be at least 2",
                    (long long)of.rows.total);
  gan_status status = run_bands(eval, physics, divisions, &of, low, high);
  gan_free(&of.order);
  gan_free(&of.halves);
  return status;
}
