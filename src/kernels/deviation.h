/* Standard deviations over a group of samples, for minibatch_stddev. */
#ifndef GAN_KERNELS_DEVIATION_H
#define GAN_KERNELS_DEVIATION_H

#include <stdint.h>

/* A group of samples, each (pixels, channels); the channels are cut into `features` equal runs. */
typedef struct gan_deviation_shape {
  int64_t samples, pixels, channels, features;
  double eps;
} gan_deviation_shape;

/* means (features): of sqrt(variance over the samples + eps), over the pixels and channels of each
 * run.  The variance is biased. */
void gan_deviation_means(const gan_deviation_shape *shape, const float *x, double *means);

/* dx += what the means' gradients (features) make of x's. */
void gan_deviation_means_back(const gan_deviation_shape *shape, const float *x,
                              const double *gradients, float *dx);

#endif
