/* RMSprop (Tieleman and Hinton 2012, lecture 6e), as PyTorch defines it, not centred: gradients are
 * divided by the root of the mean of their squares, eps outside of it, and the momentum takes what
 * comes out; the mean begins at 0 and nothing corrects that.
 *
 * Without momentum the velocity is the step: it is kept all the same, so that a run can go on with
 * another momentum. */
#include "kernels/update.h"
#include "optim/optimizer.h"

enum { SQUARE_AVG, MOMENTUM_BUFFER }; /* the mean of squares, and the velocity */

static void update(const gan_optimizer *optimizer, const float *grads, float *params) {
  const gan_optimizer_options *options = &optimizer->options;
  gan_gradient_step gradient = gan_optimizer_gradient(optimizer);
  gan_rmsprop_step step = {
      .alpha = (float)options->alpha,
      .rest = (float)(1 - options->alpha),
      .eps = (float)options->eps,
      .momentum = (float)options->momentum,
      .lr = (float)optimizer->lr,
  };
  int64_t at = optimizer->first;
  gan_rmsprop_update(optimizer->end - at, &step, &gradient, grads + at,
                     optimizer->moments[SQUARE_AVG] + at, optimizer->moments[MOMENTUM_BUFFER] + at,
                     params + at);
}

const gan_optimizer_type gan_optimizer_rmsprop = {
    .name = "rmsprop",
    .title = "RMSprop",
    .moment_count = 2,
    .moments = {[SQUARE_AVG] = "square_avg", [MOMENTUM_BUFFER] = "momentum_buffer"},
    .limit = 1.8e19, /* below the root of FLT_MAX */
    .update = update,
};
