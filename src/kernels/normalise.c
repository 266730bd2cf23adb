#include "kernels/normalise.h"

#include "base/blocks.h"
#include "kernels/columns.h"
#include "kernels/dispatch.h"

#include <stddef.h>

/* ---- sums down columns ---- */

GAN_KERNEL static void moments_task(const gan_column_task *t, double *restrict s,
                                    double *restrict q) {
  const gan_columns *of = t->of;
  const float *shift = of->mean + t->column;
  const int64_t width = t->width;
  for (int64_t r = t->row; r < t->row_end; r++) {
    const float *row = of->x + r * of->c + t->column;
    for (int64_t k = 0; k < width; k++) {
      double d = (double)row[k] - (double)shift[k];
      s[k] += d;
      q[k] += d * d;
    }
  }
}

void gan_column_moments(int64_t rows, int64_t c, const float *x, const float *shift, double *sum,
                        double *square) {
  gan_columns of = {.rows = rows, .c = c, .x = x, .mean = shift};
  for (int64_t k = 0; k < c; k += gan_columns_group(rows))
    gan_sum_columns(&of, k, moments_task, sum + k, square + k);
}

/* The sums are shifted so that they stay small. */
gan_moments gan_moments_of(double n, double shift, double sum, double square) {
  double shifted = sum / n, variance = square / n - shifted * shifted;
  if (variance < 0) variance = 0; /* rounding; NaN stays */
  return (gan_moments){shift + shifted, variance};
}

void gan_take_sums(int64_t c, int accumulate, const double *sums, float *out) {
  for (int64_t k = 0; k < c; k++) out[k] = (float)((accumulate ? (double)out[k] : 0.0) + sums[k]);
}

GAN_KERNEL static void normalise_block(int64_t rows, int64_t c, const float *x, const float *mean,
                                       const float *inverse_deviation, const float *scale,
                                       const float *bias, float *y) {
  for (int64_t r = 0; r < rows; r++)
    for (int64_t k = 0; k < c; k++)
      y[r * c + k] = (x[r * c + k] - mean[k]) * inverse_deviation[k] * scale[k] + bias[k];
}

void gan_normalise(int64_t rows, int64_t c, const float *x, const float *mean,
                   const float *inverse_deviation, const float *scale, const float *bias,
                   float *y) {
  GAN_FOR_BLOCKS(
      r, count, rows, c,
      normalise_block(count, c, x + r * c, mean, inverse_deviation, scale, bias, y + r * c));
}

GAN_KERNEL static void backward_task(const gan_column_task *t, double *restrict s,
                                     double *restrict p) {
  const gan_columns *of = t->of;
  const float *mean = of->mean + t->column, *inverse = of->inverse_deviation + t->column;
  const int64_t width = t->width;
  for (int64_t r = t->row; r < t->row_end; r++) {
    const float *row = of->x + r * of->c + t->column, *drow = of->dy + r * of->c + t->column;
    for (int64_t k = 0; k < width; k++) {
      s[k] += (double)drow[k];
      p[k] += (double)drow[k] * (((double)row[k] - (double)mean[k]) * (double)inverse[k]);
    }
  }
}

void gan_normalise_backward_sums(int64_t rows, int64_t c, const float *x, const float *dy,
                                 const float *mean, const float *inverse_deviation, double *sum,
                                 double *product) {
  gan_columns of = {rows, c, x, dy, mean, inverse_deviation};
  for (int64_t k = 0; k < c; k += gan_columns_group(rows))
    gan_sum_columns(&of, k, backward_task, sum + k, product + k);
}

GAN_KERNEL static void normalise_backward_block(int64_t rows, int64_t c, const float *x,
                                                const float *dy, const float *mean,
                                                const float *inverse_deviation, const float *scale,
                                                const float *mean_dy, const float *mean_product,
                                                float *dx) {
  for (int64_t r = 0; r < rows; r++)
    for (int64_t k = 0; k < c; k++) {
      float xhat = (x[r * c + k] - mean[k]) * inverse_deviation[k];
      float centred = dy[r * c + k] - mean_dy[k] - xhat * mean_product[k];
      dx[r * c + k] = scale[k] * inverse_deviation[k] * centred;
    }
}

void gan_normalise_backward(int64_t rows, int64_t c, const float *x, const float *dy,
                            const float *mean, const float *inverse_deviation, const float *scale,
                            const float *mean_dy, const float *mean_product, float *dx) {
  GAN_FOR_BLOCKS(r, count, rows, c,
                 normalise_backward_block(count, c, x + r * c, dy + r * c, mean, inverse_deviation,
                                          scale, mean_dy, mean_product, dx + r * c));
}

GAN_KERNEL static void sums_task(const gan_column_task *t, double *restrict s,
                                 double *restrict unused) {
  const int64_t c = t->of->c, width = t->width;
  const float *row = t->of->x + t->row * c + t->column;
  (void)unused;
  for (int64_t r = t->row; r < t->row_end; r++, row += c)
    for (int64_t k = 0; k < width; k++) s[k] += (double)row[k];
}

void gan_column_sums(int64_t rows, int64_t c, const float *x, int accumulate, float *out) {
  gan_columns of = {.rows = rows, .c = c, .x = x};
  double sums[GAN_COLUMNS_MOST];
  int64_t group = gan_columns_group(rows);
  for (int64_t k = 0; k < c; k += group) {
    gan_sum_columns(&of, k, sums_task, sums, NULL);
    gan_take_sums(c - k < group ? c - k : group, accumulate, sums, out + k);
  }
}
