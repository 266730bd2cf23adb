/* The networks of a task, as its learners: one a row of config/networks.h. */
#ifndef GAN_TASK_NETWORKS_H
#define GAN_TASK_NETWORKS_H

#include "config/networks.h"
#include "task/task.h"

/* Numbers of a GAN's learners, and keys of their randomness. */
enum { GAN_GENERATOR, GAN_DISCRIMINATOR };

/* Likewise of a VAE's. */
enum { GAN_ENCODER, GAN_DECODER };

/* What the config says of learner `which`, for passes of at most `piece` samples of a set that are
 * divided and summed as gan_net_spec says.  What goes in and out, and how a class enters, is the
 * task's to add. */
gan_net_spec gan_network_spec(const gan_task *task, int which, int64_t piece, gan_division division,
                              gan_sums *sums);

/* The next learner: network and optimizer.  GAN_USAGE if it does not fit. */
GAN_CHECKED gan_status gan_networks_add(gan_task *task, const gan_net_spec *spec);

/* What samples are made by: the average of a learner's weights where one is kept. */
gan_net *gan_learner_sampler(const gan_learner *learner);

/* Both of a GAN, from the config and the data's shape. */
GAN_CHECKED gan_status gan_networks_add_gan(gan_task *task, int64_t piece, gan_division division,
                                            gan_sums *sums);

/* The config's learning rate of one. */
double gan_learner_rate(const gan_task *task, int which);

#endif
