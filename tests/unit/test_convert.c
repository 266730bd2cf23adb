/* mpigan data convert: files that HDF5 itself reads back, and requests that must be refused without
 * harm. */
#include "base/memory.h"
#include "data/convert.h"
#include "io/file.h"
#include "unit/data_support.h"

#include <hdf5.h>
#include <math.h>
#include <signal.h>
#include <string.h>
#include <sys/resource.h>

static gan_convert_request request_of(const char *const *sources, int count, const char *out) {
  return (gan_convert_request){.sources = sources,
                               .source_count = count,
                               .images = "images",
                               .labels = "labels",
                               .out = out};
}

static gan_status convert(const char *from, const char *out) {
  gan_data_info info;
  gan_convert_request request = request_of(&from, 1, out);
  return gan_convert(gan_comm_alone(), &request, &info);
}

/* ---- looking at a file with nothing of ours ---- */

static double attribute(hid_t set, const char *name) {
  double value;
  hid_t found = H5Aopen(set, name, H5P_DEFAULT);
  ck_assert_msg(found >= 0, "no attribute %s", name);
  ck_assert(H5Aread(found, H5T_NATIVE_DOUBLE, &value) >= 0);
  H5Aclose(found);
  return value;
}

/* Opens a dataset of exactly that shape. */
static hid_t open_set(hid_t file, const char *name, int rank, const hsize_t *dims) {
  hsize_t found[H5S_MAX_RANK];
  hid_t set = H5Dopen2(file, name, H5P_DEFAULT);
  ck_assert_msg(set >= 0, "no dataset %s", name);
  hid_t space = H5Dget_space(set);
  ck_assert_int_eq(H5Sget_simple_extent_dims(space, found, NULL), rank);
  for (int i = 0; i < rank; i++) ck_assert_uint_eq(found[i], dims[i]);
  H5Sclose(space);
  return set;
}

static void check_type(hid_t set, hid_t wanted) {
  hid_t type = H5Dget_type(set);
  ck_assert(H5Tequal(type, wanted) > 0);
  H5Tclose(type);
}

/* Chunks of whole rows, as many as 256 KiB hold; compressed or not. */
static void check_chunks(hid_t set, int rank, const hsize_t *dims, size_t element, int gzip) {
  hsize_t chunk[H5S_MAX_RANK], row = element;
  hid_t creation = H5Dget_create_plist(set);
  ck_assert_int_eq(H5Pget_chunk(creation, H5S_MAX_RANK, chunk), rank);
  for (int i = 1; i < rank; i++) row *= dims[i];
  for (int i = 1; i < rank; i++) ck_assert_uint_eq(chunk[i], dims[i]);
  hsize_t fit = (256 << 10) / row > 1 ? (256 << 10) / row : 1;
  ck_assert_uint_eq(chunk[0], fit < dims[0] ? fit : dims[0]);
  ck_assert_int_eq(H5Pget_nfilters(creation), gzip > 0);
  H5Pclose(creation);
}

/* ---- what is written ---- */

static const struct {
  int type, rank;
  int64_t dims[3];
  int gzip;
} shapes[] = {{IDX_U8, 3, {40, 5, 6}, 0},     {IDX_U8, 3, {40, 5, 6}, 9}, {IDX_U8, 2, {7, 3}, 0},
              {IDX_F32, 3, {30, 2, 9}, 0},    {IDX_F64, 2, {900, 2}, 6},  {IDX_U8, 3, {1, 1, 2}, 1},
              {IDX_U8, 3, {9000, 28, 28}, 0}, {IDX_U8, 2, {4, 400000}, 0}}; /* several pieces */

START_TEST(writes_what_it_reads) {
  int rank = shapes[_i].rank;
  const int64_t *dims = shapes[_i].dims;
  hsize_t wanted[3];
  size_t count = 1;
  for (int i = 0; i < rank; i++) count *= (size_t)(wanted[i] = (hsize_t)dims[i]);
  bool bytes = shapes[_i].type == IDX_U8;
  unit_value value = bytes ? unit_byte : unit_real;
  unit_write_idx(unit_path("a.idx"), shapes[_i].type, rank, dims, value);
  const char *from = unit_path("a.idx"), *out = unit_path("out.h5");
  gan_convert_request request = request_of(&from, 1, out);
  gan_data_info info;
  request.gzip = shapes[_i].gzip;
  check_ok(gan_convert(gan_comm_alone(), &request, &info));
  ck_assert_int_eq(info.n, dims[0]);
  ck_assert(!unit_exists(unit_path("out.h5.tmp")));

  hid_t file = H5Fopen(out, H5F_ACC_RDONLY, H5P_DEFAULT);
  hid_t set = open_set(file, "images", rank, wanted);
  check_type(set, bytes ? H5T_STD_U8LE : H5T_IEEE_F32LE);
  check_chunks(set, rank, wanted, bytes ? 1 : 4, shapes[_i].gzip);
  double *found = gan_alloc(count, sizeof *found, "numbers"), low = INFINITY, high = -INFINITY;
  ck_assert(H5Dread(set, H5T_NATIVE_DOUBLE, H5S_ALL, H5S_ALL, H5P_DEFAULT, found) >= 0);
  for (size_t i = 0; i < count; i++) {
    if (found[i] != value((int64_t)i)) ck_abort_msg("number %zu is %g", i, found[i]);
    low = fmin(low, found[i]);
    high = fmax(high, found[i]);
  }
  ck_assert_double_eq(attribute(set, "minimum"), low);
  ck_assert_double_eq(attribute(set, "maximum"), high);
  ck_assert(H5Aexists(set, "classes") == 0);
  ck_assert(H5Lexists(file, "labels", H5P_DEFAULT) == 0);
  H5Dclose(set);
  H5Fclose(file);
  gan_free(&found);
}
END_TEST

/* Colours and labels, from channels first, under other names. */
START_TEST(hdf5_of_another_layout) {
  enum { ROWS = 5, HEIGHT = 2, WIDTH = 3, CHANNELS = 4, SIZE = HEIGHT * WIDTH * CHANNELS };
  static const int64_t dims[] = {ROWS, CHANNELS, HEIGHT, WIDTH}, one[] = {ROWS};
  static const hsize_t wanted[] = {ROWS, HEIGHT, WIDTH, CHANNELS};
  float values[ROWS * SIZE], found[ROWS * SIZE];
  int64_t labels[ROWS] = {3, 0, 7, 7, 1};
  int32_t found_labels[ROWS];
  gan_h5 *made;
  char *image;
  size_t n;
  for (int i = 0; i < ROWS * SIZE; i++) values[i] = (float)i;
  check_ok(gan_h5_create(&made));
  check_ok(gan_h5_write(made, "faces", GAN_F32, 4, dims, values));
  check_ok(gan_h5_write(made, "who", GAN_I64, 1, one, labels));
  check_ok(gan_h5_image(made, &image, &n));
  gan_h5_close(&made);
  unit_write(unit_path("in.h5"), image, n);
  gan_free(&image);
  const char *from = unit_path("in.h5"), *out = unit_path("out.h5");
  gan_data_info info;
  gan_convert_request request = request_of(&from, 1, out);
  request.images = "faces";
  request.labels = "who";
  request.layout = GAN_LAYOUT_NCHW;
  check_ok(gan_convert(gan_comm_alone(), &request, &info));

  hid_t file = H5Fopen(out, H5F_ACC_RDONLY, H5P_DEFAULT);
  hid_t set = open_set(file, "images", 4, wanted), labelled = open_set(file, "labels", 1, wanted);
  ck_assert(H5Dread(set, H5T_NATIVE_FLOAT, H5S_ALL, H5S_ALL, H5P_DEFAULT, found) >= 0);
  ck_assert(H5Dread(labelled, H5T_NATIVE_INT32, H5S_ALL, H5S_ALL, H5P_DEFAULT, found_labels) >= 0);
  check_type(labelled, H5T_STD_I32LE);
  for (int r = 0, at = 0; r < ROWS; r++) {
    for (int y = 0; y < HEIGHT; y++)
      for (int x = 0; x < WIDTH; x++)
        for (int c = 0; c < CHANNELS; c++, at++)
          ck_assert(found[at] == values[((r * CHANNELS + c) * HEIGHT + y) * WIDTH + x]);
    ck_assert_int_eq(found_labels[r], labels[r]);
  }
  ck_assert_double_eq(attribute(set, "classes"), 8);
  H5Dclose(set);
  H5Dclose(labelled);
  H5Fclose(file);
}
END_TEST

static void write_folder(const char *name, int64_t rows, int64_t side, bool labelled) {
  const int64_t dims[] = {rows, side, 3};
  check_ok(gan_folder_make(unit_path("%s", name)));
  unit_write_idx(unit_path("%s/train-images-idx3-ubyte", name), IDX_U8, 3, dims, unit_byte);
  if (labelled)
    unit_write_idx(unit_path("%s/train-labels-idx1-ubyte", name), IDX_U8, 1, dims, unit_digit);
}

/* Three sources, the first longer than what is in memory at once, one behind the other. */
START_TEST(several_sources) {
  enum { SIDE = 400, ROW = 3 * SIDE };
  static const int64_t rows[] = {4001, 1, 77};
  write_folder("a", rows[0], SIDE, true);
  write_folder("b", rows[1], SIDE, true);
  write_folder("c", rows[2], SIDE, true);
  const char *sources[] = {unit_path("a"), unit_path("b"), unit_path("c")};
  gan_convert_request request = request_of(sources, 3, unit_path("out.h5"));
  gan_data_info info;
  unit_rows found;
  check_ok(gan_convert(gan_comm_alone(), &request, &info));
  check_ok(unit_load(unit_path("out.h5"), GAN_LAYOUT_AUTO, 0, &found));
  ck_assert_int_eq(found.info.n, 4079);
  int64_t at = 0;
  for (int s = 0; s < 3; s++)
    for (int64_t r = 0; r < rows[s]; r++, at++) {
      ck_assert_int_eq(found.labels[at], (int)unit_digit(r));
      for (int64_t k = 0; k < ROW; k++)
        if (((uint8_t *)found.rows)[at * ROW + k] != (uint8_t)unit_byte(r * ROW + k))
          ck_abort_msg("row %d of source %d is another", (int)r, s);
    }
  unit_rows_free(&found);
}
END_TEST

/* Noise of a named shape: the same every time, and bytes of all values. */
START_TEST(made_up_data) {
  unit_rows one, two;
  int64_t seen[256] = {0};
  check_ok(convert("synthetic:300x7x5x3", unit_path("a.h5")));
  check_ok(unit_load(unit_path("a.h5"), GAN_LAYOUT_NHWC, 0, &one));
  check_ok(unit_load("synthetic:300x7x5x3", GAN_LAYOUT_AUTO, 7, &two));
  ck_assert(one.info.n == 300 && one.info.h == 7 && one.info.w == 5 && one.info.c == 3);
  ck_assert_mem_eq(one.rows, two.rows, 300 * 105);
  for (int i = 0; i < 300 * 105; i++) seen[((uint8_t *)one.rows)[i]]++;
  double chi_square = 0, each = 300 * 105 / 256.0;
  for (int i = 0; i < 256; i++) chi_square += ((double)seen[i] - each) * ((double)seen[i] - each);
  ck_assert_double_lt(chi_square / each, unit_chi_square_bound(255));
  unit_rows_free(&one);
  unit_rows_free(&two);
  static const char *const wrong[] = {
      "synthetic:",          "synthetic:5",        "synthetic:5x5x5",
      "synthetic:5x5x5x1x1", "synthetic:5x5x5x1 ", "synthetic: 5x5x5x1",
      "synthetic:-5x5x5x1",  "synthetic:5x5x5xx",  "synthetic:99999999999999999999x1x1x1"};
  for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++)
    check_fails(unit_load(wrong[i], 0, 0, &one), GAN_INPUT, wrong[i], "synthetic:NxHxWxC");
  check_fails(unit_load("synthetic:0x5x5x1", 0, 0, &one), GAN_INPUT, "empty");
  check_fails(unit_load("synthetic:5x0x5x1", 0, 0, &one), GAN_INPUT, "5 x 1");
}
END_TEST

/* ---- what is refused ---- */

START_TEST(names_that_will_not_do) {
  const char *out = unit_path("out.h5");
  unit_write(out, "mine", 4);
  check_fails(convert("builtin:digits", out), GAN_USAGE, out, "exists", "--force");
  size_t n;
  char *kept = unit_read(out, &n);
  ck_assert_str_eq(kept, "mine");
  gan_free(&kept);
  check_fails(convert("builtin:digits", unit_path("out.idx")), GAN_USAGE, "out.idx", ".h5");
  check_ok(gan_folder_make(unit_path("folder.h5")));
  check_fails(convert("builtin:digits", unit_path("folder.h5")), GAN_USAGE, "is a folder");
  check_fails(convert("builtin:digits", unit_path("none/out.h5")), GAN_OUTPUT, "none/out.h5",
              "No such file");
  check_fails(convert(unit_path("nowhere"), unit_path("b.h5")), GAN_INPUT, "nowhere");
  ck_assert(!unit_exists(unit_path("b.h5")));
  const char *from = "builtin:digits";
  gan_convert_request request = request_of(&from, 1, out);
  gan_data_info info;
  unit_rows rows;
  request.force = true;
  unit_write(unit_path("out.h5.tmp"), "left by a kill", 14);
  check_ok(gan_convert(gan_comm_alone(), &request, &info));
  check_ok(unit_load(out, GAN_LAYOUT_AUTO, 0, &rows));
  ck_assert_int_eq(rows.info.n, 1797);
  unit_rows_free(&rows);
}
END_TEST

START_TEST(sources_that_differ) {
  static const int64_t dims[] = {8, 4, 3};
  write_folder("plain", 8, 4, false);
  write_folder("labelled", 8, 4, true);
  write_folder("taller", 8, 5, false);
  check_ok(gan_folder_make(unit_path("floats")));
  unit_write_idx(unit_path("floats/train-images-idx3-ubyte"), IDX_F32, 3, dims, unit_real);
  static const char *const others[] = {"labelled", "taller", "floats"};
  for (int i = 0; i < 3; i++) {
    const char *sources[] = {unit_path("plain"), unit_path("%s", others[i])};
    gan_convert_request request = request_of(sources, 2, unit_path("out.h5"));
    gan_data_info info;
    check_fails(gan_convert(gan_comm_alone(), &request, &info), GAN_INPUT, sources[0], sources[1],
                "8 images", "must be the same");
    ck_assert(!unit_exists(unit_path("out.h5")) && !unit_exists(unit_path("out.h5.tmp")));
  }
}
END_TEST

/* A number that is none, in the second source's rows; a source that ends too soon. */
START_TEST(sources_that_break_off) {
  static const int64_t dims[] = {20, 4};
  size_t n;
  unsigned char *bytes = unit_idx(IDX_F32, 2, dims, unit_real, &n);
  unit_write(unit_path("a.idx"), bytes, n);
  memset(bytes + 12 + (13 * 4 + 2) * 4, 0xff, 4);
  unit_write(unit_path("b.idx"), bytes, n);
  const char *sources[] = {unit_path("a.idx"), unit_path("b.idx")};
  gan_convert_request request = request_of(sources, 2, unit_path("out.h5"));
  gan_data_info info;
  check_fails(gan_convert(gan_comm_alone(), &request, &info), GAN_INPUT, "b.idx", "row 13", "nan",
              "number 2");
  unit_write_gzip(unit_path("b.idx"), bytes, n - 90);
  check_fails(gan_convert(gan_comm_alone(), &request, &info), GAN_INPUT, "b.idx", "truncated");
  ck_assert(!unit_exists(unit_path("out.h5")) && !unit_exists(unit_path("out.h5.tmp")));
  gan_free(&bytes);
}
END_TEST

/* Wherever the disk ends: a failure with the system's words, and nothing is left. */
START_TEST(full_disks) {
  static const rlim_t limits[] = {0, 1, 100, 800, 2048, 2200, 100000, 117000, 120000, 129000};
  struct rlimit limit;
  const char *out = unit_path("out.h5");
  signal(SIGXFSZ, SIG_IGN);
  ck_assert_int_eq(getrlimit(RLIMIT_FSIZE, &limit), 0);
  limit.rlim_cur = limits[_i];
  ck_assert_int_eq(setrlimit(RLIMIT_FSIZE, &limit), 0);
  gan_status status = convert("builtin:digits", out);
  limit.rlim_cur = limit.rlim_max;
  ck_assert_int_eq(setrlimit(RLIMIT_FSIZE, &limit), 0); /* for check's own files */
  ck_assert_int_eq(status, GAN_OUTPUT);
  check_message(out, "File too large", "nothing of it is left");
  ck_assert(!unit_exists(out) && !unit_exists(unit_path("out.h5.tmp")));
  check_ok(convert("builtin:digits", out)); /* the process lives on, HDF5 too */
}
END_TEST

int main(void) {
  const unit_test tests[] = {
      {writes_what_it_reads, sizeof shapes / sizeof *shapes},
      {hdf5_of_another_layout, 1},
      {several_sources, 1},
      {made_up_data, 1},
      {names_that_will_not_do, 1},
      {sources_that_differ, 1},
      {sources_that_break_off, 1},
      {full_disks, 10},
  };
  return UNIT_MAIN("convert", tests);
}
