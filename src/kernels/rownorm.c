#include "kernels/rownorm.h"

#include "base/blocks.h"
#include "kernels/columns.h"
#include "kernels/lanes.h"
#include "kernels/normalise.h"

#include <math.h>
#include <stddef.h>

/* ---- layer normalisation ---- */

GAN_KERNEL static void layer_norm_block(int64_t rows, int64_t n, double eps, const float *x,
                                        const float *weight, const float *bias, float *mean,
                                        float *inverse_deviation, float *y) {
  for (int64_t r = 0; r < rows; r++, x += n, y += n) {
    double exact = gan_lanes_sum(n, x) / (double)n;
    double variance = gan_lanes_products(n, x, x, exact) / (double)n;
    float centre = mean[r] = (float)exact;
    float inverse = inverse_deviation[r] = (float)(1.0 / sqrt(variance + eps));
    if (weight)
      for (int64_t i = 0; i < n; i++) y[i] = (x[i] - centre) * inverse * weight[i] + bias[i];
    else
      for (int64_t i = 0; i < n; i++) y[i] = (x[i] - centre) * inverse;
  }
}

void gan_layer_norm(int64_t rows, int64_t n, double eps, const float *x, const float *weight,
                    const float *bias, float *mean, float *inverse_deviation, float *y) {
  GAN_FOR_BLOCKS(i, count, rows, n,
                 layer_norm_block(count, n, eps, x + i * n, weight, bias, mean + i,
                                  inverse_deviation + i, y + i * n));
}

/* Sums over a row of g = dy weight, and of g xhat. */
GAN_INLINE void backward_sums(int64_t n, const float *x, const float *dy, const float *weight,
                              double mean, double inverse, double *sum, double *product) {
  double s[GAN_LANES] = {0}, p[GAN_LANES] = {0};
  for (int64_t i = 0; i < n; i += GAN_LANES) {
    int width = n - i < GAN_LANES ? (int)(n - i) : GAN_LANES;
    for (int k = 0; k < width; k++) {
      double g = (double)dy[i + k] * (weight ? (double)weight[i + k] : 1.0);
      s[k] += g;
      p[k] += g * (((double)x[i + k] - mean) * inverse);
    }
  }
  *sum = gan_lanes_total(s);
  *product = gan_lanes_total(p);
}

GAN_KERNEL static void layer_norm_backward_block(int64_t rows, int64_t n, const float *x,
                                                 const float *dy, const float *weight,
                                                 const float *mean, const float *inverse_deviation,
                                                 float *dx) {
  for (int64_t r = 0; r < rows; r++, x += n, dy += n, dx += n) {
    float centre = mean[r], inverse = inverse_deviation[r];
    double sum, product;
    backward_sums(n, x, dy, weight, (double)centre, (double)inverse, &sum, &product);
    float first = (float)(sum / (double)n), second = (float)(product / (double)n);
    for (int64_t i = 0; i < n; i++) {
      float g = weight ? dy[i] * weight[i] : dy[i], xhat = (x[i] - centre) * inverse;
      dx[i] = inverse * (g - first - xhat * second);
    }
  }
}

void gan_layer_norm_backward(int64_t rows, int64_t n, const float *x, const float *dy,
                             const float *weight, const float *mean, const float *inverse_deviation,
                             float *dx) {
  GAN_FOR_BLOCKS(i, count, rows, n,
                 layer_norm_backward_block(count, n, x + i * n, dy + i * n, weight, mean + i,
                                           inverse_deviation + i, dx + i * n));
}

/* Sums over a row: J v = inverse (v - mean of v - xhat mean of (xhat v)). */
typedef struct {
  double tx, a, along_tx, along_a, both;
} bend_sums;

static bend_sums sum_row(int64_t n, const float *x, const float *tx, const float *dty,
                         const float *weight, double centre, double inverse) {
  bend_sums s = {0};
  for (int64_t i = 0; i < n; i++) {
    double t = (double)tx[i], xhat = ((double)x[i] - centre) * inverse;
    double a = (double)dty[i] * (weight ? (double)weight[i] : 1);
    s.tx += t;
    s.a += a;
    s.along_tx += xhat * t;
    s.along_a += xhat * a;
    s.both += a * t;
  }
  return s;
}

static void layer_norm_bend_row(int64_t n, const float *x, const float *tx, const float *dty,
                                const float *weight, float mean, float deviation, float *dx) {
  double centre = (double)mean, inverse = (double)deviation, size = (double)n;
  bend_sums s = sum_row(n, x, tx, dty, weight, centre, inverse);
  double slope = inverse * (s.both - s.a * s.tx / size - s.along_a * s.along_tx / size);
  for (int64_t i = 0; i < n; i++) {
    double xhat = ((double)x[i] - centre) * inverse;
    double a = (double)dty[i] * (weight ? (double)weight[i] : 1);
    double ja = inverse * (a - s.a / size - xhat * s.along_a / size);
    double jt = inverse * ((double)tx[i] - s.tx / size - xhat * s.along_tx / size);
    dx[i] -= (float)(inverse / size * (slope * xhat + s.along_tx * ja + s.along_a * jt));
  }
}

void gan_layer_norm_bend(int64_t rows, int64_t n, const float *x, const float *tx, const float *dty,
                         const float *weight, const float *mean, const float *inverse_deviation,
                         float *dx) {
  for (int64_t r = 0; r < rows; r++, x += n, tx += n, dty += n, dx += n)
    layer_norm_bend_row(n, x, tx, dty, weight, mean[r], inverse_deviation[r], dx);
}

GAN_KERNEL static void weights_task(const gan_column_task *t, double *restrict s,
                                    double *restrict p) {
  const gan_columns *of = t->of;
  const int64_t width = t->width;
  for (int64_t r = t->row; r < t->row_end; r++) {
    const float *row = of->x + r * of->c + t->column, *drow = of->dy + r * of->c + t->column;
    double centre = (double)of->mean[r], inverse = (double)of->inverse_deviation[r];
    for (int64_t k = 0; k < width; k++) {
      s[k] += (double)drow[k];
      p[k] += (double)drow[k] * (((double)row[k] - centre) * inverse);
    }
  }
}

void gan_layer_norm_weights(int64_t rows, int64_t n, const float *x, const float *dy,
                            const float *mean, const float *inverse_deviation, int accumulate,
                            float *of_weight, float *of_bias) {
  gan_columns of = {rows, n, x, dy, mean, inverse_deviation};
  double sums[GAN_COLUMNS_MOST], products[GAN_COLUMNS_MOST];
  int64_t group = gan_columns_group(rows);
  for (int64_t i = 0; i < n; i += group) {
    int64_t width = n - i < group ? n - i : group;
    gan_sum_columns(&of, i, weights_task, sums, products);
    gan_take_sums(width, accumulate, products, of_weight + i);
    gan_take_sums(width, accumulate, sums, of_bias + i);
  }
}

/* ---- pixel normalisation ---- */

GAN_INLINE float inverse_length(int64_t n, double eps, const float *x) {
  return (float)(1.0 / sqrt(gan_lanes_products(n, x, x, 0.0) / (double)n + eps));
}

GAN_KERNEL static void pixel_norm_block(int64_t rows, int64_t n, double eps, const float *x,
                                        float *y) {
  for (int64_t r = 0; r < rows; r++, x += n, y += n) {
    float inverse = inverse_length(n, eps, x);
    for (int64_t i = 0; i < n; i++) y[i] = x[i] * inverse;
  }
}

void gan_pixel_norm(int64_t rows, int64_t n, double eps, const float *x, float *y) {
  GAN_FOR_BLOCKS(i, count, rows, n, pixel_norm_block(count, n, eps, x + i * n, y + i * n));
}

GAN_KERNEL static void pixel_norm_backward_block(int64_t rows, int64_t n, double eps,
                                                 const float *x, const float *dy, float *dx) {
  for (int64_t r = 0; r < rows; r++, x += n, dy += n, dx += n) {
    float inverse = inverse_length(n, eps, x);
    double product = gan_lanes_products(n, x, dy, 0.0) / (double)n * (double)inverse;
    float along = (float)product;
    for (int64_t i = 0; i < n; i++) dx[i] = inverse * (dy[i] - x[i] * inverse * along);
  }
}

void gan_pixel_norm_backward(int64_t rows, int64_t n, double eps, const float *x, const float *dy,
                             float *dx) {
  GAN_FOR_BLOCKS(i, count, rows, n,
                 pixel_norm_backward_block(count, n, eps, x + i * n, dy + i * n, dx + i * n));
}
