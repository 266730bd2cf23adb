#include "config/layers.h"

#include "base/memory.h"

#include <stdio.h>
#include <string.h>

static const char *schema_name(const void *schemas, int i) {
  return ((const gan_layer_schemas *)schemas)->rows[i]->name;
}

static gan_origin node_origin(const gan_yaml *yaml, const yaml_node_t *node) {
  gan_origin origin = yaml->origin;
  origin.line = (int)node->start_mark.line + 1;
  return origin;
}

static gan_status find_schema(const gan_yaml *yaml, const char *key, int index, gan_origin origin,
                              const char *name, const gan_layer_schema **out) {
  for (int i = 0; i < yaml->layers->count; i++) {
    *out = yaml->layers->rows[i];
    if (strcmp((*out)->name, name) == 0) return GAN_OK;
  }
  char at[512], known[512];
  size_t used = 0;
  for (int i = 0; i < yaml->layers->count && used < sizeof known; i++)
    used += (size_t)snprintf(known + used, sizeof known - used, "%s%s", i ? ", " : "",
                             yaml->layers->rows[i]->name);
  const char *nearest = gan_nearest(name, yaml->layers->count, schema_name, yaml->layers);
  return gan_fail(GAN_USAGE, "%s: key '%s', layer %d: unknown layer '%.100s'%s%s%s; known are %s",
                  gan_origin_text(at, sizeof at, origin), key, index, name,
                  nearest ? " (did you mean '" : "", nearest ? nearest : "", nearest ? "'?)" : "",
                  known);
}

/* The layer's own options, from the mapping behind its name. */
static gan_status parse_parameters(gan_layer_spec *spec, const char *key, int index,
                                   const gan_yaml *yaml, yaml_node_t *node) {
  const gan_layer_schema *schema = spec->schema;
  char at[512], prefix[256];
  snprintf(prefix, sizeof prefix, "key '%s', layer %d (%s)", key, index, schema->name);
  bool given[32] = {false};
  GAN_ASSERT(schema->options.count <= (int)(sizeof given / sizeof *given));
  bool empty = node && node->type == YAML_SCALAR_NODE && node->data.scalar.length == 0;
  if (node && !empty && node->type != YAML_MAPPING_NODE)
    return gan_fail(GAN_USAGE, "%s: %s: options must be a mapping such as {units: 128}",
                    gan_origin_text(at, sizeof at, node_origin(yaml, node)), prefix);
  if (node && !empty) {
    for (yaml_node_pair_t *pair = node->data.mapping.pairs.start;
         pair < node->data.mapping.pairs.top; pair++) {
      yaml_node_t *name = yaml_document_get_node(yaml->document, pair->key);
      yaml_node_t *value = yaml_document_get_node(yaml->document, pair->value);
      gan_origin_text(at, sizeof at, node_origin(yaml, name));
      const char *text =
          name->type == YAML_SCALAR_NODE ? (const char *)name->data.scalar.value : "(not text)";
      const gan_option *option = gan_options_find(schema->options, text);
      if (!option) {
        const char *nearest = gan_options_nearest(schema->options, text);
        return gan_fail(GAN_USAGE, "%s: %s: unknown option '%.100s'%s%s%s", at, prefix, text,
                        nearest ? " (did you mean '" : "", nearest ? nearest : "",
                        nearest ? "'?)" : "");
      }
      bool *seen = &given[option - schema->options.rows];
      if (*seen) return gan_fail(GAN_USAGE, "%s: %s: option '%s' is given twice", at, prefix, text);
      *seen = true;
      gan_option full = *option; /* so that a message names the place in the list too */
      char full_key[128];
      snprintf(full_key, sizeof full_key, "%s[%d].%s.%s", key, index, schema->name, option->key);
      full.key = full_key;
      gan_yaml inside = *yaml;
      inside.depth++;
      GAN_TRY(gan_option_set(&full, spec->parameters, &inside, value));
    }
  }
  for (int i = 0; i < schema->options.count; i++)
    if (!schema->options.rows[i].fallback && !given[i])
      return gan_fail(GAN_USAGE, "%s: %s: option '%s' is missing (%s)",
                      gan_origin_text(at, sizeof at, spec->origin), prefix,
                      schema->options.rows[i].key, schema->options.rows[i].help);
  return GAN_OK;
}

static gan_status parse_entry(gan_layer_spec *spec, const char *key, int index,
                              const gan_yaml *yaml, yaml_node_t *node) {
  char at[512];
  spec->origin = node_origin(yaml, node);
  yaml_node_t *name = node, *options = NULL;
  if (node->type == YAML_MAPPING_NODE &&
      node->data.mapping.pairs.top - node->data.mapping.pairs.start == 1) {
    name = yaml_document_get_node(yaml->document, node->data.mapping.pairs.start->key);
    options = yaml_document_get_node(yaml->document, node->data.mapping.pairs.start->value);
  }
  if (name->type != YAML_SCALAR_NODE)
    return gan_fail(GAN_USAGE,
                    "%s: key '%s', layer %d: an entry is one layer, such as 'linear: {units: 8}'",
                    gan_origin_text(at, sizeof at, spec->origin), key, index);
  GAN_TRY(find_schema(yaml, key, index, spec->origin, (const char *)name->data.scalar.value,
                      &spec->schema));
  spec->parameters = gan_alloc(1, spec->schema->parameters_size, "a layer's options");
  if (!spec->parameters) return GAN_NO_MEMORY;
  for (int i = 0; i < spec->schema->options.count; i++)
    GAN_TRY(gan_option_reset(&spec->schema->options.rows[i], spec->parameters));
  return parse_parameters(spec, key, index, yaml, options);
}

/* What a layer counts for: itself, and the lists in its options. */
static int total_of(const gan_layer_spec *spec) {
  int total = 1;
  for (int k = 0; k < spec->schema->options.count; k++) {
    const gan_option *option = &spec->schema->options.rows[k];
    if (option->type == GAN_OPTION_LAYERS)
      total += gan_layers_total((const void *)((const char *)spec->parameters + option->offset));
  }
  return total;
}

int gan_layers_total(const gan_layer_list *list) {
  int total = 0;
  for (int i = 0; i < list->count; i++) total += total_of(&list->layers[i]);
  return total;
}

/* Aliases let a short text have lists without end: both bounds are checked while it is read. */
gan_status gan_layers_parse(gan_layer_list *list, const char *key, const gan_yaml *yaml,
                            yaml_node_t *node) {
  char at[512];
  int total = 0;
  gan_layers_release(list);
  gan_origin_text(at, sizeof at, node_origin(yaml, node));
  if (node->type != YAML_SEQUENCE_NODE)
    return gan_fail(GAN_USAGE, "%s: key '%s' must be a list of layers, one '- layer: {...}' a line",
                    at, key);
  if (yaml->depth > GAN_LAYERS_DEPTH_MAX)
    return gan_fail(GAN_USAGE, "%s: key '%.60s...': lists of layers are nested more than %d deep",
                    at, key, GAN_LAYERS_DEPTH_MAX);
  ptrdiff_t n = node->data.sequence.items.top - node->data.sequence.items.start;
  if (n < 1 || n > GAN_LAYERS_MAX)
    return gan_fail(GAN_USAGE, "%s: key '%s' has %td layers; allowed is 1 to %d", at, key, n,
                    GAN_LAYERS_MAX);
  GAN_TRY_ALLOC(list->layers, n, "a list of layers");
  for (int i = 0; i < (int)n; i++) {
    list->count = i + 1;
    yaml_node_t *entry = yaml_document_get_node(yaml->document, node->data.sequence.items.start[i]);
    GAN_TRY(parse_entry(&list->layers[i], key, i, yaml, entry));
    total += total_of(&list->layers[i]);
    if (total > GAN_LAYERS_MAX)
      return gan_fail(GAN_USAGE,
                      "%s: key '%s' has more than %d layers, those of its branches counted", at,
                      key, GAN_LAYERS_MAX);
  }
  return GAN_OK;
}

void gan_layers_release(gan_layer_list *list) {
  for (int i = 0; i < list->count; i++) {
    gan_layer_spec *spec = &list->layers[i];
    if (!spec->parameters) continue;
    for (int k = 0; k < spec->schema->options.count; k++)
      gan_option_release(&spec->schema->options.rows[k], spec->parameters);
    gan_free(&spec->parameters);
  }
  gan_free(&list->layers);
  list->count = 0;
}

static int scalar(yaml_document_t *document, const char *text) {
  return yaml_document_add_scalar(document, NULL, (const yaml_char_t *)text, -1,
                                  YAML_PLAIN_SCALAR_STYLE);
}

/* Whether lists of layers are among the options. */
static bool has_lists(const gan_layer_spec *spec) {
  for (int k = 0; k < spec->schema->options.count; k++)
    if (spec->schema->options.rows[k].type == GAN_OPTION_LAYERS) return true;
  return false;
}

int gan_layers_emit(const gan_layer_list *list, yaml_document_t *document) {
  if (!list->count) return scalar(document, "null");
  int sequence = yaml_document_add_sequence(document, NULL, YAML_BLOCK_SEQUENCE_STYLE);
  for (int i = 0; sequence && i < list->count; i++) {
    const gan_layer_spec *spec = &list->layers[i];
    int entry = yaml_document_add_mapping(document, NULL, YAML_BLOCK_MAPPING_STYLE);
    int name = scalar(document, spec->schema->name);
    int options = yaml_document_add_mapping(
        document, NULL, has_lists(spec) ? YAML_BLOCK_MAPPING_STYLE : YAML_FLOW_MAPPING_STYLE);
    if (!entry || !name || !options) return 0;
    for (int k = 0; k < spec->schema->options.count; k++) {
      const gan_option *option = &spec->schema->options.rows[k];
      int key = scalar(document, option->key);
      int value = gan_option_emit(option, spec->parameters, document);
      if (!key || !value || !yaml_document_append_mapping_pair(document, options, key, value))
        return 0;
    }
    if (!yaml_document_append_mapping_pair(document, entry, name, options) ||
        !yaml_document_append_sequence_item(document, sequence, entry))
      return 0;
  }
  return sequence;
}
