/* Made-up data for measuring and tests: uniform random bytes, a function of the row alone. */
#include "base/rng.h"
#include "data/source.h"

#include <string.h>

static bool claims(const char *path) {
  (void)path;
  return false; /* gan_source_make is the only way in */
}

static gan_status read_rows(gan_source *source, int64_t count, void *rows, int32_t *labels) {
  (void)labels;
  uint8_t *bytes = rows;
  int64_t size = gan_data_row_size(&source->info);
  gan_rng rng = gan_rng_stream(0, GAN_RNG_SYNTHETIC, 0, 0, 0);
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
    .read = read_rows,
    .close = close_source,
};
