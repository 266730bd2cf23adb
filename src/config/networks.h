/* The networks of each task: what they are called, and which keys of the config are theirs.
 *
 * A task is known here by its row in networks.c: checks, plan, learning rates and sampling follow
 * from it.
 */
#ifndef GAN_CONFIG_NETWORKS_H
#define GAN_CONFIG_NETWORKS_H

#include "config/config.h"

typedef struct gan_network {
  const char *name;     /* in checkpoints and messages: "generator" */
  const char *key;      /* of its list of layers: "model.generator" */
  const char *rate_key; /* of its learning rate: "train.optimizer.lr_g" */
  const char *updates;  /* key of its updates a step; NULL: one */
  bool makes_data;      /* its output is a sample, made from model.latent numbers */
  const char *average;  /* name of the moving average of its weights; NULL: it has none */
} gan_network;

/* In the order in which they are built, saved and numbered: learner i of the task is row i. */
typedef struct gan_networks {
  const gan_network *rows;
  int count;
} gan_networks;

gan_networks gan_networks_of(gan_task_kind task);

/* The one that makes data; NULL: the task has none, and generates nothing. */
const gan_network *gan_network_that_makes_data(gan_task_kind task);

const gan_layer_list *gan_network_layers(const gan_config *config, const gan_network *network);

/* The config's learning rate of it. */
double gan_network_rate(const gan_config *config, const gan_network *network);

/* Its updates a step. */
int64_t gan_network_updates(const gan_config *config, const gan_network *network);

/* The keys of the task's learning rates, for messages: "train.optimizer.lr_d and
 * train.optimizer.lr_g". */
char *gan_networks_rate_keys(gan_task_kind task, char *text, size_t size);

/* GAN_USAGE where a network of the task is missing, or one is given that the task has not. */
GAN_CHECKED gan_status gan_networks_check(const gan_config *config);

#endif
