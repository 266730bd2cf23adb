#include "optim/adam.h"

#include "base/memory.h"
#include "kernels/update.h"

#include <float.h>
#include <math.h>
#include <string.h>

const double gan_adam_limit = 1.8e19; /* below the root of FLT_MAX, and so are the root's means */

gan_status gan_adam_create(int64_t n, double lr, double beta1, double beta2, double eps,
                           gan_adam **out) {
  gan_adam *adam;
  GAN_TRY_ALLOC(adam, 1, "the optimizer");
  *adam = (gan_adam){.n = n, .end = n, .lr = lr, .beta1 = beta1, .beta2 = beta2, .eps = eps};
  *out = adam;
  adam->exp_avg = gan_alloc((size_t)n, sizeof(float), "the optimizer's means");
  adam->exp_avg_sq = gan_alloc((size_t)n, sizeof(float), "the optimizer's means of squares");
  if (adam->exp_avg && adam->exp_avg_sq) return GAN_OK;
  gan_adam_destroy(out);
  return GAN_NO_MEMORY;
}

void gan_adam_destroy(gan_adam **adam) {
  if (!*adam) return;
  if (!(*adam)->borrows) {
    gan_free(&(*adam)->exp_avg);
    gan_free(&(*adam)->exp_avg_sq);
  }
  gan_free(adam);
}

void gan_adam_share(gan_adam *adam, float *exp_avg, float *exp_avg_sq, int64_t first, int64_t end) {
  GAN_ASSERT(!adam->step && !adam->borrows);
  gan_free(&adam->exp_avg);
  gan_free(&adam->exp_avg_sq);
  adam->exp_avg = exp_avg;
  adam->exp_avg_sq = exp_avg_sq;
  adam->first = first;
  adam->end = end;
  adam->borrows = true;
}

void gan_adam_clear(gan_adam *adam) {
  adam->step = 0;
  memset(adam->exp_avg, 0, (size_t)adam->n * sizeof(float));
  memset(adam->exp_avg_sq, 0, (size_t)adam->n * sizeof(float));
}

void gan_adam_step_once(gan_adam *adam, const float *grads, float *params) {
  double t = (double)++adam->step;
  gan_adam_step step = {
      .beta1 = (float)adam->beta1,
      .beta2 = (float)adam->beta2,
      .eps = (float)adam->eps,
      .rest1 = (float)(1 - adam->beta1),
      .rest2 = (float)(1 - adam->beta2),
      .step_size = (float)(adam->lr / (1 - pow(adam->beta1, t))),
      .root_bias_correction = (float)sqrt(1 - pow(adam->beta2, t)),
  };
  int64_t at = adam->first;
  gan_adam_update(adam->end - at, &step, grads + at, adam->exp_avg + at, adam->exp_avg_sq + at,
                  params + at);
}
