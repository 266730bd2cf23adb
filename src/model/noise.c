/* gaussian_noise: in training each number gets N(0, std) added; while sampling it is nothing.  In a
 * discriminator it smooths what it tells apart (Salimans et al. 2016 and others add such noise).
 *
 * The noise is keyed as dropout's masks are, by seed, network, layer, phase, update and global
 * sample: the same on every world size. */
#include "base/blocks.h"
#include "model/layer.h"

#include <string.h>

typedef struct {
  double std;
} noise_parameters;

/* clang-format off */
static const gan_option options[] = {
  {"std", GAN_OPTION_REAL, offsetof(noise_parameters, std), "0.1", 0, 1e6, NULL, 0, "",
   "standard deviation of the noise"},
};
/* clang-format on */

static gan_status plan(gan_layer *layer, gan_layer_plan *plan) {
  (void)plan;
  layer->out = layer->in;
  return GAN_OK;
}

/* y = x + std noise of samples `at` to at + count - 1 of a set, which begins at x and y. */
static void add_noise(const gan_layer *layer, const gan_pass *pass, const gan_span_set *set,
                      int64_t at, int64_t count, const float *x, float *y) {
  const noise_parameters *parameters = layer->parameters;
  int64_t size = gan_shape_size(layer->in);
  float std = (float)parameters->std;
  gan_rng rng = gan_layer_rng(layer, pass->seed, GAN_RNG_NOISE, set->phase, 0);
  for (int64_t s = at; s < at + count; s++) {
    float *to = y + s * size;
    const float *from = x + s * size;
    gan_rng_normal(rng, pass->draw, (uint32_t)(set->first_sample + s), size, to);
    for (int64_t i = 0; i < size; i++) to[i] = from[i] + std * to[i];
  }
}

static void forward(const gan_layer *layer, const gan_span *span, const float *x, float *y) {
  enum { COST = 32 }; /* a number costs as much as passing over so many */
  const gan_pass *pass = span->pass;
  int64_t size = gan_shape_size(layer->in);
  if (!pass->training) {
    memcpy(y, x, (size_t)(span->samples * size) * sizeof *y);
    return;
  }
  for (int i = 0; i < gan_pass_sets(pass); i++) {
    gan_span_set set = gan_span_set_of(span, i);
    GAN_FOR_BLOCKS(
        at, count, set.samples, COST * size,
        add_noise(layer, pass, &set, at, count, x + set.first * size, y + set.first * size));
  }
}

static void backward(const gan_layer *layer, const gan_span *span, unsigned want, const float *x,
                     const float *y, float *dy, float *dx) {
  (void)want, (void)x, (void)y;
  if (dx && dx != dy)
    memcpy(dx, dy, (size_t)(span->samples * gan_shape_size(layer->in)) * sizeof *dx);
}

const gan_layer_type gan_layer_gaussian_noise = {
    .schema = {"gaussian_noise",
               "adds normal noise while training",
               {options, sizeof options / sizeof *options},
               sizeof(noise_parameters)},
    .plan = plan,
    .forward = forward,
    .backward = backward,
    .tangent = GAN_TANGENT_BY_BACKWARD, /* the noise stays, so directions go through as they are */
};
