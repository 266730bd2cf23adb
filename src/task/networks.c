#include "task/networks.h"

#include "task/relative.h"

#include <math.h>
#include <string.h>

static const gan_network *row_of(const gan_task *task, int which) {
  gan_networks networks = gan_networks_of((gan_task_kind)task->config->task);
  GAN_ASSERT(which < networks.count);
  return &networks.rows[which];
}

double gan_learner_rate(const gan_task *task, int which) {
  return gan_network_rate(task->config, row_of(task, which));
}

gan_net_spec gan_network_spec(const gan_task *task, int which, int64_t piece, gan_division division,
                              gan_sums *sums) {
  const gan_config *config = task->config;
  const gan_network *row = row_of(task, which);
  return (gan_net_spec){.name = row->name,
                        .key = row->key,
                        .id = (uint32_t)which,
                        .layers = gan_network_layers(config, row),
                        .capacity = piece,
                        .share = config->train.batch / config->data.shards,
                        .trains = true,
                        .division = division,
                        .sums = sums};
}

/* What a sample gets must not depend on those beside it where that is judged or kept. */
static gan_status check_layers(const gan_net *net) {
  char origin[512];
  for (int i = 0; i < net->layer_count && strcmp(net->name, "discriminator") != 0; i++)
    if (!strcmp(net->layers[i].type->schema.name, "minibatch_stddev"))
      return gan_fail(GAN_USAGE,
                      "%s: layer %s (minibatch_stddev) compares the samples of a batch, which is "
                      "for a discriminator; leave it out of the %s",
                      gan_origin_text(origin, sizeof origin, net->layers[i].origin),
                      net->layers[i].name, net->name);
  return GAN_OK;
}

gan_status gan_networks_add(gan_task *task, const gan_net_spec *spec) {
  const gan_config *config = task->config;
  int which = task->learner_count++;
  gan_learner *learner = &task->learners[which];
  GAN_TRY(gan_net_create(spec, &learner->net));
  GAN_TRY(check_layers(learner->net));
  GAN_TRY(gan_optimizer_create(config, learner->net->slab_size, gan_learner_rate(task, which),
                               &learner->optimizer));
  const char *average = row_of(task, which)->average;
  if (!average || !gan_average_wanted(config)) return GAN_OK;
  return gan_average_create(config, spec, average, &learner->average);
}

gan_net *gan_learner_sampler(const gan_learner *learner) {
  return learner->average ? learner->average->net : learner->net;
}

/* With room for data and generated samples in one pass, unless a layer wants them apart. */
static gan_status add_discriminator(gan_task *task, gan_net_spec *spec) {
  GAN_TRY(gan_networks_add(task, spec));
  gan_learner *learner = &task->learners[GAN_DISCRIMINATOR];
  double bound = task->config->train.weight_clip;
  if (!isnan(bound)) learner->optimizer->bound = bound;
  const gan_layer *layer;
  bool together = task->config->train.objective == GAN_OBJECTIVE_RELATIVISTIC;
  if (together) GAN_TRY(gan_relative_check(task->config, learner->net));
  if (!together && gan_net_apart(learner->net, &layer)) return GAN_OK;
  gan_net_destroy(&learner->net);
  spec->sets = 2;
  return gan_net_create(spec, &learner->net);
}

/* How the class enters one of a GAN's networks. */
static void condition(const gan_config *config, bool generator, gan_net_spec *spec) {
  spec->label = gan_config_label_way(config, generator);
  spec->classes = config->model.classes;
  spec->label_units = config->model.label_units;
}

/* Its samples are packs of so many. */
static void pack(int64_t samples, gan_net_spec *spec) {
  spec->capacity /= samples;
  spec->share /= samples;
  spec->division.share /= samples;
}

/* What changes one image at a time does not fit packs of them. */
static gan_status check_packs(const gan_config *config, const gan_net *net) {
  char place[600];
  for (int i = 0; i < net->layer_count && config->model.packing > 1; i++)
    if (!strcmp(net->layers[i].type->schema.name, "diff_augment"))
      return gan_fail(GAN_USAGE,
                      "%s is %lld, but layer %s (diff_augment) of the discriminator changes single "
                      "images, and packs reach it; leave out one of the two",
                      gan_config_place(config, "model.packing", place, sizeof place),
                      (long long)config->model.packing, net->layers[i].name);
  return GAN_OK;
}

gan_status gan_networks_add_gan(gan_task *task, int64_t piece, gan_division division,
                                gan_sums *sums) {
  const gan_config *config = task->config;
  gan_shape image = {task->info->h, task->info->w, task->info->c};
  gan_net_spec generator = gan_network_spec(task, GAN_GENERATOR, piece, division, sums);
  generator.in = (gan_shape){1, 1, config->model.latent};
  generator.out = image;
  condition(config, true, &generator);
  GAN_TRY(gan_networks_add(task, &generator));
  gan_net_spec discriminator = gan_network_spec(task, GAN_DISCRIMINATOR, piece, division, sums);
  pack(config->model.packing, &discriminator);
  discriminator.in = image;
  discriminator.in.c *= config->model.packing;
  discriminator.out = (gan_shape){1, 1, 1};
  discriminator.tangents = config->train.penalty != GAN_PENALTY_NONE;
  condition(config, false, &discriminator);
  GAN_TRY(add_discriminator(task, &discriminator));
  GAN_TRY(check_packs(config, task->learners[GAN_DISCRIMINATOR].net));
  return gan_task_check_microbatch(task);
}
