#include "unit/eval_support.h"

#include "unit/support.h"

#include <math.h>

float *eval_normals(int64_t n, int64_t d, uint64_t seed) {
  float *x = unit_floats(n * d);
  for (int64_t i = 0; i < n * d; i++) {
    double u = unit_uniform(&seed, 0, 1), v = unit_uniform(&seed, 0, 1);
    double z = sqrt(-2 * log(1 - u)) * cos(2 * M_PI * v);
    x[i] = (float)(rint(z * 4096) / 4096);
  }
  return x;
}

float *eval_features(int64_t n, int64_t d, uint64_t seed, double shift) {
  float *x = eval_normals(n, d, seed);
  for (int64_t i = 0; i < n; i++)
    for (int64_t j = d - 1; j >= 0; j--) {
      double z = (double)x[i * d + j] + (j > 0 ? 0.5 * (double)x[i * d + j - 1] : 0);
      x[i * d + j] = (float)(ldexp(z, -(int)(j % 4)) + shift);
    }
  return x;
}

float *eval_columns(int64_t n, int64_t d, const float *x, int64_t columns) {
  float *y = unit_floats(n * columns);
  for (int64_t i = 0; i < n; i++)
    for (int64_t j = 0; j < columns; j++) y[i * columns + j] = x[i * d + j];
  return y;
}

const gan_eval *eval_alone(void) {
  static gan_eval eval = {.buffer_bytes = 4096, .seed = 5};
  eval.comm = gan_comm_alone();
  return &eval;
}

gan_rows eval_rows(int64_t n, int64_t d, const float *x) {
  gan_rows rows;
  check_ok(gan_rows_share(eval_alone(), n, d, x, &rows));
  return rows;
}
