/* Sample files: what a generator made, as arrays for programs and as a picture for people. */
#ifndef GAN_OUTPUT_SAMPLES_H
#define GAN_OUTPUT_SAMPLES_H

#include "base/status.h"

#include <stdint.h>

typedef struct gan_samples {
  int64_t n, c, h, w, latent_size;
  const float *images;          /* (n, c, h, w), in the data's own units */
  const float *latent;          /* (n, latent_size) */
  const int32_t *labels;        /* (n) of conditional samples; else NULL */
  const int32_t *labels_to;     /* (n) of samples between two classes: the other one; else NULL */
  const float *share;           /* (n) of samples on a path: how far along it, 0 to 1; else NULL */
  const float *reconstructions; /* (n, c, h, w) of what went through an encoder; else NULL */
  int64_t columns;              /* of the picture; 0: as many as rows, nearly */
  double low, high;             /* the data's values lie between these */
  int64_t step;
  const char *config;
} gan_samples;

/* HDF5: images (N, C, H, W), or (N, D) for points, and latent (N, Z), float32; of conditional
 * samples labels (N), int32; on paths labels_to (N), int32, and share (N), float32; where images
 * went through an encoder reconstructions, as images; attributes step and config. */
GAN_CHECKED gan_status gan_samples_write_hdf5(const char *path, const gan_samples *samples);

/* A grid of images, or a scatter plot of 2-D points.  Points of other dimensions have no picture:
 * *written says whether there is one. */
GAN_CHECKED gan_status gan_samples_write_png(const char *path, const gan_samples *samples,
                                             int *written);

#endif
