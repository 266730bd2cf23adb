/* relu, leaky_relu, tanh, sigmoid: pointwise, in place, backward from the output; silu: backward
 * from the input, so not in place. */
#include "kernels/pointwise.h"
#include "model/layer.h"

typedef struct {
  double slope;
} leaky_relu_parameters;

typedef struct {
  char none; /* no options */
} no_parameters;

/* clang-format off */
static const gan_option leaky_relu_options[] = {
  {"slope", GAN_OPTION_REAL, offsetof(leaky_relu_parameters, slope), "0.01", 0, 1, NULL, 0, "",
   "factor of negative inputs"},
};
/* clang-format on */

static gan_status plan(gan_layer *layer, gan_layer_plan *plan) {
  (void)plan;
  layer->out = layer->in;
  return GAN_OK;
}

static int64_t size_of(const gan_layer *layer, const gan_span *span) {
  return span->samples * gan_shape_size(layer->in);
}

static float slope_of(const gan_layer *layer) {
  return (float)((const leaky_relu_parameters *)layer->parameters)->slope;
}

#define UNUSED_OF_BACKWARD (void)want, (void)x

static void relu_forward(const gan_layer *layer, const gan_span *span, const float *x, float *y) {
  gan_leaky_relu(size_of(layer, span), 0.0f, x, y);
}

static void relu_backward(const gan_layer *layer, const gan_span *span, unsigned want,
                          const float *x, const float *y, float *dy, float *dx) {
  UNUSED_OF_BACKWARD;
  if (dx) gan_leaky_relu_backward(size_of(layer, span), 0.0f, y, dy, dx);
}

static void leaky_relu_forward(const gan_layer *layer, const gan_span *span, const float *x,
                               float *y) {
  gan_leaky_relu(size_of(layer, span), slope_of(layer), x, y);
}

static void leaky_relu_backward(const gan_layer *layer, const gan_span *span, unsigned want,
                                const float *x, const float *y, float *dy, float *dx) {
  UNUSED_OF_BACKWARD;
  if (dx) gan_leaky_relu_backward(size_of(layer, span), slope_of(layer), y, dy, dx);
}

static void tanh_forward(const gan_layer *layer, const gan_span *span, const float *x, float *y) {
  gan_tanh(size_of(layer, span), x, y);
}

static void tanh_backward(const gan_layer *layer, const gan_span *span, unsigned want,
                          const float *x, const float *y, float *dy, float *dx) {
  UNUSED_OF_BACKWARD;
  if (dx) gan_tanh_backward(size_of(layer, span), y, dy, dx);
}

static void tanh_bend(const gan_layer *layer, const gan_span *span, const gan_point *point,
                      const float *tx, const float *dty, float *dx) {
  gan_tanh_bend(size_of(layer, span), point->y, tx, dty, dx);
}

static void sigmoid_forward(const gan_layer *layer, const gan_span *span, const float *x,
                            float *y) {
  gan_sigmoid(size_of(layer, span), x, y);
}

static void sigmoid_backward(const gan_layer *layer, const gan_span *span, unsigned want,
                             const float *x, const float *y, float *dy, float *dx) {
  UNUSED_OF_BACKWARD;
  if (dx) gan_sigmoid_backward(size_of(layer, span), y, dy, dx);
}

static void sigmoid_bend(const gan_layer *layer, const gan_span *span, const gan_point *point,
                         const float *tx, const float *dty, float *dx) {
  gan_sigmoid_bend(size_of(layer, span), point->y, tx, dty, dx);
}

static void silu_forward(const gan_layer *layer, const gan_span *span, const float *x, float *y) {
  gan_silu(size_of(layer, span), x, y);
}

static void silu_backward(const gan_layer *layer, const gan_span *span, unsigned want,
                          const float *x, const float *y, float *dy, float *dx) {
  (void)want, (void)y;
  if (dx) gan_silu_backward(size_of(layer, span), x, dy, dx);
}

static void silu_bend(const gan_layer *layer, const gan_span *span, const gan_point *point,
                      const float *tx, const float *dty, float *dx) {
  gan_silu_bend(size_of(layer, span), point->x, tx, dty, dx);
}

const gan_layer_type gan_layer_relu = {
    .schema = {"relu", "max(x, 0)", {NULL, 0}, sizeof(no_parameters)},
    .plan = plan,
    .forward = relu_forward,
    .backward = relu_backward,
    .tangent = GAN_TANGENT_BY_BACKWARD,
    .in_place = true,
    .needs_y = true,
};

const gan_layer_type gan_layer_leaky_relu = {
    .schema = {"leaky_relu",
               "x where x > 0, slope x else",
               {leaky_relu_options, sizeof leaky_relu_options / sizeof *leaky_relu_options},
               sizeof(leaky_relu_parameters)},
    .plan = plan,
    .forward = leaky_relu_forward,
    .backward = leaky_relu_backward,
    .tangent = GAN_TANGENT_BY_BACKWARD,
    .in_place = true,
    .needs_y = true,
};

const gan_layer_type gan_layer_tanh = {
    .schema = {"tanh",
               "hyperbolic tangent; last, it gives images in [-1, 1]",
               {NULL, 0},
               sizeof(no_parameters)},
    .plan = plan,
    .forward = tanh_forward,
    .backward = tanh_backward,
    .tangent = GAN_TANGENT_BY_BACKWARD,
    .bend = tanh_bend,
    .in_place = true,
    .needs_y = true,
};

const gan_layer_type gan_layer_sigmoid = {
    .schema = {"sigmoid",
               "1 / (1 + exp(-x)); last, it gives images in [0, 1]",
               {NULL, 0},
               sizeof(no_parameters)},
    .plan = plan,
    .forward = sigmoid_forward,
    .backward = sigmoid_backward,
    .tangent = GAN_TANGENT_BY_BACKWARD,
    .bend = sigmoid_bend,
    .in_place = true,
    .needs_y = true,
};

const gan_layer_type gan_layer_silu = {
    .schema = {"silu", "x / (1 + exp(-x))", {NULL, 0}, sizeof(no_parameters)},
    .plan = plan,
    .forward = silu_forward,
    .backward = silu_backward,
    .tangent = GAN_TANGENT_BY_BACKWARD,
    .bend = silu_bend,
    .needs_x = true,
};
