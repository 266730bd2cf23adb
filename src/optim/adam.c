/* Adam (Kingma and Ba 2015), as PyTorch defines it: bias-corrected, eps outside the root; and AdamW
 * (Loshchilov and Hutter 2019), whose weights decay beside the step, by the learning rate, in place
 * of going into the gradient, where the root would divide them too. */
#include "kernels/update.h"
#include "optim/optimizer.h"

#include <math.h>

enum { EXP_AVG, EXP_AVG_SQ }; /* means of gradients, and of their squares */

static void take(const gan_optimizer *optimizer, gan_gradient_step gradient, double keep,
                 const float *grads, float *params) {
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
      .keep = (float)keep,
  };
  int64_t at = optimizer->first;
  gan_adam_update(optimizer->end - at, &step, &gradient, grads + at,
                  optimizer->moments[EXP_AVG] + at, optimizer->moments[EXP_AVG_SQ] + at,
                  params + at);
}

static void update(const gan_optimizer *optimizer, const float *grads, float *params) {
  take(optimizer, gan_optimizer_gradient(optimizer), 1, grads, params);
}

static void update_decoupled(const gan_optimizer *optimizer, const float *grads, float *params) {
  gan_gradient_step gradient = {.scale = (float)optimizer->scale};
  double keep = 1 - optimizer->lr * optimizer->options.weight_decay;
  take(optimizer, gradient, keep, grads, params);
}

/* Below the root of FLT_MAX, and so are the root's means. */
#define LIMIT 1.8e19

const gan_optimizer_type gan_optimizer_adam = {
    .name = "adam",
    .title = "Adam",
    .moment_count = 2,
    .moments = {[EXP_AVG] = "exp_avg", [EXP_AVG_SQ] = "exp_avg_sq"},
    .limit = LIMIT,
    .update = update,
};

const gan_optimizer_type gan_optimizer_adamw = {
    .name = "adamw",
    .title = "AdamW",
    .moment_count = 2,
    .moments = {[EXP_AVG] = "exp_avg", [EXP_AVG_SQ] = "exp_avg_sq"},
    .limit = LIMIT,
    .update = update_decoupled,
};
