/* Pooling of images (samples, H, W, C): one number a channel from each window of pixels. */
#ifndef GAN_KERNELS_POOL_H
#define GAN_KERNELS_POOL_H

#include <stdint.h>

/* Square windows; output pixel (i, j) looks at the rows from i * stride - padding on, the columns
 * likewise. */
typedef struct gan_window {
  int64_t h, w, c;
  int64_t kernel, stride, padding;
  int64_t out_h, out_w;
} gan_window;

/* Pixels in the padding count as zeros: the divisor is kernel^2 everywhere. */
void gan_average_pool(int64_t samples, const gan_window *window, const float *x, float *y);
void gan_average_pool_backward(int64_t samples, const gan_window *window, const float *dy,
                               float *dx);

/* The largest inside the image; of equal ones the first by rows; NaN counts as larger than all.
 * from (samples, out_h, out_w, C): its pixel, h * W + w.  Windows are never empty (padding <=
 * kernel / 2). */
void gan_max_pool(int64_t samples, const gan_window *window, const float *x, float *y,
                  int32_t *from);
/* y (samples, out_h, out_w, C): the pixels of x that `from` names. */
void gan_max_pool_choose(int64_t samples, const gan_window *window, const int32_t *from,
                         const float *x, float *y);
void gan_max_pool_backward(int64_t samples, const gan_window *window, const int32_t *from,
                           const float *dy, float *dx);

#endif
