#include "data/source.h"

#include "base/memory.h"
#include "io/file.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const gan_source_format *const formats[] = {
    &gan_source_points, &gan_source_builtin, &gan_source_synthetic,
    &gan_source_hdf5,   &gan_source_cifar,   &gan_source_idx, /* claims what the others leave */
};

enum { SIDE_MAX = 1 << 20, ROW_MAX = 1 << 28 };

int64_t gan_data_row_size(const gan_data_info *info) {
  return info->h * info->w * info->c;
}

size_t gan_data_row_bytes(const gan_data_info *info) {
  return (size_t)gan_data_row_size(info) * gan_dtype_size(info->type);
}

bool gan_data_rows_alike(const gan_data_info *a, const gan_data_info *b) {
  return a->h == b->h && a->w == b->w && a->c == b->c && a->type == b->type &&
         a->has_labels == b->has_labels;
}

char *gan_data_info_text(const gan_data_info *info, char *text, size_t size) {
  const char *labels = info->has_labels ? ", with labels" : "";
  if (info->h == 1 && info->w == 1)
    snprintf(text, size, "%lld points of %lld %s%s", (long long)info->n, (long long)info->c,
             gan_dtype_name(info->type), labels);
  else
    snprintf(text, size, "%lld images of %lldx%lldx%lld %s%s", (long long)info->n,
             (long long)info->h, (long long)info->w, (long long)info->c, gan_dtype_name(info->type),
             labels);
  return text;
}

gan_status gan_data_info_check(const gan_data_info *info, const char *path) {
  if (info->n < 1) return gan_fail(GAN_INPUT, "%s: the data set is empty", path);
  bool sane = info->h > 0 && info->w > 0 && info->c > 0 && info->h <= SIDE_MAX &&
              info->w <= SIDE_MAX && info->c <= SIDE_MAX && info->n <= INT64_MAX / ROW_MAX / 8 &&
              info->h * info->w <= ROW_MAX && info->h * info->w * info->c <= ROW_MAX;
  if (!sane)
    return gan_fail(GAN_INPUT,
                    "%s: rows of %lld x %lld x %lld cannot be used; a side is at least 1 and at "
                    "most %d, a row has at most %d numbers",
                    path, (long long)info->h, (long long)info->w, (long long)info->c, SIDE_MAX,
                    ROW_MAX);
  return GAN_OK;
}

/* `folder`/`name` as an absolute path if it exists, else NULL. */
static char *existing(const char *folder, size_t folder_length, const char *name) {
  char *joined =
      folder_length ? gan_format("%.*s/%s", (int)folder_length, folder, name) : gan_strdup(name);
  char *result = NULL;
  if (joined) {
    char *absolute = realpath(joined, NULL);
    if (absolute) result = gan_strdup(absolute);
    free(absolute);
  }
  gan_free(&joined);
  return result;
}

gan_status gan_source_find(const char *name, char **path) {
  if (strncmp(name, "builtin:", 8) == 0 || strncmp(name, "synthetic:", 10) == 0) {
    *path = gan_strdup(name);
    return *path ? GAN_OK : GAN_NO_MEMORY;
  }
  *path = existing("", 0, name);
  if (*path) return GAN_OK;
  const char *list = getenv("MPIGAN_DATA");
  for (const char *at = list; *name != '/' && at && *at && !*path;) {
    size_t length = strcspn(at, ":");
    if (length) *path = existing(at, length, name);
    at += length + (at[length] == ':');
  }
  if (*name != '/' && !*path) *path = existing("/usr/share/datasets", 19, name);
  if (*path) return GAN_OK;
  if (*name == '/') return gan_fail(GAN_INPUT, "%s: no such file or folder", name);
  return gan_fail(GAN_INPUT,
                  "data set '%s' is not found: not here, not under $MPIGAN_DATA (%s), not under "
                  "/usr/share/datasets; give a path, or set MPIGAN_DATA to the folder that has it",
                  name, list && *list ? list : "not set");
}

gan_status gan_source_open(const gan_source_spec *spec, gan_source **out) {
  if (spec->stack) return gan_source_open_stacked(spec, out);
  if (spec->select.count) return gan_source_open_selected(spec, out);
  gan_source *source;
  GAN_TRY_ALLOC(source, 1, "a data source");
  if (spec->pictures.side) source->format = &gan_source_pictures;
  for (size_t i = 0; i < sizeof formats / sizeof *formats && !source->format; i++)
    if (formats[i]->claims(spec->path)) source->format = formats[i];
  gan_status status = source->format->open(spec, source);
  if (status == GAN_OK) status = gan_data_info_check(&source->info, spec->path);
  *out = source;
  if (status != GAN_OK) gan_source_close(out);
  return status;
}

gan_status gan_source_make(const gan_data_info *info, gan_source **out) {
  GAN_TRY_ALLOC(*out, 1, "a data source");
  (*out)->format = &gan_source_synthetic;
  (*out)->info = *info;
  return GAN_OK;
}

gan_status gan_source_read(gan_source *source, int64_t count, void *rows, int32_t *labels) {
  GAN_ASSERT(source->position + count <= source->info.n);
  GAN_TRY(source->format->read(source, count, rows, labels));
  source->position += count;
  return GAN_OK;
}

gan_status gan_source_read_some(gan_source *source, int64_t most, void *rows, int32_t *labels,
                                int64_t *count) {
  if (source->format->read_some) {
    GAN_TRY(source->format->read_some(source, most, rows, labels, count));
    source->position += *count;
    return GAN_OK;
  }
  int64_t left = source->info.n - source->position;
  *count = left < most ? left : most;
  return *count ? gan_source_read(source, *count, rows, labels) : GAN_OK;
}

bool gan_source_can_stream(const gan_source *source) {
  return source->format->read_at != NULL;
}

gan_status gan_source_read_at(gan_source *source, int64_t first, int64_t count, void *rows) {
  GAN_ASSERT(first >= 0 && count <= source->info.n - first);
  return source->format->read_at(source, first, count, rows);
}

gan_status gan_source_read_labels_at(gan_source *source, int64_t first, int64_t count,
                                     int32_t *labels) {
  GAN_ASSERT(first >= 0 && count <= source->info.n - first);
  return source->format->read_labels_at(source, first, count, labels);
}

gan_status gan_source_extent(gan_source *source, bool *known, float *smallest, float *largest) {
  *known = false;
  return source->format->extent ? source->format->extent(source, known, smallest, largest) : GAN_OK;
}

gan_status gan_source_finish(gan_source *source) {
  return source->format->finish ? source->format->finish(source) : GAN_OK;
}

void gan_source_close(gan_source **source) {
  if (!*source) return;
  (*source)->format->close(*source);
  gan_free(&(*source)->class_names);
  gan_free(source);
}
