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
  double probability; /* likewise of how real they look: see below */
} gan_loss;

/* One term: n logits of this rank, of `batch` in all, each `stride` numbers behind the one before;
 * writes d(loss)/d(logit) likewise. */
typedef gan_loss (*gan_objective_term)(int64_t n, int64_t batch, int64_t stride,
                                       const float *logits, float *dlogits);

/* The same of samples that are each to look `targets[i]` real, 0 to 1. */
typedef gan_loss (*gan_target_term)(int64_t n, int64_t batch, int64_t stride, const float *targets,
                                    const float *logits, float *dlogits);

typedef struct gan_objective {
  const char *name;
  gan_objective_term real;      /* discriminator's, on data */
  gan_objective_term fake;      /* discriminator's, on generated samples */
  gan_objective_term generator; /* generator's, on generated samples */
  /* The discriminator's on samples with targets t, which are 1 in `real` and 0 in `fake`:
   * -t log D - (1 - t) log(1 - D), or (x - t)^2 / 2.  NULL: it pulls to no target. */
  gan_target_term towards;
  bool relative; /* it has none of these terms: those of objective/relativistic.h are its */
} gan_objective;

/* With x a logit, D = sigmoid(x), of data (r) and of generated samples (f); all are means over the
 * batch and are minimised:
 *
 *                   discriminator                            generator
 *   non_saturating  -log D(r) - log(1 - D(f))                -log D(f)
 *   minimax         the same                                 log(1 - D(f))
 *   hinge           max(0, 1 - x(r)) + max(0, 1 + x(f))      -x(f)
 *   least_squares   (x(r) - 1)^2 / 2 + x(f)^2 / 2            (x(f) - 1)^2 / 2
 *   wasserstein     x(f) - x(r)                              -x(f)
 *
 * The first two: Goodfellow et al. 2014, equation 1, and section 3, end; hinge: Lim and Ye 2017, as
 * Miyato et al. 2018, equations 16 and 17, have it; least_squares: Mao et al. 2017, equation 9 with
 * a = 0, b = c = 1; wasserstein: Arjovsky et al. 2017, equations 2 and 3, where x is the critic.
 * relativistic is not a sum over samples: see objective/relativistic.h.
 *
 * How real a sample looks is D; with least_squares x itself, cut to [0, 1], whose best is the share
 * of data among all samples that look so, too.  A critic's sigmoid has no such meaning: its scores
 * tell samples apart, and any number may be added to all of them. */
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
