/* linear: y = x W^T + b, W (units, inputs).  PyTorch's nn.Linear, and spectral_norm of it. */
#include "kernels/normalise.h"
#include "kernels/pointwise.h"
#include "model/weight.h"

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
  gan_spectral spectral = {
      .rows = parameters->units, .columns = layer->in.c, .u = parameters->bias ? BIAS + 1 : BIAS};
  if (parameters->spectral_norm) GAN_TRY(gan_spectral_plan(layer, plan, spectral));
  gan_convolution shape = {1, 1, layer->in.c, 1, 1, layer->out.c, 1, 1, 0, 1};
  gan_weight_plan(layer, plan, &shape, false);
  return GAN_OK;
}

static void init(gan_layer *layer, uint64_t seed, gan_init init, float std) {
  const gan_linear_options *parameters = layer->parameters;
  gan_init_weights(layer, seed, init, std, layer->in.c * parameters->units, layer->in.c,
                   parameters->bias ? parameters->units : 0);
  gan_spectral_init(layer, seed);
}

static void forward(const gan_layer *layer, const gan_span *span, const float *x, float *y) {
  const gan_linear_options *parameters = layer->parameters;
  gan_weight_forward(layer, span, x, y);
  if (parameters->bias && !span->tangent)
    gan_add_bias(span->samples, layer->out.c, layer->value[BIAS], y);
}

static void backward(const gan_layer *layer, const gan_span *span, unsigned want, const float *x,
                     const float *y, float *dy, float *dx) {
  (void)y;
  const gan_linear_options *parameters = layer->parameters;
  gan_weight_backward(layer, span, want, x, dy, dx);
  if (want & GAN_WANT_WEIGHTS && parameters->bias && !span->tangent)
    gan_column_sums(span->samples, layer->out.c, dy, span->accumulate,
                    gan_layer_gradient(layer, span, BIAS));
}

const gan_layer_type gan_layer_linear = {
    .schema = {"linear",
               "y = x W^T + b",
               {options, sizeof options / sizeof *options},
               sizeof(gan_linear_options)},
    .plan = plan,
    .init = init,
    .settle = gan_weight_settle,
    .forward = forward,
    .backward = backward,
    .tangent = GAN_TANGENT_BY_FORWARD,
    .needs_x = true,
};
