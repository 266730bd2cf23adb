/* Enlarging images (samples, H, W, C) by a whole factor in both directions. */
#ifndef GAN_KERNELS_UPSAMPLE_H
#define GAN_KERNELS_UPSAMPLE_H

#include <stdint.h>

typedef struct gan_enlargement {
  int64_t h, w, c; /* before; behind it (scale * h, scale * w, c) */
  int64_t scale;
} gan_enlargement;

/* Each pixel becomes a square of its kind. */
void gan_upsample_nearest(int64_t samples, const gan_enlargement *by, const float *x, float *y);
void gan_upsample_nearest_backward(int64_t samples, const gan_enlargement *by, const float *dy,
                                   float *dx);

/* Between the centres of pixels linear, in both directions; beyond the outermost centres constant:
 * PyTorch's with align_corners False. */
void gan_upsample_bilinear(int64_t samples, const gan_enlargement *by, const float *x, float *y);
void gan_upsample_bilinear_backward(int64_t samples, const gan_enlargement *by, const float *dy,
                                    float *dx);

#endif
