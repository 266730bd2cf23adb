/* The bandwidth of memory as a training step meets it. */
#ifndef GAN_BENCH_MEMORY_H
#define GAN_BENCH_MEMORY_H

#include "task/task.h"

typedef struct gan_bandwidth {
  double bytes_per_s;
  double over; /* bytes that it was measured over: as many as the step touches, so that what stays
                * in a cache from step to step is measured there */
} gan_bandwidth;

/* Of each rank, all at the same time, with the config's threads.  Collective. */
GAN_CHECKED gan_status gan_bench_bandwidth(const gan_task *task, gan_bandwidth *out);

#endif
