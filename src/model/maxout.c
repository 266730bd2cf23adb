/* maxout: y_j = the largest over k of (x W^T + b)_{j, k} (Goodfellow et al. 2013, section 3).
 *
 * The weight is (units * pieces, inputs), the pieces of a unit one behind the other: PyTorch's
 * nn.Linear(inputs, units * pieces) and spectral_norm of it, then view(-1, units, pieces).max(-1).
 */
#include "kernels/maxout.h"
#include "kernels/normalise.h"
#include "kernels/pointwise.h"
#include "model/weight.h"

#include <stdio.h>

typedef struct {
  int64_t units, pieces;
  bool bias, spectral_norm;
} maxout_parameters;

enum { BIAS = 1 }; /* behind the weight */

static const int64_t LINEAR_MAX = 1 << 24; /* as linear's units */

/* clang-format off */
static const gan_option options[] = {
  {"units", GAN_OPTION_INT, offsetof(maxout_parameters, units), NULL, 1, 1 << 24, NULL, 0,
   "numbers", "outputs"},
  {"pieces", GAN_OPTION_INT, offsetof(maxout_parameters, pieces), NULL, 1, GAN_MAXOUT_PIECES_MAX,
   NULL, 0, "numbers", "linear functions of the input, of which an output is the largest"},
  {"bias", GAN_OPTION_BOOL, offsetof(maxout_parameters, bias), "true", 0, 0, NULL, 0, "",
   "whether each of them adds a bias"},
  {"spectral_norm", GAN_OPTION_BOOL, offsetof(maxout_parameters, spectral_norm), "false", 0, 0, NULL,
   0, "", "whether the weight is divided by its largest singular value"},
};
/* clang-format on */

/* Linear functions of the layer. */
static int64_t functions_of(const gan_layer *layer) {
  const maxout_parameters *parameters = layer->parameters;
  return parameters->units * parameters->pieces;
}

static gan_status plan_tensors(gan_layer *layer, gan_layer_plan *plan) {
  const maxout_parameters *parameters = layer->parameters;
  int64_t functions = functions_of(layer);
  gan_dims weight = {2, {functions, layer->in.c}}, bias = {1, {functions}};
  const char *name = parameters->spectral_norm ? "weight_orig" : "weight";
  GAN_TRY(gan_plan_tensor(plan, GAN_TENSOR_PARAM, name, weight));
  if (parameters->bias) GAN_TRY(gan_plan_tensor(plan, GAN_TENSOR_PARAM, "bias", bias));
  gan_spectral spectral = {
      .rows = functions, .columns = layer->in.c, .u = parameters->bias ? BIAS + 1 : BIAS};
  return parameters->spectral_norm ? gan_spectral_plan(layer, plan, spectral) : GAN_OK;
}

static gan_status plan(gan_layer *layer, gan_layer_plan *plan) {
  const maxout_parameters *parameters = layer->parameters;
  int64_t functions = functions_of(layer);
  char wanted[96];
  snprintf(wanted, sizeof wanted, "units times pieces of at most %lld", (long long)LINEAR_MAX);
  if (!gan_shape_is_flat(layer->in))
    return gan_layer_reject(layer, "a flat vector; put '- flatten: {}' before it");
  if (functions > LINEAR_MAX) return gan_layer_reject(layer, wanted);
  layer->out = (gan_shape){1, 1, parameters->units};
  layer->capacity = gan_plan_capacity(plan);
  GAN_TRY(plan_tensors(layer, plan));
  size_t a_sample = (size_t)functions * sizeof(float) + (size_t)parameters->units;
  layer->own_work = gan_plan_work(plan, (size_t)layer->capacity * a_sample, 0);
  gan_convolution shape = {1, 1, layer->in.c, 1, 1, functions, 1, 1, 0, 1};
  gan_weight_plan(layer, plan, &shape, false);
  return GAN_OK;
}

static void init(gan_layer *layer, uint64_t seed, gan_init init, float std) {
  const maxout_parameters *parameters = layer->parameters;
  int64_t functions = functions_of(layer);
  gan_init_weights(layer, seed, init, std, layer->in.c * functions, layer->in.c,
                   parameters->bias ? functions : 0);
  gan_spectral_init(layer, seed);
}

/* (samples of a pass, units, pieces): what the functions give; in backward their gradients. */
static float *all_values(const gan_layer *layer) {
  return (float *)((char *)layer->work + layer->own_work);
}

/* The span's part of them. */
static float *values_of(const gan_layer *layer, const gan_span *span) {
  return all_values(layer) + span->first * functions_of(layer);
}

/* (samples, units), behind them: the piece that each output is. */
static uint8_t *from_of(const gan_layer *layer, const gan_span *span) {
  float *end = all_values(layer) + layer->capacity * functions_of(layer);
  return (uint8_t *)end + span->first * layer->out.c;
}

static void forward(const gan_layer *layer, const gan_span *span, const float *x, float *y) {
  const maxout_parameters *parameters = layer->parameters;
  float *z = values_of(layer, span);
  gan_weight_forward(layer, span, x, z);
  if (span->tangent) {
    gan_maxout_choose(span->samples, parameters->units, parameters->pieces, from_of(layer, span), z,
                      y);
    return;
  }
  if (parameters->bias) gan_add_bias(span->samples, functions_of(layer), layer->value[BIAS], z);
  gan_maxout(span->samples, parameters->units, parameters->pieces, z, y, from_of(layer, span));
}

static void backward(const gan_layer *layer, const gan_span *span, unsigned want, const float *x,
                     const float *y, float *dy, float *dx) {
  (void)y;
  const maxout_parameters *parameters = layer->parameters;
  float *dz = values_of(layer, span);
  gan_maxout_backward(span->samples, parameters->units, parameters->pieces, from_of(layer, span),
                      dy, dz);
  gan_weight_backward(layer, span, want, x, dz, dx);
  if (want & GAN_WANT_WEIGHTS && parameters->bias && !span->tangent)
    gan_column_sums(span->samples, functions_of(layer), dz, span->accumulate,
                    gan_layer_gradient(layer, span, BIAS));
}

const gan_layer_type gan_layer_maxout = {
    .schema = {"maxout",
               "the largest of several linear functions, for each output",
               {options, sizeof options / sizeof *options},
               sizeof(maxout_parameters)},
    .plan = plan,
    .init = init,
    .settle = gan_weight_settle,
    .forward = forward,
    .backward = backward,
    .tangent = GAN_TANGENT_BY_FORWARD,
    .needs_x = true,
};
