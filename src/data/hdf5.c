/* HDF5 data: `images` (N,H,W), (N,H,W,C), (N,C,H,W) or points (N,D), uint8, float32 or float64, and
 * where there are any `labels` (N), integers.  data.images and data.labels name the datasets. */
#include "base/memory.h"
#include "data/source.h"

#include <math.h>
#include <string.h>

typedef struct {
  gan_h5 *file;
  const char *path, *images, *labels; /* borrowed from the config */
  bool channels_first;
  char *scratch; /* a row in the file's order, where that is channels first */
} h5_state;

static bool claims(const char *path) {
  const char *dot = strrchr(path, '.');
  return dot && (!strcmp(dot, ".h5") || !strcmp(dot, ".hdf5") || !strcmp(dot, ".hdf"));
}

static bool is_channel_count(int64_t n) {
  return n == 1 || n == 3 || n == 4;
}

/* Which side of (N, a, b, c) has the channels. */
static gan_status decide_layout(const gan_source_spec *spec, const int64_t dims[4], bool *first) {
  bool fits_last = is_channel_count(dims[3]), fits_first = is_channel_count(dims[1]);
  *first = spec->layout == GAN_LAYOUT_NCHW || (spec->layout == GAN_LAYOUT_AUTO && fits_first);
  if (spec->layout != GAN_LAYOUT_AUTO || fits_last != fits_first) return GAN_OK;
  return gan_fail(GAN_INPUT,
                  "%s: dataset '%s' is (%lld, %lld, %lld, %lld): %s side can be the channels (1, 3 "
                  "or 4); set data.layout to nhwc or nchw",
                  spec->path, spec->images, (long long)dims[0], (long long)dims[1],
                  (long long)dims[2], (long long)dims[3], fits_last ? "either" : "neither");
}

static gan_status open_images(h5_state *state, const gan_source_spec *spec, gan_source *source) {
  gan_data_info *info = &source->info;
  gan_dtype type;
  int rank;
  int64_t d[GAN_H5_RANK_MAX];
  if (!gan_h5_has(state->file, spec->images))
    return gan_fail(GAN_INPUT,
                    "%s: has no dataset '%s'; key 'data.images' names the one with the samples",
                    spec->path, spec->images);
  GAN_TRY(gan_h5_shape(state->file, spec->images, &type, &rank, d));
  if (type != GAN_U8 && type != GAN_F32 && type != GAN_F64)
    return gan_fail(GAN_INPUT, "%s: dataset '%s' is %s; allowed are uint8, float32 and float64",
                    spec->path, spec->images, gan_dtype_name(type));
  if (rank < 2 || rank > 4)
    return gan_fail(GAN_INPUT,
                    "%s: dataset '%s' has %d dimensions; allowed are (N,D), (N,H,W), (N,H,W,C) and "
                    "(N,C,H,W)",
                    spec->path, spec->images, rank);
  if (rank == 4) GAN_TRY(decide_layout(spec, d, &state->channels_first));
  info->n = d[0];
  info->type = type == GAN_U8 ? GAN_U8 : GAN_F32;
  info->h = rank == 2 ? 1 : state->channels_first ? d[2] : d[1];
  info->w = rank == 2 ? 1 : state->channels_first ? d[3] : d[2];
  info->c = rank == 2 ? d[1] : rank == 3 ? 1 : state->channels_first ? d[1] : d[3];
  return GAN_OK;
}

static gan_status open_labels(h5_state *state, const gan_source_spec *spec, gan_source *source) {
  gan_dtype type;
  int rank;
  int64_t dims[GAN_H5_RANK_MAX];
  source->info.has_labels = gan_h5_has(state->file, spec->labels);
  if (!source->info.has_labels) return GAN_OK;
  GAN_TRY(gan_h5_shape(state->file, spec->labels, &type, &rank, dims));
  if (type == GAN_F32 || type == GAN_F64 || type == GAN_OTHER || rank != 1)
    return gan_fail(
        GAN_INPUT,
        "%s: dataset '%s' must be one dimension of uint8, int32 or int64; it is %s with "
        "%d dimensions",
        spec->path, spec->labels, gan_dtype_name(type), rank);
  if (dims[0] != source->info.n)
    return gan_fail(GAN_INPUT, "%s: dataset '%s' has %lld entries for %lld images", spec->path,
                    spec->labels, (long long)dims[0], (long long)source->info.n);
  return GAN_OK;
}

static gan_status open_source(const gan_source_spec *spec, gan_source *source) {
  h5_state *state;
  GAN_TRY_ALLOC(state, 1, "an HDF5 reader");
  source->state = state;
  state->path = spec->path;
  state->images = spec->images;
  state->labels = spec->labels;
  GAN_TRY(gan_h5_open(spec->path, &state->file));
  GAN_TRY(open_images(state, spec, source));
  GAN_TRY(gan_data_info_check(&source->info, spec->path));
  if (state->channels_first && source->info.c > 1)
    GAN_TRY_ALLOC(state->scratch, gan_data_row_bytes(&source->info), "a row of data");
  GAN_TRY(open_labels(state, spec, source));
  if (!gan_h5_has_attribute(state->file, spec->images, "class_names")) return GAN_OK;
  if (gan_h5_get_text(state->file, spec->images, "class_names", &source->class_names) != GAN_OK)
    gan_fail_clear(); /* someone else's, of another kind */
  return GAN_OK;
}

/* A row (C, H, W) to (H, W, C), in place. */
static void to_channels_last(const h5_state *state, const gan_data_info *info, char *row) {
  size_t size = gan_dtype_size(info->type);
  int64_t pixels = info->h * info->w;
  memcpy(state->scratch, row, gan_data_row_bytes(info));
  for (int64_t p = 0; p < pixels; p++)
    for (int64_t k = 0; k < info->c; k++)
      memcpy(row + (size_t)(p * info->c + k) * size,
             state->scratch + (size_t)(k * pixels + p) * size, size);
}

/* As 64-bit integers, so that one too large is seen and not cut. */
static gan_status read_labels_at(gan_source *source, int64_t first, int64_t count,
                                 int32_t *labels) {
  const h5_state *state = source->state;
  int64_t wide[4096];
  const int64_t most = sizeof wide / sizeof *wide;
  for (int64_t done = 0; done < count; done += most) {
    int64_t n = count - done < most ? count - done : most;
    GAN_TRY(gan_h5_read_rows(state->file, state->labels, GAN_I64, first + done, n, wide));
    for (int64_t i = 0; i < n; i++) {
      if (wide[i] < 0 || wide[i] >= INT32_MAX)
        return gan_fail(GAN_INPUT, "%s: label %lld of row %lld; allowed is 0 to %d", state->path,
                        (long long)wide[i], (long long)(first + done + i), INT32_MAX - 1);
      labels[done + i] = (int32_t)wide[i];
    }
  }
  return GAN_OK;
}

static gan_status read_at(gan_source *source, int64_t first, int64_t count, void *rows) {
  const h5_state *state = source->state;
  const gan_data_info *info = &source->info;
  GAN_TRY(gan_h5_read_rows(state->file, state->images, info->type, first, count, rows));
  for (int64_t i = 0; state->scratch && i < count; i++)
    to_channels_last(state, info, (char *)rows + (size_t)i * gan_data_row_bytes(info));
  return GAN_OK;
}

static gan_status read_rows(gan_source *source, int64_t count, void *rows, int32_t *labels) {
  if (source->info.has_labels) GAN_TRY(read_labels_at(source, source->position, count, labels));
  return read_at(source, source->position, count, rows);
}

/* The attributes that `mpigan data convert` writes. */
static gan_status extent(gan_source *source, bool *known, float *smallest, float *largest) {
  const h5_state *state = source->state;
  double low, high;
  *known = gan_h5_has_attribute(state->file, state->images, "minimum") &&
           gan_h5_has_attribute(state->file, state->images, "maximum");
  if (!*known) return GAN_OK;
  GAN_TRY(gan_h5_get_real(state->file, state->images, "minimum", &low));
  GAN_TRY(gan_h5_get_real(state->file, state->images, "maximum", &high));
  *smallest = (float)low;
  *largest = (float)high;
  if (isfinite(*smallest) && isfinite(*largest) && *smallest <= *largest) return GAN_OK;
  return gan_fail(GAN_INPUT,
                  "%s: dataset '%s' has the attributes minimum %g and maximum %g, which can be no "
                  "range of values",
                  state->path, state->images, low, high);
}

static void close_source(gan_source *source) {
  h5_state *state = source->state;
  if (!state) return;
  gan_h5_close(&state->file);
  gan_free(&state->scratch);
  gan_free(&source->state);
}

const gan_source_format gan_source_hdf5 = {
    .name = "HDF5",
    .claims = claims,
    .open = open_source,
    .read = read_rows,
    .read_at = read_at,
    .read_labels_at = read_labels_at,
    .extent = extent,
    .close = close_source,
};
