/* The products of a layer that has a weight: linear, convolution, transposed convolution.
 *
 * All are a convolution of a larger image to a smaller one (convolution.h), taken forward, or, of a
 * transposed one, backward; a linear layer's images are single pixels.  How they are computed is
 * chosen once, when the layer is planned, by the table in compute.c:
 *
 *   as one matrix product   where the image is the unfolded one itself (linear; kernel 1)
 *   by a library            oneDNN's convolution
 *   in tiles                unfolded into matrix products, a tile of rows at a time
 *
 * Once an update a weight is packed into the library's own order where that pays: always for a
 * convolution; for one product of few rows, and of many in bf16.  In between, in bf16, it is only
 * rounded, as are a copy of the input and the gradient of the output.  Sums, results and the
 * weights that learn are in fp32.
 */
#ifndef GAN_KERNELS_PRODUCT_H
#define GAN_KERNELS_PRODUCT_H

#include "kernels/convolution.h"

#include <stddef.h>

typedef enum { GAN_PRODUCT_ONE, GAN_PRODUCT_LIBRARY, GAN_PRODUCT_TILES } gan_product_way;

enum { GAN_PACKED_ORDERS = 2 }; /* for the way to the smaller image, and to the larger one */

typedef struct gan_product {
  gan_convolution shape;
  bool transposed;
  int64_t samples; /* of a call at most: what the packed order is chosen for ... */
  int threads;     /* ... beside the threads of the library when it was planned */
  bool trains;
  gan_product_way way;
  bool back_in_tiles; /* of a library's: what goes to the larger image is in tiles all the same */
  gan_precision precision;
  bool packs;
  bool rounds; /* the weight; into the first of `packed` */
  size_t packed_bytes[GAN_PACKED_ORDERS];
  size_t copy_bytes;    /* a sample: of the input, from forward to backward */
  size_t scratch_bytes; /* of each call */
} gan_product;

/* The memory of a call; `copy` is that of its first sample. */
typedef struct gan_product_memory {
  void *packed[GAN_PACKED_ORDERS];
  void *copy;
  void *scratch;
} gan_product_memory;

void gan_product_plan(gan_product *product, const gan_convolution *shape, bool transposed,
                      int64_t samples, bool trains);

/* Packs or rounds a weight, convolution.h's w, where that is to be done. */
void gan_product_pack(const gan_product *product, const float *w, const gan_product_memory *memory);

/* x (samples, input) to y (samples, output); the packed weight must be that of w. */
void gan_product_forward(const gan_product *product, int64_t samples, const float *x,
                         const float *w, const gan_product_memory *memory, float *y);

/* In the place of a forward: the copy of x that backward multiplies, where it has one. */
void gan_product_recall(const gan_product *product, int64_t samples, const float *x,
                        const gan_product_memory *memory);

/* From dy (samples, output), behind forward: dw (+= where `adds`), and dx; NULL: not wanted. */
void gan_product_backward(const gan_product *product, int64_t samples, const float *x,
                          const float *dy, const float *w, const gan_product_memory *memory,
                          bool adds, float *dw, float *dx);

/* "oneDNN, bf16": for the user. */
const char *gan_product_text(const gan_product *product);

#endif
