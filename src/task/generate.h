/* Samples from a generator: noise in, images in the data's own units out. */
#ifndef GAN_TASK_GENERATE_H
#define GAN_TASK_GENERATE_H

#include "checkpoint/checkpoint.h"

/* `samples` noise vectors of `size` numbers: those of global samples first, first + 1, ... */
void gan_latent_fill(gan_latent_distribution law, gan_rng rng, uint64_t draw, int64_t first,
                     int64_t samples, int64_t size, float *out);

/* Samples first..first+n-1 of `seed`: images (n, C, H, W) in the data's units and latent (n, Z).
 * Sample i is the same whatever first and n are, to rounding of the matrix products.  Local; uses
 * the network in passes of its capacity. */
GAN_CHECKED gan_status gan_generate(gan_net *generator, gan_latent_distribution law, uint64_t seed,
                                    int64_t first, int64_t n, const gan_data_facts *data,
                                    float *images, float *latent);

#endif
