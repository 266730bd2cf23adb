/* The logistic function and its logarithm, in double. */
#ifndef GAN_OBJECTIVE_LOGISTIC_H
#define GAN_OBJECTIVE_LOGISTIC_H

#include <math.h>

/* log(1 + exp(x)) without overflow: max(x, 0) + log1p(exp(-|x|)). */
static inline double gan_softplus(double x) {
  return (x > 0 ? x : 0) + log1p(exp(-fabs(x)));
}

/* 1 / (1 + exp(-x)), to full relative precision on both sides. */
static inline double gan_sigmoid(double x) {
  if (x >= 0) return 1 / (1 + exp(-x));
  double e = exp(x);
  return e / (1 + e);
}

#endif
