/* upsample: PyTorch's nn.Upsample by a whole factor, without corners aligned. */
#include "kernels/upsample.h"
#include "model/layer.h"

typedef enum { MODE_NEAREST, MODE_BILINEAR } upsample_mode;

typedef struct {
  int64_t scale;
  int mode; /* upsample_mode */
} upsample_parameters;

static const char *const mode_names[] = {"nearest", "bilinear", NULL};

/* clang-format off */
static const gan_option options[] = {
  {"scale", GAN_OPTION_INT, offsetof(upsample_parameters, scale), "2", 1, 64, NULL, 0, "",
   "factor of height and width"},
  {"mode", GAN_OPTION_CHOICE, offsetof(upsample_parameters, mode), "nearest", 0, 0, mode_names, 0,
   "", "repeat pixels, or go linearly from one's centre to the next's"},
};
/* clang-format on */

static gan_status plan(gan_layer *layer, gan_layer_plan *plan) {
  (void)plan;
  int64_t scale = ((const upsample_parameters *)layer->parameters)->scale;
  layer->out = (gan_shape){scale * layer->in.h, scale * layer->in.w, layer->in.c};
  layer->identity = scale == 1;
  return GAN_OK;
}

static bool is_bilinear(const gan_layer *layer) {
  return ((const upsample_parameters *)layer->parameters)->mode == MODE_BILINEAR;
}

static gan_enlargement enlargement_of(const gan_layer *layer) {
  const upsample_parameters *parameters = layer->parameters;
  return (gan_enlargement){layer->in.h, layer->in.w, layer->in.c, parameters->scale};
}

static void forward(const gan_layer *layer, const gan_span *span, const float *x, float *y) {
  gan_enlargement by = enlargement_of(layer);
  if (is_bilinear(layer))
    gan_upsample_bilinear(span->samples, &by, x, y);
  else
    gan_upsample_nearest(span->samples, &by, x, y);
}

static void backward(const gan_layer *layer, const gan_span *span, unsigned want, const float *x,
                     const float *y, float *dy, float *dx) {
  (void)want, (void)x, (void)y;
  gan_enlargement by = enlargement_of(layer);
  if (!dx) return;
  if (is_bilinear(layer))
    gan_upsample_bilinear_backward(span->samples, &by, dy, dx);
  else
    gan_upsample_nearest_backward(span->samples, &by, dy, dx);
}

const gan_layer_type gan_layer_upsample = {
    .schema = {"upsample",
               "an image with more pixels",
               {options, sizeof options / sizeof *options},
               sizeof(upsample_parameters)},
    .plan = plan,
    .forward = forward,
    .backward = backward,
    .tangent = GAN_TANGENT_BY_FORWARD,
};
