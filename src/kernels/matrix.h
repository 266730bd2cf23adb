/* Products of a matrix and a vector in one fixed order of sums, the same on every instruction set:
 * for state that ranks must compute alike. */
#ifndef GAN_KERNELS_MATRIX_H
#define GAN_KERNELS_MATRIX_H

#include <stdint.h>

/* y (rows) = A x, A (rows, columns).  Sums in double, over 16 interleaved partial sums. */
void gan_matrix_vector(int64_t rows, int64_t columns, const float *a, const float *x, float *y);

/* y (columns) = A^T x.  Sums in floats, row by row. */
void gan_vector_matrix(int64_t rows, int64_t columns, const float *a, const float *x, float *y);

/* The sum of x y, as gan_matrix_vector sums. */
double gan_dot(int64_t n, const float *x, const float *y);

/* A (rows, columns) (+= where accumulate) = factor (B - weight x y^T); x (rows), y (columns). */
void gan_rank_one(int64_t rows, int64_t columns, float factor, const float *b, float weight,
                  const float *x, const float *y, int accumulate, float *a);

#endif
