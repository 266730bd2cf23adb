/* Statistics of images that a physicist asks for first: how often each pixel value occurs, how
 * power is spread over scales, and each channel's moments.
 *
 * Each is a mean over images of something that one image has, so images are measured once, and the
 * statistics of any part of them (a half, a resample) are a mean away. */
#ifndef GAN_EVAL_PHYSICS_H
#define GAN_EVAL_PHYSICS_H

#include "eval/rows.h"

enum { GAN_PHYSICS_MOMENTS = 4 };

/* What is measured, of images (N, H, W, C); all the same on all ranks. */
typedef struct gan_physics {
  int64_t h, w, c;
  double low, high; /* the histogram's range; what lies outside counts in its first or last bin */
  int64_t bins;
} gan_physics;

/* Numbers that a set of images has, in this order:
 *
 *   bins                 shares of pixel values, over all channels
 *   gan_physics_rings    mean power |F|^2 / (H W) in the ring of so many cycles an image's shorter
 *                        side, F the image's discrete Fourier transform; mean over channels
 *   4 a channel          mean, standard deviation, skewness, kurtosis less 3, of all its pixels
 */
int64_t gan_physics_size(const gan_physics *physics);

/* From 0 cycles to half of the shorter side; what is beyond, in the corners, is left out. */
int64_t gan_physics_rings(const gan_physics *physics);

/* Measures n images of this rank: out (n, gan_physics_size), for the two below.  Local. */
GAN_CHECKED gan_status gan_physics_measure(const gan_physics *physics, int64_t n, const float *x,
                                           double *out);

/* The statistics of all ranks' images: out (gan_physics_size).  Collective.  GAN_USAGE where there
 * are none. */
GAN_CHECKED gan_status gan_physics_run(const gan_eval *eval, const gan_physics *physics, int64_t n,
                                       const double *measured, double *out);

/* The band in which each statistic of halves of these images lies, over so many divisions by
 * chance: low and high (gan_physics_size).  Of real images it says what chance alone does to a set
 * of half the count.  Collective.  GAN_USAGE where there are fewer than two images. */
GAN_CHECKED gan_status gan_physics_bands(const gan_eval *eval, const gan_physics *physics,
                                         int64_t n, const double *measured, int divisions,
                                         double *low, double *high);

#endif
