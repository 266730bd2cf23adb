/* Adam (Kingma and Ba 2015), as PyTorch defines it: bias-corrected, eps outside the root. */
#include "kernels/update.h"
#include "optim/optimizer.h"

#include <math.h>

enum { EXP_AVG, EXP_AVG_SQ }; /* means of gradients, and of their squares */

static void update(const gan_optimizer *optimizer, const float *grads, float *params) {
  const gan_optimizer_options *options = &optimizer->options;
  double t = (double)optimizer->step;
  gan_adam_step step = {
      .beta1 = (float)options->beta1,
      .beta2 = (float)options->beta2,
      .eps = (float)options->eps,
      .rest1 = (float)(1 - options->beta1),
      .rest2 = (float)(1 - options->beta2),
      .step_size = (float)(optimizer->lr / (1 - pow(options->beta1, t))),
      .root_bias_correction = (float)sqrt(1 - pow(options->beta2, t)),
  };
  int64_t at = optimizer->first;
  gan_adam_update(optimizer->end - at, &step, grads + at, optimizer->moments[EXP_AVG] + at,
                  optimizer->moments[EXP_AVG_SQ] + at, params + at);
}

const gan_optimizer_type gan_optimizer_adam = {
    .name = "adam",
    .title = "Adam",
    .moment_count = 2,
    .moments = {[EXP_AVG] = "exp_avg", [EXP_AVG_SQ] = "exp_avg_sq"},
    .limit = 1.8e19, /* below the root of FLT_MAX, and so are the root's means */
    .update = update,
};
