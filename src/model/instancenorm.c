/* instancenorm: PyTorch's nn.InstanceNorm2d without running statistics (Ulyanov et al. 2016): each
 * channel of each image by its own mean and variance. */
#include "kernels/normalise.h"
#include "model/layer.h"

#include <math.h>

typedef struct {
  double eps;
  bool affine;
} instancenorm_parameters;

enum { WEIGHT, BIAS };

/* clang-format off */
static const gan_option options[] = {
  {"eps", GAN_OPTION_REAL, offsetof(instancenorm_parameters, eps), "1e-5", 0, 1, NULL,
   GAN_OPTION_ABOVE, "", "added to the variance"},
  {"affine", GAN_OPTION_BOOL, offsetof(instancenorm_parameters, affine), "false", 0, 0, NULL, 0, "",
   "whether each channel has a scale and a bias that are learned"},
};
/* clang-format on */

static bool is_affine(const gan_layer *layer) {
  return ((const instancenorm_parameters *)layer->parameters)->affine;
}

/* A span's own room: (C) each. */
typedef struct {
  double *sum, *product;         /* of one image */
  double *all_sum, *all_product; /* of the span's images */
  float *first, *second;         /* means of one image in backward */
  float *scale, *bias;           /* the layer's, or ones and zeros */
} span_scratch;

enum { SCRATCH_DOUBLES = 6 };

static gan_status plan(gan_layer *layer, gan_layer_plan *plan) {
  int64_t c = layer->in.c;
  gan_dims channels = {1, {c}};
  layer->out = layer->in;
  layer->scratch = SCRATCH_DOUBLES * c;
  if (gan_shape_is_flat(layer->in))
    return gan_layer_reject(layer, "images of more than one pixel; for vectors take layernorm");
  gan_plan_work(plan, 0, 2 * (size_t)c * sizeof(float));
  if (!is_affine(layer)) return GAN_OK;
  GAN_TRY(gan_plan_tensor(plan, GAN_TENSOR_PARAM, "weight", channels));
  return gan_plan_tensor(plan, GAN_TENSOR_PARAM, "bias", channels);
}

static void init(gan_layer *layer, uint64_t seed, gan_init init, float std) {
  (void)seed, (void)init, (void)std;
  if (!is_affine(layer)) return; /* the bias stays 0 */
  for (int64_t k = 0; k < layer->in.c; k++) layer->value[WEIGHT][k] = 1.0f;
}

static span_scratch scratch_of(const gan_layer *layer, const gan_span *span) {
  int64_t c = layer->in.c;
  double *doubles = span->scratch;
  float *floats = (float *)(doubles + 4 * c);
  span_scratch made = {doubles, doubles + c, doubles + 2 * c, doubles + 3 * c,
                       floats,  floats + c,  floats + 2 * c,  floats + 3 * c};
  for (int64_t k = 0; k < c; k++) {
    made.all_sum[k] = made.all_product[k] = 0;
    made.scale[k] = is_affine(layer) ? layer->value[WEIGHT][k] : 1.0f;
    made.bias[k] = is_affine(layer) ? layer->value[BIAS][k] : 0.0f;
  }
  return made;
}

/* (C) means of image `s` of the span, then (C) inverse deviations; from forward to backward. */
static float *statistics_of(const gan_layer *layer, const gan_span *span, int64_t s) {
  return (float *)layer->work + 2 * layer->in.c * (span->first + s);
}

/* The sums are shifted by the first pixel, so that they stay small. */
static void measure_image(const gan_layer *layer, const span_scratch *room, const float *x,
                          float *mean, float *inverse) {
  int64_t c = layer->in.c, pixels = layer->in.h * layer->in.w;
  double n = (double)pixels, eps = ((const instancenorm_parameters *)layer->parameters)->eps;
  gan_column_moments(pixels, c, x, x, room->sum, room->product);
  for (int64_t k = 0; k < c; k++) {
    gan_moments m = gan_moments_of(n, (double)x[k], room->sum[k], room->product[k]);
    mean[k] = (float)m.mean;
    inverse[k] = (float)(1.0 / sqrt(m.variance + eps));
  }
}

static void forward(const gan_layer *layer, const gan_span *span, const float *x, float *y) {
  int64_t c = layer->in.c, pixels = layer->in.h * layer->in.w;
  span_scratch room = scratch_of(layer, span);
  for (int64_t s = 0; s < span->samples; s++, x += pixels * c, y += pixels * c) {
    float *mean = statistics_of(layer, span, s), *inverse = mean + c;
    measure_image(layer, &room, x, mean, inverse);
    gan_normalise(pixels, c, x, mean, inverse, room.scale, room.bias, y);
  }
}

static void weight_gradients(const gan_layer *layer, const gan_span *span,
                             const span_scratch *room) {
  int64_t c = layer->in.c;
  gan_take_sums(c, span->accumulate, room->all_product, gan_layer_gradient(layer, span, WEIGHT));
  gan_take_sums(c, span->accumulate, room->all_sum, gan_layer_gradient(layer, span, BIAS));
}

static void backward(const gan_layer *layer, const gan_span *span, unsigned want, const float *x,
                     const float *y, float *dy, float *dx) {
  (void)y;
  int64_t c = layer->in.c, pixels = layer->in.h * layer->in.w, size = pixels * c;
  span_scratch room = scratch_of(layer, span);
  for (int64_t s = 0; s < span->samples; s++) {
    const float *mean = statistics_of(layer, span, s), *inverse = mean + c;
    gan_normalise_backward_sums(pixels, c, x + s * size, dy + s * size, mean, inverse, room.sum,
                                room.product);
    for (int64_t k = 0; k < c; k++) {
      room.all_sum[k] += room.sum[k];
      room.all_product[k] += room.product[k];
      room.first[k] = (float)(room.sum[k] / (double)pixels);
      room.second[k] = (float)(room.product[k] / (double)pixels);
    }
    if (dx)
      gan_normalise_backward(pixels, c, x + s * size, dy + s * size, mean, inverse, room.scale,
                             room.first, room.second, dx + s * size);
  }
  if ((want & GAN_WANT_WEIGHTS) && is_affine(layer)) weight_gradients(layer, span, &room);
}

const gan_layer_type gan_layer_instancenorm = {
    .schema = {"instancenorm",
               "normalises each channel of each image",
               {options, sizeof options / sizeof *options},
               sizeof(instancenorm_parameters)},
    .plan = plan,
    .init = init,
    .forward = forward,
    .backward = backward,
    .no_tangent = "its second derivatives are not built; use layernorm in its place",
    .needs_x = true,
};
