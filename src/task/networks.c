#include "task/networks.h"

double gan_networks_rate(const gan_config *config, int which) {
  return which == GAN_GENERATOR ? config->train.lr_g : config->train.lr_d;
}

static gan_status add_learner(gan_task *task, const gan_net_spec *spec) {
  const gan_config *config = task->config;
  gan_learner *learner = &task->learners[task->learner_count++];
  GAN_TRY(gan_net_create(spec, &learner->net));
  return gan_optimizer_create(config, learner->net->slab_size,
                              gan_networks_rate(config, (int)spec->id), &learner->optimizer);
}

/* With room for data and generated samples in one pass, unless a layer wants them apart. */
static gan_status add_discriminator(gan_task *task, gan_net_spec *spec) {
  GAN_TRY(add_learner(task, spec));
  gan_learner *learner = &task->learners[GAN_DISCRIMINATOR];
  const gan_layer *layer;
  if (gan_net_apart(learner->net, &layer)) return GAN_OK;
  gan_net_destroy(&learner->net);
  spec->sets = 2;
  return gan_net_create(spec, &learner->net);
}

gan_status gan_networks_add(gan_task *task, int64_t piece, gan_division division, gan_sums *sums) {
  const gan_config *config = task->config;
  gan_shape image = {task->info->h, task->info->w, task->info->c};
  gan_net_spec spec = {.name = "generator",
                       .key = "model.generator",
                       .id = GAN_GENERATOR,
                       .layers = &config->model.generator,
                       .in = {1, 1, config->model.latent},
                       .out = image,
                       .capacity = piece,
                       .share = config->train.batch / config->data.shards,
                       .trains = true,
                       .label = gan_config_label_way(config, true),
                       .classes = config->model.classes,
                       .label_units = config->model.label_units,
                       .division = division,
                       .sums = sums};
  GAN_TRY(add_learner(task, &spec));
  spec.name = "discriminator";
  spec.key = "model.discriminator";
  spec.id = GAN_DISCRIMINATOR;
  spec.layers = &config->model.discriminator;
  spec.label = gan_config_label_way(config, false);
  spec.in = image;
  spec.out = (gan_shape){1, 1, 1};
  GAN_TRY(add_discriminator(task, &spec));
  return gan_task_check_microbatch(task);
}
