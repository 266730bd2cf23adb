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

/* A step has one update of each network, from one forward pass. */
static gan_status check_update(const gan_config *config) {
  char place[600], value[32];
  bool together = config->train.update == GAN_UPDATE_SIMULTANEOUS;
  const struct {
    bool odd;
    const char *key;
  } rows[] = {{config->train.d_steps != 1, "train.d_steps"},
              {config->train.g_steps != 1, "train.g_steps"},
              {config->train.reuse_fakes, "train.reuse_fakes"},
              {config->train.objective == GAN_OBJECTIVE_RELATIVISTIC, "train.objective"},
              {config->comm.overlap, "comm.overlap"}};
  for (size_t i = 0; together && i < sizeof rows / sizeof *rows; i++) {
    if (!rows[i].odd) continue;
    const gan_option *option = gan_options_find(gan_config_options(), rows[i].key);
    return gan_fail(GAN_USAGE,
                    "%s is %s, but train.update is simultaneous: both networks learn once a step, "
                    "from the same samples, and their sums wait for each other; leave it out (%s), "
                    "or set train.update to alternating",
                    gan_config_place(config, rows[i].key, place, sizeof place),
                    gan_option_text(option, config, value, sizeof value), option->fallback);
  }
  return GAN_OK;
}

/* Packs lie inside shards, and inside pieces; and all data comes in the loader's order. */
static gan_status check_packing(const gan_config *config) {
  char place[600];
  long long m = config->model.packing, share = config->train.batch / config->data.shards;
  long long microbatch = config->train.microbatch;
  gan_config_place(config, "model.packing", place, sizeof place);
  if (m == 1) return GAN_OK;
  if (config->model.classes)
    return gan_fail(GAN_USAGE,
                    "%s is %lld, but model.classes is %lld: a pack would have to be of one class, "
                    "and the data does not come in such an order; leave out one of the two",
                    place, m, (long long)config->model.classes);
  if (config->train.objective == GAN_OBJECTIVE_RELATIVISTIC)
    return gan_fail(
        GAN_USAGE,
        "%s is %lld, but train.objective is relativistic, which compares single samples "
        "with the other side's mean; leave out one of the two",
        place, m);
  if (share % m)
    return gan_fail(GAN_USAGE,
                    "%s is %lld, which does not divide the %lld samples that a shard gives to a "
                    "batch (train.batch / data.shards = %lld / %lld): packs lie inside shards; use "
                    "fewer data.shards, or a train.batch that is a multiple of %lld",
                    place, m, share, (long long)config->train.batch, (long long)config->data.shards,
                    m * (long long)config->data.shards);
  if (microbatch == GAN_UNSET_INT || microbatch % m == 0) return GAN_OK;
  return gan_fail(GAN_USAGE, "%s is %lld, which cuts packs of %lld (model.packing); use a multiple",
                  gan_config_place(config, "train.microbatch", place, sizeof place), microbatch, m);
}

gan_status gan_config_check_gan(const gan_config *config) {
  GAN_TRY(check_average(config));
  GAN_TRY(check_update(config));
  return check_packing(config);
}
