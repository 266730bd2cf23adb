/* Spectral normalisation of a layer's weights (Miyato et al. 2018, algorithm 1), as PyTorch's
 * nn.utils.spectral_norm has it: a forward in training takes one step of the power iteration
 *
 *   v = W^T u / |W^T u|,  u = W v / |W v|,  sigma = u^T W v
 *
 * and works with W / sigma; while sampling u and v stay.  u and v are buffers, weight_u and
 * weight_v, and constants to the gradient; sigma is not.
 *
 * A layer of linear's or convolution's kind has {first tensor: weight or weight_orig} and, where it
 * is normalised, calls these in place of using its weight and its gradient.
 */
#ifndef GAN_MODEL_SPECTRAL_H
#define GAN_MODEL_SPECTRAL_H

#include "model/layer.h"

/* The weight as a matrix W of `rows` by `columns`, PyTorch's order. */
typedef struct gan_spectral {
  int64_t rows, columns;
  bool transposed;  /* it lies in the slab as W^T */
  int64_t channels; /* of v, which lies channels last; 0: as PyTorch has it */
  int u;            /* number of the tensor weight_u; v is the next; the weight is number 0 */
} gan_spectral;

/* The two buffers, and memory for the normalised weight.  Call it last in a layer's plan: it takes
 * layer->work and layer->scratch beyond `scratch` doubles for itself. */
GAN_CHECKED gan_status gan_spectral_plan(gan_layer *layer, gan_layer_plan *plan,
                                         const gan_spectral *spectral);

/* Random unit vectors. */
void gan_spectral_init(gan_layer *layer, uint64_t seed, const gan_spectral *spectral);

/* In settle: the power iteration, once a pass over the batch, and the normalised weight. */
void gan_spectral_settle(gan_layer *layer, const gan_pass *pass, const gan_spectral *spectral);

/* W / sigma of this pass, as it lies in the slab. */
const float *gan_spectral_weight(const gan_layer *layer);

/* Where backward puts the gradient of W / sigma (not added to anything) ... */
float *gan_spectral_gradient(const gan_layer *layer, const gan_span *span);
/* ... and what makes the weight's gradient of it:
 * dW (+)= (G - <G, W / sigma> u v^T) / sigma  (Miyato et al. 2018, equation 12). */
void gan_spectral_finish(const gan_layer *layer, const gan_span *span,
                         const gan_spectral *spectral);

#endif
