#include "eval/classes.h"

#include "base/memory.h"

#include <math.h>
#include <string.h>

/* ---- the classifier's score ---- */

/* Sums over one split: of p(y|x) for each class, behind them of p(y|x) log p(y|x) over all, and the
 * rows. */
enum { BESIDE = 2 };

static void add_row(int64_t classes, const float *logits, double *sums) {
  double largest = (double)logits[0], total = 0;
  for (int64_t k = 1; k < classes; k++) largest = fmax(largest, (double)logits[k]);
  for (int64_t k = 0; k < classes; k++) total += exp((double)logits[k] - largest);
  double log_total = log(total) + largest;
  for (int64_t k = 0; k < classes; k++) {
    double log_p = (double)logits[k] - log_total, p = exp(log_p);
    sums[k] += p;
    sums[classes] += p * log_p;
  }
  sums[classes + 1]++;
}

static double score_of(int64_t classes, const double *sums) {
  double n = sums[classes + 1], divergence = sums[classes] / n;
  for (int64_t k = 0; k < classes; k++)
    if (sums[k] > 0) divergence -= sums[k] / n * log(sums[k] / n);
  return exp(divergence);
}

static void judge(int64_t classes, int splits, const double *sums, gan_class_score *out) {
  double square = 0;
  *out = (gan_class_score){0};
  for (int s = 0; s < splits; s++)
    out->mean += score_of(classes, sums + s * (classes + BESIDE)) / splits;
  for (int s = 0; s < splits; s++)
    square += pow(score_of(classes, sums + s * (classes + BESIDE)) - out->mean, 2);
  out->deviation = sqrt(square / splits);
}

gan_status gan_class_score_run(const gan_eval *eval, const gan_rows *logits, int splits,
                               gan_class_score *out) {
  int64_t size = logits->d + BESIDE;
  if (splits < 1 || logits->total < splits)
    return gan_fail(GAN_USAGE, "a classifier's score of %lld rows in %d splits: each wants a row",
                    (long long)logits->total, splits);
  double *sums;
  GAN_TRY_EVAL_ALLOC(eval, sums, splits * size);
  for (int64_t i = 0; i < logits->n; i++) {
    /* split s begins at row s total / splits */
    int64_t s = ((logits->first + i + 1) * splits - 1) / logits->total;
    add_row(logits->d, logits->x + i * logits->d, sums + s * size);
  }
  gan_status status = gan_comm_sum_double(eval->comm, sums, (size_t)(splits * size),
                                          "the sum of a classifier's score");
  if (status == GAN_OK) judge(logits->d, splits, sums, out);
  gan_free(&sums);
  return status;
}

/* ---- counts ---- */

void gan_class_of(const gan_rows *logits, int32_t *classes) {
  for (int64_t i = 0; i < logits->n; i++) {
    const float *row = logits->x + i * logits->d;
    classes[i] = 0;
    for (int64_t k = 1; k < logits->d; k++)
      if (row[k] > row[classes[i]]) classes[i] = (int32_t)k;
  }
}

static gan_status count(int64_t n, const int32_t *classes, int of, int64_t *counts) {
  for (int64_t i = 0; i < n; i++) {
    if (classes[i] < 0 || classes[i] >= of)
      return gan_fail(GAN_INPUT, "row %lld is of class %d: classes are 0 to %d", (long long)i,
                      classes[i], of - 1);
    counts[classes[i]]++;
  }
  return GAN_OK;
}

gan_status gan_class_count(const gan_eval *eval, int64_t n, const int32_t *classes, int of,
                           int64_t *counts) {
  static const char what[] = "the counts of classes";
  memset(counts, 0, (size_t)of * sizeof *counts);
  GAN_TRY(gan_comm_agree(eval->comm, count(n, classes, of, counts), what));
  return gan_comm_sum_int64(eval->comm, counts, (size_t)of, what);
}

double gan_total_variation(int classes, const int64_t *a, const int64_t *b) {
  int64_t all_a = 0, all_b = 0;
  double sum = 0;
  for (int k = 0; k < classes; k++) {
    all_a += a[k];
    all_b += b[k];
  }
  if (all_a == 0 || all_b == 0) return NAN;
  for (int k = 0; k < classes; k++)
    sum += fabs((double)a[k] / (double)all_a - (double)b[k] / (double)all_b);
  return sum / 2;
}

gan_status gan_class_accuracy(const gan_eval *eval, int64_t n, const int32_t *asked,
                              const int32_t *found, double *share) {
  int64_t counts[2] = {0, n};
  for (int64_t i = 0; i < n; i++) counts[0] += asked[i] == found[i];
  GAN_TRY(gan_comm_sum_int64(eval->comm, counts, 2, "the count of the classes asked for"));
  *share = counts[1] ? (double)counts[0] / (double)counts[1] : NAN;
  return GAN_OK;
}

/* ---- the Frechet distance within classes ---- */

/* Moments of one class; n is 0 where there are fewer than `least` rows of it. */
static gan_status moments_of(const gan_eval *eval, gan_labelled side, int32_t class, int64_t least,
                             int64_t *places, gan_moments *out) {
  int64_t held = 0;
  for (int64_t i = 0; i < side.rows->n; i++)
    if (side.classes[i] == class) places[held++] = i;
  int64_t all = held;
  *out = (gan_moments){0};
  GAN_TRY(gan_comm_sum_int64(eval->comm, &all, 1, "the count of a class"));
  if (all < least || all < 2) return GAN_OK;
  return gan_moments_create_of(eval, side.rows, held, places, out);
}

static gan_status compare(const gan_eval *eval, const gan_moments *real, const gan_moments *fake,
                          double *distance) {
  gan_frechet frechet;
  *distance = NAN;
  if (real->n == 0 || fake->n == 0) return GAN_OK;
  gan_status status = gan_frechet_create(real, &frechet);
  if (status == GAN_OK) {
    status = gan_frechet_distance(&frechet, fake, distance);
    gan_frechet_destroy(&frechet);
  }
  return gan_comm_agree(eval->comm, status, "agreeing on a Frechet distance");
}

static gan_status run_class(const gan_eval *eval, const gan_labelled sides[2], int32_t class,
                            int64_t least, int64_t *places, double *distance) {
  gan_moments moments[2] = {{0}};
  gan_status status = moments_of(eval, sides[0], class, least, places, &moments[0]);
  if (status == GAN_OK) status = moments_of(eval, sides[1], class, least, places, &moments[1]);
  if (status == GAN_OK) status = compare(eval, &moments[0], &moments[1], distance);
  gan_moments_destroy(&moments[0]);
  gan_moments_destroy(&moments[1]);
  return status;
}

static double mean_of_numbers(int n, const double *x) {
  double sum = 0;
  int count = 0;
  for (int i = 0; i < n; i++) {
    if (isnan(x[i])) continue;
    sum += x[i];
    count++;
  }
  return count ? sum / count : NAN;
}

gan_status gan_class_frechet(const gan_eval *eval, gan_labelled real, gan_labelled fake, int of,
                             int64_t least, double *distances, double *mean) {
  const gan_labelled sides[2] = {real, fake};
  int64_t *places, most = real.rows->n > fake.rows->n ? real.rows->n : fake.rows->n;
  GAN_TRY_EVAL_ALLOC(eval, places, most);
  gan_status status = GAN_OK;
  for (int k = 0; status == GAN_OK && k < of; k++)
    status = run_class(eval, sides, k, least, places, distances + k);
  gan_free(&places);
  GAN_TRY(status);
  *mean = mean_of_numbers(of, distances);
  return gan_comm_broadcast(eval->comm, distances, (size_t)of * sizeof *distances,
                            "the Frechet distances within classes");
}
