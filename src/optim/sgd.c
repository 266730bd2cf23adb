/* Stochastic gradient descent with momentum, as PyTorch defines it: the first velocity is the
 * gradient, nothing is dampened, and the learning rate multiplies the velocity, not what goes into
 * it.  Nesterov's form looks ahead by the momentum of what was just found (Sutskever et al. 2013).
 *
 * Without momentum the velocity is the gradient: it is kept all the same, so that a run can go on
 * with another momentum. */
#include "kernels/update.h"
#include "optim/optimizer.h"

#include <math.h>

enum { MOMENTUM_BUFFER }; /* the velocity */

/* Linear from `momentum`, of the first update, to `momentum_final`, behind momentum_steps. */
static double momentum_of(const gan_optimizer *optimizer) {
  const gan_optimizer_options *options = &optimizer->options;
  int64_t done = optimizer->step - 1, steps = options->momentum_steps;
  if (steps == GAN_UNSET_INT) return options->momentum;
  if (done >= steps) return options->momentum_final;
  double progress = (double)done / (double)steps;
  return options->momentum + (options->momentum_final - options->momentum) * progress;
}

static void update(const gan_optimizer *optimizer, const float *grads, float *params) {
  double momentum = momentum_of(optimizer);
  bool nesterov = optimizer->options.nesterov;
  gan_gradient_step gradient = gan_optimizer_gradient(optimizer);
  gan_sgd_step step = {
      .momentum = (float)momentum,
      .of_gradient = nesterov ? 1.0f : 0.0f,
      .of_velocity = nesterov ? (float)momentum : 1.0f,
      .lr = (float)optimizer->lr,
  };
  int64_t at = optimizer->first;
  gan_sgd_update(optimizer->end - at, &step, &gradient, grads + at,
                 optimizer->moments[MOMENTUM_BUFFER] + at, params + at);
}

const gan_optimizer_type gan_optimizer_sgd = {
    .name = "sgd",
    .title = "SGD",
    .moment_count = 1,
    .moments = {[MOMENTUM_BUFFER] = "momentum_buffer"},
    .limit = HUGE_VAL, /* nothing is squared */
    .update = update,
};
