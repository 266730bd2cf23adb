/* The loader: the next minibatch, as the networks see it.
 *
 * A batch takes batch/V samples from each shard.  Shard s, which has given `drawn` samples so far,
 * gives its positions p = drawn + i.  Of data in memory that is row perm(seed, s, p / n_s)[p mod
 * n_s] of the shard; data/window.h tells the order of streamed data.  In both every row comes once
 * an epoch, in an order that depends on seed, shard and epoch, and never on the ranks.  Images come
 * as data/augment.h says.
 */
#ifndef GAN_DATA_LOADER_H
#define GAN_DATA_LOADER_H

#include "data/dataset.h"

typedef struct gan_loader gan_loader;

/* The dataset is borrowed. */
GAN_CHECKED gan_status gan_loader_create(const gan_dataset *dataset, uint64_t seed,
                                         gan_loader **out);
void gan_loader_destroy(gan_loader **loader);

/* Samples first..first+count-1 of this rank's part of a batch into `out`, (count, H, W, C), scaled
 * by the dataset's scale and offset; their labels into `labels`, (count), unless it is NULL (always
 * where the dataset has none).  Each shard has given `drawn` samples before this batch.
 * Local; allocates nothing.  Batches in order, each in one piece or several, are what a stream
 * reads ahead for; any other is right too.  Streamed data can fail (GAN_INPUT); what `out` then
 * holds is finite if it was before. */
GAN_CHECKED gan_status gan_loader_next(gan_loader *loader, uint64_t drawn, int64_t first,
                                       int64_t count, float *out, int32_t *labels);

/* Seconds spent waiting for streamed data so far. */
double gan_loader_waited(const gan_loader *loader);

#endif
