/* The terms of a variational autoencoder (Kingma and Welling 2014, equation 10), for one draw a
 * sample:
 *
 *   loss = -log p(x | z) + beta KL(N(mu, exp(v)) || N(0, I)),   z = mu + exp(v / 2) eps
 *
 * in nats a sample.  A `code` is what the encoder gives for a sample: `latent` means mu, then as
 * many log-variances v.  As all objectives these own the only 1 / (global batch); sums over samples
 * are in fixed blocks, so that any number of threads gives the same bits.
 */
#ifndef GAN_OBJECTIVE_VARIATIONAL_H
#define GAN_OBJECTIVE_VARIATIONAL_H

#include "config/config.h"

#include <stdint.h>

/* How likely a sample is, given what the decoder makes of z. */
typedef struct gan_likelihood {
  gan_likelihood_kind kind;
  double std; /* Gaussian: of each number around the decoder's; the same for all */
} gan_likelihood;

/* The sum over this rank's n samples, of `size` numbers each, of -log p(x | z) / batch; writes its
 * slope by what the decoder gave.  x, out and dout: (n, size); dout is not out.
 *
 *   bernoulli  out are logits l, x in [0, 1]: sum of log(1 + exp(l)) - x l (appendix C.1); good to
 *              1e-7 of it, but for 1e-15 nats a number
 *   gaussian   out are means: sum of (x - out)^2 / (2 std^2) + log(std) + log(2 pi) / 2 (C.2) */
double gan_reconstruction_term(const gan_likelihood *likelihood, int64_t n, int64_t batch,
                               int64_t size, const float *x, const float *out, float *dout);

/* z (n, latent) from codes (n, 2 latent) and noise eps (n, latent): section 2.4. */
void gan_reparametrise(int64_t n, int64_t latent, const float *code, const float *eps, float *z);

/* The sum over n samples of KL / batch, (mu^2 + exp(v) - 1 - v) / 2 a number of the code (appendix
 * B).  Writes to dcode (n, 2 latent) the slope of `beta` times that, and what comes back through z:
 * dz (n, latent) with the eps of the draw. */
double gan_kl_term(int64_t n, int64_t batch, int64_t latent, double beta, const float *code,
                   const float *eps, const float *dz, float *dcode);

#endif
