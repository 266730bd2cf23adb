/* Random numbers: the only source of randomness in mpigan.
 *
 * Philox4x32-10 (Salmon et al., "Parallel random numbers: as easy as 1, 2, 3", SC11), from the
 * Random123 library.  It is a function, not a sequence: the bits depend on the seed and on what
 * they are for, never on rank, thread or the order of calls.
 *
 *   key      Philox(purpose, network, pass, layer; key = seed), its first 64 bits
 *   counter  (element / 4, global sample, draw low, draw high)
 */
#ifndef GAN_BASE_RNG_H
#define GAN_BASE_RNG_H

#include <stdint.h>

typedef enum gan_rng_purpose {
  GAN_RNG_INIT = 1,     /* initial weights */
  GAN_RNG_SHUFFLE,      /* order of the data inside a shard */
  GAN_RNG_LATENT,       /* noise of training */
  GAN_RNG_DROPOUT,      /* masks */
  GAN_RNG_SAMPLE,       /* noise of sample pictures and of `mpigan sample` */
  GAN_RNG_SYNTHETIC,    /* made-up data of `mpigan bench` and tests */
  GAN_RNG_AUGMENT,      /* how real images are mirrored and cropped */
  GAN_RNG_CLASS,        /* classes of generated samples */
  GAN_RNG_DIFF_AUGMENT, /* changes of images in diff_augment */
  GAN_RNG_EVAL,         /* what an evaluation chooses by chance */
  GAN_RNG_PENALTY,      /* where a gradient penalty looks */
  GAN_RNG_NOISE,        /* what gaussian_noise adds */
  GAN_RNG_FLIP,         /* whose targets are exchanged */
  GAN_RNG_INSTANCE,     /* noise on what the discriminator sees */
} gan_rng_purpose;

/* One stream: everything that is constant over the samples of a batch. */
typedef struct gan_rng {
  uint32_t key[2];
} gan_rng;

gan_rng gan_rng_stream(uint64_t seed, gan_rng_purpose purpose, uint32_t network, uint32_t pass,
                       uint32_t layer);

/* Element i of (draw, sample), i < n, is the same whatever n is. */
void gan_rng_bits(gan_rng rng, uint64_t draw, uint32_t sample, int64_t n, uint32_t *out);

/* out[i] = 1 where bits i are at least `threshold`, 0 elsewhere. */
void gan_rng_at_least(gan_rng rng, uint64_t draw, uint32_t sample, int64_t n, uint32_t threshold,
                      uint8_t *out);

/* Uniform in [low, high), 24 random bits. */
void gan_rng_uniform(gan_rng rng, uint64_t draw, uint32_t sample, int64_t n, float low, float high,
                     float *out);

/* N(0, 1) by Box and Muller (1958), 24 random bits; |x| < 5.8. */
void gan_rng_normal(gan_rng rng, uint64_t draw, uint32_t sample, int64_t n, float *out);

/* N(0, 1) given that |x| <= bound, which is positive: the quantile of 24 random bits, one word a
 * number, so that of two bounds the smaller shrinks every number. */
void gan_rng_truncated(gan_rng rng, uint64_t draw, uint32_t sample, int64_t n, double bound,
                       float *out);

/* What N(0, 1) stays below with probability u, 0 < u < 1; to 4e-7 of it. */
double gan_normal_quantile(double u);

/* A uniform permutation of 0..n-1 (Fisher and Yates; Lemire's unbiased bounded integers). */
void gan_rng_permutation(gan_rng rng, uint64_t draw, uint32_t n, uint32_t *out);

#endif
