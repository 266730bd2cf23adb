/* Penalties of the gradient of the discriminator's logit D by its input, a sample's g = dD/dx:
 *
 *   r1       weight / 2 E |g|^2 at data               (Mescheder et al. 2018, equation 9)
 *   r2       the same at generated samples            (there, section 4.1)
 *   wgan_gp  weight E (|g| - 1)^2 at e x + (1 - e) G(z), e uniform in [0, 1) a sample
 *            (Gulrajani et al. 2017, equation 3 and algorithm 1)
 *   dragan   weight E (|g| - 1)^2 at x + d, d of N(0, noise^2) a number
 *            (Kodali et al. 2017, k = 1: the form of the paper, with noise of a constant width;
 *            the authors' code takes it from the spread of the batch, which other samples decide)
 *
 * All are means of a function phi of |g|.  Their gradient by a weight w is that of <v, g>, v held
 * fixed at phi'(|g|) g / |g|: the directional derivative of D along v (model/tangent.c).
 */
#ifndef GAN_OBJECTIVE_PENALTY_H
#define GAN_OBJECTIVE_PENALTY_H

#include "config/config.h"

#include <stdint.h>

/* Sums over n samples / global batch; plain sums over ranks give the batch's means. */
typedef struct gan_penalty_sums {
  double penalty;
  double norm; /* of |g| */
} gan_penalty_sums;

/* Of n samples of this rank, `batch` in all: g (n, size) becomes v, with the only 1 / batch.  Where
 * g is 0, which has no direction, v is 0. */
gan_penalty_sums gan_penalty_term(gan_penalty_kind kind, double weight, int64_t n, int64_t batch,
                                  int64_t size, float *g);

/* The points where the gradient is taken, (n, size), from samples of data and generated ones (each
 * NULL where the kind takes none: see gan_penalty_takes); `draw` and `first_sample` key what is
 * drawn by chance. */
typedef struct gan_penalty_draw {
  uint64_t seed, draw;
  int64_t first_sample; /* global index of the first */
  double noise;
} gan_penalty_draw;

void gan_penalty_points(gan_penalty_kind kind, const gan_penalty_draw *draw, int64_t n,
                        int64_t size, const float *real, const float *fake, float *x);

bool gan_penalty_takes_real(gan_penalty_kind kind);
bool gan_penalty_takes_fake(gan_penalty_kind kind);

#endif
