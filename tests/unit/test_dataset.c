/* Data sets: the built-in one, finding one, the range of values, the digest. */
#include "base/memory.h"
#include "io/file.h"
#include "unit/data_support.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <zlib.h>

/* ---- builtin:digits ---- */

/* Computed from scikit-learn's digits.csv.gz by another program, grey levels 0..16 scaled to
 * round(255 level / 16): sums, CRC-32 of the pixels and of the labels in order, counts a class. */
enum { DIGITS = 1797, PIXEL_SUM = 8953801, LABEL_SUM = 8070 };
static const uLong PIXELS_CRC = 0x2dabc124, LABELS_CRC = 0xf86fc929;
static const int class_counts[10] = {178, 182, 177, 183, 181, 182, 181, 179, 174, 180};

START_TEST(digits_are_the_published_set) {
  for (int64_t piece = 0; piece < 1000; piece += 499) {
    unit_rows rows;
    int counts[10] = {0};
    int64_t pixels = 0, labels = 0;
    Bytef label_bytes[DIGITS];
    check_ok(unit_load("builtin:digits", GAN_LAYOUT_AUTO, piece, &rows));
    ck_assert_int_eq(rows.info.n, DIGITS);
    ck_assert(rows.info.h == 8 && rows.info.w == 8 && rows.info.c == 1);
    ck_assert(rows.info.type == GAN_U8 && rows.info.has_labels);
    const uint8_t *bytes = rows.rows;
    for (int i = 0; i < DIGITS * 64; i++) pixels += bytes[i];
    for (int i = 0; i < DIGITS; i++) {
      if (rows.labels[i] < 0 || rows.labels[i] > 9) ck_abort_msg("label %d", rows.labels[i]);
      counts[rows.labels[i]]++;
      labels += rows.labels[i];
      label_bytes[i] = (Bytef)rows.labels[i];
    }
    ck_assert_int_eq(pixels, PIXEL_SUM);
    ck_assert_int_eq(labels, LABEL_SUM);
    ck_assert_mem_eq(counts, class_counts, sizeof counts);
    ck_assert_uint_eq(crc32(0, bytes, DIGITS * 64), PIXELS_CRC);
    ck_assert_uint_eq(crc32(0, label_bytes, DIGITS), LABELS_CRC);
    unit_rows_free(&rows);
  }
}
END_TEST

START_TEST(other_built_in_names) {
  unit_rows rows;
  check_fails(unit_load("builtin:letters", GAN_LAYOUT_AUTO, 0, &rows), GAN_INPUT, "builtin:letters",
              "there is builtin:digits");
  check_fails(unit_load("builtin:", GAN_LAYOUT_AUTO, 0, &rows), GAN_INPUT, "no such built-in");
}
END_TEST

/* ---- finding ---- */

static void found_at(const char *name, const char *path) {
  char *found;
  check_ok(gan_source_find(name, &found));
  char *real = realpath(path, NULL);
  ck_assert_ptr_nonnull(real);
  ck_assert_str_eq(found, real);
  free(real);
  gan_free(&found);
}

START_TEST(finding) {
  char *found;
  check_ok(gan_folder_make(unit_path("one/set")));
  check_ok(gan_folder_make(unit_path("two/set")));
  check_ok(gan_folder_make(unit_path("two/other")));
  check_ok(gan_folder_make(unit_path("here/set")));
  ck_assert_int_eq(chdir(unit_path("two")), 0);
  char *list = gan_format("%s::%s:", unit_path("one"), unit_path("two/"));
  unsetenv("MPIGAN_DATA");
  check_fails(gan_source_find("nothing-of-that-name", &found), GAN_INPUT, "nothing-of-that-name",
              "$MPIGAN_DATA (not set)", "/usr/share/datasets");
  found_at("other", unit_path("two/other")); /* in the working directory */
  setenv("MPIGAN_DATA", list, 1);
  found_at("set", unit_path("two/set")); /* the working directory comes before the list */
  ck_assert_int_eq(chdir("/"), 0);
  found_at("set", unit_path("one/set")); /* the first folder of the list */
  found_at("other", unit_path("two/other"));
  found_at(unit_path("here/../here/set"), unit_path("here/set"));
  check_fails(gan_source_find("nothing-of-that-name", &found), GAN_INPUT, list);
  check_fails(gan_source_find(unit_path("gone"), &found), GAN_INPUT, "gone", "no such file");
  check_ok(gan_source_find("builtin:anything", &found));
  ck_assert_str_eq(found, "builtin:anything");
  gan_free(&found);
  gan_free(&list);
}
END_TEST

/* ---- range ---- */

static double wanted_low, wanted_high;
static double between(int64_t i) {
  return i % 2 ? wanted_high : wanted_low;
}

/* Values lie between low and high; uint8 whatever the values, since a byte has a range of its own.
 * `type` is IDX's; data_low to data_high is what the set says its values lie in. */
static const struct {
  int type;
  double low, high, data_low, data_high;
} ranges[] = {
    {IDX_U8, 0, 255, 0, 255},
    {IDX_U8, 3, 7, 0, 255},
    {IDX_U8, 0, 0, 0, 255},
    {IDX_F32, 0, 1, 0, 1},
    {IDX_F32, 0.25, 0.5, 0, 1},
    {IDX_F32, 0, 0, 0, 1},
    {IDX_F64, 1, 1, 0, 1},
    {IDX_F32, -1, 1, -1, 1},
    {IDX_F32, -0.001, 0.5, -1, 1},
    {IDX_F32, -1, -1, -1, 1},
    {IDX_F32, 0, 255, 0, 255},
    {IDX_F32, 0, 1.5, 0, 1.5},
    {IDX_F32, -1.5, 0.25, -1.5, 0.25},
    {IDX_F64, -3, 12, -3, 12},
    {IDX_F32, 1000, 2000, 1000, 2000},
    {IDX_F32, -3e38, 3e38, -3e38, 3e38},
};

/* low goes to the range's lower end, high to its upper, and anything between in proportion. */
static void check_map(const gan_dataset *set, gan_range range) {
  static const double ends[][2] = {[GAN_RANGE_UNIT] = {0, 1}, [GAN_RANGE_SYMMETRIC] = {-1, 1}};
  if (range == GAN_RANGE_NONE) {
    ck_assert(set->scale == 1 && set->offset == 0);
    return;
  }
  double at_low = set->low * set->scale + set->offset;
  double at_high = set->high * set->scale + set->offset;
  /* the offset cancels against low * scale: its rounding is that of the larger of the two */
  double bound = 4e-16 * (1 + fabs(set->offset));
  ck_assert_double_le(fabs(at_low - ends[range][0]), bound);
  ck_assert_double_le(fabs(at_high - ends[range][1]), bound);
}

START_TEST(range_of_values) {
  static const int64_t dims[] = {6, 2};
  wanted_low = ranges[_i].low;
  wanted_high = ranges[_i].high;
  unit_write_idx(unit_path("set"), ranges[_i].type, 2, dims, between);
  for (gan_range range = GAN_RANGE_UNIT; range <= GAN_RANGE_NONE; range++) {
    gan_config config;
    gan_dataset *set;
    check_ok(unit_dataset(unit_path("set"), "train.batch: 3", range, &config, &set));
    ck_assert_double_eq(set->low, (double)(float)ranges[_i].data_low);
    ck_assert_double_eq(set->high, (double)(float)ranges[_i].data_high);
    check_map(set, range);
    gan_dataset_destroy(&set);
    gan_config_reset(&config);
  }
}
END_TEST

/* All values alike: no range to stretch, but finite numbers for the networks to see. */
START_TEST(range_of_constant_values) {
  static const double constants[] = {0, 1, -1, 5, -7.5, 1e20, -1e20, 3e38};
  static const int64_t dims[] = {6, 2};
  wanted_low = wanted_high = constants[_i];
  unit_write_idx(unit_path("set"), IDX_F32, 2, dims, between);
  for (gan_range range = GAN_RANGE_UNIT; range <= GAN_RANGE_NONE; range++) {
    gan_config config;
    gan_dataset *set;
    check_ok(unit_dataset(unit_path("set"), "train.batch: 3", range, &config, &set));
    double x = (double)(float)constants[_i], seen = x * set->scale + set->offset;
    ck_assert_msg(isfinite(set->scale) && isfinite(set->offset) && isfinite(seen),
                  "%g becomes %g (scale %g, offset %g)", x, seen, set->scale, set->offset);
    if (range != GAN_RANGE_NONE) ck_assert(seen >= -1 && seen <= 1);
    gan_dataset_destroy(&set);
    gan_config_reset(&config);
  }
}
END_TEST

/* ---- digest ---- */

/* The same 12 images of 3x2 bytes, and labels, in that form. */
static void write_hdf5(const char *name, int rank, const int64_t *dims, gan_dtype label_type) {
  gan_h5 *file;
  char *image;
  size_t n;
  uint8_t pixels[72], bytes[12];
  int32_t ints[12];
  int64_t longs[12], count = 12;
  for (int i = 0; i < 72; i++) pixels[i] = (uint8_t)unit_byte(i);
  for (int i = 0; i < 12; i++) longs[i] = ints[i] = bytes[i] = (uint8_t)unit_digit(i);
  const void *labels = label_type == GAN_U8    ? (void *)bytes
                       : label_type == GAN_I32 ? (void *)ints
                                               : longs;
  check_ok(gan_h5_create(&file));
  check_ok(gan_h5_write(file, "images", GAN_U8, rank, dims, pixels));
  check_ok(gan_h5_write(file, "labels", label_type, 1, &count, labels));
  check_ok(gan_h5_image(file, &image, &n));
  gan_h5_close(&file);
  unit_write(unit_path("%s", name), image, n);
  gan_free(&image);
}

static gan_digest digest_of(const char *path, const char *keys, gan_range range) {
  gan_config config;
  gan_dataset *set;
  check_ok(unit_dataset(path, keys, range, &config, &set));
  gan_digest digest = set->digest;
  ck_assert_int_eq(set->classes, set->labels ? 9 : 0); /* the largest of the twelve is 8 */
  gan_dataset_destroy(&set);
  gan_config_reset(&config);
  return digest;
}

static void write_folder(int changed_pixel, int changed_label) {
  static const int64_t dims[] = {12, 3, 2}, label_dims[] = {12};
  size_t n;
  unsigned char *bytes = unit_idx(IDX_U8, 3, dims, unit_byte, &n);
  if (changed_pixel >= 0) bytes[16 + changed_pixel] ^= 1;
  unit_write(unit_path("train-images-idx3-ubyte"), bytes, n);
  gan_free(&bytes);
  bytes = unit_idx(IDX_U8, 1, label_dims, unit_digit, &n);
  if (changed_label >= 0) bytes[8 + changed_label] ^= 1;
  unit_write(unit_path("train-labels-idx1-ubyte"), bytes, n);
  gan_free(&bytes);
}

static const char four_shards[] = "train.batch: 4";

START_TEST(digest_is_of_the_content) {
  static const int64_t whole[] = {12, 3, 2}, last[] = {12, 3, 2, 1}, first[] = {12, 1, 3, 2};
  write_folder(-1, -1);
  gan_digest digest = digest_of(unit_folder(), four_shards, GAN_RANGE_NONE);
  ck_assert(gan_digest_equal(digest, digest_of(unit_folder(), four_shards, GAN_RANGE_UNIT)));
  write_hdf5("a.h5", 3, whole, GAN_U8);
  write_hdf5("b.h5", 4, last, GAN_I32);
  write_hdf5("c.hdf5", 4, first, GAN_I64);
  static const char *const names[] = {"a.h5", "b.h5", "c.hdf5"};
  static const char *const keys[] = {"train.batch: 4", "train.batch: 4\ndata.layout: nhwc",
                                     "train.batch: 4\ndata.layout: nchw"};
  for (int i = 0; i < 3; i++)
    ck_assert(gan_digest_equal(digest,
                               digest_of(unit_path("%s", names[i]), keys[i], GAN_RANGE_SYMMETRIC)));
  const char *parts[] = {"train-images-idx3-ubyte", "train-labels-idx1-ubyte"};
  for (int i = 0; i < 2; i++) {
    size_t n;
    char *bytes = unit_read(unit_path("%s", parts[i]), &n);
    unit_write_gzip(unit_path("%s.gz", parts[i]), bytes, n);
    gan_free(&bytes);
    remove(unit_path("%s", parts[i]));
  }
  ck_assert(gan_digest_equal(digest, digest_of(unit_folder(), four_shards, GAN_RANGE_NONE)));
}
END_TEST

START_TEST(digest_sees_every_change) {
  write_folder(-1, -1);
  gan_digest digest = digest_of(unit_folder(), four_shards, GAN_RANGE_NONE);
  for (int pixel = 0; pixel < 72; pixel++) {
    write_folder(pixel, -1);
    ck_assert(!gan_digest_equal(digest, digest_of(unit_folder(), four_shards, GAN_RANGE_NONE)));
  }
  for (int label = 0; label < 12; label++) {
    gan_config config;
    gan_dataset *set;
    write_folder(-1, label);
    check_ok(unit_dataset(unit_folder(), four_shards, GAN_RANGE_NONE, &config, &set));
    ck_assert(!gan_digest_equal(digest, set->digest));
    gan_dataset_destroy(&set);
    gan_config_reset(&config);
  }
  remove(unit_path("train-labels-idx1-ubyte")); /* nor are no labels the same as some */
  ck_assert(!gan_digest_equal(digest, digest_of(unit_folder(), four_shards, GAN_RANGE_NONE)));
}
END_TEST

/* The same bytes as rows of another shape are other data. */
START_TEST(digest_sees_the_shape) {
  static const int64_t shapes[][3] = {{12, 3, 2}, {12, 2, 3}, {12, 1, 6}, {12, 6, 1}};
  gan_digest digests[4];
  for (int i = 0; i < 4; i++) {
    unit_write_idx(unit_path("set%d", i), IDX_U8, 3, shapes[i], unit_byte);
    digests[i] = digest_of(unit_path("set%d", i), four_shards, GAN_RANGE_NONE);
    for (int k = 0; k < i; k++) ck_assert(!gan_digest_equal(digests[i], digests[k]));
  }
}
END_TEST

START_TEST(info_as_text) {
  char text[128];
  gan_data_info images = {60000, 28, 28, 1, GAN_U8, true}, points = {50, 1, 1, 2, GAN_F32, false};
  ck_assert_str_eq(gan_data_info_text(&images, text, sizeof text),
                   "60000 images of 28x28x1 uint8, with labels");
  ck_assert_str_eq(gan_data_info_text(&points, text, sizeof text), "50 points of 2 float32");
}
END_TEST

int main(void) {
  const unit_test tests[] = {
      {digits_are_the_published_set, 1},
      {other_built_in_names, 1},
      {finding, 1},
      {range_of_values, sizeof ranges / sizeof *ranges},
      {range_of_constant_values, 8},
      {digest_is_of_the_content, 1},
      {digest_sees_every_change, 1},
      {digest_sees_the_shape, 1},
      {info_as_text, 1},
  };
  return UNIT_MAIN("dataset", tests);
}
