/* Packing: a discriminator that judges m samples together sees modes that are missing (Lin et al.
 * 2018, "PacGAN", section 2).
 *
 * A pack is m samples that follow each other in a batch, real or generated; its channels are
 * theirs, one sample's behind the other's.  m divides each shard's share of the batch, so packs are
 * the same on every number of ranks.  A pass of n samples is one of n / m packs, with a logit each;
 * what is said of samples of a pass through the discriminator is said of packs.  Their partners
 * change with the order of the data, each epoch. */
#ifndef GAN_TASK_PACKING_H
#define GAN_TASK_PACKING_H

#include "task/task.h"

typedef struct gan_packing {
  int64_t samples;          /* of a pack; 1: each is judged alone */
  int64_t pixels, channels; /* of a sample */
  float *packs;             /* those of a pass; NULL where samples lie as their packs do */
} gan_packing;

/* For passes of at most `samples` samples, of all sets. */
GAN_CHECKED gan_status gan_packing_reserve(const gan_task *task, int64_t samples,
                                           gan_packing *packing);
void gan_packing_release(gan_packing *packing);

/* A pass over samples as one over their packs. */
gan_pass gan_packing_pass(const gan_packing *packing, const gan_pass *pass);

/* Whether samples lie as their packs do. */
bool gan_packing_is_plain(const gan_packing *packing);

/* n packs of the samples: the samples themselves, or packing->packs. */
const float *gan_packing_join(const gan_packing *packing, int64_t n, const float *samples);

/* The other way, to `samples`. */
void gan_packing_split(const gan_packing *packing, int64_t n, const float *packs, float *samples);

#endif
