/* Neighbours against two loops; precision, recall, density, coverage and memorisation against NumPy
 * on the same points. */
#include "base/memory.h"
#include "eval/cover.h"
#include "eval/memorisation.h"
#include "eval/neighbours.h"
#include "unit/eval_golden.h"
#include "unit/eval_support.h"
#include "unit/support.h"

#include <math.h>

/* Counts are equal or not; distances are sums of doubles. */
static const double ROUNDING = 1e-12;

/* How many rows lie nearer to x than `squared`, or as near with a lower number. */
static int count_before(const gan_rows *rows, int64_t itself, const float *x, int64_t number,
                        double squared) {
  int count = 0;
  for (int64_t j = 0; j < rows->n; j++) {
    double other = gan_squared_distance(rows->d, x, rows->x + j * rows->d);
    count += j != itself && (other < squared || (other == squared && j < number));
  }
  return count;
}

/* Each is where it belongs in the order of distances, then numbers. */
static void check_neighbours(const gan_rows *asks, const gan_rows *rows, int k, bool same) {
  int64_t *number = gan_alloc((size_t)(asks->n * k), sizeof *number, "numbers");
  double *squared = gan_alloc((size_t)(asks->n * k), sizeof *squared, "distances");
  check_ok(gan_neighbours_find(eval_alone(), asks, rows, k, same, number, squared));
  for (int64_t i = 0; i < asks->n * k; i++) {
    const float *of = asks->x + i / k * asks->d;
    double exact = gan_squared_distance(asks->d, of, rows->x + number[i] * rows->d);
    int before = count_before(rows, same ? i / k : -1, of, number[i], exact);
    if (exact != squared[i] || before != i % k || (same && number[i] == i / k))
      ck_abort_msg("neighbour %d of row %d: number %d, %d before it", (int)(i % k), (int)(i / k),
                   (int)number[i], before);
  }
  gan_free(&number);
  gan_free(&squared);
}

/* The second time on a lattice, where most distances are ties. */
START_TEST(neighbours_are_those_of_two_loops) {
  enum { N = 130, M = 90, D = 7, K = 4 };
  float *x = eval_normals(N, D, 31), *y = eval_normals(M, D, 32);
  for (int i = 0; _i == 1 && i < N * D; i++) x[i] = rintf(x[i]);
  for (int i = 0; _i == 1 && i < M * D; i++) y[i] = rintf(y[i]);
  gan_rows rows = eval_rows(N, D, x), queries = eval_rows(M, D, y);
  check_neighbours(&queries, &rows, K, false);
  check_neighbours(&rows, &rows, K, true);
  check_fails(gan_neighbours_find(eval_alone(), &rows, &rows, N, true, NULL, NULL), GAN_USAGE,
              "130 nearest neighbours", "of 129 rows");
  gan_free(&x);
  gan_free(&y);
}
END_TEST

/* Of points far from 0 an fp32 product knows no distance: all must be settled in double. */
START_TEST(far_from_0_too) {
  enum { N = 60 };
  float *x = eval_normals(N, 3, 33);
  double near_0[N], far[N];
  int64_t number[2][N];
  gan_rows rows = eval_rows(N, 3, x);
  check_ok(gan_neighbours_find(eval_alone(), &rows, &rows, 1, true, number[0], near_0));
  for (int i = 0; i < N * 3; i++) x[i] += 1024; /* exact: the grid is 1/4096 */
  check_ok(gan_neighbours_find(eval_alone(), &rows, &rows, 1, true, number[1], far));
  ck_assert_mem_eq(number[0], number[1], sizeof number[0]);
  ck_assert_mem_eq(near_0, far, sizeof far);
  gan_free(&x);
}
END_TEST

START_TEST(cover_is_numpys) {
  float *x = eval_normals(400, 1000, 4), *y = eval_normals(300, 1000, 5);
  gan_rows real = eval_rows(400, 1000, x), fake = eval_rows(300, 1000, y);
  gan_cover found;
  check_ok(gan_cover_run(eval_alone(), &real, &fake, 5, &found));
  const double values[] = {found.precision, found.recall, found.density, found.coverage};
  check_near(4, values, golden_cover, ROUNDING);
  gan_free(&x);
  gan_free(&y);
}
END_TEST

/* Naeem et al., 2020, section 3.3: 1 - 2^-k of equal laws. */
START_TEST(coverage_of_equal_laws) {
  enum { N = 1000, D = 64, K = 5, DRAWS = 10 };
  const double wanted = 1 - 1.0 / 32, allowed = 0.01;
  double mean = 0;
  for (int i = 0; i < DRAWS; i++) {
    float *x = eval_normals(N, D, 200 + (uint64_t)i), *y = eval_normals(N, D, 300 + (uint64_t)i);
    gan_rows real = eval_rows(N, D, x), fake = eval_rows(N, D, y);
    gan_eval eval = *eval_alone();
    gan_cover found;
    eval.buffer_bytes = 8 << 20;
    check_ok(gan_cover_run(&eval, &real, &fake, K, &found));
    mean += found.coverage / DRAWS;
    gan_free(&x);
    gan_free(&y);
  }
  ck_assert_double_eq_tol(mean, wanted, allowed);
}
END_TEST

START_TEST(disjoint_and_equal_sets) {
  float *x = eval_normals(50, 6, 34), y[50 * 6];
  for (int i = 0; i < 50 * 6; i++) y[i] = x[i] + 100;
  gan_rows a = eval_rows(50, 6, x), b = eval_rows(50, 6, y);
  gan_cover found;
  check_ok(gan_cover_run(eval_alone(), &a, &b, 3, &found));
  ck_assert(found.precision == 0 && found.recall == 0 && found.density == 0 && found.coverage == 0);
  check_ok(gan_cover_run(eval_alone(), &a, &a, 3, &found));
  ck_assert(found.precision == 1 && found.recall == 1 && found.coverage == 1);
  gan_free(&x);
}
END_TEST

/* A power of two changes no digit, so no answer: not where products of two features are below the
 * smallest fp32, nor near the largest.  _i: which power */
START_TEST(any_scale_has_the_same_answers) {
  enum { N = 60, D = 5, K = 3 };
  static const int powers[] = {-80, -70, -60, 55};
  float *x = eval_normals(N, D, 35), *y = eval_normals(N, D, 36);
  gan_rows real = eval_rows(N, D, x), fake = eval_rows(N, D, y);
  int64_t number[2][N * K];
  double squared[N * K];
  gan_cover wanted, found;
  check_ok(gan_cover_run(eval_alone(), &real, &fake, K, &wanted));
  check_ok(gan_neighbours_find(eval_alone(), &fake, &real, K, false, number[0], squared));
  for (int i = 0; i < N * D; i++) x[i] = ldexpf(x[i], powers[_i]);
  for (int i = 0; i < N * D; i++) y[i] = ldexpf(y[i], powers[_i]);
  check_ok(gan_cover_run(eval_alone(), &real, &fake, K, &found));
  check_ok(gan_neighbours_find(eval_alone(), &fake, &real, K, false, number[1], squared));
  ck_assert_mem_eq(&wanted, &found, sizeof found);
  ck_assert_mem_eq(number[0], number[1], sizeof number[0]);
  gan_free(&x);
  gan_free(&y);
}
END_TEST

/* On either side; the row is named. */
START_TEST(too_long_for_products) {
  enum { N = 20, D = 4 };
  float *x = eval_normals(N, D, 37), *y = eval_normals(N, D, 38);
  gan_rows real = eval_rows(N, D, x), fake = eval_rows(N, D, y);
  gan_cover found;
  x[7 * D + 1] = 1e20f;
  check_fails(gan_cover_run(eval_alone(), &real, &fake, 2, &found), GAN_NUMBERS, "row 7", "1e+20",
              "9.22e+18");
  check_fails(gan_cover_run(eval_alone(), &fake, &real, 2, &found), GAN_NUMBERS, "row 7");
  gan_free(&x);
  gan_free(&y);
}
END_TEST

START_TEST(memorisation_is_numpys) {
  float *a = eval_features(300, 12, 1, 0), *b = eval_features(250, 12, 2, 0.25);
  float *ours = eval_columns(240, 12, a, 4), *training = eval_columns(203, 12, b, 4);
  for (int i = 0; i < 3 * 4; i++) training[200 * 4 + i] = ours[i]; /* three samples are copies */
  gan_rows samples = eval_rows(90, 4, ours), held_out = eval_rows(140, 4, ours + 100 * 4);
  gan_rows rows = eval_rows(203, 4, training);
  gan_memorisation found;
  int64_t number[90];
  double distance[90];
  check_ok(
      gan_memorisation_run(eval_alone(), &samples, &rows, &held_out, &found, number, distance));
  const double values[] = {found.mean,         found.held_out_mean, found.below_low,
                           found.below_middle, found.low,           found.middle};
  check_near(6, values, golden_memorisation, ROUNDING);
  for (int i = 0; i < 3; i++) ck_assert(number[i] == 200 + i && distance[i] == 0);
  gan_copy copies[5];
  check_ok(gan_memorisation_copies(eval_alone(), &samples, number, distance, 5, copies));
  for (int i = 0; i < 3; i++) ck_assert(copies[i].sample == i && copies[i].training == 200 + i);
  int nearer = 0; /* than the fifth: four */
  for (int i = 0; i < 90; i++) nearer += distance[i] < copies[4].distance;
  ck_assert(nearer == 4 && copies[4].distance == distance[copies[4].sample]);
  gan_free(&a);
  gan_free(&b);
  gan_free(&ours);
  gan_free(&training);
}
END_TEST

int main(void) {
  const unit_test tests[] = {
      {neighbours_are_those_of_two_loops, 2},
      {far_from_0_too, 1},
      {cover_is_numpys, 1},
      {coverage_of_equal_laws, 1},
      {disjoint_and_equal_sets, 1},
      {any_scale_has_the_same_answers, 4},
      {too_long_for_products, 1},
      {memorisation_is_numpys, 1},
  };
  return UNIT_MAIN("eval_neighbours", tests);
}
