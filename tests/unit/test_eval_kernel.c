/* The kernel distance, against NumPy, and what an unbiased one must give of equal laws. */
#include "base/memory.h"
#include "eval/kernel_distance.h"
#include "unit/eval_golden.h"
#include "unit/eval_support.h"
#include "unit/support.h"

#include <math.h>

/* Sums of 60,000 terms in double, of which all but a hundredth cancels. */
static const double ROUNDING = 1e-9;

START_TEST(one_block_is_numpys) {
  enum { M = 250, D = 12 };
  float *a = eval_features(300, D, 1, 0), *b = eval_features(M, D, 2, 0.25);
  gan_rows rows_a = eval_rows(M, D, a), rows_b = eval_rows(M, D, b);
  gan_kernel_distance found;
  double alone;
  check_ok(gan_kernel_distance_of(M, D, a, b, &alone));
  check_near(1, &alone, golden_kernel_distance, ROUNDING);
  /* a block of all rows, in any order */
  check_ok(gan_kernel_distance_run(eval_alone(), &rows_a, &rows_b, 1000, &found));
  check_near(1, &found.mean, golden_kernel_distance, ROUNDING);
  ck_assert(found.blocks == 1 && found.block == M && isnan(found.error));
  gan_free(&a);
  gan_free(&b);
}
END_TEST

START_TEST(equal_laws_are_at_0) {
  enum { N = 4000, D = 10, BLOCK = 200 };
  float *a = eval_features(N, D, 21, 0.5), *b = eval_features(N + 50, D, 22, 0.5);
  gan_rows rows_a = eval_rows(N, D, a), rows_b = eval_rows(N + 50, D, b);
  gan_kernel_distance same, other;
  check_ok(gan_kernel_distance_run(eval_alone(), &rows_a, &rows_b, BLOCK, &same));
  ck_assert(same.blocks == N / BLOCK && same.block == BLOCK);
  ck_assert_double_le(fabs(same.mean), 4 * same.error);
  for (int64_t i = 0; i < N * D; i++) a[i] += 0.1f;
  check_ok(gan_kernel_distance_run(eval_alone(), &rows_a, &rows_b, BLOCK, &other));
  ck_assert_double_gt(other.mean, 4 * other.error);
  gan_free(&a);
  gan_free(&b);
}
END_TEST

START_TEST(too_few_rows) {
  float x[2] = {0};
  gan_rows one = eval_rows(1, 2, x);
  gan_kernel_distance found;
  check_fails(gan_kernel_distance_run(eval_alone(), &one, &one, 10, &found), GAN_USAGE,
              "at least 2 rows");
}
END_TEST

int main(void) {
  const unit_test tests[] = {{one_block_is_numpys, 1}, {equal_laws_are_at_0, 1}, {too_few_rows, 1}};
  return UNIT_MAIN("eval_kernel", tests);
}
