#include "task/task.h"

#include "base/memory.h"
#include "config/networks.h"

#include <math.h>
#include <string.h>

extern const gan_task_type gan_task_gan, gan_task_classifier, gan_task_vae;

static const gan_task_type *const types[GAN_TASKS] = {[GAN_TASK_GAN] = &gan_task_gan,
                                                      [GAN_TASK_CLASSIFIER] = &gan_task_classifier,
                                                      [GAN_TASK_VAE] = &gan_task_vae};

gan_status gan_task_create(gan_comm *comm, const gan_config *config, const gan_data_info *info,
                           gan_task **out) {
  gan_task *task;
  GAN_TRY_ALLOC(task, 1, "the task");
  *out = task;
  task->type = types[config->task];
  task->comm = comm;
  task->config = config;
  task->info = info;
  task->lr_factor = 1;
  gan_status status = task->type->create(task);
  if (status != GAN_OK) gan_task_destroy(out);
  return status;
}

/* Shared slabs beside the weights: moments, and behind them the average. */
static int shared_slabs(const gan_learner *learner) {
  return learner->optimizer->type->moment_count + (learner->average != NULL);
}

static void share_learner(const gan_learner *learner) {
  float *moments[GAN_MOMENTS_MAX] = {NULL};
  int64_t first, end;
  int count = learner->optimizer->type->moment_count;
  for (int i = 0; i < count; i++) moments[i] = gan_net_shared_slab(learner->net, i);
  if (!moments[0]) return;
  gan_net_shared_part(learner->net, &first, &end);
  gan_optimizer_share(learner->optimizer, moments, first, end);
  if (learner->average)
    gan_average_share(learner->average, gan_net_shared_slab(learner->net, count), first, end);
}

gan_status gan_task_join_ranks(gan_task *task) {
  for (int i = 0; i < task->learner_count; i++) {
    const gan_learner *learner = &task->learners[i];
    GAN_TRY(gan_net_join_ranks(learner->net, task->comm, task->config, shared_slabs(learner)));
    share_learner(learner);
  }
  return GAN_OK;
}

void gan_task_destroy(gan_task **task) {
  if (!*task) return;
  (*task)->type->destroy(*task);
  for (int i = 0; i < (*task)->learner_count; i++) {
    gan_average_destroy(&(*task)->learners[i].average); /* it may lie in the network's memory */
    gan_net_destroy(&(*task)->learners[i].net);
    gan_optimizer_destroy(&(*task)->learners[i].optimizer);
  }
  gan_free(task);
}

static float init_std_of(const gan_config *config, const gan_net *net) {
  bool own = !isnan(config->model.init_std_d) && !strcmp(net->name, "discriminator");
  return (float)(own ? config->model.init_std_d : config->model.init_std);
}

void gan_task_init(gan_task *task) {
  const gan_config *config = task->config;
  for (int i = 0; i < task->learner_count; i++) {
    const gan_learner *learner = &task->learners[i];
    gan_net_init(learner->net, (uint64_t)config->seed, (gan_init)config->model.init,
                 init_std_of(config, learner->net));
    if (learner->average) gan_average_begin(learner->average, learner->net);
  }
}

void gan_task_clear(gan_task *task) {
  for (int i = 0; i < task->learner_count; i++) {
    gan_net_clear(task->learners[i].net);
    gan_optimizer_clear(task->learners[i].optimizer);
    if (task->learners[i].average) gan_average_clear(task->learners[i].average);
  }
  for (int i = 0; i < task->counter_count; i++) *task->counters[i].value = 0;
}

gan_range gan_task_range(const gan_config *config) {
  if (config->data.range != GAN_RANGE_AUTO) return (gan_range)config->data.range;
  const gan_network *maker = gan_network_that_makes_data((gan_task_kind)config->task);
  if (!maker || gan_config_makes_logits(config)) return GAN_RANGE_UNIT;
  const gan_layer_list *layers = gan_network_layers(config, maker);
  for (int i = layers->count - 1; i >= 0; i--) {
    const char *name = layers->layers[i].schema->name;
    if (!strcmp(name, "sigmoid")) return GAN_RANGE_UNIT;
    if (!strcmp(name, "tanh")) return GAN_RANGE_SYMMETRIC;
    if (strcmp(name, "flatten") && strcmp(name, "reshape")) break;
  }
  return GAN_RANGE_NONE;
}
