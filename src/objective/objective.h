/* Objectives: from the discriminator's logits to a loss and its gradient.
 *
 * They know logits, not networks, and own the only 1 / (global batch): each rank's part of the loss
 * and of the gradients adds up to the whole by a plain sum.
 */
#ifndef GAN_OBJECTIVE_OBJECTIVE_H
#define GAN_OBJECTIVE_OBJECTIVE_H

#include "config/config.h"

#include <stdint.h>

/* What a rank's logits say; plain sums over ranks give the batch's mean. */
typedef struct gan_loss {
  double loss;        /* sum over the rank's samples / global batch */
  double probability; /* likewise of sigmoid(logit): how real they look */
} gan_loss;

/* One term: n logits of this rank, of `batch` in all, each `stride` numbers behind the one before;
 * writes d(loss)/d(logit) likewise. */
typedef gan_loss (*gan_objective_term)(int64_t n, int64_t batch, int64_t stride,
                                       const float *logits, float *dlogits);

typedef struct gan_objective {
  const char *name;
  gan_objective_term real;      /* discriminator's, on data */
  gan_objective_term fake;      /* discriminator's, on generated samples */
  gan_objective_term generator; /* generator's, on generated samples */
} gan_objective;

/* Goodfellow et al. 2014, equation 1, for the discriminator: -log D(x) - log(1 - D(G(z))).
 * non_saturating: the generator minimises -log D(G(z)) (section 3, end);
 * minimax: it minimises log(1 - D(G(z))) (equation 1 itself). */
const gan_objective *gan_objective_of(gan_objective_kind kind);

/* The class of n samples from `classes` logits each, which begin `stride` numbers behind one
 * another: weight times -log softmax of the label's (Odena et al. 2017, equation 3, of real and of
 * generated samples alike); `probability` is the part that the largest logit tells right. */
gan_loss gan_class_term(int64_t n, int64_t batch, int64_t classes, int64_t stride, double weight,
                        const int32_t *labels, const float *logits, float *dlogits);

/* The same with the label's share of the target lowered by `smoothing`, 0 to 1, which all classes
 * get in equal parts (Szegedy et al. 2016, section 7; PyTorch's label_smoothing). */
gan_loss gan_smoothed_class_term(int64_t n, int64_t batch, int64_t classes, int64_t stride,
                                 double weight, double smoothing, const int32_t *labels,
                                 const float *logits, float *dlogits);

#endif
