/* The config file: defaults, what each key takes and refuses, and what the messages say. */
#include "base/memory.h"
#include "unit/support.h"

#include <math.h>
#include <string.h>

/* The shortest config; keys of a test follow on line LINE. */
#define SHORTEST                                                                                   \
  "data: {path: builtin:digits}\n"                                                                 \
  "model:\n"                                                                                       \
  "  generator: [linear: {units: 64}]\n"                                                           \
  "  discriminator: [linear: {units: 1}]\n"                                                        \
  "train: {steps: 10}\n"
#define LINE "run.yaml:6: "

static gan_status parse(gan_config *config, const char *text) {
  return unit_parse(config, text, 0, NULL);
}

/* SHORTEST and one more line. */
static gan_status parse_with(gan_config *config, const char *key, const char *value) {
  char *text = gan_format(SHORTEST "%s: %s\n", key, value);
  gan_status status = parse(config, text);
  gan_free(&text);
  return status;
}

START_TEST(defaults) {
  gan_config config;
  check_ok(parse(&config, SHORTEST));
  ck_assert_str_eq(config.name, "run"); /* run.yaml */
  ck_assert_int_eq(config.seed, 1);
  ck_assert_int_eq(config.task, GAN_TASK_GAN);
  ck_assert_str_eq(config.data.path, "builtin:digits");
  ck_assert_str_eq(config.data.images, "images");
  ck_assert_str_eq(config.data.labels, "labels");
  ck_assert_int_eq(config.data.layout, GAN_LAYOUT_AUTO);
  ck_assert_int_eq(config.data.range, GAN_RANGE_AUTO);
  ck_assert_int_eq(config.data.shards, 16); /* the largest divisor of 128 up to 16 */
  ck_assert_int_eq(config.model.latent, 64);
  ck_assert_int_eq(config.model.latent_distribution, GAN_LATENT_NORMAL);
  ck_assert_int_eq(config.model.init, GAN_INIT_PYTORCH);
  ck_assert_double_eq(config.model.init_std, 0.02);
  ck_assert_int_eq(config.model.generator.count, 1);
  ck_assert_int_eq(config.train.batch, 128);
  ck_assert_int_eq(config.train.steps, 10);
  ck_assert(isnan(config.train.epochs));
  ck_assert_int_eq(config.train.objective, GAN_OBJECTIVE_NON_SATURATING);
  ck_assert_int_eq(config.train.d_steps, 1);
  ck_assert_int_eq(config.train.g_steps, 1);
  ck_assert_double_eq(config.train.lr_d, 2e-4);
  ck_assert_double_eq(config.train.lr_g, 2e-4);
  ck_assert_double_eq(config.train.beta1, 0.5);
  ck_assert_double_eq(config.train.beta2, 0.999);
  ck_assert_double_eq(config.train.eps, 1e-8);
  ck_assert_double_eq(config.train.lock_wait_s, 30);
  ck_assert_int_eq(config.checkpoint.keep_every, 0);
  ck_assert_int_eq(config.compute.threads, GAN_AUTO_INT);
  ck_assert_int_eq(gan_config_threads(&config), 1);
  gan_config_reset(&config);
}
END_TEST

/* What a key takes, and what the value then is, as text. */
static const struct {
  const char *key, *value, *text;
} accepted[] = {
    {"seed", "0", "0"},
    {"seed", "9000000000000000000", "9000000000000000000"},
    {"seed", "+7", "7"},
    {"name", "a-B_3.x", "a-B_3.x"},
    {"name", "\"007\"", "007"},
    {"name", "12", "12"},
    {"data.images", "'x y'", "x y"},
    {"data.images", "a/b", "a/b"},
    {"data.layout", "nchw", "nchw"},
    {"data.layout", "\"nhwc\"", "nhwc"},
    {"data.shards", "128", "128"},
    {"data.shards", "null", "16"},
    {"data.shards", "~", "16"},
    {"data.shards", "", "16"},
    {"model.latent", "1048576", "1048576"},
    {"model.init_std", "10", "10"},
    {"model.init_std", "1e-300", "1.0e-300"},
    {"train.epochs", "null", "null"},
    {"train.objective", "minimax", "minimax"},
    {"train.optimizer.lr_d", "0", "0"},
    {"train.optimizer.lr_d", "2.0e-4", "0.0002"},
    {"train.optimizer.lr_d", ".5", "0.5"},
    {"train.optimizer.lr_d", "1", "1"},
    {"train.optimizer.lr_d", "0.1234567890123456", "0.1234567890123456"},
    {"train.optimizer.beta1", "0", "0"},
    {"train.optimizer.beta1", "0.9999999", "0.9999999"},
    {"train.optimizer", "{lr_g: 1.0e-3}", NULL},
    {"checkpoint", "{keep_last: 1, every_steps: 0}", NULL},
    {"checkpoint.keep_every", "1000000000000000", "1000000000000000"},
};

START_TEST(accepts) {
  for (size_t i = 0; i < sizeof accepted / sizeof *accepted; i++) {
    gan_config config;
    char text[256];
    check_ok(parse_with(&config, accepted[i].key, accepted[i].value));
    const gan_option *option = gan_options_find(gan_config_options(), accepted[i].key);
    if (accepted[i].text) {
      ck_assert_ptr_nonnull(option);
      ck_assert_str_eq(gan_option_text(option, &config, text, sizeof text), accepted[i].text);
      gan_origin origin = gan_config_origin(&config, accepted[i].key);
      ck_assert_int_eq(origin.kind, GAN_ORIGIN_FILE);
      ck_assert_int_eq(origin.line, 6);
    }
    gan_config_reset(&config);
  }
}
END_TEST

/* What a key refuses: the value as the message has it, and what the message says is allowed. */
static const struct {
  const char *key, *value, *shown, *allowed;
} refused[] = {
    {"seed", "-1", "-1", "an integer from 0 to"},
    {"seed", "1.5", "1.5", "an integer from 0 to"},
    {"seed", "1e3", "1e3", "an integer"},
    {"seed", "0x10", "0x10", "an integer"},
    {"seed", "12 apples", "12 apples", "an integer"},
    {"seed", "1_000", "1_000", "an integer"},
    {"seed", "--5", "--5", "an integer"},
    {"seed", "5-3", "5-3", "an integer"},
    {"seed", "9999999999999999999999", "9999999999999999999999", "an integer"},
    {"seed", "\"5\"", "\"5\"", "an integer"},
    {"seed", "true", "true", "an integer"},
    {"seed", "null", "null", "an integer"},
    {"seed", "", "empty", "an integer"},
    {"seed", "[1]", "a list", "an integer"},
    {"seed", "{a: 1}", "a mapping", "an integer"},
    {"task", "painter", "painter", "one of: gan"},
    {"task", "GAN", "GAN", "one of: gan"},
    {"data.layout", "hwc", "hwc", "one of: auto, nhwc, nchw"},
    {"data.range", "0", "0", "one of: auto, unit, symmetric, none"},
    {"data.path", "\"\"", "\"\"", "text"},
    {"data.path", "null", "null", "text"},
    {"data.images", "[a, b]", "a list", "text"},
    {"data.shards", "0", "0", "an integer from 1 to 65536, or null"},
    {"data.shards", "65537", "65537", "an integer from 1 to 65536, or null"},
    {"model.latent", "0", "0", "an integer from 1 to 1048576"},
    {"model.init_std", "0", "0", "a number from 0 (not included) to 10"},
    {"model.init_std", "10.0001", "10.0001", "a number from 0 (not included) to 10"},
    {"model.init_std", ".nan", ".nan", "a number"},
    {"model.init_std", "nan", "nan", "a number"},
    {"model.init_std", ".inf", ".inf", "a number"},
    {"model.init_std", "0x1p-3", "0x1p-3", "a number"},
    {"model.init_std", "1e999", "1e999", "a number"},
    {"model.init_std", "1.2.3", "1.2.3", "a number"},
    {"model.init_std", "1e", "1e", "a number"},
    {"train.batch", "0", "0", "an integer from 1 to 16777216"},
    {"train.batch", "16777217", "16777217", "an integer from 1 to 16777216"},
    {"train.epochs", "0", "0", "a number from 0 (not included) to 1000000000, or null"},
    {"train.optimizer.type", "lamb", "lamb", "one of: adam, sgd, adamw, rmsprop"},
    {"train.optimizer.lr_d", "-1e-4", "-1e-4", "a number from 0 to"},
    {"train.optimizer.beta1", "1", "1", "a number from 0 to 1 (not included)"},
    {"train.optimizer.beta2", "1.0", "1.0", "a number from 0 to 1 (not included)"},
    {"train.optimizer.eps", "0", "0", "a number from 0 (not included) to 1"},
    {"train.lock_wait_s", "yes", "yes", "a number from 0 to 86400"},
    {"checkpoint.keep_last", "0", "0", "an integer from 1 to"},
    {"samples.count", "1048577", "1048577", "an integer from 1 to 1048576"},
    {"compute.threads", "0", "0", "an integer from 1 to 1024, or auto"},
};

START_TEST(refuses) {
  for (size_t i = 0; i < sizeof refused / sizeof *refused; i++) {
    gan_config config;
    /* data.path stands in SHORTEST already: give it anew, on the same line */
    bool path = strcmp(refused[i].key, "data.path") == 0;
    char *quoted = gan_format("key '%s' is %s;", refused[i].key, refused[i].shown);
    if (path) {
      char *text = gan_format("#\n#\n#\n#\n#\ndata.path: %s\n", refused[i].value);
      check_fails(parse(&config, text), GAN_USAGE, LINE, quoted, refused[i].allowed);
      gan_free(&text);
    } else {
      check_fails(parse_with(&config, refused[i].key, refused[i].value), GAN_USAGE, LINE, quoted,
                  refused[i].allowed);
    }
    gan_free(&quoted);
    gan_config_reset(&config);
  }
}
END_TEST

START_TEST(names_are_folder_names) {
  static const char *const bad[] = {"a/b", "..", ".hidden", "'a b'", "ä", "'a\tb'", "a:b"};
  gan_config config;
  for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
    check_fails(parse_with(&config, "name", bad[i]), GAN_USAGE, "run.yaml:6: key 'name'",
                "it names a folder");
    gan_config_reset(&config);
  }
  char longest[102];
  memset(longest, 'n', sizeof longest);
  longest[101] = '\0';
  check_fails(parse_with(&config, "name", longest), GAN_USAGE, "up to 100 letters");
  gan_config_reset(&config);
  longest[100] = '\0';
  check_ok(parse_with(&config, "name", longest));
  gan_config_reset(&config);
}
END_TEST

/* ---- keys ---- */

static const struct {
  const char *typed, *meant; /* NULL: nothing is near */
} mistyped[] = {
    {"sed", "seed"},
    {"Seed", "seed"},
    {"trian.batch", "train.batch"},
    {"train.batchsize", "train.batch"},
    {"batch", "train.batch"},
    {"lr_d", "train.optimizer.lr_d"},
    {"train.lr_d", "train.optimizer.lr_d"},
    {"data.pth", "data.path"},
    {"model.generators", "model.generator"},
    {"model.discriminater", "model.discriminator"},
    {"checkpoint.keep_lst", "checkpoint.keep_last"},
    {"zzzzzzzz", NULL},
    {"qwertyuiop.asdfghjkl", NULL},
};

START_TEST(unknown_keys) {
  for (size_t i = 0; i < sizeof mistyped / sizeof *mistyped; i++) {
    gan_config config;
    char *unknown = gan_format("unknown key '%s'", mistyped[i].typed);
    check_fails(parse_with(&config, mistyped[i].typed, "1"), GAN_USAGE, LINE, unknown);
    if (mistyped[i].meant) {
      char *meant = gan_format("did you mean '%s'", mistyped[i].meant);
      check_message(meant);
      gan_free(&meant);
    } else {
      ck_assert_ptr_null(strstr(gan_error_message(), "did you mean"));
    }
    gan_free(&unknown);
    gan_config_reset(&config);
  }
}
END_TEST

/* Texts that are no config at all, or not one. */
static const struct {
  const char *what, *text, *first, *second;
} broken[] = {
    {"empty", "", "run.yaml", "empty"},
    {"comments", "# nothing\n\n# here\n", "run.yaml", "empty"},
    {"a scalar", "hello\n", "run.yaml", "mapping"},
    {"a list", "- a\n- b\n", "run.yaml", "mapping"},
    {"a tab", "data:\n\tpath: x\n", "run.yaml:2", "this is a tab"},
    {"a bracket", "data: [1, 2\n", "run.yaml:2", "not valid YAML"},
    {"a quote", "name: \"abc\n", "run.yaml:", "not valid YAML"},
    {"an indent", "data:\n  path: x\n images: y\n", "run.yaml:3", "not valid YAML"},
    {"two documents", SHORTEST "---\nseed: 2\n", "run.yaml:6", "second YAML document"},
    {"an unknown alias", SHORTEST "seed: *nowhere\n", "run.yaml:6", "not valid YAML"},
    {"a merge", SHORTEST "<<: {seed: 2}\n", LINE, "unknown key '<<'"},
    {"a list as key", SHORTEST "? [a, b]\n: 1\n", LINE, "a key must be plain text"},
    {"a scalar group", SHORTEST "samples: 5\n", LINE, "key 'samples' must be a mapping"},
    {"a list group", SHORTEST "samples: [1]\n", LINE, "key 'samples' must be a mapping"},
    {"a key twice", SHORTEST "seed: 1\nseed: 1\n", "run.yaml:7: key 'seed' is given twice",
     "first on line 6"},
    {"a key twice, nested", SHORTEST "train: {batch: 2, steps: 5}\n",
     "run.yaml:6: key 'train.steps' is given twice", "first on line 5"},
    {"a control character", SHORTEST "name: a\x01z\n", "run.yaml:", "not valid YAML"},
    {"no UTF-8", SHORTEST "name: \xff\xfe\n", "run.yaml:", "not valid YAML"},
    {"NUL in a key", SHORTEST "\"seed\\0x\": 2\n", LINE, "'seed' is followed by a NUL"},
    {"NUL in a choice", SHORTEST "train.objective: \"minimax\\0\"\n", LINE,
     "'minimax' is followed"},
    {"NUL in a text", SHORTEST "data.images: \"a\\x00b\"\n", LINE, "'a' is followed by a NUL"},
    {"NUL in a layer", "model:\n  generator:\n    - \"relu\\0x\"\n", "run.yaml:3: ", "'relu' is"},
    {"NUL in an option", "model:\n  generator:\n    - linear: {\"units\\0\": 1}\n",
     "run.yaml:3: ", "'units' is followed by a NUL"},
    {"a directive", "%FOO bar\n---\nseed: 1\n", "run.yaml:1", "not valid YAML"},
    {"no data", "seed: 1\n", "run.yaml: key 'data.path' is missing", "builtin:digits"},
    {"no generator", "data: {path: x}\n", "key 'model.generator' is missing", "run.yaml"},
    {"no length", "data: {path: x}\nmodel: {generator: [relu], discriminator: [relu]}\n",
     "run.yaml: give train.steps or train.epochs", "how long"},
};

START_TEST(broken_texts) {
  gan_config config;
  size_t before = gan_alloc_bytes();
  check_fails(parse(&config, broken[_i].text), GAN_USAGE, broken[_i].first, broken[_i].second);
  gan_config_reset(&config);
  ck_assert_msg(gan_alloc_bytes() == before, "%s leaks", broken[_i].what);
}
END_TEST

/* Other ways to write the same. */
START_TEST(forms_of_yaml) {
  static const char *const same[] = {
      SHORTEST "seed: 5\n",
      SHORTEST "\"seed\": 5\n...\n",
      "--- # a comment\n" SHORTEST "seed: 5 # five\n",
      "%YAML 1.1\n---\n" SHORTEST "seed:\n  5\n",
      "\xef\xbb\xbf" SHORTEST "seed: 5",
      SHORTEST "model.latent: &n 64\nsamples: {count: *n}\nseed: 5\n",
      "data.path: builtin:digits\nmodel.generator: &g [linear: {units: 64}]\nmodel:\n"
      "  discriminator: [linear: {units: 1}]\ntrain.steps: 10\nseed: 5\n",
      "seed: 5\r\ndata: {path: builtin:digits}\r\nmodel:\r\n  generator: [linear: {units: 64}]\r\n"
      "  discriminator: [linear: {units: 1}]\r\ntrain: {steps: 10}\r\n",
      "{seed: 5, data: {path: \"builtin:digits\"}, model: {generator: [linear: {units: 64}], "
      "discriminator: [linear: {units: 1}]}, train: {steps: 10}}",
  };
  gan_config first, other;
  char text[2048];
  check_ok(parse(&first, same[0]));
  ck_assert_int_eq(first.seed, 5);
  for (size_t i = 1; i < sizeof same / sizeof *same; i++) {
    check_ok(parse(&other, same[i]));
    for (int k = 0; k < 2; k++)
      ck_assert_msg(!gan_config_differences(&first, &other, k, text, sizeof text),
                    "text %zu differs:%s", i, text);
    gan_config_reset(&other);
  }
  gan_config_reset(&first);
}
END_TEST

/* An alias of a mapping that holds itself must not turn the reader in circles. */
START_TEST(aliases_in_circles) {
  static const char *const circles[] = {
      SHORTEST "samples: &s {samples: *s}\n",
      SHORTEST "train: &t {train: *t, optimizer: *t}\n",
      "model: &m\n  generator: &g [*g]\n",
      "model:\n  generator: &g [linear: &l {units: *l}]\n",
      "model:\n  generator: [reshape: {shape: &s [*s]}]\n",
      "model:\n  generator: [&x {*x : *x}]\n",
      "model:\n  generator: &g [residual: {main: *g}]\n",
      "model:\n  generator: [tanh, &r {concat: {main: [tanh], shortcut: [*r, *r]}}]\n",
  };
  gan_config config;
  check_fails(parse(&config, circles[_i]), GAN_USAGE, "run.yaml");
  gan_config_reset(&config);
}
END_TEST

/* A group of keys that came twice would be two mappings of one name in a saved config, of which
 * other readers of YAML take the last. */
START_TEST(groups_of_keys_stand_together) {
  gan_options options = gan_config_options();
  for (int i = 1; i < options.count; i++) {
    const char *key = options.rows[i].key, *before = options.rows[i - 1].key;
    for (const char *dot = strchr(key, '.'); dot; dot = strchr(dot + 1, '.')) {
      size_t group = (size_t)(dot - key) + 1;
      for (int k = 0; k < i; k++)
        if (strncmp(options.rows[k].key, key, group) == 0 && strncmp(before, key, group) != 0)
          ck_abort_msg("%s is apart from %s", key, options.rows[k].key);
    }
  }
}
END_TEST

/* ---- sizes ---- */

static char *repeated(const char *piece, int n) {
  size_t length = strlen(piece);
  char *text = gan_alloc(length * (size_t)n + 1, 1, "a long text");
  for (int i = 0; i < n; i++) memcpy(text + (size_t)i * length, piece, length);
  return text;
}

START_TEST(very_long_words) {
  gan_config config;
  static const int sizes[] = {90, 126, 127, 128, 129, 300, 5000, 100000};
  for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
    char *word = repeated("k", sizes[i]), *line = gan_format("? %s\n: 1", word);
    char *text = gan_format(SHORTEST "%s\n", line);
    check_fails(parse(&config, text), GAN_USAGE, LINE, "unknown key 'kkkk");
    ck_assert_ptr_null(strstr(gan_error_message(), "did you mean"));
    ck_assert_uint_lt(strlen(gan_error_message()), 1000);
    gan_config_reset(&config);
    check_fails(parse_with(&config, "seed", word), GAN_USAGE, LINE, "key 'seed' is kkkk");
    ck_assert_uint_lt(strlen(gan_error_message()), 1000);
    gan_config_reset(&config);
    check_ok(parse_with(&config, "data.images", word));
    ck_assert_str_eq(config.data.images, word);
    gan_config_reset(&config);
    gan_free(&text);
    gan_free(&line);
    gan_free(&word);
  }
}
END_TEST

START_TEST(deep_nesting) {
  static const char *const deep[] = {"[", "{a: ", "- ", "? ", "a: [", "{samples: "};
  for (int n = 10; n <= 3000; n *= 17) {
    char *text = repeated(deep[_i], n), *inside = gan_format(SHORTEST "seed: %s\n", text);
    gan_config config;
    check_fails(parse(&config, text), GAN_USAGE, "run.yaml");
    gan_config_reset(&config);
    check_fails(parse(&config, inside), GAN_USAGE, "run.yaml");
    gan_config_reset(&config);
    gan_free(&inside);
    gan_free(&text);
  }
}
END_TEST

int main(void) {
  const unit_test tests[] = {
      {defaults, 1},
      {accepts, 1},
      {refuses, 1},
      {names_are_folder_names, 1},
      {unknown_keys, 1},
      {broken_texts, sizeof broken / sizeof *broken},
      {forms_of_yaml, 1},
      {aliases_in_circles, 8},
      {very_long_words, 1},
      {deep_nesting, 6},
      {groups_of_keys_stand_together, 1},
  };
  return UNIT_MAIN("config", tests);
}
