/* A config and what --set says.  What is accepted must be the same after it was written and read
 * again; a refusal must name a line that is there, or the command line.
 *
 * Input: the text; behind each byte ff, which no text may have, one KEY=VALUE.
 */
#include "config/config.h"
#include "fuzz/fuzz.h"
#include "model/layer.h"

enum { OVERRIDES = 4, SEPARATOR = 0xff, RANKS = 3 };

static const char file[] = "run.yaml";

static gan_status parse(gan_config *config, fuzz_bytes text, char *const *overrides, int count,
                        int ranks) {
  gan_layer_schemas layers = gan_layer_table();
  return gan_config_parse(config, (const char *)text.at, text.n, file,
                          (const char *const *)overrides, count, ranks, &layers);
}

/* "run.yaml:LINE: ", "run.yaml: ", "command line: ", or "default: " where rules meet defaults. */
static void check_message(fuzz_bytes text) {
  const char *message = gan_error_message();
  int line = 0, lines = 2;
  for (size_t i = 0; i < text.n; i++)
    lines += text.at[i] == '\n' || text.at[i] == '\r' || text.at[i] == 0x85 || text.at[i] == 0xa8 ||
             text.at[i] == 0xa9;
  bool placed = sscanf(message, "run.yaml:%d:", &line) == 1;
  FUZZ_CHECK(!placed || (line >= 1 && line <= lines), "a text of %d lines: %s", lines, message);
  FUZZ_CHECK(placed || !strncmp(message, "run.yaml: ", 10) ||
                 !strncmp(message, "command line: ", 14) || !strncmp(message, "default: ", 9),
             "the message is '%s'", message);
  FUZZ_CHECK(strlen(message) < 4000, "a message of %zu bytes: %s", strlen(message), message);
}

static void check_round_trip(const gan_config *config) {
  gan_config again;
  char *first, *second, text[4096];
  FUZZ_CHECK(gan_config_yaml(config, &first) == GAN_OK, "%s", gan_error_message());
  gan_status status = parse(&again, (fuzz_bytes){(uint8_t *)first, strlen(first)}, NULL, 0, 1);
  FUZZ_CHECK(status == GAN_OK, "what was written is refused: %s\n%s", gan_error_message(), first);
  FUZZ_CHECK(gan_config_yaml(&again, &second) == GAN_OK, "%s", gan_error_message());
  FUZZ_CHECK(strcmp(first, second) == 0, "another text:\n%s\n%s", first, second);
  for (int k = 0; k < 2; k++)
    FUZZ_CHECK(!gan_config_differences(config, &again, k, text, sizeof text), "it differs:%s",
               text);
  FUZZ_CHECK(strcmp(config->data.path, again.data.path) == 0, "another path");
  gan_config_reset(&again);
  gan_free(&first);
  gan_free(&second);
}

/* Cuts the overrides off the text, as strings of their own. */
static int take_overrides(fuzz_bytes *text, char **overrides) {
  int count = 0;
  const uint8_t *end = text->at + text->n, *at = text->n ? memchr(text->at, SEPARATOR, text->n) : 0;
  if (at) text->n = (size_t)(at - text->at);
  while (at && count < OVERRIDES) {
    const uint8_t *from = at + 1;
    at = from < end ? memchr(from, SEPARATOR, (size_t)(end - from)) : NULL;
    overrides[count++] = gan_format("%.*s", (int)((at ? at : end) - from), (const char *)from);
  }
  return count;
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n) {
  size_t before = gan_alloc_bytes();
  fuzz_bytes text = {bytes, n};
  char *overrides[OVERRIDES];
  gan_config config;
  int count = take_overrides(&text, overrides);
  gan_status status = parse(&config, text, overrides, count, RANKS);
  if (status != GAN_OK) check_message(text);
  if (fuzz_accepted(status, GAN_USAGE, "")) check_round_trip(&config);
  gan_config_reset(&config);
  for (int i = 0; i < count; i++) gan_free(&overrides[i]);
  fuzz_check_freed(before);
  return 0;
}
