/* The table of optimizers, and what they have in common. */
#include "optim/optimizer.h"

#include "base/memory.h"

#include <math.h>
#include <string.h>

extern const gan_optimizer_type gan_optimizer_adam, gan_optimizer_adamw, gan_optimizer_rmsprop,
    gan_optimizer_sgd;

static const gan_optimizer_type *const types[] = {
    [GAN_OPTIMIZER_ADAM] = &gan_optimizer_adam,
    [GAN_OPTIMIZER_ADAMW] = &gan_optimizer_adamw,
    [GAN_OPTIMIZER_RMSPROP] = &gan_optimizer_rmsprop,
    [GAN_OPTIMIZER_SGD] = &gan_optimizer_sgd,
};

gan_status gan_optimizer_make(gan_optimizer_kind kind, const gan_optimizer_options *options,
                              int64_t n, double lr, gan_optimizer **out) {
  gan_optimizer *optimizer;
  GAN_TRY_ALLOC(optimizer, 1, "the optimizer");
  *optimizer = (gan_optimizer){.type = types[kind],
                               .options = *options,
                               .lr = lr,
                               .n = n,
                               .scale = 1,
                               .bound = HUGE_VAL,
                               .end = n};
  *out = optimizer;
  bool all = true;
  for (int i = 0; i < optimizer->type->moment_count; i++) {
    optimizer->moments[i] = gan_alloc((size_t)n, sizeof(float), "the optimizer's moments");
    all = all && optimizer->moments[i];
  }
  if (all) return GAN_OK;
  gan_optimizer_destroy(out);
  return GAN_NO_MEMORY;
}

gan_status gan_optimizer_create(const gan_config *config, int64_t n, double lr,
                                gan_optimizer **out) {
  gan_optimizer_options options = {.beta1 = config->train.beta1,
                                   .beta2 = config->train.beta2,
                                   .eps = config->train.eps,
                                   .alpha = config->train.alpha,
                                   .momentum = config->train.momentum,
                                   .momentum_final = config->train.momentum_final,
                                   .momentum_steps = config->train.momentum_steps,
                                   .nesterov = config->train.nesterov,
                                   .weight_decay = config->train.weight_decay};
  return gan_optimizer_make((gan_optimizer_kind)config->train.optimizer, &options, n, lr, out);
}

static void free_moments(gan_optimizer *optimizer) {
  for (int i = 0; i < GAN_MOMENTS_MAX; i++) gan_free(&optimizer->moments[i]);
}

void gan_optimizer_destroy(gan_optimizer **optimizer) {
  if (!*optimizer) return;
  if (!(*optimizer)->borrows) free_moments(*optimizer);
  gan_free(optimizer);
}

void gan_optimizer_share(gan_optimizer *optimizer, float *const moments[GAN_MOMENTS_MAX],
                         int64_t first, int64_t end) {
  GAN_ASSERT(!optimizer->step && !optimizer->borrows);
  free_moments(optimizer);
  for (int i = 0; i < optimizer->type->moment_count; i++) optimizer->moments[i] = moments[i];
  optimizer->first = first;
  optimizer->end = end;
  optimizer->borrows = true;
}

void gan_optimizer_clear(gan_optimizer *optimizer) {
  optimizer->step = 0;
  for (int i = 0; i < optimizer->type->moment_count; i++)
    memset(optimizer->moments[i], 0, (size_t)optimizer->n * sizeof(float));
}

gan_gradient_step gan_optimizer_gradient(const gan_optimizer *optimizer) {
  return (gan_gradient_step){.scale = (float)optimizer->scale,
                             .decay = (float)optimizer->options.weight_decay};
}

void gan_optimizer_step(gan_optimizer *optimizer, const float *grads, float *params) {
  optimizer->step++;
  optimizer->type->update(optimizer, grads, params);
  if (optimizer->bound < HUGE_VAL)
    gan_cut(optimizer->end - optimizer->first, (float)optimizer->bound, params + optimizer->first);
}

double gan_optimizer_weight_bytes(const gan_optimizer *optimizer) {
  int updated = 1 + optimizer->type->moment_count;
  return (double)((1 + 2 * updated) * (int)sizeof(float));
}
