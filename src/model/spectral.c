#include "model/spectral.h"

#include "kernels/matrix.h"
#include "kernels/pointwise.h"

#include <math.h>
#include <string.h>

/* PyTorch's: a norm below it is taken for it. */
static const float NORM_MIN = 1e-12f;

/* What lives from settle to backward. */
typedef struct {
  float *normalised; /* as the weight lies */
  float *inverse;    /* 1 / sigma */
} spectral_work;

static int64_t size_of(const gan_spectral *spectral) {
  return spectral->rows * spectral->columns;
}

static spectral_work work_of(const gan_layer *layer) {
  float *floats = layer->work;
  return (spectral_work){floats + 16, floats};
}

static bool is_normalised(const gan_layer *layer) {
  return layer->spectral.rows > 0;
}

gan_status gan_spectral_plan(gan_layer *layer, gan_layer_plan *plan, gan_spectral spectral) {
  gan_dims u = {1, {spectral.rows}}, v = {1, {spectral.columns}};
  GAN_TRY(gan_plan_tensor(plan, GAN_TENSOR_BUFFER, "weight_u", u));
  GAN_TRY(gan_plan_tensor(plan, GAN_TENSOR_BUFFER, "weight_v", v));
  if (spectral.channels) gan_plan_channels_last(plan, spectral.channels);
  gan_plan_work(plan, (size_t)(16 + size_of(&spectral)) * sizeof(float), 0);
  spectral.scratch = layer->scratch;
  layer->spectral = spectral;
  layer->scratch += (size_of(&spectral) + 1) / 2;
  return GAN_OK;
}

static void normalise(int64_t n, float *x) {
  double norm = sqrt(gan_dot(n, x, x));
  float floor = (float)norm > NORM_MIN ? (float)norm : NORM_MIN;
  gan_scale(n, 1.0f / floor, x, x);
}

void gan_spectral_init(gan_layer *layer, uint64_t seed) {
  const gan_spectral *spectral = &layer->spectral;
  if (!is_normalised(layer)) return;
  int64_t sizes[2] = {spectral->rows, spectral->columns};
  for (int i = 0; i < 2; i++) {
    int t = spectral->u + i;
    gan_rng_normal(gan_layer_rng(layer, seed, GAN_RNG_INIT, 0, (uint32_t)t), 0, 0, sizes[i],
                   layer->value[t]);
    normalise(sizes[i], layer->value[t]);
  }
}

/* y = W x, and y = W^T x. */
static void times(const gan_spectral *spectral, const float *w, const float *x, float *y) {
  if (spectral->transposed)
    gan_vector_matrix(spectral->columns, spectral->rows, w, x, y);
  else
    gan_matrix_vector(spectral->rows, spectral->columns, w, x, y);
}

static void transposed_times(const gan_spectral *spectral, const float *w, const float *x,
                             float *y) {
  if (spectral->transposed)
    gan_matrix_vector(spectral->columns, spectral->rows, w, x, y);
  else
    gan_vector_matrix(spectral->rows, spectral->columns, w, x, y);
}

gan_status gan_spectral_settle(gan_layer *layer, const gan_pass *pass, const double *totals) {
  (void)totals;
  const gan_spectral *spectral = &layer->spectral;
  if (!is_normalised(layer)) return GAN_OK;
  spectral_work work = work_of(layer);
  const float *w = layer->value[0];
  float *u = layer->value[spectral->u], *v = layer->value[spectral->u + 1];
  if (pass->training && pass->at > 0) return GAN_OK; /* a later piece of the same batch */
  if (pass->training) {
    transposed_times(spectral, w, u, v);
    normalise(spectral->columns, v);
    times(spectral, w, v, u);
    normalise(spectral->rows, u);
  }
  float *product = work.normalised; /* its place is free: W v has fewer numbers than W */
  times(spectral, w, v, product);
  *work.inverse = (float)(1.0 / gan_dot(spectral->rows, u, product));
  gan_scale(size_of(spectral), *work.inverse, w, work.normalised);
  return GAN_OK;
}

bool gan_spectral_changes(const gan_layer *layer, const gan_pass *pass) {
  return is_normalised(layer) && !(pass->training && pass->at > 0);
}

const float *gan_spectral_weight(const gan_layer *layer) {
  return is_normalised(layer) ? work_of(layer).normalised : layer->value[0];
}

/* A normalised weight's gradient, of one span of one pass. */
static float *own_gradient(const gan_layer *layer, const gan_span *span) {
  return (float *)(span->scratch + layer->spectral.scratch);
}

float *gan_spectral_gradient(const gan_layer *layer, const gan_span *span, bool *adds) {
  *adds = span->accumulate && !is_normalised(layer);
  return is_normalised(layer) ? own_gradient(layer, span) : gan_layer_gradient(layer, span, 0);
}

void gan_spectral_finish(const gan_layer *layer, const gan_span *span) {
  const gan_spectral *spectral = &layer->spectral;
  if (!is_normalised(layer)) return;
  spectral_work work = work_of(layer);
  const float *g = own_gradient(layer, span);
  const float *u = layer->value[spectral->u], *v = layer->value[spectral->u + 1];
  float product = (float)gan_dot(size_of(spectral), g, work.normalised);
  float *to = gan_layer_gradient(layer, span, 0);
  if (spectral->transposed)
    gan_rank_one(spectral->columns, spectral->rows, *work.inverse, g, product, v, u,
                 span->accumulate, to);
  else
    gan_rank_one(spectral->rows, spectral->columns, *work.inverse, g, product, u, v,
                 span->accumulate, to);
}
