/* What `mpigan bench` measures: one file a measurement, each from a config, over made-up data.
 *
 *   step          phases of a training step against what they cannot cost less than
 *   gemm          this machine's rates on the config's own matrix products
 *   allreduce     sums over the ranks: latency, bandwidth, the config's own sizes
 *   scaling       the same work on 1, 2, 4 ... ranks of the job; a prediction for other machines
 *   reproducible  the price of compute.reproducible
 *
 * Times differ from second to second where others use the machine, so what is compared is measured
 * in turn (timing.h), and medians come with quartiles.
 */
#ifndef GAN_BENCH_BENCH_H
#define GAN_BENCH_BENCH_H

#include "comm/comm.h"

/* What the user asked for. */
typedef struct gan_bench {
  gan_comm *comm;
  const char *config;
  const char *const *overrides; /* of the config: "KEY=VALUE" */
  int override_count;
  int repeat;
  const char *json, *plot; /* files to write; NULL: none */
  bool predict;            /* scaling: on a machine that `network` describes */
  const char *const *network;
  int network_count;
} gan_bench;

/* All are collective. */
GAN_CHECKED gan_status gan_bench_step(const gan_bench *bench);
GAN_CHECKED gan_status gan_bench_gemm(const gan_bench *bench);
GAN_CHECKED gan_status gan_bench_allreduce(const gan_bench *bench);
GAN_CHECKED gan_status gan_bench_scaling(const gan_bench *bench);
GAN_CHECKED gan_status gan_bench_predict(const gan_bench *bench);
GAN_CHECKED gan_status gan_bench_reproducible(const gan_bench *bench);

#endif
