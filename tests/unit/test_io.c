/* Files, folders, HDF5, gzip, pictures. */
#include "base/clock.h"
#include "base/memory.h"
#include "io/file.h"
#include "io/gzip.h"
#include "io/hdf5.h"
#include "io/png.h"
#include "unit/support.h"

#include <fcntl.h>
#include <hdf5.h>
#include <math.h>
#include <png.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zlib.h>

#define COUNT(array) (sizeof(array) / sizeof *(array))

/* ---- files ---- */

/* From here on no file of this process may grow beyond that; RLIM_INFINITY ends it. */
static void limit_files(rlim_t bytes) {
  struct rlimit limit;
  signal(SIGXFSZ, SIG_IGN);
  ck_assert_int_eq(getrlimit(RLIMIT_FSIZE, &limit), 0);
  limit.rlim_cur = bytes < limit.rlim_max ? bytes : limit.rlim_max;
  ck_assert_int_eq(setrlimit(RLIMIT_FSIZE, &limit), 0);
}

static void check_content(const char *path, const void *bytes, size_t n) {
  size_t found_n;
  char *found = unit_read(path, &found_n);
  ck_assert_msg(found_n == n && memcmp(found, bytes, n) == 0, "%s has other content", path);
  gan_free(&found);
}

START_TEST(file_is_replaced) {
  static const struct {
    const char *head, *body, *whole;
    size_t head_n, body_n;
  } rows[] = {{"long head, ", "long body", "long head, long body", 11, 9},
              {"a", "b", "ab", 1, 1},
              {"\0\n\xff", "\0", "\0\n\xff\0", 3, 1},
              {"only head", NULL, "only head", 9, 0},
              {NULL, "only body", "only body", 0, 9},
              {NULL, NULL, "", 0, 0},
              {"again", "", "again", 5, 0}};
  const char *path = unit_path("file"), *temporary = unit_path("file.tmp");
  for (size_t i = 0; i < COUNT(rows); i++) {
    check_ok(gan_file_replace(path, rows[i].head, rows[i].head_n, rows[i].body, rows[i].body_n));
    check_content(path, rows[i].whole, rows[i].head_n + rows[i].body_n);
    ck_assert(!unit_exists(temporary));
  }
  ck_assert_int_eq(chdir(unit_folder()), 0);
  check_ok(gan_file_replace("no-slash", "x", 1, "y", 1));
  check_content(unit_path("no-slash"), "xy", 2);
}
END_TEST

START_TEST(failed_replacement_changes_nothing) {
  static const int limits[] = {0, 1, 2999, 3000, 3001, 5999};
  const char *path = unit_path("file"), *temporary = unit_path("file.tmp");
  char bytes[3000] = "new";
  unit_write(path, "old", 3);
  for (size_t i = 0; i < COUNT(limits); i++) {
    limit_files((rlim_t)limits[i]);
    gan_status status = gan_file_replace(path, bytes, sizeof bytes, bytes, sizeof bytes);
    limit_files(RLIM_INFINITY);
    ck_assert_int_eq(status, GAN_OUTPUT);
    check_message(temporary, "cannot write");
    check_content(path, "old", 3);
    ck_assert(!unit_exists(temporary));
  }
  limit_files(6000);
  gan_status status = gan_file_replace(path, bytes, sizeof bytes, bytes, sizeof bytes);
  limit_files(RLIM_INFINITY);
  check_ok(status);
}
END_TEST

static gan_status answer(void *context) {
  const char *answers = "n"
                        "yn"
                        "yy";
  int *asked = context;
  ck_assert_int_eq(unit_exists(unit_path("file.tmp")), *asked == 2 || *asked == 4);
  return answers[(*asked)++] == 'y' ? GAN_OK : gan_fail(GAN_OUTPUT, "not now");
}

START_TEST(replacement_needs_its_permit) {
  int asked = 0;
  const gan_permit permit = {answer, &asked};
  const char *path = unit_path("file");
  unit_write(path, "old", 3);
  for (int i = 0; i < 2; i++) {
    check_fails(gan_file_replace_if(&permit, path, "new", 3, NULL, 0), GAN_OUTPUT, "not now");
    check_content(path, "old", 3);
  }
  ck_assert_int_eq(unlink(unit_path("file.tmp")), 0); /* as who may write now does */
  check_ok(gan_file_replace_if(&permit, path, "new", 3, NULL, 0));
  check_content(path, "new", 3);
  ck_assert_int_eq(asked, 5);
}
END_TEST

START_TEST(replacement_needs_its_place) {
  const char *missing = unit_path("no/such/file"), *folder = unit_path("folder");
  const char *blocked = unit_path("blocked"), *under_file = unit_path("blocked/file");
  check_fails(gan_file_replace(missing, "x", 1, NULL, 0), GAN_OUTPUT, missing);
  ck_assert_int_eq(mkdir(folder, 0777), 0);
  check_fails(gan_file_replace(folder, "x", 1, NULL, 0), GAN_OUTPUT, folder);
  ck_assert(!unit_exists(unit_path("folder.tmp")) && gan_folder_exists(folder));
  unit_write(blocked, "old", 3);
  check_fails(gan_file_replace(under_file, "x", 1, NULL, 0), GAN_OUTPUT, under_file);
  ck_assert_int_eq(mkdir(unit_path("blocked.tmp"), 0777), 0);
  check_fails(gan_file_replace(blocked, "x", 1, NULL, 0), GAN_OUTPUT, blocked);
  check_content(blocked, "old", 3);
}
END_TEST

START_TEST(full_disk_is_told) {
  int fd = open("/dev/full", O_WRONLY);
  ck_assert_int_ge(fd, 0);
  check_fails(gan_fd_write(fd, "the disk", "x", 1), GAN_OUTPUT, "the disk");
  close(fd);
}
END_TEST

START_TEST(file_is_read) {
  size_t n;
  char *bytes, *path = gan_strdup(unit_path("file"));
  unit_write(path, "ab\0c", 4);
  check_ok(gan_file_read(path, &bytes, &n));
  ck_assert(n == 4 && memcmp(bytes, "ab\0c", 5) == 0);
  gan_free(&bytes);
  unit_write(path, "", 0);
  check_ok(gan_file_read(path, &bytes, &n));
  ck_assert(n == 0 && bytes && *bytes == '\0');
  gan_free(&bytes);
  check_fails(gan_file_read(unit_folder(), &bytes, &n), GAN_INPUT, unit_folder(), "not a file");
  ck_assert_ptr_null(bytes);
  check_fails(gan_file_read(unit_path("none"), &bytes, &n), GAN_INPUT, unit_path("none"));
  ck_assert_ptr_null(bytes);
  gan_free(&path);
}
END_TEST

/* ---- folders ---- */

START_TEST(folders_are_made) {
  static const char *const good[] = {"a", "a", "b/c/d", "b/c/d/", "b/c", "e//f"};
  static const char *const bad[] = {"file", "file/x", "file/x/y"};
  for (size_t i = 0; i < COUNT(good); i++) {
    const char *path = unit_path("%s", good[i]);
    check_ok(gan_folder_make(path));
    ck_assert(gan_folder_exists(path));
  }
  unit_write(unit_path("file"), "x", 1);
  for (size_t i = 0; i < COUNT(bad); i++)
    check_fails(gan_folder_make(unit_path("%s", bad[i])), GAN_OUTPUT, unit_path("file"));
  check_content(unit_path("file"), "x", 1);
  ck_assert(gan_file_exists(unit_path("file")) && !gan_folder_exists(unit_path("file")));
  ck_assert(!gan_file_exists(unit_path("none")) && !gan_folder_exists(unit_path("none")));
}
END_TEST

START_TEST(folder_is_listed) {
  static const char *const others[] = {"step-.h", "step-1.h5.tmp", "xstep-1.h5", "tep-1.h5", "abc"};
  char **names;
  int count;
  for (int i = 0; i < 40; i++) /* 7 * i mod 40: out of order */
    unit_write(unit_path("step-%d.h5", i * 7 % 40), "", 0);
  for (size_t i = 0; i < COUNT(others); i++) unit_write(unit_path("%s", others[i]), "", 0);
  check_ok(gan_folder_list(unit_folder(), "step-", ".h5", &names, &count));
  ck_assert_int_eq(count, 40);
  for (int i = 1; i < count; i++) ck_assert_int_lt(strcmp(names[i - 1], names[i]), 0);
  ck_assert_str_eq(names[2], "step-10.h5");
  gan_names_free(&names, count);
  ck_assert_ptr_null(names);
  check_ok(gan_folder_list(unit_folder(), "ab", "bc", &names, &count)); /* they overlap in abc */
  ck_assert_int_eq(count, 0);
  check_ok(gan_folder_list(unit_path("none"), "", "", &names, &count));
  ck_assert_int_eq(count, 0);
  check_fails(gan_folder_list(unit_path("abc"), "", "", &names, &count), GAN_INPUT, "abc");
}
END_TEST

static void check_link(const char *path, const char *target) {
  char found[256] = "";
  ck_assert_int_ge(readlink(path, found, sizeof found - 1), 0);
  ck_assert_str_eq(found, target);
}

START_TEST(link_is_replaced) {
  const char *path = unit_path("latest"), *folder = unit_path("folder");
  static const char *const targets[] = {"first", "second", "a/third"};
  unit_write(unit_path("latest.tmp"), "left behind", 11);
  for (size_t i = 0; i < COUNT(targets); i++) {
    gan_link_replace(path, targets[i]);
    check_link(path, targets[i]);
    ck_assert(!gan_file_exists(unit_path("latest.tmp")));
  }
  ck_assert_int_eq(mkdir(folder, 0777), 0);
  gan_link_replace(folder, "x"); /* no error, no harm */
  ck_assert(gan_folder_exists(folder));
  char **names;
  int count;
  check_ok(gan_folder_list(unit_folder(), "", ".tmp", &names, &count));
  ck_assert_int_eq(count, 0);
}
END_TEST

/* ---- HDF5 ---- */

enum { VALUES = 3 * 2 * 4 * 2 };

static const int64_t cube[4] = {3, 2, 4, 2};
static const gan_dtype dtypes[] = {GAN_U8, GAN_I32, GAN_I64, GAN_F32, GAN_F64};

static int64_t size_of(int rank) {
  int64_t n = 1;
  for (int i = 0; i < rank; i++) n *= cube[i];
  return n;
}

/* Numbers of that type, all different. */
static void numbers(gan_dtype type, void *values) {
  for (int i = 0; i < VALUES; i++) switch (type) {
    case GAN_U8:
      ((uint8_t *)values)[i] = (uint8_t)(5 * i + 7);
      break;
    case GAN_I32:
      ((int32_t *)values)[i] = INT32_MIN + 1000003 * i;
      break;
    case GAN_I64:
      ((int64_t *)values)[i] = INT64_MAX - 10000000000000061 * i;
      break;
    case GAN_F32:
      ((float *)values)[i] = ldexpf((float)(2 * i + 1), 3 * i - 140); /* the first are denormal */
      break;
    default:
      ((double *)values)[i] = -ldexp(2 * i + 1, 40 * i - 1070);
    }
}

static char *finish(gan_h5 **file, size_t *n) {
  char *image;
  check_ok(gan_h5_image(*file, &image, n));
  gan_h5_close(file);
  ck_assert_ptr_null(*file);
  return image;
}

/* Every type and rank. */
static char *make_image(size_t *n) {
  gan_h5 *file;
  check_ok(gan_h5_create(&file));
  for (size_t t = 0; t < COUNT(dtypes); t++)
    for (int rank = 0; rank <= 4; rank++) {
      double values[VALUES];
      char name[64];
      numbers(dtypes[t], values);
      snprintf(name, sizeof name, "%s/rank/%d", gan_dtype_name(dtypes[t]), rank);
      check_ok(gan_h5_write(file, name, dtypes[t], rank, cube, values));
    }
  check_ok(gan_h5_make_group(file, "empty/group"));
  check_ok(gan_h5_set_int(file, "/", "step", 7));
  check_ok(gan_h5_set_text(file, "float32", "text", "words"));
  check_ok(gan_h5_set_real(file, "float32/rank/4", "real", 0.1));
  return finish(&file, n);
}

START_TEST(arrays_come_back) {
  size_t n;
  gan_h5 *file;
  char *image = make_image(&n);
  check_ok(gan_h5_open_image(image, n, "the image", &file));
  for (size_t t = 0; t < COUNT(dtypes); t++)
    for (int rank = 0; rank <= 4; rank++) {
      double wrote[VALUES], values[VALUES] = {0};
      char name[64];
      gan_dtype type;
      int found_rank;
      int64_t dims[GAN_H5_RANK_MAX];
      size_t bytes = (size_t)size_of(rank) * gan_dtype_size(dtypes[t]);
      numbers(dtypes[t], wrote);
      snprintf(name, sizeof name, "%s/rank/%d", gan_dtype_name(dtypes[t]), rank);
      check_ok(gan_h5_shape(file, name, &type, &found_rank, dims));
      ck_assert(type == dtypes[t] && found_rank == rank);
      ck_assert(rank == 0 || memcmp(dims, cube, (size_t)rank * sizeof *dims) == 0);
      check_ok(gan_h5_read(file, name, type, rank, cube, values));
      ck_assert_msg(memcmp(values, wrote, bytes) == 0, "%s", name);
      ck_assert_msg(bytes == sizeof values || ((char *)values)[bytes] == 0, "%s: beyond", name);
    }
  gan_h5_close(&file);
  gan_free(&image);
}
END_TEST

/* What is written is what the HDF5 library itself reads, as every other program would. */
START_TEST(others_read_our_files) {
  size_t n;
  char *image = make_image(&n);
  const char *path = unit_path("ours.h5");
  unit_write(path, image, n);
  gan_free(&image);
  float wrote[VALUES], values[VALUES];
  numbers(GAN_F32, wrote);
  hid_t file = H5Fopen(path, H5F_ACC_RDONLY, H5P_DEFAULT);
  ck_assert(file >= 0);
  hid_t set = H5Dopen2(file, "/float32/rank/4", H5P_DEFAULT), type = H5Dget_type(set);
  hid_t plist = H5Dget_create_plist(set);
  ck_assert(H5Tequal(type, H5T_IEEE_F32LE) > 0);
  ck_assert_int_eq(H5Pget_layout(plist), H5D_CONTIGUOUS);
  ck_assert(H5Dread(set, H5T_NATIVE_FLOAT, H5S_ALL, H5S_ALL, H5P_DEFAULT, values) >= 0);
  ck_assert_int_eq(memcmp(values, wrote, sizeof values), 0);
  hid_t attribute = H5Aopen(file, "step", H5P_DEFAULT);
  int64_t step = 0;
  ck_assert(H5Aread(attribute, H5T_NATIVE_INT64, &step) >= 0 && step == 7);
  H5Aclose(attribute);
  H5Pclose(plist);
  H5Tclose(type);
  H5Dclose(set);
  H5Fclose(file);
}
END_TEST

static void foreign_set(hid_t file, const char *name, hid_t type, int rank, const hsize_t *dims,
                        hid_t memory, const void *values) {
  hid_t space = H5Screate_simple(rank, dims, NULL);
  hid_t set = H5Dcreate2(file, name, type, space, H5P_DEFAULT, H5P_DEFAULT, H5P_DEFAULT);
  ck_assert(set >= 0);
  if (values) ck_assert(H5Dwrite(set, memory, H5S_ALL, H5S_ALL, H5P_DEFAULT, values) >= 0);
  H5Dclose(set);
  H5Sclose(space);
}

START_TEST(we_read_others_files) {
  static const hsize_t dims[9] = {3, 1, 1, 1, 1, 1, 1, 1, 1};
  static const int64_t three = 3;
  static const double values[3] = {-1, 0.1, 300};
  const char *path = unit_path("theirs.h5");
  hid_t made = H5Fcreate(path, H5F_ACC_TRUNC, H5P_DEFAULT, H5P_DEFAULT), text = H5Tcopy(H5T_C_S1);
  hid_t scalar = H5Screate(H5S_SCALAR);
  foreign_set(made, "big", H5T_IEEE_F64BE, 1, dims, H5T_NATIVE_DOUBLE, values);
  foreign_set(made, "short", H5T_STD_I16LE, 1, dims, H5T_NATIVE_DOUBLE, values);
  foreign_set(made, "unsigned", H5T_STD_U32LE, 1, dims, 0, NULL);
  foreign_set(made, "words", text, 1, dims, 0, NULL);
  foreign_set(made, "deep", H5T_STD_U8LE, 9, dims, 0, NULL);
  H5Aclose(H5Acreate2(made, "fixed", text, scalar, H5P_DEFAULT, H5P_DEFAULT));
  H5Sclose(scalar);
  H5Tclose(text);
  H5Fclose(made);

  gan_h5 *file;
  gan_dtype type;
  int rank;
  int64_t found[GAN_H5_RANK_MAX], shorts[3];
  double doubles[3];
  char *fixed;
  check_ok(gan_h5_open(path, &file));
  check_ok(gan_h5_shape(file, "big", &type, &rank, found));
  ck_assert_int_eq(type, GAN_F64);
  check_ok(gan_h5_read(file, "big", GAN_F64, 1, &three, doubles));
  ck_assert_int_eq(memcmp(doubles, values, sizeof values), 0);
  check_ok(gan_h5_read(file, "short", GAN_I64, 1, &three, shorts));
  ck_assert(shorts[0] == -1 && shorts[1] == 0 && shorts[2] == 300);
  static const char *const other[] = {"short", "unsigned", "words"};
  for (size_t i = 0; i < COUNT(other); i++) {
    check_ok(gan_h5_shape(file, other[i], &type, &rank, found));
    ck_assert(type == GAN_OTHER && rank == 1 && found[0] == 3);
  }
  check_fails(gan_h5_read(file, "words", GAN_F64, 1, &three, doubles), GAN_INPUT, path, "'words'");
  check_fails(gan_h5_shape(file, "deep", &type, &rank, found), GAN_INPUT, path, "'deep'");
  check_fails(gan_h5_get_text(file, "/", "fixed", &fixed), GAN_INPUT, path, "'fixed'");
  gan_h5_close(&file);
}
END_TEST

START_TEST(attributes_come_back) {
  static const int64_t ints[] = {0, -1, INT64_MIN, INT64_MAX};
  static const double reals[] = {0.1, -0.0, 5e-324, 1.7976931348623157e308, INFINITY, NAN};
  size_t n, long_size = 200 * 1000;
  char *text, *long_text = gan_alloc(long_size + 1, 1, "a text"), name[16];
  for (size_t i = 0; i < long_size; i++) long_text[i] = (char)('!' + i % 89);
  const char *const texts[] = {"", "x", "two\nlines: \"\\\t", "\xc3\xa9\xe2\x82\xac", long_text};
  gan_h5 *file;
  check_ok(gan_h5_create(&file));
  check_ok(gan_h5_make_group(file, "a/b"));
  for (size_t i = 0; i < COUNT(ints); i++) {
    snprintf(name, sizeof name, "int%zu", i);
    check_ok(gan_h5_set_int(file, "a/b", name, ints[i]));
  }
  for (size_t i = 0; i < COUNT(reals); i++) {
    snprintf(name, sizeof name, "real%zu", i);
    check_ok(gan_h5_set_real(file, "/", name, reals[i]));
  }
  for (size_t i = 0; i < COUNT(texts); i++) {
    snprintf(name, sizeof name, "text%zu", i);
    check_ok(gan_h5_set_text(file, "a", name, texts[i]));
  }
  char *image = finish(&file, &n);
  check_ok(gan_h5_open_image(image, n, "the image", &file));
  memset(image, 0xff, n); /* HDF5 has a copy */
  for (size_t i = 0; i < COUNT(ints); i++) {
    int64_t value;
    snprintf(name, sizeof name, "int%zu", i);
    check_ok(gan_h5_get_int(file, "a/b", name, &value));
    ck_assert_int_eq(value, ints[i]);
  }
  for (size_t i = 0; i < COUNT(reals); i++) {
    double value;
    snprintf(name, sizeof name, "real%zu", i);
    check_ok(gan_h5_get_real(file, "/", name, &value));
    ck_assert_int_eq(memcmp(&value, &reals[i], sizeof value), 0);
  }
  for (size_t i = 0; i < COUNT(texts); i++) {
    snprintf(name, sizeof name, "text%zu", i);
    check_ok(gan_h5_get_text(file, "a", name, &text));
    ck_assert_str_eq(text, texts[i]);
    gan_free(&text);
  }
  int64_t value;
  double real;
  check_fails(gan_h5_get_int(file, "a", "text1", &value), GAN_INPUT, "image", "'text1'", "'a'");
  check_fails(gan_h5_get_int(file, "/", "real0", &value), GAN_INPUT, "'real0'");
  check_fails(gan_h5_get_real(file, "a/b", "int0", &real), GAN_INPUT, "'int0'", "'a/b'");
  check_fails(gan_h5_get_text(file, "a/b", "int0", &text), GAN_INPUT, "'int0'");
  check_fails(gan_h5_get_int(file, "/", "none", &value), GAN_INPUT, "image", "'none'");
  check_fails(gan_h5_get_int(file, "none/a", "int0", &value), GAN_INPUT, "image");
  gan_h5_close(&file);
  gan_free(&image);
  gan_free(&long_text);
}
END_TEST

START_TEST(open_images_stay_apart) {
  gan_h5 *files[2];
  char *images[2];
  size_t n[2];
  int64_t value;
  for (int i = 0; i < 2; i++) check_ok(gan_h5_create(&files[i]));
  for (int64_t i = 0; i < 2; i++) check_ok(gan_h5_write(files[i], "x", GAN_I64, 0, NULL, &i));
  check_ok(gan_h5_set_int(files[1], "/", "only second", 1));
  for (int i = 0; i < 2; i++) images[i] = finish(&files[i], &n[i]);
  for (int i = 0; i < 2; i++) check_ok(gan_h5_open_image(images[i], n[i], "twin", &files[i]));
  for (int i = 3; i >= 0; i--) {
    check_ok(gan_h5_read(files[i % 2], "x", GAN_I64, 0, NULL, &value));
    ck_assert_int_eq(value, i % 2);
  }
  ck_assert_int_eq(gan_h5_get_int(files[0], "/", "only second", &value), GAN_INPUT);
  gan_h5_close(&files[0]);
  check_ok(gan_h5_read(files[1], "x", GAN_I64, 0, NULL, &value));
  ck_assert_int_eq(value, 1);
  gan_h5_close(&files[1]);
  for (int i = 0; i < 2; i++) gan_free(&images[i]);
}
END_TEST

START_TEST(same_content_gives_the_same_bytes) {
  size_t first_n, second_n;
  char *first = make_image(&first_n);
  gan_sleep(1.1); /* times in HDF5 are whole seconds */
  char *second = make_image(&second_n);
  ck_assert_uint_eq(first_n, second_n);
  ck_assert_int_eq(memcmp(first, second, first_n), 0);
  gan_free(&first);
  gan_free(&second);
}
END_TEST

START_TEST(other_shapes_are_refused) {
  static const struct {
    int rank;
    int64_t dims[4];
  } wrong[] = {{4, {3, 2, 4, 1}}, {4, {2, 3, 4, 2}}, {3, {3, 2, 4}}, {3, {3, 2, 8}},
               {1, {VALUES}},     {0, {0}},          {2, {3, 16}},   {4, {3, 2, 4, 3}}};
  float values[2 * VALUES];
  size_t n;
  gan_h5 *file;
  char *image = make_image(&n);
  check_ok(gan_h5_open_image(image, n, "the image", &file));
  for (size_t i = 0; i < COUNT(wrong); i++)
    check_fails(gan_h5_read(file, "float32/rank/4", GAN_F32, wrong[i].rank, wrong[i].dims, values),
                GAN_INPUT, "the image", "'float32/rank/4'", "shape");
  check_fails(gan_h5_read(file, "float32/rank/0", GAN_F32, 1, cube, values), GAN_INPUT,
              "'float32/rank/0'");
  check_fails(gan_h5_read(file, "float32/rank", GAN_F32, 0, cube, values), GAN_INPUT, "/rank'");
  check_fails(gan_h5_read(file, "none/at/all", GAN_F32, 0, cube, values), GAN_INPUT, "none/at/all");
  gan_h5_close(&file);
  gan_free(&image);
}
END_TEST

START_TEST(rows_are_read) {
  static const struct {
    const char *name;
    int64_t first, count;
  } wrong[] = {{"float32/rank/4", -1, 1}, {"float32/rank/4", 0, 4},  {"float32/rank/4", 3, 1},
               {"float32/rank/4", 2, 2},  {"float32/rank/4", 1, -1}, {"float32/rank/4", 4, 0},
               {"float32/rank/0", 0, 1},  {"float32/none", 0, 1}};
  enum { ROW = VALUES / 3 };
  float wrote[VALUES], values[VALUES];
  size_t n;
  gan_h5 *file;
  char *image = make_image(&n);
  numbers(GAN_F32, wrote);
  check_ok(gan_h5_open_image(image, n, "the image", &file));
  for (int first = 0; first <= 3; first++)
    for (int count = 0; first + count <= 3; count++) {
      memset(values, 0, sizeof values);
      check_ok(gan_h5_read_rows(file, "float32/rank/4", GAN_F32, first, count, values));
      ck_assert_int_eq(memcmp(values, wrote + first * ROW, (size_t)count * ROW * sizeof(float)), 0);
      ck_assert(count == 3 || values[count * ROW] == 0);
    }
  for (size_t i = 0; i < COUNT(wrong); i++)
    check_fails(
        gan_h5_read_rows(file, wrong[i].name, GAN_F32, wrong[i].first, wrong[i].count, values),
        GAN_INPUT, "the image", wrong[i].name);
  gan_h5_close(&file);
  gan_free(&image);
}
END_TEST

START_TEST(names_are_found) {
  static const char *const there[] = {"float32", "float32/rank", "float32/rank/4", "empty/group"};
  static const char *const missing[] = {"x",      "x/y/z",        "float32/x", "float32/rank/4/x/y",
                                        "float3", "empty/group/x"};
  static const char *const sorted[] = {"empty", "float32", "float64", "int32", "int64", "uint8"};
  char **names;
  int count;
  size_t n;
  gan_h5 *file;
  char *image = make_image(&n);
  check_ok(gan_h5_open_image(image, n, "the image", &file));
  for (size_t i = 0; i < COUNT(there); i++)
    ck_assert_msg(gan_h5_has(file, there[i]), "%s", there[i]);
  for (size_t i = 0; i < COUNT(missing); i++)
    ck_assert_msg(!gan_h5_has(file, missing[i]), "%s", missing[i]);
  check_ok(gan_h5_names(file, "/", &names, &count));
  ck_assert_int_eq(count, (int)COUNT(sorted));
  for (int i = 0; i < count; i++) ck_assert_str_eq(names[i], sorted[i]);
  gan_names_free(&names, count);
  check_ok(gan_h5_names(file, "empty/group", &names, &count));
  ck_assert_int_eq(count, 0);
  check_fails(gan_h5_names(file, "none", &names, &count), GAN_INPUT, "the image", "'none'");
  gan_h5_close(&file);
  gan_free(&image);
}
END_TEST

START_TEST(what_is_no_hdf5_is_refused) {
  const char *path = unit_path("text"), *none = unit_path("none");
  static const char text[] = "this is a text and no HDF5 file";
  size_t n;
  gan_h5 *file;
  char *image = make_image(&n);
  unit_write(path, text, sizeof text);
  check_fails(gan_h5_open(path, &file), GAN_INPUT, path);
  ck_assert_ptr_null(file);
  check_fails(gan_h5_open(none, &file), GAN_INPUT, none);
  check_fails(gan_h5_open(unit_folder(), &file), GAN_INPUT, unit_folder());
  check_fails(gan_h5_open_image(text, sizeof text, "a text", &file), GAN_INPUT, "a text");
  check_fails(gan_h5_open_image(image, n / 2, "half", &file), GAN_INPUT, "half");
  check_fails(gan_h5_open_image("", 0, "nothing", &file), GAN_INPUT, "nothing");
  gan_free(&image);
}
END_TEST

/* ---- gzip ---- */

enum { CONTENT = 300 * 1000 };

/* Letters in no order: they shrink to about half. */
static char *content(void) {
  uint64_t state = 5;
  char *bytes = gan_alloc(CONTENT, 1, "content");
  for (int i = 0; i < CONTENT; i++) bytes[i] = (char)('a' + unit_bits(&state) % 16);
  return bytes;
}

static void write_gzip(const char *path, const char *mode, const char *bytes, unsigned n) {
  gzFile file = gzopen(path, mode);
  ck_assert(file && gzwrite(file, bytes, n) == (int)n && gzclose(file) == Z_OK);
}

/* All of a file that should have n bytes, in pieces of that size. */
static gan_status read_all(const char *path, char *bytes, size_t n, size_t piece) {
  gan_gzip *file;
  GAN_TRY(gan_gzip_open(path, &file));
  gan_status status = GAN_OK;
  for (size_t at = 0; status == GAN_OK && at < n; at += piece)
    status = gan_gzip_read(file, bytes + at, n - at < piece ? n - at : piece);
  if (status == GAN_OK) status = gan_gzip_expect_end(file);
  gan_gzip_close(&file);
  return status;
}

START_TEST(compressed_and_plain_read_alike) {
  char *wanted = content(), *bytes = gan_alloc(CONTENT, 1, "bytes");
  const char *paths[] = {unit_path("plain"), unit_path("packed"), unit_path("members")};
  static const size_t pieces[] = {997, 131072, CONTENT};
  unit_write(paths[0], wanted, CONTENT);
  write_gzip(paths[1], "wb", wanted, CONTENT);
  write_gzip(paths[2], "wb", wanted, 1000); /* two streams, one behind the other, are one */
  write_gzip(paths[2], "ab", wanted + 1000, CONTENT - 1000);
  for (size_t i = 0; i < COUNT(paths); i++) {
    struct stat info;
    gan_gzip *file;
    ck_assert_int_eq(stat(paths[i], &info), 0);
    check_ok(gan_gzip_open(paths[i], &file));
    ck_assert_int_eq(gan_gzip_is_compressed(file), i > 0);
    ck_assert_uint_eq(gan_gzip_file_size(file), (uint64_t)info.st_size);
    gan_gzip_close(&file);
    for (size_t k = 0; k < COUNT(pieces); k++) {
      memset(bytes, 0, CONTENT);
      check_ok(read_all(paths[i], bytes, CONTENT, pieces[k]));
      ck_assert_int_eq(memcmp(bytes, wanted, CONTENT), 0);
    }
    check_fails(read_all(paths[i], bytes, CONTENT - 1, CONTENT), GAN_INPUT, paths[i], "more bytes");
  }
  gan_free(&wanted);
  gan_free(&bytes);
}
END_TEST

START_TEST(damaged_streams_are_refused) {
  char *wanted = content(), *bytes = gan_alloc(CONTENT, 1, "bytes"), *packed;
  const char *path = unit_path("file");
  size_t n;
  write_gzip(path, "wb", wanted, 5000);
  packed = unit_read(path, &n);
  for (size_t cut = 1; cut < n; cut += cut + 40 < n ? 23 : 1) { /* each byte of the trailer */
    unit_write(path, packed, cut);
    check_fails(read_all(path, bytes, 5000, 5000), GAN_INPUT, path);
  }
  for (size_t at = 10; at < n; at += at + 12 < n ? 31 : 1) { /* behind the header */
    packed[at] ^= 16;
    unit_write(path, packed, n);
    check_fails(read_all(path, bytes, 5000, 5000), GAN_INPUT, path);
    packed[at] ^= 16;
  }
  unit_write(path, packed, n);
  check_ok(read_all(path, bytes, 5000, 5000));
  unit_write(path, wanted, 4999);
  check_fails(read_all(path, bytes, 5000, 5000), GAN_INPUT, path, "4999 bytes", "1 more");
  unit_write(path, "", 0);
  check_fails(read_all(path, bytes, 1, 1), GAN_INPUT, path, "empty");
  check_fails(read_all(unit_path("none"), bytes, 1, 1), GAN_INPUT, unit_path("none"));
  check_fails(read_all(unit_folder(), bytes, 1, 1), GAN_INPUT, unit_folder());
  gan_free(&wanted);
  gan_free(&bytes);
  gan_free(&packed);
}
END_TEST

/* A read larger than zlib's buffers ends before the trailer is looked at; the end must look. */
START_TEST(trailer_is_looked_at) {
  char *wanted = content(), *bytes = gan_alloc(CONTENT, 1, "bytes"), *packed;
  const char *path = unit_path("file");
  size_t n;
  write_gzip(path, "wb", wanted, CONTENT);
  packed = unit_read(path, &n);
  for (size_t i = 1; i <= 8; i++) {
    unit_write(path, packed, n - i);
    check_fails(read_all(path, bytes, CONTENT, CONTENT), GAN_INPUT, path, "cut off");
    packed[n - i] ^= 1;
    unit_write(path, packed, n);
    check_fails(read_all(path, bytes, CONTENT, CONTENT), GAN_INPUT, path, "damaged");
    packed[n - i] ^= 1;
  }
  gan_free(&wanted);
  gan_free(&bytes);
  gan_free(&packed);
}
END_TEST

/* ---- pictures ---- */

typedef struct {
  int width, height, channels;
  unsigned char *pixels; /* (height, width, 3) */
} picture;

static picture read_png(const char *path) {
  png_image image = {.version = PNG_IMAGE_VERSION};
  ck_assert(png_image_begin_read_from_file(&image, path));
  picture found = {(int)image.width, (int)image.height,
                   image.format & PNG_FORMAT_FLAG_COLOR ? 3 : 1, NULL};
  image.format = PNG_FORMAT_RGB;
  found.pixels = gan_alloc(PNG_IMAGE_SIZE(image), 1, "pixels");
  ck_assert(png_image_finish_read(&image, NULL, found.pixels, 0, NULL));
  return found;
}

START_TEST(grid_has_each_image_in_its_place) {
  static const struct {
    int n, c, h, w, scale, columns, rows;
  } rows[] = {{1, 1, 8, 8, 7, 1, 1},   {5, 1, 28, 28, 2, 3, 2}, {4, 3, 56, 56, 1, 2, 2},
              {2, 3, 5, 9, 7, 2, 1},   {7, 2, 60, 4, 1, 3, 3},  {3, 1, 1, 1, 56, 2, 2},
              {16, 3, 55, 3, 2, 4, 4}, {17, 4, 2, 3, 19, 5, 4}};
  const int gap = 2, grey = 96;
  const char *path = unit_path("grid.png");
  for (size_t i = 0; i < COUNT(rows); i++) {
    int n = rows[i].n, c = rows[i].c, h = rows[i].h, w = rows[i].w, scale = rows[i].scale;
    float *images = unit_floats(n * c * h * w);
    uint64_t state = i;
    for (int k = 0; k < n * c * h * w; k++) images[k] = (float)(unit_bits(&state) % 256);
    check_ok(gan_png_write_grid(path, images, n, c, h, w, 0, 0, 255));
    picture found = read_png(path);
    ck_assert_int_eq(found.channels, c == 3 ? 3 : 1);
    ck_assert_int_eq(found.width, rows[i].columns * (w * scale + gap) + gap);
    ck_assert_int_eq(found.height, rows[i].rows * (h * scale + gap) + gap);
    for (int y = 0; y < found.height; y++)
      for (int x = 0; x < found.width; x++)
        for (int k = 0; k < 3; k++) {
          int row = y / (h * scale + gap), dy = y % (h * scale + gap) - gap;
          int column = x / (w * scale + gap), dx = x % (w * scale + gap) - gap;
          int image = row * rows[i].columns + column, channel = c == 3 ? k : 0;
          int wanted = grey; /* a tile has its gap above it and on its left */
          if (dy >= 0 && dx >= 0 && image < n)
            wanted = (int)images[((image * c + channel) * h + dy / scale) * w + dx / scale];
          ck_assert_int_eq(found.pixels[(y * found.width + x) * 3 + k], wanted);
        }
    gan_free(&found.pixels);
    gan_free(&images);
  }
}
END_TEST

START_TEST(values_become_greys) {
  static const struct {
    float value;
    int grey;
  } rows[] = {{-1, 0},        {1, 255},        {0, 128},    {-1.01f, 0}, {1.01f, 255},
              {NAN, 0},       {-INFINITY, 0},  {0.5f, 191}, {-0.5f, 64}, {INFINITY, 255},
              {0.9970f, 255}, {0.99607f, 254}, {1e30f, 255}};
  const char *path = unit_path("greys.png");
  for (size_t i = 0; i < COUNT(rows); i++) {
    check_ok(gan_png_write_grid(path, &rows[i].value, 1, 1, 1, 1, 0, -1, 1));
    picture found = read_png(path);
    ck_assert_int_eq(found.pixels[3 * (2 * found.width + 2)], rows[i].grey);
    gan_free(&found.pixels);
  }
  check_fails(gan_png_write_grid(unit_path("no/such.png"), &rows[0].value, 1, 1, 1, 1, 0, -1, 1),
              GAN_OUTPUT, "no/such.png");
}
END_TEST

START_TEST(points_are_plotted) {
  static const float points[][2] = {{-1, -1}, {1, 1}, {0, 0}, {2, 0}, {0, -1.1f}, {NAN, 0}};
  static const int dots[][2] = {{0, 511}, {511, 0}, {255, 255}}; /* (0, 0) is the upper left */
  const char *path = unit_path("points.png");
  check_ok(gan_png_write_points(path, points[0], (int)COUNT(points), -1, 1));
  picture found = read_png(path);
  ck_assert(found.width == 512 && found.height == 512);
  for (int y = 0; y < 512; y++)
    for (int x = 0; x < 512; x++) {
      bool black = false;
      for (size_t i = 0; i < COUNT(dots); i++)
        black = black || (abs(x - dots[i][0]) <= 1 && abs(y - dots[i][1]) <= 1);
      ck_assert_int_eq(found.pixels[3 * (y * 512 + x)], black ? 0 : 255);
    }
  gan_free(&found.pixels);
}
END_TEST

int main(void) {
  const unit_test tests[] = {
      {file_is_replaced, 1},
      {failed_replacement_changes_nothing, 1},
      {replacement_needs_its_permit, 1},
      {replacement_needs_its_place, 1},
      {full_disk_is_told, 1},
      {file_is_read, 1},
      {folders_are_made, 1},
      {folder_is_listed, 1},
      {link_is_replaced, 1},
      {arrays_come_back, 1},
      {others_read_our_files, 1},
      {we_read_others_files, 1},
      {attributes_come_back, 1},
      {open_images_stay_apart, 1},
      {same_content_gives_the_same_bytes, 1},
      {other_shapes_are_refused, 1},
      {rows_are_read, 1},
      {names_are_found, 1},
      {what_is_no_hdf5_is_refused, 1},
      {compressed_and_plain_read_alike, 1},
      {damaged_streams_are_refused, 1},
      {trailer_is_looked_at, 1},
      {grid_has_each_image_in_its_place, 1},
      {values_become_greys, 1},
      {points_are_plotted, 1},
  };
  return UNIT_MAIN("io", tests);
}
