/* A trained generator, for programs that want samples: load a checkpoint, make images.
 *
 * One rank, one thread at a time a generator; MPI is not needed.  The same seed gives the same
 * samples as `mpigan sample --seed`.
 */
#ifndef MPIGAN_GENERATOR_H
#define MPIGAN_GENERATOR_H

#include <mpigan/status.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct gan_generator gan_generator;

typedef struct gan_generator_info {
  int64_t channels, height, width; /* of an image; points of D numbers are D, 1, 1 */
  int64_t latent_size;
  int64_t classes;  /* 0: not conditional */
  int64_t step;     /* of training */
  int64_t seed;     /* of the run */
  double low, high; /* the training data's values lay between these */
} gan_generator_info;

/* `path` is a checkpoint, or a run folder: its newest that verifies.  GAN_INPUT if there is none,
 * it is damaged, or has no generator.  Sets the threads of the BLAS to the config's
 * compute.threads, so that the last bits do not depend on the machine. */
GAN_CHECKED gan_status gan_generator_open(const char *path, gan_generator **out);
void gan_generator_close(gan_generator **generator);

gan_generator_info gan_generator_get_info(const gan_generator *generator);

/* The resolved config of the run, as YAML. */
const char *gan_generator_config(const gan_generator *generator);

/* Samples first..first+n-1 of `seed`: images (n, channels, height, width) in the data's own units,
 * latent (n, latent_size), both the caller's.  `classes` (n): the class of each, from 0, where the
 * generator is conditional; else NULL. */
GAN_CHECKED gan_status gan_generator_sample(gan_generator *generator, uint64_t seed, int64_t first,
                                            int64_t n, const int32_t *classes, float *images,
                                            float *latent);

#ifdef __cplusplus
}
#endif

#endif
