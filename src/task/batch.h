/* A batch of a GAN, piece by piece, as the discriminator takes it: samples of data, and generated
 * ones either in a pass of their own (1 set) or behind the data's in the same pass (2 sets: see
 * gan_pass). */
#ifndef GAN_TASK_BATCH_H
#define GAN_TASK_BATCH_H

#include "data/loader.h"
#include "task/classes.h"

typedef struct gan_batch {
  gan_loader *loader;
  int sets;
  float *images;          /* (sets * piece, H, W, C): in two sets each part's data, then its
                           * generated ones */
  float *latent;          /* (piece, Z) */
  gan_classes classes;    /* `real` is that of images, `fake` that of latent */
  int64_t image;          /* numbers in an image */
  gan_status data_status; /* a failure to read, which this rank alone may know until the sums */
} gan_batch;

/* Pieces of so many samples.  GAN_USAGE if the model is conditional and the data has no labels. */
GAN_CHECKED gan_status gan_batch_reserve(const gan_task *task, int64_t piece, int sets,
                                         gan_batch *batch);
/* Once the data is there: as gan_classes_start. */
GAN_CHECKED gan_status gan_batch_start(const gan_task *task, const gan_dataset *data,
                                       gan_batch *batch);
void gan_batch_release(gan_batch *batch);

/* The data of a pass, which is cut as `net`'s are, where each shard has given `drawn` samples
 * before this batch. A failure must not leave the others in their sums: images stay as they were,
 * data_status tells.
 */
void gan_batch_fetch(gan_batch *batch, const gan_net *net, const gan_pass *pass, uint64_t drawn);

/* Noise of a generating pass, and classes by the law of the data's. */
void gan_batch_draw(const gan_task *task, gan_batch *batch, const gan_pass *pass);

/* Behind passes of two sets: the data's samples and classes of a pass of one set to the front,
 * where they are those of such a pass. */
void gan_batch_keep_data(gan_batch *batch, const gan_net *judge, const gan_pass *pass);

/* Generated samples, and their classes, to their places in a pass of two sets. */
void gan_batch_join(gan_batch *batch, const gan_net *net, const gan_pass *pass, const float *fake);

#endif
