#include "kernels/pool.h"

#include "base/blocks.h"
#include "kernels/dispatch.h"

#include <string.h>

/* Numbers of a sample before a pool, and behind it. */
static int64_t size_of(const gan_window *window) {
  return window->h * window->w * window->c;
}

static int64_t out_size_of(const gan_window *window) {
  return window->out_h * window->out_w * window->c;
}

/* What a window covers of the rows, or of the columns, of an image. */
typedef struct {
  int64_t begin, end;
} range;

GAN_INLINE range covered(int64_t out, const gan_window *window, int64_t size) {
  int64_t begin = out * window->stride - window->padding, end = begin + window->kernel;
  return (range){begin > 0 ? begin : 0, end < size ? end : size};
}

GAN_INLINE void average_one(const gan_window *window, range rows, range columns, const float *x,
                            float *y) {
  int64_t c = window->c;
  float share = 1.0f / (float)(window->kernel * window->kernel);
  for (int64_t k = 0; k < c; k++) y[k] = 0.0f;
  for (int64_t h = rows.begin; h < rows.end; h++)
    for (int64_t w = columns.begin; w < columns.end; w++) {
      const float *pixel = x + (h * window->w + w) * c;
      for (int64_t k = 0; k < c; k++) y[k] += pixel[k];
    }
  for (int64_t k = 0; k < c; k++) y[k] *= share;
}

GAN_KERNEL static void average_pool_block(int64_t samples, const gan_window *window, const float *x,
                                          float *y) {
  for (int64_t s = 0; s < samples; s++, x += window->h * window->w * window->c)
    for (int64_t i = 0; i < window->out_h; i++)
      for (int64_t j = 0; j < window->out_w; j++, y += window->c)
        average_one(window, covered(i, window, window->h), covered(j, window, window->w), x, y);
}

void gan_average_pool(int64_t samples, const gan_window *window, const float *x, float *y) {
  int64_t size = size_of(window), out = out_size_of(window);
  GAN_FOR_BLOCKS(i, count, samples, size,
                 average_pool_block(count, window, x + i * size, y + i * out));
}

GAN_INLINE void spread_one(const gan_window *window, range rows, range columns, const float *dy,
                           float *dx) {
  int64_t c = window->c;
  float share = 1.0f / (float)(window->kernel * window->kernel);
  for (int64_t h = rows.begin; h < rows.end; h++)
    for (int64_t w = columns.begin; w < columns.end; w++) {
      float *pixel = dx + (h * window->w + w) * c;
      for (int64_t k = 0; k < c; k++) pixel[k] += dy[k] * share;
    }
}

GAN_KERNEL static void average_pool_backward_block(int64_t samples, const gan_window *window,
                                                   const float *dy, float *dx) {
  int64_t size = window->h * window->w * window->c;
  memset(dx, 0, (size_t)(samples * size) * sizeof *dx);
  for (int64_t s = 0; s < samples; s++, dx += size)
    for (int64_t i = 0; i < window->out_h; i++)
      for (int64_t j = 0; j < window->out_w; j++, dy += window->c)
        spread_one(window, covered(i, window, window->h), covered(j, window, window->w), dy, dx);
}

void gan_average_pool_backward(int64_t samples, const gan_window *window, const float *dy,
                               float *dx) {
  int64_t size = size_of(window), out = out_size_of(window);
  GAN_FOR_BLOCKS(i, count, samples, size,
                 average_pool_backward_block(count, window, dy + i * out, dx + i * size));
}

GAN_INLINE void max_one(const gan_window *window, range rows, range columns, const float *x,
                        float *y, int32_t *from) {
  int64_t c = window->c, first = rows.begin * window->w + columns.begin;
  for (int64_t k = 0; k < c; k++) {
    y[k] = x[first * c + k];
    from[k] = (int32_t)first;
  }
  for (int64_t h = rows.begin; h < rows.end; h++)
    for (int64_t w = columns.begin; w < columns.end; w++) {
      int32_t here = (int32_t)(h * window->w + w);
      const float *pixel = x + here * c;
      for (int64_t k = 0; k < c; k++) {
        int larger = (pixel[k] > y[k]) | (pixel[k] != pixel[k]); /* NaN differs from itself */
        y[k] = larger ? pixel[k] : y[k];
        from[k] = larger ? here : from[k];
      }
    }
}

GAN_KERNEL static void max_pool_block(int64_t samples, const gan_window *window, const float *x,
                                      float *y, int32_t *from) {
  for (int64_t s = 0; s < samples; s++, x += window->h * window->w * window->c)
    for (int64_t i = 0; i < window->out_h; i++)
      for (int64_t j = 0; j < window->out_w; j++, y += window->c, from += window->c)
        max_one(window, covered(i, window, window->h), covered(j, window, window->w), x, y, from);
}

void gan_max_pool(int64_t samples, const gan_window *window, const float *x, float *y,
                  int32_t *from) {
  int64_t size = size_of(window), out = out_size_of(window);
  GAN_FOR_BLOCKS(i, count, samples, size,
                 max_pool_block(count, window, x + i * size, y + i * out, from + i * out));
}

static void max_pool_choose_block(int64_t samples, const gan_window *window, const int32_t *from,
                                  const float *x, float *y) {
  int64_t c = window->c, size = window->h * window->w * c, pixels = window->out_h * window->out_w;
  for (int64_t s = 0; s < samples; s++, x += size)
    for (int64_t p = 0; p < pixels; p++, y += c, from += c)
      for (int64_t k = 0; k < c; k++) y[k] = x[from[k] * c + k];
}

void gan_max_pool_choose(int64_t samples, const gan_window *window, const int32_t *from,
                         const float *x, float *y) {
  int64_t size = size_of(window), out = out_size_of(window);
  GAN_FOR_BLOCKS(i, count, samples, size,
                 max_pool_choose_block(count, window, from + i * out, x + i * size, y + i * out));
}

static void max_pool_backward_block(int64_t samples, const gan_window *window, const int32_t *from,
                                    const float *dy, float *dx) {
  int64_t c = window->c, size = window->h * window->w * c, pixels = window->out_h * window->out_w;
  memset(dx, 0, (size_t)(samples * size) * sizeof *dx);
  for (int64_t s = 0; s < samples; s++, dx += size)
    for (int64_t p = 0; p < pixels; p++, dy += c, from += c)
      for (int64_t k = 0; k < c; k++) dx[from[k] * c + k] += dy[k];
}

void gan_max_pool_backward(int64_t samples, const gan_window *window, const int32_t *from,
                           const float *dy, float *dx) {
  int64_t size = size_of(window), out = out_size_of(window);
  GAN_FOR_BLOCKS(
      i, count, samples, size,
      max_pool_backward_block(count, window, from + i * out, dy + i * out, dx + i * size));
}
