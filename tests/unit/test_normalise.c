/* The pieces of batch normalisation, against the formulas in double. */
#include "base/memory.h"
#include "kernels/normalise.h"
#include "unit/support.h"

#include <math.h>
#include <string.h>

/* A few roundings of a float (2^-24 each), relative to the sizes of the terms. */
static const double FLOAT_TOLERANCE = 4e-7;

/* Sums of doubles in another order: a rounding each. */
static const double SUM_TOLERANCE = 1e-13;

/* Rows and columns around the block of 64 columns that the kernels take at a time. */
static const struct {
  int64_t rows, c;
} shapes[] = {{1, 1}, {2, 1}, {7, 3}, {1, 64}, {9, 63}, {9, 64}, {9, 65}, {33, 130}, {257, 200}};
enum { SHAPES = sizeof shapes / sizeof *shapes, COLUMNS = 200 };

/* A batch, and values a column as a layer has them. */
typedef struct {
  int64_t rows, c;
  float *x, *dy, *out;
  float mean[COLUMNS], inverse[COLUMNS], scale[COLUMNS], bias[COLUMNS], first[COLUMNS],
      second[COLUMNS];
} batch;

static batch make(int shape) {
  batch b = {.rows = shapes[shape].rows, .c = shapes[shape].c};
  b.x = unit_floats(b.rows * b.c);
  b.dy = unit_floats(b.rows * b.c);
  b.out = unit_floats(b.rows * b.c);
  unit_fill(b.x, b.rows * b.c, 1, -3, 5);
  unit_fill(b.dy, b.rows * b.c, 2, -1, 1);
  unit_fill(b.mean, COLUMNS, 3, -1, 2);
  unit_fill(b.inverse, COLUMNS, 4, 0.2, 3);
  unit_fill(b.scale, COLUMNS, 5, -2, 2);
  unit_fill(b.bias, COLUMNS, 6, -2, 2);
  unit_fill(b.first, COLUMNS, 7, -0.5, 0.5);
  unit_fill(b.second, COLUMNS, 8, -0.5, 0.5);
  return b;
}

static void release(batch *b) {
  gan_free(&b->x);
  gan_free(&b->dy);
  gan_free(&b->out);
}

static void near(double found, double wanted, double size, double tolerance, int64_t i) {
  if (!(fabs(found - wanted) <= tolerance * size))
    ck_abort_msg("number %d is %.9g, not %.9g", (int)i, found, wanted);
}

START_TEST(column_moments) {
  batch b = make(_i);
  double sum[COLUMNS], square[COLUMNS];
  gan_column_moments(b.rows, b.c, b.x, b.mean, sum, square);
  for (int64_t k = 0; k < b.c; k++) {
    double s = 0, q = 0, size = 0;
    for (int64_t r = b.rows - 1; r >= 0; r--) {
      double d = (double)b.x[r * b.c + k] - (double)b.mean[k];
      s += d;
      q += d * d;
      size += fabs(d);
    }
    near(sum[k], s, size, SUM_TOLERANCE, k);
    near(square[k], q, q, SUM_TOLERANCE, k);
  }
  release(&b);
}
END_TEST

/* Values whose mean is 10^6 times their deviation: what the shift and the doubles are for.  Without
 * a shift, sums of 10^11 that round to 10^-5 leave a variance of 10^-4 to under a hundredth. */
START_TEST(moments_of_values_far_from_zero) {
  enum { ROWS = 1000, C = 3 };
  static float x[ROWS * C];
  static const struct {
    float shift[C];
    double tolerance;
  } shifts[] = {{{0, 0, 0}, 1e-2}, {{1e4f, 1e4f, 9999.9f}, 1e-9}};
  double sum[C], square[C];
  uint64_t random = 1;
  for (int64_t i = 0; i < ROWS * C; i++) x[i] = (float)(1e4 + unit_uniform(&random, -0.02, 0.02));
  gan_column_moments(ROWS, C, x, shifts[_i].shift, sum, square);
  for (int64_t k = 0; k < C; k++) {
    double mean = 0, variance = 0;
    for (int64_t r = 0; r < ROWS; r++) mean += (double)x[r * C + k] / ROWS;
    for (int64_t r = 0; r < ROWS; r++) variance += pow((double)x[r * C + k] - mean, 2) / ROWS;
    double found = square[k] / ROWS - (sum[k] / ROWS) * (sum[k] / ROWS);
    near(found, variance, variance, shifts[_i].tolerance, k);
  }
}
END_TEST

START_TEST(normalise) {
  batch b = make(_i);
  gan_normalise(b.rows, b.c, b.x, b.mean, b.inverse, b.scale, b.bias, b.out);
  for (int64_t i = 0; i < b.rows * b.c; i++) {
    int64_t k = i % b.c;
    double xhat = ((double)b.x[i] - (double)b.mean[k]) * (double)b.inverse[k];
    double wanted = xhat * (double)b.scale[k] + (double)b.bias[k];
    near((double)b.out[i], wanted, fabs(xhat * (double)b.scale[k]) + fabs((double)b.bias[k]),
         FLOAT_TOLERANCE, i);
  }
  release(&b);
}
END_TEST

START_TEST(backward_sums) {
  batch b = make(_i);
  double sum[COLUMNS], product[COLUMNS];
  gan_normalise_backward_sums(b.rows, b.c, b.x, b.dy, b.mean, b.inverse, sum, product);
  for (int64_t k = 0; k < b.c; k++) {
    double s = 0, p = 0, s_size = 0, p_size = 0;
    for (int64_t r = b.rows - 1; r >= 0; r--) {
      double xhat = ((double)b.x[r * b.c + k] - (double)b.mean[k]) * (double)b.inverse[k];
      double dy = (double)b.dy[r * b.c + k];
      s += dy;
      p += dy * xhat;
      s_size += fabs(dy);
      p_size += fabs(dy * xhat);
    }
    near(sum[k], s, s_size, SUM_TOLERANCE, k);
    near(product[k], p, p_size, SUM_TOLERANCE, k);
  }
  release(&b);
}
END_TEST

START_TEST(backward) {
  batch b = make(_i);
  gan_normalise_backward(b.rows, b.c, b.x, b.dy, b.mean, b.inverse, b.scale, b.first, b.second,
                         b.out);
  for (int64_t i = 0; i < b.rows * b.c; i++) {
    int64_t k = i % b.c;
    double factor = (double)b.scale[k] * (double)b.inverse[k];
    double part = ((double)b.x[i] - (double)b.mean[k]) * (double)b.inverse[k] * (double)b.second[k];
    double dy = (double)b.dy[i], first = (double)b.first[k];
    near((double)b.out[i], factor * (dy - first - part),
         fabs(factor) * (fabs(dy) + fabs(first) + fabs(part)), FLOAT_TOLERANCE, i);
  }
  gan_normalise_backward(b.rows, b.c, b.x, b.dy, b.mean, b.inverse, b.scale, b.first, b.second,
                         b.dy); /* in place */
  ck_assert_mem_eq(b.dy, b.out, (size_t)(b.rows * b.c) * sizeof *b.out);
  release(&b);
}
END_TEST

START_TEST(column_sums) {
  batch b = make(_i);
  float out[COLUMNS + 1];
  for (int accumulate = 0; accumulate < 2; accumulate++) {
    memcpy(out, b.bias, sizeof b.bias);
    out[b.c] = 77;
    gan_column_sums(b.rows, b.c, b.x, accumulate, out);
    ck_assert(out[b.c] == 77);
    for (int64_t k = 0; k < b.c; k++) {
      double wanted = accumulate ? (double)b.bias[k] : 0, size = fabs(wanted);
      for (int64_t r = 0; r < b.rows; r++) {
        wanted += (double)b.x[r * b.c + k];
        size += fabs((double)b.x[r * b.c + k]);
      }
      near((double)out[k], wanted, size, 6e-8 + SUM_TOLERANCE, k); /* rounded once */
    }
  }
  release(&b);
}
END_TEST

/* Without accumulation what was there does not matter. */
START_TEST(column_sums_overwrite_nan) {
  float x[] = {1, 2, 3, 4}, out[] = {NAN, INFINITY};
  gan_column_sums(2, 2, x, 0, out);
  ck_assert(out[0] == 4 && out[1] == 6);
}
END_TEST

int main(void) {
  const unit_test tests[] = {
      {column_moments, SHAPES},
      {moments_of_values_far_from_zero, 2},
      {normalise, SHAPES},
      {backward_sums, SHAPES},
      {backward, SHAPES},
      {column_sums, SHAPES},
      {column_sums_overwrite_nan, 1},
  };
  return UNIT_MAIN("normalise", tests);
}
