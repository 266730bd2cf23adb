#include "kernels/triad.h"

#include "kernels/dispatch.h"

enum { CHUNK = 1 << 16 };

GAN_KERNEL static void triad(int64_t n, float s, const float *restrict b, float *restrict a) {
  for (int64_t i = 0; i < n; i++) a[i] += s * b[i];
}

void gan_triad(int64_t n, float s, const float *b, float *a, int threads) {
  (void)threads; /* where there is no OpenMP */
#pragma omp parallel for schedule(static) num_threads(threads)
  for (int64_t i = 0; i < n; i += CHUNK) triad(n - i < CHUNK ? n - i : CHUNK, s, b + i, a + i);
}
