#include "kernels/pointwise.h"

#include "base/blocks.h"
#include "kernels/dispatch.h"

#include <math.h>
#include <string.h>

GAN_KERNEL static void leaky_relu_block(int64_t n, float slope, const float *x, float *y) {
  if (slope == 0.0f) { /* no product: 0 * -inf would be NaN */
    for (int64_t i = 0; i < n; i++) y[i] = x[i] <= 0.0f ? 0.0f : x[i];
    return;
  }
  for (int64_t i = 0; i < n; i++) {
    float low = slope * x[i];
    y[i] = x[i] <= 0.0f ? low : x[i];
  }
}

void gan_leaky_relu(int64_t n, float slope, const float *x, float *y) {
  GAN_FOR_BLOCKS(i, count, n, 1, leaky_relu_block(count, slope, x + i, y + i));
}

GAN_KERNEL static void leaky_relu_backward_block(int64_t n, float slope, const float *y,
                                                 const float *dy, float *dx) {
  if (slope == 0.0f) {
    for (int64_t i = 0; i < n; i++) dx[i] = y[i] > 0.0f ? dy[i] : 0.0f;
    return;
  }
  for (int64_t i = 0; i < n; i++) {
    float low = slope * dy[i];
    dx[i] = y[i] > 0.0f ? dy[i] : low;
  }
}

void gan_leaky_relu_backward(int64_t n, float slope, const float *y, const float *dy, float *dx) {
  GAN_FOR_BLOCKS(i, count, n, 1, leaky_relu_backward_block(count, slope, y + i, dy + i, dx + i));
}

/* exp by Cody and Waite's reduction x = k ln 2 + r and a polynomial of degree 7 in r (the
 * coefficients are Taylor's; |r| <= ln 2 / 2, so the first term left out is below 3e-8).  Inputs
 * are clamped to where the result is a normal float; NaN passes through. */
GAN_INLINE float exp_one(float x) {
  float clamped = x > 88.0f ? 88.0f : x < -87.0f ? -87.0f : x;
  const float magic = 12582912.0f; /* 1.5 * 2^23: adding it rounds to an integer */
  float k = (clamped * 1.44269504088896341f + magic) - magic;
  float r = (clamped - k * 0.693359375f) - k * -2.12194440e-4f;
  float p = 1.0f / 5040.0f;
  p = p * r + 1.0f / 720.0f;
  p = p * r + 1.0f / 120.0f;
  p = p * r + 1.0f / 24.0f;
  p = p * r + 1.0f / 6.0f;
  p = p * r + 0.5f;
  p = p * r + 1.0f;
  p = p * r + 1.0f;
  union {
    uint32_t bits;
    float value;
  } power = {.bits = (uint32_t)((int32_t)k + 127) << 23};
  return p * power.value;
}

GAN_KERNEL static void exp_block(int64_t n, const float *x, float *y) {
  for (int64_t i = 0; i < n; i++) y[i] = exp_one(x[i]);
}

void gan_exp(int64_t n, const float *x, float *y) {
  GAN_FOR_BLOCKS(i, count, n, 1, exp_block(count, x + i, y + i));
}

GAN_KERNEL static void sigmoid_block(int64_t n, const float *x, float *y) {
  for (int64_t i = 0; i < n; i++) y[i] = 1.0f / (1.0f + exp_one(-x[i]));
}

void gan_sigmoid(int64_t n, const float *x, float *y) {
  GAN_FOR_BLOCKS(i, count, n, 1, sigmoid_block(count, x + i, y + i));
}

GAN_KERNEL static void sigmoid_backward_block(int64_t n, const float *y, const float *dy,
                                              float *dx) {
  for (int64_t i = 0; i < n; i++) dx[i] = dy[i] * (y[i] * (1.0f - y[i]));
}

void gan_sigmoid_backward(int64_t n, const float *y, const float *dy, float *dx) {
  GAN_FOR_BLOCKS(i, count, n, 1, sigmoid_backward_block(count, y + i, dy + i, dx + i));
}

/* Below -88, where exp is clamped too, x would grow while its factor does not shrink. */
GAN_KERNEL static void silu_block(int64_t n, const float *x, float *y) {
  for (int64_t i = 0; i < n; i++) {
    float low = x[i] < -88.0f ? -88.0f : x[i];
    y[i] = low / (1.0f + exp_one(-low));
  }
}

void gan_silu(int64_t n, const float *x, float *y) {
  GAN_FOR_BLOCKS(i, count, n, 1, silu_block(count, x + i, y + i));
}

GAN_KERNEL static void silu_backward_block(int64_t n, const float *x, const float *dy, float *dx) {
  for (int64_t i = 0; i < n; i++) {
    float near = x[i] < -88.0f ? -88.0f : x[i] > 88.0f ? 88.0f : x[i];
    float s = 1.0f / (1.0f + exp_one(-near));
    dx[i] = dy[i] * (s * (1.0f + near * (1.0f - s)));
  }
}

void gan_silu_backward(int64_t n, const float *x, const float *dy, float *dx) {
  GAN_FOR_BLOCKS(i, count, n, 1, silu_backward_block(count, x + i, dy + i, dx + i));
}

/* Small |x| by the Taylor series, so that no digits cancel; else (1 - e) / (1 + e), e = exp(-2|x|).
 */
GAN_INLINE float tanh_one(float x) {
  float s = x * x;
  float p = -0.00886323552990219657f; /* -1382/155925, then 62/2835, -17/315, 2/15, -1/3 */
  p = p * s + 0.02186948853615520282f;
  p = p * s - 0.05396825396825396825f;
  p = p * s + 0.13333333333333333333f;
  p = p * s - 0.33333333333333333333f;
  float small = x + x * (s * p);
  float magnitude = x < 0.0f ? -x : x;
  float e = exp_one(-2.0f * magnitude);
  float large = (1.0f - e) / (1.0f + e);
  large = x < 0.0f ? -large : large;
  return magnitude < 0.3f ? small : large;
}

GAN_KERNEL static void tanh_block(int64_t n, const float *x, float *y) {
  for (int64_t i = 0; i < n; i++) y[i] = tanh_one(x[i]);
}

void gan_tanh(int64_t n, const float *x, float *y) {
  GAN_FOR_BLOCKS(i, count, n, 1, tanh_block(count, x + i, y + i));
}

GAN_KERNEL static void tanh_backward_block(int64_t n, const float *y, const float *dy, float *dx) {
  for (int64_t i = 0; i < n; i++) dx[i] = dy[i] * (1.0f - y[i] * y[i]);
}

void gan_tanh_backward(int64_t n, const float *y, const float *dy, float *dx) {
  GAN_FOR_BLOCKS(i, count, n, 1, tanh_backward_block(count, y + i, dy + i, dx + i));
}

GAN_KERNEL static void add_bias_block(int64_t rows, int64_t c, const float *bias, float *y) {
  for (int64_t r = 0; r < rows; r++)
    for (int64_t k = 0; k < c; k++) y[r * c + k] += bias[k];
}

/* f = y: f'' = y (1 - y) (1 - 2 y). */
GAN_KERNEL static void sigmoid_bend_block(int64_t n, const float *y, const float *tx,
                                          const float *dty, float *dx) {
  for (int64_t i = 0; i < n; i++)
    dx[i] += dty[i] * tx[i] * (y[i] * (1.0f - y[i]) * (1.0f - 2.0f * y[i]));
}

void gan_sigmoid_bend(int64_t n, const float *y, const float *tx, const float *dty, float *dx) {
  GAN_FOR_BLOCKS(i, count, n, 1, sigmoid_bend_block(count, y + i, tx + i, dty + i, dx + i));
}

/* f = y: f'' = -2 y (1 - y^2). */
GAN_KERNEL static void tanh_bend_block(int64_t n, const float *y, const float *tx, const float *dty,
                                       float *dx) {
  for (int64_t i = 0; i < n; i++) dx[i] += dty[i] * tx[i] * (-2.0f * y[i] * (1.0f - y[i] * y[i]));
}

void gan_tanh_bend(int64_t n, const float *y, const float *tx, const float *dty, float *dx) {
  GAN_FOR_BLOCKS(i, count, n, 1, tanh_bend_block(count, y + i, tx + i, dty + i, dx + i));
}

/* f = x s: f'' = s (1 - s) (2 + x (1 - 2 s)), s = 1 / (1 + exp(-x)); 0 to a float beyond 88. */
GAN_KERNEL static void silu_bend_block(int64_t n, const float *x, const float *tx, const float *dty,
                                       float *dx) {
  for (int64_t i = 0; i < n; i++) {
    float near = x[i] < -88.0f ? -88.0f : x[i] > 88.0f ? 88.0f : x[i];
    float s = 1.0f / (1.0f + exp_one(-near));
    dx[i] += dty[i] * tx[i] * (s * (1.0f - s) * (2.0f + near * (1.0f - 2.0f * s)));
  }
}

void gan_silu_bend(int64_t n, const float *x, const float *tx, const float *dty, float *dx) {
  GAN_FOR_BLOCKS(i, count, n, 1, silu_bend_block(count, x + i, tx + i, dty + i, dx + i));
}

void gan_add_bias(int64_t rows, int64_t c, const float *bias, float *y) {
  GAN_FOR_BLOCKS(i, count, rows, c, add_bias_block(count, c, bias, y + i * c));
}

GAN_KERNEL static void add_block(int64_t n, const float *x, float *y) {
  for (int64_t i = 0; i < n; i++) y[i] += x[i];
}

void gan_add(int64_t n, const float *x, float *y) {
  GAN_FOR_BLOCKS(i, count, n, 1, add_block(count, x + i, y + i));
}

GAN_KERNEL static void scale_block(int64_t n, float factor, const float *x, float *y) {
  for (int64_t i = 0; i < n; i++) y[i] = factor * x[i];
}

void gan_scale(int64_t n, float factor, const float *x, float *y) {
  GAN_FOR_BLOCKS(i, count, n, 1, scale_block(count, factor, x + i, y + i));
}

GAN_KERNEL static void scale_and_add_block(int64_t n, float factor, const float *x, float *y) {
  for (int64_t i = 0; i < n; i++) y[i] = factor * y[i] + x[i];
}

void gan_scale_and_add(int64_t n, float factor, const float *x, float *y) {
  GAN_FOR_BLOCKS(i, count, n, 1, scale_and_add_block(count, factor, x + i, y + i));
}

GAN_KERNEL static void mask_block(int64_t n, float scale, const uint8_t *keep, const float *x,
                                  float *y) {
  for (int64_t i = 0; i < n; i++) y[i] = keep[i] ? x[i] * scale : 0.0f;
}

void gan_mask(int64_t n, float scale, const uint8_t *keep, const float *x, float *y) {
  GAN_FOR_BLOCKS(i, count, n, 1, mask_block(count, scale, keep + i, x + i, y + i));
}

static void transpose_block(int64_t samples, int64_t rows, int64_t columns, const float *x,
                            float *y) {
  for (int64_t i = 0; i < samples; i++, x += rows * columns, y += rows * columns)
    for (int64_t r = 0; r < rows; r++)
      for (int64_t k = 0; k < columns; k++) y[k * rows + r] = x[r * columns + k];
}

void gan_transpose(int64_t samples, int64_t rows, int64_t columns, const float *x, float *y) {
  GAN_FOR_BLOCKS(
      i, count, samples, rows * columns,
      transpose_block(count, rows, columns, x + i * rows * columns, y + i * rows * columns));
}
