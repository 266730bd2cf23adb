/* --set, what beats what, and the length of a run. */
#include "base/memory.h"
#include "unit/support.h"

#include <math.h>
#include <string.h>

#define SHORTEST                                                                                   \
  "data: {path: builtin:digits}\n"                                                                 \
  "model:\n"                                                                                       \
  "  generator: [linear: {units: 64}]\n"                                                           \
  "  discriminator: [linear: {units: 1}]\n"
#define STEPS "train: {steps: 10}\n"

static gan_status set(gan_config *config, const char *text, const char *override) {
  return unit_parse(config, text, override ? 1 : 0, &override);
}

/* Overrides that are taken: the key, and what it then is. */
static const struct {
  const char *override, *key, *text;
} taken[] = {
    {"seed=7", "seed", "7"},
    {"seed=7 ", "seed", "7"},
    {"seed= 7", "seed", "7"},
    {"data.path=a=b", "data.path", "a=b"},
    {"data.path=/a b/c", "data.path", "/a b/c"},
    {"data.path=\"null\"", "data.path", "null"},
    {"train.optimizer.lr_d=1e-3", "train.optimizer.lr_d", "0.001"},
    {"train.optimizer={lr_d: 0.5, beta1: 0}", "train.optimizer.lr_d", "0.5"},
    {"train.optimizer={lr_d: 0.5, beta1: 0}", "train.optimizer.beta1", "0"},
    {"train={optimizer: {beta2: 0.25}, batch: 32}", "train.optimizer.beta2", "0.25"},
    {"train={optimizer: {beta2: 0.25}, batch: 32}", "train.batch", "32"},
    {"model.generator=[linear: {units: 3}, tanh, linear: {units: 64}]", "model.generator",
     "3 layers"},
    {"model.generator=[{linear: {units: 64}}]", "model.generator", "1 layers"},
    {"model={latent: 3}", "model.latent", "3"},
    {"name=null", "name", "run"},
};

START_TEST(takes) {
  for (size_t i = 0; i < sizeof taken / sizeof *taken; i++) {
    gan_config config;
    char text[256];
    check_ok(set(&config, SHORTEST STEPS, taken[i].override));
    const gan_option *option = gan_options_find(gan_config_options(), taken[i].key);
    ck_assert_str_eq(gan_option_text(option, &config, text, sizeof text), taken[i].text);
    ck_assert_int_eq(gan_config_origin(&config, taken[i].key).kind, GAN_ORIGIN_COMMAND_LINE);
    gan_config_reset(&config);
  }
}
END_TEST

/* Overrides that are refused, and what the message holds besides "command line". */
static const struct {
  const char *override, *first, *second;
} refused[] = {
    {"seed", "KEY=VALUE", "'seed'"},
    {"=5", "KEY=VALUE", "'=5'"},
    {"", "KEY=VALUE", "''"},
    {"=", "KEY=VALUE", "'='"},
    {"seed=", "key 'seed'", "an integer"},
    {"seed=#5", "--set seed", "no value"},
    {"name=x=y", "key 'name' is 'x=y'", "letters"}, /* all behind the first '=' */
    {"seed=x", "key 'seed' is x", "an integer"},
    {"seed=[1", "not valid YAML", ""},
    {"seed=1\n---\n2", "second YAML document", ""},
    {"sed=1", "unknown key 'sed'", "did you mean 'seed'"},
    {"train.optimiser.lr_d=1", "unknown key", "'train.optimizer.lr_d'"},
    {"train=5", "key 'train' must be a mapping", ""},
    {"train={bach: 5}", "unknown key 'train.bach'", "'train.batch'"},
    {"train={batch: 5, batch: x}", "key 'train.batch' is x", "an integer"},
    {"data.path=", "key 'data.path'", "text"},
    {"data.path=[a]", "key 'data.path' is a list", "text"},
    {"model.generator=relu", "key 'model.generator' must be a list of layers", ""},
    {"model.generator=[]", "key 'model.generator' has 0 layers", "1 to 4096"},
    {"model.generator=[lineer: {units: 3}]", "unknown layer 'lineer'", "'linear'"},
    {"seed=\xff", "not valid YAML", ""},
};

START_TEST(refuses) {
  for (size_t i = 0; i < sizeof refused / sizeof *refused; i++) {
    gan_config config;
    check_fails(set(&config, SHORTEST STEPS, refused[i].override), GAN_USAGE, "command line",
                refused[i].first, refused[i].second);
    gan_config_reset(&config);
  }
  char longest[5001];
  memset(longest, 'k', sizeof longest - 1);
  longest[4998] = '=';
  longest[5000] = '\0';
  gan_config config;
  check_fails(set(&config, SHORTEST STEPS, longest), GAN_USAGE, "command line", "kkkk");
  gan_config_reset(&config);
}
END_TEST

START_TEST(later_beats_earlier) {
  const char *const overrides[] = {"seed=2",
                                   "train={batch: 8}",
                                   "seed=3",
                                   "train.batch=16",
                                   "model.generator=[linear: {units: 64}, relu]",
                                   "model.generator=[linear: {units: 64}, relu, relu]"};
  gan_config config;
  check_ok(unit_parse(&config, SHORTEST STEPS "seed: 1\n", 6, overrides));
  ck_assert_int_eq(config.seed, 3);
  ck_assert_int_eq(config.train.batch, 16);
  ck_assert_int_eq(config.model.generator.count, 3);
  ck_assert_int_eq(config.train.steps, 10); /* the file's, which nobody overrode */
  ck_assert_int_eq(gan_config_origin(&config, "train.steps").kind, GAN_ORIGIN_FILE);
  ck_assert_int_eq(gan_config_origin(&config, "samples.count").kind, GAN_ORIGIN_DEFAULT);
  gan_config_reset(&config);
}
END_TEST

START_TEST(origins_as_text) {
  char text[600];
  gan_config config;
  check_ok(set(&config, SHORTEST STEPS, "seed=4"));
  ck_assert_str_eq(gan_config_place(&config, "seed", text, sizeof text),
                   "command line: key 'seed'");
  ck_assert_str_eq(gan_config_place(&config, "train.steps", text, sizeof text),
                   "run.yaml:5: key 'train.steps'");
  ck_assert_str_eq(gan_config_place(&config, "train.batch", text, sizeof text),
                   "default: key 'train.batch'");
  ck_assert_str_eq(gan_config_place(&config, "model.discriminator", text, sizeof text),
                   "run.yaml:4: key 'model.discriminator'");
  char cut[10];
  ck_assert_str_eq(gan_config_place(&config, "train.steps", cut, sizeof cut), "run.yaml:");
  gan_config_reset(&config);
}
END_TEST

/* ---- steps or epochs ---- */

static const struct {
  const char *in_file, *override;
  int64_t steps; /* 0: unset */
  double epochs; /* 0: unset; both unset: refused */
} lengths[] = {
    {"steps: 10", NULL, 10, 0},
    {"epochs: 1.5", NULL, 0, 1.5},
    {"steps: 10", "train.epochs=2", 0, 2},
    {"epochs: 2", "train.steps=5", 5, 0},
    {"steps: 10", "train.steps=5", 5, 0},
    {"steps: 10, epochs: null", NULL, 10, 0},
    {"steps: 10, epochs: 2", "train.epochs=null", 10, 0},
    {"steps: 10, epochs: 2", "train.steps=3", 3, 0},
    {"steps: 10, epochs: 2", NULL, 0, 0},
    {"steps: null", NULL, 0, 0},
    {"steps: 10", "train.steps=null", 0, 0},
    {"batch: 8", "train={steps: 3, epochs: 4}", 0, 0},
};

START_TEST(steps_or_epochs) {
  gan_config config;
  char *text = gan_format(SHORTEST "train: {%s}\n", lengths[_i].in_file);
  gan_status status = set(&config, text, lengths[_i].override);
  if (!lengths[_i].steps && !(lengths[_i].epochs > 0)) {
    ck_assert_int_eq(status, GAN_USAGE);
    check_message("train.epochs", "train.steps", "give");
  } else {
    check_ok(status);
    ck_assert_int_eq(config.train.steps, lengths[_i].steps ? lengths[_i].steps : GAN_UNSET_INT);
    if (lengths[_i].epochs > 0)
      ck_assert_double_eq(config.train.epochs, lengths[_i].epochs);
    else
      ck_assert(isnan(config.train.epochs));
  }
  gan_config_reset(&config);
  gan_free(&text);
}
END_TEST

int main(void) {
  const unit_test tests[] = {
      {takes, 1},
      {refuses, 1},
      {later_beats_earlier, 1},
      {origins_as_text, 1},
      {steps_or_epochs, sizeof lengths / sizeof *lengths},
  };
  return UNIT_MAIN("config: --set and rules", tests);
}
