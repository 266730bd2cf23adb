/* Made-up data for measuring and tests: uniform random bytes, a function of the row alone.  Its
 * name tells its shape: synthetic:NxHxWxC.  That has no labels; what is made for a conditional
 * model (gan_source_make) has label 0 throughout. */
#include "base/rng.h"
#include "data/source.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

static const char prefix[] = "synthetic:";

static bool claims(const char *path) {
  return strncmp(path, prefix, strlen(prefix)) == 0;
}

static gan_status open_source(const gan_source_spec *spec, gan_source *source) {
  gan_data_info *info = &source->info;
  int64_t *const sides[] = {&info->n, &info->h, &info->w, &info->c};
  const char *at = spec->path + strlen(prefix);
  for (int i = 0; i < 4; i++) {
    char *end;
    errno = 0;
    *sides[i] = strtoll(at, &end, 10);
    if (errno || end == at || *at < '0' || *at > '9' || *end != (i < 3 ? 'x' : '\0'))
      return gan_fail(GAN_INPUT,
                      "%s: made-up data is named synthetic:NxHxWxC, for example "
                      "synthetic:60000x28x28x1",
                      spec->path);
    at = end + 1;
  }
  info->type = GAN_U8;
  return GAN_OK;
}

static gan_status read_rows(gan_source *source, int64_t count, void *rows, int32_t *labels) {
  uint8_t *bytes = rows;
  int64_t size = gan_data_row_size(&source->info);
  gan_rng rng = gan_rng_stream(0, GAN_RNG_SYNTHETIC, 0, 0, 0);
  if (source->info.has_labels) memset(labels, 0, (size_t)count * sizeof *labels);
  for (int64_t i = 0; i < count; i++)
    for (int64_t k = 0; k < size; k += 64) {
      uint32_t words[16];
      uint64_t row = (uint64_t)(source->position + i);
      gan_rng_bits(rng, row, (uint32_t)(k / 64), 16, words);
      memcpy(bytes + i * size + k, words, (size_t)(size - k < 64 ? size - k : 64));
    }
  return GAN_OK;
}

static void close_source(gan_source *source) {
  (void)source;
}

const gan_source_format gan_source_synthetic = {
    .name = "synthetic",
    .claims = claims,
    .open = open_source,
    .read = read_rows,
    .close = close_source,
};
