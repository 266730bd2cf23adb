/* Options: a row a key, and everything that is known about it.
 *
 * A table of rows drives the YAML parser, --set, `mpigan help`, the start-up print and the saved
 * config.  The value of a row lives at `offset` in a plain struct:
 *
 *   GAN_OPTION_BOOL    bool
 *   GAN_OPTION_INT     int64_t          GAN_UNSET_INT when unset, GAN_AUTO_INT for auto
 *   GAN_OPTION_REAL    double           NaN when unset
 *   GAN_OPTION_STRING  char *           owned by the struct; NULL when unset
 *   GAN_OPTION_CHOICE  int              index into `choices`
 *   GAN_OPTION_INTS    gan_option_ints  a list of integers; empty when unset
 *   GAN_OPTION_LAYERS  gan_layer_list   (config/layers.h)
 */
#ifndef GAN_CONFIG_OPTION_H
#define GAN_CONFIG_OPTION_H

#include "base/status.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <yaml.h>

#define GAN_UNSET_INT INT64_MIN
#define GAN_AUTO_INT  (INT64_MIN + 1)

enum { GAN_INTS_MAX = 64 };

typedef struct gan_option_ints {
  int count;
  int64_t values[GAN_INTS_MAX];
} gan_option_ints;

typedef enum gan_option_type {
  GAN_OPTION_BOOL,
  GAN_OPTION_INT,
  GAN_OPTION_REAL,
  GAN_OPTION_STRING,
  GAN_OPTION_CHOICE,
  GAN_OPTION_INTS,
  GAN_OPTION_LAYERS,
} gan_option_type;

enum {
  GAN_OPTION_ABOVE = 1, /* the minimum itself is not allowed */
  GAN_OPTION_BELOW = 2, /* the maximum itself is not allowed */
  GAN_OPTION_UNSET = 4, /* `null` is allowed, and means: not set */
  GAN_OPTION_FREE = 8,  /* may change when a run is continued */
  GAN_OPTION_AUTO = 16, /* of an integer: `auto` is allowed, and means: to be found at the start */
};

typedef struct gan_option {
  const char *key; /* dotted: train.optimizer.lr_d */
  gan_option_type type;
  size_t offset;
  const char *fallback; /* the default, as YAML; NULL: the user must give it */
  double min, max;      /* numbers, each of a list; strings: bytes */
  const char *const *choices;
  unsigned flags;
  const char *unit;
  const char *help;
} gan_option;

typedef struct gan_options {
  const gan_option *rows;
  int count;
} gan_options;

/* Where text comes from, for messages: "run.yaml:12: key 'train.batch'". */
typedef struct gan_origin {
  enum { GAN_ORIGIN_NONE, GAN_ORIGIN_DEFAULT, GAN_ORIGIN_FILE, GAN_ORIGIN_COMMAND_LINE } kind;
  const char *file; /* borrowed */
  int line;         /* from 1 */
} gan_origin;

/* "configs/a.yaml:12", "command line" or "default"; at most `size` bytes. */
char *gan_origin_text(char *text, size_t size, gan_origin origin);

struct gan_layer_schemas;

/* What the conversion of a YAML node needs to know besides the row. */
typedef struct gan_yaml {
  yaml_document_t *document;
  gan_origin origin;                      /* of the document; the line is the node's own */
  const struct gan_layer_schemas *layers; /* which layers exist */
  int depth;                              /* lists of layers that the node lies in */
} gan_yaml;

/* The row of that key, or NULL. */
const gan_option *gan_options_find(gan_options options, const char *key);

/* The known key nearest to a mistyped one, or NULL if none is near. `keys` yields n names. */
const char *gan_nearest(const char *typed, int n, const char *(*name)(const void *, int),
                        const void *context);
const char *gan_options_nearest(gan_options options, const char *typed);

/* Converts a YAML node into the row's place in `base`.  GAN_USAGE if it is of the wrong type or out
 * of range; the message names origin, key, value and what is allowed. */
GAN_CHECKED gan_status gan_option_set(const gan_option *option, void *base, const gan_yaml *yaml,
                                      yaml_node_t *node);

/* Puts the row's default in place (a row without one: unset). */
GAN_CHECKED gan_status gan_option_reset(const gan_option *option, void *base);

/* Frees what the row's value owns. */
void gan_option_release(const gan_option *option, void *base);

/* A value as one line of YAML: "null", "0.0002", "[28, 28, 1]"; layers: "5 layers". */
char *gan_option_text(const gan_option *option, const void *base, char *text, size_t size);

/* What a row allows, for people: "an integer from 1 to 65536", "one of: adam". */
char *gan_option_allowed(const gan_option *option, char *text, size_t size);

/* Adds the value to a YAML document, and gives the node's id (0: no memory). */
int gan_option_emit(const gan_option *option, const void *base, yaml_document_t *document);

#endif
