/* Lines of JSON read back: what the writer wrote, what JSON allows beyond that, and what is torn.
 */
#include "output/fields.h"
#include "output/json.h"
#include "unit/support.h"

#include <string.h>

#define COUNT(array) (sizeof(array) / sizeof *(array))

static gan_fields fields;

static bool read_line(const char *line) {
  return gan_fields_read(&fields, line, strlen(line));
}

START_TEST(values_are_decoded) {
  static const struct {
    const char *json, *value;
  } rows[] = {
      {"\"\"", ""},
      {"\"a \\\"b\\\" \\\\ \\/ c\"", "a \"b\" \\ / c"},
      {"\"\\u0041\\u00e9\\u20AC\"", "A\xc3\xa9\xe2\x82\xac"},
      {"\"\\ud83d\\ude00\"", "\xf0\x9f\x98\x80"},
      {"\"\\ud83d.\\ude00\\ud83d\\u0041\"", "\xef\xbf\xbd.\xef\xbf\xbd\xef\xbf\xbd"
                                            "A"},
      {"\"\xc3\xa9 \xff\xfe\"", "\xc3\xa9 \xff\xfe"},             /* not UTF-8: as it is */
      {"\"1\\n2\\t3\\u001b4\\b\\f\\r\x1b\x7f\"", "1 2 3 4     "}, /* a terminal would obey them */
      {"-12", "-12"},
      {"1.5e-08", "1.5e-08"},
      {"null", "null"},
      {"true ", "true"},
      {"[1, {\"a\": \"x,}\\\"]\"}]", "[1, {\"a\": \"x,}\\\"]\"}]"},
      {"{\"b\": 1}", "{\"b\": 1}"},
  };
  for (size_t i = 0; i < COUNT(rows); i++) {
    char line[256];
    snprintf(line, sizeof line, " { \"first\" : 1,\"key\": %s , \"last\":2}\n", rows[i].json);
    ck_assert_msg(read_line(line), "%s", line);
    ck_assert_int_eq(fields.count, 3);
    ck_assert_str_eq(fields.rows[0].value, "1");
    ck_assert_str_eq(fields.rows[1].key, "key");
    ck_assert_str_eq(fields.rows[1].value, rows[i].value);
    ck_assert_str_eq(fields.rows[2].value, "2");
  }
  ck_assert(read_line("{}"));
  ck_assert_int_eq(fields.count, 0);
}
END_TEST

START_TEST(what_the_writer_wrote_comes_back) {
  gan_json line;
  char text[256];
  for (int i = 0; i < 255; i++) text[i] = (char)(i + 1);
  text[255] = '\0';
  gan_json_begin(&line);
  gan_json_int(&line, "whole", -9223372036854775807);
  gan_json_real(&line, "real", 0.1);
  gan_json_real(&line, "none", 1e308 * 10);
  gan_json_text(&line, "text", text);
  ck_assert(read_line(gan_json_end(&line)));
  for (int i = 0; i < 255; i++)
    if ((unsigned char)text[i] < 0x20 || text[i] == 0x7f) text[i] = ' ';
  ck_assert_str_eq(gan_fields_take(&fields, "text"), text);
  ck_assert_str_eq(gan_fields_take(&fields, "whole"), "-9223372036854775807");
  ck_assert_str_eq(gan_fields_take(&fields, "real"), "0.1");
  ck_assert_str_eq(gan_fields_take(&fields, "none"), "null");
}
END_TEST

START_TEST(fields_are_taken_once) {
  ck_assert(read_line("{\"a\": 1, \"b\": 2, \"a\": 3}"));
  ck_assert_str_eq(gan_fields_take(&fields, "a"), "1");
  ck_assert_str_eq(gan_fields_take(&fields, "a"), "3");
  ck_assert_ptr_null(gan_fields_take(&fields, "a"));
  ck_assert_ptr_null(gan_fields_take(&fields, "c"));
  ck_assert(!fields.rows[1].taken);
}
END_TEST

/* Each shorter piece of a line is refused, as are lines that are something else. */
START_TEST(torn_lines_are_refused) {
  static const char whole[] = "{\"a\": \"x\\u00e9\\\"\", \"b\": [1, 2], \"c\": -1.5}";
  static const char *const bad[] = {"",
                                    "text",
                                    "[1]",
                                    "{\"a\"}",
                                    "{\"a\": }",
                                    "{\"a\":1,}",
                                    "{a: 1}",
                                    "{\"a\": 1} x",
                                    "{\"a\": \"\\x\"}",
                                    "{\"a\": \"\\u12g4\"}",
                                    "{\"a\": 1",
                                    "{\"a\": \"b\" 2}",
                                    "{\"a\": \"\\"};
  for (size_t n = 0; n < sizeof whole - 1; n++) {
    char piece[sizeof whole];
    memcpy(piece, whole, n);
    ck_assert_msg(!gan_fields_read(&fields, piece, n), "%.*s", (int)n, whole);
  }
  ck_assert(read_line(whole));
  for (size_t i = 0; i < COUNT(bad); i++) ck_assert_msg(!read_line(bad[i]), "%s", bad[i]);
  ck_assert(!gan_fields_read(&fields, "{\"a\": \"\\\0\"}", 11));
}
END_TEST

/* More than there is room for: refused, nothing written behind the room. */
START_TEST(large_lines_are_refused) {
  static char line[40000];
  size_t used = 0;
  line[used++] = '{';
  for (int i = 0; i < 65; i++)
    used += (size_t)snprintf(line + used, sizeof line - used, "%s\"k\": 1", i ? ", " : "");
  line[used] = '}';
  ck_assert(!gan_fields_read(&fields, line, used + 1));
  for (size_t size = sizeof fields.room - 4; size < sizeof fields.room + 3; size++) {
    memset(line, 'x', sizeof line);
    memcpy(line, "{\"k\": \"", 7);
    memcpy(line + 7 + size, "\"}", 2);
    ck_assert_int_eq(gan_fields_read(&fields, line, size + 9), size + 3 <= sizeof fields.room);
  }
}
END_TEST

int main(void) {
  const unit_test tests[] = {
      {values_are_decoded, 1},      {what_the_writer_wrote_comes_back, 1},
      {fields_are_taken_once, 1},   {torn_lines_are_refused, 1},
      {large_lines_are_refused, 1},
  };
  return UNIT_MAIN("fields", tests);
}
