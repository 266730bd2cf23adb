/* Parzen window log-likelihood: of test points under a Gaussian about each sample.
 *
 *   log p(x) = log mean_s exp(-|x - s|^2 / 2 sigma^2) - d/2 log(2 pi sigma^2)
 *
 * Breuleux, Bengio and Vincent, "Quickly generating representative samples from an RBM-derived
 * process", 2011; the protocol of Goodfellow et al., "Generative adversarial nets", 2014, section
 * 5: sigma is the best of a grid on validation points.  It ranks models poorly where d is large
 * (Theis et al., 2016), and is here to be compared with what was published. */
#ifndef GAN_EVAL_PARZEN_H
#define GAN_EVAL_PARZEN_H

#include "eval/rows.h"

typedef struct gan_parzen {
  double sigma;
  double mean, error; /* nats, over the points, and the standard error of that mean */
} gan_parzen;

/* Of points under samples, for each of the sigmas, which out (sigmas) holds and which is filled in.
 * Collective.  GAN_USAGE without points, samples, or with a sigma that is not positive. */
GAN_CHECKED gan_status gan_parzen_run(const gan_eval *eval, const gan_rows *points,
                                      const gan_rows *samples, int sigmas, gan_parzen *out);

/* The same of test points under the sigma, of `grid` ones between two, evenly in their logarithm,
 * that is best on validation points.  (They took 10 from 0.1 to 1 for pixels in [0, 1].) */
typedef struct gan_parzen_grid {
  double low, high;
  int count;
} gan_parzen_grid;

GAN_CHECKED gan_status gan_parzen_validated(const gan_eval *eval, const gan_rows *test,
                                            const gan_rows *validation, const gan_rows *samples,
                                            gan_parzen_grid grid, gan_parzen *out);

#endif
