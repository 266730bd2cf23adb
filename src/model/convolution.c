/* conv2d and conv_transpose2d: PyTorch's nn.Conv2d and nn.ConvTranspose2d of square kernels, and
 * spectral_norm of them.
 *
 * Both are one convolution of a larger image to a smaller one (kernels/convolution.h): conv2d takes
 * it forward, conv_transpose2d backward.
 */
#include "kernels/normalise.h"
#include "kernels/pointwise.h"
#include "model/weight.h"

#include <stdio.h>

typedef struct {
  int64_t channels, kernel, stride, padding, groups;
  bool bias, spectral_norm;
  int64_t output_padding; /* of conv_transpose2d */
} convolution_parameters;

enum { BIAS = 1 }; /* behind the weight */

#define AT(member) offsetof(convolution_parameters, member)

/* clang-format off */
#define COMMON_OPTIONS                                                                             \
  {"channels", GAN_OPTION_INT, AT(channels), NULL, 1, 65536, NULL, 0, "channels", "of the output"},\
  {"kernel", GAN_OPTION_INT, AT(kernel), NULL, 1, 1024, NULL, 0, "pixels", "height and width of " \
   "the kernel"},                                                                                  \
  {"stride", GAN_OPTION_INT, AT(stride), "1", 1, 1024, NULL, 0, "pixels", "from one place of the " \
   "kernel to the next"},                                                                          \
  {"padding", GAN_OPTION_INT, AT(padding), "0", 0, 1024, NULL, 0, "pixels", "zeros around the "    \
   "larger of input and output"},                                                                  \
  {"groups", GAN_OPTION_INT, AT(groups), "1", 1, 65536, NULL, 0, "groups", "of channels, each "    \
   "convolved on its own"},                                                                        \
  {"bias", GAN_OPTION_BOOL, AT(bias), "true", 0, 0, NULL, 0, "", "whether a bias is added; false " \
   "before a batchnorm"},                                                                          \
  {"spectral_norm", GAN_OPTION_BOOL, AT(spectral_norm), "false", 0, 0, NULL, 0, "", "whether the " \
   "weight is divided by its largest singular value"}

static const gan_option options[] = {COMMON_OPTIONS};
static const gan_option transpose_options[] = {
  COMMON_OPTIONS,
  {"output_padding", GAN_OPTION_INT, AT(output_padding), "0", 0, 1023, NULL, 0, "pixels",
   "by how many the output is larger: one input size belongs to `stride` output sizes"},
};
/* clang-format on */

extern const gan_layer_type gan_layer_conv_transpose2d;

static bool is_transpose(const gan_layer *layer) {
  return layer->type == &gan_layer_conv_transpose2d;
}

/* The convolution from the larger image to the smaller. */
static gan_convolution shape_of(const gan_layer *layer) {
  const convolution_parameters *parameters = layer->parameters;
  gan_shape large = is_transpose(layer) ? layer->out : layer->in;
  gan_shape small = is_transpose(layer) ? layer->in : layer->out;
  return (gan_convolution){.h = large.h,
                           .w = large.w,
                           .c = large.c,
                           .out_h = small.h,
                           .out_w = small.w,
                           .out_c = small.c,
                           .kernel = parameters->kernel,
                           .stride = parameters->stride,
                           .padding = parameters->padding,
                           .groups = parameters->groups};
}

/* PyTorch's: a weight (out, in / groups, k, k) as it stands, of a transposed convolution
 * (in, out / groups, k, k) with its first two dimensions exchanged. */
static gan_spectral spectral_of(const gan_layer *layer) {
  const convolution_parameters *parameters = layer->parameters;
  gan_convolution shape = shape_of(layer);
  int64_t area = shape.kernel * shape.kernel, inner = shape.c / shape.groups;
  gan_spectral spectral = {.rows = shape.out_c,
                           .columns = inner * area,
                           .channels = inner,
                           .u = parameters->bias ? BIAS + 1 : BIAS};
  if (is_transpose(layer)) {
    spectral.rows = inner;
    spectral.columns = shape.out_c * area;
    spectral.channels = 0;
    spectral.transposed = true;
  }
  return spectral;
}

static gan_status check_groups(const gan_layer *layer) {
  const convolution_parameters *parameters = layer->parameters;
  char wanted[128];
  long long groups = parameters->groups;
  if (layer->in.c % groups == 0 && parameters->channels % groups == 0) return GAN_OK;
  snprintf(wanted, sizeof wanted,
           "channels, there and in its own option (%lld), that groups (%lld) divides",
           (long long)parameters->channels, groups);
  return gan_layer_reject(layer, wanted);
}

static gan_status plan_tensors(gan_layer *layer, gan_layer_plan *plan) {
  const convolution_parameters *parameters = layer->parameters;
  gan_convolution shape = shape_of(layer);
  gan_dims weight = {4, {shape.out_c, shape.c / shape.groups, shape.kernel, shape.kernel}};
  gan_dims bias = {1, {layer->out.c}};
  const char *name = parameters->spectral_norm ? "weight_orig" : "weight";
  GAN_TRY(gan_plan_tensor(plan, GAN_TENSOR_PARAM, name, weight));
  if (parameters->bias) GAN_TRY(gan_plan_tensor(plan, GAN_TENSOR_PARAM, "bias", bias));
  if (parameters->spectral_norm) GAN_TRY(gan_spectral_plan(layer, plan, spectral_of(layer)));
  gan_weight_plan(layer, plan, &shape, is_transpose(layer));
  return GAN_OK;
}

static gan_status plan(gan_layer *layer, gan_layer_plan *plan) {
  const convolution_parameters *parameters = layer->parameters;
  int64_t reach = 2 * parameters->padding - parameters->kernel;
  char wanted[128];
  GAN_TRY(check_groups(layer));
  snprintf(wanted, sizeof wanted, "at least %lld pixels in both directions (kernel - 2 padding)",
           (long long)-reach);
  if (layer->in.h + reach < 0 || layer->in.w + reach < 0) return gan_layer_reject(layer, wanted);
  layer->out = (gan_shape){(layer->in.h + reach) / parameters->stride + 1,
                           (layer->in.w + reach) / parameters->stride + 1, parameters->channels};
  return plan_tensors(layer, plan);
}

static gan_status transpose_plan(gan_layer *layer, gan_layer_plan *plan) {
  const convolution_parameters *parameters = layer->parameters;
  int64_t more = parameters->kernel - 2 * parameters->padding + parameters->output_padding;
  GAN_TRY(check_groups(layer));
  if (parameters->output_padding >= parameters->stride)
    return gan_layer_reject(layer, "an output_padding smaller than its stride");
  layer->out = (gan_shape){(layer->in.h - 1) * parameters->stride + more,
                           (layer->in.w - 1) * parameters->stride + more, parameters->channels};
  if (layer->out.h < 1 || layer->out.w < 1)
    return gan_layer_reject(layer, "more pixels, or less padding: nothing is left of the output");
  return plan_tensors(layer, plan);
}

/* PyTorch counts the fan of a transposed convolution over its output's channels. */
static void init(gan_layer *layer, uint64_t seed, gan_init init, float std) {
  const convolution_parameters *parameters = layer->parameters;
  gan_convolution shape = shape_of(layer);
  int64_t fan_in = shape.c / shape.groups * shape.kernel * shape.kernel;
  gan_init_weights(layer, seed, init, std, gan_convolution_weights(&shape), fan_in,
                   parameters->bias ? layer->out.c : 0);
  gan_spectral_init(layer, seed);
}

static int64_t rows_of(const gan_layer *layer, const gan_span *span) {
  return span->samples * layer->out.h * layer->out.w;
}

static void forward(const gan_layer *layer, const gan_span *span, const float *x, float *y) {
  const convolution_parameters *parameters = layer->parameters;
  gan_weight_forward(layer, span, x, y);
  if (parameters->bias && !span->tangent)
    gan_add_bias(rows_of(layer, span), layer->out.c, layer->value[BIAS], y);
}

static void backward(const gan_layer *layer, const gan_span *span, unsigned want, const float *x,
                     const float *y, float *dy, float *dx) {
  (void)y;
  const convolution_parameters *parameters = layer->parameters;
  gan_weight_backward(layer, span, want, x, dy, dx);
  if (want & GAN_WANT_WEIGHTS && parameters->bias && !span->tangent)
    gan_column_sums(rows_of(layer, span), layer->out.c, dy, span->accumulate,
                    gan_layer_gradient(layer, span, BIAS));
}

#define COMMON_FUNCTIONS                                                                           \
  .init = init, .settle = gan_weight_settle, .forward = forward, .backward = backward,             \
  .tangent = GAN_TANGENT_BY_FORWARD, .needs_x = true

const gan_layer_type gan_layer_conv2d = {
    .schema = {"conv2d",
               "convolution of an image",
               {options, sizeof options / sizeof *options},
               sizeof(convolution_parameters)},
    .plan = plan,
    COMMON_FUNCTIONS,
};

const gan_layer_type gan_layer_conv_transpose2d = {
    .schema = {"conv_transpose2d",
               "transposed convolution: the image grows by the stride",
               {transpose_options, sizeof transpose_options / sizeof *transpose_options},
               sizeof(convolution_parameters)},
    .plan = transpose_plan,
    COMMON_FUNCTIONS,
};
