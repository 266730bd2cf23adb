#include "kernels/gemm_double.h"

#include "base/status.h"

#include <cblas.h>
#include <limits.h>

void gan_gemm_double(bool transpose_a, bool transpose_b, int64_t m, int64_t n, int64_t k,
                     const double *a, const double *b, double beta, double *c) {
  GAN_ASSERT(m <= INT_MAX && n <= INT_MAX && k <= INT_MAX);
  if (m == 0 || n == 0) return;
  int64_t lda = transpose_a ? m : k, ldb = transpose_b ? k : n;
  cblas_dgemm(CblasRowMajor, transpose_a ? CblasTrans : CblasNoTrans,
              transpose_b ? CblasTrans : CblasNoTrans, (int)m, (int)n, (int)k, 1.0, a,
              lda > 0 ? (int)lda : 1, b, ldb > 0 ? (int)ldb : 1, beta, c, (int)n);
}

void gan_gram_double(int64_t n, int64_t d, const double *x, double *c) {
  GAN_ASSERT(n <= INT_MAX && d <= INT_MAX);
  if (n == 0 || d == 0) return;
  cblas_dsyrk(CblasRowMajor, CblasLower, CblasTrans, (int)d, (int)n, 1.0, x, (int)d, 1.0, c,
              (int)d);
}
