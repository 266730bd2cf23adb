/* relu, leaky_relu, tanh, sigmoid: pointwise, in place, backward from the output. */
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

static int64_t size_of(const gan_layer *layer, const gan_pass *pass) {
  return pass->samples * gan_shape_size(layer->in);
}

static float slope_of(const gan_layer *layer) {
  return (float)((const leaky_relu_parameters *)layer->parameters)->slope;
}

#define UNUSED_OF_BACKWARD (void)want, (void)x

static gan_status relu_forward(gan_layer *layer, const gan_pass *pass, const float *x, float *y) {
  gan_leaky_relu(size_of(layer, pass), 0.0f, x, y);
  return GAN_OK;
}

static gan_status relu_backward(gan_layer *layer, const gan_pass *pass, unsigned want,
                                const float *x, const float *y, float *dy, float *dx) {
  UNUSED_OF_BACKWARD;
  if (dx) gan_leaky_relu_backward(size_of(layer, pass), 0.0f, y, dy, dx);
  return GAN_OK;
}

static gan_status leaky_relu_forward(gan_layer *layer, const gan_pass *pass, const float *x,
                                     float *y) {
  gan_leaky_relu(size_of(layer, pass), slope_of(layer), x, y);
  return GAN_OK;
}

static gan_status leaky_relu_backward(gan_layer *layer, const gan_pass *pass, unsigned want,
                                      const float *x, const float *y, float *dy, float *dx) {
  UNUSED_OF_BACKWARD;
  if (dx) gan_leaky_relu_backward(size_of(layer, pass), slope_of(layer), y, dy, dx);
  return GAN_OK;
}

static gan_status tanh_forward(gan_layer *layer, const gan_pass *pass, const float *x, float *y) {
  gan_tanh(size_of(layer, pass), x, y);
  return GAN_OK;
}

static gan_status tanh_backward(gan_layer *layer, const gan_pass *pass, unsigned want,
                                const float *x, const float *y, float *dy, float *dx) {
  UNUSED_OF_BACKWARD;
  if (dx) gan_tanh_backward(size_of(layer, pass), y, dy, dx);
  return GAN_OK;
}

static gan_status sigmoid_forward(gan_layer *layer, const gan_pass *pass, const float *x,
                                  float *y) {
  gan_sigmoid(size_of(layer, pass), x, y);
  return GAN_OK;
}

static gan_status sigmoid_backward(gan_layer *layer, const gan_pass *pass, unsigned want,
                                   const float *x, const float *y, float *dy, float *dx) {
  UNUSED_OF_BACKWARD;
  if (dx) gan_sigmoid_backward(size_of(layer, pass), y, dy, dx);
  return GAN_OK;
}

const gan_layer_type gan_layer_relu = {
    .schema = {"relu", "max(x, 0)", {NULL, 0}, sizeof(no_parameters)},
    .plan = plan,
    .forward = relu_forward,
    .backward = relu_backward,
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
    .in_place = true,
    .needs_y = true,
};
