#include "parity/parity.h"

#include "base/memory.h"
#include "kernels/compute.h"

#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

enum { NAME = 256 };

/* The comparison of this process that came nearest to its bound. */
static struct {
  double ratio, error;
  char what[NAME];
} worst = {.ratio = -1};

static void format_name(char name[NAME], const char *format, va_list arguments) {
  int length = vsnprintf(name, NAME, format, arguments);
  ck_assert_msg(length >= 0 && length < NAME, "a name of a golden is too long: %s", name);
}

gan_h5 *parity_open(const char *file) {
  gan_h5 *golden;
  char *path = gan_format("%s/golden/%s", PARITY_FOLDER, file);
  ck_assert_ptr_nonnull(path);
  parity_ok(gan_h5_open(path, &golden));
  gan_free(&path);
  return golden;
}

void *parity_read(gan_h5 *golden, gan_dtype type, int64_t n, const char *format, ...) {
  char name[NAME];
  va_list arguments;
  va_start(arguments, format);
  format_name(name, format, arguments);
  va_end(arguments);

  gan_dtype stored;
  int rank;
  int64_t dims[GAN_H5_RANK_MAX], size = 1;
  parity_ok(gan_h5_shape(golden, name, &stored, &rank, dims));
  for (int i = 0; i < rank; i++) size *= dims[i];
  ck_assert_msg(size == n, "%s has %lld numbers, not %lld", name, (long long)size, (long long)n);
  void *values = gan_alloc((size_t)n, gan_dtype_size(type), name);
  ck_assert_ptr_nonnull(values);
  parity_ok(gan_h5_read(golden, name, type, rank, dims, values));
  return values;
}

int64_t parity_int(gan_h5 *golden, const char *object, const char *name) {
  int64_t value;
  parity_ok(gan_h5_get_int(golden, object, name, &value));
  return value;
}

char *parity_text(gan_h5 *golden, const char *object, const char *name) {
  char *text;
  parity_ok(gan_h5_get_text(golden, object, name, &text));
  return text;
}

static void judge(double error, double bound, const char *what) {
  double ratio = error / bound;
  if (ratio > worst.ratio) {
    worst.ratio = ratio;
    worst.error = error;
    snprintf(worst.what, sizeof worst.what, "%s", what);
  }
  ck_assert_msg(error <= bound, "%s: off by %.3g in norm, allowed are %.3g", what, error, bound);
}

static double bound_of(double golden_norm, double tolerance) {
  if (parity_is_bf16())
    tolerance = tolerance > TOLERANCE_TWICE  ? TOLERANCE_BF16_UPDATED
                : tolerance > TOLERANCE_PASS ? TOLERANCE_BF16_TWICE
                                             : TOLERANCE_BF16;
  return golden_norm <= GOLDEN_ZERO ? TOLERANCE_ZERO : tolerance * golden_norm;
}

static void near(int64_t n, const float *ours, const double *golden, double tolerance,
                 const char *what) {
  double error = 0, norm = 0;
  for (int64_t i = 0; i < n; i++) {
    double delta = (double)ours[i] - golden[i];
    error += delta * delta;
    norm += golden[i] * golden[i];
  }
  judge(sqrt(error), bound_of(sqrt(norm), tolerance), what);
}

void parity_near(int64_t n, const float *ours, const double *golden, double tolerance,
                 const char *format, ...) {
  char what[NAME];
  va_list arguments;
  va_start(arguments, format);
  format_name(what, format, arguments);
  va_end(arguments);
  near(n, ours, golden, tolerance, what);
}

float *parity_in_order(const gan_tensor *tensor, const float *ours) {
  float *ordered = gan_alloc((size_t)tensor->size, sizeof *ordered, "a tensor");
  ck_assert_ptr_nonnull(ordered);
  gan_tensor_reorder(tensor, true, ours, ordered);
  return ordered;
}

void parity_near_tensor(const gan_tensor *tensor, const float *ours, const double *golden,
                        double tolerance, const char *format, ...) {
  char what[NAME];
  float *ordered = parity_in_order(tensor, ours);
  va_list arguments;
  va_start(arguments, format);
  format_name(what, format, arguments);
  va_end(arguments);
  near(tensor->size, ordered, golden, tolerance, what);
  gan_free(&ordered);
}

void parity_near_real(double ours, double golden, double tolerance, const char *format, ...) {
  char what[NAME];
  va_list arguments;
  va_start(arguments, format);
  format_name(what, format, arguments);
  va_end(arguments);
  judge(fabs(ours - golden), bound_of(fabs(golden), tolerance), what);
}

void parity_within(double error, double bound, const char *format, ...) {
  char what[NAME];
  va_list arguments;
  va_start(arguments, format);
  format_name(what, format, arguments);
  va_end(arguments);
  judge(error, bound, what);
}

void parity_report(void) {
  if (worst.ratio < 0) return;
  printf("worst: %.2g of its bound, off by %.2g: %s\n", worst.ratio, worst.error, worst.what);
  fflush(stdout);
  worst.ratio = -1;
}

/* ---- what multiplies ---- */

typedef struct {
  const char *name;
  gan_compute compute;
  const char *overrides[2];
} parity_compute;

static const parity_compute computes[] = {
    {"openblas",
     {GAN_LIBRARY_OPENBLAS, GAN_PRECISION_FP32, false},
     {"compute.library=openblas", "compute.precision=fp32"}},
    {"onednn",
     {GAN_LIBRARY_ONEDNN, GAN_PRECISION_FP32, false},
     {"compute.library=onednn", "compute.precision=fp32"}},
    {"bf16",
     {GAN_LIBRARY_ONEDNN, GAN_PRECISION_BF16, false},
     {"compute.precision=bf16", "compute.emulate_bf16=true"}},
    {"default",
     {GAN_LIBRARY_AUTO, GAN_PRECISION_FP32, false},
     {"compute.library=auto", "compute.precision=fp32"}},
};

static const parity_compute *chosen(void) {
  const char *name = getenv("PARITY_COMPUTE");
  int i = 0, last = (int)(sizeof computes / sizeof *computes) - 1;
  while (i < last && (!name || strcmp(name, computes[i].name) != 0)) i++;
  return &computes[i];
}

void parity_choose_compute(void) {
  enum { SKIPPED = 77 };
  gan_compute compute = chosen()->compute;
  bool can = gan_compute_has(compute.library, GAN_PRECISION_FP32);
  if (compute.precision == GAN_PRECISION_BF16) can = gan_compute_has_emulated(compute.library);
  if (!can) {
    printf("skipped: this build, or oneDNN on this processor, lacks %s\n", chosen()->name);
    exit(SKIPPED);
  }
  gan_compute_set(compute);
}

bool parity_is_bf16(void) {
  return chosen()->compute.precision == GAN_PRECISION_BF16;
}

const char *const *parity_compute_overrides(void) {
  return chosen()->overrides;
}

int parity_run(Suite *suite) {
  SRunner *runner = srunner_create(suite);
  srunner_run_all(runner, CK_NORMAL);
  int failed = srunner_ntests_failed(runner);
  srunner_free(runner);
  return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
