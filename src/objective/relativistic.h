/* The relativistic average objective (Jolicoeur-Martineau 2018, section 4.1): a sample is judged
 * against the mean logit of the other side's batch.  With x(r) logits of data and x(f) of generated
 * samples, and E their means over the global batch, both losses are sums of two means:
 *
 *   discriminator  -log s(x(r) - E x(f)) - log(1 - s(x(f) - E x(r)))        s: sigmoid
 *   generator      -log s(x(f) - E x(r)) - log(1 - s(x(r) - E x(f)))
 *
 * Means pass gradients on, as in the paper's code: each logit moves the other side's losses by
 * 1 / batch of their pull.  So the terms take two sums over the batch: first of the logits, for the
 * means, then of the terms' slopes, the pull, which gan_relative_pull spreads.
 */
#ifndef GAN_OBJECTIVE_RELATIVISTIC_H
#define GAN_OBJECTIVE_RELATIVISTIC_H

#include "objective/objective.h"

/* The sum of n logits, `stride` numbers apart. */
double gan_logit_sum(int64_t n, int64_t stride, const float *logits);

/* -log s(x - mean) where `up`, else -log(1 - s(x - mean)), of n logits of `batch` in all: writes
 * d(loss)/d(x - mean) to dlogits (NULL: not wanted) and adds up the same to *pull.  How real
 * samples look is s(x - mean). */
gan_loss gan_relative_term(bool up, int64_t n, int64_t batch, int64_t stride, double mean,
                           const float *logits, float *dlogits, double *pull);

/* To dlogits what they do to the other side's losses, whose slopes have the sum `pull` over the
 * batch. */
void gan_relative_pull(int64_t n, int64_t batch, int64_t stride, double pull, float *dlogits);

#endif
