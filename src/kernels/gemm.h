/* Matrix products: the library's (OpenBLAS) and the plain one that it is tested against. */
#ifndef GAN_KERNELS_GEMM_H
#define GAN_KERNELS_GEMM_H

#include "kernels/compute.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* C = op(A) op(B) + beta C, row-major: op(A) is (m, k), op(B) (k, n), C (m, n); beta 0 or 1.
 * A is stored (m, k), or (k, m) where transpose_a; B (k, n), or (n, k) where transpose_b.  A row of
 * a begins lda numbers behind the row before, and so on.  Sums and C are in fp32. */
typedef struct gan_gemm_call {
  bool transpose_a, transpose_b;
  int64_t m, n, k;
  const void *a; /* floats, or gan_bf16 where the precision says so */
  int64_t lda;
  const void *b;
  int64_t ldb;
  float beta, *c;
  int64_t ldc;
  gan_precision precision;
  const void *packed;  /* b in the library's own order (kernels/product.c has it so); NULL: not */
  int64_t packed_rows; /* ... which was chosen for so many rows ... */
  int packed_threads;  /* ... and threads */
} gan_gemm_call;

void gan_gemm_run(const gan_gemm_call *call);

/* Whether oneDNN computes it, by the choice now. */
bool gan_gemm_by_onednn(const gan_gemm_call *call);

/* The same where rows lie one behind the other. */
void gan_gemm(bool transpose_a, bool transpose_b, int64_t m, int64_t n, int64_t k, const float *a,
              const float *b, float beta, float *c);

/* Shows every call to `observer` from now on (NULL: to nobody): for `mpigan bench`, which plays
 * the products of a step again, alone. */
void gan_gemm_observe(void (*show)(void *context, const gan_gemm_call *call), void *context);

/* The same by three loops, summed in double. */
void gan_gemm_reference(bool transpose_a, bool transpose_b, int64_t m, int64_t n, int64_t k,
                        const float *a, const float *b, float beta, float *c);

/* Threads of the library, from now on. */
void gan_gemm_set_threads(int threads);

/* "OpenBLAS 0.3.21 (SkylakeX, OpenMP), /usr/lib/.../libopenblas.so.0": what is really loaded. */
char *gan_gemm_library(char *text, size_t size);

/* The processor type for which the library chose its kernels. */
const char *gan_gemm_processor(void);

#endif
