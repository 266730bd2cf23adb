#include "config/networks.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

/* Where train.optimizer.lr is not given. */
static const double DEFAULT_RATE = 1e-3;

static const gan_network of_gan[] = {
    {"generator", "model.generator", "train.optimizer.lr_g", "train.g_steps", true,
     "generator_ema"},
    {"discriminator", "model.discriminator", "train.optimizer.lr_d", "train.d_steps", false, NULL},
};
static const gan_network of_classifier[] = {
    {"classifier", "model.classifier", "train.optimizer.lr", NULL, false, NULL},
};
static const gan_network of_vae[] = {
    {"encoder", "model.encoder", "train.optimizer.lr", NULL, false, NULL},
    {"decoder", "model.decoder", "train.optimizer.lr", NULL, true, NULL},
};

#define ROWS(rows)                                                                                 \
  { rows, (int)(sizeof(rows) / sizeof *(rows)) }

static const gan_networks tasks[GAN_TASKS] = {
    [GAN_TASK_GAN] = ROWS(of_gan),
    [GAN_TASK_CLASSIFIER] = ROWS(of_classifier),
    [GAN_TASK_VAE] = ROWS(of_vae),
};

gan_networks gan_networks_of(gan_task_kind task) {
  return tasks[task];
}

const gan_network *gan_network_that_makes_data(gan_task_kind task) {
  for (int i = 0; i < tasks[task].count; i++)
    if (tasks[task].rows[i].makes_data) return &tasks[task].rows[i];
  return NULL;
}

static const void *value_of(const gan_config *config, const char *key) {
  const gan_option *option = gan_options_find(gan_config_options(), key);
  GAN_ASSERT(option);
  return (const char *)config + option->offset;
}

const gan_layer_list *gan_network_layers(const gan_config *config, const gan_network *network) {
  return value_of(config, network->key);
}

double gan_network_rate(const gan_config *config, const gan_network *network) {
  double rate = *(const double *)value_of(config, network->rate_key);
  return isnan(rate) ? DEFAULT_RATE : rate;
}

int64_t gan_network_updates(const gan_config *config, const gan_network *network) {
  return network->updates ? *(const int64_t *)value_of(config, network->updates) : 1;
}

char *gan_networks_rate_keys(gan_task_kind task, char *text, size_t size) {
  const char *last = "";
  size_t used = 0;
  for (int i = tasks[task].count - 1; i >= 0 && used < size; i--) {
    const char *key = tasks[task].rows[i].rate_key;
    if (strcmp(key, last) != 0)
      used += (size_t)snprintf(text + used, size - used, "%s%s", used ? " and " : "", key);
    last = key;
  }
  return text;
}

/* "model.generator, model.discriminator" */
static char *names_of(gan_task_kind task, char *text, size_t size) {
  size_t used = 0;
  for (int i = 0; i < tasks[task].count && used < size; i++)
    used +=
        (size_t)snprintf(text + used, size - used, "%s%s", i ? ", " : "", tasks[task].rows[i].key);
  return text;
}

static bool has_network(gan_task_kind task, const char *key) {
  for (int i = 0; i < tasks[task].count; i++)
    if (!strcmp(tasks[task].rows[i].key, key)) return true;
  return false;
}

static gan_status check_network(const gan_config *config, const gan_network *network) {
  gan_task_kind task = (gan_task_kind)config->task;
  const gan_option *tasks_row = gan_options_find(gan_config_options(), "task");
  const gan_option *row = gan_options_find(gan_config_options(), network->key);
  bool given = gan_network_layers(config, network)->count > 0, wanted = has_network(task, row->key);
  char place[600], names[256];
  if (given == wanted) return GAN_OK;
  gan_config_place(config, row->key, place, sizeof place);
  if (wanted && gan_config_origin(config, row->key).kind != GAN_ORIGIN_DEFAULT) /* null */
    return gan_fail(GAN_USAGE, "%s must be a list of layers, one '- layer: {...}' a line", place);
  if (wanted)
    return gan_fail(GAN_USAGE, "%s: key '%s' is missing: %s", config->file, row->key, row->help);
  return gan_fail(GAN_USAGE, "%s is not used by task: %s, which has %s; leave it out", place,
                  tasks_row->choices[config->task], names_of(task, names, sizeof names));
}

gan_status gan_networks_check(const gan_config *config) {
  for (int task = 0; task < GAN_TASKS; task++)
    for (int i = 0; i < tasks[task].count; i++)
      GAN_TRY(check_network(config, &tasks[task].rows[i]));
  return GAN_OK;
}
