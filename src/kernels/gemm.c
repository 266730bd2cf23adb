#define _GNU_SOURCE /* dladdr */
#include "kernels/gemm.h"

#include "base/status.h"
#include "kernels/onednn.h"

#include <cblas.h>
#include <dlfcn.h>
#include <limits.h>
#include <omp.h>
#include <stdio.h>
#include <string.h>

static struct {
  void (*show)(void *context, const gan_gemm_call *call);
  void *context;
} observer;

void gan_gemm_observe(void (*show)(void *context, const gan_gemm_call *call), void *context) {
  observer.show = show;
  observer.context = context;
}

static void run_openblas(const gan_gemm_call *call) {
  cblas_sgemm(CblasRowMajor, call->transpose_a ? CblasTrans : CblasNoTrans,
              call->transpose_b ? CblasTrans : CblasNoTrans, (int)call->m, (int)call->n,
              (int)call->k, 1.0f, call->a, (int)call->lda, call->b, (int)call->ldb, call->beta,
              call->c, (int)call->ldc);
}

/* Of the weight (n, k), or of its gradient (m, n), whose sum goes over the batch. */
static int64_t narrower_side(const gan_gemm_call *call) {
  int64_t other = call->transpose_a ? call->m : call->k;
  return call->n < other ? call->n : other;
}

bool gan_gemm_by_onednn(const gan_gemm_call *call) {
  if (call->packed || call->precision != GAN_PRECISION_FP32) return true;
  return call->k > 0 &&
         gan_compute_by_onednn(GAN_PRODUCT_GEMM, GAN_PRECISION_FP32, narrower_side(call));
}

void gan_gemm_run(const gan_gemm_call *call) {
  GAN_ASSERT(call->m <= INT_MAX && call->n <= INT_MAX && call->k <= INT_MAX);
  GAN_ASSERT(call->lda <= INT_MAX && call->ldb <= INT_MAX && call->ldc <= INT_MAX);
  if (observer.show) observer.show(observer.context, call);
  if (call->m == 0 || call->n == 0) return;
  if (gan_gemm_by_onednn(call))
    gan_onednn_gemm(call);
  else
    run_openblas(call);
}

void gan_gemm(bool transpose_a, bool transpose_b, int64_t m, int64_t n, int64_t k, const float *a,
              const float *b, float beta, float *c) {
  gan_gemm_call call = {.transpose_a = transpose_a,
                        .transpose_b = transpose_b,
                        .m = m,
                        .n = n,
                        .k = k,
                        .a = a,
                        .lda = transpose_a ? m : k,
                        .b = b,
                        .ldb = transpose_b ? k : n,
                        .beta = beta,
                        .c = c,
                        .ldc = n};
  gan_gemm_run(&call);
}

void gan_gemm_reference(bool transpose_a, bool transpose_b, int64_t m, int64_t n, int64_t k,
                        const float *a, const float *b, float beta, float *c) {
  for (int64_t i = 0; i < m; i++) {
    for (int64_t j = 0; j < n; j++) {
      double sum = beta != 0.0f ? (double)beta * (double)c[i * n + j] : 0.0;
      for (int64_t l = 0; l < k; l++) {
        float x = transpose_a ? a[l * m + i] : a[i * k + l];
        float y = transpose_b ? b[j * k + l] : b[l * n + j];
        sum += (double)x * (double)y;
      }
      c[i * n + j] = (float)sum;
    }
  }
}

/* OpenBLAS follows OpenMP's number where the two differ, and OpenMP may change its own by load. */
void gan_gemm_set_threads(int threads) {
  omp_set_dynamic(0);
  omp_set_num_threads(threads);
  openblas_set_num_threads(threads);
}

const char *gan_gemm_processor(void) {
  return openblas_get_corename();
}

char *gan_gemm_library(char *text, size_t size) {
  static const char *const parallel[] = {"sequential", "pthreads", "OpenMP"};
  int kind = openblas_get_parallel();
  char config[256];
  Dl_info where = {0};
  snprintf(config, sizeof config, "%s", openblas_get_config());
  char *end = strchr(config, ' '); /* "OpenBLAS 0.3.21 NO_LAPACKE ..." */
  if (end) end = strchr(end + 1, ' ');
  if (end) *end = '\0';
  union { /* ISO C has no cast from function to object pointer; POSIX wants one */
    void (*function)(int);
    void *object;
  } symbol = {openblas_set_num_threads};
  dladdr(symbol.object, &where);
  snprintf(text, size, "%s (%s, %s), %s", config, openblas_get_corename(),
           kind >= 0 && kind <= 2 ? parallel[kind] : "?", where.dli_fname ? where.dli_fname : "?");
  return text;
}
