#include "data/augment.h"

#include "base/rng.h"

gan_augment gan_augment_of(const gan_config *config) {
  return (gan_augment){config->data.flip, config->data.crop_padding};
}

bool gan_augment_is_none(const gan_augment *augment) {
  return !augment->flip && !augment->padding;
}

gan_status gan_augment_check(const gan_config *config, const gan_data_info *info) {
  gan_augment augment = gan_augment_of(config);
  char place[600], what[128];
  if (gan_augment_is_none(&augment)) return GAN_OK;
  gan_config_place(config, augment.flip ? "data.flip" : "data.crop_padding", place, sizeof place);
  if (info->h == 1 || info->w == 1)
    return gan_fail(GAN_USAGE, "%s is for images; the data is %s", place,
                    gan_data_info_text(info, what, sizeof what));
  if (augment.padding < info->h && augment.padding < info->w) return GAN_OK;
  return gan_fail(GAN_USAGE,
                  "%s is %lld: a crop could lie outside of images of %lldx%lld; use at most %lld",
                  gan_config_place(config, "data.crop_padding", place, sizeof place),
                  (long long)augment.padding, (long long)info->h, (long long)info->w,
                  (long long)(info->h < info->w ? info->h : info->w) - 1);
}

/* A whole number from -most to most, off uniform by less than most / 2^31. */
static int64_t shift(uint32_t bits, int64_t most) {
  return (int64_t)((uint64_t)bits * (uint64_t)(2 * most + 1) >> 32) - most;
}

gan_view gan_augment_view(const gan_augment *augment, uint64_t seed, int64_t shard,
                          uint64_t position) {
  uint32_t bits[3];
  gan_rng rng = gan_rng_stream(seed, GAN_RNG_AUGMENT, 0, 0, (uint32_t)shard);
  gan_rng_bits(rng, position, 0, 3, bits);
  return (gan_view){.mirrored = augment->flip && bits[0] >> 31,
                    .down = shift(bits[1], augment->padding),
                    .right = shift(bits[2], augment->padding)};
}

int64_t gan_view_pixel(const gan_view *view, const gan_data_info *info, int64_t y, int64_t x) {
  y += view->down;
  x = (view->mirrored ? info->w - 1 - x : x) + view->right;
  return y < 0 || y >= info->h || x < 0 || x >= info->w ? -1 : y * info->w + x;
}
