#include "eval/pca.h"

#include "base/memory.h"
#include "kernels/eigen.h"
#include "kernels/gemm_double.h"

#include <string.h>

/* Rank 0's, so that no library's last bits come between ranks. */
static gan_status share(const gan_eval *eval, gan_pca *pca) {
  size_t d = (size_t)pca->d, k = (size_t)pca->k;
  static const char what[] = "the principal components";
  GAN_TRY(gan_comm_broadcast(eval->comm, pca->components, k * d * sizeof(double), what));
  GAN_TRY(gan_comm_broadcast(eval->comm, pca->variances, k * sizeof(double), what));
  return gan_comm_broadcast(eval->comm, &pca->share, sizeof pca->share, what);
}

/* The last k of the ascending order, turned round. */
static void take_largest(const double *vectors, const double *values, gan_pca *pca) {
  int64_t d = pca->d;
  double all = 0, held = 0;
  for (int64_t i = 0; i < d; i++) all += values[i];
  for (int64_t i = 0; i < pca->k; i++) {
    int64_t from = d - 1 - i;
    memcpy(pca->components + i * d, vectors + from * d, (size_t)d * sizeof *vectors);
    pca->variances[i] = values[from];
    held += values[from];
  }
  pca->share = all > 0 ? held / all : 1;
}

static gan_status run(const gan_eval *eval, const gan_moments *moments, gan_pca *pca) {
  int64_t d = pca->d;
  double *work;
  GAN_TRY_EVAL_ALLOC(eval, pca->mean, d);
  GAN_TRY_EVAL_ALLOC(eval, pca->components, pca->k * d);
  GAN_TRY_EVAL_ALLOC(eval, pca->variances, pca->k);
  GAN_TRY_EVAL_ALLOC(eval, work, d * d + d);
  memcpy(pca->mean, moments->mean, (size_t)d * sizeof *work);
  memcpy(work, moments->covariance, (size_t)(d * d) * sizeof *work);
  gan_status status = gan_eigen_symmetric(d, work, work + d * d);
  if (status == GAN_OK) take_largest(work, work + d * d, pca);
  gan_free(&work);
  GAN_TRY(gan_comm_agree(eval->comm, status, "agreeing on principal components"));
  return share(eval, pca);
}

gan_status gan_pca_create(const gan_eval *eval, const gan_moments *moments, int64_t k,
                          gan_pca *out) {
  *out = (gan_pca){.d = moments->d, .k = k};
  if (k < 1 || k > moments->d)
    return gan_fail(GAN_USAGE, "%lld principal components of %lld features: 1 to %lld are allowed",
                    (long long)k, (long long)moments->d, (long long)moments->d);
  gan_status status = run(eval, moments, out);
  if (status != GAN_OK) gan_pca_destroy(out);
  return status;
}

void gan_pca_destroy(gan_pca *pca) {
  gan_free(&pca->mean);
  gan_free(&pca->components);
  gan_free(&pca->variances);
}

static void project_block(const gan_pca *pca, int64_t n, const float *x, double *centred,
                          double *projected, float *y) {
  for (int64_t i = 0; i < n * pca->d; i++) centred[i] = (double)x[i] - pca->mean[i % pca->d];
  gan_gemm_double(false, true, n, pca->k, pca->d, centred, pca->components, 0, projected);
  for (int64_t i = 0; i < n * pca->k; i++) y[i] = (float)projected[i];
}

gan_status gan_pca_project(const gan_pca *pca, int64_t n, const float *x, float *y) {
  enum { ROWS = 256 };
  double *room;
  GAN_TRY_ALLOC(room, ROWS * (pca->d + pca->k), "a projection");
  for (int64_t at = 0; at < n; at += ROWS) {
    int64_t now = n - at < ROWS ? n - at : ROWS;
    project_block(pca, now, x + at * pca->d, room, room + ROWS * pca->d, y + at * pca->k);
  }
  gan_free(&room);
  return GAN_OK;
}
