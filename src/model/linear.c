/* linear: y = x W^T + b, W (units, inputs).  PyTorch's nn.Linear, and spectral_norm of it. */
#include "kernels/gemm.h"
#include "kernels/normalise.h"
#include "kernels/pointwise.h"
#include "model/spectral.h"

enum { BIAS = 1 }; /* behind the weight */

/* clang-format off */
static const gan_option options[] = {
  {"units", GAN_OPTION_INT, offsetof(gan_linear_options, units), NULL, 1, 1 << 24, NULL, 0,
   "numbers", "outputs"},
  {"bias", GAN_OPTION_BOOL, offsetof(gan_linear_options, bias), "true", 0, 0, NULL, 0, "",
   "whether a bias is added; false before a batchnorm"},
  {"spectral_norm", GAN_OPTION_BOOL, offsetof(gan_linear_options, spectral_norm), "false", 0, 0, NULL,
   0, "", "whether the weight is divided by its largest singular value"},
};
/* clang-format on */

static gan_status plan(gan_layer *layer, gan_layer_plan *plan) {
  const gan_linear_options *parameters = layer->parameters;
  if (!gan_shape_is_flat(layer->in))
    return gan_layer_reject(layer, "a flat vector; put '- flatten: {}' before it");
  layer->out = (gan_shape){1, 1, parameters->units};
  gan_dims weight = {2, {parameters->units, layer->in.c}}, bias = {1, {parameters->units}};
  const char *name = parameters->spectral_norm ? "weight_orig" : "weight";
  GAN_TRY(gan_plan_tensor(plan, GAN_TENSOR_PARAM, name, weight));
  if (parameters->bias) GAN_TRY(gan_plan_tensor(plan, GAN_TENSOR_PARAM, "bias", bias));
  if (!parameters->spectral_norm) return GAN_OK;
  gan_spectral spectral = {
      .rows = parameters->units, .columns = layer->in.c, .u = parameters->bias ? BIAS + 1 : BIAS};
  return gan_spectral_plan(layer, plan, spectral);
}

static void init(gan_layer *layer, uint64_t seed, gan_init init, float std) {
  const gan_linear_options *parameters = layer->parameters;
  gan_init_weights(layer, seed, init, std, layer->in.c * parameters->units, layer->in.c,
                   parameters->bias ? parameters->units : 0);
  gan_spectral_init(layer, seed);
}

static void forward(const gan_layer *layer, const gan_span *span, const float *x, float *y) {
  const gan_linear_options *parameters = layer->parameters;
  gan_gemm(false, true, span->samples, layer->out.c, layer->in.c, x, gan_spectral_weight(layer),
           0.0f, y);
  if (parameters->bias) gan_add_bias(span->samples, layer->out.c, layer->value[BIAS], y);
}

static void weight_gradient(const gan_layer *layer, const gan_span *span, const float *x,
                            const float *dy) {
  bool adds;
  float *dw = gan_spectral_gradient(layer, span, &adds);
  gan_gemm(true, false, layer->out.c, layer->in.c, span->samples, dy, x, adds ? 1.0f : 0.0f, dw);
  gan_spectral_finish(layer, span);
}

static void backward(const gan_layer *layer, const gan_span *span, unsigned want, const float *x,
                     const float *y, float *dy, float *dx) {
  (void)y;
  const gan_linear_options *parameters = layer->parameters;
  if (want & GAN_WANT_WEIGHTS) {
    weight_gradient(layer, span, x, dy);
    if (parameters->bias)
      gan_column_sums(span->samples, layer->out.c, dy, span->accumulate,
                      gan_layer_gradient(layer, span, BIAS));
  }
  if (dx)
    gan_gemm(false, false, span->samples, layer->in.c, layer->out.c, dy, gan_spectral_weight(layer),
             0.0f, dx);
}

const gan_layer_type gan_layer_linear = {
    .schema = {"linear",
               "y = x W^T + b",
               {options, sizeof options / sizeof *options},
               sizeof(gan_linear_options)},
    .plan = plan,
    .init = init,
    .settle = gan_spectral_settle,
    .forward = forward,
    .backward = backward,
    .needs_x = true,
};
