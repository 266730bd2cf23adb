#include "config/option.h"

#include "base/memory.h"
#include "config/layers.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

char *gan_origin_text(char *text, size_t size, gan_origin origin) {
  switch (origin.kind) {
  case GAN_ORIGIN_FILE:
    snprintf(text, size, "%s:%d", origin.file, origin.line);
    break;
  case GAN_ORIGIN_COMMAND_LINE:
    snprintf(text, size, "command line");
    break;
  case GAN_ORIGIN_DEFAULT:
    snprintf(text, size, "default");
    break;
  case GAN_ORIGIN_NONE:
    snprintf(text, size, "not set");
    break;
  }
  return text;
}

const gan_option *gan_options_find(gan_options options, const char *key) {
  for (int i = 0; i < options.count; i++)
    if (strcmp(options.rows[i].key, key) == 0) return &options.rows[i];
  return NULL;
}

/* Edit distance (Levenshtein 1966) of two short words. */
static int distance(const char *a, const char *b) {
  enum { WORD = 96 };
  size_t n = strlen(a), m = strlen(b);
  if (n >= WORD || m >= WORD) return WORD;
  int row[WORD];
  for (size_t j = 0; j <= m; j++) row[j] = (int)j;
  for (size_t i = 1; i <= n; i++) {
    int diagonal = row[0];
    row[0] = (int)i;
    for (size_t j = 1; j <= m; j++) {
      int above = row[j];
      int best = diagonal + (a[i - 1] != b[j - 1]);
      if (above + 1 < best) best = above + 1;
      if (row[j - 1] + 1 < best) best = row[j - 1] + 1;
      row[j] = best;
      diagonal = above;
    }
  }
  return row[m];
}

const char *gan_nearest(const char *typed, int n, const char *(*name)(const void *, int),
                        const void *context) {
  const char *best = NULL;
  if (strlen(typed) > 64) return NULL;
  int best_distance = (int)strlen(typed) / 3 + 2; /* farther words help nobody */
  for (int i = 0; i < n; i++) {
    const char *known = name(context, i);
    const char *leaf = strrchr(known, '.'), *typed_leaf = strrchr(typed, '.');
    int d = distance(typed, known);
    /* the right word at the wrong level */
    if (leaf && strcmp(leaf + 1, typed_leaf ? typed_leaf + 1 : typed) == 0) d = 1;
    if (d < best_distance) {
      best_distance = d;
      best = known;
    }
  }
  return best;
}

static const char *option_key(const void *rows, int i) {
  return ((const gan_option *)rows)[i].key;
}

const char *gan_options_nearest(gan_options options, const char *typed) {
  return gan_nearest(typed, options.count, option_key, options.rows);
}

static const char *number_text(double x, char text[32]) {
  snprintf(text, 32, fabs(x) < 1e15 ? "%.15g" : "%g", x);
  return text;
}

static size_t range_text(const gan_option *option, const char *noun, char *text, size_t size) {
  char low[32], high[32];
  number_text(option->min, low);
  number_text(option->max, high);
  if (isinf(option->max))
    return (size_t)snprintf(text, size, "%s %s %s", noun,
                            option->flags & GAN_OPTION_ABOVE ? "above" : "of at least", low);
  return (size_t)snprintf(text, size, "%s from %s%s to %s%s", noun, low,
                          option->flags & GAN_OPTION_ABOVE ? " (not included)" : "", high,
                          option->flags & GAN_OPTION_BELOW ? " (not included)" : "");
}

char *gan_option_allowed(const gan_option *option, char *text, size_t size) {
  size_t used = 0;
  switch (option->type) {
  case GAN_OPTION_BOOL:
    used = (size_t)snprintf(text, size, "true or false");
    break;
  case GAN_OPTION_INT:
    used = range_text(option, "an integer", text, size);
    break;
  case GAN_OPTION_REAL:
    used = range_text(option, "a number", text, size);
    break;
  case GAN_OPTION_STRING:
    used = (size_t)snprintf(text, size, "text");
    break;
  case GAN_OPTION_INTS: {
    char noun[64];
    snprintf(noun, sizeof noun, "a list of 1 to %d integers", GAN_INTS_MAX);
    used = range_text(option, noun, text, size);
    break;
  }
  case GAN_OPTION_LAYERS:
    used = (size_t)snprintf(text, size, "a list of layers");
    break;
  case GAN_OPTION_CHOICE:
    used = (size_t)snprintf(text, size, "one of:");
    for (int i = 0; option->choices[i] && used < size; i++)
      used += (size_t)snprintf(text + used, size - used, "%s %s", i ? "," : "", option->choices[i]);
    break;
  }
  if (option->flags & GAN_OPTION_AUTO && used < size)
    used += (size_t)snprintf(text + used, size - used, ", or auto");
  if (option->flags & GAN_OPTION_UNSET && used < size)
    snprintf(text + used, size - used, ", or null");
  return text;
}

/* The one sentence for a value that cannot be taken. */
static gan_status reject(const gan_option *option, const gan_yaml *yaml, const yaml_node_t *node) {
  char origin[512], allowed[512];
  gan_origin at = yaml->origin;
  at.line = (int)node->start_mark.line + 1;
  const char *value = "a mapping", *quote = "";
  if (node->type == YAML_SEQUENCE_NODE) value = "a list";
  if (node->type == YAML_SCALAR_NODE) {
    value = (const char *)node->data.scalar.value;
    quote = node->data.scalar.style == YAML_PLAIN_SCALAR_STYLE ? "" : "\"";
    if (!*value && !*quote) value = "empty";
  }
  return gan_fail(GAN_USAGE, "%s: key '%s' is %s%.200s%s; allowed is %s",
                  gan_origin_text(origin, sizeof origin, at), option->key, quote, value, quote,
                  gan_option_allowed(option, allowed, sizeof allowed));
}

static bool in_range(const gan_option *option, double x) {
  if (option->flags & GAN_OPTION_ABOVE ? x <= option->min : x < option->min) return false;
  return !(option->flags & GAN_OPTION_BELOW ? x >= option->max : x > option->max);
}

/* A decimal integer and nothing behind it. */
static bool parse_int(const char *text, int64_t *out) {
  char *end;
  if (!*text || strspn(text, "+-0123456789") != strlen(text)) return false;
  errno = 0;
  *out = strtoll(text, &end, 10);
  return !errno && *end == '\0';
}

/* A finite decimal number and nothing behind it. */
static bool parse_real(const char *text, double *out) {
  char *end;
  if (!*text || strspn(text, "+-.0123456789eE") != strlen(text)) return false;
  *out = strtod(text, &end);
  return *end == '\0' && isfinite(*out);
}

static bool is_null(const yaml_node_t *node) {
  if (node->type != YAML_SCALAR_NODE || node->data.scalar.style != YAML_PLAIN_SCALAR_STYLE)
    return false;
  const char *text = (const char *)node->data.scalar.value;
  return !*text || !strcmp(text, "null") || !strcmp(text, "~");
}

static bool set_ints(const gan_option *option, gan_option_ints *ints, yaml_document_t *document,
                     const yaml_node_t *node) {
  if (node->type != YAML_SEQUENCE_NODE) return false;
  gan_option_ints got = {0};
  for (yaml_node_item_t *item = node->data.sequence.items.start;
       item < node->data.sequence.items.top; item++) {
    yaml_node_t *entry = yaml_document_get_node(document, *item);
    int64_t x;
    if (got.count == GAN_INTS_MAX || entry->type != YAML_SCALAR_NODE ||
        !parse_int((const char *)entry->data.scalar.value, &x) || !in_range(option, (double)x))
      return false;
    got.values[got.count++] = x;
  }
  *ints = got;
  return got.count > 0;
}

/* Scalars: whether the text was taken. */
static bool set_scalar(const gan_option *option, void *place, const char *text, bool plain) {
  int64_t i;
  double x;
  switch (option->type) {
  case GAN_OPTION_BOOL:
    if (!plain || (strcmp(text, "true") && strcmp(text, "false"))) return false;
    *(bool *)place = *text == 't';
    return true;
  case GAN_OPTION_INT:
    if (option->flags & GAN_OPTION_AUTO && !strcmp(text, "auto")) {
      *(int64_t *)place = GAN_AUTO_INT;
      return true;
    }
    if (!plain || !parse_int(text, &i) || !in_range(option, (double)i)) return false;
    *(int64_t *)place = i;
    return true;
  case GAN_OPTION_REAL:
    if (!plain || !parse_real(text, &x) || !in_range(option, x)) return false;
    *(double *)place = x;
    return true;
  case GAN_OPTION_CHOICE:
    for (int k = 0; option->choices[k]; k++) {
      if (strcmp(option->choices[k], text)) continue;
      *(int *)place = k;
      return true;
    }
    return false;
  default:
    return false;
  }
}

gan_status gan_option_set(const gan_option *option, void *base, const gan_yaml *yaml,
                          yaml_node_t *node) {
  void *place = (char *)base + option->offset;
  bool nullable = option->flags & GAN_OPTION_UNSET;
  if (option->type == GAN_OPTION_LAYERS && !(nullable && is_null(node)))
    return gan_layers_parse(place, option->key, yaml, node);
  if (is_null(node)) {
    if (!nullable) return reject(option, yaml, node);
    gan_option unset = *option;
    unset.fallback = NULL;
    return gan_option_reset(&unset, base);
  }
  if (option->type == GAN_OPTION_INTS)
    return set_ints(option, place, yaml->document, node) ? GAN_OK : reject(option, yaml, node);
  if (node->type != YAML_SCALAR_NODE) return reject(option, yaml, node);
  const char *text = (const char *)node->data.scalar.value;
  if (option->type == GAN_OPTION_STRING) {
    if (!*text) return reject(option, yaml, node);
    char *copy = gan_strdup(text);
    if (!copy) return GAN_NO_MEMORY;
    gan_free(place);
    *(char **)place = copy;
    return GAN_OK;
  }
  bool plain = node->data.scalar.style == YAML_PLAIN_SCALAR_STYLE;
  return set_scalar(option, place, text, plain) ? GAN_OK : reject(option, yaml, node);
}

gan_status gan_option_reset(const gan_option *option, void *base) {
  void *place = (char *)base + option->offset;
  gan_option_release(option, base);
  const char *text = option->fallback;
  if (text && strcmp(text, "null") == 0) text = NULL;
  switch (option->type) {
  case GAN_OPTION_INT:
    *(int64_t *)place = GAN_UNSET_INT;
    break;
  case GAN_OPTION_REAL:
    *(double *)place = (double)NAN;
    break;
  case GAN_OPTION_INTS:
    *(gan_option_ints *)place = (gan_option_ints){0};
    break;
  case GAN_OPTION_STRING:
    if (text && !(*(char **)place = gan_strdup(text))) return GAN_NO_MEMORY;
    return GAN_OK;
  default:
    break;
  }
  if (text) GAN_ASSERT(set_scalar(option, place, text, true));
  return GAN_OK;
}

void gan_option_release(const gan_option *option, void *base) {
  void *place = (char *)base + option->offset;
  if (option->type == GAN_OPTION_STRING) gan_free(place);
  if (option->type == GAN_OPTION_LAYERS) gan_layers_release(place);
}

/* The shortest decimal that reads back as the same double, with a dot where it has an exponent:
 * YAML 1.1 readers take 1e-05 for text. */
static void real_text(double x, char *text, size_t size) {
  for (int digits = 6; digits <= 17; digits++) {
    snprintf(text, size, "%.*g", digits, x);
    if (strtod(text, NULL) == x) break;
  }
  char *exponent = strchr(text, 'e');
  if (!exponent || strchr(text, '.') || strlen(text) + 3 > size) return;
  memmove(exponent + 2, exponent, strlen(exponent) + 1);
  memcpy(exponent, ".0", 2);
}

char *gan_option_text(const gan_option *option, const void *base, char *text, size_t size) {
  const void *place = (const char *)base + option->offset;
  snprintf(text, size, "null");
  switch (option->type) {
  case GAN_OPTION_BOOL:
    snprintf(text, size, "%s", *(const bool *)place ? "true" : "false");
    break;
  case GAN_OPTION_INT:
    if (*(const int64_t *)place == GAN_AUTO_INT)
      snprintf(text, size, "auto");
    else if (*(const int64_t *)place != GAN_UNSET_INT)
      snprintf(text, size, "%lld", (long long)*(const int64_t *)place);
    break;
  case GAN_OPTION_REAL:
    if (!isnan(*(const double *)place)) real_text(*(const double *)place, text, size);
    break;
  case GAN_OPTION_STRING:
    if (*(char *const *)place) snprintf(text, size, "%s", *(char *const *)place);
    break;
  case GAN_OPTION_CHOICE:
    snprintf(text, size, "%s", option->choices[*(const int *)place]);
    break;
  case GAN_OPTION_INTS: {
    const gan_option_ints *ints = place;
    size_t used = 0;
    for (int i = 0; i < ints->count && used < size; i++)
      used += (size_t)snprintf(text + used, size - used, "%s%lld", i ? ", " : "[",
                               (long long)ints->values[i]);
    if (ints->count && used < size) snprintf(text + used, size - used, "]");
    break;
  }
  case GAN_OPTION_LAYERS:
    snprintf(text, size, "%d layers", ((const gan_layer_list *)place)->count);
    break;
  }
  return text;
}

static int emit_scalar(yaml_document_t *document, const char *text, yaml_scalar_style_t style) {
  return yaml_document_add_scalar(document, NULL, (const yaml_char_t *)text, -1, style);
}

int gan_option_emit(const gan_option *option, const void *base, yaml_document_t *document) {
  const void *place = (const char *)base + option->offset;
  if (option->type == GAN_OPTION_LAYERS) return gan_layers_emit(place, document);
  char number[64];
  const gan_option_ints *ints = option->type == GAN_OPTION_INTS ? place : NULL;
  if (ints && ints->count) {
    int list = yaml_document_add_sequence(document, NULL, YAML_FLOW_SEQUENCE_STYLE);
    for (int i = 0; list && i < ints->count; i++) {
      snprintf(number, sizeof number, "%lld", (long long)ints->values[i]);
      int entry = emit_scalar(document, number, YAML_PLAIN_SCALAR_STYLE);
      if (!entry || !yaml_document_append_sequence_item(document, list, entry)) return 0;
    }
    return list;
  }
  if (option->type == GAN_OPTION_STRING) {
    const char *text = *(char *const *)place;
    bool ambiguous = text && (!strcmp(text, "null") || !strcmp(text, "~"));
    return emit_scalar(document, text ? text : "null",
                       ambiguous ? YAML_DOUBLE_QUOTED_SCALAR_STYLE : YAML_ANY_SCALAR_STYLE);
  }
  return emit_scalar(document, gan_option_text(option, base, number, sizeof number),
                     YAML_PLAIN_SCALAR_STYLE);
}
