/* Lists of layers in the config. */
#include "base/memory.h"
#include "unit/support.h"

#include <string.h>

static gan_status parse(gan_config *config, const char *layers) {
  char *text = gan_format("data: {path: x}\ntrain: {steps: 1}\nmodel.discriminator: [relu]\n"
                          "model.generator:\n%s\n",
                          layers);
  gan_status status = unit_parse(config, text, 0, NULL);
  gan_free(&text);
  return status;
}

#define SIXTEEN "1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, "

/* The entries begin on line 5. */
static const struct {
  const char *layers, *first, *second;
} refused[] = {
    {"  - lineer: {units: 3}", "run.yaml:5: key 'model.generator', layer 0: unknown layer 'lineer'",
     "did you mean 'linear'"},
    {"  - relu\n  - Relu", "run.yaml:6: key 'model.generator', layer 1: unknown layer 'Relu'",
     "did you mean 'relu'"},
    {"  - convolution: {}", "unknown layer 'convolution'", "known are linear, conv2d, "},
    {"  - linear: {}", "run.yaml:5: key 'model.generator', layer 0 (linear): option 'units'",
     "missing"},
    {"  - linear", "layer 0 (linear): option 'units' is missing", "outputs"},
    {"  - relu\n  - linear: {bias: true}", "run.yaml:6: key 'model.generator', layer 1 (linear)",
     "option 'units' is missing"},
    {"  - linear: {units: 3, bais: false}", "layer 0 (linear): unknown option 'bais'",
     "did you mean 'bias'"},
    {"  - linear:\n      units: 3\n      output: 4", "run.yaml:7: key 'model.generator'",
     "unknown option 'output'"},
    {"  - relu: {slope: 0.1}", "layer 0 (relu): unknown option 'slope'", ""},
    {"  - linear: {units: 3, units: 4}", "option 'units' is given twice", "layer 0 (linear)"},
    {"  - linear: {units: 0}", "run.yaml:5: key 'model.generator[0].linear.units' is 0",
     "an integer from 1 to 16777216"},
    {"  - linear: {units: three}", "key 'model.generator[0].linear.units' is three", "an integer"},
    {"  - linear: {units: 3, bias: no}", "key 'model.generator[0].linear.bias' is no",
     "true or false"},
    {"  - linear: {units: 3, bias: \"true\"}", "bias' is \"true\"", "true or false"},
    {"  - relu\n  - leaky_relu: {slope: -0.1}",
     "run.yaml:6: key 'model.generator[1].leaky_relu.slope' is -0.1", "a number from 0 to 1"},
    {"  - dropout: {p: 1}", "key 'model.generator[0].dropout.p' is 1",
     "a number from 0 to 1 (not included)"},
    {"  - batchnorm: {eps: 0}", "batchnorm.eps' is 0", "(not included)"},
    {"  - batchnorm: {momentum: 1.5}", "batchnorm.momentum' is 1.5", "from 0 to 1"},
    {"  - reshape: {shape: 5}", "reshape.shape' is 5",
     "a list of 1 to 64 integers from 1 to 2147483647"},
    {"  - reshape: {shape: []}", "reshape.shape' is a list", "1 to 64 integers from 1"},
    {"  - reshape: {shape: [" SIXTEEN SIXTEEN SIXTEEN SIXTEEN "1]}", "reshape.shape' is a list",
     "1 to 64"},
    {"  - reshape: {shape: [1, -2]}", "reshape.shape' is a list", "integers from 1 to 2147483647"},
    {"  - reshape: {shape: [1, [2]]}", "reshape.shape' is a list", "integers from 1 to 2147483647"},
    {"  - reshape: {shape: [3000000000]}", "reshape.shape' is a list",
     "integers from 1 to 2147483647"},
    {"  - reshape: {}", "option 'shape' is missing", "[C, H, W]"},
    {"  - linear: 5", "run.yaml:5: key 'model.generator', layer 0 (linear)",
     "options must be a mapping"},
    {"  - linear: [units, 5]", "layer 0 (linear)", "options must be a mapping such as"},
    {"  - {linear: {units: 3}, relu: {}}", "run.yaml:5: key 'model.generator', layer 0",
     "an entry is one layer"},
    {"  - linear: {units: 3}\n    bias: false", "layer 0", "an entry is one layer"},
    {"  - {}", "layer 0", "an entry is one layer"},
    {"  - [relu]", "layer 0", "an entry is one layer"},
    {"  - {[a]: 1}", "layer 0", "an entry is one layer"},
    {"  - linear: {[a]: 1}", "layer 0 (linear): unknown option", ""},
    {"  -", "layer 0: unknown layer ''", "known are"},
    {"  []", "has 0 layers", "1 to 4096"},
    {"  relu: {}", "run.yaml:5: key 'model.generator' must be a list", ""},
    {"  relu", "key 'model.generator' must be a list", ""},
    {"  null", "key 'model.generator' must be a list", ""},
    {"  - relu\n  - residual: {main: [relu]}\n  - residual:\n      main:\n        - relu\n"
     "        - linear: {unit: 3}",
     "run.yaml:10: key 'model.generator[2].residual.main', layer 1 (linear): unknown option 'unit'",
     "did you mean 'units'"},
    {"  - residual: {main: [concat: {main: [lineer]}]}",
     "key 'model.generator[0].residual.main[0].concat.main', layer 0: unknown layer 'lineer'",
     "did you mean 'linear'"},
    {"  - residual: {main: [dropout: {p: 2}]}",
     "key 'model.generator[0].residual.main[0].dropout.p' is 2", "from 0 to 1"},
    {"  - residual: {}", "layer 0 (residual): option 'main' is missing", "first branch"},
    {"  - concat: {shortcut: [relu]}", "layer 0 (concat): option 'main' is missing", ""},
    {"  - residual: {main: null}", "key 'model.generator[0].residual.main' must be a list", ""},
    {"  - residual: {main: []}", "key 'model.generator[0].residual.main' has 0 layers",
     "1 to 4096"},
    {"  - residual: {main: [relu], shortcut: []}", "residual.shortcut' has 0 layers", "1 to 4096"},
    {"  - residual: {main: [relu], shortcut: relu}", "residual.shortcut' must be a list", ""},
};

START_TEST(refuses) {
  for (size_t i = 0; i < sizeof refused / sizeof *refused; i++) {
    gan_config config;
    check_fails(parse(&config, refused[i].layers), GAN_USAGE, refused[i].first, refused[i].second);
    gan_config_reset(&config);
  }
}
END_TEST

/* A name that is long is unlike every layer's and option's, however long. */
START_TEST(long_names_suggest_nothing) {
  for (int n = 80; n < 1000; n += 67) {
    gan_config config;
    char word[1000];
    memset(word, 'l', sizeof word);
    word[n] = '\0';
    char *layer = gan_format("  - %s", word);
    char *option = gan_format("  - linear: {? %s : 1}", word);
    check_fails(parse(&config, layer), GAN_USAGE, "unknown layer 'llll");
    ck_assert_ptr_null(strstr(gan_error_message(), "did you mean"));
    gan_config_reset(&config);
    check_fails(parse(&config, option), GAN_USAGE, "unknown option 'llll");
    ck_assert_ptr_null(strstr(gan_error_message(), "did you mean"));
    gan_config_reset(&config);
    gan_free(&layer);
    gan_free(&option);
  }
}
END_TEST

/* What value an option has, as text. */
static void check_option(const gan_layer_list *list, int layer, const char *key, const char *text) {
  char found[128];
  const gan_layer_spec *spec = &list->layers[layer];
  const gan_option *option = gan_options_find(spec->schema->options, key);
  ck_assert_ptr_nonnull(option);
  ck_assert_str_eq(gan_option_text(option, spec->parameters, found, sizeof found), text);
}

START_TEST(accepts) {
  gan_config config;
  check_ok(parse(&config, "  - linear: {units: 3, bias: false}\n"
                          "  - relu\n"
                          "  - relu:\n"
                          "  - relu: {}\n"
                          "  - leaky_relu: {slope: 0}\n"
                          "  - leaky_relu\n"
                          "  - linear:\n"
                          "      units: 16777216\n"
                          "  - dropout: {p: 0}\n"
                          "  - batchnorm: {momentum: 1, eps: 1}\n"
                          "  - reshape: {shape: [2147483647]}\n"
                          "  - {reshape: {shape: [3, 4, 5]}}\n"));
  const gan_layer_list *list = &config.model.generator;
  ck_assert_int_eq(list->count, 11);
  static const char *const names[] = {"linear",     "relu",       "relu",   "relu",
                                      "leaky_relu", "leaky_relu", "linear", "dropout",
                                      "batchnorm",  "reshape",    "reshape"};
  static const int lines[] = {5, 6, 7, 8, 9, 10, 11, 13, 14, 15, 16};
  for (int i = 0; i < list->count; i++) {
    ck_assert_str_eq(list->layers[i].schema->name, names[i]);
    ck_assert_int_eq(list->layers[i].origin.line, lines[i]);
  }
  check_option(list, 0, "units", "3");
  check_option(list, 0, "bias", "false");
  check_option(list, 4, "slope", "0");
  check_option(list, 5, "slope", "0.01"); /* PyTorch's default */
  check_option(list, 6, "units", "16777216");
  check_option(list, 6, "bias", "true");
  check_option(list, 7, "p", "0");
  check_option(list, 8, "momentum", "1");
  check_option(list, 9, "shape", "[2147483647]");
  check_option(list, 10, "shape", "[3, 4, 5]");
  gan_config_reset(&config);
}
END_TEST

START_TEST(how_many) {
  for (int n = 4095; n <= 4097; n++) {
    gan_config config;
    char *layers = gan_alloc((size_t)n * 6 + 10, 1, "a list of layers");
    strcpy(layers, "  [relu");
    for (int i = 1; i < n; i++) memcpy(layers + 1 + 6 * i, ", relu", 7);
    strcat(layers, "]");
    if (n <= 4096) {
      check_ok(parse(&config, layers));
      ck_assert_int_eq(config.model.generator.count, n);
    } else {
      check_fails(parse(&config, layers), GAN_USAGE, "has 4097 layers", "1 to 4096");
    }
    gan_config_reset(&config);
    gan_free(&layers);
  }
}
END_TEST

/* Layers of branches count too, wherever an alias puts them: 3 x 1364 + 2, and some more. */
START_TEST(how_many_in_branches) {
  for (int more = 2; more <= 3; more++) {
    gan_config config;
    char *layers = gan_alloc(1 << 14, 1, "a list of layers");
    strcpy(layers, "  - residual: {main: &m [relu");
    for (int i = 1; i < 1364; i++) strcat(layers, ", relu");
    strcat(layers, "]}\n  - concat: {main: *m, shortcut: *m}\n");
    for (int i = 0; i < more; i++) strcat(layers, "  - relu\n");
    if (more == 2) {
      check_ok(parse(&config, layers));
      ck_assert_int_eq(gan_layers_total(&config.model.generator), 4096);
    } else {
      check_fails(parse(&config, layers), GAN_USAGE, "run.yaml:5: key 'model.generator'",
                  "more than 4096 layers");
    }
    gan_config_reset(&config);
    gan_free(&layers);
  }
}
END_TEST

/* Each list has the one before twice: 2^40 layers in all. */
START_TEST(aliases_that_grow) {
  gan_config config;
  char layers[4096] = "  - residual: {main: &a0 [relu]}\n";
  for (int i = 1; i <= 40; i++)
    snprintf(layers + strlen(layers), sizeof layers - strlen(layers),
             "  - residual: {main: &a%d [residual: {main: *a%d}, residual: {main: *a%d}]}\n", i,
             i - 1, i - 1);
  check_fails(parse(&config, layers), GAN_USAGE, "run.yaml:", "model.generator");
  gan_config_reset(&config);
}
END_TEST

int main(void) {
  const unit_test tests[] = {
      {refuses, 1},  {long_names_suggest_nothing, 1}, {accepts, 1},
      {how_many, 1}, {how_many_in_branches, 1},       {aliases_that_grow, 1},
  };
  return UNIT_MAIN("config: layers", tests);
}
