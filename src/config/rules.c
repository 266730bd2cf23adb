#include "config/rules.h"

#include "config/networks.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
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

/* Two keys that say the same are both given: the command line's beats the file's. */
static gan_status choose(const gan_config *config, const char *first, const char *second,
                         bool *first_wins) {
  char place[600];
  bool first_typed = gan_config_origin(config, first).kind == GAN_ORIGIN_COMMAND_LINE;
  bool second_typed = gan_config_origin(config, second).kind == GAN_ORIGIN_COMMAND_LINE;
  *first_wins = first_typed;
  if (first_typed != second_typed) return GAN_OK;
  return gan_fail(GAN_USAGE, "%s: %s is given too; give one of the two",
                  gan_config_place(config, first, place, sizeof place), second);
}

/* steps or epochs: exactly one. */
static gan_status check_length(gan_config *config) {
  bool steps = config->train.steps != GAN_UNSET_INT, epochs = !isnan(config->train.epochs);
  if (!steps && !epochs)
    return gan_fail(GAN_USAGE, "%s: give train.steps or train.epochs: how long to train",
                    config->file);
  if (!steps || !epochs) return GAN_OK;
  GAN_TRY(choose(config, "train.steps", "train.epochs", &steps));
  if (steps)
    config->train.epochs = (double)NAN;
  else
    config->train.steps = GAN_UNSET_INT;
  return GAN_OK;
}

static gan_status check_classes(const gan_config *config) {
  const gan_option_ints *classes = &config->data.classes;
  char place[600];
  for (int i = 0; i < classes->count; i++)
    if (gan_config_class_place(config, classes->values[i]) != i)
      return gan_fail(GAN_USAGE, "%s names the label %lld twice",
                      gan_config_place(config, "data.classes", place, sizeof place),
                      (long long)classes->values[i]);
  return GAN_OK;
}

/* ---- batch and shards ---- */

/* The largest value that a key may have. */
static int64_t most_of(const char *key) {
  return (int64_t)gan_options_find(gan_config_options(), key)->max;
}

/* batch or batch_per_rank: the second becomes the first. */
static gan_status resolve_batch(gan_config *config, int ranks) {
  char place[600];
  int64_t per_rank = config->train.batch_per_rank;
  int64_t most = most_of("train.batch");
  config->resolved.ranks = ranks;
  if (per_rank == GAN_UNSET_INT) return GAN_OK;
  config->train.batch_per_rank = GAN_UNSET_INT;
  if (gan_config_origin(config, "train.batch").kind != GAN_ORIGIN_DEFAULT) {
    bool batch_wins;
    GAN_TRY(choose(config, "train.batch", "train.batch_per_rank", &batch_wins));
    if (batch_wins) return GAN_OK;
  }
  gan_config_place(config, "train.batch_per_rank", place, sizeof place);
  if (per_rank > most / ranks)
    return gan_fail(GAN_USAGE,
                    "%s is %lld; on %d ranks that is a batch above %lld: use at most %lld", place,
                    (long long)per_rank, ranks, (long long)most, (long long)(most / ranks));
  config->train.batch = per_rank * ranks;
  config->resolved.batch_per_rank = per_rank;
  gan_config_derive(config, "train.batch", "train.batch_per_rank");
  return GAN_OK;
}

int64_t gan_config_default_shards(int64_t batch, int ranks) {
  int64_t shards = ranks > 16 ? ranks : 16;
  if (shards > most_of("data.shards")) shards = most_of("data.shards");
  while (shards > 1 && (batch % shards || shards % ranks)) shards--;
  return shards;
}

int64_t gan_config_shards_from(int64_t batch, int64_t least) {
  int64_t most = most_of("data.shards");
  for (int64_t shards = least; shards <= batch && shards <= most; shards++)
    if (batch % shards == 0) return shards;
  return 0;
}

char *gan_config_batches(int64_t batch, int64_t shards, char *text, size_t size) {
  int64_t below = batch / shards * shards, above = below + shards;
  if (below && above <= most_of("train.batch"))
    snprintf(text, size, "%lld or %lld", (long long)below, (long long)above);
  else
    snprintf(text, size, "%lld", (long long)(below ? below : above));
  return text;
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
  char place[600], divisors[64], batches[64];
  int64_t batch = config->train.batch;
  config->resolved.default_shards = config->data.shards == GAN_UNSET_INT;
  int64_t packs = batch % config->model.packing ? batch : batch / config->model.packing;
  if (config->resolved.default_shards)
    config->data.shards = gan_config_default_shards(
        packs, config->resolved.batch_per_rank ? config->resolved.ranks : 1);
  int64_t shards = config->data.shards;
  gan_config_place(config, "data.shards", place, sizeof place);
  nearest_divisors(batch, shards, divisors, sizeof divisors);
  gan_config_batches(batch, shards, batches, sizeof batches);
  if (batch < shards)
    return gan_fail(GAN_USAGE,
                    "%s is %lld, more than train.batch (%lld): every shard gives at least one "
                    "sample to a batch; use data.shards %s, or a batch of %s",
                    place, (long long)shards, (long long)batch, divisors, batches);
  if (batch % shards)
    return gan_fail(
        GAN_USAGE,
        "%s is %lld, which does not divide train.batch (%lld); use data.shards %s, or a "
        "batch of %s",
        place, (long long)shards, (long long)batch, divisors, batches);
  return GAN_OK;
}

/* ---- keys that go with others ---- */

#define BIT(choice) (1u << (choice))

/* Tasks that generate samples. */
#define GENERATES (BIT(GAN_TASK_GAN) | BIT(GAN_TASK_VAE))

/* Optimizers with means of gradients and of their squares. */
#define ADAMS (BIT(GAN_OPTIMIZER_ADAM) | BIT(GAN_OPTIMIZER_ADAMW))
#define PENALTIES                                                                                  \
  (BIT(GAN_PENALTY_R1) | BIT(GAN_PENALTY_R2) | BIT(GAN_PENALTY_WGAN_GP) | BIT(GAN_PENALTY_DRAGAN))

/* Objectives that pull logits to targets. */
#define TARGETS                                                                                    \
  (BIT(GAN_OBJECTIVE_NON_SATURATING) | BIT(GAN_OBJECTIVE_MINIMAX) |                                \
   BIT(GAN_OBJECTIVE_LEAST_SQUARES))

/* Keys that mean something under some choices of another key only. */
static const struct {
  const char *key, *of;
  unsigned under;    /* those choices */
  unsigned required; /* those of them under which it must be given */
} conditional[] = {
    {"train.base_batch", "train.lr_scaling", BIT(GAN_LR_SCALING_LINEAR) | BIT(GAN_LR_SCALING_SQRT),
     BIT(GAN_LR_SCALING_LINEAR) | BIT(GAN_LR_SCALING_SQRT)},
    {"train.lr_decay_steps", "train.lr_schedule", BIT(GAN_LR_LINEAR) | BIT(GAN_LR_COSINE), 0},
    {"train.lr_final", "train.lr_schedule",
     BIT(GAN_LR_LINEAR) | BIT(GAN_LR_COSINE) | BIT(GAN_LR_EXPONENTIAL), 0},
    {"train.lr_step", "train.lr_schedule", BIT(GAN_LR_STEP), BIT(GAN_LR_STEP)},
    {"train.lr_gamma", "train.lr_schedule", BIT(GAN_LR_STEP) | BIT(GAN_LR_EXPONENTIAL),
     BIT(GAN_LR_EXPONENTIAL)},
    {"train.optimizer.beta1", "train.optimizer.type", ADAMS, 0},
    {"train.optimizer.beta2", "train.optimizer.type", ADAMS, 0},
    {"train.optimizer.eps", "train.optimizer.type", ADAMS | BIT(GAN_OPTIMIZER_RMSPROP), 0},
    {"train.optimizer.alpha", "train.optimizer.type", BIT(GAN_OPTIMIZER_RMSPROP), 0},
    {"train.optimizer.momentum", "train.optimizer.type",
     BIT(GAN_OPTIMIZER_SGD) | BIT(GAN_OPTIMIZER_RMSPROP), 0},
    {"train.optimizer.momentum_final", "train.optimizer.type", BIT(GAN_OPTIMIZER_SGD), 0},
    {"train.optimizer.momentum_steps", "train.optimizer.type", BIT(GAN_OPTIMIZER_SGD), 0},
    {"train.optimizer.nesterov", "train.optimizer.type", BIT(GAN_OPTIMIZER_SGD), 0},
    {"train.optimizer.weight_decay", "train.optimizer.type",
     ADAMS | BIT(GAN_OPTIMIZER_SGD) | BIT(GAN_OPTIMIZER_RMSPROP), BIT(GAN_OPTIMIZER_ADAMW)},
    {"model.init_std_d", "model.init", BIT(GAN_INIT_NORMAL), 0},
    {"model.label.embedding", "model.label.generator", BIT(1), 0},
    {"model.label.auxiliary_weight", "model.label.discriminator", BIT(2), 0},
    {"train.skip_max", "train.on_nonfinite", BIT(GAN_NONFINITE_SKIP), 0},
    {"train.rollback_factor", "train.on_nonfinite", BIT(GAN_NONFINITE_ROLLBACK), 0},
    {"train.rollback_max", "train.on_nonfinite", BIT(GAN_NONFINITE_ROLLBACK), 0},
    {"model.latent", "task", GENERATES, 0},
    {"model.latent_distribution", "task", BIT(GAN_TASK_GAN), 0},
    {"model.classes", "task", BIT(GAN_TASK_GAN), 0},
    {"train.ema.decay", "task", BIT(GAN_TASK_GAN), 0},
    {"train.ema.half_life_images", "task", BIT(GAN_TASK_GAN), 0},
    {"train.objective", "task", BIT(GAN_TASK_GAN), 0},
    {"train.weight_clip", "task", BIT(GAN_TASK_GAN), 0},
    {"train.weight_clip", "train.objective", BIT(GAN_OBJECTIVE_WASSERSTEIN), 0},
    {"train.label_real", "task", BIT(GAN_TASK_GAN), 0},
    {"train.label_real", "train.objective", TARGETS, 0},
    {"train.label_fake", "task", BIT(GAN_TASK_GAN), 0},
    {"train.label_fake", "train.objective", TARGETS, 0},
    {"train.label_flip", "task", BIT(GAN_TASK_GAN), 0},
    {"train.label_flip", "train.objective", TARGETS, 0},
    {"train.instance_noise", "task", BIT(GAN_TASK_GAN), 0},
    {"train.d_steps", "task", BIT(GAN_TASK_GAN), 0},
    {"train.g_steps", "task", BIT(GAN_TASK_GAN), 0},
    {"train.update", "task", BIT(GAN_TASK_GAN), 0},
    {"model.packing", "task", BIT(GAN_TASK_GAN), 0},
    {"train.reuse_fakes", "task", BIT(GAN_TASK_GAN), 0},
    {"train.penalty.type", "task", BIT(GAN_TASK_GAN), 0},
    {"train.penalty.weight", "train.penalty.type", PENALTIES, 0},
    {"train.penalty.every", "train.penalty.type", PENALTIES, 0},
    {"train.penalty.noise", "train.penalty.type", BIT(GAN_PENALTY_DRAGAN), 0},
    {"train.optimizer.lr_d", "task", BIT(GAN_TASK_GAN), 0},
    {"train.optimizer.lr_g", "task", BIT(GAN_TASK_GAN), 0},
    {"train.label_smoothing", "task", BIT(GAN_TASK_CLASSIFIER), 0},
    {"data.test", "task", BIT(GAN_TASK_CLASSIFIER) | BIT(GAN_TASK_VAE), 0},
    {"model.init_std_d", "task", BIT(GAN_TASK_GAN), 0},
    {"train.test_every", "task", BIT(GAN_TASK_CLASSIFIER) | BIT(GAN_TASK_VAE), 0},
    {"model.likelihood", "task", BIT(GAN_TASK_VAE), 0},
    {"model.stochastic", "task", BIT(GAN_TASK_VAE), 0},
    {"train.beta", "task", BIT(GAN_TASK_VAE), 0},
    {"train.kl_warmup_steps", "task", BIT(GAN_TASK_VAE), 0},
    {"train.decoder_std", "task", BIT(GAN_TASK_VAE), 0},
    {"train.decoder_std", "model.likelihood", BIT(GAN_LIKELIHOOD_GAUSSIAN), 0},
    {"samples.every_steps", "task", GENERATES, 0},
    {"samples.count", "task", GENERATES, 0},
    {"eval.every_steps", "task", GENERATES, 0},
};

/* "linear or cosine" */
static void choices_text(const gan_option *option, unsigned chosen, char *text, size_t size) {
  size_t used = 0;
  *text = '\0';
  for (int i = 0; option->choices[i] && used < size; i++)
    if (chosen & BIT(i))
      used += (size_t)snprintf(text + used, size - used, "%s%s", used ? " or " : "",
                               option->choices[i]);
}

static bool is_default(const gan_option *option, const gan_config *config, const char *value) {
  if (strcmp(value, option->fallback) == 0) return true;
  if (option->type != GAN_OPTION_REAL || option->flags & GAN_OPTION_UNSET) return false;
  const double *number = (const void *)((const char *)config + option->offset);
  return *number == strtod(option->fallback, NULL); /* 1e-8, whose text is 1e-08 */
}

/* Whether someone said so, if only what it would be anyway. */
static bool is_given(const gan_option *option, const gan_config *config) {
  return !(option->flags & GAN_OPTION_UNSET) &&
         gan_config_origin(config, option->key).kind != GAN_ORIGIN_DEFAULT;
}

/* A value that would have no effect is a mistake; the saved config's defaults are none. */
static gan_status check_conditional(const gan_config *config) {
  for (size_t i = 0; i < sizeof conditional / sizeof *conditional; i++) {
    const gan_option *option = gan_options_find(gan_config_options(), conditional[i].key);
    const gan_option *of = gan_options_find(gan_config_options(), conditional[i].of);
    int choice = *(const int *)((const char *)config + of->offset);
    bool applies = conditional[i].under & BIT(choice);
    char place[600], value[64], under[64];
    gan_option_text(option, config, value, sizeof value);
    bool left_out = is_default(option, config, value);
    choices_text(of, conditional[i].under, under, sizeof under);
    if (conditional[i].required & BIT(choice) && left_out && !is_given(option, config))
      return gan_fail(GAN_USAGE, "%s is %s, which needs %s: %s",
                      gan_config_place(config, of->key, place, sizeof place), of->choices[choice],
                      option->key, option->help);
    if (!applies && !left_out)
      return gan_fail(GAN_USAGE,
                      "%s is %s, but has no effect where %s is %s; leave it out (%s), or set %s to "
                      "%s",
                      gan_config_place(config, option->key, place, sizeof place), value, of->key,
                      of->choices[choice], option->fallback, of->key, under);
  }
  return GAN_OK;
}

static gan_status check_test(const gan_config *config) {
  char place[600];
  if (!config->train.test_every || config->data.test) return GAN_OK;
  return gan_fail(
      GAN_USAGE,
      "%s is %lld, but has no effect without data.test; give the data that is held out, "
      "or leave it out",
      gan_config_place(config, "train.test_every", place, sizeof place),
      (long long)config->train.test_every);
}

static gan_status check_noise(const gan_config *config) {
  char place[600];
  int64_t steps = config->train.instance_noise_steps;
  if (steps == GAN_UNSET_INT || config->train.instance_noise > 0) return GAN_OK;
  return gan_fail(
      GAN_USAGE,
      "%s is %lld, but has no effect without noise; give train.instance_noise, or leave "
      "it out",
      gan_config_place(config, "train.instance_noise_steps", place, sizeof place),
      (long long)steps);
}

/* What an autoencoder has not. */
static gan_status check_stochastic(const gan_config *config) {
  static const char *const keys[] = {"train.beta", "train.kl_warmup_steps"};
  char place[600], value[64];
  for (size_t i = 0; i < sizeof keys / sizeof *keys && !config->model.stochastic; i++) {
    const gan_option *option = gan_options_find(gan_config_options(), keys[i]);
    gan_option_text(option, config, value, sizeof value);
    if (strcmp(value, option->fallback) != 0)
      return gan_fail(GAN_USAGE,
                      "%s is %s, but has no effect where model.stochastic is false: an autoencoder "
                      "has no divergence; leave one of the two out",
                      gan_config_place(config, keys[i], place, sizeof place), value);
  }
  return GAN_OK;
}

/* The classes of a conditional model, and keys that mean something in one only. */
static gan_status check_conditions(const gan_config *config) {
  static const char *const keys[] = {"model.label.generator", "model.label.discriminator"};
  char place[600], value[64];
  int chosen = config->data.classes.count;
  if (config->model.classes == 1)
    return gan_fail(GAN_USAGE, "%s is 1; allowed is 0 (labels are not used), or 2 and more",
                    gan_config_place(config, "model.classes", place, sizeof place));
  if (config->model.classes && chosen && config->model.classes != chosen)
    return gan_fail(GAN_USAGE, "%s is %lld, but data.classes names %d; use %d",
                    gan_config_place(config, "model.classes", place, sizeof place),
                    (long long)config->model.classes, chosen, chosen);
  for (size_t i = 0; i < sizeof keys / sizeof *keys && !config->model.classes; i++) {
    const gan_option *option = gan_options_find(gan_config_options(), keys[i]);
    gan_option_text(option, config, value, sizeof value);
    if (strcmp(value, option->fallback) != 0)
      return gan_fail(GAN_USAGE,
                      "%s is %s, but has no effect where model.classes is 0; leave it out, or set "
                      "model.classes to the number of classes",
                      gan_config_place(config, keys[i], place, sizeof place), value);
  }
  return GAN_OK;
}

gan_label_way gan_config_label_way(const gan_config *config, bool generator) {
  static const gan_label_way of_generator[] = {GAN_LABEL_ONE_HOT, GAN_LABEL_EMBEDDING};
  static const gan_label_way of_discriminator[] = {GAN_LABEL_ONE_HOT, GAN_LABEL_PROJECTION,
                                                   GAN_LABEL_AUXILIARY};
  if (!config->model.classes) return GAN_LABEL_NONE;
  return generator ? of_generator[config->model.label_g] : of_discriminator[config->model.label_d];
}

static gan_status check_decay(const gan_config *config) {
  char place[600];
  int64_t warmup = config->train.lr_warmup_steps, decay = config->train.lr_decay_steps;
  if (decay == GAN_UNSET_INT || decay > warmup) return GAN_OK;
  return gan_fail(GAN_USAGE,
                  "%s is %lld, but the decay begins behind the warm-up (train.lr_warmup_steps, "
                  "%lld); use more than that",
                  gan_config_place(config, "train.lr_decay_steps", place, sizeof place),
                  (long long)decay, (long long)warmup);
}

/* A gan has two learning rates. */
static gan_status check_rate(const gan_config *config) {
  char place[600];
  if (config->task != GAN_TASK_GAN || isnan(config->train.lr)) return GAN_OK;
  return gan_fail(GAN_USAGE,
                  "%s is %g, but task gan has two networks, each with a learning rate of its own: "
                  "give train.optimizer.lr_d and train.optimizer.lr_g in its place",
                  gan_config_place(config, "train.optimizer.lr", place, sizeof place),
                  config->train.lr);
}

/* What sgd's keys need of each other. */
static gan_status check_momentum(const gan_config *config) {
  bool has_final = !isnan(config->train.momentum_final);
  bool has_steps = config->train.momentum_steps != GAN_UNSET_INT;
  const char *given =
      has_final ? "train.optimizer.momentum_final" : "train.optimizer.momentum_steps";
  const char *wanted =
      has_final ? "train.optimizer.momentum_steps" : "train.optimizer.momentum_final";
  char place[600];
  if (has_final != has_steps)
    return gan_fail(GAN_USAGE, "%s is given, which needs %s too: %s",
                    gan_config_place(config, given, place, sizeof place), wanted,
                    gan_options_find(gan_config_options(), wanted)->help);
  bool moves = config->train.momentum > 0 || (has_final && config->train.momentum_final > 0);
  if (!config->train.nesterov || moves) return GAN_OK;
  return gan_fail(GAN_USAGE,
                  "%s is true, but has no effect without momentum; give train.optimizer.momentum, "
                  "or leave it out",
                  gan_config_place(config, "train.optimizer.nesterov", place, sizeof place));
}

/* Order-free sums have a way of their own; and what is rounded on the wire is sent in two rounds,
 * of which none can wait. */
static gan_status check_comm(const gan_config *config) {
  char place[600];
  bool order_free = config->compute.reproducible, rounds = config->comm.wire == GAN_WIRE_BF16;
  const struct {
    bool set;
    const char *key, *value;
  } odd[] = {{rounds, "comm.wire", "bf16"},
             {config->comm.overlap, "comm.overlap", "true"},
             {config->comm.share_weights, "comm.share_weights", "true"},
             {config->comm.sum == GAN_COMM_SUM_WINDOW, "comm.sum", "window"}};
  for (size_t i = 0; order_free && i < sizeof odd / sizeof *odd; i++)
    if (odd[i].set)
      return gan_fail(GAN_USAGE,
                      "%s is %s, which compute.reproducible does not allow: its sums are exact and "
                      "go another way; leave one of the two out",
                      gan_config_place(config, odd[i].key, place, sizeof place), odd[i].value);
  if (config->comm.share_weights && config->comm.sum == GAN_COMM_SUM_ALLREDUCE)
    return gan_fail(GAN_USAGE,
                    "%s is true, which wants the memory that ranks share; set comm.sum to auto or "
                    "window, or leave it out",
                    gan_config_place(config, "comm.share_weights", place, sizeof place));
  if (rounds && config->comm.overlap)
    return gan_fail(GAN_USAGE,
                    "%s is true, which comm.wire bf16 does not allow; set one of the two",
                    gan_config_place(config, "comm.overlap", place, sizeof place));
  return GAN_OK;
}

gan_status gan_config_check_rules(gan_config *config, int ranks) {
  GAN_TRY(gan_networks_check(config));
  GAN_TRY(check_name(config));
  GAN_TRY(check_length(config));
  GAN_TRY(check_classes(config));
  GAN_TRY(resolve_batch(config, ranks));
  GAN_TRY(check_shards(config));
  GAN_TRY(check_conditional(config));
  GAN_TRY(check_test(config));
  GAN_TRY(check_noise(config));
  GAN_TRY(check_stochastic(config));
  GAN_TRY(check_conditions(config));
  GAN_TRY(check_rate(config));
  GAN_TRY(check_momentum(config));
  GAN_TRY(check_comm(config));
  GAN_TRY(gan_config_check_gan(config));
  GAN_TRY(gan_config_check_evaluation(config));
  return check_decay(config);
}
