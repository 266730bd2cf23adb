#include "output/json.h"

#include <math.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>

/* A text is cut where it would leave less than this for what comes behind it. */
enum { ROOM_BEHIND_TEXT = 1024 };

/* Room is kept for the closing brace. */
static void add(gan_json *line, const char *format, ...) __attribute__((format(printf, 2, 3)));

static void add(gan_json *line, const char *format, ...) {
  size_t room = sizeof line->text - 4 - line->used;
  va_list args;
  va_start(args, format);
  int n = vsnprintf(line->text + line->used, room, format, args);
  va_end(args);
  if (n > 0) line->used += (size_t)n < room ? (size_t)n : room - 1;
}

static void add_key(gan_json *line, const char *key) {
  add(line, "%s\"%s\": ", line->used > 1 ? ", " : "", key);
}

void gan_json_begin(gan_json *line) {
  line->used = 0;
  add(line, "{");
}

void gan_json_int(gan_json *line, const char *key, int64_t value) {
  add_key(line, key);
  add(line, "%lld", (long long)value);
}

void gan_json_real(gan_json *line, const char *key, double value) {
  add_key(line, key);
  if (isfinite(value))
    add(line, "%.9g", value);
  else
    add(line, "null");
}

void gan_json_text(gan_json *line, const char *key, const char *value) {
  add_key(line, key);
  add(line, "\"");
  for (const unsigned char *c = (const unsigned char *)value; *c; c++) {
    bool begins = (*c & 0xc0) != 0x80; /* not inside a letter of UTF-8 */
    if (begins && line->used + ROOM_BEHIND_TEXT > sizeof line->text) break;
    if (*c == '"' || *c == '\\')
      add(line, "\\%c", *c);
    else if (*c < 0x20)
      add(line, "\\u%04x", *c);
    else
      add(line, "%c", *c);
  }
  add(line, "\"");
}

const char *gan_json_end(gan_json *line) {
  if (line->used && line->text[line->used - 1] == '\n') return line->text; /* in no text of ours */
  line->text[line->used++] = '}';
  line->text[line->used++] = '\n';
  line->text[line->used] = '\0';
  return line->text;
}
