/* Pointwise kernels.  x and y may be the same buffer, as may dy and dx.
 * Backward takes the output y, so that an activation can be computed in place; silu's takes x. */
#ifndef GAN_KERNELS_POINTWISE_H
#define GAN_KERNELS_POINTWISE_H

#include <stdint.h>

/* y = x for x > 0, slope * x else (slope 0: ReLU).  NaN stays NaN.  slope >= 0. */
void gan_leaky_relu(int64_t n, float slope, const float *x, float *y);
/* dx = dy where y > 0, slope * dy else: PyTorch's choice at 0. */
void gan_leaky_relu_backward(int64_t n, float slope, const float *y, const float *dy, float *dx);

/* y = 1 / (1 + exp(-x)); dx = dy y (1 - y). */
void gan_sigmoid(int64_t n, const float *x, float *y);
void gan_sigmoid_backward(int64_t n, const float *y, const float *dy, float *dx);

/* y = tanh(x); dx = dy (1 - y^2). */
void gan_tanh(int64_t n, const float *x, float *y);
void gan_tanh_backward(int64_t n, const float *y, const float *dy, float *dx);

/* y = x / (1 + exp(-x)), which goes to 0 below -88; backward takes x. */
void gan_silu(int64_t n, const float *x, float *y);
/* dx = dy s (1 + x (1 - s)), s = 1 / (1 + exp(-x)). */
void gan_silu_backward(int64_t n, const float *x, const float *dy, float *dx);

/* Of a smooth function f: dx += dty tx f''(x), how its slope along tx turns (model/tangent.c). */
void gan_sigmoid_bend(int64_t n, const float *y, const float *tx, const float *dty, float *dx);
void gan_tanh_bend(int64_t n, const float *y, const float *tx, const float *dty, float *dx);
void gan_silu_bend(int64_t n, const float *x, const float *tx, const float *dty, float *dx);

/* y (rows, c) += bias (c), row by row. */
void gan_add_bias(int64_t rows, int64_t c, const float *bias, float *y);

/* y += x. */
void gan_add(int64_t n, const float *x, float *y);

/* y = factor x. */
void gan_scale(int64_t n, float factor, const float *x, float *y);

/* y = factor y + x. */
void gan_scale_and_add(int64_t n, float factor, const float *x, float *y);

/* y = x where keep, scaled; 0 else. */
void gan_mask(int64_t n, float scale, const uint8_t *keep, const float *x, float *y);

/* Each sample: (pixels, c) to (c, pixels), or back.  x and y differ. */
void gan_transpose(int64_t samples, int64_t rows, int64_t columns, const float *x, float *y);

/* exp(x) to 1e-7 relative over the float range; the same bits on every instruction set. */
void gan_exp(int64_t n, const float *x, float *y);

#endif
