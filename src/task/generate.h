/* Samples from a generator: noise and classes in, images in the data's own units out. */
#ifndef GAN_TASK_GENERATE_H
#define GAN_TASK_GENERATE_H

#include "checkpoint/checkpoint.h"

/* `samples` noise vectors of `size` numbers: those of global samples first, first + 1, ... */
void gan_latent_fill(gan_latent_distribution law, gan_rng rng, uint64_t draw, int64_t first,
                     int64_t samples, int64_t size, float *out);

/* The classes of n samples that a picture shows, one row a class: sample i is in row i / columns.
 * Returns the columns: n / classes, or 1. */
int64_t gan_class_rows(int64_t n, int64_t classes, int32_t *out);

/* Which samples. */
typedef struct gan_request {
  gan_latent_distribution law;
  uint64_t seed;
  int64_t first, n;       /* samples first..first+n-1 of the seed */
  const int32_t *classes; /* (n) of a conditional generator; else NULL */
} gan_request;

/* images (n, C, H, W) in the data's units and latent (n, Z).  Sample i is the same whatever first
 * and n are, to rounding of the matrix products.  Local; uses the network in passes of its
 * capacity. */
GAN_CHECKED gan_status gan_generate(gan_net *generator, const gan_request *request,
                                    const gan_data_facts *data, float *images, float *latent);

#endif
