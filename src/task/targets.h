/* What a discriminator is to give for the samples of a batch, where that is not 1 for data and 0
 * for generated ones: smoothed targets (Salimans et al. 2016, section 3.4), and flips, drawn for
 * each global sample of an update. */
#ifndef GAN_TASK_TARGETS_H
#define GAN_TASK_TARGETS_H

#include "task/task.h"

typedef struct gan_targets {
  double real, fake, flip;
  float *wanted; /* (samples of a set); NULL: the usual ones */
} gan_targets;

/* By the config's train.label_ keys, for sets of at most `piece` samples. */
GAN_CHECKED gan_status gan_targets_reserve(const gan_config *config, int64_t piece,
                                           gan_targets *targets);
void gan_targets_release(gan_targets *targets);

/* Those of a span's set of data or of generated samples, good until the next call; NULL: the usual
 * ones. */
const float *gan_targets_of(const gan_targets *targets, const gan_pass *pass,
                            const gan_span_set *set, bool real);

#endif
