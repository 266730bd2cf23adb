/* A layer's weight and the products with it: what linear, conv2d and conv_transpose2d share.
 *
 * The weight is tensor 0, normalised or not (model/spectral.h); kernels/product.h multiplies.  What
 * a library makes of the weight is made once an update: see gan_net_changed. */
#ifndef GAN_MODEL_WEIGHT_H
#define GAN_MODEL_WEIGHT_H

#include "model/spectral.h"

/* Memory for the products; after all tensors, and after gan_spectral_plan where that is wanted. */
void gan_weight_plan(gan_layer *layer, gan_layer_plan *plan, const gan_convolution *shape,
                     bool transposed);

/* A layer's settle. */
GAN_CHECKED gan_status gan_weight_settle(gan_layer *layer, const gan_pass *pass,
                                         const double *totals);

/* y = W x, without a bias. */
void gan_weight_forward(const gan_layer *layer, const gan_span *span, const float *x, float *y);

/* The weight's gradient where it is wanted, and dx; NULL: not wanted. */
void gan_weight_backward(const gan_layer *layer, const gan_span *span, unsigned want,
                         const float *x, const float *dy, float *dx);

#endif
