/* A config as text again, and what differs between two. */
#include "base/memory.h"
#include "unit/support.h"

#include <string.h>

/* Every kind of value, away from its default. */
#define FULL                                                                                       \
  "name: full\nseed: 77\ndata: {path: 'a b', images: x, labels: y, layout: nchw, range: none}\n"   \
  "data.shards: 5\n"                                                                               \
  "model:\n"                                                                                       \
  "  latent: 9\n"                                                                                  \
  "  latent_distribution: uniform\n"                                                               \
  "  init: normal\n"                                                                               \
  "  init_std: 0.3333333333333333\n"                                                               \
  "  generator:\n"                                                                                 \
  "    - linear: {units: 18, bias: false}\n"                                                       \
  "    - batchnorm: {momentum: 0.30000000000000004, eps: 1.0e-300}\n"                              \
  "    - relu\n"                                                                                   \
  "    - leaky_relu: {slope: 0.7}\n"                                                               \
  "    - dropout: {p: 0.125}\n"                                                                    \
  "    - tanh\n"                                                                                   \
  "    - reshape: {shape: [2, 3, 3]}\n"                                                            \
  "  discriminator: [flatten, linear: {units: 1}, sigmoid]\n"                                      \
  "train: {batch: 10, epochs: 0.1, objective: minimax, d_steps: 2, g_steps: 3, log_every: 7}\n"    \
  "train.optimizer: {lr_d: 1.0e-5, lr_g: 1.7976931348623157e+5, beta1: 0, beta2: 0.1, eps: 0.5}\n" \
  "train.lock_wait_s: 0.25\n"                                                                      \
  "checkpoint: {every_steps: 0, keep_last: 9, keep_every: 100}\n"                                  \
  "samples: {every_steps: 0, count: 5}\ncompute: {threads: 3}\n"
#define BRANCHES                                                                                   \
  "data: {path: x}\ntrain: {steps: 3}\nmodel:\n  discriminator: [linear: {units: 1}]\n"            \
  "  generator:\n"                                                                                 \
  "    - linear: {units: 4}\n"                                                                     \
  "    - residual: {main: [tanh, residual: {main: [linear: {units: 4}, relu]}]}\n"                 \
  "    - concat:\n"                                                                                \
  "        main: [dropout: {p: 0.25}]\n"                                                           \
  "        shortcut: [concat: {main: [relu], shortcut: [linear: {units: 2}]}, tanh]\n"
#define SHORTEST                                                                                   \
  "data: {path: x}\nmodel: {generator: [linear: {units: 4}], discriminator: [linear: {units: 1}]}" \
  "\ntrain: {steps: 3}\n"

/* Written, read and written again: the same text, and nothing that differs. */
static void check_round_trip(const gan_config *config) {
  gan_config again;
  char *first, *second, text[4096];
  check_ok(gan_config_yaml(config, &first));
  check_ok(unit_parse(&again, first, 0, NULL));
  check_ok(gan_config_yaml(&again, &second));
  ck_assert_str_eq(first, second);
  for (int k = 0; k < 2; k++) {
    ck_assert_msg(!gan_config_differences(config, &again, k, text, sizeof text), "it differs:%s",
                  text);
    ck_assert_str_eq(text, "");
  }
  /* the numbers themselves, since what compares them compares their texts */
  ck_assert_mem_eq(&config->train.lr_d, &again.train.lr_d, 5 * sizeof(double));
  ck_assert(config->model.init_std == again.model.init_std && config->seed == again.seed);
  gan_config_reset(&again);
  gan_free(&first);
  gan_free(&second);
}

START_TEST(round_trip) {
  static const char *const texts[] = {FULL, SHORTEST, BRANCHES};
  gan_config config;
  check_ok(unit_parse(&config, texts[_i], 0, NULL));
  check_round_trip(&config);
  gan_config_reset(&config);
}
END_TEST

/* The saved text names every key, so that a run does not hang on what the defaults are today. */
START_TEST(all_keys_are_written) {
  gan_config config;
  char *text;
  check_ok(unit_parse(&config, SHORTEST, 0, NULL));
  check_ok(gan_config_yaml(&config, &text));
  gan_options options = gan_config_options();
  for (int i = 0; i < options.count; i++) {
    const char *dot = strrchr(options.rows[i].key, '.');
    char *leaf = gan_format("%s: ", dot ? dot + 1 : options.rows[i].key);
    leaf[strlen(leaf) - 1] = '\0'; /* a list begins on the next line */
    ck_assert_msg(strstr(text, leaf), "%s is not in:\n%s", leaf, text);
    gan_free(&leaf);
  }
  gan_free(&text);
  gan_config_reset(&config);
}
END_TEST

/* Texts that YAML would read as something else if they were not quoted well. */
START_TEST(strings_survive) {
  static const char *const strings[] = {
      "null",
      "~",
      "Null",
      "true",
      "no",
      "12",
      "1e3",
      "0x10",
      " lead",
      "trail ",
      "a  b",
      "a: b",
      "a #b",
      "#",
      "- a",
      "-",
      "?",
      "[a",
      "]",
      "{a: 1}",
      "&x",
      "*x",
      "!t",
      "%d",
      "@",
      "`",
      "'",
      "\"",
      "\\",
      "a\\b\"c'd",
      "a\nb",
      "\n",
      "a\tb",
      "\x07 bell",
      "\xc3\xa4\xe2\x82\xac",
      "...",
      "---",
      "|",
      ">",
      ",",
      "a,b",
      "=",
      "<<",
      "/a/long/path with spaces/that is folded/because it "
      "has/far more than one hundred letters in it, and some  double  spaces/too: yes.h5"};
  for (size_t i = 0; i < sizeof strings / sizeof *strings; i++) {
    gan_config config;
    check_ok(unit_parse(&config, SHORTEST, 0, NULL));
    gan_free(&config.data.path);
    config.data.path = gan_strdup(strings[i]);
    check_round_trip(&config);
    gan_config_reset(&config);
  }
}
END_TEST

START_TEST(random_reals_survive) {
  uint64_t state = 1;
  for (int i = 0; i < 500; i++) {
    gan_config config;
    check_ok(unit_parse(&config, SHORTEST, 0, NULL));
    config.train.lr_d = unit_uniform(&state, 0, 1) * 1e-7;
    config.train.lr_g = unit_uniform(&state, 0, 1e6);
    config.train.beta1 = unit_uniform(&state, 0, 1);
    config.seed = (int64_t)(unit_bits(&state) >> 2);
    check_round_trip(&config);
    gan_config_reset(&config);
  }
}
END_TEST

/* ---- differences ---- */

/* What an override changes: keys that a run may not change, and keys that it may. */
static const struct {
  const char *override, *fixed, *free;
} changes[] = {
    {"seed=2", "\n  seed: 1 -> 2", ""},
    {"seed=1", "", ""},
    {"name=other", "", "\n  name: run -> other"},
    {"data.path=y", "", "\n  data.path: x -> y"},
    {"data.layout=nhwc", "\n  data.layout: auto -> nhwc", ""},
    {"data.range=unit", "\n  data.range: auto -> unit", ""},
    {"data.shards=4", "\n  data.shards: 16 -> 4", ""},
    {"data.shards=16", "", ""},
    {"model.latent=3", "\n  model.latent: 64 -> 3", ""},
    {"model.init_std=0.5", "\n  model.init_std: 0.02 -> 0.5", ""},
    {"model.generator=[linear: {units: 5}]",
     "\n  model.generator: layer 0: linear {units: 4, bias: true, spectral_norm: false} -> linear "
     "{units: 5, bias: true, spectral_norm: false}",
     ""},
    {"model.generator=[linear: {units: 4, bias: true, spectral_norm: false}]", "", ""},
    {"model.discriminator=[linear: {units: 1}, leaky_relu]",
     "\n  model.discriminator: layer 1: none -> leaky_relu {slope: 0.01}", ""},
    {"model.generator=[relu, linear: {units: 4}]",
     "\n  model.generator: layer 0: linear {units: 4, bias: true, spectral_norm: false} -> relu, "
     "and 1 more",
     ""},
    {"train.batch=64", "", "\n  train.batch: 128 -> 64"},
    {"train.batch_per_rank=64", "", "\n  train.batch: 128 -> 64"},
    {"train.steps=4", "", "\n  train.steps: 3 -> 4"},
    {"train.epochs=4", "", "\n  train.steps: 3 -> null\n  train.epochs: null -> 4"},
    {"train.objective=minimax", "\n  train.objective: non_saturating -> minimax", ""},
    {"train.d_steps=2", "\n  train.d_steps: 1 -> 2", ""},
    {"train.optimizer={lr_d: 1, lr_g: 2.5, beta1: 0.1, beta2: 0.2, eps: 0.1}", "",
     "\n  train.optimizer.lr_d: 0.0002 -> 1\n  train.optimizer.lr_g: 0.0002 -> 2.5"
     "\n  train.optimizer.beta1: 0.5 -> 0.1\n  train.optimizer.beta2: 0.999 -> 0.2"
     "\n  train.optimizer.eps: 1.0e-08 -> 0.1"},
    {"checkpoint={every_steps: 2, keep_last: 2, keep_every: 2}", "",
     "\n  checkpoint.every_steps: 1000 -> 2\n  checkpoint.keep_last: 3 -> 2"
     "\n  checkpoint.keep_every: 0 -> 2"},
    {"train={batch: 32, g_steps: 4, d_steps: 2, log_every: 3}",
     "\n  train.d_steps: 1 -> 2\n  train.g_steps: 1 -> 4",
     "\n  train.batch: 128 -> 32\n  train.log_every: 50 -> 3"},
};

static int lines_of(const char *text) {
  int lines = 0;
  for (; *text; text++) lines += *text == '\n';
  return lines;
}

START_TEST(differences) {
  for (size_t i = 0; i < sizeof changes / sizeof *changes; i++) {
    gan_config before, now;
    char text[1024];
    check_ok(unit_parse(&before, SHORTEST, 0, NULL));
    check_ok(unit_parse(&now, SHORTEST, 1, &changes[i].override));
    for (int k = 0; k < 2; k++) {
      const char *wanted = k ? changes[i].free : changes[i].fixed;
      int count = gan_config_differences(&before, &now, k, text, sizeof text);
      ck_assert_msg(!strcmp(text, wanted), "%s:%s\nnot%s", changes[i].override, text, wanted);
      ck_assert_int_eq(count, lines_of(wanted));
    }
    gan_config_reset(&before);
    gan_config_reset(&now);
  }
}
END_TEST

/* The generator's layers of BRANCHES with one thing changed, and what is said of it. */
static const struct {
  const char *from, *to, *difference;
} branch_changes[] = {
    {"[linear: {units: 4}, relu]", "[linear: {units: 5}, relu]",
     "layer 1.main.1.main.0: linear {units: 4, bias: true, spectral_norm: false} -> linear {units: "
     "5, bias: true, spectral_norm: false}"},
    {"p: 0.25", "p: 0.5", "layer 2.main.0: dropout {p: 0.25} -> dropout {p: 0.5}"},
    {"units: 2}", "units: 3}",
     "layer 2.shortcut.0.shortcut.0: linear {units: 2, bias: true, spectral_norm: false} -> linear "
     "{units: 3, bias: true, spectral_norm: false}"},
    {"}, tanh]", "}, relu]", "layer 2.shortcut.1: tanh -> relu"},
    {"[tanh, residual", "[relu, residual", "layer 1.main.0: tanh -> relu"},
    {"residual: {main: [linear", "concat: {main: [linear",
     "layer 1.main.1: residual {main: 2 layers, shortcut: 0 layers} -> concat {main: 2 layers, "
     "shortcut: 0 layers}"},
    {"relu]}]}", "relu], shortcut: [tanh]}]}",
     "layer 1.main.1: residual {main: 2 layers, shortcut: 0 layers} -> residual {main: 2 layers, "
     "shortcut: 1 layers}"},
    {"{main: [relu], shortcut", "{main: [tanh], shortcut",
     "layer 2.shortcut.0.main.0: relu -> tanh"},
};

START_TEST(differences_in_branches) {
  static const char branches[] = BRANCHES;
  for (size_t i = 0; i < sizeof branch_changes / sizeof *branch_changes; i++) {
    gan_config before, now;
    char text[1024];
    const char *from = branch_changes[i].from, *place = strstr(branches, from);
    ck_assert_msg(place != NULL, "'%s' is not there", from);
    char *changed = gan_format("%.*s%s%s", (int)(place - branches), branches, branch_changes[i].to,
                               place + strlen(from));
    char *wanted = gan_format("\n  model.generator: %s", branch_changes[i].difference);
    check_ok(unit_parse(&before, branches, 0, NULL));
    check_ok(unit_parse(&now, changed, 0, NULL));
    ck_assert_int_eq(gan_config_differences(&before, &now, false, text, sizeof text), 1);
    ck_assert_str_eq(text, wanted);
    gan_config_reset(&before);
    gan_config_reset(&now);
    gan_free(&changed);
    gan_free(&wanted);
  }
}
END_TEST

/* A change behind many equal layers is shown too, not cut off. */
START_TEST(differences_far_down_a_list) {
  char before_text[4096] = "model.generator=[", now_text[4096], text[1024];
  const char *before_override = before_text, *now_override = now_text;
  for (int i = 0; i < 60; i++) strcat(before_text, "linear: {units: 1000}, ");
  strcpy(now_text, before_text);
  strcat(before_text, "linear: {units: 4}]");
  strcat(now_text, "linear: {units: 5}]");
  gan_config before, now;
  check_ok(unit_parse(&before, SHORTEST, 1, &before_override));
  check_ok(unit_parse(&now, SHORTEST, 1, &now_override));
  ck_assert_int_eq(gan_config_differences(&before, &now, false, text, sizeof text), 1);
  ck_assert_str_eq(text, "\n  model.generator: layer 60: linear {units: 4, bias: true, "
                         "spectral_norm: false} -> linear "
                         "{units: 5, bias: true, spectral_norm: false}");
  gan_config_reset(&before);
  gan_config_reset(&now);
}
END_TEST

/* A list that does not fit is cut, never written past its end. */
START_TEST(differences_in_little_room) {
  gan_config before, now;
  char text[200];
  check_ok(unit_parse(&before, SHORTEST, 0, NULL));
  check_ok(unit_parse(&now, FULL, 0, NULL));
  for (size_t size = 0; size < 150; size++) {
    memset(text, '#', sizeof text);
    ck_assert_int_gt(gan_config_differences(&before, &now, false, text, size), 8);
    for (size_t i = size; i < sizeof text; i++) ck_assert_int_eq(text[i], '#');
    if (size) ck_assert_ptr_nonnull(memchr(text, '\0', size));
  }
  gan_config_reset(&before);
  gan_config_reset(&now);
}
END_TEST

int main(void) {
  const unit_test tests[] = {
      {round_trip, 3},
      {all_keys_are_written, 1},
      {strings_survive, 1},
      {random_reals_survive, 1},
      {differences, 1},
      {differences_in_branches, 1},
      {differences_in_little_room, 1},
      {differences_far_down_a_list, 1},
  };
  return UNIT_MAIN("config: written again", tests);
}
