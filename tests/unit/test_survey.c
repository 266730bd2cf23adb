/* What `mpigan data info` finds: against plain loops over the numbers that went in, and a contact
 * sheet decoded again. */
#include "base/memory.h"
#include "data/survey.h"
#include "io/picture.h"
#include "unit/data_support.h"

#include <string.h>

enum { ROWS = 9000, HEIGHT = 28, WIDTH = 20, SIZE = HEIGHT * WIDTH }; /* over a piece of 4 MiB */

/* Labels 3, 40, 50 and once 5000. */
static int32_t label_of(int64_t i) {
  static const int32_t labels[] = {40, 3, 3, 50};
  return i == 77 ? 5000 : labels[i % 4];
}

/* The row's number as grey: the rows of a sheet tell which they are. */
static uint8_t grey_of(int64_t row) {
  return (uint8_t)(row % 251);
}

static const char *write_file(bool labelled, const double *extent) {
  static uint8_t bytes[ROWS * SIZE];
  static int32_t labels[ROWS];
  static const int64_t dims[] = {ROWS, HEIGHT, WIDTH};
  for (int64_t i = 0; i < ROWS; i++) memset(bytes + i * SIZE, grey_of(i), SIZE);
  for (int64_t i = 0; i < ROWS; i++) labels[i] = label_of(i);
  gan_h5 *file;
  char *image;
  size_t n;
  check_ok(gan_h5_create(&file));
  check_ok(gan_h5_write(file, "images", GAN_U8, 3, dims, bytes));
  if (labelled) check_ok(gan_h5_write(file, "labels", GAN_I32, 1, dims, labels));
  if (extent) check_ok(gan_h5_set_real(file, "images", "minimum", extent[0]));
  if (extent) check_ok(gan_h5_set_real(file, "images", "maximum", extent[1]));
  check_ok(gan_h5_image(file, &image, &n));
  gan_h5_close(&file);
  const char *path = unit_path("data.h5");
  unit_write(path, image, n);
  gan_free(&image);
  return path;
}

/* All of it, one behind the other, by the library's one-shot digest. */
static gan_digest wanted_digest(bool labelled) {
  static uint8_t all[ROWS * (SIZE + 4)];
  uint8_t *at = all;
  for (int64_t i = 0; i < ROWS; i++) {
    memset(at, grey_of(i), SIZE);
    at += SIZE;
    if (!labelled) continue;
    for (int k = 0; k < 4; k++) *at++ = (uint8_t)(label_of(i) >> 8 * k);
  }
  return gan_digest_of(all, (size_t)(at - all));
}

START_TEST(facts_of_all_rows) {
  gan_source_spec spec = {.path = write_file(_i, NULL), .images = "images", .labels = "labels"};
  gan_source *source;
  static gan_survey survey;
  check_ok(gan_source_open(&spec, &source));
  check_ok(gan_survey_take(source, &spec, NULL, &survey));
  ck_assert(survey.facts.smallest == 0 && survey.facts.largest == 250);
  ck_assert(gan_digest_equal(survey.digest, wanted_digest(_i)));
  int64_t wanted[51] = {0};
  for (int64_t i = 0; _i && i < ROWS; i++)
    if (label_of(i) <= 50) wanted[label_of(i)]++;
  ck_assert_mem_eq(survey.labels.rows, wanted, sizeof wanted);
  ck_assert_int_eq(survey.labels.others, _i);
  gan_source_close(&source);
}
END_TEST

START_TEST(attributes_that_lie) {
  static const double extents[][2] = {{0, 250}, {0, 255}, {1, 250}, {0, 249}};
  gan_source_spec spec = {
      .path = write_file(false, extents[_i]), .images = "images", .labels = "labels"};
  gan_source *source;
  static gan_survey survey;
  check_ok(gan_source_open(&spec, &source));
  check_ok(gan_survey_take(source, &spec, NULL, &survey));
  if (_i == 0)
    check_ok(gan_survey_check(source, &spec, &survey));
  else
    check_fails(gan_survey_check(source, &spec, &survey), GAN_INPUT, spec.path, "'images'",
                "go from 0 to 250");
  gan_source_close(&source);
}
END_TEST

/* The grey in the middle of a tile: tiles of 40 x 56 pixels (doubled: the larger side is 28, below
 * 56) with gaps of 2. */
static int tile(const gan_picture *picture, int line, int column) {
  int64_t y = 2 + line * 58 + 28, x = 2 + column * 42 + 20;
  ck_assert(y < picture->h && x < picture->w);
  return picture->pixels[y * picture->w + x];
}

START_TEST(sheets) {
  gan_source_spec spec = {.path = write_file(_i, NULL), .images = "images", .labels = "labels"};
  gan_source *source;
  gan_sheet *sheet;
  gan_picture picture;
  bool is_picture;
  static gan_survey survey;
  check_ok(gan_source_open(&spec, &source));
  check_ok(gan_sheet_create(&source->info, spec.path, &sheet));
  check_ok(gan_survey_take(source, &spec, sheet, &survey));
  check_ok(gan_sheet_write(sheet, unit_path("sheet.png"), &survey.facts));
  check_ok(gan_picture_read(unit_path("sheet.png"), 1, &is_picture, &picture));
  if (_i) { /* a line each for 3, 40, 50 and 5000, which has one row */
    static const int32_t labels[] = {3, 40, 50, 5000};
    ck_assert(picture.h == 4 * 58 + 2 && picture.w == 10 * 42 + 2);
    for (int line = 0; line < 4; line++)
      for (int column = 0, row = 0; column < 10; column++, row++) {
        while (row < ROWS && label_of(row) != labels[line]) row++;
        ck_assert_int_eq(tile(&picture, line, column), row < ROWS ? grey_of(row) : 0);
      }
  } else { /* the first 64, eight in a row */
    ck_assert(picture.h == 8 * 58 + 2 && picture.w == 8 * 42 + 2);
    for (int row = 0; row < 64; row++)
      ck_assert_int_eq(tile(&picture, row / 8, row % 8), grey_of(row));
  }
  gan_picture_free(&picture);
  gan_sheet_destroy(&sheet);
  gan_source_close(&source);
}
END_TEST

START_TEST(sheets_of_points) {
  gan_data_info info = {.n = 3, .h = 1, .w = 1, .c = 5, .type = GAN_F32};
  gan_sheet *sheet;
  check_fails(gan_sheet_create(&info, "points.h5", &sheet), GAN_USAGE, "points.h5", "5 numbers");
  info.c = 2;
  float points[] = {0, 0, 3, 1, -2, 3};
  gan_value_facts facts = {-2, 3, 0};
  check_ok(gan_sheet_create(&info, "points.h5", &sheet));
  gan_sheet_add(sheet, 3, points, NULL);
  check_ok(gan_sheet_write(sheet, unit_path("points.png"), &facts));
  gan_picture picture;
  bool is_picture;
  check_ok(gan_picture_read(unit_path("points.png"), 1, &is_picture, &picture));
  int dark = 0;
  for (int64_t i = 0; i < picture.h * picture.w; i++) dark += picture.pixels[i] == 0;
  ck_assert_int_eq(dark, 3 * 9);
  gan_picture_free(&picture);
  gan_sheet_destroy(&sheet);
}
END_TEST

int main(void) {
  const unit_test tests[] = {
      {facts_of_all_rows, 2}, {attributes_that_lie, 4}, {sheets, 2}, {sheets_of_points, 1}};
  return UNIT_MAIN("survey", tests);
}
