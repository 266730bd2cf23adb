/* IDX, the format of MNIST (Y. LeCun et al.), plain or gzip-compressed.
 *
 *   bytes 0, 1   zero
 *   byte 2       type: 8 uint8, 13 float32, 14 float64
 *   byte 3       number of dimensions
 *   then         each dimension as a big-endian 32-bit integer, then the numbers, big-endian
 *
 * A path is one file of images (N, H, W) or points (N, D), or a folder with the usual names
 * train-images-idx3-ubyte and train-labels-idx1-ubyte (or ....gz).  The labels of a file of images
 * are in the one of the same folder whose name has "labels-idx1" for "images-idx3".
 */
#include "base/memory.h"
#include "data/source.h"
#include "io/file.h"
#include "io/gzip.h"

#include <stdio.h>
#include <string.h>

enum { DIMS_MAX = 3 };

/* A gzip stream cannot shrink its content more than this (zlib's documentation: 1032 to 1). */
enum { GZIP_RATIO_MAX = 1040 };

typedef struct {
  gan_gzip *file;
  char *path;
  gan_dtype type;
  int rank;
  int64_t dims[DIMS_MAX];
} idx_file;

typedef struct {
  idx_file images, labels;
  unsigned char *scratch; /* numbers as the file has them */
} idx_state;

static bool claims(const char *path) {
  (void)path;
  return true;
}

static gan_status parse_header(idx_file *idx) {
  unsigned char head[4], dim[4];
  GAN_TRY(gan_gzip_read(idx->file, head, sizeof head));
  idx->type = head[2] == 8 ? GAN_U8 : head[2] == 13 ? GAN_F32 : head[2] == 14 ? GAN_F64 : GAN_OTHER;
  if (head[0] || head[1])
    return gan_fail(GAN_INPUT,
                    "%s: is not an IDX file (it begins with bytes %02x %02x, not 00 00), nor does "
                    "its name end in .h5 or .hdf5",
                    idx->path, head[0], head[1]);
  if (idx->type == GAN_OTHER)
    return gan_fail(GAN_INPUT,
                    "%s: IDX type 0x%02x; allowed are 0x08 (uint8), 0x0d (float32), 0x0e (float64)",
                    idx->path, head[2]);
  if (head[3] < 1 || head[3] > DIMS_MAX)
    return gan_fail(GAN_INPUT,
                    "%s: has %d dimensions; allowed are 1 (labels), 2 (N, D), 3 (N, H, W)",
                    idx->path, head[3]);
  idx->rank = head[3];
  for (int i = 0; i < idx->rank; i++) {
    GAN_TRY(gan_gzip_read(idx->file, dim, sizeof dim));
    idx->dims[i] = (int64_t)dim[0] << 24 | dim[1] << 16 | dim[2] << 8 | dim[3];
  }
  return GAN_OK;
}

/* The header's sizes against the file's, before any memory is taken. */
static gan_status check_size(const idx_file *idx) {
  double promised = (double)gan_dtype_size(idx->type);
  for (int i = 0; i < idx->rank; i++) promised *= (double)idx->dims[i];
  double header = 4.0 + 4.0 * idx->rank, size = (double)gan_gzip_file_size(idx->file);
  bool compressed = gan_gzip_is_compressed(idx->file);
  if (!compressed && header + promised > size)
    return gan_fail(GAN_INPUT, "%s: truncated: its header asks for %.0f bytes, the file has %.0f",
                    idx->path, header + promised, size);
  if (!compressed && header + promised < size)
    return gan_fail(GAN_INPUT, "%s: is longer than its header says: %.0f bytes, not %.0f",
                    idx->path, size, header + promised);
  if (compressed && header + promised > size * GZIP_RATIO_MAX)
    return gan_fail(GAN_INPUT,
                    "%s: its header asks for %.0f bytes, more than a gzip file of %.0f can hold",
                    idx->path, header + promised, size);
  return GAN_OK;
}

static gan_status open_file(idx_file *idx, const char *path) {
  idx->path = gan_strdup(path);
  if (!idx->path) return GAN_NO_MEMORY;
  GAN_TRY(gan_gzip_open(path, &idx->file));
  GAN_TRY(parse_header(idx));
  return check_size(idx);
}

/* folder/name or folder/name.gz; NULL if neither exists. */
static char *in_folder(const char *folder, const char *name) {
  char *path = gan_format("%s/%s", folder, name);
  if (path && !gan_file_exists(path)) {
    gan_free(&path);
    path = gan_format("%s/%s.gz", folder, name);
    if (path && !gan_file_exists(path)) gan_free(&path);
  }
  return path;
}

static gan_status open_labels(idx_state *state, const char *path, int64_t n) {
  GAN_TRY(open_file(&state->labels, path));
  if (state->labels.rank != 1 || state->labels.type != GAN_U8)
    return gan_fail(GAN_INPUT, "%s: labels must be one dimension of uint8", path);
  if (state->labels.dims[0] != n)
    return gan_fail(GAN_INPUT, "%s: has %lld labels for %lld images", path,
                    (long long)state->labels.dims[0], (long long)n);
  return GAN_OK;
}

static gan_status open_images(idx_state *state, gan_source *source, const char *path) {
  idx_file *images = &state->images;
  GAN_TRY(open_file(images, path));
  if (images->rank < 2)
    return gan_fail(GAN_INPUT, "%s: holds labels, not images: it has one dimension", path);
  gan_data_info *info = &source->info;
  info->n = images->dims[0];
  info->h = images->rank == 3 ? images->dims[1] : 1;
  info->w = images->rank == 3 ? images->dims[2] : 1;
  info->c = images->rank == 3 ? 1 : images->dims[1];
  info->type = images->type == GAN_U8 ? GAN_U8 : GAN_F32;
  GAN_TRY(gan_data_info_check(info, path));
  if (images->type == GAN_U8) return GAN_OK;
  size_t row = (size_t)gan_data_row_size(info) * gan_dtype_size(images->type);
  GAN_TRY_ALLOC(state->scratch, row, "a row of data");
  return GAN_OK;
}

/* The path of the labels that go with a file of images; NULL if there is none. */
static char *beside(const char *path) {
  static const char images[] = "images-idx3", labels[] = "labels-idx1";
  const char *slash = strrchr(path, '/'), *at = strstr(slash ? slash : path, images);
  if (!at) return NULL;
  char *found = gan_format("%.*s%s%s", (int)(at - path), path, labels, at + strlen(images));
  if (found && !gan_file_exists(found)) gan_free(&found);
  return found;
}

static gan_status open_one(const gan_source_spec *spec, idx_state *state, gan_source *source) {
  GAN_TRY(open_images(state, source, spec->path));
  char *labels = spec->labels_beside ? beside(spec->path) : NULL;
  if (!labels) return GAN_OK;
  gan_status status = open_labels(state, labels, source->info.n);
  source->info.has_labels = true;
  gan_free(&labels);
  return status;
}

static gan_status open_source(const gan_source_spec *spec, gan_source *source) {
  idx_state *state;
  GAN_TRY_ALLOC(state, 1, "an IDX reader");
  source->state = state;
  if (!gan_folder_exists(spec->path)) return open_one(spec, state, source);
  char *images = in_folder(spec->path, "train-images-idx3-ubyte");
  char *labels = in_folder(spec->path, "train-labels-idx1-ubyte");
  gan_status status;
  if (!images)
    status =
        gan_fail(GAN_INPUT,
                 "%s: no train-images-idx3-ubyte or train-images-idx3-ubyte.gz in this folder; of "
                 "pictures make a data set first: mpigan data convert %s OUT.h5 --size 64",
                 spec->path, spec->path);
  else
    status = open_images(state, source, images);
  if (status == GAN_OK && labels) {
    status = open_labels(state, labels, source->info.n);
    source->info.has_labels = true;
  }
  gan_free(&images);
  gan_free(&labels);
  return status;
}

/* A big-endian float of 4 or 8 bytes. */
static float big_endian_float(const unsigned char *bytes, gan_dtype type) {
  uint64_t bits = 0;
  for (size_t i = 0; i < gan_dtype_size(type); i++) bits = bits << 8 | bytes[i];
  if (type == GAN_F64) {
    double x;
    memcpy(&x, &bits, sizeof x);
    return (float)x;
  }
  uint32_t half = (uint32_t)bits;
  float x;
  memcpy(&x, &half, sizeof x);
  return x;
}

static gan_status read_labels(idx_file *idx, int64_t count, int32_t *labels) {
  unsigned char bytes[4096];
  for (int64_t done = 0; done < count;) {
    int64_t n = count - done < (int64_t)sizeof bytes ? count - done : (int64_t)sizeof bytes;
    GAN_TRY(gan_gzip_read(idx->file, bytes, (size_t)n));
    for (int64_t i = 0; i < n; i++) labels[done + i] = bytes[i];
    done += n;
  }
  return GAN_OK;
}

static gan_status read_rows(gan_source *source, int64_t count, void *rows, int32_t *labels) {
  idx_state *state = source->state;
  int64_t size = gan_data_row_size(&source->info);
  if (source->info.has_labels) GAN_TRY(read_labels(&state->labels, count, labels));
  if (state->images.type == GAN_U8)
    return gan_gzip_read(state->images.file, rows, (size_t)(count * size));
  size_t element = gan_dtype_size(state->images.type);
  for (int64_t i = 0; i < count; i++) {
    GAN_TRY(gan_gzip_read(state->images.file, state->scratch, (size_t)size * element));
    for (int64_t k = 0; k < size; k++)
      ((float *)rows)[i * size + k] =
          big_endian_float(state->scratch + (size_t)k * element, state->images.type);
  }
  return GAN_OK;
}

static gan_status finish(gan_source *source) {
  idx_state *state = source->state;
  GAN_TRY(gan_gzip_expect_end(state->images.file));
  return state->labels.file ? gan_gzip_expect_end(state->labels.file) : GAN_OK;
}

static void close_source(gan_source *source) {
  idx_state *state = source->state;
  if (!state) return;
  gan_gzip_close(&state->images.file);
  gan_gzip_close(&state->labels.file);
  gan_free(&state->images.path);
  gan_free(&state->labels.path);
  gan_free(&state->scratch);
  gan_free(&source->state);
}

const gan_source_format gan_source_idx = {
    .name = "IDX",
    .claims = claims,
    .open = open_source,
    .read = read_rows,
    .finish = finish,
    .close = close_source,
};
