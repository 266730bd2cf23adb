/* self_attention: Zhang et al. 2019 (SAGAN), equations 1 to 3, with the values as they are.
 *
 * Of each image, N pixels by C channels: query q and key k (N, C / reduction) and value v (N, C)
 * are products with a matrix each, 1x1 convolutions without bias; beta = softmax over keys of q
 * k^T; y = x + gamma beta v.  gamma is learned and 0 at first, where y is x.
 */
#include "kernels/gemm.h"
#include "kernels/pointwise.h"
#include "kernels/softmax.h"
#include "model/layer.h"

#include <stdio.h>
#include <string.h>

typedef struct {
  int64_t reduction;
} attention_parameters;

/* PyTorch's order of state_dict is the module's own tensors, then its members'. */
enum { GAMMA, QUERY, KEY, VALUE };

/* The attention of an image has as many numbers as the square of its pixels: 1 GiB. */
enum { PIXELS_MAX = 1 << 14 };

/* clang-format off */
static const gan_option options[] = {
  {"reduction", GAN_OPTION_INT, offsetof(attention_parameters, reduction), "8", 1, 1 << 16, NULL, 0,
   "", "the channels over those of queries and keys"},
};
/* clang-format on */

static int64_t pixels_of(const gan_layer *layer) {
  return layer->in.h * layer->in.w;
}

/* Channels of queries and keys. */
static int64_t depth_of(const gan_layer *layer) {
  return layer->in.c / ((const attention_parameters *)layer->parameters)->reduction;
}

static gan_status plan_tensors(const gan_layer *layer, gan_layer_plan *plan) {
  int64_t c = layer->in.c, depth = depth_of(layer);
  gan_dims scalar = {1, {1}}, narrow = {4, {depth, c, 1, 1}}, wide = {4, {c, c, 1, 1}};
  GAN_TRY(gan_plan_tensor(plan, GAN_TENSOR_PARAM, "gamma", scalar));
  GAN_TRY(gan_plan_tensor(plan, GAN_TENSOR_PARAM, "query.weight", narrow));
  GAN_TRY(gan_plan_tensor(plan, GAN_TENSOR_PARAM, "key.weight", narrow));
  return gan_plan_tensor(plan, GAN_TENSOR_PARAM, "value.weight", wide);
}

/* Queries, keys and values, or their gradients, of the pixels of a pass. */
typedef struct {
  float *query, *key; /* (N, depth) */
  float *value;       /* (N, C) */
} projections;

static gan_status plan(gan_layer *layer, gan_layer_plan *plan) {
  int64_t n = pixels_of(layer), c = layer->in.c, depth = depth_of(layer);
  int64_t reduction = ((const attention_parameters *)layer->parameters)->reduction;
  char wanted[96];
  layer->out = layer->in;
  snprintf(wanted, sizeof wanted, "a number of channels that its reduction, %lld, divides",
           (long long)reduction);
  if (c % reduction) return gan_layer_reject(layer, wanted);
  snprintf(wanted, sizeof wanted, "at most %d pixels, since its memory grows with their square",
           PIXELS_MAX);
  if (n > PIXELS_MAX) return gan_layer_reject(layer, wanted);
  size_t projected = (size_t)(n * (2 * depth + c)), kept = (size_t)(n * n) + 2 * projected;
  layer->capacity = gan_plan_capacity(plan);
  layer->scratch = (n * n + 1) / 2; /* one image's attention, or its gradient, as floats */
  gan_plan_work(plan, 0, (gan_plan_trains(plan) ? kept : projected) * sizeof(float));
  return plan_tensors(layer, plan);
}

/* As PyTorch's nn.Conv2d. */
static void init(gan_layer *layer, uint64_t seed, gan_init init, float std) {
  int64_t c = layer->in.c, depth = depth_of(layer);
  layer->value[GAMMA][0] = 0.0f;
  gan_init_tensor(layer, seed, init, std, QUERY, c * depth, c);
  gan_init_tensor(layer, seed, init, std, KEY, c * depth, c);
  gan_init_tensor(layer, seed, init, std, VALUE, c * c, c);
}

/* ---- what lies in work: (samples of a pass) of each ---- */

/* The span's part of the projections that begin at `floats`. */
static projections projections_at(const gan_layer *layer, const gan_span *span, float *floats) {
  int64_t n = pixels_of(layer), c = layer->in.c, depth = depth_of(layer);
  float *key = floats + layer->capacity * n * depth, *value = key + layer->capacity * n * depth;
  return (projections){floats + span->first * n * depth, key + span->first * n * depth,
                       value + span->first * n * c};
}

static int64_t projected(const gan_layer *layer) {
  return layer->capacity * pixels_of(layer) * (2 * depth_of(layer) + layer->in.c);
}

static projections projections_of(const gan_layer *layer, const gan_span *span) {
  return projections_at(layer, span, layer->work);
}

static projections gradients_of(const gan_layer *layer, const gan_span *span) {
  return projections_at(layer, span, (float *)layer->work + projected(layer));
}

/* (N, N) of image s of a span; kept only where a backward may follow. */
static float *beta_of(const gan_layer *layer, const gan_span *span, int64_t s) {
  if (!span->pass->training || !layer->gradient[GAMMA]) return (float *)span->scratch;
  int64_t n = pixels_of(layer);
  return (float *)layer->work + 2 * projected(layer) + (span->first + s) * n * n;
}

/* ---- forward ---- */

static void project(const gan_layer *layer, const gan_span *span, const float *x,
                    const projections *to) {
  int64_t rows = span->samples * pixels_of(layer), c = layer->in.c, depth = depth_of(layer);
  gan_gemm(false, true, rows, depth, c, x, layer->value[QUERY], 0.0f, to->query);
  gan_gemm(false, true, rows, depth, c, x, layer->value[KEY], 0.0f, to->key);
  gan_gemm(false, true, rows, c, c, x, layer->value[VALUE], 0.0f, to->value);
}

static void forward(const gan_layer *layer, const gan_span *span, const float *x, float *y) {
  int64_t n = pixels_of(layer), c = layer->in.c, depth = depth_of(layer);
  projections at = projections_of(layer, span);
  project(layer, span, x, &at);
  for (int64_t s = 0; s < span->samples; s++) {
    float *beta = beta_of(layer, span, s);
    int64_t narrow = s * n * depth, wide = s * n * c;
    gan_gemm(false, true, n, n, depth, at.query + narrow, at.key + narrow, 0.0f, beta);
    gan_softmax(n, n, beta);
    gan_gemm(false, false, n, c, n, beta, at.value + wide, 0.0f, y + wide);
  }
  gan_scale_and_add(span->samples * n * c, layer->value[GAMMA][0], x, y);
}

/* ---- backward ---- */

/* With t = dy v^T: the gradients of q, k, v, and gamma's, which is the sum of beta t. */
static double backward_image(const gan_layer *layer, const gan_span *span, int64_t s,
                             const projections *at, const projections *to, const float *dy) {
  int64_t n = pixels_of(layer), c = layer->in.c, depth = depth_of(layer);
  int64_t narrow = s * n * depth, wide = s * n * c;
  float *t = (float *)span->scratch, gamma = layer->value[GAMMA][0];
  const float *beta = beta_of(layer, span, s);
  gan_gemm(true, false, n, c, n, beta, dy + wide, 0.0f, to->value + wide);
  gan_scale(n * c, gamma, to->value + wide, to->value + wide);
  gan_gemm(false, true, n, n, c, dy + wide, at->value + wide, 0.0f, t);
  double of_gamma = gan_softmax_backward(n, n, gamma, beta, t);
  gan_gemm(false, false, n, depth, n, t, at->key + narrow, 0.0f, to->query + narrow);
  gan_gemm(true, false, n, depth, n, t, at->query + narrow, 0.0f, to->key + narrow);
  return of_gamma;
}

static void weight_gradients(const gan_layer *layer, const gan_span *span, const projections *to,
                             double of_gamma, const float *x) {
  int64_t rows = span->samples * pixels_of(layer), c = layer->in.c, depth = depth_of(layer);
  float beta = span->accumulate ? 1.0f : 0.0f, *gamma = gan_layer_gradient(layer, span, GAMMA);
  *gamma = (float)((span->accumulate ? (double)*gamma : 0.0) + of_gamma);
  gan_gemm(true, false, depth, c, rows, to->query, x, beta, gan_layer_gradient(layer, span, QUERY));
  gan_gemm(true, false, depth, c, rows, to->key, x, beta, gan_layer_gradient(layer, span, KEY));
  gan_gemm(true, false, c, c, rows, to->value, x, beta, gan_layer_gradient(layer, span, VALUE));
}

static void input_gradient(const gan_layer *layer, const gan_span *span, const projections *to,
                           const float *dy, float *dx) {
  int64_t rows = span->samples * pixels_of(layer), c = layer->in.c, depth = depth_of(layer);
  memcpy(dx, dy, (size_t)(rows * c) * sizeof *dx);
  gan_gemm(false, false, rows, c, depth, to->query, layer->value[QUERY], 1.0f, dx);
  gan_gemm(false, false, rows, c, depth, to->key, layer->value[KEY], 1.0f, dx);
  gan_gemm(false, false, rows, c, c, to->value, layer->value[VALUE], 1.0f, dx);
}

static void backward(const gan_layer *layer, const gan_span *span, unsigned want, const float *x,
                     const float *y, float *dy, float *dx) {
  (void)y;
  projections at = projections_of(layer, span), to = gradients_of(layer, span);
  double of_gamma = 0;
  for (int64_t s = 0; s < span->samples; s++)
    of_gamma += backward_image(layer, span, s, &at, &to, dy);
  if (want & GAN_WANT_WEIGHTS) weight_gradients(layer, span, &to, of_gamma, x);
  if (dx) input_gradient(layer, span, &to, dy, dx);
}

const gan_layer_type gan_layer_self_attention = {
    .schema = {"self_attention",
               "adds to each pixel what it attends to in the image, by a factor that is learned",
               {options, sizeof options / sizeof *options},
               sizeof(attention_parameters)},
    .plan = plan,
    .init = init,
    .forward = forward,
    .backward = backward,
    .no_tangent = "its second derivatives are not built; use a conv2d in its place",
    .needs_x = true,
};
