/* Spectral normalisation of a layer's weights (Miyato et al. 2018, algorithm 1), as PyTorch's
 * nn.utils.spectral_norm has it: a forward in training takes one step of the power iteration
 *
 *   v = W^T u / |W^T u|,  u = W v / |W v|,  sigma = u^T W v
 *
 * and works with W / sigma; while sampling u and v stay.  u and v are buffers, weight_u and
 * weight_v, and constants to the gradient; sigma is not.
 *
 * The functions below serve layers that are not normalised too: they work with the weight itself.
 */
#ifndef GAN_MODEL_SPECTRAL_H
#define GAN_MODEL_SPECTRAL_H

#include "model/layer.h"

/* The two buffers, and memory for the normalised weight.  Call it behind a layer's own tensors and
 * before it plans memory of its own, and only where its weight is to be normalised. */
GAN_CHECKED gan_status gan_spectral_plan(gan_layer *layer, gan_layer_plan *plan,
                                         gan_spectral spectral);

/* Random unit vectors. */
void gan_spectral_init(gan_layer *layer, uint64_t seed);

/* A layer's settle: the power iteration, once a pass over the batch, and the normalised weight. */
GAN_CHECKED gan_status gan_spectral_settle(gan_layer *layer, const gan_pass *pass,
                                           const double *totals);

/* Whether settle has made another weight for this pass. */
bool gan_spectral_changes(const gan_layer *layer, const gan_pass *pass);

/* The weight of this pass, W / sigma where it is normalised, as it lies in the slab. */
const float *gan_spectral_weight(const gan_layer *layer);

/* Where backward puts that weight's gradient, and whether it adds to what is there ... */
float *gan_spectral_gradient(const gan_layer *layer, const gan_span *span, bool *adds);
/* ... and what makes the gradient of W of it:
 * dW (+)= (G - <G, W / sigma> u v^T) / sigma  (Miyato et al. 2018, equation 12). */
void gan_spectral_finish(const gan_layer *layer, const gan_span *span);

#endif
