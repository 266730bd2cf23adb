#include "kernels/matrix.h"

#include "kernels/dispatch.h"
#include "kernels/lanes.h"

GAN_KERNEL double gan_dot(int64_t n, const float *x, const float *y) {
  return gan_lanes_products(n, x, y, 0.0);
}

void gan_matrix_vector(int64_t rows, int64_t columns, const float *a, const float *x, float *y) {
  for (int64_t r = 0; r < rows; r++) y[r] = (float)gan_dot(columns, a + r * columns, x);
}

GAN_KERNEL void gan_vector_matrix(int64_t rows, int64_t columns, const float *a, const float *x,
                                  float *y) {
  for (int64_t k = 0; k < columns; k++) y[k] = 0.0f;
  for (int64_t r = 0; r < rows; r++)
    for (int64_t k = 0; k < columns; k++) y[k] += x[r] * a[r * columns + k];
}

GAN_KERNEL void gan_rank_one(int64_t rows, int64_t columns, float factor, const float *b,
                             float weight, const float *x, const float *y, int accumulate,
                             float *a) {
  for (int64_t r = 0; r < rows; r++) {
    float part = weight * x[r];
    const float *from = b + r * columns;
    float *to = a + r * columns;
    if (accumulate)
      for (int64_t k = 0; k < columns; k++) to[k] += factor * (from[k] - part * y[k]);
    else
      for (int64_t k = 0; k < columns; k++) to[k] = factor * (from[k] - part * y[k]);
  }
}
