/* What a training step takes on a machine that is not here: computing as it was measured, and sums
 * over the ranks by the alpha-beta model (Hockney 1994): a message of n bytes takes latency +
 * n / bandwidth, both ways at once.  Formulas of the algorithms: Thakur, Rabenseifner and Gropp
 * 2005, "Optimization of Collective Communication Operations in MPICH", IJHPCA 19(1), section 4.5;
 * which algorithm: the fixed rule of Open MPI 4.1.
 *
 * Not in it: other jobs on the network, noise of the system, hops and topology; the slowest rank
 * is taken to be as fast as the measured one.  Pure functions. */
#ifndef GAN_BENCH_MODEL_H
#define GAN_BENCH_MODEL_H

#include <stdbool.h>
#include <stdint.h>

/* Seconds, and bytes a second. */
typedef struct gan_network {
  double latency, bandwidth;           /* of a node's link, which its ranks share */
  double node_latency, node_bandwidth; /* between two ranks of a node */
  double adding;          /* how fast a rank adds up what arrives; INFINITY: for free */
  int64_t ranks_per_node; /* neighbours in rank order */
} gan_network;

typedef enum gan_allreduce_way {
  GAN_ALLREDUCE_TREE, /* to one rank and back, along binomial trees */
  GAN_ALLREDUCE_DOUBLING,
  GAN_ALLREDUCE_RING, /* in segments or not */
  GAN_ALLREDUCE_RABENSEIFNER,
} gan_allreduce_way;

const char *gan_allreduce_name(gan_allreduce_way way);

/* The one that Open MPI takes for so many bytes (of floats) on so many ranks. */
gan_allreduce_way gan_allreduce_choose(int64_t ranks, double bytes);

/* Seconds of an allreduce; 0 on one rank. */
double gan_allreduce_seconds(gan_allreduce_way way, const gan_network *network, int64_t ranks,
                             double bytes);

/* A sum of a step; gradients' may go on beside computing. */
typedef struct gan_sum {
  double bytes;
  bool gradients;
} gan_sum;

typedef struct gan_step_model {
  double fixed, per_sample; /* seconds of computing: fixed + per_sample * samples of a rank */
  const gan_sum *sums;      /* (sum_count) */
  int sum_count;
} gan_step_model;

typedef struct gan_prediction {
  double computing, sums, exposed, step; /* seconds */
  double efficiency;                     /* computing / step: of weak scaling */
  double hides;     /* samples a rank from which computing takes as long as the gradients' sums */
  double efficient; /* samples a rank from which efficiency is at least 0.9 */
} gan_prediction;

/* `overlap`: the part of the gradients' sums that can go on beside computing, 0 (none) to 1. */
gan_prediction gan_predict_step(const gan_step_model *model, const gan_network *network,
                                int64_t ranks, double samples, double overlap);

#endif
