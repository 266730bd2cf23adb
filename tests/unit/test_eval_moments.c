/* Moments, the Frechet distance and principal components: against NumPy, SciPy and closed forms. */
#include "base/memory.h"
#include "eval/frechet.h"
#include "eval/pca.h"
#include "eval/spread.h"
#include "unit/eval_golden.h"
#include "unit/eval_support.h"
#include "unit/support.h"

#include <math.h>
#include <string.h>

/* Of doubles' sums: a few hundred roundings of 1e-16; features about 1000 with a spread of 1 lose
 * 3 digits more in the golden's own. */
static const double ROUNDING = 1e-10;

/* The closed form of two Gaussians. */
static const double CLOSED_FORM = 1e-6;

/* SciPy's root of a product that is not symmetric has lost digits of its own. */
static const double SCIPY = 1e-4;

START_TEST(moments_far_from_0) {
  float *x = eval_features(60, 5, 3, 1000);
  gan_rows rows = eval_rows(60, 5, x);
  gan_moments moments;
  check_ok(gan_moments_create(eval_alone(), &rows, &moments));
  ck_assert_int_eq(moments.n, 60);
  check_near(5, moments.mean, golden_mean, ROUNDING);
  check_near(25, moments.covariance, golden_covariance, ROUNDING);
  gan_moments_destroy(&moments);
  gan_free(&x);
}
END_TEST

START_TEST(moments_of_some_rows_are_those_of_a_set_of_them) {
  const int64_t places[] = {3, 17, 3, 0};
  float *x = eval_features(20, 5, 3, 0), some[4 * 5];
  for (int i = 0; i < 4; i++) memcpy(some + i * 5, x + places[i] * 5, 5 * sizeof *x);
  gan_rows rows = eval_rows(20, 5, x), set = eval_rows(4, 5, some);
  gan_moments a, b;
  check_ok(gan_moments_create_of(eval_alone(), &rows, 4, places, &a));
  check_ok(gan_moments_create(eval_alone(), &set, &b));
  ck_assert_mem_eq(a.covariance, b.covariance, 25 * sizeof *a.covariance);
  gan_moments_destroy(&a);
  gan_moments_destroy(&b);
  gan_free(&x);
}
END_TEST

START_TEST(mistakes_are_named) {
  float x[6] = {0, 1, 2, 3, INFINITY, 5};
  gan_rows rows;
  gan_moments moments;
  check_fails(gan_rows_share(eval_alone(), 3, 2, x, &rows), GAN_NUMBERS,
              "feature 0 of row 2 is inf");
  rows = eval_rows(1, 2, x);
  check_fails(gan_moments_create(eval_alone(), &rows, &moments), GAN_USAGE, "at least 2 rows");
}
END_TEST

/* Covariances Q diag(s^2) Q^T with one rotation Q commute: the distance is |m1 - m2|^2 + the sum of
 * (s1 - s2)^2. */
START_TEST(two_gaussians_that_are_known) {
  enum { D = 16 };
  double mean_a[D], mean_b[D], a[D * D] = {0}, b[D * D] = {0}, wanted = 0, q[D * D], found;
  for (int i = 0; i < D; i++)
    for (int j = 0; j < D; j++) /* the discrete cosine transform is a rotation */
      q[i * D + j] = sqrt((i ? 2.0 : 1.0) / D) * cos(M_PI * i * (j + 0.5) / D);
  for (int i = 0; i < D; i++) {
    double s = i < 3 ? 0 : 0.1 * i, t = i == 7 ? 0 : 2.0 / (i + 1); /* some directions are flat */
    mean_a[i] = sin(i);
    mean_b[i] = 0.5 * cos(i);
    wanted += pow(mean_a[i] - mean_b[i], 2) + pow(s - t, 2);
    for (int j = 0; j < D * D; j++) {
      a[j] += s * s * q[i * D + j / D] * q[i * D + j % D];
      b[j] += t * t * q[i * D + j / D] * q[i * D + j % D];
    }
  }
  gan_moments first = {100, D, mean_a, a}, second = {100, D, mean_b, b};
  gan_frechet frechet;
  check_ok(gan_frechet_create(&first, &frechet));
  check_ok(gan_frechet_distance(&frechet, &second, &found));
  ck_assert_double_eq_tol(found, wanted, CLOSED_FORM * wanted);
  check_ok(gan_frechet_distance(&frechet, &first, &found));
  ck_assert_double_le(found, CLOSED_FORM);
  gan_frechet_destroy(&frechet);
}
END_TEST

static double distance_of(const gan_rows *a, const gan_rows *b) {
  gan_moments first, second;
  gan_frechet frechet;
  double found;
  check_ok(gan_moments_create(eval_alone(), a, &first));
  check_ok(gan_moments_create(eval_alone(), b, &second));
  check_ok(gan_frechet_create(&first, &frechet));
  check_ok(gan_frechet_distance(&frechet, &second, &found));
  gan_frechet_destroy(&frechet);
  gan_moments_destroy(&first);
  gan_moments_destroy(&second);
  return found;
}

START_TEST(the_distance_of_features_is_scipys) {
  float *x = eval_features(300, 12, 1, 0), *y = eval_features(250, 12, 2, 0.25);
  gan_rows a = eval_rows(300, 12, x), b = eval_rows(250, 12, y);
  double there = distance_of(&a, &b), back = distance_of(&b, &a);
  check_near(1, &there, golden_frechet, SCIPY);
  check_near(1, &back, golden_frechet, SCIPY);
  ck_assert_double_le(distance_of(&a, &a), CLOSED_FORM);
  gan_free(&x);
  gan_free(&y);
}
END_TEST

/* Samples of the law itself: of n of them the distance is not 0, of infinitely many it is.  The
 * reference is the law, not a draw. */
START_TEST(the_limit_has_no_bias) {
  enum { N = 2000, D = 20, DRAWS = 5 };
  double mean[D] = {0}, identity[D * D] = {0}, plain = 0, limit = 0;
  for (int i = 0; i < D; i++) identity[i * D + i] = 1;
  gan_moments law = {N, D, mean, identity};
  gan_frechet frechet;
  gan_frechet_limit found;
  check_ok(gan_frechet_create(&law, &frechet));
  for (int i = 0; i < DRAWS; i++) {
    float *x = eval_normals(N, D, 100 + (uint64_t)i);
    gan_rows rows = eval_rows(N, D, x);
    check_ok(gan_frechet_extrapolate(eval_alone(), &frechet, &rows, 15, &found));
    ck_assert_double_eq(found.plain, found.plain);
    plain += found.plain / DRAWS;
    limit += found.infinite / DRAWS;
    gan_free(&x);
  }
  /* The mean's part of the bias is D / N, the covariance's about D (D + 1) / 4N: 0.01 + 0.0525. */
  const double bias = 0.0625;
  ck_assert_double_eq_tol(plain, bias, 0.1 * bias);
  ck_assert_double_le(fabs(limit), 0.1 * bias);
  ck_assert_double_gt(found.slope, 0);
  gan_frechet_destroy(&frechet);
}
END_TEST

/* A group is what is left out: of 10 groups, the distances of what remains, by plain passes. */
START_TEST(the_jackknife_leaves_groups_out) {
  enum { N = 203, D = 6, GROUPS = 10 };
  float *x = eval_features(N, D, 1, 0.5), *y = eval_features(N, D, 2, 3);
  gan_rows rows = eval_rows(N, D, x), data = eval_rows(N, D, y);
  gan_moments moments;
  gan_frechet frechet;
  double found, mean = 0, square = 0, values[GROUPS];
  uint32_t order[N];
  check_ok(gan_moments_create(eval_alone(), &data, &moments));
  check_ok(gan_frechet_create(&moments, &frechet));
  gan_moments_destroy(&moments);
  gan_spread_halve(eval_alone(), 2, N, order);
  for (int g = 0; g < GROUPS; g++) {
    int64_t places[N], n = 0;
    for (int i = 0; i < N; i++)
      if (i < N * g / GROUPS || i >= N * (g + 1) / GROUPS) places[n++] = order[i];
    check_ok(gan_moments_create_of(eval_alone(), &rows, n, places, &moments));
    check_ok(gan_frechet_distance(&frechet, &moments, &values[g]));
    gan_moments_destroy(&moments);
    mean += values[g] / GROUPS;
  }
  for (int g = 0; g < GROUPS; g++) square += pow(values[g] - mean, 2);
  check_ok(gan_frechet_jackknife(eval_alone(), &frechet, &rows, GROUPS, &found));
  /* roots of eigenvalues near 0 keep half of the digits */
  ck_assert_double_eq_tol(found, sqrt(square * (GROUPS - 1) / GROUPS), 1e-7 * found);
  check_fails(gan_frechet_jackknife(eval_alone(), &frechet, &rows, 102, &found), GAN_USAGE,
              "at least 204");
  gan_frechet_destroy(&frechet);
  gan_free(&x);
  gan_free(&y);
}
END_TEST

/* It is how much the distances of other draws differ. */
START_TEST(the_jackknife_is_the_spread_of_draws) {
  enum { N = 400, D = 4, DRAWS = 100 };
  double mean[D] = {1, 0, 0, 0}, identity[D * D] = {0}, values[DRAWS], errors = 0;
  for (int i = 0; i < D; i++) identity[i * D + i] = 1;
  gan_moments law = {N, D, mean, identity};
  gan_frechet frechet;
  check_ok(gan_frechet_create(&law, &frechet));
  for (int i = 0; i < DRAWS; i++) {
    float *x = eval_normals(N, D, 900 + (uint64_t)i);
    gan_rows rows = eval_rows(N, D, x);
    gan_moments moments;
    double error;
    check_ok(gan_moments_create(eval_alone(), &rows, &moments));
    check_ok(gan_frechet_distance(&frechet, &moments, &values[i]));
    check_ok(gan_frechet_jackknife(eval_alone(), &frechet, &rows, 10, &error));
    errors += error * error / DRAWS;
    gan_moments_destroy(&moments);
    gan_free(&x);
  }
  /* of 100 draws a deviation is known to 7%, the root of the mean of 100 squares of 9 degrees of
   * freedom to 2.4%: three of both */
  double wanted = gan_spread_of(DRAWS, values).deviation;
  ck_assert_double_eq_tol(sqrt(errors), wanted, 0.22 * wanted);
  gan_frechet_destroy(&frechet);
}
END_TEST

/* x = 3 u p + v q along two known directions. */
START_TEST(principal_components_of_a_plane) {
  enum { N = 500, D = 8 };
  float *z = eval_normals(N, 2, 9), x[N * D], y[N * 2];
  double p[D], q[D];
  for (int j = 0; j < D; j++) {
    p[j] = 0.5 * cos(M_PI * (j + 0.5) / D);
    q[j] = 0.5 * cos(2 * M_PI * (j + 0.5) / D);
  }
  for (int i = 0; i < N; i++)
    for (int j = 0; j < D; j++)
      x[i * D + j] = (float)(7 + 3 * (double)z[2 * i] * p[j] + (double)z[2 * i + 1] * q[j]);
  gan_rows rows = eval_rows(N, D, x);
  gan_moments moments;
  gan_pca pca;
  check_ok(gan_moments_create(eval_alone(), &rows, &moments));
  check_ok(gan_pca_create(eval_alone(), &moments, 2, &pca));
  check_ok(gan_pca_project(&pca, N, x, y));
  ck_assert_double_eq_tol(pca.share, 1, 1e-6); /* but for floats' rounding nothing is left */
  /* distances stay, to a float's rounding */
  for (int i = 1; i < N; i++) {
    double before = gan_squared_distance(D, x, x + i * D),
           after = gan_squared_distance(2, y, y + 2 * i);
    if (fabs(before - after) > 1e-4 * before + 1e-9)
      ck_abort_msg("row %d: %g, %g", i, before, after);
  }
  gan_rows projected = eval_rows(N, 2, y);
  gan_moments_destroy(&moments);
  check_ok(gan_moments_create(eval_alone(), &projected, &moments));
  for (int k = 0; k < 2; k++) {
    ck_assert_double_le(fabs(moments.mean[k]), 1e-5);
    ck_assert_double_eq_tol(moments.covariance[3 * k], pca.variances[k], 1e-5 * pca.variances[k]);
  }
  ck_assert_double_le(fabs(moments.covariance[1]), 1e-5);
  check_fails(gan_pca_create(eval_alone(), &moments, 3, &(gan_pca){0}), GAN_USAGE, "1 to 2");
  gan_pca_destroy(&pca);
  gan_moments_destroy(&moments);
  gan_free(&z);
}
END_TEST

int main(void) {
  const unit_test tests[] = {
      {moments_far_from_0, 1},
      {moments_of_some_rows_are_those_of_a_set_of_them, 1},
      {mistakes_are_named, 1},
      {two_gaussians_that_are_known, 1},
      {the_distance_of_features_is_scipys, 1},
      {the_limit_has_no_bias, 1},
      {the_jackknife_leaves_groups_out, 1},
      {the_jackknife_is_the_spread_of_draws, 1},
      {principal_components_of_a_plane, 1},
  };
  return UNIT_MAIN("eval_moments", tests);
}
