#include "cli/arguments.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { ARGUMENTS_MAX = 32 };

static gan_status set_integer(const gan_argument *argument, const char *value) {
  char *end;
  errno = 0;
  long long x = strtoll(value, &end, 10);
  if (errno || *end || end == value || x < argument->min || x > argument->max)
    return gan_fail(GAN_USAGE, "%s is '%.100s'; allowed is an integer from %lld to %lld",
                    argument->name, value, (long long)argument->min, (long long)argument->max);
  *argument->integer = x;
  return GAN_OK;
}

static gan_status set_positive(const gan_argument *argument, const char *value) {
  char *end;
  double x = strtod(value, &end);
  if (*end || end == value || !isfinite(x) || x <= 0)
    return gan_fail(GAN_USAGE, "%s is '%.100s'; allowed is a number above 0", argument->name,
                    value);
  *argument->positive = x;
  return GAN_OK;
}

gan_status gan_argument_integers(const char *name, const char *text, int64_t max,
                                 gan_option_ints *out) {
  const char *at = text;
  out->count = 0;
  for (char *end; *at; at = *end == ',' && end[1] ? end + 1 : end) {
    errno = 0;
    long long x = strtoll(at, &end, 10);
    bool good = *at >= '0' && *at <= '9' && !errno && x <= max;
    if (!good || (*end && !(*end == ',' && end[1])) || out->count == GAN_INTS_MAX) break;
    out->values[out->count++] = x;
  }
  if (!*at && out->count) return GAN_OK;
  return gan_fail(GAN_USAGE,
                  "%s is '%.100s'; allowed are up to %d integers from 0 to %lld with commas "
                  "between, for example 3,5",
                  name, text, GAN_INTS_MAX, (long long)max);
}

static gan_status set_value(const gan_argument *argument, const char *value) {
  if (argument->integer) return set_integer(argument, value);
  if (argument->positive) return set_positive(argument, value);
  if (argument->text) {
    *argument->text = value;
    return GAN_OK;
  }
  if (argument->list->count == GAN_ARGUMENT_LIST_MAX)
    return gan_fail(GAN_USAGE, "%s is given more than %d times", argument->name,
                    GAN_ARGUMENT_LIST_MAX);
  argument->list->values[argument->list->count++] = value;
  return GAN_OK;
}

static const char *argument_name(const void *table, int i) {
  const char *name = ((const gan_argument *)table)[i].name;
  return name ? name : "";
}

static const gan_argument *find(const gan_argument *table, int n, const char *word,
                                const char **value) {
  size_t length = strcspn(word, "=");
  *value = word[length] ? word + length + 1 : NULL;
  for (int i = 0; i < n; i++)
    if (table[i].name && strlen(table[i].name) == length && !strncmp(table[i].name, word, length))
      return &table[i];
  return NULL;
}

static gan_status parse(const gan_argument *table, int n, int argc, char **argv) {
  bool given[ARGUMENTS_MAX] = {false};
  GAN_ASSERT(n <= ARGUMENTS_MAX);
  for (int i = 1; i < argc; i++) {
    const char *word = argv[i], *value = NULL;
    const gan_argument *argument = NULL;
    if (word[0] == '-' && word[1]) {
      argument = find(table, n, word, &value);
      if (!argument) {
        const char *nearest = gan_nearest(word, n, argument_name, table);
        return gan_fail(GAN_USAGE, "unknown option %.100s%s%s%s", word,
                        nearest ? " (did you mean " : "", nearest ? nearest : "",
                        nearest ? "?)" : "");
      }
      if (argument->flag) {
        if (value) return gan_fail(GAN_USAGE, "%s takes no value", argument->name);
        *argument->flag = true;
        continue;
      }
      if (!value && ++i == argc)
        return gan_fail(GAN_USAGE, "%s wants a value: %s", argument->name, argument->what);
      if (!value) value = argv[i];
    } else {
      value = word;
      for (int k = 0; k < n && !argument; k++)
        if (!table[k].name && (!given[k] || table[k].list)) argument = &table[k];
      if (!argument) return gan_fail(GAN_USAGE, "unexpected argument '%.100s'", word);
    }
    given[argument - table] = true;
    GAN_TRY(set_value(argument, value));
  }
  for (int k = 0; k < n; k++)
    if (table[k].required && !given[k])
      return gan_fail(GAN_USAGE, "%s is missing", table[k].name ? table[k].name : table[k].what);
  return GAN_OK;
}

gan_status gan_arguments_parse(const char *command, const char *usage, const gan_argument *table,
                               int n, int argc, char **argv) {
  gan_status status = parse(table, n, argc, argv);
  if (status == GAN_OK) return GAN_OK;
  char what[512];
  strncpy(what, gan_error_message(), sizeof what - 1);
  what[sizeof what - 1] = '\0';
  return gan_fail(status, "%s: %s\nusage: mpigan %s %s", command, what, command, usage);
}

gan_status gan_argument_weights(const char *name, const char *text, gan_weights *out) {
  *out = !text ? GAN_WEIGHTS_AUTO : !strcmp(text, "ema") ? GAN_WEIGHTS_EMA : GAN_WEIGHTS_RAW;
  if (!text || !strcmp(text, "ema") || !strcmp(text, "raw")) return GAN_OK;
  return gan_fail(GAN_USAGE,
                  "%s is '%.100s'; allowed are ema (the moving average of the weights) and raw "
                  "(those learned last)",
                  name, text);
}
