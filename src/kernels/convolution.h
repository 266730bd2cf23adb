/* Convolutions of images, channels last: forward, the gradient of the input and that of the
 * weights.  A transposed convolution is made of the same three, with input and output exchanged.
 *
 * Each is a matrix product over rows of output pixels by columns (kernel, kernel, c): a tile of
 * rows is unfolded at a time, so that it stays in the cache.  Where the columns of a row lie one
 * behind the other in the image itself (kernel 1; a kernel as large as the image), nothing is
 * copied.  kernels/product.h chooses between these and a library's own.
 *
 *   x   (samples, h, w, c)
 *   y   (samples, out_h, out_w, out_c)
 *   w   (out_c, kernel, kernel, c / groups)
 */
#ifndef GAN_KERNELS_CONVOLUTION_H
#define GAN_KERNELS_CONVOLUTION_H

#include "kernels/compute.h"

#include <stdbool.h>
#include <stdint.h>

typedef struct gan_convolution {
  int64_t h, w, c;
  int64_t out_h, out_w, out_c;
  int64_t kernel, stride, padding; /* of both directions */
  int64_t groups;                  /* divides c and out_c */
} gan_convolution;

/* The three of them. */
typedef enum gan_convolution_way {
  GAN_CONVOLVE,          /* y from x and w */
  GAN_CONVOLVE_BACK,     /* dx from dy and w */
  GAN_CONVOLVE_GRADIENT, /* dw from x and dy */
  GAN_CONVOLVE_WAYS
} gan_convolution_way;

/* One of them, by a library's own convolution. */
typedef struct gan_convolution_call {
  gan_convolution_way way;
  const gan_convolution *shape;
  int64_t samples;
  gan_precision precision; /* of what is multiplied: gan_bf16 in place of floats; results and sums
                            * are in fp32 */
  const void *x, *y;       /* the way's result is written */
  const void *w;           /* packed for packed_samples samples and packed_threads threads */
  int64_t packed_samples;
  int packed_threads;
  float *dw;
  bool accumulate;
  void *scratch; /* of a gradient: as many bytes as a packed weight of fp32 */
} gan_convolution_call;

void gan_convolution_run(const gan_convolution_call *call);

/* As gan_gemm_observe. */
void gan_convolution_observe(void (*show)(void *context, const gan_convolution_call *call),
                             void *context);

/* Whether the image itself is the unfolded one: the columns of all groups of a row lie one behind
 * the other. */
bool gan_convolution_is_direct(const gan_convolution *shape);

/* Numbers of a window of one group: columns of the unfolded image. */
int64_t gan_convolution_columns(const gan_convolution *shape);

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
