#include "base/blocks.h"

#include <omp.h>

/* Each thread's own: those beside the computing ones find no helpers here. */
static _Thread_local int shared_by = 1;

void gan_blocks_set_threads(int threads) {
  shared_by = threads;
}

int gan_blocks_threads(int64_t work) {
  if (work < GAN_SHARED_WORK || shared_by == 1 || omp_in_parallel()) return 1;
  return shared_by;
}
