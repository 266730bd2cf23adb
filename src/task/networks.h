/* The two networks of a GAN, as learners of a task. */
#ifndef GAN_TASK_NETWORKS_H
#define GAN_TASK_NETWORKS_H

#include "task/task.h"

/* Numbers of the learners, and keys of their randomness. */
enum { GAN_GENERATOR, GAN_DISCRIMINATOR };

/* Both, from the config and the data's shape; passes have at most `piece` samples of a set, and
 * are divided and summed as gan_net_spec says.  GAN_USAGE if they do not fit. */
GAN_CHECKED gan_status gan_networks_add(gan_task *task, int64_t piece, gan_division division,
                                        gan_sums *sums);

/* The config's learning rate of one. */
double gan_networks_rate(const gan_config *config, int which);

#endif
