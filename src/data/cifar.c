/* CIFAR-10, binary version (A. Krizhevsky, "Learning multiple layers of features from tiny images",
 * 2009), plain or gzip-compressed.
 *
 * A file is records of 3073 bytes: a label from 0 to 9, then 32x32 pixels as three planes, (C, H,
 * W). A path is one such file, whose name ends in .bin or .bin.gz, or a folder with some of the
 * usual data_batch_1.bin to data_batch_5.bin (or ....bin.gz), which are read in that order.
 */
#include "base/memory.h"
#include "data/source.h"
#include "io/file.h"
#include "io/gzip.h"

#include <string.h>

enum { SIDE = 32, PIXELS = SIDE * SIDE, CHANNELS = 3, ROW = CHANNELS * PIXELS, RECORD = ROW + 1 };
enum { FILES_MAX = 5, LARGEST_LABEL = 9 };

typedef struct {
  char *paths[FILES_MAX];
  int64_t rows[FILES_MAX];
  int count;
  int at;         /* the file that is read */
  int64_t done;   /* its rows that were read */
  gan_gzip *file; /* it, or NULL before its first row */
} cifar_state;

static bool ends_with(const char *text, const char *end) {
  size_t n = strlen(text), m = strlen(end);
  return n >= m && strcmp(text + n - m, end) == 0;
}

/* Batch number i (from 1) of a folder; NULL if it is not there. */
static char *batch_in(const char *folder, int i) {
  char *path = gan_format("%s/data_batch_%d.bin", folder, i);
  if (path && !gan_file_exists(path)) {
    gan_free(&path);
    path = gan_format("%s/data_batch_%d.bin.gz", folder, i);
    if (path && !gan_file_exists(path)) gan_free(&path);
  }
  return path;
}

static bool claims(const char *path) {
  if (!gan_folder_exists(path)) return ends_with(path, ".bin") || ends_with(path, ".bin.gz");
  bool found = false;
  for (int i = 1; i <= FILES_MAX && !found; i++) {
    char *batch = batch_in(path, i);
    found = batch != NULL;
    gan_free(&batch);
  }
  return found;
}

static gan_status count_rows(const char *path, int64_t *rows) {
  gan_gzip *file;
  uint64_t bytes;
  GAN_TRY(gan_gzip_open(path, &file));
  gan_status status = GAN_OK;
  if (gan_gzip_is_compressed(file))
    status = gan_gzip_count(file, &bytes);
  else
    bytes = gan_gzip_file_size(file);
  gan_gzip_close(&file);
  GAN_TRY(status);
  *rows = (int64_t)(bytes / RECORD);
  if (bytes % RECORD == 0) return GAN_OK;
  return gan_fail(GAN_INPUT,
                  "%s: holds %llu bytes, which are no whole number of CIFAR-10's records of %d "
                  "bytes: it is truncated, or no CIFAR-10 file",
                  path, (unsigned long long)bytes, RECORD);
}

static gan_status add_file(cifar_state *state, char *path) {
  if (!path) return GAN_OK;
  state->paths[state->count] = path;
  return count_rows(path, &state->rows[state->count++]);
}

static gan_status open_source(const gan_source_spec *spec, gan_source *source) {
  cifar_state *state;
  GAN_TRY_ALLOC(state, 1, "a CIFAR-10 reader");
  source->state = state;
  if (!gan_folder_exists(spec->path)) {
    char *path = gan_strdup(spec->path);
    if (!path) return GAN_NO_MEMORY;
    GAN_TRY(add_file(state, path));
  } else {
    for (int i = 1; i <= FILES_MAX; i++) GAN_TRY(add_file(state, batch_in(spec->path, i)));
  }
  source->info =
      (gan_data_info){.h = SIDE, .w = SIDE, .c = CHANNELS, .type = GAN_U8, .has_labels = true};
  for (int i = 0; i < state->count; i++) source->info.n += state->rows[i];
  return GAN_OK;
}

/* Makes the next row's file the one that is open; there is a next row. */
static gan_status next_file(cifar_state *state) {
  while (state->done == state->rows[state->at]) {
    if (state->file) GAN_TRY(gan_gzip_expect_end(state->file));
    gan_gzip_close(&state->file);
    state->at++;
    state->done = 0;
  }
  return state->file ? GAN_OK : gan_gzip_open(state->paths[state->at], &state->file);
}

static gan_status read_row(cifar_state *state, uint8_t *row, int32_t *label) {
  uint8_t record[RECORD];
  GAN_TRY(next_file(state));
  GAN_TRY(gan_gzip_read(state->file, record, RECORD));
  *label = record[0];
  if (*label > LARGEST_LABEL)
    return gan_fail(GAN_INPUT, "%s: label %d of row %lld; allowed is 0 to %d, as CIFAR-10 has",
                    state->paths[state->at], *label, (long long)state->done, LARGEST_LABEL);
  for (int p = 0; p < PIXELS; p++)
    for (int k = 0; k < CHANNELS; k++) row[p * CHANNELS + k] = record[1 + k * PIXELS + p];
  state->done++;
  return GAN_OK;
}

static gan_status read_rows(gan_source *source, int64_t count, void *rows, int32_t *labels) {
  for (int64_t i = 0; i < count; i++)
    GAN_TRY(read_row(source->state, (uint8_t *)rows + i * ROW, labels + i));
  return GAN_OK;
}

static gan_status finish(gan_source *source) {
  const cifar_state *state = source->state;
  return state->file ? gan_gzip_expect_end(state->file) : GAN_OK;
}

static void close_source(gan_source *source) {
  cifar_state *state = source->state;
  if (!state) return;
  for (int i = 0; i < state->count; i++) gan_free(&state->paths[i]);
  gan_gzip_close(&state->file);
  gan_free(&source->state);
}

const gan_source_format gan_source_cifar = {
    .name = "CIFAR-10",
    .claims = claims,
    .open = open_source,
    .read = read_rows,
    .finish = finish,
    .close = close_source,
};
