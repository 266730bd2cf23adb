/* minibatch_stddev: how much the samples of a group differ, as a further channel that each of them
 * gets: a discriminator sees by it that samples are too much alike (Karras et al. 2018,
 * "Progressive growing of GANs", section 3; in the form of StyleGAN2, Karras et al. 2020).
 *
 *   deviation of a number = sqrt(its biased variance over the group + 1e-8)
 *   further channel       = the mean of them over all pixels and channels, or over those of a run
 *                           of the channels where there are several further ones
 *
 * A group is group_size samples that follow each other inside a shard, so that the promises hold on
 * every number of ranks; StyleGAN2 takes samples that stand apart in the batch, which is alike in
 * law.  Behind training the last group may have fewer. */
#include "base/blocks.h"
#include "kernels/deviation.h"
#include "model/layer.h"

#include <stdio.h>
#include <string.h>

typedef struct {
  int64_t group_size, channels;
} minibatch_parameters;

/* clang-format off */
static const gan_option options[] = {
  {"group_size", GAN_OPTION_INT, offsetof(minibatch_parameters, group_size), "null", 2, 1 << 24, NULL,
   GAN_OPTION_UNSET, "samples", "that are compared; divides train.batch / data.shards, which is the "
   "default (with model.packing that number of packs)"},
  {"channels", GAN_OPTION_INT, offsetof(minibatch_parameters, channels), "1", 1, 64, NULL, 0, "",
   "further ones, each the mean over as many of the input's channels; divides their number"},
};
/* clang-format on */

static const double EPS = 1e-8;

enum { CHANNELS_MAX = 64 }; /* as the table has it */

static gan_status check_group(const gan_layer *layer, int64_t share) {
  char origin[512];
  if (layer->group >= 2 && share % layer->group == 0) return GAN_OK;
  return gan_fail(GAN_USAGE,
                  "%s: layer %s (minibatch_stddev): group_size is %lld; it must be at least 2 and "
                  "divide the %lld samples that a shard gives to a batch (train.batch / "
                  "data.shards); fewer data.shards make that more",
                  gan_origin_text(origin, sizeof origin, layer->origin), layer->name,
                  (long long)layer->group, (long long)share);
}

static gan_status plan(gan_layer *layer, gan_layer_plan *plan) {
  const minibatch_parameters *parameters = layer->parameters;
  int64_t share = gan_plan_share(plan);
  layer->out = layer->in;
  layer->out.c += parameters->channels;
  layer->group = parameters->group_size == GAN_UNSET_INT ? share : parameters->group_size;
  if (layer->in.c % parameters->channels) {
    char wanted[96];
    snprintf(wanted, sizeof wanted, "a multiple of its option channels, %lld, of channels",
             (long long)parameters->channels);
    return gan_layer_reject(layer, wanted);
  }
  return gan_plan_trains(plan) ? check_group(layer, share) : GAN_OK;
}

/* Of the group that begins with sample `first` of a span. */
static gan_deviation_shape group_at(const gan_layer *layer, const gan_span *span, int64_t first) {
  const minibatch_parameters *parameters = layer->parameters;
  int64_t left = span->samples - first;
  return (gan_deviation_shape){.samples = left < layer->group ? left : layer->group,
                               .pixels = layer->in.h * layer->in.w,
                               .channels = layer->in.c,
                               .features = parameters->channels,
                               .eps = EPS};
}

static void forward_group(const gan_layer *layer, const gan_deviation_shape *group, const float *x,
                          float *y) {
  double means[CHANNELS_MAX];
  int64_t c = layer->in.c, wide = layer->out.c;
  gan_deviation_means(group, x, means);
  for (int64_t row = 0; row < group->samples * group->pixels; row++) {
    memcpy(y + row * wide, x + row * c, (size_t)c * sizeof *y);
    for (int64_t f = 0; f < group->features; f++) y[row * wide + c + f] = (float)means[f];
  }
}

static void backward_group(const gan_layer *layer, const gan_deviation_shape *group, const float *x,
                           const float *dy, float *dx) {
  double gradients[CHANNELS_MAX] = {0};
  int64_t c = layer->in.c, wide = layer->out.c;
  for (int64_t row = 0; row < group->samples * group->pixels; row++) {
    memcpy(dx + row * c, dy + row * wide, (size_t)c * sizeof *dx);
    for (int64_t f = 0; f < group->features; f++) gradients[f] += (double)dy[row * wide + c + f];
  }
  gan_deviation_means_back(group, x, gradients, dx);
}

static int64_t groups_of(const gan_layer *layer, const gan_span *span) {
  return (span->samples + layer->group - 1) / layer->group;
}

static void forward_groups(const gan_layer *layer, const gan_span *span, int64_t at, int64_t count,
                           const float *x, float *y) {
  for (int64_t i = at; i < at + count; i++) {
    int64_t first = i * layer->group;
    gan_deviation_shape group = group_at(layer, span, first);
    forward_group(layer, &group, x + first * gan_shape_size(layer->in),
                  y + first * gan_shape_size(layer->out));
  }
}

static void backward_groups(const gan_layer *layer, const gan_span *span, int64_t at, int64_t count,
                            const float *x, const float *dy, float *dx) {
  for (int64_t i = at; i < at + count; i++) {
    int64_t first = i * layer->group;
    gan_deviation_shape group = group_at(layer, span, first);
    backward_group(layer, &group, x + first * gan_shape_size(layer->in),
                   dy + first * gan_shape_size(layer->out), dx + first * gan_shape_size(layer->in));
  }
}

/* Floats that a group passes over, twice. */
static int64_t cost_of(const gan_layer *layer) {
  return 2 * layer->group * gan_shape_size(layer->in);
}

static void forward(const gan_layer *layer, const gan_span *span, const float *x, float *y) {
  GAN_FOR_BLOCKS(at, count, groups_of(layer, span), cost_of(layer),
                 forward_groups(layer, span, at, count, x, y));
}

static void backward(const gan_layer *layer, const gan_span *span, unsigned want, const float *x,
                     const float *y, float *dy, float *dx) {
  (void)want, (void)y;
  if (dx)
    GAN_FOR_BLOCKS(at, count, groups_of(layer, span), cost_of(layer),
                   backward_groups(layer, span, at, count, x, dy, dx));
}

const gan_layer_type gan_layer_minibatch_stddev = {
    .schema = {"minibatch_stddev",
               "one more channel: how much the samples of a group differ (for a discriminator)",
               {options, sizeof options / sizeof *options},
               sizeof(minibatch_parameters)},
    .plan = plan,
    .forward = forward,
    .backward = backward,
    .no_tangent = "it compares the samples of a group, so that the gradient of one would depend on "
                  "the others; leave out one of the two",
    .needs_x = true,
};
