/* Augmentation of real images: mirroring, and shifts by a crop of the padded image.
 *
 * How a sample is seen is a function of the seed, the shard and the position in the shard's
 * sequence of all epochs.  So it is another one each epoch, and the same for any number of ranks,
 * any pieces of a batch, and behind a resume.
 */
#ifndef GAN_DATA_AUGMENT_H
#define GAN_DATA_AUGMENT_H

#include "config/config.h"
#include "data/source.h"

typedef struct gan_augment {
  bool flip;       /* mirror left and right with probability 1/2 */
  int64_t padding; /* shift by -padding to padding pixels in both directions */
} gan_augment;

gan_augment gan_augment_of(const gan_config *config);

/* GAN_USAGE if the config asks for what data of that shape cannot be given. */
GAN_CHECKED gan_status gan_augment_check(const gan_config *config, const gan_data_info *info);

bool gan_augment_is_none(const gan_augment *augment);

/* Pixel (y, x) of what is seen is pixel (y + down, x + right) of the image, x counted from the
 * other side where it is mirrored; outside of the image it is padding. */
typedef struct gan_view {
  bool mirrored;
  int64_t down, right;
} gan_view;

gan_view gan_augment_view(const gan_augment *augment, uint64_t seed, int64_t shard,
                          uint64_t position);

/* The image's pixel y * W + x that is seen at (y, x); -1 for padding. */
int64_t gan_view_pixel(const gan_view *view, const gan_data_info *info, int64_t y, int64_t x);

#endif
