#include "kernels/softmax.h"

#include "base/blocks.h"
#include "kernels/lanes.h"
#include "kernels/pointwise.h"

GAN_KERNEL static void subtract_largest(int64_t n, float *x) {
  float largest = gan_lanes_largest(n, x);
  for (int64_t i = 0; i < n; i++) x[i] -= largest;
}

/* What exp gave, over its sum. */
GAN_KERNEL static void divide(int64_t n, float *x) {
  float share = (float)(1.0 / gan_lanes_sum(n, x));
  for (int64_t i = 0; i < n; i++) x[i] *= share;
}

static void softmax_block(int64_t rows, int64_t n, float *x) {
  for (int64_t r = 0; r < rows; r++, x += n) {
    subtract_largest(n, x);
    gan_exp(n, x, x);
    divide(n, x);
  }
}

void gan_softmax(int64_t rows, int64_t n, float *x) {
  GAN_FOR_BLOCKS(r, count, rows, n, softmax_block(count, n, x + r * n));
}

GAN_KERNEL static double backward_block(int64_t rows, int64_t n, float factor, const float *y,
                                        float *dy) {
  double total = 0;
  for (int64_t r = 0; r < rows; r++, y += n, dy += n) {
    double sum = gan_lanes_products(n, y, dy, 0.0);
    float mean = (float)sum;
    for (int64_t i = 0; i < n; i++) dy[i] = factor * (y[i] * (dy[i] - mean));
    total += sum;
  }
  return total;
}

double gan_softmax_backward(int64_t rows, int64_t n, float factor, const float *y, float *dy) {
  double total;
  GAN_SUM_BLOCKS(total, r, count, rows, n, backward_block(count, n, factor, y + r * n, dy + r * n));
  return total;
}
