#include "output/fields.h"

#include <stdint.h>
#include <string.h>

/* What is still to be read, and where what was read goes. */
typedef struct {
  const char *at, *end;
  char *out, *out_end;
} reader;

static bool is_blank(char c) {
  return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

static void skip_blanks(reader *r) {
  while (r->at < r->end && is_blank(*r->at)) r->at++;
}

static bool accept(reader *r, char wanted) {
  skip_blanks(r);
  if (r->at == r->end || *r->at != wanted) return false;
  r->at++;
  return true;
}

static bool put(reader *r, uint32_t byte) {
  if (r->out == r->out_end) return false;
  *r->out++ = (char)byte;
  return true;
}

/* A letter of Unicode, as UTF-8. */
static bool put_letter(reader *r, uint32_t code) {
  if (code < 0x80) return put(r, code < 0x20 || code == 0x7f ? ' ' : code);
  if (code < 0x800) return put(r, 0xc0 | code >> 6) && put(r, 0x80 | (code & 0x3f));
  if (code < 0x10000)
    return put(r, 0xe0 | code >> 12) && put(r, 0x80 | (code >> 6 & 0x3f)) &&
           put(r, 0x80 | (code & 0x3f));
  return put(r, 0xf0 | code >> 18) && put(r, 0x80 | (code >> 12 & 0x3f)) &&
         put(r, 0x80 | (code >> 6 & 0x3f)) && put(r, 0x80 | (code & 0x3f));
}

static bool read_hex(reader *r, uint32_t *code) {
  static const char digits[] = "0123456789abcdef";
  *code = 0;
  for (int i = 0; i < 4; i++) {
    if (r->at == r->end || *r->at == '\0') return false;
    const char *found = strchr(digits, *r->at >= 'A' && *r->at <= 'F' ? *r->at + 32 : *r->at);
    if (!found) return false;
    *code = *code << 4 | (uint32_t)(found - digits);
    r->at++;
  }
  return true;
}

/* Behind "\u": four digits, or a pair of surrogates; one that stands alone is no letter. */
static bool read_unicode(reader *r) {
  enum { HIGH = 0xd800, LOW = 0xdc00, BEHIND = 0xe000, REPLACEMENT = 0xfffd };
  uint32_t code, second;
  if (!read_hex(r, &code)) return false;
  if (code < HIGH || code >= BEHIND) return put_letter(r, code);
  const char *behind = r->at;
  if (code < LOW && r->end - r->at >= 6 && memcmp(r->at, "\\u", 2) == 0) {
    r->at += 2;
    if (!read_hex(r, &second)) return false;
    if (second >= LOW && second < BEHIND)
      return put_letter(r, 0x10000 + ((code - HIGH) << 10) + (second - LOW));
    r->at = behind;
  }
  return put_letter(r, REPLACEMENT);
}

static bool read_escape(reader *r) {
  if (r->at == r->end) return false;
  char c = *r->at++;
  if (c == 'u') return read_unicode(r);
  if (c == '"' || c == '\\' || c == '/') return put(r, (unsigned char)c);
  return c && strchr("bfnrt", c) && put(r, ' ');
}

/* A text between quotes. */
static bool read_text(reader *r) {
  if (!accept(r, '"')) return false;
  while (r->at < r->end && *r->at != '"') {
    unsigned char c = (unsigned char)*r->at++;
    bool done = c == '\\' ? read_escape(r) : c < 0x80 ? put_letter(r, c) : put(r, c);
    if (!done) return false;
  }
  return accept(r, '"') && put(r, '\0');
}

/* A number, a word, or an array or object: as it stands, to the comma or brace behind it. */
static bool read_raw(reader *r) {
  int depth = 0;
  bool quoted = false;
  const char *start = r->at;
  for (; r->at < r->end; r->at++) {
    char c = *r->at;
    if (quoted) {
      if (c == '\\' && r->at + 1 < r->end) r->at++;
      quoted = c != '"';
      continue;
    }
    if (depth == 0 && (c == ',' || c == '}')) break;
    quoted = c == '"';
    depth += (c == '{' || c == '[') - (c == '}' || c == ']');
  }
  const char *end = r->at;
  while (end > start && is_blank(end[-1])) end--;
  if (end == start) return false;
  for (const char *c = start; c < end; c++)
    if (!put(r, (unsigned char)*c < 0x20 ? ' ' : (unsigned char)*c)) return false;
  return put(r, '\0');
}

static bool read_field(reader *r, gan_field *field) {
  field->taken = false;
  field->key = r->out;
  if (!read_text(r) || !accept(r, ':')) return false;
  skip_blanks(r);
  field->value = r->out;
  return r->at < r->end && *r->at == '"' ? read_text(r) : read_raw(r);
}

bool gan_fields_read(gan_fields *fields, const char *line, size_t n) {
  reader r = {line, line + n, fields->room, fields->room + sizeof fields->room};
  fields->count = 0;
  if (!accept(&r, '{')) return false;
  if (!accept(&r, '}')) {
    do {
      if (fields->count == GAN_FIELDS_MAX || !read_field(&r, &fields->rows[fields->count]))
        return false;
      fields->count++;
    } while (accept(&r, ','));
    if (!accept(&r, '}')) return false;
  }
  skip_blanks(&r);
  return r.at == r.end;
}

const char *gan_fields_take(gan_fields *fields, const char *key) {
  for (int i = 0; i < fields->count; i++) {
    gan_field *field = &fields->rows[i];
    if (field->taken || strcmp(field->key, key) != 0) continue;
    field->taken = true;
    return field->value;
  }
  return NULL;
}
