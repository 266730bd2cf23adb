/* Normalisation of rows (rows, n) by their own numbers.  Sums are in double, in a fixed order. */
#ifndef GAN_KERNELS_ROWNORM_H
#define GAN_KERNELS_ROWNORM_H

#include <stdint.h>

/* y = (x - mean) * inverse_deviation * weight + bias with each row's mean and deviation, the
 * variance biased and eps added to it (Ba et al. 2016, equation 4); mean and inverse_deviation
 * (rows) are results.  weight and bias (n) may be NULL: ones and zeros. */
void gan_layer_norm(int64_t rows, int64_t n, double eps, const float *x, const float *weight,
                    const float *bias, float *mean, float *inverse_deviation, float *y);

/* dx = inverse_deviation * (g - mean of g - xhat * mean of (g xhat)), g = dy * weight. */
void gan_layer_norm_backward(int64_t rows, int64_t n, const float *x, const float *dy,
                             const float *weight, const float *mean, const float *inverse_deviation,
                             float *dx);

/* With J the Jacobian of (x - mean) * inverse_deviation at a row: dx += the gradient by x of
 * <dty * weight, J(x) tx>, by hand:
 *   -(inverse_deviation / n) (F xhat + <xhat, tx> J a + <xhat, a> J tx),
 * where a = dty * weight and F = <a, J tx>. */
void gan_layer_norm_bend(int64_t rows, int64_t n, const float *x, const float *tx, const float *dty,
                         const float *weight, const float *mean, const float *inverse_deviation,
                         float *dx);

/* of_weight[k] = sum over rows of dy xhat, of_bias[k] = ... of dy (+ what is there where
 * accumulate). */
void gan_layer_norm_weights(int64_t rows, int64_t n, const float *x, const float *dy,
                            const float *mean, const float *inverse_deviation, int accumulate,
                            float *of_weight, float *of_bias);

/* y = x / sqrt(mean of x^2 + eps) (Karras et al. 2018, section 4.2). */
void gan_pixel_norm(int64_t rows, int64_t n, double eps, const float *x, float *y);
/* dx = r (dy - y mean of (dy y)), r = y / x. */
void gan_pixel_norm_backward(int64_t rows, int64_t n, double eps, const float *x, const float *dy,
                             float *dx);

#endif
