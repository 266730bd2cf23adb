/* Samples from a generator: noise and classes in, images in the data's own units out. */
#ifndef GAN_TASK_GENERATE_H
#define GAN_TASK_GENERATE_H

#include <mpigan/generator.h>

#include "checkpoint/checkpoint.h"

/* `samples` noise vectors of `size` numbers: those of global samples first, first + 1, ... */
void gan_latent_fill(gan_latent_distribution law, gan_rng rng, uint64_t draw, int64_t first,
                     int64_t samples, int64_t size, float *out);

/* The classes of n samples that a picture shows, one row a class: sample i is in row i / columns.
 * Returns the columns: n / classes, or 1. */
int64_t gan_class_rows(int64_t n, int64_t classes, int32_t *out);

/* The noise of samples first..first+n-1 of `seed` in files of samples: (n, size); of the normal law
 * where `truncation` is not 0 only |z| <= truncation (Brock et al. 2019, section 3.1). */
void gan_latent_samples(gan_latent_distribution law, double truncation, uint64_t seed,
                        int64_t first, int64_t n, int64_t size, float *out);

/* (size) at `share`, 0 to 1, of the way from noise a to noise b, which it is at the ends to the
 * bit: for the normal law, whose vectors lie near a sphere, on the arc between them (White 2016,
 * "Sampling generative networks", section 2.1; on the line where they are parallel), for the
 * uniform on the line. */
void gan_latent_between(gan_latent_distribution law, int64_t size, const float *a, const float *b,
                        double share, float *out);

/* From noise (n, Z) to images (n, C, H, W) in the data's units; `classes` is NULL where the
 * generator is not conditional; `logits`: its sigmoid is the image.  Local; uses the network in
 * passes of its capacity. */
GAN_CHECKED gan_status gan_generate_from(gan_net *generator, bool logits,
                                         const gan_data_facts *data, int64_t n, const float *latent,
                                         const gan_generator_classes *classes, float *images);

/* From images (n, C, H, W) in the data's units to the codes (n, Z) that a vae's decoder takes: what
 * the encoder gives, or the means where it gives log-variances behind them.  As above. */
GAN_CHECKED gan_status gan_encode(gan_net *encoder, const gan_data_facts *data, int64_t n,
                                  int64_t latent_size, const float *images, float *latent);

/* The noise below which a share 0 < u < 1 of its law lies. */
float gan_latent_quantile(gan_latent_distribution law, double u);

/* Which samples. */
typedef struct gan_request {
  gan_latent_distribution law;
  uint64_t seed;
  int64_t first, n;       /* samples first..first+n-1 of the seed */
  const int32_t *classes; /* (n) of a conditional generator; else NULL */
} gan_request;

/* images (n, C, H, W) in the data's units and latent (n, Z).  Sample i is the same whatever first
 * and n are, to rounding of the matrix products.  Local. */
GAN_CHECKED gan_status gan_generate(gan_net *generator, const gan_request *request,
                                    const gan_data_facts *data, float *images, float *latent);

#endif
