/* The symmetric eigenproblem, against what it says itself and a matrix whose answer is known. */
#include "base/memory.h"
#include "kernels/eigen.h"
#include "kernels/gemm_double.h"
#include "unit/support.h"

#include <math.h>
#include <string.h>

/* Some roundings of a double for each of the rows. */
static const double ROUNDING = 1e-12;

enum { MOST = 150 };

static void fill_symmetric(int n, double *a) {
  uint64_t state = (uint64_t)n;
  for (int i = 0; i < n; i++)
    for (int j = 0; j <= i; j++) a[i * n + j] = a[j * n + i] = unit_uniform(&state, -1, 1);
}

/* The largest of |A v - value v| and |v.w - (v is w)|, over all vectors. */
static double residue(int n, const double *a, const double *v, const double *values) {
  static double moved[MOST * MOST], products[MOST * MOST];
  double worst = 0;
  gan_gemm_double(false, false, n, n, n, v, a, 0, moved);
  gan_gemm_double(false, true, n, n, n, v, v, 0, products);
  for (int i = 0; i < n * n; i++) {
    worst = fmax(worst, fabs(moved[i] - values[i / n] * v[i]));
    worst = fmax(worst, fabs(products[i] - (i / n == i % n)));
  }
  return worst;
}

START_TEST(vectors_and_values_are_eigen) {
  static const int sizes[] = {1, 2, 5, 33, MOST};
  static double a[MOST * MOST], v[MOST * MOST], w[MOST * MOST], values[MOST], alone[MOST];
  for (size_t s = 0; s < sizeof sizes / sizeof *sizes; s++) {
    int n = sizes[s];
    fill_symmetric(n, a);
    memcpy(v, a, sizeof a);
    memcpy(w, a, sizeof a);
    check_ok(gan_eigen_symmetric(n, v, values));
    check_ok(gan_eigen_values(n, w, alone));
    ck_assert_double_le(residue(n, a, v, values), ROUNDING);
    for (int i = 0; i < n; i++) {
      if (i > 0 && values[i] < values[i - 1]) ck_abort_msg("value %d descends", i);
      if (!(fabs(values[i] - alone[i]) <= ROUNDING)) ck_abort_msg("value %d differs", i);
    }
  }
  check_ok(gan_eigen_symmetric(0, a, values));
}
END_TEST

/* 2 +- 1, along (1, -1) and (1, 1); the sign is the first component's, which is the larger where
 * both are of a size. */
START_TEST(a_known_matrix) {
  double a[] = {2, 1, 0, 1, 2, 0, 0, 0, -5}, values[3];
  check_ok(gan_eigen_symmetric(3, a, values));
  const double wanted[] = {-5, 1, 3};
  for (int i = 0; i < 3; i++) ck_assert_double_eq_tol(values[i], wanted[i], ROUNDING);
  ck_assert_double_eq_tol(a[2], 1, ROUNDING);
  ck_assert_double_eq_tol(a[6], M_SQRT1_2, ROUNDING);
  ck_assert_double_eq_tol(a[7], M_SQRT1_2, ROUNDING);
  ck_assert_double_eq_tol(a[3] * a[4], -0.5, ROUNDING);
}
END_TEST

START_TEST(what_is_not_finite_is_refused) {
  double a[] = {1, 2, 2, NAN}, values[2];
  check_fails(gan_eigen_symmetric(2, a, values), GAN_NUMBERS, "2 rows", "nan in row 1, column 1");
  check_fails(gan_eigen_values(1 << 20, a, values), GAN_USAGE, "1048576", "at most 30000");
}
END_TEST

int main(void) {
  const unit_test tests[] = {
      {vectors_and_values_are_eigen, 1},
      {a_known_matrix, 1},
      {what_is_not_finite_is_refused, 1},
  };
  return UNIT_MAIN("eigen", tests);
}
