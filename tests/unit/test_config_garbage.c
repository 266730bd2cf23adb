/* Texts that nobody meant as a config: whatever they are, the parser answers and leaks nothing.
 * Under the sanitizers this is where a bad access would show. */
#include "base/memory.h"
#include "unit/support.h"

#include <string.h>

static const char valid[] =
    "# a config\n"
    "name: 'digits'\n"
    "seed: 1\n"
    "data:\n"
    "  path: \"builtin:digits\"\n"
    "  shards: 4\n"
    "model:\n"
    "  latent: 32\n"
    "  generator: &g\n"
    "    - linear: {units: 128, bias: false}\n"
    "    - batchnorm: {}\n"
    "    - leaky_relu: {slope: 0.2}\n"
    "    - reshape: {shape: [1, 8, 16]}\n"
    "    - flatten\n"
    "  discriminator: [linear: {units: 1}]\n"
    "train: {batch: 64, steps: 100, optimizer: {lr_d: 2.0e-4, beta1: 0.5}}\n"
    "samples:\n"
    "  count: 5\n";

/* What a slip of the hand or of a disk would put in. */
static const char *const pieces[] = {
    "\0",   "\t",         ": ", "\n- ", "{",    "}",  "[",  "]",    "&a",   "*g",  "*a",
    "!!t",  "\n\n",       "\"", "'",    "|\n",  "#",  "? ", "\xff", "\xc3", "---", "%",
    "null", "9999999999", "-",  "1e9",  "\n  ", "\r", ",",  "~",    "<<: ", "."};
enum { PIECES = sizeof pieces / sizeof *pieces, ROOM = 4096 };

/* One to eight edits: a byte changed, a piece put in, a stretch cut out or doubled. */
static size_t mutate(uint64_t *random, char text[ROOM]) {
  size_t n = sizeof valid - 1;
  memcpy(text, valid, n);
  for (uint64_t edits = 1 + unit_bits(random) % 8; edits; edits--) {
    size_t at = unit_bits(random) % (n + 1), length = unit_bits(random) % 40;
    const char *piece = pieces[unit_bits(random) % PIECES];
    size_t room = strlen(piece) ? strlen(piece) : 1;
    if (length > n - at) length = n - at;
    switch (unit_bits(random) % 4) {
    case 0:
      if (at < n) text[at] = (char)unit_bits(random);
      break;
    case 1:
      memmove(text + at + room, text + at, n - at);
      memcpy(text + at, piece, room);
      n += room;
      break;
    case 2:
      memmove(text + at, text + at + length, n - at - length);
      n -= length;
      break;
    default:
      memmove(text + at + length, text + at, n - at);
      n += length;
    }
  }
  return n;
}

/* Parses; what is accepted must also be written and read again. */
static bool survive(const char *text, size_t n, int override_count, const char *const *overrides) {
  gan_config config;
  gan_layer_schemas layers = gan_layer_table();
  size_t before = gan_alloc_bytes();
  gan_fail_clear();
  gan_status status =
      gan_config_parse(&config, text, n, "run.yaml", overrides, override_count, 1, &layers);
  bool fine = status == GAN_OK;
  ck_assert(fine || status == GAN_USAGE);
  ck_assert(fine || *gan_error_message());
  if (fine) {
    gan_config again;
    char *written;
    check_ok(gan_config_yaml(&config, &written));
    check_ok(unit_parse(&again, written, 0, NULL));
    gan_config_reset(&again);
    gan_free(&written);
  }
  gan_config_reset(&config);
  ck_assert_uint_eq(gan_alloc_bytes(), before);
  return fine;
}

START_TEST(mutated_configs) {
  enum { TRIALS = 1000 };
  char text[ROOM];
  uint64_t random = (uint64_t)_i;
  int accepted = 0;
  for (int i = 0; i < TRIALS; i++) {
    size_t n = mutate(&random, text);
    accepted += survive(text, n, 0, NULL);
  }
  /* both kinds must come up, or this tries less than it seems to */
  ck_assert(accepted > 0 && accepted < TRIALS / 2);
}
END_TEST

/* Cut off anywhere, with the end of the memory right behind it. */
START_TEST(cut_off_configs) {
  for (size_t n = 0; n < sizeof valid; n++) {
    char *exact = gan_alloc(n, 1, "a text without an end");
    memcpy(exact, valid, n);
    survive(exact, n, 0, NULL);
    gan_free(&exact);
  }
}
END_TEST

START_TEST(random_bytes) {
  char text[300];
  uint64_t random = 99;
  for (int i = 0; i < 3000; i++) {
    size_t n = unit_bits(&random) % sizeof text;
    bool printable = i % 2;
    for (size_t k = 0; k < n; k++) {
      char byte = (char)unit_bits(&random);
      text[k] = printable ? (char)(' ' + (unsigned char)byte % 95) : byte;
    }
    survive(text, n, 0, NULL);
  }
}
END_TEST

/* --set, of every key, with values of every kind. */
START_TEST(mutated_overrides) {
  static const char *const values[] = {
      "",         "[",    "]",  "{",        "{}",  "[]",   "{a: b}", "[[1]]", "*a",
      "&a 1",     "\xff", "1",  "-1",       "1.5", "1e9",  "9e99",   "null",  "~",
      "true",     "'",    "\"", "\"x\"",    ":",   "a: b", "- a",    "relu",  "[relu]",
      "[relu: ]", "? x",  "|",  "!!binary", "%",   "\t"};
  char text[ROOM];
  memcpy(text, valid, sizeof valid);
  gan_options options = gan_config_options();
  int accepted = 0;
  for (int i = 0; i < options.count; i++)
    for (size_t k = 0; k < sizeof values / sizeof *values; k++) {
      char *override = gan_format("%s=%s", options.rows[i].key, values[k]);
      const char *const both[] = {"samples.count=1", override};
      accepted += survive(text, sizeof valid - 1, 2, both);
      gan_free(&override);
    }
  ck_assert_int_gt(accepted, options.count);
}
END_TEST

int main(void) {
  const unit_test tests[] = {
      {mutated_configs, 5},
      {cut_off_configs, 1},
      {random_bytes, 1},
      {mutated_overrides, 1},
  };
  return UNIT_MAIN("config: garbage", tests);
}
