/* Stacked data (Srivastava et al. 2017, section 4.2, after Metz et al. 2017): an image of three
 * colours, each of which is a grey image that is drawn at random, with replacement.  Its label is
 * the three labels as digits of a number in base K, K the data's classes: of MNIST 1,000 modes.
 */
#include "base/memory.h"
#include "base/rng.h"
#include "data/source.h"

#include <string.h>

enum { COLOURS = 3, CLASSES_MAX = 1000 };

typedef struct {
  int64_t n, pixels;
  char *grey;      /* (n, H, W) */
  int32_t *labels; /* (n) */
  int32_t classes;
} stack;

static void draw(const stack *from, int64_t row, int64_t drawn[COLOURS]) {
  gan_rng rng = gan_rng_stream(0, GAN_RNG_SYNTHETIC, 0, 3, 0);
  uint32_t bits[2 * COLOURS];
  gan_rng_bits(rng, (uint64_t)row, 0, 2 * COLOURS, bits);
  for (int k = 0; k < COLOURS; k++) {
    uint64_t word = (uint64_t)bits[2 * k] << 32 | bits[2 * k + 1];
    drawn[k] = (int64_t)(word % (uint64_t)from->n);
  }
}

/* Pixel by pixel its three colours; a number has `size` bytes. */
static void interleave(const stack *from, size_t size, const int64_t drawn[COLOURS], char *row) {
  for (int k = 0; k < COLOURS; k++) {
    const char *grey = from->grey + (size_t)(drawn[k] * from->pixels) * size;
    for (int64_t i = 0; i < from->pixels; i++)
      memcpy(row + (size_t)(i * COLOURS + k) * size, grey + (size_t)i * size, size);
  }
}

static gan_status read_rows(gan_source *source, int64_t count, void *rows, int32_t *labels) {
  const stack *from = source->state;
  size_t size = gan_dtype_size(source->info.type), row_bytes = gan_data_row_bytes(&source->info);
  for (int64_t i = 0; i < count; i++) {
    int64_t drawn[COLOURS];
    draw(from, source->position + i, drawn);
    interleave(from, size, drawn, (char *)rows + (size_t)i * row_bytes);
    labels[i] = 0;
    for (int k = 0; k < COLOURS; k++)
      labels[i] = labels[i] * from->classes + from->labels[drawn[k]];
  }
  return GAN_OK;
}

static void close_source(gan_source *source) {
  stack *state = source->state;
  if (!state) return;
  gan_free(&state->grey);
  gan_free(&state->labels);
  gan_free(&source->state);
}

static const gan_source_format stacked = {
    .name = "stack",
    .read = read_rows,
    .close = close_source,
};

static gan_status check(const gan_source_spec *spec, const gan_data_info *info) {
  char text[128];
  if (info->c == 1 && info->has_labels && info->h * info->w > 1) return GAN_OK;
  return gan_fail(GAN_USAGE, "%s has %s; what can be stacked are images of one channel with labels",
                  spec->path, gan_data_info_text(info, text, sizeof text));
}

static gan_status read_all(const gan_source_spec *spec, gan_source *grey, stack *into) {
  GAN_TRY(check(spec, &grey->info));
  into->n = grey->info.n;
  into->pixels = gan_data_row_size(&grey->info);
  GAN_TRY_ALLOC(into->grey, (size_t)into->n * gan_data_row_bytes(&grey->info),
                "the images that are stacked");
  GAN_TRY_ALLOC(into->labels, into->n, "their labels");
  GAN_TRY(gan_source_read(grey, into->n, into->grey, into->labels));
  GAN_TRY(gan_source_finish(grey));
  for (int64_t i = 0; i < into->n; i++)
    if (into->labels[i] >= into->classes) into->classes = into->labels[i] + 1;
  if (into->classes <= CLASSES_MAX) return GAN_OK;
  return gan_fail(GAN_USAGE, "%s has labels up to %d; %d classes can be stacked at most",
                  spec->path, into->classes - 1, CLASSES_MAX);
}

static gan_status open_stacked(const gan_source_spec *spec, gan_source *source) {
  gan_source_spec plain = *spec;
  gan_source *grey;
  stack *state;
  source->format = &stacked;
  GAN_TRY_ALLOC(state, 1, "a stack of images");
  source->state = state;
  plain.stack = 0;
  GAN_TRY(gan_source_open(&plain, &grey));
  source->info = grey->info;
  source->info.n = spec->stack;
  source->info.c = COLOURS;
  gan_status status = read_all(spec, grey, state);
  gan_source_close(&grey);
  return status == GAN_OK ? gan_data_info_check(&source->info, spec->path) : status;
}

gan_status gan_source_open_stacked(const gan_source_spec *spec, gan_source **out) {
  GAN_TRY_ALLOC(*out, 1, "a data source");
  gan_status status = open_stacked(spec, *out);
  if (status != GAN_OK) gan_source_close(out);
  return status;
}
