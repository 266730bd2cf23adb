/* Reading back a line of JSON: the other side of output/json.h.
 *
 * A line is one flat object.  libyaml would read most of them, but not every byte that a reason may
 * hold (a path that is no UTF-8, a pair of surrogates), and the history of a run must not be lost
 * for one such byte.
 */
#ifndef GAN_OUTPUT_FIELDS_H
#define GAN_OUTPUT_FIELDS_H

#include <stdbool.h>
#include <stddef.h>

enum { GAN_FIELDS_MAX = 64 };

typedef struct gan_field {
  const char *key, *value; /* a text decoded, control characters as blanks; all else as it stands */
  bool taken;
} gan_field;

typedef struct gan_fields {
  gan_field rows[GAN_FIELDS_MAX]; /* in the line's order */
  int count;
  char room[16384];
} gan_fields;

/* The fields of a line of n bytes, with or without its newline; false if it is no whole object, or
 * too large. */
bool gan_fields_read(gan_fields *fields, const char *line, size_t n);

/* The value of a key, which is taken then; NULL if there is none. */
const char *gan_fields_take(gan_fields *fields, const char *key);

#endif
