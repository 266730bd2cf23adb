/* Layers that know the class of a sample (gan_pass.classes).
 *
 *   one_hot     joins the class to the channels as K zeros and ones (Mirza and Osindero 2014)
 *   embedding   joins a learned vector of the class to them, PyTorch's nn.Embedding
 *   project     a sample's number: the inner product of a learned vector of the class and the sum
 *               of its pixels (Miyato and Koyama 2018, equation 4); a network's own, not the list's
 *
 * Of an image every pixel gets the class.  Between two classes the first two join the mean of what
 * they join for either. */
#include "model/layer.h"

#include <string.h>

enum { WEIGHT };

/* clang-format off */
static const gan_option embedding_options[] = {
  {"units", GAN_OPTION_INT, offsetof(gan_embedding_options, units), NULL, 1, 65536, NULL, 0,
   "numbers", "length of the vector of a class"},
};
/* clang-format on */

static gan_status want_classes(const gan_layer *layer) {
  return layer->classes ? GAN_OK : gan_layer_reject(layer, "classes too: set model.classes");
}

static int64_t pixels_of(const gan_layer *layer) {
  return layer->in.h * layer->in.w;
}

/* Of sample s of the span, which is of one class alone. */
static int32_t class_of(const gan_span *span, int64_t s) {
  GAN_ASSERT(!span->pass->other);
  return span->pass->classes[span->first + s];
}

/* Of class a and of class b: their weights add up to 1. */
typedef struct {
  int32_t a, b;
  float of_a, of_b;
} mixture;

static mixture mixture_of(const gan_span *span, int64_t s) {
  const gan_pass *pass = span->pass;
  int64_t i = span->first + s;
  int32_t a = pass->classes[i];
  if (!pass->other) return (mixture){a, a, 1.0f, 0.0f};
  GAN_ASSERT(!pass->training);
  return (mixture){a, pass->other[i], 1.0f - pass->share[i], pass->share[i]};
}

/* ---- joined to the channels ---- */

static int64_t joined(const gan_layer *layer) {
  return layer->out.c - layer->in.c;
}

/* Beside the numbers of each pixel room for what is joined. */
static void widen(const gan_layer *layer, int64_t samples, const float *x, float *y) {
  int64_t c = layer->in.c, out = layer->out.c;
  for (int64_t r = 0; r < samples * pixels_of(layer); r++)
    memcpy(y + r * out, x + r * c, (size_t)c * sizeof *y);
}

static void narrow(const gan_layer *layer, int64_t samples, const float *dy, float *dx) {
  int64_t c = layer->in.c, out = layer->out.c;
  for (int64_t r = 0; r < samples * pixels_of(layer); r++)
    memcpy(dx + r * c, dy + r * out, (size_t)c * sizeof *dx);
}

static gan_status one_hot_plan(gan_layer *layer, gan_layer_plan *plan) {
  (void)plan;
  layer->out = layer->in;
  layer->out.c += layer->classes;
  return want_classes(layer);
}

static void one_hot_forward(const gan_layer *layer, const gan_span *span, const float *x,
                            float *y) {
  int64_t out = layer->out.c;
  widen(layer, span->samples, x, y);
  for (int64_t s = 0; s < span->samples; s++) {
    mixture mix = mixture_of(span, s);
    for (int64_t p = 0; p < pixels_of(layer); p++, y += out) {
      memset(y + layer->in.c, 0, (size_t)joined(layer) * sizeof *y);
      if (span->tangent) continue;
      y[layer->in.c + mix.a] += mix.of_a;
      y[layer->in.c + mix.b] += mix.of_b;
    }
  }
}

static void one_hot_backward(const gan_layer *layer, const gan_span *span, unsigned want,
                             const float *x, const float *y, float *dy, float *dx) {
  (void)want, (void)x, (void)y;
  if (dx) narrow(layer, span->samples, dy, dx);
}

/* ---- embedding ---- */

static gan_status embedding_plan(gan_layer *layer, gan_layer_plan *plan) {
  const gan_embedding_options *options = layer->parameters;
  GAN_TRY(want_classes(layer));
  layer->out = layer->in;
  layer->out.c += options->units;
  return gan_plan_tensor(plan, GAN_TENSOR_PARAM, "weight",
                         (gan_dims){2, {layer->classes, options->units}});
}

/* N(0, 1), as PyTorch has it, and as the noise is that it is joined to. */
static void embedding_init(gan_layer *layer, uint64_t seed, gan_init init, float std) {
  (void)init, (void)std;
  gan_rng_normal(gan_layer_rng(layer, seed, GAN_RNG_INIT, 0, WEIGHT), 0, 0,
                 layer->classes * joined(layer), layer->value[WEIGHT]);
}

static void embedding_forward(const gan_layer *layer, const gan_span *span, const float *x,
                              float *y) {
  int64_t units = joined(layer);
  widen(layer, span->samples, x, y);
  for (int64_t s = 0; s < span->samples; s++) {
    mixture mix = mixture_of(span, s);
    const float *a = layer->value[WEIGHT] + mix.a * units;
    const float *b = layer->value[WEIGHT] + mix.b * units;
    if (span->tangent) mix.of_a = mix.of_b = 0; /* the class stays as it is */
    for (int64_t p = 0; p < pixels_of(layer); p++, y += layer->out.c)
      for (int64_t k = 0; k < units; k++) y[layer->in.c + k] = mix.of_a * a[k] + mix.of_b * b[k];
  }
}

/* The place of a span's gradient, with zeros in it unless it is added to. */
static float *begin_gradient(const gan_layer *layer, const gan_span *span, int64_t n) {
  float *gradient = gan_layer_gradient(layer, span, WEIGHT);
  if (!span->accumulate) memset(gradient, 0, (size_t)n * sizeof *gradient);
  return gradient;
}

static void embedding_backward(const gan_layer *layer, const gan_span *span, unsigned want,
                               const float *x, const float *y, float *dy, float *dx) {
  (void)x, (void)y;
  int64_t units = joined(layer);
  if (dx) narrow(layer, span->samples, dy, dx);
  if (!(want & GAN_WANT_WEIGHTS) || span->tangent) return;
  float *gradient = begin_gradient(layer, span, layer->classes * units);
  for (int64_t s = 0; s < span->samples; s++) {
    float *vector = gradient + class_of(span, s) * units;
    for (int64_t p = 0; p < pixels_of(layer); p++, dy += layer->out.c)
      for (int64_t k = 0; k < units; k++) vector[k] += dy[layer->in.c + k];
  }
}

/* ---- projection ---- */

static gan_status project_plan(gan_layer *layer, gan_layer_plan *plan) {
  layer->out = (gan_shape){1, 1, 1};
  layer->scratch = layer->in.c;
  GAN_TRY(want_classes(layer));
  return gan_plan_tensor(plan, GAN_TENSOR_PARAM, "weight",
                         (gan_dims){2, {layer->classes, layer->in.c}});
}

/* As a linear layer from the channels: they may be many. */
static void project_init(gan_layer *layer, uint64_t seed, gan_init init, float std) {
  gan_init_weights(layer, seed, init, std, layer->classes * layer->in.c, layer->in.c, 0);
}

/* The sum of a sample's pixels, in double, into the span's scratch. */
static const double *sum_pixels(const gan_layer *layer, const gan_span *span, const float *x) {
  int64_t c = layer->in.c;
  for (int64_t k = 0; k < c; k++) span->scratch[k] = 0;
  for (int64_t p = 0; p < pixels_of(layer); p++)
    for (int64_t k = 0; k < c; k++) span->scratch[k] += (double)x[p * c + k];
  return span->scratch;
}

static void project_forward(const gan_layer *layer, const gan_span *span, const float *x,
                            float *y) {
  int64_t c = layer->in.c;
  for (int64_t s = 0; s < span->samples; s++, x += pixels_of(layer) * c) {
    const float *vector = layer->value[WEIGHT] + class_of(span, s) * c;
    const double *pixels = sum_pixels(layer, span, x);
    double sum = 0;
    for (int64_t k = 0; k < c; k++) sum += pixels[k] * (double)vector[k];
    y[s] = (float)sum;
  }
}

static void project_backward(const gan_layer *layer, const gan_span *span, unsigned want,
                             const float *x, const float *y, float *dy, float *dx) {
  (void)y;
  int64_t c = layer->in.c, size = pixels_of(layer) * c;
  float *gradient =
      want & GAN_WANT_WEIGHTS ? begin_gradient(layer, span, layer->classes * c) : NULL;
  for (int64_t s = 0; s < span->samples; s++) {
    int64_t offset = class_of(span, s) * c;
    const float *vector = layer->value[WEIGHT] + offset;
    const double *pixels = gradient ? sum_pixels(layer, span, x + s * size) : NULL;
    for (int64_t k = 0; k < c && gradient; k++)
      gradient[offset + k] += (float)((double)dy[s] * pixels[k]);
    for (int64_t i = 0; i < size && dx; i++) dx[s * size + i] = dy[s] * vector[i % c];
  }
}

const gan_layer_type gan_layer_one_hot = {
    .schema = {"one_hot",
               "joins the class to the channels, as zeros and a one (model.classes)",
               {NULL, 0},
               sizeof(char)},
    .plan = one_hot_plan,
    .forward = one_hot_forward,
    .backward = one_hot_backward,
    .tangent = GAN_TANGENT_BY_FORWARD,
};

const gan_layer_type gan_layer_embedding = {
    .schema = {"embedding",
               "joins a learned vector of the class to the channels (model.classes)",
               {embedding_options, sizeof embedding_options / sizeof *embedding_options},
               sizeof(gan_embedding_options)},
    .plan = embedding_plan,
    .init = embedding_init,
    .forward = embedding_forward,
    .backward = embedding_backward,
    .tangent = GAN_TANGENT_BY_FORWARD,
};

const gan_layer_type gan_layer_project = {
    .schema = {"project", "", {NULL, 0}, 0},
    .plan = project_plan,
    .init = project_init,
    .forward = project_forward,
    .backward = project_backward,
    .tangent = GAN_TANGENT_BY_FORWARD,
    .needs_x = true,
};
