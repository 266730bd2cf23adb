/* HDF5 data sets: layouts, types, and what must be refused. */
#include "base/memory.h"
#include "io/file.h"
#include "unit/data_support.h"

#include <hdf5.h>
#include <string.h>

/* One dataset of a test's file: made-up numbers of any type that HDF5 knows. */
typedef struct {
  const char *name;
  gan_dtype type;
  int rank;
  int64_t dims[6];
  unit_value value; /* by the index in the file */
} table;

static int64_t size_of(const table *t) {
  int64_t n = 1;
  for (int i = 0; i < t->rank; i++) n *= t->dims[i];
  return n;
}

static void *numbers_of(const table *t) {
  int64_t n = size_of(t);
  char *all = gan_alloc((size_t)n, gan_dtype_size(t->type), "numbers");
  for (int64_t i = 0; i < n; i++) {
    double x = t->value(i);
    switch (t->type) {
    case GAN_U8:
      ((uint8_t *)all)[i] = (uint8_t)x;
      break;
    case GAN_I32:
      ((int32_t *)all)[i] = (int32_t)x;
      break;
    case GAN_I64:
      ((int64_t *)all)[i] = (int64_t)x;
      break;
    case GAN_F32:
      ((float *)all)[i] = (float)x;
      break;
    default:
      ((double *)all)[i] = x;
    }
  }
  return all;
}

/* A file of up to two tables, at unit_path("data.h5"). */
static const char *make(const table *first, const table *second) {
  const char *path = unit_path("data.h5");
  const table *tables[] = {first, second};
  gan_h5 *file;
  char *image;
  size_t n;
  check_ok(gan_h5_create(&file));
  for (int i = 0; i < 2; i++) {
    if (!tables[i]) continue;
    void *numbers = numbers_of(tables[i]);
    check_ok(gan_h5_write(file, tables[i]->name, tables[i]->type, tables[i]->rank, tables[i]->dims,
                          numbers));
    gan_free(&numbers);
  }
  check_ok(gan_h5_image(file, &image, &n));
  gan_h5_close(&file);
  unit_write(path, image, n);
  gan_free(&image);
  return path;
}

static double unit_row(int64_t i) {
  return (double)i;
}

/* (N, C, H, W) = (3, 4, 2, 5) in the file; the reader must give (N, H, W, C). */
static double channels_first(int64_t i) {
  int64_t c = i % 4, x = i / 4 % 5, y = i / 20 % 2, n = i / 40;
  return (double)(((n * 4 + c) * 2 + y) * 5 + x);
}

static const struct {
  const char *what;
  table images;
  gan_layout layout;
  int64_t h, w, c;
  unit_value value; /* by the index in (N, H, W, C) */
} good[] = {
    {"(N, H, W)", {"images", GAN_U8, 3, {4, 2, 3}, unit_byte}, 0, 2, 3, 1, unit_byte},
    {"(N, D)", {"images", GAN_U8, 2, {4, 7}, unit_byte}, 0, 1, 1, 7, unit_byte},
    {"(N, 1)", {"images", GAN_F32, 2, {4, 1}, unit_real}, 0, 1, 1, 1, unit_real},
    {"(N, H, W, 1)", {"images", GAN_U8, 4, {3, 5, 6, 1}, unit_byte}, 0, 5, 6, 1, unit_byte},
    {"(N, H, W, 3)", {"images", GAN_U8, 4, {3, 5, 6, 3}, unit_byte}, 0, 5, 6, 3, unit_byte},
    {"(N, 1, H, W)", {"images", GAN_U8, 4, {3, 1, 5, 6}, unit_byte}, 0, 5, 6, 1, unit_byte},
    {"(N, 4, H, W)", {"images", GAN_U8, 4, {3, 4, 2, 5}, unit_row}, 0, 2, 5, 4, channels_first},
    {"(N, 4, H, W) of float32",
     {"images", GAN_F32, 4, {3, 4, 2, 5}, unit_row},
     0,
     2,
     5,
     4,
     channels_first},
    {"(N, 4, H, W) of float64",
     {"images", GAN_F64, 4, {3, 4, 2, 5}, unit_row},
     0,
     2,
     5,
     4,
     channels_first},
    {"nhwc where both fit",
     {"images", GAN_U8, 4, {3, 4, 5, 3}, unit_byte},
     GAN_LAYOUT_NHWC,
     4,
     5,
     3,
     unit_byte},
    {"nchw where neither fits",
     {"images", GAN_F64, 4, {2, 5, 1, 1}, unit_row},
     GAN_LAYOUT_NCHW,
     1,
     1,
     5,
     unit_row},
    {"nhwc where neither fits",
     {"images", GAN_U8, 4, {2, 5, 6, 7}, unit_byte},
     GAN_LAYOUT_NHWC,
     5,
     6,
     7,
     unit_byte},
    {"float32", {"images", GAN_F32, 3, {4, 2, 3}, unit_real}, 0, 2, 3, 1, unit_real},
    {"float64", {"images", GAN_F64, 3, {4, 2, 3}, unit_real}, 0, 2, 3, 1, unit_real},
};

START_TEST(reads_every_layout) {
  const char *path = make(&good[_i].images, NULL);
  for (int64_t piece = 0; piece < 3; piece++) {
    unit_rows rows;
    check_ok(unit_load(path, good[_i].layout, piece, &rows));
    ck_assert_int_eq(rows.info.n, good[_i].images.dims[0]);
    ck_assert_int_eq(rows.info.h, good[_i].h);
    ck_assert_int_eq(rows.info.w, good[_i].w);
    ck_assert_int_eq(rows.info.c, good[_i].c);
    ck_assert_int_eq(rows.info.type, good[_i].images.type == GAN_U8 ? GAN_U8 : GAN_F32);
    ck_assert(!rows.info.has_labels);
    unit_check_rows(&rows, good[_i].value);
    unit_rows_free(&rows);
  }
}
END_TEST

static const table plain = {"images", GAN_U8, 3, {9, 2, 2}, unit_byte};

START_TEST(reads_labels_of_every_type) {
  static const gan_dtype types[] = {GAN_U8, GAN_I32, GAN_I64};
  table labels = {"labels", types[_i], 1, {9}, unit_digit};
  unit_rows rows;
  check_ok(unit_load(make(&plain, &labels), GAN_LAYOUT_AUTO, 4, &rows));
  unit_check_rows(&rows, unit_byte);
  unit_check_labels(&rows, unit_digit);
  unit_rows_free(&rows);
}
END_TEST

START_TEST(names_of_datasets) {
  table images = {"deep/down/x", GAN_U8, 3, {4, 2, 3}, unit_byte};
  table labels = {"deep/y", GAN_I32, 1, {4}, unit_digit};
  const char *path = make(&images, &labels);
  gan_source *source;
  gan_source_spec spec = {.path = path, .images = "deep/down/x", .labels = "deep/y"};
  check_ok(gan_source_open(&spec, &source));
  ck_assert(source->info.has_labels);
  gan_source_close(&source);
  spec.images = "images";
  check_fails(gan_source_open(&spec, &source), GAN_INPUT, path, "has no dataset 'images'",
              "data.images");
  spec.images = "deep/down";
  check_fails(gan_source_open(&spec, &source), GAN_INPUT, path, "deep/down");
  spec.images = "deep/down/x/further";
  check_fails(gan_source_open(&spec, &source), GAN_INPUT, path, "has no dataset");
  ck_assert_ptr_null(source);
}
END_TEST

static double far_label(int64_t i) {
  return i == 7 ? 5e9 : 1;
}
static double negative_label(int64_t i) {
  return i == 7 ? -1 : 1;
}
static double not_a_number(int64_t i) {
  return i == 13 ? (double)NAN : 0.5;
}
static double infinite(int64_t i) {
  return i == 13 ? -(double)INFINITY : 0.5;
}
static double beyond_float(int64_t i) {
  return i == 13 ? 1e300 : 0.5;
}

/* Refused on opening, or when the rows are looked at. */
static const struct {
  const char *what;
  table images, labels; /* no labels where the rank is 0 */
  const char *first, *second;
} bad[] = {
    {"int32 images",
     {"images", GAN_I32, 3, {4, 2, 3}, unit_byte},
     {0},
     "'images' is int32",
     "allowed are uint8, float32 and float64"},
    {"int64 images", {"images", GAN_I64, 3, {4, 2, 3}, unit_byte}, {0}, "'images' is int64", ""},
    {"one dimension", {"images", GAN_U8, 1, {4}, unit_byte}, {0}, "has 1 dimensions", "(N,D)"},
    {"a scalar", {"images", GAN_U8, 0, {0}, unit_byte}, {0}, "has 0 dimensions", "(N,D)"},
    {"five dimensions",
     {"images", GAN_U8, 5, {2, 2, 2, 2, 3}, unit_byte},
     {0},
     "has 5 dimensions",
     ""},
    {"either side",
     {"images", GAN_U8, 4, {4, 3, 5, 1}, unit_byte},
     {0},
     "(4, 3, 5, 1): either side",
     "set data.layout to nhwc or nchw"},
    {"neither side",
     {"images", GAN_U8, 4, {4, 5, 6, 7}, unit_byte},
     {0},
     "(4, 5, 6, 7): neither side",
     "set data.layout to nhwc or nchw"},
    {"two channels", {"images", GAN_U8, 4, {4, 5, 6, 2}, unit_byte}, {0}, "neither side", ""},
    {"no images",
     {"pictures", GAN_U8, 3, {4, 2, 3}, unit_byte},
     {0},
     "has no dataset 'images'",
     "data.images"},
    {"no rows", {"images", GAN_U8, 3, {0, 2, 3}, unit_byte}, {0}, "empty", ""},
    {"no pixels", {"images", GAN_U8, 3, {4, 0, 3}, unit_byte}, {0}, "rows of 0 x 3 x 1", ""},
    {"too few labels",
     {"images", GAN_U8, 2, {9, 2}, unit_byte},
     {"labels", GAN_U8, 1, {8}, unit_digit},
     "'labels' has 8 entries for 9 images",
     ""},
    {"labels of two dimensions",
     {"images", GAN_U8, 2, {9, 2}, unit_byte},
     {"labels", GAN_U8, 2, {9, 1}, unit_digit},
     "one dimension of uint8, int32 or int64",
     "2 dimensions"},
    {"real labels",
     {"images", GAN_U8, 2, {9, 2}, unit_byte},
     {"labels", GAN_F32, 1, {9}, unit_digit},
     "one dimension of uint8, int32 or int64",
     "float32"},
    {"negative labels",
     {"images", GAN_U8, 2, {9, 2}, unit_byte},
     {"labels", GAN_I32, 1, {9}, negative_label},
     "label -1 of row 7",
     ""},
    {"negative int64 labels",
     {"images", GAN_U8, 2, {9, 2}, unit_byte},
     {"labels", GAN_I64, 1, {9}, negative_label},
     "label -1 of row 7",
     ""},
    {"huge labels",
     {"images", GAN_U8, 2, {9, 2}, unit_byte},
     {"labels", GAN_I64, 1, {9}, far_label},
     "label 5000000000 of row 7",
     ""},
    {"NaN",
     {"images", GAN_F32, 2, {9, 2}, not_a_number},
     {0},
     "dataset 'images', row 6 holds nan",
     "number 1 of the row"},
    {"infinity",
     {"images", GAN_F64, 2, {9, 2}, infinite},
     {0},
     "row 6 holds -inf",
     "must be finite"},
    {"too large for float32",
     {"images", GAN_F64, 2, {9, 2}, beyond_float},
     {0},
     "row 6 holds inf",
     "must be finite"},
};

START_TEST(refuses) {
  gan_config config;
  gan_dataset *set;
  const char *path = make(&bad[_i].images, bad[_i].labels.rank ? &bad[_i].labels : NULL);
  check_fails(unit_dataset(path, "train.batch: 3", GAN_RANGE_NONE, &config, &set), GAN_INPUT, path,
              bad[_i].first, bad[_i].second);
  ck_assert_ptr_null(set);
  gan_config_reset(&config);
}
END_TEST

/* ---- what only HDF5 itself can make ---- */

/* A file with one dataset `images` (4, 3, 2) of that type, nothing written into it. */
static const char *make_raw(hid_t type, hid_t creation, const hsize_t dims[3]) {
  const char *path = unit_path("raw.h5");
  hid_t file = H5Fcreate(path, H5F_ACC_TRUNC, H5P_DEFAULT, H5P_DEFAULT);
  hid_t space = H5Screate_simple(3, dims, NULL);
  hid_t set = H5Dcreate2(file, "images", type, space, H5P_DEFAULT, creation, H5P_DEFAULT);
  ck_assert_int_ge(set, 0);
  H5Dclose(set);
  H5Sclose(space);
  H5Fclose(file);
  return path;
}

START_TEST(types_that_are_no_images) {
  hid_t text = H5Tcopy(H5T_C_S1), pair = H5Tcreate(H5T_COMPOUND, 8);
  H5Tset_size(text, 4);
  H5Tinsert(pair, "re", 0, H5T_NATIVE_FLOAT);
  const hid_t types[] = {H5T_STD_I8LE, H5T_STD_U16LE, H5T_STD_U32LE, H5T_STD_U64LE, text, pair};
  const hsize_t dims[] = {4, 3, 2};
  for (size_t i = 0; i < sizeof types / sizeof *types; i++) {
    unit_rows rows;
    check_fails(unit_load(make_raw(types[i], H5P_DEFAULT, dims), 0, 0, &rows), GAN_INPUT,
                "'images' is another type", "allowed are uint8, float32 and float64");
  }
  H5Tclose(text);
  H5Tclose(pair);
}
END_TEST

/* Big-endian floats, in compressed chunks: what other programs may write. */
START_TEST(chunks_and_byte_orders) {
  float values[24], read[24];
  const hsize_t dims[] = {4, 3, 2}, chunk[] = {3, 2, 2};
  for (int i = 0; i < 24; i++) values[i] = (float)unit_real(i);
  hid_t creation = H5Pcreate(H5P_DATASET_CREATE);
  H5Pset_chunk(creation, 3, chunk);
  H5Pset_deflate(creation, 6);
  const char *path = make_raw(H5T_IEEE_F32BE, creation, dims);
  H5Pclose(creation);
  hid_t file = H5Fopen(path, H5F_ACC_RDWR, H5P_DEFAULT);
  hid_t set = H5Dopen2(file, "images", H5P_DEFAULT);
  H5Dwrite(set, H5T_NATIVE_FLOAT, H5S_ALL, H5S_ALL, H5P_DEFAULT, values);
  H5Dclose(set);
  H5Fclose(file);
  for (int64_t piece = 0; piece < 4; piece++) {
    unit_rows rows;
    check_ok(unit_load(path, GAN_LAYOUT_AUTO, piece, &rows));
    memcpy(read, rows.rows, sizeof read);
    ck_assert_mem_eq(read, values, sizeof values);
    unit_rows_free(&rows);
  }
}
END_TEST

/* A dataset far larger than its file: refused before memory is taken. */
START_TEST(absurd_sizes) {
  static const hsize_t sizes[][3] = {{4, (hsize_t)1 << 40, 2},
                                     {4, 1 << 20, 1 << 20},
                                     {(hsize_t)1 << 60, 3, 2},
                                     {(hsize_t)1 << 40, 8, 8}};
  const hsize_t chunk[] = {1, 1, 1};
  hid_t creation = H5Pcreate(H5P_DATASET_CREATE);
  H5Pset_chunk(creation, 3, chunk);
  unit_rows rows;
  check_fails(unit_load(make_raw(H5T_STD_U8LE, creation, sizes[_i]), 0, 0, &rows), GAN_INPUT,
              "cannot be used");
  H5Pclose(creation);
}
END_TEST

/* The last half of a file is gone, or it never was HDF5. */
START_TEST(damaged_files) {
  table large = {"images", GAN_U8, 3, {200, 10, 10}, unit_byte};
  const char *path = make(&large, NULL);
  size_t n;
  unit_rows rows;
  char *bytes = unit_read(path, &n);
  for (size_t cut = 0; cut < n; cut += cut < 4096 ? 61 : 4099) {
    unit_write(path, bytes, cut);
    check_fails(unit_load(path, 0, 0, &rows), GAN_INPUT, path);
  }
  memset(bytes, 'x', 8);
  unit_write(path, bytes, n);
  check_fails(unit_load(path, 0, 0, &rows), GAN_INPUT, path, "HDF5 cannot open");
  check_fails(unit_load(unit_path("none.h5"), 0, 0, &rows), GAN_INPUT, "none.h5");
  check_ok(gan_folder_make(unit_path("folder.h5")));
  check_fails(unit_load(unit_path("folder.h5"), 0, 0, &rows), GAN_INPUT, "folder.h5");
  gan_free(&bytes);
}
END_TEST

int main(void) {
  const unit_test tests[] = {
      {reads_every_layout, sizeof good / sizeof *good},
      {reads_labels_of_every_type, 3},
      {names_of_datasets, 1},
      {refuses, sizeof bad / sizeof *bad},
      {types_that_are_no_images, 1},
      {chunks_and_byte_orders, 1},
      {absurd_sizes, 4},
      {damaged_files, 1},
  };
  return UNIT_MAIN("data: HDF5", tests);
}
