/* Normalisation of rows by their own numbers, against the formulas in double. */
#include "base/memory.h"
#include "kernels/rownorm.h"
#include "unit/support.h"

#include <math.h>
#include <string.h>

/* A few roundings of a float (2^-24 each), relative to the sizes of the terms, which are of order
 * ten at most. */
static const double FLOAT_TOLERANCE = 4e-6;

/* Rows around the 16 lanes of a sum and the blocks of 64 columns. */
static const struct {
  int64_t rows, n;
} shapes[] = {{1, 1}, {3, 2}, {2, 15}, {5, 16}, {4, 17}, {3, 64}, {7, 65}, {6, 130}};

enum { SHAPES = sizeof shapes / sizeof *shapes, ROWS = 8, WIDE = 130 };
static const double EPS = 0.01;

typedef struct {
  int64_t rows, n;
  float x[ROWS * WIDE], dy[ROWS * WIDE], out[ROWS * WIDE];
  float weight[WIDE], bias[WIDE], mean[ROWS], inverse[ROWS];
} batch;

static batch make(int shape) {
  batch b = {.rows = shapes[shape].rows, .n = shapes[shape].n};
  unit_fill(b.x, ROWS * WIDE, 1, -1, 4);
  unit_fill(b.dy, ROWS * WIDE, 2, -1, 1);
  unit_fill(b.weight, WIDE, 3, -2, 2);
  unit_fill(b.bias, WIDE, 4, -2, 2);
  return b;
}

static void near(double found, double wanted, int64_t i) {
  if (!(fabs(found - wanted) <= FLOAT_TOLERANCE))
    ck_abort_msg("number %d is %.9g, not %.9g", (int)i, found, wanted);
}

/* Mean and (biased) variance of a row. */
static void moments(const batch *b, int64_t row, double *mean, double *variance) {
  const float *x = b->x + row * b->n;
  *mean = *variance = 0;
  for (int64_t i = 0; i < b->n; i++) *mean += (double)x[i] / (double)b->n;
  for (int64_t i = 0; i < b->n; i++)
    *variance += ((double)x[i] - *mean) * ((double)x[i] - *mean) / (double)b->n;
}

/* Number i of a row, normalised. */
static double normal(const batch *b, int64_t row, int64_t i) {
  double mean, variance;
  moments(b, row, &mean, &variance);
  return ((double)b->x[row * b->n + i] - mean) / sqrt(variance + EPS);
}

START_TEST(layer_norm) {
  for (int affine = 0; affine < 2; affine++) {
    batch b = make(_i);
    gan_layer_norm(b.rows, b.n, EPS, b.x, affine ? b.weight : NULL, affine ? b.bias : NULL, b.mean,
                   b.inverse, b.out);
    for (int64_t r = 0; r < b.rows; r++) {
      double mean, variance;
      moments(&b, r, &mean, &variance);
      near((double)b.mean[r], mean, r);
      near((double)b.inverse[r], 1 / sqrt(variance + EPS), r);
      for (int64_t i = 0; i < b.n; i++) {
        double scale = affine ? (double)b.weight[i] : 1, bias = affine ? (double)b.bias[i] : 0;
        near((double)b.out[r * b.n + i], normal(&b, r, i) * scale + bias, r * b.n + i);
      }
    }
  }
}
END_TEST

START_TEST(layer_norm_backward) {
  for (int affine = 0; affine < 2; affine++) {
    batch b = make(_i);
    const float *weight = affine ? b.weight : NULL;
    gan_layer_norm(b.rows, b.n, EPS, b.x, weight, b.bias, b.mean, b.inverse, b.out);
    gan_layer_norm_backward(b.rows, b.n, b.x, b.dy, weight, b.mean, b.inverse, b.out);
    for (int64_t r = 0; r < b.rows; r++) {
      double first = 0, second = 0;
      for (int64_t i = 0; i < b.n; i++) {
        double g = (double)b.dy[r * b.n + i] * (affine ? (double)b.weight[i] : 1);
        first += g / (double)b.n;
        second += g * normal(&b, r, i) / (double)b.n;
      }
      for (int64_t i = 0; i < b.n; i++) {
        double g = (double)b.dy[r * b.n + i] * (affine ? (double)b.weight[i] : 1);
        near((double)b.out[r * b.n + i],
             (double)b.inverse[r] * (g - first - normal(&b, r, i) * second), r * b.n + i);
      }
    }
  }
}
END_TEST

START_TEST(layer_norm_weights) {
  batch b = make(_i);
  float of_weight[WIDE], of_bias[WIDE];
  gan_layer_norm(b.rows, b.n, EPS, b.x, NULL, NULL, b.mean, b.inverse, b.out);
  for (int times = 1; times <= 2; times++) {
    gan_layer_norm_weights(b.rows, b.n, b.x, b.dy, b.mean, b.inverse, times > 1, of_weight,
                           of_bias);
    for (int64_t i = 0; i < b.n; i++) {
      double weight = 0, bias = 0;
      for (int64_t r = 0; r < b.rows; r++) {
        weight += (double)b.dy[r * b.n + i] * normal(&b, r, i);
        bias += (double)b.dy[r * b.n + i];
      }
      near((double)of_weight[i], times * weight, i);
      near((double)of_bias[i], times * bias, i);
    }
  }
}
END_TEST

START_TEST(pixel_norm) {
  batch b = make(_i);
  float dx[ROWS * WIDE];
  gan_pixel_norm(b.rows, b.n, EPS, b.x, b.out);
  gan_pixel_norm_backward(b.rows, b.n, EPS, b.x, b.dy, dx);
  for (int64_t r = 0; r < b.rows; r++) {
    const float *x = b.x + r * b.n, *dy = b.dy + r * b.n;
    double square = EPS, product = 0;
    for (int64_t i = 0; i < b.n; i++) square += (double)x[i] * (double)x[i] / (double)b.n;
    for (int64_t i = 0; i < b.n; i++) product += (double)x[i] * (double)dy[i] / (double)b.n;
    for (int64_t i = 0; i < b.n; i++) {
      near((double)b.out[r * b.n + i], (double)x[i] / sqrt(square), i);
      near((double)dx[r * b.n + i],
           (double)dy[i] / sqrt(square) - (double)x[i] * product / pow(square, 1.5), i);
    }
  }
}
END_TEST

/* A mean a thousand deviations off zero, as of batch normalisation: x itself is known to 2^-14. */
START_TEST(far_from_zero) {
  batch b = make(SHAPES - 1);
  unit_fill(b.x, ROWS * WIDE, 5, 999, 1001);
  gan_layer_norm(b.rows, b.n, EPS, b.x, NULL, NULL, b.mean, b.inverse, b.out);
  for (int64_t r = 0; r < b.rows; r++)
    for (int64_t i = 0; i < b.n; i++)
      ck_assert_double_eq_tol((double)b.out[r * b.n + i], normal(&b, r, i), 2e-4);
}
END_TEST

int main(void) {
  const unit_test tests[] = {
      {layer_norm, SHAPES},         {layer_norm_backward, SHAPES},
      {layer_norm_weights, SHAPES}, {pixel_norm, SHAPES},
      {far_from_zero, 1},
  };
  return UNIT_MAIN("normalisation of rows", tests);
}
