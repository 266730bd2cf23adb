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
  int averaged; /* 1: its weights are the moving average, generator_ema; 0: those learned last */
} gan_generator_info;

/* Which weights: a run with train.ema keeps a moving average beside those that it learns. */
typedef enum gan_weights {
  GAN_WEIGHTS_AUTO, /* the average where there is one */
  GAN_WEIGHTS_EMA,
  GAN_WEIGHTS_RAW,
} gan_weights;

/* `path` is a checkpoint, or a run folder: its newest that verifies.  GAN_INPUT if there is none,
 * it is damaged, or has no generator; GAN_USAGE if its task generates nothing.  Sets the threads of
 * the BLAS to the config's compute.threads, so that the last bits do not depend on the machine. */
GAN_CHECKED gan_status gan_generator_open(const char *path, gan_generator **out);
/* The same with a choice of weights; GAN_USAGE if the average is wanted and there is none. */
GAN_CHECKED gan_status gan_generator_open_weights(const char *path, gan_weights weights,
                                                  gan_generator **out);
void gan_generator_close(gan_generator **generator);

gan_generator_info gan_generator_get_info(const gan_generator *generator);

/* The resolved config of the run, as YAML. */
const char *gan_generator_config(const gan_generator *generator);

/* Classes are numbered from 0; the data has labels for them, which may be others.  The class of a
 * label: GAN_USAGE names the labels if it is none of them, or the generator is not conditional. */
GAN_CHECKED gan_status gan_generator_find_class(const gan_generator *generator, int64_t label,
                                                int32_t *out);
int64_t gan_generator_class_label(const gan_generator *generator, int32_t of);

/* The noise of samples first..first+n-1 of `seed`: (n, latent_size), the caller's.  A `truncation`
 * above 0 draws from the normal law within +-truncation (Brock et al. 2019): samples nearer to the
 * usual, and less varied; GAN_USAGE if the noise is uniform. */
GAN_CHECKED gan_status gan_generator_latent(const gan_generator *generator, uint64_t seed,
                                            double truncation, int64_t first, int64_t n,
                                            float *latent);

/* Noise (latent_size) at `share`, 0 to 1, of the way from a to b: on an arc if the noise is normal
 * (White 2016), on a line if it is uniform. */
void gan_generator_between(const gan_generator *generator, const float *a, const float *b,
                           double share, float *latent);

/* The classes of n samples. */
typedef struct gan_generator_classes {
  const int32_t *of;    /* (n) */
  const int32_t *other; /* (n) or NULL: samples stand between their class and this one, ... */
  const float *share;   /* (n) ... 0 to 1 of the way to it */
} gan_generator_classes;

/* From noise (n, latent_size) to images (n, channels, height, width) in the data's own units, both
 * the caller's.  `classes` is NULL where the generator is not conditional. */
GAN_CHECKED gan_status gan_generator_run(gan_generator *generator, int64_t n, const float *latent,
                                         const gan_generator_classes *classes, float *images);

/* The number below which a share `u`, between 0 and 1, of the noise's numbers lie: a plane of
 * samples from noise at (quantile(u), quantile(v)), where latent_size is 2. */
float gan_generator_quantile(const gan_generator *generator, double u);

/* Of a vae: images (n, channels, height, width) in the data's own units through encoder and
 * decoder; latent (n, latent_size) is the mean of what the encoder makes of each, and
 * reconstructions, as images, what the decoder makes of that.  GAN_USAGE if the model is none. */
GAN_CHECKED gan_status gan_generator_reconstruct(gan_generator *generator, int64_t n,
                                                 const float *images, float *latent,
                                                 float *reconstructions);

#ifdef __cplusplus
}
#endif

#endif
