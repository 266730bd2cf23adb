/* The table of layers. */
#include "model/layer.h"

extern const gan_layer_type gan_layer_linear, gan_layer_batchnorm, gan_layer_relu,
    gan_layer_leaky_relu, gan_layer_tanh, gan_layer_sigmoid, gan_layer_dropout, gan_layer_residual,
    gan_layer_concat, gan_layer_upsample, gan_layer_avgpool, gan_layer_maxpool,
    gan_layer_global_avgpool, gan_layer_layernorm, gan_layer_pixelnorm, gan_layer_instancenorm,
    gan_layer_silu, gan_layer_self_attention;

static const gan_layer_type *const types[] = {
    &gan_layer_linear,     &gan_layer_batchnorm,      &gan_layer_relu,
    &gan_layer_leaky_relu, &gan_layer_tanh,           &gan_layer_sigmoid,
    &gan_layer_dropout,    &gan_layer_flatten,        &gan_layer_reshape,
    &gan_layer_residual,   &gan_layer_concat,         &gan_layer_upsample,
    &gan_layer_avgpool,    &gan_layer_maxpool,        &gan_layer_global_avgpool,
    &gan_layer_layernorm,  &gan_layer_instancenorm,   &gan_layer_pixelnorm,
    &gan_layer_silu,       &gan_layer_self_attention,
};

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
