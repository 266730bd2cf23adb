/* Matrix products in double: for statistics, where fp32 sums would not do. */
#ifndef GAN_KERNELS_GEMM_DOUBLE_H
#define GAN_KERNELS_GEMM_DOUBLE_H

#include <stdbool.h>
#include <stdint.h>

/* C (m, n) = op(A) op(B) + beta C, row-major, rows one behind the other: A is stored (m, k), or
 * (k, m) where transpose_a; B (k, n), or (n, k) where transpose_b.  Extents up to INT_MAX. */
void gan_gemm_double(bool transpose_a, bool transpose_b, int64_t m, int64_t n, int64_t k,
                     const double *a, const double *b, double beta, double *c);

/* C (d, d) = X^T X + C, of X (n, d): its lower triangle alone, for half of the work. */
void gan_gram_double(int64_t n, int64_t d, const double *x, double *c);

#endif
