/* One line of JSON, built in a fixed buffer (a text that is too long is cut): {"step": 5,
 * "d_loss": 1.25}. */
#ifndef GAN_OUTPUT_JSON_H
#define GAN_OUTPUT_JSON_H

#include <stddef.h>
#include <stdint.h>

typedef struct gan_json {
  char text[8192];
  size_t used;
} gan_json;

void gan_json_begin(gan_json *line);
void gan_json_int(gan_json *line, const char *key, int64_t value);
void gan_json_real(gan_json *line, const char *key, double value); /* null where not finite */
void gan_json_text(gan_json *line, const char *key, const char *value);
/* Closes the object, once, and adds the newline; returns the text, whose length is line->used. */
const char *gan_json_end(gan_json *line);

#endif
