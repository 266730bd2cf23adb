/* Precision, recall, density, coverage: how two sets of features cover each other. */
#ifndef GAN_EVAL_COVER_H
#define GAN_EVAL_COVER_H

#include "eval/rows.h"

/* How two sets cover each other, by balls around each row that reach to its k-th nearest neighbour
 * in its own set (the edge belongs to the ball):
 *
 *   precision  share of fake rows in the ball of some real row
 *   recall     share of real rows in the ball of some fake row
 *              (Kynkaanniemi et al., "Improved precision and recall metric for assessing generative
 *              models", 2019, eq. 1 and 2; they take k = 3)
 *   density    real balls that hold a fake row, on average over fake rows, by k; may exceed 1
 *   coverage   share of real rows in whose ball a fake row lies
 *              (Naeem et al., "Reliable fidelity and diversity metrics for generative models",
 *              2020, eq. 5 and 7; they take k = 5; of equal laws and counts 1 - 2^-k about)
 */
typedef struct gan_cover {
  double precision, recall, density, coverage;
} gan_cover;

GAN_CHECKED gan_status gan_cover_run(const gan_eval *eval, const gan_rows *real,
                                     const gan_rows *fake, int k, gan_cover *out);

/* The same for several sets against one: the squared radii of the real rows' balls (real->total),
 * on all ranks, and with them. */
GAN_CHECKED gan_status gan_cover_radii(const gan_eval *eval, const gan_rows *rows, int k,
                                       double *squared);
GAN_CHECKED gan_status gan_cover_run_within(const gan_eval *eval, const gan_rows *real,
                                            const double *radii, const gan_rows *fake, int k,
                                            gan_cover *out);

#endif
