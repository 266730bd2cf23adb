#include "data/sheet.h"

#include "base/memory.h"
#include "io/png.h"

#include <string.h>

enum { PLAIN = 64, POINTS = 4096, CLASSES = 20, COLUMNS = 10 };

/* Rows that a sheet keeps, as floats. */
static const int64_t BYTES_MAX = 256 << 20;

/* Rows of one class; unlabelled data is one class. */
typedef struct {
  int32_t label;
  int64_t first, count; /* of the rows that are kept */
} line;

struct gan_sheet {
  gan_data_info info;
  line lines[CLASSES]; /* in the order of their labels */
  int line_count;
  int64_t columns; /* rows of a class at most */
  char *rows;      /* (lines, columns, H, W, C), as stored */
};

gan_status gan_sheet_create(const gan_data_info *info, const char *path, gan_sheet **out) {
  gan_sheet *sheet;
  bool points = info->h == 1 && info->w == 1;
  if (points && info->c != 2)
    return gan_fail(GAN_USAGE, "%s: no picture shows points of %lld numbers; leave --png out", path,
                    (long long)info->c);
  GAN_TRY_ALLOC(sheet, 1, "a contact sheet");
  *out = sheet;
  sheet->info = *info;
  bool classes = info->has_labels && !points;
  int64_t most = points ? POINTS : classes ? COLUMNS : PLAIN, lines = classes ? CLASSES : 1;
  int64_t fit = BYTES_MAX / (lines * gan_data_row_size(info) * (int64_t)sizeof(float));
  sheet->columns = fit < 1 ? 1 : fit < most ? fit : most;
  if (!classes) sheet->line_count = 1;
  sheet->rows =
      gan_alloc((size_t)(lines * sheet->columns), gan_data_row_bytes(info), "a contact sheet");
  if (!sheet->rows) gan_sheet_destroy(out);
  return *out ? GAN_OK : GAN_NO_MEMORY;
}

void gan_sheet_destroy(gan_sheet **sheet) {
  if (!*sheet) return;
  gan_free(&(*sheet)->rows);
  gan_free(sheet);
}

/* The line of a label, made if there is room; NULL if there is none. */
static line *line_of(gan_sheet *sheet, int32_t label) {
  int at = 0;
  while (at < sheet->line_count && sheet->lines[at].label < label) at++;
  if (at < sheet->line_count && sheet->lines[at].label == label) return &sheet->lines[at];
  if (sheet->line_count == CLASSES) return NULL;
  line *lines = sheet->lines;
  memmove(lines + at + 1, lines + at, (size_t)(sheet->line_count - at) * sizeof *lines);
  lines[at] = (line){.label = label, .first = sheet->line_count++ * sheet->columns};
  return &lines[at];
}

void gan_sheet_add(gan_sheet *sheet, int64_t count, const void *rows, const int32_t *labels) {
  size_t row = gan_data_row_bytes(&sheet->info);
  bool classes = sheet->info.has_labels && (sheet->info.h > 1 || sheet->info.w > 1);
  for (int64_t i = 0; i < count; i++) {
    line *to = classes ? line_of(sheet, labels[i]) : sheet->lines;
    if (!to || to->count == sheet->columns) continue;
    memcpy(sheet->rows + (size_t)(to->first + to->count++) * row,
           (const char *)rows + (size_t)i * row, row);
  }
}

/* Row `i` of those that are kept, (H, W, C) as stored, to (C, H, W). */
static void show_row(const gan_sheet *sheet, int64_t i, float *out) {
  const gan_data_info *info = &sheet->info;
  const void *row = sheet->rows + (size_t)i * gan_data_row_bytes(info);
  for (int64_t p = 0; p < info->h * info->w; p++)
    for (int64_t k = 0; k < info->c; k++) {
      int64_t at = p * info->c + k;
      out[k * info->h * info->w + p] =
          info->type == GAN_U8 ? ((const uint8_t *)row)[at] : ((const float *)row)[at];
    }
}

gan_status gan_sheet_write(const gan_sheet *sheet, const char *path, const gan_value_facts *facts) {
  const gan_data_info *info = &sheet->info;
  int64_t size = gan_data_row_size(info), columns = 0;
  double low, high;
  float *images;
  bool points = info->h == 1 && info->w == 1;
  gan_value_facts_range(facts, info->type, &low, &high);
  for (int i = 0; i < sheet->line_count; i++)
    if (sheet->lines[i].count > columns) columns = sheet->lines[i].count;
  int64_t n = sheet->line_count * columns;
  GAN_TRY_ALLOC(images, n * size, "a contact sheet");
  for (int64_t i = 0; i < n * size; i++) images[i] = (float)low; /* where a class has fewer */
  for (int i = 0; i < sheet->line_count; i++)
    for (int64_t k = 0; k < sheet->lines[i].count; k++)
      show_row(sheet, sheet->lines[i].first + k, images + (i * columns + k) * size);
  float margin = 0.1f * (float)(high - low);
  gan_status status;
  if (points)
    status = gan_png_write_points(path, images, n, (float)low - margin, (float)high + margin);
  else
    status = gan_png_write_grid(path, images, n, info->c, info->h, info->w,
                                info->has_labels ? columns : 0, (float)low, (float)high);
  gan_free(&images);
  return status;
}
