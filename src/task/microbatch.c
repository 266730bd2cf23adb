/* Whether a batch can be taken in pieces. */
#include "task/task.h"

#include <stdio.h>
#include <string.h>

/* A piece holds whole groups of samples; one that normalises over the batch allows no pieces. */
static gan_status check_layer(const char *place, int64_t microbatch, int64_t packing,
                              const gan_net *net, const gan_layer *layer) {
  int64_t group = layer->group * packing; /* in samples */
  if (layer->sums)
    return gan_fail(GAN_USAGE,
                    "%s is %lld, but layer %s (%s) of the %s takes its statistics over the whole "
                    "batch, which must then pass in one piece; give that layer {stats: ghost}, or "
                    "leave out train.microbatch and use more ranks",
                    place, (long long)microbatch, layer->name, layer->type->schema.name, net->name);
  if (group && microbatch % group)
    return gan_fail(GAN_USAGE,
                    "%s is %lld, which cuts the groups of %lld samples of layer %s (%s) of the %s; "
                    "allowed are multiples of %lld",
                    place, (long long)microbatch, (long long)group, layer->name,
                    layer->type->schema.name, net->name, (long long)group);
  return GAN_OK;
}

/* Samples of the batch in a sample of the network. */
static int64_t packing_of(const gan_config *config, const gan_net *net) {
  return strcmp(net->name, "discriminator") == 0 ? config->model.packing : 1;
}

/* Keys with which a rank's samples must pass in one piece: the generator goes back through what it
 * has kept of one piece; means over the batch come before the first gradient. */
static gan_status check_whole(const char *place, const gan_task *task, bool set, const char *key) {
  const gan_config *config = task->config;
  int64_t shards = config->data.shards, ranks = gan_comm_size(task->comm);
  int64_t most = (shards + ranks - 1) / ranks * (config->train.batch / shards);
  char reason[600];
  if (!set || config->train.microbatch >= most) return GAN_OK;
  return gan_fail(GAN_USAGE,
                  "%s is %lld, but with %s a rank's samples of a batch (here up to %lld) must pass "
                  "in one piece; leave one of the two keys out, or use more ranks",
                  place, (long long)config->train.microbatch,
                  gan_config_place(config, key, reason, sizeof reason), (long long)most);
}

gan_status gan_task_check_microbatch(const gan_task *task) {
  const gan_config *config = task->config;
  int64_t microbatch = config->train.microbatch;
  int64_t share = config->train.batch / config->data.shards;
  char place[600];
  if (microbatch == GAN_UNSET_INT || microbatch >= config->train.batch) return GAN_OK;
  gan_config_place(config, "train.microbatch", place, sizeof place);
  GAN_TRY(check_whole(place, task, config->train.reuse_fakes, "train.reuse_fakes"));
  bool relative =
      config->task == GAN_TASK_GAN && config->train.objective == GAN_OBJECTIVE_RELATIVISTIC;
  GAN_TRY(check_whole(place, task, relative, "train.objective"));
  for (int i = 0; i < task->learner_count; i++) {
    const gan_net *net = task->learners[i].net;
    for (int k = 0; k < net->layer_count; k++)
      GAN_TRY(check_layer(place, microbatch, packing_of(config, net), net, &net->layers[k]));
  }
  if (config->compute.reproducible && microbatch % share)
    return gan_fail(GAN_USAGE,
                    "%s is %lld; with compute.reproducible a piece holds whole shards' shares of a "
                    "batch, train.batch / data.shards = %lld samples each: allowed are multiples "
                    "of %lld; more data.shards make the share smaller",
                    place, (long long)microbatch, (long long)share, (long long)share);
  return GAN_OK;
}
