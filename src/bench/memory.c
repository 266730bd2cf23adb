#include "bench/memory.h"

#include "base/clock.h"
#include "base/memory.h"
#include "bench/timing.h"
#include "kernels/triad.h"

#include <math.h>

enum {
  REPEAT = 9,
  LEAST = 1 << 18, /* numbers: what fits into a core's own cache is no memory */
  MOST = 1 << 25,
};

/* Numbers in each of two arrays that are together as large as what a step touches. */
static int64_t numbers(const gan_task *task) {
  double floats = 0;
  for (int i = 0; i < task->learner_count; i++) {
    const gan_net *net = task->learners[i].net;
    floats += 4 * (double)net->slab_size + (double)net->activation_bytes / sizeof(float);
  }
  return (int64_t)fmin(fmax(floats / 2, LEAST), MOST);
}

gan_status gan_bench_bandwidth(const gan_task *task, gan_bandwidth *out) {
  int64_t n = numbers(task);
  double times[REPEAT];
  float *memory = gan_alloc((size_t)(2 * n), sizeof *memory, "a measurement of memory");
  gan_status status = gan_comm_agree(task->comm, memory ? GAN_OK : GAN_NO_MEMORY,
                                     "agreeing whether all have room to measure memory");
  for (int i = -1; status == GAN_OK && i < REPEAT; i++) {
    double start = gan_clock();
    gan_triad(n, 0.5f, memory, memory + n, (int)task->config->compute.threads);
    if (i >= 0) times[i] = gan_clock() - start;
  }
  gan_free(&memory);
  GAN_TRY(status);
  *out = (gan_bandwidth){GAN_TRIAD_BYTES * (double)n / gan_median(times, REPEAT), 8 * (double)n};
  return GAN_OK;
}
