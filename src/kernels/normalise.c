#include "kernels/normalise.h"

#include "kernels/dispatch.h"

/* Columns are taken in blocks whose sums stay in registers or the first cache. */
enum { BLOCK = 64 };

GAN_KERNEL void gan_column_moments(int64_t rows, int64_t c, const float *x, const float *shift,
                                   double *sum, double *square) {
  for (int64_t k0 = 0; k0 < c; k0 += BLOCK) {
    int64_t width = c - k0 < BLOCK ? c - k0 : BLOCK;
    double s[BLOCK] = {0}, q[BLOCK] = {0};
    for (int64_t r = 0; r < rows; r++) {
      const float *row = x + r * c + k0;
      for (int64_t k = 0; k < width; k++) {
        double d = (double)row[k] - (double)shift[k0 + k];
        s[k] += d;
        q[k] += d * d;
      }
    }
    for (int64_t k = 0; k < width; k++) {
      sum[k0 + k] = s[k];
      square[k0 + k] = q[k];
    }
  }
}

/* The sums are shifted so that they stay small. */
gan_moments gan_moments_of(double n, double shift, double sum, double square) {
  double shifted = sum / n, variance = square / n - shifted * shifted;
  if (variance < 0) variance = 0; /* rounding; NaN stays */
  return (gan_moments){shift + shifted, variance};
}

void gan_take_sums(int64_t c, int accumulate, const double *sums, float *out) {
  for (int64_t k = 0; k < c; k++) out[k] = (float)((accumulate ? (double)out[k] : 0.0) + sums[k]);
}

GAN_KERNEL void gan_normalise(int64_t rows, int64_t c, const float *x, const float *mean,
                              const float *inverse_deviation, const float *scale, const float *bias,
                              float *y) {
  for (int64_t r = 0; r < rows; r++)
    for (int64_t k = 0; k < c; k++)
      y[r * c + k] = (x[r * c + k] - mean[k]) * inverse_deviation[k] * scale[k] + bias[k];
}

GAN_KERNEL void gan_normalise_backward_sums(int64_t rows, int64_t c, const float *x,
                                            const float *dy, const float *mean,
                                            const float *inverse_deviation, double *sum,
                                            double *product) {
  for (int64_t k0 = 0; k0 < c; k0 += BLOCK) {
    int64_t width = c - k0 < BLOCK ? c - k0 : BLOCK;
    double s[BLOCK] = {0}, p[BLOCK] = {0};
    for (int64_t r = 0; r < rows; r++) {
      const float *row = x + r * c + k0, *drow = dy + r * c + k0;
      for (int64_t k = 0; k < width; k++) {
        double xhat = ((double)row[k] - (double)mean[k0 + k]) * (double)inverse_deviation[k0 + k];
        s[k] += (double)drow[k];
        p[k] += (double)drow[k] * xhat;
      }
    }
    for (int64_t k = 0; k < width; k++) {
      sum[k0 + k] = s[k];
      product[k0 + k] = p[k];
    }
  }
}

GAN_KERNEL void gan_normalise_backward(int64_t rows, int64_t c, const float *x, const float *dy,
                                       const float *mean, const float *inverse_deviation,
                                       const float *scale, const float *mean_dy,
                                       const float *mean_product, float *dx) {
  for (int64_t r = 0; r < rows; r++)
    for (int64_t k = 0; k < c; k++) {
      float xhat = (x[r * c + k] - mean[k]) * inverse_deviation[k];
      float centred = dy[r * c + k] - mean_dy[k] - xhat * mean_product[k];
      dx[r * c + k] = scale[k] * inverse_deviation[k] * centred;
    }
}

GAN_KERNEL void gan_column_sums(int64_t rows, int64_t c, const float *x, int accumulate,
                                float *out) {
  for (int64_t k0 = 0; k0 < c; k0 += BLOCK) {
    int64_t width = c - k0 < BLOCK ? c - k0 : BLOCK;
    double s[BLOCK] = {0};
    for (int64_t r = 0; r < rows; r++)
      for (int64_t k = 0; k < width; k++) s[k] += (double)x[r * c + k0 + k];
    for (int64_t k = 0; k < width; k++)
      out[k0 + k] = (float)(s[k] + (accumulate ? (double)out[k0 + k] : 0.0));
  }
}
