/* batchnorm: PyTorch's nn.BatchNorm1d/2d (Ioffe and Szegedy 2015).
 *
 * Global statistics are those of the global batch: sums over all ranks in double, so that another
 * world size normalises alike.  Each forward in training updates the running statistics, the
 * variance unbiased over the global number of rows.
 *
 * Ghost statistics are those of groups of ghost_size samples inside a shard (Hoffer et al. 2017,
 * algorithm 1): nothing is summed over ranks in forward or backward.  A forward updates the running
 * statistics once, by the mean of its groups' means and unbiased variances; that sum over groups
 * adds up over a step and rides on the step's last reduction.
 *
 * The channels are normalised over samples and pixels: one code for vectors and images.
 */
#include "kernels/normalise.h"
#include "model/layer.h"

#include <math.h>
#include <stdio.h>

typedef enum { STATS_GLOBAL, STATS_GHOST } batchnorm_stats;

typedef struct {
  double momentum, eps;
  int stats; /* batchnorm_stats */
  int64_t ghost_size;
} batchnorm_parameters;

enum { WEIGHT, BIAS, RUNNING_MEAN, RUNNING_VAR, BATCHES };

static const char *const stats_names[] = {"global", "ghost", NULL};

/* clang-format off */
static const gan_option options[] = {
  {"momentum", GAN_OPTION_REAL, offsetof(batchnorm_parameters, momentum), "0.1", 0, 1, NULL, 0, "",
   "weight of a batch in the running statistics"},
  {"eps", GAN_OPTION_REAL, offsetof(batchnorm_parameters, eps), "1e-5", 0, 1, NULL,
   GAN_OPTION_ABOVE, "", "added to the variance"},
  {"stats", GAN_OPTION_CHOICE, offsetof(batchnorm_parameters, stats), "global", 0, 0, stats_names,
   0, "", "normalise over the global batch, or over ghost groups inside the shards, without "
   "communication"},
  {"ghost_size", GAN_OPTION_INT, offsetof(batchnorm_parameters, ghost_size), "null", 1, 1 << 24,
   NULL, GAN_OPTION_UNSET, "samples", "of a ghost group; divides train.batch / data.shards, which "
   "is the default"},
};
/* clang-format on */

/* What lives from forward to backward; one group where the statistics are global. */
typedef struct {
  float *mean, *inverse_deviation; /* (groups, C) */
  float *first, *second;           /* (C) means of backward, where they are global */
} batchnorm_work;

static int64_t groups_of(const gan_layer *layer) {
  return layer->group ? layer->capacity / layer->group : 1;
}

static batchnorm_work work_of(const gan_layer *layer) {
  int64_t c = layer->in.c, n = groups_of(layer) * c;
  float *floats = layer->work;
  return (batchnorm_work){floats, floats + n, floats + 2 * n, floats + 2 * n + c};
}

/* The divisors of a shard's share of a batch that can be group sizes: "2, 4, 8". */
static void list_group_sizes(int64_t share, int64_t least, char *text, size_t size) {
  size_t used = 0;
  snprintf(text, size, "none");
  for (int64_t d = least; d <= share && d <= 65536 && used < size; d++)
    if (share % d == 0)
      used += (size_t)snprintf(text + used, size - used, "%s%lld", used ? ", " : "", (long long)d);
}

static gan_status plan_groups(gan_layer *layer, gan_layer_plan *plan) {
  const batchnorm_parameters *parameters = layer->parameters;
  int64_t share = gan_plan_share(plan), least = layer->in.h * layer->in.w > 1 ? 1 : 2;
  layer->group = parameters->ghost_size == GAN_UNSET_INT ? share : parameters->ghost_size;
  if (layer->group >= least && share % layer->group == 0) return GAN_OK;
  char origin[512], sizes[256];
  list_group_sizes(share, least, sizes, sizeof sizes);
  return gan_fail(
      GAN_USAGE,
      "%s: layer %s (batchnorm): ghost_size is %lld; it must divide the %lld samples "
      "that a shard gives to a batch (train.batch / data.shards) and have more than one "
      "value a channel; allowed: %s",
      gan_origin_text(origin, sizeof origin, layer->origin), layer->name, (long long)layer->group,
      (long long)share, sizes);
}

static gan_status plan(gan_layer *layer, gan_layer_plan *plan) {
  const batchnorm_parameters *parameters = layer->parameters;
  int64_t c = layer->in.c;
  layer->out = layer->in;
  layer->capacity = gan_plan_capacity(plan);
  gan_dims channels = {1, {c}}, scalar = {0, {0}};
  GAN_TRY(gan_plan_tensor(plan, GAN_TENSOR_PARAM, "weight", channels));
  GAN_TRY(gan_plan_tensor(plan, GAN_TENSOR_PARAM, "bias", channels));
  GAN_TRY(gan_plan_tensor(plan, GAN_TENSOR_BUFFER, "running_mean", channels));
  GAN_TRY(gan_plan_tensor(plan, GAN_TENSOR_BUFFER, "running_var", channels));
  GAN_TRY(gan_plan_tensor(plan, GAN_TENSOR_COUNTER, "num_batches_tracked", scalar));
  if (parameters->stats == STATS_GHOST && gan_plan_trains(plan)) {
    GAN_TRY(plan_groups(layer, plan));
    layer->scratch = 5 * c; /* two sums of a group, two of a span, two means as floats */
    layer->statistics_count = 2 * c;
  } else {
    layer->scratch = layer->sums = 2 * c;
  }
  size_t floats = (size_t)(2 * groups_of(layer) * c + 2 * c);
  gan_plan_work(plan, floats * sizeof(float), 0);
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

static int64_t rows_of(const gan_layer *layer, int64_t samples) {
  return samples * layer->in.h * layer->in.w;
}

static float inverse_deviation(const gan_layer *layer, double variance) {
  return (float)(1.0 / sqrt(variance + ((const batchnorm_parameters *)layer->parameters)->eps));
}

/* ---- global statistics ---- */

static void measure(const gan_layer *layer, const gan_span *span, const float *x) {
  int64_t c = layer->in.c;
  gan_column_moments(rows_of(layer, span->samples), c, x, layer->value[RUNNING_MEAN], span->scratch,
                     span->scratch + c);
}

static gan_status settle_batch(gan_layer *layer, const gan_pass *pass, const double *totals) {
  const batchnorm_parameters *parameters = layer->parameters;
  batchnorm_work work = work_of(layer);
  int64_t c = layer->in.c;
  float *running_mean = layer->value[RUNNING_MEAN], *running_var = layer->value[RUNNING_VAR];
  double n = (double)rows_of(layer, pass->batch), momentum = parameters->momentum;
  if (n < 2)
    return gan_fail(GAN_USAGE,
                    "layer %s (batchnorm) needs more than one value a channel to train; "
                    "make train.batch at least 2",
                    layer->name);
  for (int64_t k = 0; k < c; k++) {
    gan_moments m = gan_moments_of(n, (double)running_mean[k], totals[k], totals[c + k]);
    work.mean[k] = (float)m.mean;
    work.inverse_deviation[k] = inverse_deviation(layer, m.variance);
    running_mean[k] = (float)((1 - momentum) * (double)running_mean[k] + momentum * m.mean);
    double unbiased = m.variance * (n / (n - 1));
    running_var[k] = (float)((1 - momentum) * (double)running_var[k] + momentum * unbiased);
  }
  ++*layer->counter[BATCHES];
  return GAN_OK;
}

static gan_status settle(gan_layer *layer, const gan_pass *pass, const double *totals) {
  batchnorm_work work = work_of(layer);
  if (totals) return settle_batch(layer, pass, totals);
  if (!pass->training) {
    for (int64_t k = 0; k < layer->in.c; k++) {
      work.mean[k] = layer->value[RUNNING_MEAN][k];
      work.inverse_deviation[k] = inverse_deviation(layer, (double)layer->value[RUNNING_VAR][k]);
    }
  } else if (pass->at == 0) { /* ghost groups; once for all pieces of a batch */
    layer->passes++;
    ++*layer->counter[BATCHES];
  }
  return GAN_OK;
}

static void measure_back(const gan_layer *layer, const gan_span *span, const float *x,
                         const float *dy) {
  batchnorm_work work = work_of(layer);
  int64_t c = layer->in.c;
  gan_normalise_backward_sums(rows_of(layer, span->samples), c, x, dy, work.mean,
                              work.inverse_deviation, span->scratch, span->scratch + c);
}

static void settle_back(gan_layer *layer, const gan_pass *pass, const double *totals) {
  batchnorm_work work = work_of(layer);
  int64_t c = layer->in.c;
  double n = (double)rows_of(layer, pass->batch);
  for (int64_t k = 0; k < c; k++) {
    work.first[k] = (float)(totals[k] / n);
    work.second[k] = (float)(totals[c + k] / n);
  }
}

/* ---- ghost groups ---- */

/* A group's statistics, and their share in the step's. */
static void settle_group(const gan_layer *layer, const gan_span *span, const float *x, float *mean,
                         float *deviation) {
  const batchnorm_parameters *parameters = layer->parameters;
  int64_t c = layer->in.c, rows = rows_of(layer, layer->group);
  double n = (double)rows, *sum = span->scratch, *square = sum + c;
  double weight = parameters->momentum * (double)layer->group / (double)span->pass->batch;
  double *statistics = gan_layer_statistics(layer, span);
  const float *shift = layer->value[RUNNING_MEAN];
  gan_column_moments(rows, c, x, shift, sum, square);
  for (int64_t k = 0; k < c; k++) {
    gan_moments m = gan_moments_of(n, (double)shift[k], sum[k], square[k]);
    mean[k] = (float)m.mean;
    deviation[k] = inverse_deviation(layer, m.variance);
    statistics[k] += weight * m.mean;
    statistics[c + k] += weight * (m.variance * (n / (n - 1)));
  }
}

/* What earlier forwards of the step gave to the running statistics fades with each forward. */
static void fade_statistics(const gan_layer *layer, const gan_span *span) {
  const batchnorm_parameters *parameters = layer->parameters;
  double *statistics = gan_layer_statistics(layer, span);
  for (int64_t k = 0; k < layer->statistics_count; k++) statistics[k] *= 1 - parameters->momentum;
}

static void absorb(gan_layer *layer, const double *statistics) {
  const batchnorm_parameters *parameters = layer->parameters;
  int64_t c = layer->in.c;
  double rest = 1;
  for (; layer->passes > 0; layer->passes--) rest *= 1 - parameters->momentum;
  for (int64_t k = 0; k < c; k++) {
    float *mean = &layer->value[RUNNING_MEAN][k], *variance = &layer->value[RUNNING_VAR][k];
    *mean = (float)(rest * (double)*mean + statistics[k]);
    *variance = (float)(rest * (double)*variance + statistics[c + k]);
  }
}

/* ---- both ---- */

static void forward(const gan_layer *layer, const gan_span *span, const float *x, float *y) {
  batchnorm_work work = work_of(layer);
  bool grouped = layer->group && span->pass->training;
  int64_t c = layer->in.c, step = grouped ? layer->group : span->samples;
  int64_t first = grouped ? span->first / layer->group * c : 0;
  float *mean = work.mean + first, *deviation = work.inverse_deviation + first;
  if (grouped && span->begins) fade_statistics(layer, span);
  for (int64_t at = 0; at < span->samples; at += step) {
    int64_t offset = rows_of(layer, at) * c;
    if (grouped) settle_group(layer, span, x + offset, mean, deviation);
    gan_normalise(rows_of(layer, step), c, x + offset, mean, deviation, layer->value[WEIGHT],
                  layer->value[BIAS], y + offset);
    mean += c;
    deviation += c;
  }
}

/* The gradients of scale and bias: this span's part of the sums. */
static void weight_gradients(const gan_layer *layer, const gan_span *span, const double *sum,
                             const double *product) {
  int64_t c = layer->in.c;
  gan_take_sums(c, span->accumulate, product, gan_layer_gradient(layer, span, WEIGHT));
  gan_take_sums(c, span->accumulate, sum, gan_layer_gradient(layer, span, BIAS));
}

static void backward_groups(const gan_layer *layer, const gan_span *span, unsigned want,
                            const float *x, const float *dy, float *dx) {
  batchnorm_work work = work_of(layer);
  int64_t c = layer->in.c, rows = rows_of(layer, layer->group);
  double *sums = span->scratch, *all = sums + 2 * c;
  float *first = (float *)(all + 2 * c), *second = first + c;
  for (int64_t k = 0; k < 2 * c; k++) all[k] = 0;
  for (int64_t at = 0; at < span->samples; at += layer->group) {
    int64_t offset = rows_of(layer, at) * c, group = (span->first + at) / layer->group * c;
    const float *mean = work.mean + group, *deviation = work.inverse_deviation + group;
    gan_normalise_backward_sums(rows, c, x + offset, dy + offset, mean, deviation, sums, sums + c);
    for (int64_t k = 0; k < c; k++) {
      all[k] += sums[k];
      all[c + k] += sums[c + k];
      first[k] = (float)(sums[k] / (double)rows);
      second[k] = (float)(sums[c + k] / (double)rows);
    }
    if (dx)
      gan_normalise_backward(rows, c, x + offset, dy + offset, mean, deviation,
                             layer->value[WEIGHT], first, second, dx + offset);
  }
  if (want & GAN_WANT_WEIGHTS) weight_gradients(layer, span, all, all + c);
}

static void backward(const gan_layer *layer, const gan_span *span, unsigned want, const float *x,
                     const float *y, float *dy, float *dx) {
  (void)y;
  if (layer->group) {
    backward_groups(layer, span, want, x, dy, dx);
    return;
  }
  batchnorm_work work = work_of(layer);
  int64_t c = layer->in.c;
  if (want & GAN_WANT_WEIGHTS) weight_gradients(layer, span, span->scratch, span->scratch + c);
  if (dx)
    gan_normalise_backward(rows_of(layer, span->samples), c, x, dy, work.mean,
                           work.inverse_deviation, layer->value[WEIGHT], work.first, work.second,
                           dx);
}

const gan_layer_type gan_layer_batchnorm = {
    .schema = {"batchnorm",
               "normalises each channel over the global batch, or over ghost groups",
               {options, sizeof options / sizeof *options},
               sizeof(batchnorm_parameters)},
    .plan = plan,
    .init = init,
    .measure = measure,
    .settle = settle,
    .forward = forward,
    .measure_back = measure_back,
    .settle_back = settle_back,
    .backward = backward,
    .no_tangent = "it normalises over the samples of a batch, so that the gradient of one would "
                  "depend on all the others; use layernorm in its place, or spectral_norm of the "
                  "layer before it",
    .absorb = absorb,
    .needs_x = true,
};
