#include "kernels/eigen.h"

#include "base/memory.h"

#include <math.h>
#include <stddef.h>

/* LAPACK's own name; no header of Debian's OpenBLAS declares it.  Fortran compilers expect the
 * lengths of strings behind all other arguments. */
extern void dsyevd_(const char *jobz, const char *uplo, const int *n, double *a, const int *lda,
                    double *w, double *work, const int *lwork, int *iwork, const int *liwork,
                    int *info, size_t jobz_length, size_t uplo_length);

/* Its work space, 1 + 6n + 2n^2 numbers, is to be counted by an int. */
enum { MOST = 30000 };

typedef struct {
  double *work;
  int *iwork;
  int lwork, liwork;
} space;

static gan_status check_finite(int64_t n, const double *a) {
  for (int64_t i = 0; i < n * n; i++)
    if (!isfinite(a[i]))
      return gan_fail(GAN_NUMBERS,
                      "an eigenproblem of %lld rows holds %g in row %lld, column %lld: all must be "
                      "finite",
                      (long long)n, gan_printable(a[i]), (long long)(i / n), (long long)(i % n));
  return GAN_OK;
}

static gan_status take_space(space *s, int lwork, int liwork) {
  s->lwork = lwork;
  s->liwork = liwork;
  GAN_TRY_ALLOC(s->work, lwork, "the work space of an eigenproblem");
  GAN_TRY_ALLOC(s->iwork, liwork, "the work space of an eigenproblem");
  return GAN_OK;
}

static gan_status solve(const char *job, int n, double *a, double *values) {
  int lwork = -1, liwork = -1, info = 0, least_iwork;
  double least_work;
  dsyevd_(job, "L", &n, a, &n, values, &least_work, &lwork, &least_iwork, &liwork, &info, 1, 1);
  space s = {0};
  gan_status status = take_space(&s, (int)least_work, least_iwork);
  if (status == GAN_OK)
    dsyevd_(job, "L", &n, a, &n, values, s.work, &s.lwork, s.iwork, &s.liwork, &info, 1, 1);
  gan_free(&s.work);
  gan_free(&s.iwork);
  GAN_TRY(status);
  if (info == 0) return GAN_OK;
  return gan_fail(GAN_NUMBERS, "LAPACK's dsyevd does not converge on a matrix of %d rows (info %d)",
                  n, info);
}

static gan_status run(const char *job, int64_t n, double *a, double *values) {
  if (n > MOST)
    return gan_fail(GAN_USAGE, "an eigenproblem of %lld rows is too large: at most %d",
                    (long long)n, MOST);
  if (n == 0) return GAN_OK;
  GAN_TRY(check_finite(n, a));
  return solve(job, (int)n, a, values);
}

static void fix_sign(int64_t n, double *v) {
  int64_t largest = 0;
  for (int64_t i = 1; i < n; i++)
    if (fabs(v[i]) > fabs(v[largest])) largest = i;
  if (v[largest] >= 0) return;
  for (int64_t i = 0; i < n; i++) v[i] = -v[i];
}

gan_status gan_eigen_symmetric(int64_t n, double *a, double *values) {
  GAN_TRY(run("V", n, a, values)); /* columns of Fortran's order are rows of ours */
  for (int64_t i = 0; i < n; i++) fix_sign(n, a + i * n);
  return GAN_OK;
}

gan_status gan_eigen_values(int64_t n, double *a, double *values) {
  return run("N", n, a, values);
}
