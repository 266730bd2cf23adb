/* Convolutions of images, channels last: forward, the gradient of the input and that of the
 * weights.  A transposed convolution is made of the same three, with input and output exchanged.
 *
 * Each is a matrix product over rows of output pixels by columns (kernel, kernel, c): a tile of
 * rows is unfolded at a time, so that it stays in the cache.  Where the columns of a row lie one
 * behind the other in the image itself (kernel 1; a kernel as large as the image), nothing is
 * copied.  A library's own convolution would stand behind these functions.
 *
 *   x   (samples, h, w, c)
 *   y   (samples, out_h, out_w, out_c)
 *   w   (out_c, kernel, kernel, c / groups)
 */
#ifndef GAN_KERNELS_CONVOLUTION_H
#define GAN_KERNELS_CONVOLUTION_H

#include <stdbool.h>
#include <stdint.h>

typedef struct gan_convolution {
  int64_t h, w, c;
  int64_t out_h, out_w, out_c;
  int64_t kernel, stride, padding; /* of both directions */
  int64_t groups;                  /* divides c and out_c */
} gan_convolution;

/* Numbers of weight. */
int64_t gan_convolution_weights(const gan_convolution *shape);

/* Floats of scratch that each call wants. */
int64_t gan_convolution_scratch(const gan_convolution *shape);

/* y = x * w. */
void gan_convolve(const gan_convolution *shape, int64_t samples, const float *x, const float *w,
                  float *y, float *scratch);

/* dx from dy: the transposed convolution of dy. */
void gan_convolve_back(const gan_convolution *shape, int64_t samples, const float *dy,
                       const float *w, float *dx, float *scratch);

/* dw (+= where accumulate) from x and dy. */
void gan_convolve_weights(const gan_convolution *shape, int64_t samples, const float *x,
                          const float *dy, bool accumulate, float *dw, float *scratch);

/* The same by their definition, summed in double. */
void gan_convolve_reference(const gan_convolution *shape, int64_t samples, const float *x,
                            const float *w, float *y);
void gan_convolve_back_reference(const gan_convolution *shape, int64_t samples, const float *dy,
                                 const float *w, float *dx);
void gan_convolve_weights_reference(const gan_convolution *shape, int64_t samples, const float *x,
                                    const float *dy, bool accumulate, float *dw);

#endif
