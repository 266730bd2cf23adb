#include "eval/moments.h"

#include "base/memory.h"
#include "kernels/gemm_double.h"

#include <string.h>

static const char means[] = "the sum of the features' means";
static const char covariances[] = "the sum of the features' covariances";

/* Rows of a block: of doubles, and no more than keep a product busy. */
static int64_t block_rows(const gan_eval *eval, int64_t d) {
  int64_t most = 1024, room = (int64_t)(eval->buffer_bytes / sizeof(double)) / (d > 0 ? d : 1);
  return room < 16 ? 16 : room > most ? most : room;
}

static int64_t place_of(const int64_t *places, int64_t i) {
  return places ? places[i] : i;
}

static gan_status sum_mean(const gan_eval *eval, const gan_rows *rows, int64_t count,
                           const int64_t *places, gan_moments *out) {
  for (int64_t i = 0; i < count; i++) {
    const float *x = rows->x + place_of(places, i) * rows->d;
    for (int64_t j = 0; j < rows->d; j++) out->mean[j] += (double)x[j];
  }
  GAN_TRY(gan_comm_sum_double(eval->comm, out->mean, (size_t)rows->d, means));
  for (int64_t j = 0; j < rows->d; j++) out->mean[j] /= (double)out->n;
  return GAN_OK;
}

/* Rows without their mean to block (count, d). */
static void centre(const gan_rows *rows, int64_t first, int64_t count, const int64_t *places,
                   const double *mean, double *block) {
  for (int64_t i = 0; i < count; i++, block += rows->d) {
    const float *x = rows->x + place_of(places, first + i) * rows->d;
    for (int64_t j = 0; j < rows->d; j++) block[j] = (double)x[j] - mean[j];
  }
}

/* Of sums there is the lower triangle. */
static void finish_covariance(int64_t d, double freedom, double *covariance) {
  for (int64_t i = 0; i < d; i++)
    for (int64_t j = 0; j <= i; j++)
      covariance[i * d + j] = covariance[j * d + i] = covariance[i * d + j] / freedom;
}

static gan_status sum_covariance(const gan_eval *eval, const gan_rows *rows, int64_t count,
                                 const int64_t *places, double *block, gan_moments *out) {
  int64_t d = rows->d, size = block_rows(eval, d);
  for (int64_t at = 0; at < count; at += size) {
    int64_t now = count - at < size ? count - at : size;
    centre(rows, at, now, places, out->mean, block);
    gan_gram_double(now, d, block, out->covariance);
  }
  GAN_TRY(gan_comm_sum_double(eval->comm, out->covariance, (size_t)(d * d), covariances));
  finish_covariance(d, (double)(out->n - 1), out->covariance);
  return GAN_OK;
}

static gan_status sum(const gan_eval *eval, const gan_rows *rows, int64_t count,
                      const int64_t *places, gan_moments *out) {
  double *block;
  GAN_TRY_EVAL_ALLOC(eval, out->mean, rows->d);
  GAN_TRY_EVAL_ALLOC(eval, out->covariance, rows->d * rows->d);
  GAN_TRY(sum_mean(eval, rows, count, places, out));
  GAN_TRY_EVAL_ALLOC(eval, block, block_rows(eval, rows->d) * rows->d);
  gan_status status = sum_covariance(eval, rows, count, places, block, out);
  gan_free(&block);
  return status;
}

gan_status gan_moments_create_of(const gan_eval *eval, const gan_rows *rows, int64_t count,
                                 const int64_t *places, gan_moments *out) {
  *out = (gan_moments){.n = count, .d = rows->d};
  GAN_TRY(gan_comm_sum_int64(eval->comm, &out->n, 1, means));
  if (out->n < 2)
    return gan_fail(GAN_USAGE, "a covariance wants at least 2 rows of features, and there is %lld",
                    (long long)out->n);
  gan_status status = sum(eval, rows, count, places, out);
  if (status != GAN_OK) gan_moments_destroy(out);
  return status;
}

gan_status gan_moments_create(const gan_eval *eval, const gan_rows *rows, gan_moments *out) {
  return gan_moments_create_of(eval, rows, rows->n, NULL, out);
}

void gan_moments_destroy(gan_moments *moments) {
  gan_free(&moments->mean);
  gan_free(&moments->covariance);
}
