#include "eval/modes.h"

#include <math.h>
#include <string.h>

enum { GOOD_DEVIATIONS = 3 };

static double squared_distance(int64_t d, const float *x, const double *centre) {
  double sum = 0;
  for (int64_t i = 0; i < d; i++) sum += ((double)x[i] - centre[i]) * ((double)x[i] - centre[i]);
  return sum;
}

static void count_sample(const gan_mixture *mixture, const float *x, int64_t *nearest,
                         int64_t *good) {
  double least = INFINITY, radius = GOOD_DEVIATIONS * mixture->deviation;
  int64_t mode = 0;
  for (int64_t m = 0; m < mixture->modes; m++) {
    double squared = squared_distance(mixture->d, x, mixture->centres + m * mixture->d);
    if (squared >= least) continue;
    least = squared;
    mode = m;
  }
  nearest[mode]++;
  good[mode] += sqrt(least) <= radius;
}

gan_status gan_modes_count(const gan_eval *eval, const gan_rows *samples,
                           const gan_mixture *mixture, int64_t *nearest, int64_t *good) {
  static const char what[] = "the counts of modes";
  GAN_ASSERT(samples->d == mixture->d);
  size_t modes = (size_t)mixture->modes;
  memset(nearest, 0, modes * sizeof *nearest);
  memset(good, 0, modes * sizeof *good);
  for (int64_t i = 0; i < samples->n; i++)
    count_sample(mixture, samples->x + i * samples->d, nearest, good);
  GAN_TRY(gan_comm_sum_int64(eval->comm, nearest, modes, what));
  return gan_comm_sum_int64(eval->comm, good, modes, what);
}

static double share_of(const double *shares, int64_t modes, int64_t mode) {
  double all = 0;
  if (!shares) return 1 / (double)modes;
  for (int64_t m = 0; m < modes; m++) all += shares[m];
  return shares[mode] / all;
}

void gan_modes_judge(int64_t modes, const int64_t *nearest, const int64_t *good,
                     const double *shares, gan_mode_report *out) {
  int64_t all = 0, all_good = 0;
  *out = (gan_mode_report){0};
  for (int64_t m = 0; m < modes; m++) {
    all += nearest[m];
    all_good += good[m];
    out->captured += good[m] > 0;
  }
  out->high_quality = all ? (double)all_good / (double)all : NAN;
  if (!all) out->reverse_kl = NAN;
  for (int64_t m = 0; m < modes; m++) {
    double q = all ? (double)nearest[m] / (double)all : 0;
    if (q > 0) out->reverse_kl += q * log(q / share_of(shares, modes, m));
  }
}
