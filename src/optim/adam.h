/* Adam (Kingma and Ba 2015), as PyTorch defines it: bias-corrected, eps outside the root. */
#ifndef GAN_OPTIM_ADAM_H
#define GAN_OPTIM_ADAM_H

#include "base/status.h"

#include <stdbool.h>
#include <stdint.h>

typedef struct gan_adam {
  int64_t n; /* floats in each slab */
  double lr, beta1, beta2, eps;
  int64_t step;      /* updates done */
  float *exp_avg;    /* (n) mean of gradients */
  float *exp_avg_sq; /* (n) mean of their squares */

  int64_t first, end; /* the part that it updates; all of it at first */
  bool borrows;       /* the means are another's memory */
} gan_adam;

GAN_CHECKED gan_status gan_adam_create(int64_t n, double lr, double beta1, double beta2, double eps,
                                       gan_adam **out);
void gan_adam_destroy(gan_adam **adam);

/* Ranks that share weights share the means too, (n) each, which are zero: each updates the part
 * [first, end).  Before the first update. */
void gan_adam_share(gan_adam *adam, float *exp_avg, float *exp_avg_sq, int64_t first, int64_t end);

/* The largest gradient whose square its means can hold. */
extern const double gan_adam_limit;

/* As it was when it was made: no update done. */
void gan_adam_clear(gan_adam *adam);

/* One update of its part of `params` (n) by the summed gradients `grads` (n). */
void gan_adam_step_once(gan_adam *adam, const float *grads, float *params);

#endif
