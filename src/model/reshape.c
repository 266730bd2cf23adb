/* flatten and reshape: between images and vectors, in PyTorch's order (C, H, W), which is not the
 * inner one (H, W, C).  Where both are the same, nothing is moved. */
#include "kernels/pointwise.h"
#include "model/layer.h"

#include <stdio.h>

typedef struct {
  char none;
} no_parameters;

typedef struct {
  gan_option_ints shape;
} reshape_parameters;

/* clang-format off */
static const gan_option reshape_options[] = {
  {"shape", GAN_OPTION_INTS, offsetof(reshape_parameters, shape), NULL, 1, INT32_MAX, NULL, 0, "",
   "[C, H, W], or [D] for a vector"},
};
/* clang-format on */

static bool moves(gan_shape image) {
  return image.c > 1 && image.h * image.w > 1;
}

static gan_status flatten_plan(gan_layer *layer, gan_layer_plan *plan) {
  (void)plan;
  layer->out = (gan_shape){1, 1, gan_shape_size(layer->in)};
  layer->identity = !moves(layer->in);
  return GAN_OK;
}

static void flatten_forward(const gan_layer *layer, const gan_span *span, const float *x,
                            float *y) {
  gan_transpose(span->samples, layer->in.h * layer->in.w, layer->in.c, x, y);
}

static void flatten_backward(const gan_layer *layer, const gan_span *span, unsigned want,
                             const float *x, const float *y, float *dy, float *dx) {
  (void)want, (void)x, (void)y;
  if (dx) gan_transpose(span->samples, layer->in.c, layer->in.h * layer->in.w, dy, dx);
}

/* Without options, put in by a network: layer->out is what it wants. */
static gan_status reshape_plan(gan_layer *layer, gan_layer_plan *plan) {
  (void)plan;
  const reshape_parameters *parameters = layer->parameters;
  if (parameters) {
    const gan_option_ints *shape = &parameters->shape;
    if (shape->count == 1)
      layer->out = (gan_shape){1, 1, shape->values[0]};
    else if (shape->count == 3)
      layer->out = (gan_shape){shape->values[1], shape->values[2], shape->values[0]};
    else
      return gan_layer_reject(layer, "a shape of one or three numbers, [D] or [C, H, W]");
  }
  if (gan_shape_size(layer->out) != gan_shape_size(layer->in)) {
    char wanted[96], text[64];
    snprintf(wanted, sizeof wanted, "as many numbers as its shape has, %s",
             gan_shape_text(layer->out, text));
    return gan_layer_reject(layer, wanted);
  }
  if (!gan_shape_is_flat(layer->in) && !gan_shape_is_flat(layer->out))
    return gan_layer_reject(layer, "a vector; put '- flatten: {}' before it");
  layer->identity = !moves(layer->in) && !moves(layer->out);
  return GAN_OK;
}

static void reshape_forward(const gan_layer *layer, const gan_span *span, const float *x,
                            float *y) {
  if (moves(layer->in))
    flatten_forward(layer, span, x, y);
  else
    gan_transpose(span->samples, layer->out.c, layer->out.h * layer->out.w, x, y);
}

static void reshape_backward(const gan_layer *layer, const gan_span *span, unsigned want,
                             const float *x, const float *y, float *dy, float *dx) {
  if (moves(layer->in))
    flatten_backward(layer, span, want, x, y, dy, dx);
  else if (dx)
    gan_transpose(span->samples, layer->out.h * layer->out.w, layer->out.c, dy, dx);
}

const gan_layer_type gan_layer_flatten = {
    .schema = {"flatten",
               "an image as a vector, in PyTorch's order (C, H, W)",
               {NULL, 0},
               sizeof(no_parameters)},
    .plan = flatten_plan,
    .forward = flatten_forward,
    .backward = flatten_backward,
    .tangent = GAN_TANGENT_BY_FORWARD,
};

const gan_layer_type gan_layer_reshape = {
    .schema = {"reshape",
               "a vector as an image [C, H, W], or an image as a vector [D]",
               {reshape_options, sizeof reshape_options / sizeof *reshape_options},
               sizeof(reshape_parameters)},
    .plan = reshape_plan,
    .forward = reshape_forward,
    .backward = reshape_backward,
    .tangent = GAN_TANGENT_BY_FORWARD,
};
