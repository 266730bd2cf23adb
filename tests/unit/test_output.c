/* JSON lines, files of them, sample files. */
#include "base/memory.h"
#include "io/hdf5.h"
#include "output/json.h"
#include "output/lines.h"
#include "output/samples.h"
#include "unit/support.h"

#include <math.h>
#include <png.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#define COUNT(array) (sizeof(array) / sizeof *(array))

static void check_content(const char *path, const void *bytes, size_t n) {
  size_t found_n;
  char *found = unit_read(path, &found_n);
  ck_assert_msg(found_n == n && memcmp(found, bytes, n) == 0, "%s holds: %s", path, found);
  gan_free(&found);
}

/* ---- JSON ---- */

START_TEST(texts_are_escaped) {
  static const struct {
    const char *value, *written;
  } rows[] = {{"", ""},
              {"plain", "plain"},
              {"say \"hi\"", "say \\\"hi\\\""},
              {"back\\slash\\", "back\\\\slash\\\\"},
              {"a\nb\tc\r", "a\\u000ab\\u0009c\\u000d"},
              {"\x01\x1f\x1b[0m", "\\u0001\\u001f\\u001b[0m"},
              {"\x20\x7f/", " \x7f/"},
              {"\xc3\xa9 \xe2\x82\xac \xf0\x9f\x98\x80", "\xc3\xa9 \xe2\x82\xac \xf0\x9f\x98\x80"},
              {"100%d %s %n", "100%d %s %n"}};
  for (size_t i = 0; i < COUNT(rows); i++) {
    gan_json line;
    char wanted[256];
    gan_json_begin(&line);
    gan_json_text(&line, "key", rows[i].value);
    const char *text = gan_json_end(&line);
    snprintf(wanted, sizeof wanted, "{\"key\": \"%s\"}\n", rows[i].written);
    ck_assert_str_eq(text, wanted);
    ck_assert_uint_eq(line.used, strlen(wanted));
  }
}
END_TEST

START_TEST(numbers_are_written) {
  gan_json line;
  gan_json_begin(&line);
  ck_assert_str_eq(gan_json_end(&line), "{}\n");
  gan_json_begin(&line);
  gan_json_int(&line, "a", INT64_MIN);
  gan_json_int(&line, "b", INT64_MAX);
  gan_json_real(&line, "c", 0.1);
  gan_json_real(&line, "d", -1e-300);
  gan_json_real(&line, "e", 123456789);
  gan_json_real(&line, "f", NAN);
  gan_json_real(&line, "g", INFINITY);
  gan_json_real(&line, "h", -INFINITY);
  gan_json_text(&line, "i", "x");
  ck_assert_str_eq(gan_json_end(&line),
                   "{\"a\": -9223372036854775808, \"b\": 9223372036854775807, \"c\": 0.1, "
                   "\"d\": -1e-300, \"e\": 123456789, \"f\": null, \"g\": null, \"h\": null, "
                   "\"i\": \"x\"}\n");
}
END_TEST

/* Losses are floats: each one must come back as it was. */
START_TEST(floats_survive) {
  uint64_t state = 3;
  for (int i = 0; i < 2000; i++) {
    float value = ldexpf((float)unit_uniform(&state, -1, 1), (int)(unit_bits(&state) % 200) - 100);
    gan_json line;
    gan_json_begin(&line);
    gan_json_real(&line, "x", value);
    ck_assert(strtof(gan_json_end(&line) + 6, NULL) == value);
  }
}
END_TEST

/* What is too long is cut, but it stays one line, in its bounds. */
START_TEST(overflow_stays_in_bounds) {
  struct {
    gan_json line;
    char guard[64];
  } it;
  char *filler = gan_alloc(20000, 1, "a long text");
  for (size_t n = sizeof it.line.text - 40; n < 20000; n += n < sizeof it.line.text + 8 ? 1 : 3331)
    for (int quotes = 0; quotes < 2; quotes++) {
      memset(&it, 0x55, sizeof it);
      memset(filler, quotes ? '"' : 'x', n);
      filler[n] = '\0';
      gan_json_begin(&it.line);
      gan_json_int(&it.line, "step", 5);
      gan_json_text(&it.line, "text", filler);
      for (int i = 0; i < 10; i++) gan_json_real(&it.line, "more", 0.123456789);
      const char *text = gan_json_end(&it.line);
      ck_assert_uint_lt(it.line.used, sizeof it.line.text);
      ck_assert_uint_eq(strlen(text), it.line.used);
      ck_assert_str_eq(text + it.line.used - 2, "}\n");
      ck_assert_ptr_eq(strchr(text, '\n'), text + it.line.used - 1);
      ck_assert_int_eq(strncmp(text, "{\"step\": 5, \"text\": \"", 21), 0);
      for (size_t k = 0; k < sizeof it.guard; k++) ck_assert_int_eq(it.guard[k], 0x55);
    }
  gan_free(&filler);
}
END_TEST

/* ---- files of lines ---- */

static void append_step(gan_lines *lines, int64_t step) {
  gan_json line;
  gan_json_begin(&line);
  gan_json_int(&line, "step", step);
  check_ok(gan_lines_append(lines, &line));
}

START_TEST(lines_are_appended) {
  const char *path = unit_path("lines");
  unit_write(path, "before\n", 7);
  for (int i = 0; i < 2; i++) { /* also by another start */
    gan_lines *lines;
    check_ok(gan_lines_open(path, &lines));
    append_step(lines, 10 * i + 1);
    append_step(lines, 10 * i + 2);
    check_ok(gan_lines_sync(lines));
    gan_lines_close(&lines);
    ck_assert_ptr_null(lines);
  }
  static const char wanted[] =
      "before\n{\"step\": 1}\n{\"step\": 2}\n{\"step\": 11}\n{\"step\": 12}\n";
  check_content(path, wanted, sizeof wanted - 1);
  gan_lines *none;
  check_fails(gan_lines_open(unit_path("no/such"), &none), GAN_OUTPUT, unit_path("no/such"));
  ck_assert_ptr_null(none);
  check_fails(gan_lines_open(unit_folder(), &none), GAN_OUTPUT, unit_folder());
}
END_TEST

#define S1         "{\"time\": 1, \"step\": 1, \"loss\": 0.50}\n"
#define S2         "{\"step\":  2}\n" /* another program's spaces */
#define S3         "{\"time\": 3, \"step\": 3, \"text\": \"\\\"step\\\": 1 \xc3\xa9\"}\n"
#define S10        "{\"step\": 10}\n"
#define E1         "{\"event\": \"start\"}\n"
#define WITH(text) text, sizeof text - 1

START_TEST(later_lines_are_cut) {
  static const struct {
    const char *before;
    size_t before_n;
    int64_t step;
    const char *after;
    size_t after_n;
  } rows[] = {{WITH(""), 5, WITH("")},
              {WITH(S1 S2 S3 S10), 10, WITH(S1 S2 S3 S10)},
              {WITH(S1 S2 S3 S10), 9, WITH(S1 S2 S3)},
              {WITH(S1 S2 S3 S10), 3, WITH(S1 S2 S3)},
              {WITH(S1 S3 S10), 2, WITH(S1)},
              {WITH(S1 S3 S10), 0, WITH("")},
              {WITH(S10 S1 S3 S1), 1, WITH(S1 S1)},
              {WITH(S1 S3 "{\"step\": 1, \"loss"), 9, WITH(S1 S3)}, /* half a line */
              {WITH(S1 S3 "{"), 1, WITH(S1)},
              {WITH("{\"step\": 1}"), 9, WITH("")},
              {WITH(E1 S1 E1 S10 "{\"eve"), INT64_MAX, WITH(E1 S1 E1 S10)},
              {WITH(S1 "\n" E1), INT64_MAX, WITH(S1 "\n" E1)}};
  const char *path = unit_path("lines"), *temporary = unit_path("lines.tmp");
  for (size_t i = 0; i < COUNT(rows); i++) {
    unit_write(path, rows[i].before, rows[i].before_n);
    check_ok(gan_lines_cut(path, rows[i].step, 0));
    check_content(path, rows[i].after, rows[i].after_n);
    ck_assert(!unit_exists(temporary));
    gan_lines *lines; /* what comes next begins a line of its own */
    check_ok(gan_lines_open(path, &lines));
    append_step(lines, 77);
    gan_lines_close(&lines);
    char *wanted = gan_format("%s{\"step\": 77}\n", rows[i].after);
    check_content(path, wanted, strlen(wanted));
    gan_free(&wanted);
  }
  check_ok(gan_lines_cut(unit_path("none"), 5, 0));
  ck_assert(!unit_exists(unit_path("none")));
  check_fails(gan_lines_cut(unit_folder(), 5, 0), GAN_OUTPUT, unit_folder());
}
END_TEST

#define V2 "{\"step\": 2, \"void\": true, \"rollback\": 1}\n"
#define V9 "{\"step\": 9, \"void\": true, \"rollback\": 2}\n"

/* Of a run that was rolled back: void lines go with the roll-back that made them so. */
START_TEST(void_lines_are_cut_with_their_rollback) {
  static const struct {
    int64_t step, rollbacks;
    const char *after;
  } rows[] = {{1, 0, S1},
              {1, 1, S1 V2},
              {3, 1, S1 V2 S3},
              {3, 2, S1 V2 S3 V9},
              {10, 2, S1 V2 S3 V9 S10},
              {10, 0, S1 S3 S10},
              {INT64_MAX, 0, S1 V2 S3 V9 S10}};
  const char *path = unit_path("lines");
  for (size_t i = 0; i < COUNT(rows); i++) {
    unit_write(path, WITH(S1 V2 S3 V9 S10));
    check_ok(gan_lines_cut(path, rows[i].step, rows[i].rollbacks));
    check_content(path, rows[i].after, strlen(rows[i].after));
  }
}
END_TEST

/* In a file that others write in, too, theirs stay as they are; half a line goes in any case. */
START_TEST(only_our_lines_are_cut) {
#define OWN(step, rest) "{\"step\": " step ", \"source\": \"train\"" rest "}\n"
#define OTHER           "{\"step\": 9, \"source\": \"eval\"}\n"
  static const char before[] = OTHER OWN("1", "") OTHER OWN("9", "") "{\"step\": 10, \"sour";
  static const char cut[] = OTHER OWN("1", "") OTHER;
  static const char voided[] =
      OTHER OWN("1", "") OTHER OWN("9", ", \"void\": true, \"rollback\": 2");
  const char *path = unit_path("lines"), *ours = "\"source\": \"train\"";
  unit_write(path, WITH(before));
  check_ok(gan_lines_void_ours(path, ours, 1, 2));
  check_content(path, WITH(voided));
  check_ok(gan_lines_cut_ours(path, ours, 9, 1));
  check_content(path, WITH(cut));
  unit_write(path, WITH(before));
  check_ok(gan_lines_cut_ours(path, ours, 1, 0));
  check_content(path, WITH(cut));
}
END_TEST

START_TEST(later_lines_become_void) {
  static const struct {
    const char *before;
    int64_t step, rollback;
    const char *after;
  } rows[] = {{"", 5, 1, ""},
              {S1 S10, 10, 1, S1 S10},
              {S1 "{\"step\": 2}\n", 1, 1, S1 V2},
              {S1 V2 S1 "{\"step\": 9}\n", 1, 2, S1 V2 S1 V9},
              {"{\"step\": 9}\n{\"step\": 10, \"lo", 0, 2, V9}};
  const char *path = unit_path("lines");
  for (size_t i = 0; i < COUNT(rows); i++) {
    unit_write(path, rows[i].before, strlen(rows[i].before));
    check_ok(gan_lines_void(path, rows[i].step, rows[i].rollback));
    check_content(path, rows[i].after, strlen(rows[i].after));
  }
  check_ok(gan_lines_void(unit_path("none"), 5, 1));
  ck_assert(!unit_exists(unit_path("none")));
  check_fails(gan_lines_void(unit_folder(), 5, 1), GAN_OUTPUT, unit_folder());
}
END_TEST

START_TEST(untouched_file_stays_the_same_file) {
  const char *path = unit_path("lines");
  struct stat before, after;
  unit_write(path, WITH(S1 S3));
  ck_assert_int_eq(stat(path, &before), 0);
  check_ok(gan_lines_cut(path, 3, 0));
  ck_assert_int_eq(stat(path, &after), 0);
  ck_assert_uint_eq(before.st_ino, after.st_ino);
}
END_TEST

/* From here on no file of this process may grow beyond that; RLIM_INFINITY ends it. */
static void limit_files(rlim_t bytes) {
  struct rlimit limit;
  signal(SIGXFSZ, SIG_IGN);
  ck_assert_int_eq(getrlimit(RLIMIT_FSIZE, &limit), 0);
  limit.rlim_cur = bytes < limit.rlim_max ? bytes : limit.rlim_max;
  ck_assert_int_eq(setrlimit(RLIMIT_FSIZE, &limit), 0);
}

START_TEST(failed_cut_changes_nothing) {
  const char *path = unit_path("lines");
  for (size_t limit = 0; limit < sizeof S1 - 1; limit += 5) {
    unit_write(path, WITH(S1 S3 "{\"st"));
    limit_files(limit);
    gan_status status = gan_lines_cut(path, 1, 0);
    limit_files(RLIM_INFINITY);
    ck_assert_int_eq(status, GAN_OUTPUT);
    check_message(path);
    check_content(path, WITH(S1 S3 "{\"st"));
    ck_assert(!unit_exists(unit_path("lines.tmp")));
  }
}
END_TEST

START_TEST(full_disk_leaves_whole_lines) {
  static const char two[] = "{\"step\": 1}\n{\"step\": 1}\n";
  const char *path = unit_path("lines");
  for (size_t limit = 12; limit <= 24; limit++) {
    gan_lines *lines;
    gan_json line;
    unlink(path);
    check_ok(gan_lines_open(path, &lines));
    append_step(lines, 1);
    gan_json_begin(&line);
    gan_json_int(&line, "step", 1);
    limit_files(limit);
    gan_status status = gan_lines_append(lines, &line);
    limit_files(RLIM_INFINITY);
    ck_assert_int_eq(status, limit < 24 ? GAN_OUTPUT : GAN_OK);
    if (limit < 24) {
      check_message(path, "cannot write");
      check_content(path, two, 12);
      append_step(lines, 1); /* once there is room again */
    }
    check_content(path, two, 24);
    gan_lines_close(&lines);
  }
}
END_TEST

START_TEST(lines_are_counted) {
  static const struct {
    const char *text, *needle;
    int64_t count;
  } rows[] = {{"", "x", 0},
              {E1 S1 E1 S10, "\"event\": \"start\"", 2},
              {"xx\nx\n\nyx", "x", 3}, /* lines, not places; half a line too */
              {"x\ny\n", "x\ny", 0},
              {E1, "\"event\": \"end\"", 0}};
  const char *path = unit_path("lines");
  int64_t count = 99;
  check_ok(gan_lines_count(path, "x", &count));
  ck_assert_int_eq(count, 0);
  for (size_t i = 0; i < COUNT(rows); i++) {
    unit_write(path, rows[i].text, strlen(rows[i].text));
    check_ok(gan_lines_count(path, rows[i].needle, &count));
    ck_assert_msg(count == rows[i].count, "row %zu: %lld", i, (long long)count);
  }
  check_fails(gan_lines_count(unit_folder(), "x", &count), GAN_OUTPUT, unit_folder());
}
END_TEST

/* ---- samples ---- */

static const char config[] = "name: x\nmodel:\n  latent: 2\n";

START_TEST(samples_are_kept) {
  static const struct {
    int64_t n, c, h, w, latent;
    int rank, picture;
  } rows[] = {{3, 1, 4, 5, 2, 4, 1}, {2, 3, 2, 1, 7, 4, 1}, {5, 2, 1, 1, 1, 2, 1},
              {4, 3, 1, 1, 2, 2, 0}, {1, 1, 1, 1, 1, 2, 0}, {1, 1, 1, 6, 1, 4, 1}};
  for (size_t i = 0; i < COUNT(rows); i++) {
    int64_t n = rows[i].n, size = rows[i].c * rows[i].h * rows[i].w, step, dims[GAN_H5_RANK_MAX];
    int64_t shape[] = {n, rows[i].c, rows[i].h, rows[i].w}, latent_shape[] = {n, rows[i].latent};
    const char *path = unit_path("%zu.h5", i), *png = unit_path("%zu.png", i);
    float *images = unit_floats(n * size), *latent = unit_floats(n * rows[i].latent);
    float *found = unit_floats(n * (size + rows[i].latent));
    unit_fill(images, n * size, 1 + i, -1, 1);
    unit_fill(latent, n * rows[i].latent, 100 + i, -3, 3);
    gan_samples samples = {.n = n,
                           .c = rows[i].c,
                           .h = rows[i].h,
                           .w = rows[i].w,
                           .latent_size = rows[i].latent,
                           .images = images,
                           .latent = latent,
                           .low = -1,
                           .high = 1,
                           .step = 1000 + (int64_t)i,
                           .config = config};
    check_ok(gan_samples_write_hdf5(path, &samples));
    ck_assert(!unit_exists(unit_path("%zu.h5.tmp", i)));

    gan_h5 *file;
    gan_dtype type;
    int rank, written = -1;
    char *text;
    check_ok(gan_h5_open(path, &file));
    check_ok(gan_h5_shape(file, "images", &type, &rank, dims));
    ck_assert(type == GAN_F32 && rank == rows[i].rank);
    check_ok(gan_h5_read(file, "images", GAN_F32, rank, shape, found));
    ck_assert_int_eq(memcmp(found, images, (size_t)(n * size) * sizeof *images), 0);
    check_ok(gan_h5_read(file, "latent", GAN_F32, 2, latent_shape, found));
    ck_assert_int_eq(memcmp(found, latent, (size_t)(n * rows[i].latent) * sizeof *latent), 0);
    check_ok(gan_h5_get_int(file, "/", "step", &step));
    ck_assert_int_eq(step, samples.step);
    check_ok(gan_h5_get_text(file, "/", "config", &text));
    ck_assert_str_eq(text, config);
    gan_free(&text);
    gan_h5_close(&file);

    check_ok(gan_samples_write_png(png, &samples, &written));
    ck_assert_int_eq(written != 0, rows[i].picture);
    ck_assert_int_eq(unit_exists(png), rows[i].picture);
    gan_free(&images);
    gan_free(&latent);
    gan_free(&found);
  }
}
END_TEST

/* The picture of these samples, (side, side) greys. */
static unsigned char *picture_of(const gan_samples *samples, unsigned *side) {
  png_image image = {.version = PNG_IMAGE_VERSION};
  const char *path = unit_path("picture.png");
  int written;
  check_ok(gan_samples_write_png(path, samples, &written));
  ck_assert(written && png_image_begin_read_from_file(&image, path));
  ck_assert_uint_eq(image.width, image.height);
  image.format = PNG_FORMAT_GRAY;
  unsigned char *pixels = gan_alloc(PNG_IMAGE_SIZE(image), 1, "pixels");
  ck_assert(png_image_finish_read(&image, NULL, pixels, 0, NULL));
  *side = image.width;
  return pixels;
}

START_TEST(pictures_span_the_data) {
  static const float corners[] = {-8, 24, 0, 16};
  unsigned side;
  gan_samples image = {.n = 1, .c = 1, .h = 2, .w = 2, .images = corners, .low = -8, .high = 24};
  unsigned char *pixels = picture_of(&image, &side);
  ck_assert_uint_eq(side, 2 + 56 + 2);
  ck_assert_int_eq(pixels[2 * side + 2], 0);
  ck_assert_int_eq(pixels[2 * side + 57], 255);
  ck_assert_int_eq(pixels[57 * side + 2], 64);
  ck_assert_int_eq(pixels[57 * side + 57], 191);
  gan_free(&pixels);

  /* Points at the ends of the data stand a tenth of its range inside the plot. */
  static const float points[] = {-8, -8, 24, 24};
  gan_samples plot = {.n = 2, .c = 2, .h = 1, .w = 1, .images = points, .low = -8, .high = 24};
  pixels = picture_of(&plot, &side);
  ck_assert_uint_eq(side, 512);
  int margin = (int)(511 * 0.1 / 1.2), far = (int)(511 * 1.1 / 1.2);
  ck_assert_int_eq(pixels[far * 512 + margin], 0);
  ck_assert_int_eq(pixels[margin * 512 + far], 0);
  ck_assert_int_eq(pixels[256 * 512 + 256], 255);
  gan_free(&pixels);
}
END_TEST

START_TEST(failed_samples_are_told) {
  static const float zeros[2];
  gan_samples samples = {.n = 1,
                         .c = 1,
                         .h = 1,
                         .w = 2,
                         .latent_size = 1,
                         .images = zeros,
                         .latent = zeros,
                         .high = 1,
                         .config = ""};
  int written;
  const char *h5 = unit_path("no/such.h5"), *png = unit_path("no/such.png");
  check_fails(gan_samples_write_hdf5(h5, &samples), GAN_OUTPUT, h5);
  check_fails(gan_samples_write_png(png, &samples, &written), GAN_OUTPUT, png);
}
END_TEST

int main(void) {
  const unit_test tests[] = {
      {texts_are_escaped, 1},
      {numbers_are_written, 1},
      {floats_survive, 1},
      {overflow_stays_in_bounds, 1},
      {lines_are_appended, 1},
      {later_lines_are_cut, 1},
      {void_lines_are_cut_with_their_rollback, 1},
      {later_lines_become_void, 1},
      {only_our_lines_are_cut, 1},
      {untouched_file_stays_the_same_file, 1},
      {failed_cut_changes_nothing, 1},
      {full_disk_leaves_whole_lines, 1},
      {lines_are_counted, 1},
      {samples_are_kept, 1},
      {pictures_span_the_data, 1},
      {failed_samples_are_told, 1},
  };
  return UNIT_MAIN("output", tests);
}
