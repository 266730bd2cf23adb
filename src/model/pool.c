/* avgpool, maxpool, global_avgpool: PyTorch's nn.AvgPool2d (padding counted), nn.MaxPool2d and
 * nn.AdaptiveAvgPool2d(1). */
#include "kernels/pool.h"
#include "kernels/normalise.h"
#include "model/layer.h"

#include <stdio.h>

typedef struct {
  int64_t kernel, stride, padding;
} pool_parameters;

typedef struct {
  char none;
} no_parameters;

/* clang-format off */
static const gan_option options[] = {
  {"kernel", GAN_OPTION_INT, offsetof(pool_parameters, kernel), NULL, 1, 1 << 12, NULL, 0, "pixels",
   "height and width of a window"},
  {"stride", GAN_OPTION_INT, offsetof(pool_parameters, stride), "null", 1, 1 << 12, NULL,
   GAN_OPTION_UNSET, "pixels", "from a window to the next; null: the kernel"},
  {"padding", GAN_OPTION_INT, offsetof(pool_parameters, padding), "0", 0, 1 << 11, NULL, 0,
   "pixels", "around the image; at most half the kernel"},
};
/* clang-format on */

static int64_t windows_in(int64_t size, const gan_window *window) {
  int64_t room = size + 2 * window->padding - window->kernel;
  return room < 0 ? 0 : room / window->stride + 1;
}

static gan_window window_of(const gan_layer *layer) {
  const pool_parameters *parameters = layer->parameters;
  bool own = parameters->stride != GAN_UNSET_INT;
  gan_window window = {.h = layer->in.h,
                       .w = layer->in.w,
                       .c = layer->in.c,
                       .kernel = parameters->kernel,
                       .stride = own ? parameters->stride : parameters->kernel,
                       .padding = parameters->padding};
  window.out_h = windows_in(window.h, &window);
  window.out_w = windows_in(window.w, &window);
  return window;
}

static gan_status plan(gan_layer *layer, gan_layer_plan *plan) {
  (void)plan;
  gan_window window = window_of(layer);
  char wanted[96];
  layer->out = (gan_shape){window.out_h, window.out_w, window.c};
  if (2 * window.padding > window.kernel)
    return gan_layer_reject(layer, "a padding of at most half its kernel");
  if (window.out_h && window.out_w) return GAN_OK;
  long long least = window.kernel - 2 * window.padding;
  snprintf(wanted, sizeof wanted, "an image of at least %lldx%lld pixels", least, least);
  return gan_layer_reject(layer, wanted);
}

/* ---- avgpool ---- */

static void avgpool_forward(const gan_layer *layer, const gan_span *span, const float *x,
                            float *y) {
  gan_window window = window_of(layer);
  gan_average_pool(span->samples, &window, x, y);
}

static void avgpool_backward(const gan_layer *layer, const gan_span *span, unsigned want,
                             const float *x, const float *y, float *dy, float *dx) {
  (void)want, (void)x, (void)y;
  gan_window window = window_of(layer);
  if (dx) gan_average_pool_backward(span->samples, &window, dy, dx);
}

/* ---- maxpool ---- */

static gan_status maxpool_plan(gan_layer *layer, gan_layer_plan *layer_plan) {
  GAN_TRY(plan(layer, layer_plan));
  gan_plan_work(layer_plan, 0, (size_t)gan_shape_size(layer->out) * sizeof(int32_t));
  return GAN_OK;
}

/* (samples, out): the pixel that each number came from. */
static int32_t *from_of(const gan_layer *layer, const gan_span *span) {
  return (int32_t *)layer->work + span->first * gan_shape_size(layer->out);
}

static void maxpool_forward(const gan_layer *layer, const gan_span *span, const float *x,
                            float *y) {
  gan_window window = window_of(layer);
  if (span->tangent)
    gan_max_pool_choose(span->samples, &window, from_of(layer, span), x, y);
  else
    gan_max_pool(span->samples, &window, x, y, from_of(layer, span));
}

static void maxpool_backward(const gan_layer *layer, const gan_span *span, unsigned want,
                             const float *x, const float *y, float *dy, float *dx) {
  (void)want, (void)x, (void)y;
  gan_window window = window_of(layer);
  if (dx) gan_max_pool_backward(span->samples, &window, from_of(layer, span), dy, dx);
}

/* ---- global_avgpool ---- */

static gan_status global_avgpool_plan(gan_layer *layer, gan_layer_plan *plan) {
  (void)plan;
  layer->out = (gan_shape){1, 1, layer->in.c};
  layer->identity = gan_shape_is_flat(layer->in);
  return GAN_OK;
}

static void global_avgpool_forward(const gan_layer *layer, const gan_span *span, const float *x,
                                   float *y) {
  int64_t pixels = layer->in.h * layer->in.w, c = layer->in.c;
  float share = 1.0f / (float)pixels;
  for (int64_t s = 0; s < span->samples; s++, x += pixels * c, y += c) {
    gan_column_sums(pixels, c, x, false, y);
    for (int64_t k = 0; k < c; k++) y[k] *= share;
  }
}

static void global_avgpool_backward(const gan_layer *layer, const gan_span *span, unsigned want,
                                    const float *x, const float *y, float *dy, float *dx) {
  (void)want, (void)x, (void)y;
  int64_t pixels = layer->in.h * layer->in.w, c = layer->in.c;
  float share = 1.0f / (float)pixels;
  if (!dx) return;
  for (int64_t s = 0; s < span->samples; s++, dy += c)
    for (int64_t p = 0; p < pixels; p++, dx += c)
      for (int64_t k = 0; k < c; k++) dx[k] = dy[k] * share;
}

const gan_layer_type gan_layer_avgpool = {
    .schema = {"avgpool",
               "the mean of each window of an image",
               {options, sizeof options / sizeof *options},
               sizeof(pool_parameters)},
    .plan = plan,
    .forward = avgpool_forward,
    .backward = avgpool_backward,
    .tangent = GAN_TANGENT_BY_FORWARD,
};

const gan_layer_type gan_layer_maxpool = {
    .schema = {"maxpool",
               "the largest number of each window of an image",
               {options, sizeof options / sizeof *options},
               sizeof(pool_parameters)},
    .plan = maxpool_plan,
    .forward = maxpool_forward,
    .backward = maxpool_backward,
    .tangent = GAN_TANGENT_BY_FORWARD,
};

const gan_layer_type gan_layer_global_avgpool = {
    .schema = {"global_avgpool",
               "each channel's mean over an image, as a vector",
               {NULL, 0},
               sizeof(no_parameters)},
    .plan = global_avgpool_plan,
    .forward = global_avgpool_forward,
    .backward = global_avgpool_backward,
    .tangent = GAN_TANGENT_BY_FORWARD,
};
