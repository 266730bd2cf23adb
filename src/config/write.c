/* A config as text again: the saved YAML, and what differs between two configs. */
#include "base/memory.h"
#include "config/config.h"

#include <stdio.h>
#include <string.h>

typedef struct {
  char *bytes;
  size_t used, capacity;
} text_buffer;

static int append(void *data, unsigned char *bytes, size_t n) {
  text_buffer *buffer = data;
  if (buffer->used + n + 1 > buffer->capacity) {
    size_t capacity = 2 * (buffer->used + n + 1);
    char *larger = gan_alloc(capacity, 1, "the config's text");
    if (!larger) return 0;
    if (buffer->used) memcpy(larger, buffer->bytes, buffer->used);
    gan_free(&buffer->bytes);
    buffer->bytes = larger;
    buffer->capacity = capacity;
  }
  memcpy(buffer->bytes + buffer->used, bytes, n);
  buffer->used += n;
  return 1;
}

/* Groups of so many keys inside a group stand on one line. */
enum { LINE_KEYS = 8 };

/* A mapping of rows first..last-1, which share the first `prefix` bytes of their keys; rows that
 * share the next part too (`train.`) become a mapping inside it.  0 if memory is short. */
static int add_rows(yaml_document_t *document, const gan_config *config, int first, int last,
                    size_t prefix) {
  const gan_option *rows = gan_config_options().rows;
  bool inside = prefix && strchr(rows[first].key, '.') + 1 < rows[first].key + prefix;
  int mapping = yaml_document_add_mapping(
      document, NULL,
      inside && last - first <= LINE_KEYS ? YAML_FLOW_MAPPING_STYLE : YAML_BLOCK_MAPPING_STYLE);
  for (int i = first; mapping && i < last;) {
    const char *leaf = rows[i].key + prefix, *dot = strchr(leaf, '.');
    int length = dot ? (int)(dot - leaf) : (int)strlen(leaf), end = i + 1, value;
    if (dot) {
      size_t shared = prefix + (size_t)length + 1;
      while (end < last && strncmp(rows[end].key, rows[i].key, shared) == 0) end++;
      value = add_rows(document, config, i, end, shared);
    } else {
      value = gan_option_emit(&rows[i], config, document);
    }
    int name = yaml_document_add_scalar(document, NULL, (const yaml_char_t *)leaf, length,
                                        YAML_PLAIN_SCALAR_STYLE);
    if (!name || !value || !yaml_document_append_mapping_pair(document, mapping, name, value))
      return 0;
    i = end;
  }
  return mapping;
}

gan_status gan_config_yaml(const gan_config *config, char **out) {
  yaml_document_t document;
  yaml_emitter_t emitter;
  text_buffer buffer = {0};
  *out = NULL;
  bool ok = false;
  if (yaml_document_initialize(&document, NULL, NULL, NULL, 1, 1)) {
    ok = add_rows(&document, config, 0, gan_config_options().count, 0) &&
         yaml_emitter_initialize(&emitter);
    if (!ok) yaml_document_delete(&document);
  }
  if (ok) {
    yaml_emitter_set_output(&emitter, append, &buffer);
    yaml_emitter_set_width(&emitter, 100);
    yaml_emitter_set_unicode(&emitter, 1);
    ok = yaml_emitter_open(&emitter) && yaml_emitter_dump(&emitter, &document) &&
         yaml_emitter_close(&emitter);
    yaml_emitter_delete(&emitter);
  }
  if (!ok || !buffer.bytes) {
    gan_free(&buffer.bytes);
    return gan_fail(GAN_NO_MEMORY, "no memory for the config's text");
  }
  buffer.bytes[buffer.used] = '\0';
  *out = buffer.bytes;
  return GAN_OK;
}

/* ---- differences ---- */

/* "linear {units: 4, bias: true}"; at most `size` bytes. */
static void layer_text(const gan_layer_list *list, int index, char *text, size_t size) {
  snprintf(text, size, "none");
  if (index >= list->count) return;
  const gan_layer_schema *schema = list->layers[index].schema;
  size_t used = (size_t)snprintf(text, size, "%s", schema->name);
  for (int k = 0; k < schema->options.count && used < size; k++) {
    char value[256];
    const gan_option *row = &schema->options.rows[k];
    gan_option_text(row, list->layers[index].parameters, value, sizeof value);
    used += (size_t)snprintf(text + used, size - used, "%s%s: %s%s", k ? ", " : " {", row->key,
                             value, k + 1 == schema->options.count ? "}" : "");
  }
}

typedef struct {
  int count; /* layers that differ so far */
  char *text;
  size_t size;
} layer_differences;

static void compare_lists(const gan_layer_list *before, const gan_layer_list *now,
                          const char *prefix, layer_differences *found);

/* The lists in the options of two layers of one kind. */
static void compare_branches(const gan_layer_spec *before, const gan_layer_spec *now,
                             const char *name, layer_differences *found) {
  for (int k = 0; k < now->schema->options.count; k++) {
    const gan_option *row = &now->schema->options.rows[k];
    char prefix[96];
    if (row->type != GAN_OPTION_LAYERS) continue;
    snprintf(prefix, sizeof prefix, "%s.%s.", name, row->key);
    compare_lists((const void *)((const char *)before->parameters + row->offset),
                  (const void *)((const char *)now->parameters + row->offset), prefix, found);
  }
}

static void compare_lists(const gan_layer_list *before, const gan_layer_list *now,
                          const char *prefix, layer_differences *found) {
  int longest = before->count > now->count ? before->count : now->count;
  for (int i = 0; i < longest; i++) {
    char old[512], new[512], name[96];
    snprintf(name, sizeof name, "%s%d", prefix, i);
    layer_text(before, i, old, sizeof old);
    layer_text(now, i, new, sizeof new);
    if (strcmp(old, new) != 0) {
      if (!found->count++)
        snprintf(found->text, found->size, "layer %s: %.200s -> %.200s", name, old, new);
    } else {
      compare_branches(&before->layers[i], &now->layers[i], name, found);
    }
  }
}

/* Two lists differ by their first layer that does, and by how many more do. */
static bool layers_differ(const gan_layer_list *before, const gan_layer_list *now, char *text,
                          size_t size) {
  layer_differences found = {.text = text, .size = size};
  compare_lists(before, now, "", &found);
  size_t used = found.count ? strlen(text) : 0;
  if (found.count > 1 && used < size)
    snprintf(text + used, size - used, ", and %d more", found.count - 1);
  return found.count > 0;
}

/* "old -> new" if the key differs. */
static bool differs(const gan_option *option, const gan_config *before, const gan_config *now,
                    char *text, size_t size) {
  char old[2048], new[2048];
  if (option->type == GAN_OPTION_LAYERS)
    return layers_differ((const void *)((const char *)before + option->offset),
                         (const void *)((const char *)now + option->offset), text, size);
  gan_option_text(option, before, old, sizeof old);
  gan_option_text(option, now, new, sizeof new);
  snprintf(text, size, "%.300s -> %.300s", old, new);
  return strcmp(old, new) != 0;
}

int gan_config_differences(const gan_config *before, const gan_config *now, bool may_change,
                           char *text, size_t size) {
  gan_options options = gan_config_options();
  int count = 0;
  size_t used = 0;
  if (size) text[0] = '\0';
  for (int i = 0; i < options.count; i++) {
    const gan_option *option = &options.rows[i];
    char change[640];
    if (may_change != ((option->flags & GAN_OPTION_FREE) != 0)) continue;
    if (!differs(option, before, now, change, sizeof change)) continue;
    count++;
    if (used < size)
      used += (size_t)snprintf(text + used, size - used, "\n  %s: %s", option->key, change);
  }
  return count;
}
