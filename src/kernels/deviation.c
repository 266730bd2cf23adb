#include "kernels/deviation.h"

#include "kernels/dispatch.h"

#include <math.h>

/* Columns of x, one behind the other, that are taken at once. */
enum { COLUMNS = 64 };

/* Mean and deviation of `n` columns over the rows, `stride` apart, from x on. */
GAN_KERNEL static void columns_of(int64_t rows, int64_t stride, int n, double eps, const float *x,
                                  double *restrict mean, double *restrict deviation) {
  for (int c = 0; c < n; c++) mean[c] = deviation[c] = 0;
  for (int64_t r = 0; r < rows; r++)
    for (int c = 0; c < n; c++) mean[c] += (double)x[r * stride + c];
  for (int c = 0; c < n; c++) mean[c] /= (double)rows;
  for (int64_t r = 0; r < rows; r++)
    for (int c = 0; c < n; c++) {
      double away = (double)x[r * stride + c] - mean[c];
      deviation[c] += away * away;
    }
  for (int c = 0; c < n; c++) deviation[c] = sqrt(deviation[c] / (double)rows + eps);
}

/* Runs of columns of one pixel and one feature. */
typedef struct {
  int64_t at; /* the first's place in a sample */
  int n;
} run;

static int64_t channels_of(const gan_deviation_shape *shape) {
  return shape->channels / shape->features;
}

static run run_at(const gan_deviation_shape *shape, int64_t pixel, int64_t feature, int64_t c) {
  int64_t left = channels_of(shape) - c;
  return (run){pixel * shape->channels + feature * channels_of(shape) + c,
               (int)(left < COLUMNS ? left : COLUMNS)};
}

void gan_deviation_means(const gan_deviation_shape *shape, const float *x, double *means) {
  int64_t size = shape->pixels * shape->channels;
  double mean[COLUMNS], deviation[COLUMNS];
  for (int64_t f = 0; f < shape->features; f++) {
    double sum = 0;
    for (int64_t p = 0; p < shape->pixels; p++)
      for (int64_t c = 0; c < channels_of(shape); c += COLUMNS) {
        run at = run_at(shape, p, f, c);
        columns_of(shape->samples, size, at.n, shape->eps, x + at.at, mean, deviation);
        for (int k = 0; k < at.n; k++) sum += deviation[k];
      }
    means[f] = sum / (double)(shape->pixels * channels_of(shape));
  }
}

/* d deviation / d x = (x - mean) / (rows deviation). */
GAN_KERNEL static void columns_back(int64_t rows, int64_t stride, int n, double scale,
                                    const double *restrict mean, const double *restrict deviation,
                                    const float *x, float *dx) {
  for (int64_t r = 0; r < rows; r++)
    for (int c = 0; c < n; c++)
      dx[r * stride + c] += (float)(scale * ((double)x[r * stride + c] - mean[c]) / deviation[c]);
}

void gan_deviation_means_back(const gan_deviation_shape *shape, const float *x,
                              const double *gradients, float *dx) {
  int64_t size = shape->pixels * shape->channels;
  double mean[COLUMNS], deviation[COLUMNS];
  double numbers = (double)(shape->samples * shape->pixels * channels_of(shape));
  for (int64_t f = 0; f < shape->features; f++)
    for (int64_t p = 0; p < shape->pixels; p++)
      for (int64_t c = 0; c < channels_of(shape); c += COLUMNS) {
        run at = run_at(shape, p, f, c);
        columns_of(shape->samples, size, at.n, shape->eps, x + at.at, mean, deviation);
        columns_back(shape->samples, size, at.n, gradients[f] / numbers, mean, deviation, x + at.at,
                     dx + at.at);
      }
}
