/* linear: y = x W^T + b, W (units, inputs).  PyTorch's nn.Linear. */
#include "kernels/gemm.h"
#include "kernels/normalise.h"
#include "kernels/pointwise.h"
#include "model/layer.h"

#include <math.h>

typedef struct {
  int64_t units;
  bool bias;
} linear_parameters;

enum { WEIGHT, BIAS };

/* clang-format off */
static const gan_option options[] = {
  {"units", GAN_OPTION_INT, offsetof(linear_parameters, units), NULL, 1, 1 << 24, NULL, 0,
   "numbers", "outputs"},
  {"bias", GAN_OPTION_BOOL, offsetof(linear_parameters, bias), "true", 0, 0, NULL, 0, "",
   "whether a bias is added; false before a batchnorm"},
};
/* clang-format on */

static gan_status plan(gan_layer *layer, gan_layer_plan *plan) {
  const linear_parameters *parameters = layer->parameters;
  if (!gan_shape_is_flat(layer->in))
    return gan_layer_reject(layer, "a flat vector; put '- flatten: {}' before it");
  layer->out = (gan_shape){1, 1, parameters->units};
  gan_dims weight = {2, {parameters->units, layer->in.c}}, bias = {1, {parameters->units}};
  GAN_TRY(gan_plan_tensor(plan, GAN_TENSOR_PARAM, "weight", weight));
  return parameters->bias ? gan_plan_tensor(plan, GAN_TENSOR_PARAM, "bias", bias) : GAN_OK;
}

/* PyTorch: weight and bias uniform within 1 / sqrt(inputs) (He et al. 2015 with a = sqrt(5)). */
static void init(gan_layer *layer, uint64_t seed, gan_init init, float std) {
  const linear_parameters *parameters = layer->parameters;
  int64_t n = layer->in.c * parameters->units;
  float bound = 1.0f / sqrtf((float)layer->in.c);
  gan_rng rng = gan_layer_rng(layer, seed, GAN_RNG_INIT, 0, WEIGHT);
  if (init == GAN_INIT_NORMAL) {
    gan_rng_normal(rng, 0, 0, n, layer->value[WEIGHT]);
    for (int64_t i = 0; i < n; i++) layer->value[WEIGHT][i] *= std;
    return; /* the bias stays 0 */
  }
  gan_rng_uniform(rng, 0, 0, n, -bound, bound, layer->value[WEIGHT]);
  if (!parameters->bias) return;
  rng = gan_layer_rng(layer, seed, GAN_RNG_INIT, 0, BIAS);
  gan_rng_uniform(rng, 0, 0, parameters->units, -bound, bound, layer->value[BIAS]);
}

static void forward(const gan_layer *layer, const gan_span *span, const float *x, float *y) {
  const linear_parameters *parameters = layer->parameters;
  gan_gemm(false, true, span->samples, layer->out.c, layer->in.c, x, layer->value[WEIGHT], 0.0f, y);
  if (parameters->bias) gan_add_bias(span->samples, layer->out.c, layer->value[BIAS], y);
}

static void backward(const gan_layer *layer, const gan_span *span, unsigned want, const float *x,
                     const float *y, float *dy, float *dx) {
  (void)y;
  const linear_parameters *parameters = layer->parameters;
  if (want & GAN_WANT_WEIGHTS) {
    gan_gemm(true, false, layer->out.c, layer->in.c, span->samples, dy, x,
             span->accumulate ? 1.0f : 0.0f, gan_layer_gradient(layer, span, WEIGHT));
    if (parameters->bias)
      gan_column_sums(span->samples, layer->out.c, dy, span->accumulate,
                      gan_layer_gradient(layer, span, BIAS));
  }
  if (dx)
    gan_gemm(false, false, span->samples, layer->in.c, layer->out.c, dy, layer->value[WEIGHT], 0.0f,
             dx);
}

const gan_layer_type gan_layer_linear = {
    .schema = {"linear",
               "y = x W^T + b",
               {options, sizeof options / sizeof *options},
               sizeof(linear_parameters)},
    .plan = plan,
    .init = init,
    .forward = forward,
    .backward = backward,
    .needs_x = true,
};
