/* CIFAR-10 files, made here byte by byte. */
#include "base/memory.h"
#include "io/file.h"
#include "unit/data_support.h"

#include <string.h>

enum { RECORD = 3073, ROW = 3072 };

/* Byte i of a record's planes (C, H, W); another for each row. */
static uint8_t pixel(int64_t row, int64_t i) {
  return (uint8_t)unit_byte(row * ROW + i);
}

/* Records first..first+rows-1, and `more` bytes behind them (fewer where it is negative). */
static unsigned char *records(int64_t first, int64_t rows, int64_t more, size_t *n) {
  *n = (size_t)(rows * RECORD + more);
  unsigned char *bytes = gan_alloc(*n + RECORD, 1, "a CIFAR-10 file");
  ck_assert_ptr_nonnull(bytes);
  for (int64_t r = 0; r < rows; r++) {
    bytes[r * RECORD] = (unsigned char)unit_digit(first + r);
    for (int64_t i = 0; i < ROW; i++) bytes[r * RECORD + 1 + i] = pixel(first + r, i);
  }
  return bytes;
}

static void write_records(const char *path, int64_t first, int64_t rows, int64_t more) {
  size_t n, length = strlen(path);
  unsigned char *bytes = records(first, rows, more, &n);
  bool packed = length > 3 && !strcmp(path + length - 3, ".gz");
  (packed ? unit_write_gzip : unit_write)(path, bytes, n);
  gan_free(&bytes);
}

/* The rows are those from `first` on, channels last. */
static void check_rows(const unit_rows *rows, int64_t first, int64_t count) {
  const uint8_t *at = rows->rows;
  ck_assert_int_eq(rows->info.n, count);
  ck_assert(rows->info.h == 32 && rows->info.w == 32 && rows->info.c == 3);
  ck_assert(rows->info.type == GAN_U8 && rows->info.has_labels);
  for (int64_t r = 0; r < count; r++) {
    ck_assert_int_eq(rows->labels[r], (int)unit_digit(first + r));
    for (int64_t y = 0; y < 32; y++)
      for (int64_t x = 0; x < 32; x++)
        for (int64_t c = 0; c < 3; c++, at++)
          if (*at != pixel(first + r, c * 1024 + y * 32 + x))
            ck_abort_msg("row %d, (%d, %d), channel %d is %d", (int)r, (int)y, (int)x, (int)c, *at);
  }
}

static void check_load(const char *path, int64_t first, int64_t count) {
  for (int64_t piece = 0; piece < 6; piece += 2) {
    unit_rows rows;
    check_ok(unit_load(path, GAN_LAYOUT_AUTO, piece, &rows));
    check_rows(&rows, first, count);
    unit_rows_free(&rows);
  }
}

START_TEST(reads_single_files) {
  write_records(unit_path("a.bin"), 0, 7, 0);
  write_records(unit_path("b.bin.gz"), 3, 11, 0);
  check_load(unit_path("a.bin"), 0, 7);
  check_load(unit_path("b.bin.gz"), 3, 11);
}
END_TEST

/* The files that are there, in the order of their numbers; other names are no part of it. */
START_TEST(reads_folders) {
  write_records(unit_path("data_batch_4.bin"), 9, 1, 0);
  check_load(unit_folder(), 9, 1);
  write_records(unit_path("data_batch_5.bin.gz"), 10, 5, 0);
  write_records(unit_path("data_batch_2.bin.gz"), 4, 5, 0);
  write_records(unit_path("data_batch_1.bin"), 0, 4, 0);
  write_records(unit_path("test_batch.bin"), 90, 3, 0);
  write_records(unit_path("data_batch_6.bin"), 90, 3, 0);
  check_load(unit_folder(), 0, 15);
}
END_TEST

START_TEST(wrong_sizes) {
  static const int64_t more[] = {-1, 1, -3000, 1536};
  static const char *const names[] = {"a.bin", "a.bin.gz"};
  unit_rows rows;
  for (int i = 0; i < 2; i++) {
    const char *path = unit_path("%s", names[i]);
    write_records(path, 0, 4, more[_i]);
    check_fails(unit_load(path, 0, 0, &rows), GAN_INPUT, path, "no whole number", "3073");
    write_records(path, 0, 4, 0);
    check_load(path, 0, 4);
  }
  write_records(unit_path("a.bin"), 0, 4, more[_i]);
  check_ok(gan_folder_make(unit_path("set")));
  write_records(unit_path("set/data_batch_1.bin"), 0, 4, 0);
  write_records(unit_path("set/data_batch_3.bin"), 0, 4, more[_i]);
  check_fails(unit_load(unit_path("set"), 0, 0, &rows), GAN_INPUT, "data_batch_3.bin",
              "no whole number");
}
END_TEST

START_TEST(damaged_files) {
  size_t n, packed;
  unit_rows rows;
  unsigned char *bytes = records(0, 3, 0, &n), *zipped = unit_gzip(bytes, n, &packed);
  for (size_t cut = 1; cut < packed; cut += packed / 13) {
    unit_write(unit_path("a.bin.gz"), zipped, cut);
    check_fails(unit_load(unit_path("a.bin.gz"), 0, 0, &rows), GAN_INPUT, "a.bin.gz");
  }
  zipped[packed / 2] ^= 8;
  unit_write(unit_path("a.bin.gz"), zipped, packed);
  check_fails(unit_load(unit_path("a.bin.gz"), 0, 0, &rows), GAN_INPUT, "a.bin.gz", "damaged");
  unit_write(unit_path("a.bin"), "", 0);
  check_fails(unit_load(unit_path("a.bin"), 0, 0, &rows), GAN_INPUT, "a.bin", "is empty");
  unit_write_gzip(unit_path("a.bin.gz"), "", 0);
  check_fails(unit_load(unit_path("a.bin.gz"), 0, 0, &rows), GAN_INPUT, "a.bin.gz", "empty");
  check_fails(unit_load(unit_path("none.bin"), 0, 0, &rows), GAN_INPUT, "none.bin", "cannot open");
  gan_free(&zipped);
  gan_free(&bytes);
}
END_TEST

START_TEST(labels_beyond_nine) {
  size_t n;
  unit_rows rows;
  unsigned char *bytes = records(0, 5, 0, &n);
  bytes[3 * RECORD] = 10;
  unit_write(unit_path("a.bin"), bytes, n);
  check_fails(unit_load(unit_path("a.bin"), 0, 2, &rows), GAN_INPUT, "a.bin", "label 10", "row 3",
              "0 to 9");
  gan_free(&bytes);
}
END_TEST

int main(void) {
  const unit_test tests[] = {
      {reads_single_files, 1}, {reads_folders, 1},      {wrong_sizes, 4},
      {damaged_files, 1},      {labels_beyond_nine, 1},
  };
  return UNIT_MAIN("cifar", tests);
}
