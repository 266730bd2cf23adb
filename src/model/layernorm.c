/* layernorm and pixelnorm: PyTorch's nn.LayerNorm over all numbers of a sample (Ba et al. 2016),
 * and each pixel's channels to length one (Karras et al. 2018).  Neither looks beyond its sample.
 */
#include "kernels/rownorm.h"
#include "model/layer.h"

typedef struct {
  double eps;
  bool affine;
} layernorm_parameters;

typedef struct {
  double eps;
} pixelnorm_parameters;

enum { WEIGHT, BIAS };

/* clang-format off */
static const gan_option layernorm_options[] = {
  {"eps", GAN_OPTION_REAL, offsetof(layernorm_parameters, eps), "1e-5", 0, 1, NULL,
   GAN_OPTION_ABOVE, "", "added to the variance"},
  {"affine", GAN_OPTION_BOOL, offsetof(layernorm_parameters, affine), "true", 0, 0, NULL, 0, "",
   "whether each number has a scale and a bias that are learned"},
};

static const gan_option pixelnorm_options[] = {
  {"eps", GAN_OPTION_REAL, offsetof(pixelnorm_parameters, eps), "1e-8", 0, 1, NULL,
   GAN_OPTION_ABOVE, "", "added to the mean of the squares"},
};
/* clang-format on */

/* ---- layernorm ---- */

static bool is_affine(const gan_layer *layer) {
  return ((const layernorm_parameters *)layer->parameters)->affine;
}

static gan_status layernorm_plan(gan_layer *layer, gan_layer_plan *plan) {
  gan_shape in = layer->out = layer->in;
  layer->scratch = gan_shape_size(in);
  gan_dims sample = {3, {in.c, in.h, in.w}};
  if (gan_shape_is_flat(in)) sample = (gan_dims){1, {in.c}};
  gan_plan_work(plan, 0, 2 * sizeof(float));
  layer->capacity = gan_plan_capacity(plan);
  if (!is_affine(layer)) return GAN_OK;
  GAN_TRY(gan_plan_tensor(plan, GAN_TENSOR_PARAM, "weight", sample));
  return gan_plan_tensor(plan, GAN_TENSOR_PARAM, "bias", sample);
}

static void layernorm_init(gan_layer *layer, uint64_t seed, gan_init init, float std) {
  (void)seed, (void)init, (void)std;
  if (!is_affine(layer)) return; /* the bias stays 0 */
  for (int64_t i = 0; i < gan_shape_size(layer->in); i++) layer->value[WEIGHT][i] = 1.0f;
}

/* (samples) each, from forward to backward. */
static float *mean_of(const gan_layer *layer, const gan_span *span) {
  return (float *)layer->work + span->first;
}

static float *inverse_of(const gan_layer *layer, const gan_span *span) {
  return (float *)layer->work + layer->capacity + span->first;
}

/* J v at the point of the last forward, without the weights. */
static void turn(const gan_layer *layer, const gan_span *span, int64_t s, int64_t rows,
                 const float *v, float *out) {
  int64_t n = gan_shape_size(layer->in);
  gan_layer_norm_backward(rows, n, span->tangent->x + s * n, v, NULL, mean_of(layer, span) + s,
                          inverse_of(layer, span) + s, out);
}

static void layernorm_tangent(const gan_layer *layer, const gan_span *span, const float *tx,
                              float *ty) {
  int64_t n = gan_shape_size(layer->in);
  turn(layer, span, 0, span->samples, tx, ty);
  for (int64_t i = 0; i < span->samples * n && is_affine(layer); i++)
    ty[i] *= layer->value[WEIGHT][i % n];
}

static void layernorm_tangent_back(const gan_layer *layer, const gan_span *span, unsigned want,
                                   const float *tx, const float *dty, float *dtx) {
  int64_t n = gan_shape_size(layer->in);
  float *row = (float *)span->scratch;
  bool learns = want & GAN_WANT_WEIGHTS && is_affine(layer);
  float *gradient = learns ? gan_layer_gradient(layer, span, WEIGHT) : NULL;
  for (int64_t s = 0; s < span->samples && learns; s++) {
    turn(layer, span, s, 1, tx + s * n, row);
    for (int64_t i = 0; i < n; i++) gradient[i] += dty[s * n + i] * row[i];
  }
  if (dtx)
    gan_layer_norm_backward(span->samples, n, span->tangent->x, dty, layer->value[WEIGHT],
                            mean_of(layer, span), inverse_of(layer, span), dtx);
}

static void layernorm_bend(const gan_layer *layer, const gan_span *span, const gan_point *point,
                           const float *tx, const float *dty, float *dx) {
  gan_layer_norm_bend(span->samples, gan_shape_size(layer->in), point->x, tx, dty,
                      layer->value[WEIGHT], mean_of(layer, span), inverse_of(layer, span), dx);
}

static void layernorm_forward(const gan_layer *layer, const gan_span *span, const float *x,
                              float *y) {
  if (span->tangent) {
    layernorm_tangent(layer, span, x, y);
    return;
  }
  double eps = ((const layernorm_parameters *)layer->parameters)->eps;
  gan_layer_norm(span->samples, gan_shape_size(layer->in), eps, x, layer->value[WEIGHT],
                 layer->value[BIAS], mean_of(layer, span), inverse_of(layer, span), y);
}

static void layernorm_backward(const gan_layer *layer, const gan_span *span, unsigned want,
                               const float *x, const float *y, float *dy, float *dx) {
  (void)y;
  if (span->tangent) {
    layernorm_tangent_back(layer, span, want, x, dy, dx);
    return;
  }
  int64_t n = gan_shape_size(layer->in);
  const float *mean = mean_of(layer, span), *inverse = inverse_of(layer, span);
  if ((want & GAN_WANT_WEIGHTS) && is_affine(layer))
    gan_layer_norm_weights(span->samples, n, x, dy, mean, inverse, span->accumulate,
                           gan_layer_gradient(layer, span, WEIGHT),
                           gan_layer_gradient(layer, span, BIAS));
  if (dx) gan_layer_norm_backward(span->samples, n, x, dy, layer->value[WEIGHT], mean, inverse, dx);
}

/* ---- pixelnorm ---- */

static gan_status pixelnorm_plan(gan_layer *layer, gan_layer_plan *plan) {
  (void)plan;
  layer->out = layer->in;
  return GAN_OK;
}

static int64_t pixels_of(const gan_layer *layer, const gan_span *span) {
  return span->samples * layer->in.h * layer->in.w;
}

static void pixelnorm_forward(const gan_layer *layer, const gan_span *span, const float *x,
                              float *y) {
  double eps = ((const pixelnorm_parameters *)layer->parameters)->eps;
  gan_pixel_norm(pixels_of(layer, span), layer->in.c, eps, x, y);
}

static void pixelnorm_backward(const gan_layer *layer, const gan_span *span, unsigned want,
                               const float *x, const float *y, float *dy, float *dx) {
  (void)want, (void)y;
  double eps = ((const pixelnorm_parameters *)layer->parameters)->eps;
  if (dx) gan_pixel_norm_backward(pixels_of(layer, span), layer->in.c, eps, x, dy, dx);
}

const gan_layer_type gan_layer_layernorm = {
    .schema = {"layernorm",
               "normalises each sample by its own mean and variance",
               {layernorm_options, sizeof layernorm_options / sizeof *layernorm_options},
               sizeof(layernorm_parameters)},
    .plan = layernorm_plan,
    .init = layernorm_init,
    .forward = layernorm_forward,
    .backward = layernorm_backward,
    .tangent = GAN_TANGENT_BY_FORWARD,
    .bend = layernorm_bend,
    .needs_x = true,
};

const gan_layer_type gan_layer_pixelnorm = {
    .schema = {"pixelnorm",
               "scales each pixel's channels, or a vector, so that the mean of their squares is 1",
               {pixelnorm_options, sizeof pixelnorm_options / sizeof *pixelnorm_options},
               sizeof(pixelnorm_parameters)},
    .plan = pixelnorm_plan,
    .forward = pixelnorm_forward,
    .backward = pixelnorm_backward,
    .no_tangent = "its second derivatives are not built; use layernorm in its place",
    .needs_x = true,
};
