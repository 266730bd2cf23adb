/* Optimizers: a step of a network's weights against their gradient.
 *
 * One is a row of the table in optimizer.c and a file with its update (adam.c, sgd.c, rmsprop.c).
 * What it remembers of earlier gradients are moments: slabs beside the weights', which checkpoints
 * keep by PyTorch's names.  All begin at 0, so a step that finds none takes them for zeros.
 */
#ifndef GAN_OPTIM_OPTIMIZER_H
#define GAN_OPTIM_OPTIMIZER_H

#include "config/config.h"
#include "kernels/update.h"

enum { GAN_MOMENTS_MAX = 2 };

typedef struct gan_optimizer gan_optimizer;

typedef struct gan_optimizer_type {
  const char *name, *title; /* in configs and checkpoints; for people */
  int moment_count;
  const char *moments[GAN_MOMENTS_MAX]; /* their names in checkpoints: PyTorch's */
  /* The largest gradient that they can hold. */
  double limit;
  /* One update of the part [first, end) of `params` (n) by the gradients `grads` (n). */
  void (*update)(const gan_optimizer *optimizer, const float *grads, float *params);
} gan_optimizer_type;

/* What the config says of it. */
typedef struct gan_optimizer_options {
  double beta1, beta2;    /* adam, adamw */
  double eps;             /* these and rmsprop */
  double alpha;           /* rmsprop */
  double momentum;        /* sgd and rmsprop; sgd has the three below, too */
  double momentum_final;  /* reached behind ... */
  int64_t momentum_steps; /* ... so many updates; GAN_UNSET_INT: momentum stays */
  bool nesterov;
  double weight_decay; /* adamw: what a weight loses of itself, times the rate; else it goes into
                        * the gradient */
} gan_optimizer_options;

struct gan_optimizer {
  const gan_optimizer_type *type;
  gan_optimizer_options options;
  double lr;
  int64_t n;                       /* floats in each slab */
  int64_t step;                    /* updates done */
  double scale;                    /* of the gradients, set before an update; 1 at first */
  double bound;                    /* of weights behind an update; HUGE_VAL: none */
  float *moments[GAN_MOMENTS_MAX]; /* (n) each, of type->moments */

  int64_t first, end; /* the part that it updates; all of it at first */
  bool borrows;       /* the moments are another's memory */
};

/* The config's optimizer of a network whose slabs have n floats. */
GAN_CHECKED gan_status gan_optimizer_create(const gan_config *config, int64_t n, double lr,
                                            gan_optimizer **out);
/* The same from its parts. */
GAN_CHECKED gan_status gan_optimizer_make(gan_optimizer_kind kind,
                                          const gan_optimizer_options *options, int64_t n,
                                          double lr, gan_optimizer **out);
void gan_optimizer_destroy(gan_optimizer **optimizer);

/* Ranks that share weights share the moments too, (n) each, which are zero: each updates the part
 * [first, end).  Before the first update. */
void gan_optimizer_share(gan_optimizer *optimizer, float *const moments[GAN_MOMENTS_MAX],
                         int64_t first, int64_t end);

/* As it was when it was made: no update done. */
void gan_optimizer_clear(gan_optimizer *optimizer);

/* For updates whose weight decay goes into the gradient. */
gan_gradient_step gan_optimizer_gradient(const gan_optimizer *optimizer);

/* One update of its part of `params` (n) by the summed gradients `grads` (n); weights are then cut
 * to -bound..bound (Arjovsky et al. 2017, algorithm 1). */
void gan_optimizer_step(gan_optimizer *optimizer, const float *grads, float *params);

/* Bytes that an update moves for each weight: the gradient is read; the weight and its moments are
 * read and written. */
double gan_optimizer_weight_bytes(const gan_optimizer *optimizer);

#endif
