/* Bins and Parzen windows: against SciPy, and clusters that leave no doubt. */
#include "base/memory.h"
#include "eval/bins.h"
#include "eval/parzen.h"
#include "unit/eval_golden.h"
#include "unit/eval_support.h"
#include "unit/support.h"

#include <math.h>

/* Some hundred roundings of a double. */
static const double ROUNDING = 1e-12;

/* Of Parzen windows what is far off has its distance from fp32: 1e-7 of it, under windows that are
 * wide; 2e-9 was seen. */
static const double FAR_OFF = 1e-7;

enum { CLUSTERS = 6, D = 5, N = 600 };

/* Row i is of cluster i modulo CLUSTERS, but for cluster 0's, of which every second is cluster 1's.
 */
static float *make_clusters(void) {
  float *x = eval_normals(N, D, 41);
  for (int i = 0; i < N; i++) {
    int cluster = i % CLUSTERS == 0 && i % (2 * CLUSTERS) == 0 ? 1 : i % CLUSTERS;
    x[i * D + cluster % D] += cluster < D ? 40 : -40;
  }
  return x;
}

START_TEST(clusters_are_found) {
  float *x = make_clusters();
  gan_rows rows = eval_rows(N, D, x);
  gan_bins bins;
  int64_t seen[N + 1] = {0}, counts[CLUSTERS];
  check_ok(gan_bins_create(eval_alone(), &rows, CLUSTERS, 5, &bins));
  for (int b = 0; b < CLUSTERS; b++) seen[bins.counts[b]]++;
  ck_assert(seen[50] == 1 && seen[150] == 1 && seen[100] == CLUSTERS - 2);
  check_ok(gan_bins_count(eval_alone(), &bins, &rows, counts));
  ck_assert_mem_eq(counts, bins.counts, sizeof counts);
  gan_bins_destroy(&bins);
  check_fails(gan_bins_create(eval_alone(), &rows, N + 1, 5, &bins), GAN_USAGE, "601 bins",
              "1 to 600");
  gan_free(&x);
}
END_TEST

/* A centre is the mean of its cell: Lloyd's condition. */
START_TEST(centres_are_means) {
  float *x = eval_normals(N, D, 42);
  gan_rows rows = eval_rows(N, D, x);
  gan_bins bins, more;
  check_ok(gan_bins_create(eval_alone(), &rows, 8, 60, &bins));
  check_ok(gan_bins_create(eval_alone(), &rows, 8, 61, &more));
  for (int i = 0; i < 8 * D; i++) /* it has come to rest */
    if (bins.centres[i] != more.centres[i]) ck_abort_msg("centre %d moves", i / D);
  double sums[8 * D] = {0};
  for (int i = 0; i < N; i++) {
    int nearest = 0;
    for (int b = 1; b < 8; b++)
      if (gan_squared_distance(D, x + i * D, bins.centres + b * D) <
          gan_squared_distance(D, x + i * D, bins.centres + nearest * D))
        nearest = b;
    for (int j = 0; j < D; j++) sums[nearest * D + j] += (double)x[i * D + j];
  }
  for (int i = 0; i < 8 * D; i++) {
    double mean = sums[i] / (double)bins.counts[i / D];
    if (fabs(mean - (double)bins.centres[i]) > 1e-6) ck_abort_msg("centre %d is no mean", i / D);
  }
  gan_bins_destroy(&bins);
  gan_bins_destroy(&more);
  gan_free(&x);
}
END_TEST

START_TEST(comparison_is_scipys) {
  const int64_t a[] = {900, 30, 0, 12, 58, 0}, b[] = {420, 31, 0, 2, 40, 7};
  gan_bins_report found;
  gan_bins_compare(6, a, b, GAN_BINS_LEVEL_5, &found);
  const double values[] = {(double)found.different, found.divergence};
  check_near(2, values, golden_bins, ROUNDING);
  gan_bins_compare(6, a, b, GAN_BINS_ERRORS_3,
                   &found); /* z is 3.37, -2.96, none, 1.52, -1.63, -3.75 */
  ck_assert_int_eq(found.different, 2);
  gan_bins_compare(6, a, a, GAN_BINS_LEVEL_5, &found);
  ck_assert(found.different == 0 && found.divergence == 0);
}
END_TEST

START_TEST(parzen_is_scipys) {
  float *a = eval_features(300, 12, 1, 0), *b = eval_features(250, 12, 2, 0.25);
  float *x = eval_columns(70, 12, a, 6), *y = eval_columns(250, 12, b, 6);
  gan_rows points = eval_rows(70, 6, x), samples = eval_rows(250, 6, y);
  gan_parzen found[3] = {{.sigma = 0.125}, {.sigma = 0.5}, {.sigma = 2}}, best;
  const double *golden[] = {golden_parzen_narrow, golden_parzen_middle, golden_parzen_wide};
  check_ok(gan_parzen_run(eval_alone(), &points, &samples, 3, found));
  for (int s = 0; s < 3; s++) {
    check_near(1, &found[s].mean, golden[s], FAR_OFF);
    check_near(1, &found[s].error, golden[s] + 1, FAR_OFF);
  }
  gan_parzen_grid grid = {.low = 0.125, .high = 2, .count = 3}; /* 0.5 is best */
  check_ok(gan_parzen_validated(eval_alone(), &points, &points, &samples, grid, &best));
  ck_assert_double_eq_tol(best.sigma, 0.5, ROUNDING);
  ck_assert_double_eq_tol(best.mean, found[1].mean, ROUNDING * 100);
  found[1].sigma = 0;
  check_fails(gan_parzen_run(eval_alone(), &points, &samples, 3, found), GAN_USAGE, "sigma",
              "is 0");
  gan_free(&a);
  gan_free(&b);
  gan_free(&x);
  gan_free(&y);
}
END_TEST

/* Far from all samples each term alone is 0 in a double; the likelihood is not. */
START_TEST(parzen_far_away) {
  float point = 1000, samples[] = {0, -50};
  gan_rows at = eval_rows(1, 1, &point), of = eval_rows(2, 1, samples);
  gan_parzen found = {.sigma = 1};
  check_ok(gan_parzen_run(eval_alone(), &at, &of, 1, &found));
  ck_assert_double_eq_tol(found.mean, -log(2) - 500000 - 0.5 * log(2 * M_PI), 1);
}
END_TEST

int main(void) {
  const unit_test tests[] = {
      {clusters_are_found, 1}, {centres_are_means, 1}, {comparison_is_scipys, 1},
      {parzen_is_scipys, 1},   {parzen_far_away, 1},
  };
  return UNIT_MAIN("eval_bins", tests);
}
