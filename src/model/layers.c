/* The table of layers, and what several of them share. */
#include "model/layer.h"

#include <math.h>

extern const gan_layer_type gan_layer_conv2d, gan_layer_conv_transpose2d, gan_layer_batchnorm,
    gan_layer_layernorm, gan_layer_instancenorm, gan_layer_pixelnorm, gan_layer_relu,
    gan_layer_leaky_relu, gan_layer_tanh, gan_layer_sigmoid, gan_layer_silu, gan_layer_dropout,
    gan_layer_upsample, gan_layer_avgpool, gan_layer_maxpool, gan_layer_global_avgpool,
    gan_layer_self_attention, gan_layer_diff_augment, gan_layer_maxout, gan_layer_minibatch_stddev,
    gan_layer_gaussian_noise;

/* clang-format off */
static const gan_layer_type *const types[] = {
    &gan_layer_linear,
    &gan_layer_conv2d,
    &gan_layer_conv_transpose2d,
    &gan_layer_maxout,
    &gan_layer_batchnorm,
    &gan_layer_layernorm,
    &gan_layer_instancenorm,
    &gan_layer_pixelnorm,
    &gan_layer_relu,
    &gan_layer_leaky_relu,
    &gan_layer_tanh,
    &gan_layer_sigmoid,
    &gan_layer_silu,
    &gan_layer_dropout,
    &gan_layer_upsample,
    &gan_layer_avgpool,
    &gan_layer_maxpool,
    &gan_layer_global_avgpool,
    &gan_layer_flatten,
    &gan_layer_reshape,
    &gan_layer_residual,
    &gan_layer_concat,
    &gan_layer_self_attention,
    &gan_layer_one_hot,
    &gan_layer_embedding,
    &gan_layer_diff_augment,
    &gan_layer_minibatch_stddev,
    &gan_layer_gaussian_noise,
};
/* clang-format on */

enum { COUNT = sizeof types / sizeof *types };

gan_layer_schemas gan_layer_table(void) {
  static const gan_layer_schema *rows[COUNT];
  for (int i = 0; i < COUNT; i++) rows[i] = &types[i]->schema;
  return (gan_layer_schemas){rows, COUNT};
}

const gan_layer_type *gan_layer_type_of(const gan_layer_schema *schema) {
  for (int i = 0; i < COUNT; i++)
    if (&types[i]->schema == schema) return types[i];
  gan_panic(__FILE__, __LINE__, "the schema belongs to a layer");
}

void gan_init_tensor(gan_layer *layer, uint64_t seed, gan_init init, float std, uint32_t t,
                     int64_t n, int64_t fan_in) {
  float bound = 1.0f / sqrtf((float)fan_in), *value = layer->value[t];
  gan_rng rng = gan_layer_rng(layer, seed, GAN_RNG_INIT, 0, t);
  if (init != GAN_INIT_NORMAL) {
    gan_rng_uniform(rng, 0, 0, n, -bound, bound, value);
    return;
  }
  gan_rng_normal(rng, 0, 0, n, value);
  for (int64_t i = 0; i < n; i++) value[i] *= std;
}

void gan_init_weights(gan_layer *layer, uint64_t seed, gan_init init, float std, int64_t n,
                      int64_t fan_in, int64_t biases) {
  enum { WEIGHT, BIAS };
  gan_init_tensor(layer, seed, init, std, WEIGHT, n, fan_in);
  if (biases && init != GAN_INIT_NORMAL)
    gan_init_tensor(layer, seed, init, std, BIAS, biases, fan_in);
}
