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

/* A mapping of rows first..last-1, which share the first `prefix` bytes of their keys; rows that
 * share the next part too (`train.`) become a mapping inside it.  0 if memory is short. */
static int add_rows(yaml_document_t *document, const gan_config *config, int first, int last,
                    size_t prefix) {
  const gan_option *rows = gan_config_options().rows;
  int mapping = yaml_document_add_mapping(document, NULL,
                                          prefix && strchr(rows[first].key, '.') + 1 <
                                                        rows[first].key + prefix
                                              ? YAML_FLOW_MAPPING_STYLE
                                              : YAML_BLOCK_MAPPING_STYLE);
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

/* One key of a config as text; layer lists by their full YAML. */
static char *value_text(const gan_option *option, const gan_config *config) {
  char text[2048];
  if (option->type != GAN_OPTION_LAYERS)
    return gan_strdup(gan_option_text(option, config, text, sizeof text));
  const gan_layer_list *list = (const void *)((const char *)config + option->offset);
  char *all = gan_strdup("");
  for (int i = 0; all && i < list->count; i++) {
    const gan_layer_schema *schema = list->layers[i].schema;
    char *longer = gan_format("%s%s%s", all, i ? ", " : "", schema->name);
    gan_free(&all);
    all = longer;
    for (int k = 0; all && k < schema->options.count; k++) {
      const gan_option *row = &schema->options.rows[k];
      gan_option_text(row, list->layers[i].parameters, text, sizeof text);
      longer = gan_format("%s%s%s: %s%s", all, k ? ", " : " {", row->key, text,
                          k + 1 == schema->options.count ? "}" : "");
      gan_free(&all);
      all = longer;
    }
  }
  return all;
}

int gan_config_differences(const gan_config *before, const gan_config *now, char *text, size_t size,
                           int *free_count) {
  gan_options options = gan_config_options();
  int fixed_count = 0;
  size_t used = 0;
  *free_count = 0;
  if (size) text[0] = '\0';
  for (int i = 0; i < options.count; i++) {
    const gan_option *option = &options.rows[i];
    char *old = value_text(option, before), *new = value_text(option, now);
    if (old && new &&strcmp(old, new) != 0) {
      if (option->flags & GAN_OPTION_FREE) {
        ++*free_count;
      } else {
        fixed_count++;
        if (used < size)
          used += (size_t)snprintf(text + used, size - used, "\n  %s: %.300s -> %.300s",
                                   option->key, old, new);
      }
    }
    gan_free(&old);
    gan_free(&new);
  }
  return fixed_count;
}
