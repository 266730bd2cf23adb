/* A moving average of a network's weights: what samples are made by, while the network itself goes
 * on learning (Karras et al. 2018, "Progressive growing of GANs", appendix A.1; Yazici et al.
 * 2019).
 *
 * After each update of the network
 *   average = d average + (1 - d) weights,  d = 0.5^(batch / h),
 * where h is the half-life in images, given as such or by d itself, but at most `warmup` times the
 * images of the updates before (as in the code of Karras et al. 2020): the first update copies.
 * Running statistics and counters are not averaged but the network's own, as there.
 */
#ifndef GAN_OPTIM_AVERAGE_H
#define GAN_OPTIM_AVERAGE_H

#include "model/net.h"

typedef struct gan_average {
  gan_net *net;       /* of the averaged weights: it only samples */
  double half_life;   /* in images */
  double warmup;      /* 0: no bound */
  int64_t batch;      /* images an update */
  int64_t updates;    /* that are in it */
  int64_t first, end; /* the part of the weights that this rank averages; all of it at first */
} gan_average;

/* Whether the config asks for one. */
bool gan_average_wanted(const gan_config *config);

/* Of the network of that spec, under its own name (borrowed). */
GAN_CHECKED gan_status gan_average_create(const gan_config *config, const gan_net_spec *spec,
                                          const char *name, gan_average **out);
void gan_average_destroy(gan_average **average);

/* Ranks that share weights share their average too, `slab`: each averages the part [first, end).
 * Before the first update. */
void gan_average_share(gan_average *average, float *slab, int64_t first, int64_t end);

/* It begins as the network is, with no update in it; and with all to zero. */
void gan_average_begin(gan_average *average, const gan_net *net);
void gan_average_clear(gan_average *average);

/* 1 - d of the next update. */
double gan_average_rest(const gan_average *average);

/* Behind an update of the network, before its ranks meet: takes its weights in. */
void gan_average_update(gan_average *average, const gan_net *net);

/* At the end of a step: the network's running statistics and counters. */
void gan_average_follow(gan_average *average, const gan_net *net);

#endif
