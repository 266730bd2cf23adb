#include "kernels/upsample.h"

#include "base/blocks.h"
#include "kernels/dispatch.h"

#include <string.h>

/* Numbers of a sample of the smaller image, and of the larger. */
static int64_t small_size(const gan_enlargement *by) {
  return by->h * by->w * by->c;
}

static int64_t large_size(const gan_enlargement *by) {
  return small_size(by) * by->scale * by->scale;
}

GAN_KERNEL static void upsample_nearest_block(int64_t samples, const gan_enlargement *by,
                                              const float *x, float *y) {
  int64_t c = by->c, rows = samples * by->h, wide = by->w * by->scale;
  for (int64_t r = 0; r < rows * by->scale; r++)
    for (int64_t j = 0; j < wide; j++, y += c)
      memcpy(y, x + (r / by->scale * by->w + j / by->scale) * c, (size_t)c * sizeof *y);
}

void gan_upsample_nearest(int64_t samples, const gan_enlargement *by, const float *x, float *y) {
  int64_t small = small_size(by), large = large_size(by);
  GAN_FOR_BLOCKS(i, count, samples, large,
                 upsample_nearest_block(count, by, x + i * small, y + i * large));
}

GAN_KERNEL static void upsample_nearest_backward_block(int64_t samples, const gan_enlargement *by,
                                                       const float *dy, float *dx) {
  int64_t c = by->c, rows = samples * by->h, wide = by->w * by->scale;
  memset(dx, 0, (size_t)(rows * by->w * c) * sizeof *dx);
  for (int64_t r = 0; r < rows * by->scale; r++)
    for (int64_t j = 0; j < wide; j++, dy += c) {
      float *pixel = dx + (r / by->scale * by->w + j / by->scale) * c;
      for (int64_t k = 0; k < c; k++) pixel[k] += dy[k];
    }
}

void gan_upsample_nearest_backward(int64_t samples, const gan_enlargement *by, const float *dy,
                                   float *dx) {
  int64_t small = small_size(by), large = large_size(by);
  GAN_FOR_BLOCKS(i, count, samples, large,
                 upsample_nearest_backward_block(count, by, dy + i * large, dx + i * small));
}

/* Row (or column) `out` lies between two of the smaller image: x[low] (1 - t) + x[high] t. */
typedef struct {
  int64_t low, high;
  float t;
} between;

GAN_INLINE between place_of(int64_t out, int64_t scale, int64_t size) {
  float at = ((float)out + 0.5f) / (float)scale - 0.5f;
  if (at < 0.0f) at = 0.0f;
  int64_t low = (int64_t)at;
  return (between){low, low + 1 < size ? low + 1 : low, at - (float)low};
}

GAN_KERNEL static void upsample_bilinear_block(int64_t samples, const gan_enlargement *by,
                                               const float *x, float *y) {
  int64_t c = by->c, line = by->w * c;
  for (int64_t s = 0; s < samples; s++, x += by->h * line)
    for (int64_t i = 0; i < by->h * by->scale; i++) {
      between row = place_of(i, by->scale, by->h);
      const float *low = x + row.low * line, *high = x + row.high * line;
      for (int64_t j = 0; j < by->w * by->scale; j++, y += c) {
        between column = place_of(j, by->scale, by->w);
        int64_t left = column.low * c, right = column.high * c;
        float a = 1.0f - row.t, b = row.t, d = 1.0f - column.t, e = column.t;
        for (int64_t k = 0; k < c; k++)
          y[k] = a * (d * low[left + k] + e * low[right + k]) +
                 b * (d * high[left + k] + e * high[right + k]);
      }
    }
}

void gan_upsample_bilinear(int64_t samples, const gan_enlargement *by, const float *x, float *y) {
  int64_t small = small_size(by), large = large_size(by);
  GAN_FOR_BLOCKS(i, count, samples, large,
                 upsample_bilinear_block(count, by, x + i * small, y + i * large));
}

GAN_KERNEL static void upsample_bilinear_backward_block(int64_t samples, const gan_enlargement *by,
                                                        const float *dy, float *dx) {
  int64_t c = by->c, line = by->w * c;
  memset(dx, 0, (size_t)(samples * by->h * line) * sizeof *dx);
  for (int64_t s = 0; s < samples; s++, dx += by->h * line)
    for (int64_t i = 0; i < by->h * by->scale; i++) {
      between row = place_of(i, by->scale, by->h);
      for (int64_t j = 0; j < by->w * by->scale; j++, dy += c) {
        between column = place_of(j, by->scale, by->w);
        /* the four may be fewer at an edge: one after the other */
        const int64_t rows[2] = {row.low, row.high}, columns[2] = {column.low, column.high};
        const float of_row[2] = {1.0f - row.t, row.t}, of_column[2] = {1.0f - column.t, column.t};
        for (int m = 0; m < 4; m++) {
          float *pixel = dx + rows[m / 2] * line + columns[m % 2] * c;
          float weight = of_row[m / 2] * of_column[m % 2];
          for (int64_t k = 0; k < c; k++) pixel[k] += weight * dy[k];
        }
      }
    }
}

void gan_upsample_bilinear_backward(int64_t samples, const gan_enlargement *by, const float *dy,
                                    float *dx) {
  int64_t small = small_size(by), large = large_size(by);
  GAN_FOR_BLOCKS(i, count, samples, large,
                 upsample_bilinear_backward_block(count, by, dy + i * large, dx + i * small));
}
