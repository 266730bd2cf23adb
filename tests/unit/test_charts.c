/* Pictures that are drawn: letters, what lies outside, and where charts put their numbers. */
#include "base/memory.h"
#include "io/picture.h"
#include "output/canvas.h"
#include "output/charts.h"
#include "output/font.h"
#include "unit/support.h"

#include <string.h>

/* Colours of a chart, as charts.c has them. */
static const gan_colour BAND = 0xb8d4ea, DATA = 0x56779a, SAMPLES = 0xd55e00;

static gan_colour colour_at(const uint8_t *pixels, int64_t i) {
  return (gan_colour)pixels[3 * i] << 16 | (gan_colour)pixels[3 * i + 1] << 8 | pixels[3 * i + 2];
}

static int64_t count_colour(const gan_canvas *canvas, gan_colour colour) {
  int64_t count = 0;
  for (int64_t i = 0; i < canvas->width * canvas->height; i++)
    count += colour_at(canvas->pixels, i) == colour;
  return count;
}

/* Each sign is another, but for the blank none is empty, and none leaves its five columns. */
START_TEST(letters_differ) {
  for (int a = ' '; a <= '~'; a++) {
    const uint8_t *rows = gan_font_rows((char)a);
    int pixels = 0;
    for (int i = 0; i < GAN_FONT_ROWS; i++) {
      pixels += rows[i] != 0;
      ck_assert_int_lt(rows[i], 1 << GAN_FONT_COLUMNS);
    }
    ck_assert_msg((pixels > 0) == (a != ' '), "'%c' has no pixel", a);
    for (int b = a + 1; b <= '~'; b++)
      if (!memcmp(rows, gan_font_rows((char)b), GAN_FONT_ROWS))
        ck_abort_msg("'%c' looks like '%c'", a, b);
  }
  ck_assert_ptr_eq(gan_font_rows('\n'), gan_font_rows('?'));
  ck_assert_ptr_eq(gan_font_rows('\xc3'), gan_font_rows('?'));
}
END_TEST

START_TEST(what_lies_outside_is_left_out) {
  gan_canvas canvas;
  check_ok(gan_canvas_create(20, 10, &canvas));
  gan_canvas_box(&canvas, -5, -5, 8, 7, 0x112233);
  ck_assert_int_eq(count_colour(&canvas, 0x112233), 3 * 2);
  gan_canvas_box(&canvas, 18, 9, 100, 100, 0x445566);
  ck_assert_int_eq(count_colour(&canvas, 0x445566), 2);
  gan_canvas_line(&canvas, -100, 5, 100, 5, 0x778899);
  ck_assert_int_eq(count_colour(&canvas, 0x778899), 2 * 20); /* two pixels thick */
  gan_canvas_text(&canvas, 1000, -1000, GAN_TEXT_MIDDLE, 3, 0, "nowhere");
  ck_assert_int_eq(count_colour(&canvas, 0), 0);
  gan_canvas_destroy(&canvas);
}
END_TEST

/* A bar of the letter I is 7 high in the middle of its 5 columns; anchors move it by its width. */
START_TEST(text_stands_at_its_anchor) {
  enum { SIZE = 2, WIDE = 5 * SIZE, X = 40 };
  static const int64_t left[] = {X, X - WIDE / 2, X - WIDE};
  ck_assert_int_eq(gan_canvas_text_width(SIZE, "I"), WIDE);
  ck_assert_int_eq(gan_canvas_text_width(SIZE, "II"), WIDE + 6 * SIZE);
  ck_assert_int_eq(gan_canvas_text_width(SIZE, ""), 0);
  for (int anchor = GAN_TEXT_LEFT; anchor <= GAN_TEXT_RIGHT; anchor++) {
    gan_canvas canvas;
    check_ok(gan_canvas_create(80, 20, &canvas));
    gan_canvas_text(&canvas, X, 3, (gan_text_anchor)anchor, SIZE, 0xff, "I");
    for (int64_t i = 0; i < 80 * 20; i++) {
      int64_t x = i % 80, y = i / 80, middle = left[anchor] + 2 * SIZE;
      bool bar = x >= middle && x < middle + SIZE && y >= 3 && y < 3 + 7 * SIZE;
      if (bar && colour_at(canvas.pixels, i) != 0xff) ck_abort_msg("no pixel at %d", (int)i);
    }
    gan_canvas_destroy(&canvas);
  }
}
END_TEST

/* The middle of the rows in which a colour stands in one column; -1: it is not there. */
static double height_of(const gan_picture *picture, int64_t x, gan_colour colour) {
  int64_t first = -1, last = -1;
  for (int64_t y = 100; y < picture->h; y++) { /* below the head, where names stand */
    if (colour_at(picture->pixels, y * picture->w + x) != colour) continue;
    if (first < 0) first = y;
    last = y;
  }
  return first < 0 ? -1 : (double)(first + last) / 2;
}

static gan_picture draw(bool logarithmic, bool separate, const double *band, const double *data,
                        const double *samples) {
  const char *path = unit_path("charts.png");
  gan_charts charts = {
      .title = "A title", .band = "a band", .lines = {"data", "samples"}, .count = 1, .columns = 1};
  charts.charts[0] = (gan_chart){.title = "a chart",
                                 .x_title = "x",
                                 .n = 3,
                                 .step = 1,
                                 .low = band,
                                 .high = band,
                                 .lines = {data, samples},
                                 .logarithmic = logarithmic,
                                 .separate = separate};
  check_ok(gan_charts_write(&charts, path));
  gan_picture picture;
  bool is_picture;
  check_ok(gan_picture_read(path, 3, &is_picture, &picture));
  ck_assert(is_picture);
  return picture;
}

/* Equal differences are equal lengths, of logarithmic charts equal ratios; to a pixel's rounding.
 * _i: 0 linear, 1 logarithmic; + 2: of separate places */
START_TEST(numbers_stand_at_their_heights) {
  static const double least[] = {1, 1, 1}, linear[] = {3, 3, 3}, powers[] = {10, 10, 10},
                      linear_most[] = {5, 5, 5}, powers_most[] = {100, 100, 100};
  bool logarithmic = _i % 2, separate = _i / 2;
  gan_picture picture = draw(logarithmic, separate, logarithmic ? powers : linear, least,
                             logarithmic ? powers_most : linear_most);
  int64_t x = 294 + 3; /* the middle of the field, beside the line of the grid */
  double low = height_of(&picture, x, DATA), middle = height_of(&picture, x, BAND),
         high = height_of(&picture, x, SAMPLES);
  ck_assert_double_gt(high, 0);
  ck_assert_double_gt(low, high);
  ck_assert_double_gt(low - high, 100);
  ck_assert_double_eq_tol(middle, (low + high) / 2, 1.5);
  gan_picture_free(&picture);
}
END_TEST

/* 0 lies on the lower edge of a logarithmic chart; all zeros, and one number alone, are shown. */
START_TEST(odd_numbers_are_drawn) {
  static const double zeros[] = {0, 0, 0}, some[] = {0, 1, 100}, below[] = {-2, -2, -2};
  gan_picture picture = draw(true, false, zeros, some, some);
  ck_assert_double_gt(height_of(&picture, 294 + 3, SAMPLES), 0);
  gan_picture_free(&picture);
  for (int i = 0; i < 4; i++) {
    picture = draw(i % 2, i / 2, zeros, zeros, zeros);
    ck_assert_double_gt(height_of(&picture, 294 + 3, SAMPLES), 0);
    gan_picture_free(&picture);
  }
  picture = draw(false, false, below, below, below);
  ck_assert_double_gt(height_of(&picture, 294 + 3, SAMPLES), 0);
  gan_picture_free(&picture);
}
END_TEST

START_TEST(no_place_to_write) {
  static const double zeros[] = {0, 0, 0};
  gan_charts charts = {.title = "", .band = "", .lines = {"", ""}, .count = 1, .columns = 1};
  charts.charts[0] = (gan_chart){.title = "",
                                 .x_title = "",
                                 .n = 3,
                                 .step = 1,
                                 .low = zeros,
                                 .high = zeros,
                                 .lines = {zeros, zeros}};
  const char *path = unit_path("missing/charts.png");
  check_fails(gan_charts_write(&charts, path), GAN_OUTPUT, path);
}
END_TEST

int main(void) {
  const unit_test tests[] = {
      {letters_differ, 1},
      {what_lies_outside_is_left_out, 1},
      {text_stands_at_its_anchor, 1},
      {numbers_stand_at_their_heights, 4},
      {odd_numbers_are_drawn, 1},
      {no_place_to_write, 1},
  };
  return UNIT_MAIN("charts", tests);
}
