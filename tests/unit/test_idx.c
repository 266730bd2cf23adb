/* IDX files: good ones of every type, and everything that can be wrong with one. */
#include "base/memory.h"
#include "unit/data_support.h"

#include <math.h>
#include <string.h>
#include <sys/stat.h>

static gan_status load(const char *path, unit_rows *rows) {
  return unit_load(path, GAN_LAYOUT_AUTO, 0, rows);
}

/* ---- good files ---- */

static const struct {
  int type, rank;
  int64_t dims[3], h, w, c;
} shapes[] = {
    {IDX_U8, 3, {5, 3, 4}, 3, 4, 1},   {IDX_U8, 2, {7, 6}, 1, 1, 6},
    {IDX_U8, 3, {1, 1, 1}, 1, 1, 1},   {IDX_F32, 3, {5, 3, 4}, 3, 4, 1},
    {IDX_F32, 2, {9, 2}, 1, 1, 2},     {IDX_F64, 3, {4, 2, 5}, 2, 5, 1},
    {IDX_F64, 2, {100, 17}, 1, 1, 17}, {IDX_U8, 3, {30, 40, 50}, 40, 50, 1},
};

START_TEST(reads_every_type) {
  unit_value value = shapes[_i].type == IDX_U8 ? unit_byte : unit_real;
  size_t n;
  unsigned char *bytes = unit_idx(shapes[_i].type, shapes[_i].rank, shapes[_i].dims, value, &n);
  unit_write(unit_path("plain"), bytes, n);
  unit_write_gzip(unit_path("packed.gz"), bytes, n);
  unit_write_gzip(unit_path("packed"), bytes, n); /* the content decides, not the name */
  static const char *const names[] = {"plain", "packed.gz", "packed"};
  for (size_t i = 0; i < 3; i++)
    for (int64_t piece = 0; piece <= 3; piece++) {
      unit_rows rows;
      check_ok(unit_load(unit_path("%s", names[i]), GAN_LAYOUT_AUTO, piece, &rows));
      ck_assert_int_eq(rows.info.n, shapes[_i].dims[0]);
      ck_assert_int_eq(rows.info.h, shapes[_i].h);
      ck_assert_int_eq(rows.info.w, shapes[_i].w);
      ck_assert_int_eq(rows.info.c, shapes[_i].c);
      ck_assert_int_eq(rows.info.type, shapes[_i].type == IDX_U8 ? GAN_U8 : GAN_F32);
      ck_assert(!rows.info.has_labels);
      unit_check_rows(&rows, value);
      unit_rows_free(&rows);
    }
  gan_free(&bytes);
}
END_TEST

static double odd_real(int64_t i) {
  static const double reals[] = {0.0, -0.0, 1e-42, -1e-310, 3.4e38, 1e300, -1e300, 1.0 / 3};
  return reals[i];
}

/* What float32 cannot hold becomes the nearest that it can. */
START_TEST(reads_odd_numbers) {
  static const int types[] = {IDX_F32, IDX_F64};
  int64_t dims[] = {2, 4};
  unit_rows rows;
  unit_write_idx(unit_path("odd"), types[_i], 2, dims, odd_real);
  check_ok(load(unit_path("odd"), &rows));
  for (int64_t i = 0; i < 8; i++) {
    double x = (double)((float *)rows.rows)[i], wanted = odd_real(i);
    if (fabs(wanted) < 1e39) wanted = (double)(float)wanted;
    ck_assert(fabs(wanted) < 1e39 ? x == wanted : isinf(x));
    ck_assert(!signbit(x) == !signbit(wanted));
  }
  unit_rows_free(&rows);
}
END_TEST

static void write_folder(const char *ending, int64_t images, int64_t labels) {
  const int64_t image_dims[] = {images, 3, 2}, label_dims[] = {labels};
  size_t n;
  unsigned char *bytes = unit_idx(IDX_U8, 3, image_dims, unit_byte, &n);
  bool packed = *ending != '\0';
  void (*write)(const char *, const void *, size_t) = packed ? unit_write_gzip : unit_write;
  write(unit_path("train-images-idx3-ubyte%s", ending), bytes, n);
  gan_free(&bytes);
  bytes = unit_idx(IDX_U8, 1, label_dims, unit_digit, &n);
  write(unit_path("train-labels-idx1-ubyte%s", ending), bytes, n);
  gan_free(&bytes);
}

START_TEST(reads_folders) {
  unit_rows rows;
  for (int packed = 0; packed < 2; packed++) {
    write_folder(packed ? ".gz" : "", 5000, 5000); /* more labels than are read at once */
    for (int64_t piece = 0; piece < 4999; piece += 4998) {
      check_ok(unit_load(unit_folder(), GAN_LAYOUT_AUTO, piece, &rows));
      unit_check_rows(&rows, unit_byte);
      unit_check_labels(&rows, unit_digit);
      unit_rows_free(&rows);
    }
    remove(unit_path("train-labels-idx1-ubyte%s", packed ? ".gz" : ""));
    check_ok(load(unit_folder(), &rows));
    ck_assert(!rows.info.has_labels && !rows.labels);
    unit_rows_free(&rows);
    remove(unit_path("train-images-idx3-ubyte%s", packed ? ".gz" : ""));
  }
  check_fails(load(unit_folder(), &rows), GAN_INPUT, unit_folder(), "no train-images-idx3-ubyte");
}
END_TEST

/* The labels of one file of images are looked for where that is asked for, and nowhere else. */
START_TEST(labels_beside_a_file) {
  int32_t labels[7];
  unsigned char rows[7 * 6];
  for (int packed = 0; packed < 2; packed++) {
    const char *ending = packed ? ".gz" : "";
    gan_source_spec spec = {.path = unit_path("train-images-idx3-ubyte%s", ending)};
    gan_source *source;
    write_folder(ending, 7, 7);
    check_ok(gan_source_open(&spec, &source));
    ck_assert(!source->info.has_labels);
    gan_source_close(&source);
    spec.labels_beside = true;
    check_ok(gan_source_open(&spec, &source));
    ck_assert(source->info.has_labels);
    check_ok(gan_source_read(source, 7, rows, labels));
    check_ok(gan_source_finish(source));
    for (int i = 0; i < 7; i++) ck_assert_int_eq(labels[i], (int32_t)unit_digit(i));
    gan_source_close(&source);
    write_folder(ending, 7, 6);
    check_fails(gan_source_open(&spec, &source), GAN_INPUT, "train-labels-idx1-ubyte",
                "6 labels for 7 images");
    remove(unit_path("train-labels-idx1-ubyte%s", ending));
    check_ok(gan_source_open(&spec, &source));
    ck_assert(!source->info.has_labels);
    gan_source_close(&source);
  }
}
END_TEST

/* ---- damaged files ---- */

START_TEST(truncated_at_every_byte) {
  static const int64_t dims[] = {6, 3, 2};
  static const int types[] = {IDX_U8, IDX_F64};
  const char *path = unit_path("cut");
  size_t n;
  unit_rows rows;
  unsigned char *bytes = unit_idx(types[_i], 3, dims, unit_byte, &n);
  for (size_t cut = 0; cut < n; cut++) {
    unit_write(path, bytes, cut);
    check_fails(load(path, &rows), GAN_INPUT, path, cut ? "truncated" : "empty");
  }
  unit_write(path, bytes, n);
  check_ok(load(path, &rows));
  unit_rows_free(&rows);
  gan_free(&bytes);
}
END_TEST

START_TEST(gzip_cut_off_at_every_byte) {
  static const int64_t dims[] = {6, 5, 5};
  const char *path = unit_path("cut.gz");
  size_t n, packed;
  unit_rows rows;
  unsigned char *bytes = unit_idx(IDX_U8, 3, dims, unit_byte, &n);
  unsigned char *zipped = unit_gzip(bytes, n, &packed);
  for (size_t cut = 0; cut < packed; cut++) {
    unit_write(path, zipped, cut);
    check_fails(load(path, &rows), GAN_INPUT, path);
  }
  unit_write(path, zipped, packed);
  check_ok(load(path, &rows));
  unit_rows_free(&rows);
  gan_free(&zipped);
  gan_free(&bytes);
}
END_TEST

/* A flipped bit is refused, or (in the header's time and the like) changes nothing. */
START_TEST(gzip_with_one_bit_flipped) {
  static const int64_t dims[] = {6, 5, 5};
  const char *path = unit_path("flipped.gz");
  size_t n, packed, refused = 0;
  unsigned char *bytes = unit_idx(IDX_U8, 3, dims, unit_byte, &n);
  unsigned char *zipped = unit_gzip(bytes, n, &packed);
  for (size_t i = 0; i < packed; i++) {
    unit_rows rows;
    zipped[i] ^= (unsigned char)(1u << i % 8);
    unit_write(path, zipped, packed);
    gan_status status = load(path, &rows);
    zipped[i] ^= (unsigned char)(1u << i % 8);
    refused += status != GAN_OK;
    if (status == GAN_OK) {
      unit_check_rows(&rows, unit_byte);
      unit_rows_free(&rows);
    } else {
      ck_assert_int_eq(status, GAN_INPUT);
      check_message(path);
    }
  }
  ck_assert_uint_gt(refused, packed - 10); /* of the ten bytes of a header some mean nothing */
  gan_free(&zipped);
  gan_free(&bytes);
}
END_TEST

START_TEST(trailing_bytes) {
  static const int64_t dims[] = {6, 3, 2};
  size_t n;
  unit_rows rows;
  unsigned char *bytes = unit_idx(IDX_U8, 3, dims, unit_byte, &n);
  unsigned char *longer = gan_alloc(n + 1, 1, "one byte more");
  memcpy(longer, bytes, n);
  unit_write(unit_path("plain"), longer, n + 1);
  check_fails(load(unit_path("plain"), &rows), GAN_INPUT, "plain", "longer than its header says");
  unit_write_gzip(unit_path("packed"), longer, n + 1);
  check_fails(load(unit_path("packed"), &rows), GAN_INPUT, "packed",
              "more bytes than its header says");
  gan_free(&longer);
  gan_free(&bytes);
}
END_TEST

/* ---- headers ---- */

/* Header bytes as hexadecimal words, content of `zeros` bytes behind them. */
static const struct {
  const char *what;
  uint32_t words[5];
  int word_count;
  size_t zeros;
  const char *message;
} headers[] = {
    {"10^12 bytes", {0x803, 1000000, 1000, 1000}, 4, 100, "asks for"},
    {"the most that can be asked", {0xe03, UINT32_MAX, UINT32_MAX, UINT32_MAX}, 4, 0, "asks for"},
    {"sizes whose product is 0 in 64 bits", {0x803, 1u << 31, 1u << 31, 4}, 4, 0, "asks for"},
    {"no rows", {0x803, 0, 28, 28}, 4, 0, "empty"},
    {"no rows of points", {0xd02, 0, 5}, 3, 0, "empty"},
    {"no height", {0x803, 5, 0, 28}, 4, 0, "rows of 0 x 28 x 1"},
    {"no width", {0x803, 5, 28, 0}, 4, 0, "rows of 28 x 0 x 1"},
    {"no numbers", {0x802, 5, 0}, 3, 0, "rows of 1 x 1 x 0"},
    {"labels", {0x801, 5}, 2, 5, "holds labels, not images"},
    {"no dimensions", {0x800}, 1, 1, "has 0 dimensions"},
    {"four dimensions", {0x804, 1, 1, 1, 1}, 5, 1, "has 4 dimensions"},
    {"255 dimensions", {0x8ff}, 1, 1, "has 255 dimensions"},
    {"signed bytes", {0x903, 1, 1, 1}, 4, 1, "IDX type 0x09"},
    {"shorts", {0xb03, 1, 1, 1}, 4, 2, "IDX type 0x0b"},
    {"ints", {0xc03, 1, 1, 1}, 4, 4, "IDX type 0x0c"},
    {"type 0", {0x003, 1, 1, 1}, 4, 1, "IDX type 0x00"},
    {"another magic",
     {0x01000803, 1, 1, 1},
     4,
     1,
     "is not an IDX file (it begins with bytes 01 00"},
    {"text", {0x68656c6c, 0x6f0a6f0a}, 2, 0, "is not an IDX file (it begins with bytes 68 65"},
    {"a side that is too long", {0x802, 1, (1 << 20) + 1}, 3, (1 << 20) + 1, "a side is at least"},
};

START_TEST(headers_that_lie) {
  static const size_t header_max = 20;
  size_t n = header_max + headers[_i].zeros, at = 0;
  unsigned char *bytes = gan_alloc(n, 1, "a file");
  for (int i = 0; i < headers[_i].word_count; i++)
    for (int shift = 24; shift >= 0; shift -= 8)
      bytes[at++] = (unsigned char)(headers[_i].words[i] >> shift);
  unit_rows rows;
  for (int packed = 0; packed < 2; packed++) {
    const char *path = unit_path("lie%d", packed);
    (packed ? unit_write_gzip : unit_write)(path, bytes, at + headers[_i].zeros);
    check_fails(load(path, &rows), GAN_INPUT, path, headers[_i].message);
  }
  gan_free(&bytes);
}
END_TEST

/* A compressed file may promise more than it holds without being absurd. */
START_TEST(gzip_that_holds_less_than_promised) {
  static const int64_t dims[] = {50, 5, 5};
  size_t n;
  unit_rows rows;
  unsigned char *bytes = unit_idx(IDX_U8, 3, dims, unit_byte, &n);
  unit_write_gzip(unit_path("short.gz"), bytes, n - 1);
  check_fails(load(unit_path("short.gz"), &rows), GAN_INPUT, "short.gz", "truncated",
              "1 more are missing");
  gan_free(&bytes);
}
END_TEST

START_TEST(labels_that_do_not_fit) {
  unit_rows rows;
  const char *labels = unit_path("train-labels-idx1-ubyte");
  write_folder("", 9, 8);
  check_fails(load(unit_folder(), &rows), GAN_INPUT, labels, "8 labels for 9 images");
  write_folder("", 9, 10);
  check_fails(load(unit_folder(), &rows), GAN_INPUT, labels, "10 labels for 9 images");
  static const int64_t square[] = {9, 9}, line[] = {9};
  unit_write_idx(labels, IDX_U8, 2, square, unit_digit);
  check_fails(load(unit_folder(), &rows), GAN_INPUT, labels, "one dimension of uint8");
  unit_write_idx(labels, IDX_F32, 1, line, unit_digit);
  check_fails(load(unit_folder(), &rows), GAN_INPUT, labels, "one dimension of uint8");
  unit_write(labels, "", 0);
  check_fails(load(unit_folder(), &rows), GAN_INPUT, labels, "empty");
  size_t n;
  unsigned char *bytes = unit_idx(IDX_U8, 1, line, unit_digit, &n);
  unit_write_gzip(labels, bytes, n - 1);
  check_fails(load(unit_folder(), &rows), GAN_INPUT, labels, "truncated");
  gan_free(&bytes);
  remove(labels);
  mkdir(labels, 0777);
  check_fails(load(unit_folder(), &rows), GAN_INPUT, labels, "not a file");
}
END_TEST

START_TEST(what_is_no_file) {
  unit_rows rows;
  check_fails(load(unit_path("nowhere"), &rows), GAN_INPUT, "nowhere", "cannot open");
  unit_write(unit_path("empty"), "", 0);
  check_fails(load(unit_path("empty"), &rows), GAN_INPUT, "empty");
  mkdir(unit_path("train-images-idx3-ubyte"), 0777);
  check_fails(load(unit_folder(), &rows), GAN_INPUT, "not a file");
}
END_TEST

int main(void) {
  const unit_test tests[] = {
      {reads_every_type, sizeof shapes / sizeof *shapes},
      {reads_odd_numbers, 2},
      {reads_folders, 1},
      {labels_beside_a_file, 1},
      {truncated_at_every_byte, 2},
      {gzip_cut_off_at_every_byte, 1},
      {gzip_with_one_bit_flipped, 1},
      {trailing_bytes, 1},
      {headers_that_lie, sizeof headers / sizeof *headers},
      {gzip_that_holds_less_than_promised, 1},
      {labels_that_do_not_fit, 1},
      {what_is_no_file, 1},
  };
  return UNIT_MAIN("idx", tests);
}
