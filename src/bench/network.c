#include "bench/network.h"

#include "config/option.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum {
  NODES,
  LATENCY,
  BANDWIDTH,
  RANKS_PER_NODE,
  NODE_LATENCY,
  NODE_BANDWIDTH,
  ADDING,
  OVERLAP,
  KEYS
};

typedef enum { COUNT, TIME, RATE, PART } quantity;

static const struct {
  const char *name;
  quantity quantity;
  bool required;
} keys[KEYS] = {
    [NODES] = {"nodes", COUNT, true},
    [LATENCY] = {"latency", TIME, true},
    [BANDWIDTH] = {"bandwidth", RATE, true},
    [RANKS_PER_NODE] = {"ranks_per_node", COUNT, false},
    [NODE_LATENCY] = {"node_latency", TIME, false},
    [NODE_BANDWIDTH] = {"node_bandwidth", RATE, false},
    [ADDING] = {"adding", RATE, false},
    [OVERLAP] = {"overlap", PART, false},
};

static const char *const wanted[] = {
    [COUNT] = "a whole number from 1 to 10000000",
    [TIME] = "a time above 0 in s, ms, us or ns, as 1.5us",
    [RATE] = "a rate above 0 in GB/s, MB/s or Gbit/s, as 25GB/s",
    [PART] = "a number from 0 to 1",
};

static const struct {
  const char *name;
  quantity quantity;
  double factor;
} units[] = {
    {"s", TIME, 1},      {"ms", TIME, 1e-3},  {"us", TIME, 1e-6},        {"ns", TIME, 1e-9},
    {"GB/s", RATE, 1e9}, {"MB/s", RATE, 1e6}, {"Gbit/s", RATE, 1e9 / 8}, {"", COUNT, 1},
    {"", PART, 1},
};

static const char *key_name(const void *table, int i) {
  (void)table;
  return keys[i].name;
}

static int find_key(const char *word, size_t length) {
  for (int i = 0; i < KEYS; i++)
    if (strlen(keys[i].name) == length && !strncmp(keys[i].name, word, length)) return i;
  return -1;
}

/* The value in SI units; NaN if it is none of that quantity. */
static double read_value(const char *text, quantity wants) {
  char *end;
  double x = strtod(text, &end);
  if (end == text || !isfinite(x)) return (double)NAN;
  for (size_t i = 0; i < sizeof units / sizeof *units; i++)
    if (units[i].quantity == wants && !strcmp(units[i].name, end)) return x * units[i].factor;
  return (double)NAN;
}

static bool allowed(double x, quantity wants) {
  if (wants == COUNT) return x >= 1 && x <= 1e7 && x == floor(x);
  if (wants == PART) return x >= 0 && x <= 1;
  return x > 0;
}

static gan_status read_word(const char *word, double *values) {
  size_t length = strcspn(word, "=");
  int key = find_key(word, length);
  if (key < 0) {
    char name[64] = "";
    strncat(name, word, length < sizeof name ? length : sizeof name - 1);
    const char *nearest = gan_nearest(name, KEYS, key_name, keys);
    return gan_fail(GAN_USAGE, "bench: --predict knows no '%.100s'%s%s%s", word,
                    nearest ? " (did you mean " : "", nearest ? nearest : "",
                    nearest ? "=...?)" : "");
  }
  values[key] = read_value(word + length + (word[length] == '='), keys[key].quantity);
  if (allowed(values[key], keys[key].quantity)) return GAN_OK;
  return gan_fail(GAN_USAGE, "bench: '%.100s' is not allowed: %s is %s", word, keys[key].name,
                  wanted[keys[key].quantity]);
}

static double or_else(double value, double other) {
  return isnan(value) ? other : value;
}

gan_status gan_machine_parse(const char *const *words, int count, double adding, gan_machine *out) {
  double values[KEYS];
  for (int i = 0; i < KEYS; i++) values[i] = (double)NAN;
  for (int i = 0; i < count; i++) GAN_TRY(read_word(words[i], values));
  for (int i = 0; i < KEYS; i++)
    if (keys[i].required && isnan(values[i]))
      return gan_fail(GAN_USAGE, "bench: --predict wants %s=..., %s", keys[i].name,
                      wanted[keys[i].quantity]);
  *out = (gan_machine){
      .network = {.latency = values[LATENCY],
                  .bandwidth = values[BANDWIDTH],
                  .node_latency = or_else(values[NODE_LATENCY], values[LATENCY]),
                  .node_bandwidth = or_else(values[NODE_BANDWIDTH], values[BANDWIDTH]),
                  .adding = or_else(values[ADDING], adding),
                  .ranks_per_node = (int64_t)or_else(values[RANKS_PER_NODE], 1)},
      .nodes = (int64_t)values[NODES],
      .overlap = or_else(values[OVERLAP], 0)};
  return GAN_OK;
}
