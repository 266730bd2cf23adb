/* Two halves of the samples, chosen by chance, in memory of their own: figures of each tell how far
 * those of the whole can be trusted. */
#ifndef GAN_TRAIN_EVAL_HALVES_H
#define GAN_TRAIN_EVAL_HALVES_H

#include "eval/spread.h"
#include "train/figures.h"

typedef struct gan_eval_half {
  gan_subset values, features, logits;
  int32_t *labels, *found;
  gan_side side; /* of the above */
} gan_eval_half;

/* To be released whatever comes of it.  Collective. */
GAN_CHECKED gan_status gan_eval_halves_take(const gan_eval *eval, const gan_side *samples,
                                            gan_eval_half halves[2]);
void gan_eval_halves_release(gan_eval_half halves[2]);

#endif
