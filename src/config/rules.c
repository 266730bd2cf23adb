#include "config/rules.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

static gan_status check_name(const gan_config *config) {
  char place[600];
  const char *allowed = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-";
  const char *name = config->name;
  if (*name != '.' && strlen(name) <= 100 && strspn(name, allowed) == strlen(name)) return GAN_OK;
  return gan_fail(GAN_USAGE,
                  "%s is '%.120s'; allowed are up to 100 letters, digits, '-', '_' and '.', not "
                  "first: it names a folder",
                  gan_config_place(config, "name", place, sizeof place), name);
}

/* steps or epochs: exactly one; the command line's beats the file's. */
static gan_status check_length(gan_config *config) {
  char place[600];
  bool steps = config->train.steps != GAN_UNSET_INT, epochs = !isnan(config->train.epochs);
  if (!steps && !epochs)
    return gan_fail(GAN_USAGE, "%s: give train.steps or train.epochs: how long to train",
                    config->file);
  if (steps && epochs) {
    bool steps_typed = gan_config_origin(config, "train.steps").kind == GAN_ORIGIN_COMMAND_LINE;
    bool epochs_typed = gan_config_origin(config, "train.epochs").kind == GAN_ORIGIN_COMMAND_LINE;
    if (steps_typed == epochs_typed)
      return gan_fail(GAN_USAGE, "%s: train.epochs is given too; give one of the two",
                      gan_config_place(config, "train.steps", place, sizeof place));
    if (steps_typed)
      config->train.epochs = (double)NAN;
    else
      config->train.steps = GAN_UNSET_INT;
  }
  return GAN_OK;
}

int64_t gan_config_default_shards(int64_t batch) {
  for (int64_t shards = 16; shards > 1; shards--)
    if (batch % shards == 0) return shards;
  return 1;
}

/* The divisors of `batch` nearest to `wanted`, as "8 or 16". */
static void nearest_divisors(int64_t batch, int64_t wanted, char *text, size_t size) {
  int64_t below = 1, above = batch;
  for (int64_t d = 1; d <= batch && d <= 65536; d++) {
    if (batch % d) continue;
    if (d <= wanted) below = d;
    if (d > wanted && d < above) above = d;
  }
  bool both = above != below && above <= 65536;
  snprintf(text, size, both ? "%lld or %lld" : "%lld", (long long)below, (long long)above);
}

static gan_status check_shards(gan_config *config) {
  char place[600], divisors[64];
  int64_t batch = config->train.batch;
  if (config->data.shards == GAN_UNSET_INT) config->data.shards = gan_config_default_shards(batch);
  int64_t shards = config->data.shards;
  gan_config_place(config, "data.shards", place, sizeof place);
  nearest_divisors(batch, shards, divisors, sizeof divisors);
  if (batch < shards)
    return gan_fail(GAN_USAGE,
                    "%s is %lld, more than train.batch (%lld): every shard gives at least one "
                    "sample to a batch; use data.shards of at most %lld or a larger batch",
                    place, (long long)shards, (long long)batch, (long long)batch);
  if (batch % shards)
    return gan_fail(GAN_USAGE,
                    "%s is %lld, which does not divide train.batch (%lld); near it %s would work",
                    place, (long long)shards, (long long)batch, divisors);
  return GAN_OK;
}

gan_status gan_config_check_rules(gan_config *config) {
  GAN_TRY(check_name(config));
  GAN_TRY(check_length(config));
  return check_shards(config);
}
