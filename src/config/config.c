#include "config/config.h"

#include "base/memory.h"
#include "config/rules.h"

#include <stdio.h>
#include <string.h>

enum { DEPTH_MAX = 8, KEY_MAX = 128 };

static int row_index(const gan_option *option) {
  return (int)(option - gan_config_options().rows);
}

int gan_config_threads(const gan_config *config) {
  return config->compute.threads == GAN_AUTO_INT ? 1 : (int)config->compute.threads;
}

int64_t gan_config_code_size(const gan_config *config) {
  return config->model.latent * (config->model.stochastic ? 2 : 1);
}

bool gan_config_makes_logits(const gan_config *config) {
  return config->task == GAN_TASK_VAE && config->model.likelihood == GAN_LIKELIHOOD_BERNOULLI;
}

gan_origin gan_config_origin(const gan_config *config, const char *key) {
  const gan_option *option = gan_options_find(gan_config_options(), key);
  GAN_ASSERT(option);
  return config->origins[row_index(option)];
}

void gan_config_derive(gan_config *config, const char *key, const char *from) {
  const gan_option *option = gan_options_find(gan_config_options(), key);
  GAN_ASSERT(option);
  config->origins[row_index(option)] = gan_config_origin(config, from);
}

char *gan_config_place(const gan_config *config, const char *key, char *text, size_t size) {
  char origin[512];
  gan_origin_text(origin, sizeof origin, gan_config_origin(config, key));
  snprintf(text, size, "%s: key '%s'", origin, key);
  return text;
}

int64_t gan_config_class_label(const gan_config *config, int64_t place) {
  const gan_option_ints *classes = &config->data.classes;
  if (!classes->count) return place;
  GAN_ASSERT(place >= 0 && place < classes->count);
  return classes->values[place];
}

int64_t gan_config_class_place(const gan_config *config, int64_t label) {
  const gan_option_ints *classes = &config->data.classes;
  if (!classes->count) return label;
  for (int i = 0; i < classes->count; i++)
    if (classes->values[i] == label) return i;
  return -1;
}

char *gan_config_classes_text(const gan_config *config, char *text, size_t size) {
  const gan_option_ints *classes = &config->data.classes;
  size_t used = 0;
  if (!classes->count) {
    snprintf(text, size, "0 to %lld", (long long)config->model.classes - 1);
    return text;
  }
  for (int i = 0; i < classes->count && used < size; i++)
    used += (size_t)snprintf(text + used, size - used, "%s%lld", i ? ", " : "",
                             (long long)classes->values[i]);
  return text;
}

/* Whether there are keys below this one: `train`, `train.optimizer`. */
static bool is_group(const char *key) {
  gan_options options = gan_config_options();
  size_t length = strlen(key);
  for (int i = 0; i < options.count; i++)
    if (!strncmp(options.rows[i].key, key, length) && options.rows[i].key[length] == '.')
      return true;
  return false;
}

static gan_status unknown_key(const char *origin, const char *key, size_t length) {
  gan_options options = gan_config_options();
  for (int i = 0; i < options.count; i++) /* `train: 5`, where train has keys of its own */
    if (strncmp(options.rows[i].key, key, length) == 0 && options.rows[i].key[length] == '.')
      return gan_fail(GAN_USAGE, "%s: key '%s' must be a mapping, with keys such as '%s' in it",
                      origin, key, options.rows[i].key + length + 1);
  const char *nearest = gan_options_nearest(options, key);
  return gan_fail(GAN_USAGE, "%s: unknown key '%s'%s%s%s; `mpigan help config` lists all keys",
                  origin, key, nearest ? " (did you mean '" : "", nearest ? nearest : "",
                  nearest ? "'?)" : "");
}

static gan_status set_key(gan_config *config, const char *key, const gan_yaml *yaml,
                          yaml_node_t *node, gan_origin at) {
  char text[512];
  const gan_option *option = gan_options_find(gan_config_options(), key);
  if (!option) return unknown_key(gan_origin_text(text, sizeof text, at), key, strlen(key));
  gan_origin *origin = &config->origins[row_index(option)];
  if (at.kind == GAN_ORIGIN_FILE && origin->kind == GAN_ORIGIN_FILE)
    return gan_fail(GAN_USAGE, "%s: key '%s' is given twice; first on line %d",
                    gan_origin_text(text, sizeof text, at), key, origin->line);
  *origin = at;
  return gan_option_set(option, config, yaml, node);
}

/* Walks a mapping; nested mappings give dotted keys. */
static gan_status set_mapping(gan_config *config, const char *prefix, int depth,
                              const gan_yaml *yaml, const yaml_node_t *mapping) {
  for (yaml_node_pair_t *pair = mapping->data.mapping.pairs.start;
       pair < mapping->data.mapping.pairs.top; pair++) {
    yaml_node_t *name = yaml_document_get_node(yaml->document, pair->key);
    yaml_node_t *value = yaml_document_get_node(yaml->document, pair->value);
    char key[KEY_MAX], text[512];
    gan_origin at = yaml->origin;
    at.line = (int)name->start_mark.line + 1;
    gan_origin_text(text, sizeof text, at);
    if (name->type != YAML_SCALAR_NODE)
      return gan_fail(GAN_USAGE, "%s: a key must be plain text", text);
    int length = snprintf(key, sizeof key, "%s%s%s", prefix, *prefix ? "." : "",
                          (const char *)name->data.scalar.value);
    if (length >= KEY_MAX || depth > DEPTH_MAX)
      return gan_fail(GAN_USAGE, "%s: unknown key '%.60s...'", text, key);
    bool group = value->type == YAML_MAPPING_NODE && is_group(key);
    GAN_TRY(group ? set_mapping(config, key, depth + 1, yaml, value)
                  : set_key(config, key, yaml, value, at));
  }
  return GAN_OK;
}

/* A word with a NUL in it ("seed\0x") would be taken for its beginning. */
static gan_status refuse_nul(const yaml_document_t *document, gan_origin origin) {
  char at[512];
  for (const yaml_node_t *node = document->nodes.start; node < document->nodes.top; node++) {
    if (node->type != YAML_SCALAR_NODE) continue;
    const char *text = (const char *)node->data.scalar.value;
    if (strlen(text) == node->data.scalar.length) continue;
    origin.line = (int)node->start_mark.line + 1;
    return gan_fail(GAN_USAGE,
                    "%s: '%.100s' is followed by a NUL character, which no text may hold",
                    gan_origin_text(at, sizeof at, origin), text);
  }
  return GAN_OK;
}

/* One YAML document into `document`; the caller deletes it if the result is GAN_OK. */
static gan_status load_yaml(const char *text, size_t length, gan_origin origin,
                            yaml_document_t *document) {
  char at[512];
  yaml_parser_t parser;
  yaml_document_t second;
  bool first_loaded = false, second_loaded = false;
  if (!yaml_parser_initialize(&parser)) return gan_fail(GAN_NO_MEMORY, "no memory for YAML");
  yaml_parser_set_input_string(&parser, (const unsigned char *)text, length);
  gan_status status = GAN_OK;
  first_loaded = yaml_parser_load(&parser, document);
  if (first_loaded) second_loaded = yaml_parser_load(&parser, &second);
  if (!second_loaded) {
    const char *cure = "";
    origin.line = (int)parser.problem_mark.line + 1;
    size_t index = parser.problem_mark.index;
    if (parser.error == YAML_SCANNER_ERROR && index < length && text[index] == '\t')
      cure = "; this is a tab: indent with spaces";
    status =
        gan_fail(GAN_USAGE, "%s: not valid YAML: %s%s%s%s", gan_origin_text(at, sizeof at, origin),
                 parser.context ? parser.context : "", parser.context ? ": " : "",
                 parser.problem ? parser.problem : "out of memory", cure);
  } else if (yaml_document_get_root_node(&second)) {
    origin.line = (int)second.start_mark.line + 1;
    status = gan_fail(GAN_USAGE, "%s: a second YAML document begins here; one is allowed",
                      gan_origin_text(at, sizeof at, origin));
  } else {
    status = refuse_nul(document, origin);
  }
  if (second_loaded) yaml_document_delete(&second);
  if (first_loaded && status != GAN_OK) yaml_document_delete(document);
  yaml_parser_delete(&parser);
  return status;
}

static gan_status apply_file(gan_config *config, const char *text, size_t length,
                             const gan_layer_schemas *layers) {
  yaml_document_t document;
  gan_yaml yaml = {&document, {GAN_ORIGIN_FILE, config->file, 1}, layers, 0};
  GAN_TRY(load_yaml(text, length, yaml.origin, &document));
  yaml_node_t *root = yaml_document_get_root_node(&document);
  gan_status status;
  if (!root || root->type != YAML_MAPPING_NODE)
    status = gan_fail(GAN_USAGE, "%s: a config is a mapping of keys to values; this is %s",
                      config->file, root ? "something else" : "empty");
  else
    status = set_mapping(config, "", 0, &yaml, root);
  yaml_document_delete(&document);
  return status;
}

static gan_status apply_override(gan_config *config, const char *text,
                                 const gan_layer_schemas *layers) {
  const char *equals = strchr(text, '=');
  char key[KEY_MAX];
  if (!equals || equals == text || equals - text >= KEY_MAX)
    return gan_fail(GAN_USAGE, "command line: --set takes KEY=VALUE, not '%.200s'", text);
  snprintf(key, sizeof key, "%.*s", (int)(equals - text), text);
  yaml_document_t document;
  gan_yaml yaml = {&document, {GAN_ORIGIN_COMMAND_LINE, NULL, 0}, layers, 0};
  const char *value = *++equals ? equals : "\"\"";
  GAN_TRY(load_yaml(value, strlen(value), yaml.origin, &document));
  yaml_node_t *root = yaml_document_get_root_node(&document);
  gan_status status;
  if (!root)
    status = gan_fail(GAN_USAGE, "command line: --set %s has no value", key);
  else if (root->type == YAML_MAPPING_NODE && is_group(key))
    status = set_mapping(config, key, 1, &yaml, root);
  else
    status = set_key(config, key, &yaml, root, yaml.origin);
  yaml_document_delete(&document);
  return status;
}

/* The file's name without folders and ending. */
static gan_status default_name(gan_config *config) {
  const char *slash = strrchr(config->file, '/');
  config->name = gan_strdup(slash ? slash + 1 : config->file);
  if (!config->name) return GAN_NO_MEMORY;
  char *dot = strrchr(config->name, '.');
  if (dot && dot != config->name) *dot = '\0';
  return GAN_OK;
}

static gan_status check(gan_config *config, int ranks) {
  gan_options options = gan_config_options();
  for (int i = 0; i < options.count; i++)
    if (!options.rows[i].fallback && config->origins[i].kind == GAN_ORIGIN_NONE)
      return gan_fail(GAN_USAGE, "%s: key '%s' is missing: %s", config->file, options.rows[i].key,
                      options.rows[i].help);
  if (!config->name) GAN_TRY(default_name(config));
  return gan_config_check_rules(config, ranks);
}

gan_status gan_config_parse(gan_config *config, const char *text, size_t length, const char *file,
                            const char *const *overrides, int override_count, int ranks,
                            const gan_layer_schemas *layers) {
  *config = (gan_config){0};
  config->file = gan_strdup(file);
  if (!config->file) return GAN_NO_MEMORY;
  gan_options options = gan_config_options();
  for (int i = 0; i < options.count; i++) {
    GAN_TRY(gan_option_reset(&options.rows[i], config));
    if (options.rows[i].fallback) config->origins[i].kind = GAN_ORIGIN_DEFAULT;
  }
  GAN_TRY(apply_file(config, text, length, layers));
  for (int i = 0; i < override_count; i++) GAN_TRY(apply_override(config, overrides[i], layers));
  return check(config, ranks);
}

void gan_config_reset(gan_config *config) {
  gan_options options = gan_config_options();
  for (int i = 0; i < options.count; i++) gan_option_release(&options.rows[i], config);
  gan_free(&config->file);
  *config = (gan_config){0};
}
