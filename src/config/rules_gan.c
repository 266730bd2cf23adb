/* Rules of keys that only a gan has. */
#include "config/rules.h"

#include <math.h>
#include <stdlib.h>

static gan_status check_average(const gan_config *config) {
  char place[600];
  bool decay = !isnan(config->train.ema.decay), life = !isnan(config->train.ema.half_life_images);
  const gan_option *warmup = gan_options_find(gan_config_options(), "train.ema.warmup");
  if (decay && life)
    return gan_fail(GAN_USAGE, "%s: train.ema.half_life_images is given too; give one of the two",
                    gan_config_place(config, "train.ema.decay", place, sizeof place));
  if (decay || life || config->train.ema.warmup == strtod(warmup->fallback, NULL)) return GAN_OK;
  return gan_fail(GAN_USAGE,
                  "%s is %g, but has no effect without train.ema.decay or "
                  "train.ema.half_life_images; give one of them, or leave it out",
                  gan_config_place(config, "train.ema.warmup", place, sizeof place),
                  config->train.ema.warmup);
}

gan_status gan_config_check_gan(const gan_config *config) {
  return check_average(config);
}
