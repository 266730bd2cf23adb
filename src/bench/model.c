#include "bench/model.h"

#include <math.h>

static const char *const names[] = {
    [GAN_ALLREDUCE_TREE] = "tree",
    [GAN_ALLREDUCE_DOUBLING] = "recursive doubling",
    [GAN_ALLREDUCE_RING] = "ring",
    [GAN_ALLREDUCE_RABENSEIFNER] = "Rabenseifner",
};

const char *gan_allreduce_name(gan_allreduce_way way) {
  return names[way];
}

/* ---- which algorithm ---- */

enum {
  TREE = GAN_ALLREDUCE_TREE,
  DOUBLING = GAN_ALLREDUCE_DOUBLING,
  RING = GAN_ALLREDUCE_RING,
  RABENSEIFNER = GAN_ALLREDUCE_RABENSEIFNER
};
#define MANY INT64_MAX

/* Open MPI 4.1, ompi_coll_tuned_allreduce_intra_dec_fixed, operations that commute: the first row
 * with more ranks and more bytes holds. */
static const struct {
  int64_t ranks_below, bytes_below;
  int way;
} rule[] = {
    {4, 8, RING},
    {4, 4096, DOUBLING},
    {4, 8192, RING},
    {4, 16384, DOUBLING},
    {4, 262144, RING},
    {4, MANY, RABENSEIFNER},
    {8, 16, RING},
    {8, 8192, DOUBLING},
    {8, MANY, RABENSEIFNER},
    {16, 8192, DOUBLING},
    {16, MANY, RABENSEIFNER},
    {32, 64, RING},
    {32, 4096, DOUBLING},
    {32, MANY, RABENSEIFNER},
    {64, 128, RING},
    {64, MANY, RABENSEIFNER},
    {128, 262144, DOUBLING},
    {128, MANY, RABENSEIFNER},
    {256, 131072, TREE},
    {256, 262144, DOUBLING},
    {256, MANY, RABENSEIFNER},
    {512, 4096, TREE},
    {512, MANY, RABENSEIFNER},
    {2048, 2048, TREE},
    {2048, 16384, DOUBLING},
    {2048, MANY, RABENSEIFNER},
    {4096, 2048, TREE},
    {4096, 4096, RING},
    {4096, 16384, DOUBLING},
    {4096, MANY, RABENSEIFNER},
    {MANY, 2048, TREE},
    {MANY, 16384, RING},
    {MANY, 32768, DOUBLING},
    {MANY, MANY, RABENSEIFNER},
};

/* The largest power of two up to n. */
static int64_t power_below(int64_t n) {
  int64_t power = 1;
  while (2 * power <= n) power *= 2;
  return power;
}

gan_allreduce_way gan_allreduce_choose(int64_t ranks, double bytes) {
  int i = 0;
  while (!(ranks < rule[i].ranks_below && bytes < (double)rule[i].bytes_below)) i++;
  double numbers = bytes / sizeof(float);
  /* Each rank must have something of its own to add up. */
  bool too_few = (rule[i].way == RING && numbers < (double)ranks) ||
                 (rule[i].way == RABENSEIFNER && numbers < (double)power_below(ranks));
  return too_few ? GAN_ALLREDUCE_DOUBLING : (gan_allreduce_way)rule[i].way;
}

/* ---- how long it takes ---- */

/* A message to a rank so far away; `share`: how many messages are on the node's link at once. */
static double message(const gan_network *network, int64_t distance, double share, double bytes) {
  if (distance < network->ranks_per_node)
    return network->node_latency + bytes / network->node_bandwidth;
  return network->latency + share * bytes / network->bandwidth;
}

/* All ranks of a node exchange at once. */
static double exchange(const gan_network *network, int64_t distance, double bytes) {
  return message(network, distance, (double)network->ranks_per_node, bytes);
}

/* Ranks beyond a power of two first give all that they have to a neighbour, and in the end get all
 * back. */
static double fold(const gan_network *network, int64_t ranks, double bytes) {
  if (ranks == power_below(ranks)) return 0;
  return 2 * exchange(network, 1, bytes) + bytes / network->adding;
}

/* lg p (latency + n / bandwidth + n / adding) */
static double doubling(const gan_network *network, int64_t ranks, double bytes) {
  double time = fold(network, ranks, bytes);
  for (int64_t distance = 1; distance < power_below(ranks); distance *= 2)
    time += exchange(network, distance, bytes) + bytes / network->adding;
  return time;
}

/* 2 lg p latency + 2 (p - 1) / p n / bandwidth + (p - 1) / p n / adding: halves of what is left go
 * out, nearest ranks first, and come back. */
static double rabenseifner(const gan_network *network, int64_t ranks, double bytes) {
  double time = fold(network, ranks, bytes), part = bytes / 2;
  for (int64_t distance = 1; distance < power_below(ranks); distance *= 2, part /= 2)
    time += 2 * exchange(network, distance, part) + part / network->adding;
  return time;
}

/* 2 (p - 1) (latency + n / p / bandwidth) + (p - 1) n / p / adding: one rank of a node sends out.
 */
static double ring(const gan_network *network, int64_t ranks, double bytes) {
  double part = bytes / (double)ranks, hops = (double)(ranks - 1);
  double hop = ranks > 1 && network->ranks_per_node > 1 ? message(network, 1, 1, part) : 0;
  if (ranks > network->ranks_per_node)
    hop = fmax(hop, message(network, network->ranks_per_node, 1, part));
  return 2 * hops * hop + hops * part / network->adding;
}

/* 2 lg p (latency + n / bandwidth) + lg p n / adding, lg rounded up. */
static double tree(const gan_network *network, int64_t ranks, double bytes) {
  double time = 0;
  for (int64_t distance = 1; distance < ranks; distance *= 2)
    time += 2 * message(network, distance, 1, bytes) + bytes / network->adding;
  return time;
}

double gan_allreduce_seconds(gan_allreduce_way way, const gan_network *network, int64_t ranks,
                             double bytes) {
  static double (*const times[])(const gan_network *, int64_t, double) = {
      [GAN_ALLREDUCE_TREE] = tree,
      [GAN_ALLREDUCE_DOUBLING] = doubling,
      [GAN_ALLREDUCE_RING] = ring,
      [GAN_ALLREDUCE_RABENSEIFNER] = rabenseifner,
  };
  return ranks > 1 ? times[way](network, ranks, bytes) : 0;
}

/* ---- a step ---- */

/* The samples that take so long to compute. */
static double samples_for(const gan_step_model *model, double computing) {
  return fmax(1, (computing - model->fixed) / model->per_sample);
}

/* The computing from which at least 0.9 of a step is computing, where `hidden` of the sums can go
 * on beside it. */
static double computing_for_efficiency(double sums, double hidden) {
  if (0.9 * sums <= hidden) return 0.9 * sums;
  return fmax(hidden, 9 * (sums - hidden));
}

gan_prediction gan_predict_step(const gan_step_model *model, const gan_network *network,
                                int64_t ranks, double samples, double overlap) {
  gan_prediction p = {.computing = model->fixed + model->per_sample * samples};
  double gradients = 0;
  for (int i = 0; i < model->sum_count; i++) {
    double bytes = model->sums[i].bytes;
    double time = gan_allreduce_seconds(gan_allreduce_choose(ranks, bytes), network, ranks, bytes);
    p.sums += time;
    if (model->sums[i].gradients) gradients += time;
  }
  double hidden = overlap * gradients;
  p.exposed = p.sums - fmin(hidden, p.computing);
  p.step = p.computing + p.exposed;
  p.efficiency = p.computing / p.step;
  p.hides = samples_for(model, gradients);
  p.efficient = samples_for(model, computing_for_efficiency(p.sums, hidden));
  return p;
}
