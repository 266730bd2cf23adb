#include "unit/data_support.h"

#include "base/memory.h"

#include <stdio.h>
#include <string.h>
#include <zlib.h>

double unit_byte(int64_t i) {
  return (double)((uint64_t)(i + 1) * 2654435761u >> 13 & 255);
}
double unit_digit(int64_t i) {
  return (double)(((uint64_t)(i + 3) * 2654435761u >> 16) % 10);
}
double unit_real(int64_t i) {
  return unit_byte(i) / 64.0 - 2.0;
}

static unsigned char *put_big_endian(unsigned char *at, uint64_t bits, int bytes) {
  for (int i = bytes - 1; i >= 0; i--) *at++ = (unsigned char)(bits >> 8 * i);
  return at;
}

static unsigned char *put_number(unsigned char *at, int type, double x) {
  if (type == IDX_F32) {
    float value = (float)x;
    uint32_t bits;
    memcpy(&bits, &value, sizeof bits);
    return put_big_endian(at, bits, 4);
  }
  if (type == IDX_F64) {
    uint64_t bits;
    memcpy(&bits, &x, sizeof bits);
    return put_big_endian(at, bits, 8);
  }
  return put_big_endian(at, (uint64_t)x, 1);
}

unsigned char *unit_idx(int type, int rank, const int64_t *dims, unit_value value, size_t *n) {
  int64_t count = 1;
  for (int i = 0; i < rank; i++) count *= dims[i];
  unsigned char *bytes = gan_alloc((size_t)(4 + 4 * rank + 8 * count), 1, "an IDX file");
  ck_assert_ptr_nonnull(bytes);
  unsigned char *at = put_big_endian(bytes, (uint64_t)(type << 8 | rank), 4);
  for (int i = 0; i < rank; i++) at = put_big_endian(at, (uint64_t)dims[i], 4);
  for (int64_t i = 0; i < count; i++) at = put_number(at, type, value(i));
  *n = (size_t)(at - bytes);
  return bytes;
}

void unit_write_idx(const char *path, int type, int rank, const int64_t *dims, unit_value value) {
  size_t n;
  unsigned char *bytes = unit_idx(type, rank, dims, value, &n);
  unit_write(path, bytes, n);
  gan_free(&bytes);
}

unsigned char *unit_gzip(const void *bytes, size_t n, size_t *packed) {
  enum { GZIP = 16 };
  z_stream stream = {0};
  ck_assert_int_eq(deflateInit2(&stream, 9, Z_DEFLATED, MAX_WBITS + GZIP, 8, Z_DEFAULT_STRATEGY),
                   Z_OK);
  uLong room = deflateBound(&stream, (uLong)n);
  unsigned char *out = gan_alloc(room, 1, "a gzip file");
  ck_assert_ptr_nonnull(out);
  stream.next_in = (Bytef *)(uintptr_t)bytes;
  stream.avail_in = (uInt)n;
  stream.next_out = out;
  stream.avail_out = (uInt)room;
  ck_assert_int_eq(deflate(&stream, Z_FINISH), Z_STREAM_END);
  *packed = stream.total_out;
  deflateEnd(&stream);
  return out;
}

void unit_write_gzip(const char *path, const void *bytes, size_t n) {
  size_t packed;
  unsigned char *out = unit_gzip(bytes, n, &packed);
  unit_write(path, out, packed);
  gan_free(&out);
}

static gan_status read_all(gan_source *source, int64_t piece, unit_rows *out) {
  const gan_data_info *info = &source->info;
  size_t row = (size_t)gan_data_row_size(info) * gan_dtype_size(info->type);
  out->rows = gan_alloc((size_t)info->n, row, "rows");
  if (info->has_labels) out->labels = gan_alloc((size_t)info->n, sizeof *out->labels, "labels");
  if (!out->rows) return GAN_NO_MEMORY;
  if (piece == 0) piece = info->n;
  for (int64_t done = 0; done < info->n;) {
    int64_t count = info->n - done < piece ? info->n - done : piece;
    GAN_TRY(gan_source_read(source, count, (char *)out->rows + (size_t)done * row,
                            out->labels ? out->labels + done : NULL));
    done += count;
  }
  return gan_source_finish(source);
}

gan_status unit_load(const char *path, gan_layout layout, int64_t piece, unit_rows *out) {
  gan_source_spec spec = {.path = path, .images = "images", .labels = "labels", .layout = layout};
  gan_source *source;
  *out = (unit_rows){0};
  GAN_TRY(gan_source_open(&spec, &source));
  out->info = source->info;
  gan_status status = read_all(source, piece, out);
  gan_source_close(&source);
  if (status != GAN_OK) unit_rows_free(out);
  return status;
}

void unit_rows_free(unit_rows *rows) {
  gan_free(&rows->rows);
  gan_free(&rows->labels);
}

void unit_check_rows(const unit_rows *rows, unit_value value) {
  int64_t count = rows->info.n * gan_data_row_size(&rows->info);
  for (int64_t i = 0; i < count; i++) {
    double x = rows->info.type == GAN_U8 ? ((const uint8_t *)rows->rows)[i]
                                         : (double)((const float *)rows->rows)[i];
    if (x != value(i)) ck_abort_msg("number %lld is %g, not %g", (long long)i, x, value(i));
  }
}

void unit_check_labels(const unit_rows *rows, unit_value value) {
  ck_assert(rows->info.has_labels && rows->labels);
  for (int64_t i = 0; i < rows->info.n; i++)
    if (rows->labels[i] != value(i))
      ck_abort_msg("label %lld is %d, not %g", (long long)i, rows->labels[i], value(i));
}

gan_status unit_dataset(const char *path, const char *keys, gan_range range, gan_config *config,
                        gan_dataset **out) {
  gan_source *source;
  gan_data_info info;
  *out = NULL;
  char *text =
      gan_format("data: {path: \"%s\"}\nmodel: {generator: [relu], discriminator: [relu]}\n"
                 "train.steps: 1\n%s\n",
                 path, keys);
  gan_status status = unit_parse(config, text, 0, NULL);
  gan_free(&text);
  GAN_TRY(status);
  gan_comm *comm = gan_comm_alone();
  GAN_TRY(gan_dataset_open(comm, config, &source, &info));
  return gan_dataset_load(comm, config, &source, &info, range, out);
}
