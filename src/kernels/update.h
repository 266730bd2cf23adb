/* Passes over flat slabs of weights.  Compiled without contraction, so replicas that start equal
 * stay equal whatever processor they run on. */
#ifndef GAN_KERNELS_UPDATE_H
#define GAN_KERNELS_UPDATE_H

#include <stdint.h>

/* What goes into a step: of gradient g and weight w, scale g + decay w. */
typedef struct gan_gradient_step {
  float scale; /* 1, or what clips the whole gradient */
  float decay; /* of the weights, in the gradient: L2; 0 leaves scale g as it is, to the bit */
} gan_gradient_step;

typedef struct gan_adam_step {
  float beta1, beta2, eps;
  float rest1, rest2;         /* 1 - beta1, 1 - beta2, rounded after the difference */
  float step_size;            /* learning rate / (1 - beta1^t) */
  float root_bias_correction; /* sqrt(1 - beta2^t) */
  float keep;                 /* of the weight, beside the gradient: AdamW's decay; 1: all */
} gan_adam_step;

/* One Adam step over n weights (Kingma and Ba 2015, algorithm 1, as PyTorch orders it), with g what
 * `gradient` makes of it:
 *   w = keep w (Loshchilov and Hutter 2019, algorithm 2),
 *   m = beta1 m + (1 - beta1) g,  v = beta2 v + (1 - beta2) g^2,
 *   w -= step_size m / (sqrt(v) / root_bias_correction + eps). */
void gan_adam_update(int64_t n, const gan_adam_step *step, const gan_gradient_step *gradient,
                     const float *g, float *m, float *v, float *w);
void gan_adam_update_reference(int64_t n, const gan_adam_step *step,
                               const gan_gradient_step *gradient, const float *g, float *m,
                               float *v, float *w);

typedef struct gan_sgd_step {
  float momentum;
  float of_gradient, of_velocity; /* shares of the two in the step: 0, 1; Nesterov: 1, momentum */
  float lr;
} gan_sgd_step;

/* One step of gradient descent with momentum over n weights (as PyTorch orders it):
 *   v = momentum v + g,  w -= lr (of_gradient g + of_velocity v). */
void gan_sgd_update(int64_t n, const gan_sgd_step *step, const gan_gradient_step *gradient,
                    const float *g, float *v, float *w);
void gan_sgd_update_reference(int64_t n, const gan_sgd_step *step,
                              const gan_gradient_step *gradient, const float *g, float *v,
                              float *w);

/* One step of a moving average of n weights: average += rest (w - average). */
void gan_average_weights(int64_t n, float rest, const float *w, float *average);
typedef struct gan_rmsprop_step {
  float alpha, rest; /* 1 - alpha, rounded after the difference */
  float eps, momentum, lr;
} gan_rmsprop_step;

/* One step of RMSprop over n weights (Tieleman and Hinton 2012, as PyTorch orders it, not centred):
 *   s = alpha s + (1 - alpha) g^2,  v = momentum v + g / (sqrt(s) + eps),  w -= lr v. */
void gan_rmsprop_update(int64_t n, const gan_rmsprop_step *step, const gan_gradient_step *gradient,
                        const float *g, float *s, float *v, float *w);
void gan_rmsprop_update_reference(int64_t n, const gan_rmsprop_step *step,
                                  const gan_gradient_step *gradient, const float *g, float *s,
                                  float *v, float *w);

/* What lies outside of -bound..bound to its nearest end; NaN stays NaN. */
void gan_cut(int64_t n, float bound, float *x);

/* The sum of squares, in double, over 16 interleaved partial sums that are added in order. */
double gan_sum_of_squares(int64_t n, const float *x);

#endif
