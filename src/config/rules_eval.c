/* Rules between the keys of evaluation while training. */
#include "config/rules.h"

#include <string.h>

/* Keys that mean something where a run is evaluated. */
static const char *const of_evaluation[] = {"eval.data", "eval.features", "eval.metrics",
                                            "eval.count", "eval.buffer_mb"};

static gan_status check_used(const gan_config *config) {
  char place[600], value[256];
  for (size_t i = 0; i < sizeof of_evaluation / sizeof *of_evaluation; i++) {
    const gan_option *option = gan_options_find(gan_config_options(), of_evaluation[i]);
    gan_option_text(option, config, value, sizeof value);
    if (config->eval.every_steps || strcmp(value, option->fallback) == 0) continue;
    return gan_fail(GAN_USAGE,
                    "%s is %s, but has no effect where eval.every_steps is 0; give the steps "
                    "between evaluations, or leave it out",
                    gan_config_place(config, option->key, place, sizeof place), value);
  }
  return GAN_OK;
}

/* An evaluation holds its rows in memory. */
static gan_status check_memory(const gan_config *config) {
  char place[600];
  if (!config->eval.every_steps || config->data.cache != GAN_CACHE_STREAM || config->eval.data)
    return GAN_OK;
  return gan_fail(GAN_USAGE,
                  "%s is %lld, but data.cache is stream, and what samples are held against is read "
                  "into memory; give eval.data: a part of the data, or rows that are held out",
                  gan_config_place(config, "eval.every_steps", place, sizeof place),
                  (long long)config->eval.every_steps);
}

/* A figure of train.test_every, not of an evaluation. */
static bool is_of_test(const char *figure) {
  return strncmp(figure, "test_", 5) == 0;
}

static gan_status check_best(const gan_config *config) {
  const char *best = config->eval.best;
  char place[600];
  if (!best && !config->eval.patience) return GAN_OK;
  if (!best)
    return gan_fail(GAN_USAGE,
                    "%s is %lld, which needs eval.best: the figure that has to get better, for "
                    "example frechet",
                    gan_config_place(config, "eval.patience", place, sizeof place),
                    (long long)config->eval.patience);
  gan_config_place(config, "eval.best", place, sizeof place);
  if (is_of_test(best) && !config->train.test_every)
    return gan_fail(GAN_USAGE,
                    "%s is %.64s, a figure of the held-out data, which needs train.test_every: how "
                    "often it is looked at",
                    place, best);
  if (is_of_test(best)) return GAN_OK;
  if (!config->eval.every_steps)
    return gan_fail(
        GAN_USAGE,
        "%s is %.64s, a figure of evaluations, which needs eval.every_steps (tasks that "
        "generate nothing have test_loss and test_accuracy, with train.test_every)",
        place, best);
  /* the figure's last bits would be in checkpoints, and may choose the step that a run ends at */
  if (config->compute.reproducible)
    return gan_fail(
        GAN_USAGE,
        "%s is %.64s, which compute.reproducible does not allow: figures of evaluations "
        "are the same on any number of ranks to 1e-6, not to the bit; leave one of the "
        "two out",
        place, best);
  return GAN_OK;
}

gan_status gan_config_check_evaluation(const gan_config *config) {
  GAN_TRY(check_used(config));
  GAN_TRY(check_memory(config));
  return check_best(config);
}
