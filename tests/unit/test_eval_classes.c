/* What a classifier says, and modes: against NumPy and counts made by hand. */
#include "base/memory.h"
#include "eval/classes.h"
#include "eval/modes.h"
#include "unit/eval_golden.h"
#include "unit/eval_support.h"
#include "unit/support.h"

#include <math.h>

/* Some hundred roundings of a double. */
static const double ROUNDING = 1e-12;

/* SciPy's square root of a product: see test_eval_moments.c. */
static const double SCIPY = 1e-4;

START_TEST(the_score_is_numpys) {
  enum { N = 122, K = 7, SPLITS = 4 };
  float x[N * K];
  unit_fill(x, N * K, 6, -8, 8);
  gan_rows logits = eval_rows(N, K, x);
  gan_class_score found;
  check_ok(gan_class_score_run(eval_alone(), &logits, SPLITS, &found));
  check_near(1, &found.mean, golden_class_score, ROUNDING);
  check_near(1, &found.deviation, golden_class_score + 1, ROUNDING * 100);
  check_fails(gan_class_score_run(eval_alone(), &logits, N + 1, &found), GAN_USAGE, "122 rows",
              "123 splits");
}
END_TEST

START_TEST(the_ends_of_the_score) {
  enum { N = 40, K = 5 };
  float x[N * K];
  gan_class_score found;
  for (int i = 0; i < N * K; i++) x[i] = i % K == i / K % K ? 1e4f : -1e4f; /* sure, and diverse */
  gan_rows logits = eval_rows(N, K, x);
  check_ok(gan_class_score_run(eval_alone(), &logits, 2, &found));
  ck_assert_double_eq_tol(found.mean, K, ROUNDING * K);
  for (int i = 0; i < N * K; i++) x[i] = i % K == 3 ? 50.0f : 0.0f; /* of one class */
  check_ok(gan_class_score_run(eval_alone(), &logits, 2, &found));
  ck_assert_double_eq_tol(found.mean, 1, ROUNDING);
  ck_assert_double_le(found.deviation, ROUNDING);
}
END_TEST

START_TEST(counts_of_classes) {
  float x[] = {0, 1, 2, 5, 5, 1, -1, -3, -1};
  int32_t classes[3], asked[] = {2, 1, 0}, wrong[] = {0, 3};
  int64_t counts[3], other[] = {0, 5, 0};
  double share;
  gan_rows logits = eval_rows(3, 3, x);
  gan_class_of(&logits, classes);
  ck_assert(classes[0] == 2 && classes[1] == 0 && classes[2] == 0);
  check_ok(gan_class_count(eval_alone(), 3, classes, 3, counts));
  ck_assert(counts[0] == 2 && counts[1] == 0 && counts[2] == 1);
  check_ok(gan_class_accuracy(eval_alone(), 3, asked, classes, &share));
  ck_assert_double_eq_tol(share, 2.0 / 3, ROUNDING);
  ck_assert_double_eq_tol(gan_total_variation(3, counts, counts), 0, ROUNDING);
  ck_assert_double_eq_tol(gan_total_variation(3, counts, other), 1, ROUNDING);
  other[0] = 5; /* (2, 0, 1) / 3 and (1, 1, 0) / 2: (1/6 + 1/2 + 1/3) / 2 */
  ck_assert_double_eq_tol(gan_total_variation(3, counts, other), 0.5, ROUNDING);
  check_fails(gan_class_count(eval_alone(), 2, wrong, 3, counts), GAN_INPUT, "row 1 is of class 3",
              "0 to 2");
}
END_TEST

START_TEST(the_distance_within_classes_is_scipys) {
  enum { CLASSES = 3 };
  float *a = eval_features(300, 12, 1, 0), *b = eval_features(250, 12, 2, 0.25);
  float *x = eval_columns(300, 12, a, 3), *y = eval_columns(250, 12, b, 3);
  gan_rows real = eval_rows(300, 3, x), fake = eval_rows(250, 3, y);
  int32_t classes[300];
  double distances[CLASSES + 1], mean, wanted = 0;
  for (int i = 0; i < 300; i++) classes[i] = i % CLASSES;
  gan_labelled first = {&real, classes}, second = {&fake, classes};
  check_ok(gan_class_frechet(eval_alone(), first, second, CLASSES + 1, 2, distances, &mean));
  check_near(CLASSES, distances, golden_class_frechet, SCIPY);
  ck_assert(isnan(distances[CLASSES])); /* nobody is of that class */
  for (int k = 0; k < CLASSES; k++) wanted += golden_class_frechet[k] / CLASSES;
  check_near(1, &mean, &wanted, SCIPY);
  check_ok(gan_class_frechet(eval_alone(), first, second, CLASSES, 84, distances, &mean));
  ck_assert(!isnan(distances[0]) && isnan(distances[1])); /* 84 of class 0, 83 of the others */
  gan_free(&a);
  gan_free(&b);
  gan_free(&x);
  gan_free(&y);
}
END_TEST

START_TEST(modes_of_a_ring) {
  enum { MODES = 4 };
  const double centres[MODES * 2] = {1, 0, 0, 1, -1, 0, 0, -1};
  gan_mixture ring = {MODES, 2, centres, 0.1};
  /* two good ones of mode 0, one of mode 1; one nearest to mode 2, but 3.1 deviations away */
  const float x[] = {1, 0, 1.2f, 0.2f, 0.05f, 1, -1.31f, 0};
  gan_rows samples = eval_rows(4, 2, x);
  int64_t nearest[MODES], good[MODES];
  gan_mode_report found;
  check_ok(gan_modes_count(eval_alone(), &samples, &ring, nearest, good));
  ck_assert(nearest[0] == 2 && nearest[1] == 1 && nearest[2] == 1 && nearest[3] == 0);
  ck_assert(good[0] == 2 && good[1] == 1 && good[2] == 0 && good[3] == 0);
  gan_modes_judge(MODES, nearest, good, NULL, &found);
  ck_assert_int_eq(found.captured, 2);
  ck_assert_double_eq_tol(found.high_quality, 0.75, ROUNDING);
  /* 1/2 log 2 + 2 (1/4 log 1) */
  ck_assert_double_eq_tol(found.reverse_kl, 0.5 * log(2), ROUNDING);
  const double shares[MODES] = {8, 4, 4, 0};
  gan_modes_judge(MODES, nearest, good, shares, &found);
  ck_assert_double_eq_tol(found.reverse_kl, 0, ROUNDING);
  const double missing[MODES] = {1, 1, 0, 1};
  gan_modes_judge(MODES, nearest, good, missing, &found);
  ck_assert(isinf(found.reverse_kl));
}
END_TEST

int main(void) {
  const unit_test tests[] = {
      {the_score_is_numpys, 1}, {the_ends_of_the_score, 1},
      {counts_of_classes, 1},   {the_distance_within_classes_is_scipys, 1},
      {modes_of_a_ring, 1},
  };
  return UNIT_MAIN("eval_classes", tests);
}
