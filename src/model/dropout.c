/* dropout: in training each number is zeroed with probability p, the others scaled by 1 / (1 - p)
 * (Srivastava et al. 2014, inverted as in PyTorch's nn.Dropout).
 *
 * The mask is keyed by seed, network, layer, phase, update and global sample: the same on every
 * world size. */
#include "kernels/pointwise.h"
#include "model/layer.h"

#include <string.h>

typedef struct {
  double p;
} dropout_parameters;

/* clang-format off */
static const gan_option options[] = {
  {"p", GAN_OPTION_REAL, offsetof(dropout_parameters, p), "0.5", 0, 1, NULL, GAN_OPTION_BELOW, "",
   "probability of a zero"},
};
/* clang-format on */

static gan_status plan(gan_layer *layer, gan_layer_plan *plan) {
  layer->out = layer->in;
  gan_plan_work(plan, 0, (size_t)gan_shape_size(layer->in)); /* the mask of a pass */
  return GAN_OK;
}

static uint8_t *mask_of(const gan_layer *layer, const gan_span *span) {
  return (uint8_t *)layer->work + span->first * gan_shape_size(layer->in);
}

static float scale_of(const gan_layer *layer) {
  return (float)(1.0 / (1.0 - ((const dropout_parameters *)layer->parameters)->p));
}

static void draw_masks(const gan_layer *layer, const gan_span *span, int i) {
  const dropout_parameters *parameters = layer->parameters;
  const gan_pass *pass = span->pass;
  gan_span_set set = gan_span_set_of(span, i);
  int64_t size = gan_shape_size(layer->in);
  uint8_t *mask = mask_of(layer, span) + set.first * size;
  uint32_t threshold = (uint32_t)(parameters->p * 0x1p32);
  gan_rng rng = gan_layer_rng(layer, pass->seed, GAN_RNG_DROPOUT, set.phase, 0);
  for (int64_t s = 0; s < set.samples; s++, mask += size)
    gan_rng_at_least(rng, pass->draw, (uint32_t)(set.first_sample + s), size, threshold, mask);
}

static void forward(const gan_layer *layer, const gan_span *span, const float *x, float *y) {
  const gan_pass *pass = span->pass;
  int64_t size = gan_shape_size(layer->in);
  if (!pass->training) {
    if (y != x) memcpy(y, x, (size_t)(span->samples * size) * sizeof *y);
    return;
  }
  for (int i = 0; i < gan_pass_sets(pass) && !span->tangent; i++) draw_masks(layer, span, i);
  gan_mask(span->samples * size, scale_of(layer), mask_of(layer, span), x, y);
}

static void backward(const gan_layer *layer, const gan_span *span, unsigned want, const float *x,
                     const float *y, float *dy, float *dx) {
  (void)want, (void)x, (void)y;
  if (dx)
    gan_mask(span->samples * gan_shape_size(layer->in), scale_of(layer), mask_of(layer, span), dy,
             dx);
}

const gan_layer_type gan_layer_dropout = {
    .schema = {"dropout",
               "zeroes numbers at random while training",
               {options, sizeof options / sizeof *options},
               sizeof(dropout_parameters)},
    .plan = plan,
    .forward = forward,
    .backward = backward,
    .tangent = GAN_TANGENT_BY_FORWARD,
    .in_place = true,
};
