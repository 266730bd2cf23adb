/* A picture of the samples that are nearest to rows of the data, each beside that row: whether a
 * model has learned by heart is seen at once. */
#ifndef GAN_TRAIN_NEAREST_H
#define GAN_TRAIN_NEAREST_H

#include "train/eval_set.h"

/* PNG of the 32 nearest pairs, the nearest first: sample, row, sample, row, ...; *written is false
 * where rows have no picture.  Collective; rank 0 writes. */
GAN_CHECKED gan_status gan_nearest_write_png(const gan_eval *eval, const char *path,
                                             const gan_eval_set *samples,
                                             const gan_eval_set *training, int *written);

#endif
