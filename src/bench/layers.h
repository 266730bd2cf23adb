/* The three products of a layer with a weight (kernels/product.h), alone, on memory of their own:
 * by several choices of library and precision, to be compared. */
#ifndef GAN_BENCH_LAYERS_H
#define GAN_BENCH_LAYERS_H

#include "model/layer.h"

typedef enum gan_part {
  GAN_PART_FORWARD,
  GAN_PART_INPUT,  /* the gradient of the input */
  GAN_PART_WEIGHT, /* the gradient of the weight */
  GAN_PARTS
} gan_part;

/* What computes a product: seen from its calls, not foretold.  Two choices may come to the same. */
typedef struct gan_product_kernel {
  bool onednn, convolves, unfolds;
  bool packed; /* the weight, which is not packed anew for each call */
  gan_precision precision;
} gan_product_kernel;

bool gan_product_kernel_same(gan_product_kernel a, gan_product_kernel b);
/* "convolution", "unfolded", "packed" or "plain". */
const char *gan_product_kernel_text(gan_product_kernel kernel);

typedef struct gan_layer_choice {
  gan_compute compute;
  gan_product product;
  gan_product_memory memory;
  gan_product_kernel kernels[GAN_PARTS];
} gan_layer_choice;

enum { GAN_LAYER_CHOICES_MAX = 8 };

typedef struct gan_layer_products {
  gan_layer_choice choices[GAN_LAYER_CHOICES_MAX];
  int count;
  float *x, *dy, *w; /* uniform in [-1, 1) */
  float *made;       /* by whichever product */
} gan_layer_products;

/* Of as many samples as the layer's own product is planned for.  Local; free it with
 * gan_layer_products_reset, even where it failed. */
GAN_CHECKED gan_status gan_layer_products_open(const gan_product *of, const gan_compute *choices,
                                               int count, gan_layer_products *out);
void gan_layer_products_reset(gan_layer_products *products);

/* One product by a choice, which becomes the process's; in bf16 with the rounding of the image that
 * goes in, which a layer's two gradients share. */
void gan_layer_products_run(const gan_layer_products *products, int choice, gan_part part);

/* What a choice does with a weight once an update. */
void gan_layer_products_pack(const gan_layer_products *products, int choice);

#endif
