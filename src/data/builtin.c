/* builtin:digits, compiled in: 1,797 scans of handwritten digits, 8x8 pixels.
 *
 * UCI "Optical Recognition of Handwritten Digits", test part (E. Alpaydin, C. Kaynak, 1998),
 * CC BY 4.0.  The bytes are the IDX files in src/data/digits, turned into arrays by CMake.
 */
#include "data/source.h"

#include <string.h>

extern const unsigned char gan_digits_images[], gan_digits_labels[];

enum { ROWS = 1797, SIDE = 8, IMAGES_HEADER = 16, LABELS_HEADER = 8 };

static bool claims(const char *path) {
  return strncmp(path, "builtin:", 8) == 0;
}

static gan_status open_source(const gan_source_spec *spec, gan_source *source) {
  if (strcmp(spec->path, "builtin:digits") != 0)
    return gan_fail(GAN_INPUT,
                    "%s: no such built-in data set; there is builtin:digits, and of points in the "
                    "plane builtin:ring, builtin:grid and builtin:swiss_roll",
                    spec->path);
  source->info =
      (gan_data_info){.n = ROWS, .h = SIDE, .w = SIDE, .c = 1, .type = GAN_U8, .has_labels = true};
  return GAN_OK;
}

static gan_status read_rows(gan_source *source, int64_t count, void *rows, int32_t *labels) {
  size_t first = (size_t)source->position;
  memcpy(rows, gan_digits_images + IMAGES_HEADER + first * SIDE * SIDE,
         (size_t)count * SIDE * SIDE);
  for (int64_t i = 0; i < count; i++)
    labels[i] = gan_digits_labels[LABELS_HEADER + first + (size_t)i];
  return GAN_OK;
}

static void close_source(gan_source *source) {
  (void)source;
}

const gan_source_format gan_source_builtin = {
    .name = "builtin",
    .claims = claims,
    .open = open_source,
    .read = read_rows,
    .close = close_source,
};
