#include "kernels/matrix.h"

#include "base/blocks.h"
#include "kernels/dispatch.h"
#include "kernels/lanes.h"

GAN_KERNEL static double dot(int64_t n, const float *x, const float *y) {
  return gan_lanes_products(n, x, y, 0.0);
}

double gan_dot(int64_t n, const float *x, const float *y) {
  double total;
  GAN_SUM_BLOCKS(total, i, count, n, 1, dot(count, x + i, y + i));
  return total;
}

static void matrix_vector_block(int64_t rows, int64_t columns, const float *a, const float *x,
                                float *y) {
  for (int64_t r = 0; r < rows; r++) y[r] = (float)dot(columns, a + r * columns, x);
}

void gan_matrix_vector(int64_t rows, int64_t columns, const float *a, const float *x, float *y) {
  GAN_FOR_BLOCKS(r, count, rows, columns,
                 matrix_vector_block(count, columns, a + r * columns, x, y + r));
}

/* Of columns first..first+count-1. */
GAN_KERNEL static void vector_matrix_block(int64_t rows, int64_t columns, int64_t first,
                                           int64_t count, const float *a, const float *x,
                                           float *y) {
  for (int64_t k = first; k < first + count; k++) y[k] = 0.0f;
  for (int64_t r = 0; r < rows; r++)
    for (int64_t k = first; k < first + count; k++) y[k] += x[r] * a[r * columns + k];
}

void gan_vector_matrix(int64_t rows, int64_t columns, const float *a, const float *x, float *y) {
  enum { LINES = 64 }; /* columns at a time, so that threads do not share lines of the cache */
  GAN_FOR_BLOCKS_OF(LINES, k, count, columns, rows,
                    vector_matrix_block(rows, columns, k, count, a, x, y));
}

/* Of one row. */
GAN_KERNEL static void rank_one_row(int64_t columns, float factor, const float *b, float part,
                                    const float *y, int accumulate, float *a) {
  if (accumulate)
    for (int64_t k = 0; k < columns; k++) a[k] += factor * (b[k] - part * y[k]);
  else
    for (int64_t k = 0; k < columns; k++) a[k] = factor * (b[k] - part * y[k]);
}

static void rank_one_block(int64_t rows, int64_t columns, float factor, const float *b,
                           float weight, const float *x, const float *y, int accumulate, float *a) {
  for (int64_t r = 0; r < rows; r++)
    rank_one_row(columns, factor, b + r * columns, weight * x[r], y, accumulate, a + r * columns);
}

void gan_rank_one(int64_t rows, int64_t columns, float factor, const float *b, float weight,
                  const float *x, const float *y, int accumulate, float *a) {
  GAN_FOR_BLOCKS(r, count, rows, columns,
                 rank_one_block(count, columns, factor, b + r * columns, weight, x + r, y,
                                accumulate, a + r * columns));
}
