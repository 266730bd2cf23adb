/* batchnorm: PyTorch's nn.BatchNorm1d/2d (Ioffe and Szegedy 2015), with the statistics of the
 * global batch: sums over all ranks in double, so that another world size normalises alike.
 *
 * In training each forward updates the running statistics, the variance unbiased over the global
 * number of rows.  The channels are normalised over samples and pixels: one code for vectors and
 * images.
 */
#include "kernels/normalise.h"
#include "model/layer.h"

#include <math.h>

typedef struct {
  double momentum, eps;
} batchnorm_parameters;

enum { WEIGHT, BIAS, RUNNING_MEAN, RUNNING_VAR, BATCHES };

/* clang-format off */
static const gan_option options[] = {
  {"momentum", GAN_OPTION_REAL, offsetof(batchnorm_parameters, momentum), "0.1", 0, 1, NULL, 0, "",
   "weight of a batch in the running statistics"},
  {"eps", GAN_OPTION_REAL, offsetof(batchnorm_parameters, eps), "1e-5", 0, 1, NULL,
   GAN_OPTION_ABOVE, "", "added to the variance"},
};
/* clang-format on */

/* What lives from forward to backward, for C channels. */
typedef struct {
  double *sums;                    /* (2, C), added over the ranks in one go */
  float *mean, *inverse_deviation; /* (C) */
  float *first, *second;           /* (C) means of backward */
} batchnorm_work;

static batchnorm_work work_of(const gan_layer *layer) {
  int64_t c = layer->in.c;
  double *sums = layer->work;
  float *floats = (float *)(sums + 2 * c);
  return (batchnorm_work){sums, floats, floats + c, floats + 2 * c, floats + 3 * c};
}

static gan_status plan(gan_layer *layer, gan_layer_plan *plan) {
  int64_t c = layer->in.c;
  layer->out = layer->in;
  GAN_TRY(gan_plan_tensor(plan, GAN_TENSOR_PARAM, "weight", 1, c, 0));
  GAN_TRY(gan_plan_tensor(plan, GAN_TENSOR_PARAM, "bias", 1, c, 0));
  GAN_TRY(gan_plan_tensor(plan, GAN_TENSOR_BUFFER, "running_mean", 1, c, 0));
  GAN_TRY(gan_plan_tensor(plan, GAN_TENSOR_BUFFER, "running_var", 1, c, 0));
  GAN_TRY(gan_plan_tensor(plan, GAN_TENSOR_COUNTER, "num_batches_tracked", 0, 0, 0));
  gan_plan_work(plan, (size_t)c * (2 * sizeof(double) + 4 * sizeof(float)), 0);
  return GAN_OK;
}

/* normal: N(1, std) for the scale, as the DCGAN reference code has it. */
static void init(gan_layer *layer, uint64_t seed, gan_init init, float std) {
  int64_t c = layer->in.c;
  if (init == GAN_INIT_NORMAL)
    gan_rng_normal(gan_layer_rng(layer, seed, GAN_RNG_INIT, 0, WEIGHT), 0, 0, c,
                   layer->value[WEIGHT]);
  for (int64_t k = 0; k < c; k++) {
    layer->value[WEIGHT][k] = 1.0f + (init == GAN_INIT_NORMAL ? std * layer->value[WEIGHT][k] : 0);
    layer->value[RUNNING_VAR][k] = 1.0f;
  }
}

/* Mean and deviation of the global batch; shifted by the running mean, so that sums stay small. */
static gan_status batch_statistics(gan_layer *layer, const gan_pass *pass, const float *x) {
  const batchnorm_parameters *parameters = layer->parameters;
  batchnorm_work work = work_of(layer);
  int64_t c = layer->in.c, pixels = layer->in.h * layer->in.w;
  float *running_mean = layer->value[RUNNING_MEAN], *running_var = layer->value[RUNNING_VAR];
  double n = (double)(pass->batch * pixels), momentum = parameters->momentum;
  if (n < 2)
    return gan_fail(GAN_USAGE,
                    "layer %s (batchnorm) needs more than one value a channel to train; "
                    "make train.batch at least 2",
                    layer->name);
  gan_column_moments(pass->samples * pixels, c, x, running_mean, work.sums, work.sums + c);
  GAN_TRY(gan_comm_sum_double(pass->comm, work.sums, (size_t)(2 * c)));
  for (int64_t k = 0; k < c; k++) {
    double shifted = work.sums[k] / n;
    double variance = work.sums[c + k] / n - shifted * shifted;
    if (variance < 0) variance = 0; /* rounding; NaN stays */
    double mean = (double)running_mean[k] + shifted;
    work.mean[k] = (float)mean;
    work.inverse_deviation[k] = (float)(1.0 / sqrt(variance + parameters->eps));
    running_mean[k] = (float)((1 - momentum) * (double)running_mean[k] + momentum * mean);
    double unbiased = variance * (n / (n - 1));
    running_var[k] = (float)((1 - momentum) * (double)running_var[k] + momentum * unbiased);
  }
  ++*layer->counter[BATCHES];
  return GAN_OK;
}

static gan_status forward(gan_layer *layer, const gan_pass *pass, const float *x, float *y) {
  const batchnorm_parameters *parameters = layer->parameters;
  batchnorm_work work = work_of(layer);
  int64_t c = layer->in.c;
  if (pass->training) {
    GAN_TRY(batch_statistics(layer, pass, x));
  } else {
    for (int64_t k = 0; k < c; k++) {
      work.mean[k] = layer->value[RUNNING_MEAN][k];
      work.inverse_deviation[k] =
          (float)(1.0 / sqrt((double)layer->value[RUNNING_VAR][k] + parameters->eps));
    }
  }
  gan_normalise(pass->samples * layer->in.h * layer->in.w, c, x, work.mean, work.inverse_deviation,
                layer->value[WEIGHT], layer->value[BIAS], y);
  return GAN_OK;
}

static gan_status backward(gan_layer *layer, const gan_pass *pass, unsigned want, const float *x,
                           const float *y, float *dy, float *dx) {
  (void)y;
  batchnorm_work work = work_of(layer);
  int64_t c = layer->in.c, pixels = layer->in.h * layer->in.w;
  double n = (double)(pass->batch * pixels);
  gan_normalise_backward_sums(pass->samples * pixels, c, x, dy, work.mean, work.inverse_deviation,
                              work.sums, work.sums + c);
  /* The weights' gradients are this rank's part; the slab is summed over the ranks later. */
  if (want & GAN_WANT_WEIGHTS)
    for (int64_t k = 0; k < c; k++) {
      float *scale = &layer->gradient[WEIGHT][k], *bias = &layer->gradient[BIAS][k];
      *scale = (float)((pass->accumulate ? (double)*scale : 0.0) + work.sums[c + k]);
      *bias = (float)((pass->accumulate ? (double)*bias : 0.0) + work.sums[k]);
    }
  if (!dx) return GAN_OK;
  GAN_TRY(gan_comm_sum_double(pass->comm, work.sums, (size_t)(2 * c)));
  for (int64_t k = 0; k < c; k++) {
    work.first[k] = (float)(work.sums[k] / n);
    work.second[k] = (float)(work.sums[c + k] / n);
  }
  gan_normalise_backward(pass->samples * pixels, c, x, dy, work.mean, work.inverse_deviation,
                         layer->value[WEIGHT], work.first, work.second, dx);
  return GAN_OK;
}

const gan_layer_type gan_layer_batchnorm = {
    .schema = {"batchnorm",
               "normalises each channel over the global batch",
               {options, sizeof options / sizeof *options},
               sizeof(batchnorm_parameters)},
    .plan = plan,
    .init = init,
    .forward = forward,
    .backward = backward,
    .needs_x = true,
};
