/* Made-up data of known laws: points in the plane, and stacked images. */
#include "base/memory.h"
#include "data/plane.h"
#include "unit/data_support.h"

#include <math.h>
#include <string.h>

enum { POINTS = 100000, MODES_MAX = 25 };

static const double PI = 3.14159265358979323846;

/* ---- mixtures ---- */

static const struct {
  const char *path;
  int modes;
  double deviation, first[2], last[2]; /* centres, as the papers have them */
} mixtures[] = {
    {"builtin:ring", 8, 0.01, {1, 0}, {0.70710678, -0.70710678}},
    {"builtin:grid", 25, 0.05, {-4, -4}, {4, 4}},
    {"builtin:ring:4:2:0.5", 4, 0.5, {2, 0}, {0, -2}},
    {"builtin:grid:2:1x100000", 4, 0.05, {-0.5, -0.5}, {0.5, 0.5}},
};

typedef struct {
  double n, mean[2], square[2];
} moments;

static void add_up(const unit_rows *rows, moments *of) {
  const float *points = rows->rows;
  for (int i = 0; i < POINTS; i++) {
    moments *mode = &of[rows->labels[i]];
    mode->n++;
    for (int k = 0; k < 2; k++) {
      double x = (double)points[2 * i + k];
      mode->mean[k] += x;
      mode->square[k] += x * x;
    }
  }
  for (int m = 0; m < MODES_MAX; m++)
    for (int k = 0; k < 2; k++) {
      of[m].mean[k] /= of[m].n;
      of[m].square[k] = of[m].square[k] / of[m].n - of[m].mean[k] * of[m].mean[k];
    }
}

/* Counts, means and variances of each mode; five standard errors of the estimate are allowed, which
 * a right generator passes by here with all its 66 numbers of a set but once in 20,000 seeds, and
 * the seed is fixed. */
START_TEST(mixtures_have_their_moments) {
  unit_rows rows;
  moments of[MODES_MAX] = {{0}};
  const int modes = mixtures[_i].modes;
  const double deviation = mixtures[_i].deviation, n = (double)POINTS / modes;
  check_ok(unit_load(mixtures[_i].path, GAN_LAYOUT_AUTO, 999, &rows));
  ck_assert_int_eq(rows.info.n, POINTS);
  ck_assert(rows.info.h == 1 && rows.info.w == 1 && rows.info.c == 2);
  ck_assert(rows.info.type == GAN_F32 && rows.info.has_labels);
  add_up(&rows, of);
  for (int m = 0; m < modes; m++) {
    ck_assert_double_lt(fabs(of[m].n - n), 5 * sqrt(n));
    for (int k = 0; k < 2; k++) {
      double variance = deviation * deviation;
      if (m == 0)
        ck_assert_double_lt(fabs(of[m].mean[k] - mixtures[_i].first[k]), 5 * deviation / sqrt(n));
      if (m == modes - 1)
        ck_assert_double_lt(fabs(of[m].mean[k] - mixtures[_i].last[k]), 5 * deviation / sqrt(n));
      ck_assert_double_lt(fabs(of[m].square[k] - variance), 5 * variance * sqrt(2 / n));
    }
  }
  unit_rows_free(&rows);
}
END_TEST

/* Of a Gaussian in the plane 1 - exp(-9/2) lies within 3 standard deviations. */
START_TEST(points_lie_about_their_centres) {
  unit_rows rows;
  gan_plane_law law;
  int inside = 0;
  ck_assert(gan_plane_parse("ring", 4, &law));
  check_ok(unit_load("builtin:ring", GAN_LAYOUT_AUTO, 0, &rows));
  for (int i = 0; i < POINTS; i++) {
    double centre[2], squared = 0;
    gan_plane_centre(&law, rows.labels[i], centre);
    for (int k = 0; k < 2; k++) {
      double away = (double)((const float *)rows.rows)[2 * i + k] - centre[k];
      squared += away * away;
    }
    inside += squared <= 9 * 0.01 * 0.01;
  }
  double share = 1 - exp(-4.5), error = sqrt(share * (1 - share) / POINTS);
  ck_assert_double_lt(fabs((double)inside / POINTS - share), 5 * error);
  unit_rows_free(&rows);
}
END_TEST

/* Along the roll the distance from the middle is the angle: what is left is noise. */
START_TEST(the_roll_is_rolled) {
  unit_rows rows;
  double square = 0, smallest = INFINITY, largest = 0;
  check_ok(unit_load("builtin:swiss_roll", GAN_LAYOUT_AUTO, 0, &rows));
  ck_assert(!rows.info.has_labels);
  for (int i = 0; i < POINTS; i++) {
    const float *point = (const float *)rows.rows + 2 * i;
    double x = 7.5 * (double)point[0], y = 7.5 * (double)point[1], t = hypot(x, y);
    double angle = atan2(y, x), turns = round((t - angle) / (2 * PI));
    double away = t - angle - 2 * PI * turns;
    square += away * away;
    if (t < smallest) smallest = t;
    if (t > largest) largest = t;
  }
  /* Across the roll noise is 0.25; the angle's own, 0.25 / t, adds 0.1% to 1% to it. */
  ck_assert_double_lt(fabs(sqrt(square / POINTS) - 0.25), 0.005);
  ck_assert(smallest > 1.5 * PI - 1.5 && smallest < 1.5 * PI);
  ck_assert(largest < 4.5 * PI + 1.5 && largest > 4.5 * PI);
  unit_rows_free(&rows);
}
END_TEST

static const char *const wrong[] = {"builtin:ring:",           "builtin:ring:8:",
                                    "builtin:ring:8.5:1:0.01", "builtin:ring:8:1:0",
                                    "builtin:ring:8:1:-1",     "builtin:ring:8:1:0.01:7",
                                    "builtin:ring:1001:1:1",   "builtin:ring:nan:1:1",
                                    "builtin:grid:32:1:1",     "builtin:grid:5:2:0.05x",
                                    "builtin:grid:5:2:0.05x0", "builtin:grid:5:2:0.05x1.5",
                                    "builtin:swiss_roll:0:1",  "builtin:swiss_roll:1:inf",
                                    "builtin:ring:0x8",        "builtin:ringx99999999999999999999"};

START_TEST(wrong_names) {
  unit_rows rows;
  check_fails(unit_load(wrong[_i], GAN_LAYOUT_AUTO, 0, &rows), GAN_INPUT, wrong[_i],
              "ring:MODES:RADIUS:DEVIATION");
}
END_TEST

START_TEST(other_names_are_not_claimed) {
  unit_rows rows;
  check_fails(unit_load("builtin:rings", GAN_LAYOUT_AUTO, 0, &rows), GAN_INPUT, "builtin:rings",
              "builtin:ring");
}
END_TEST

/* ---- stacks ---- */

static gan_status load_stack(const char *path, int64_t n, unit_rows *out) {
  gan_source *source;
  gan_source_spec spec = {.path = path, .images = "images", .labels = "labels", .stack = n};
  gan_status status = gan_source_open(&spec, &source);
  if (status != GAN_OK) return status;
  out->info = source->info;
  out->rows = gan_alloc((size_t)n, gan_data_row_bytes(&out->info), "rows");
  out->labels = gan_alloc((size_t)n, sizeof *out->labels, "labels");
  status = gan_source_read(source, n, out->rows, out->labels);
  gan_source_close(&source);
  return status;
}

/* Whether a colour of a stacked row is a row of the grey data, of that label. */
static bool is_row(const unit_rows *grey, const uint8_t *stacked, int colour, int label) {
  for (int r = 0; r < grey->info.n; r++) {
    const uint8_t *row = (const uint8_t *)grey->rows + 64 * r;
    int i = 0;
    while (i < 64 && row[i] == stacked[3 * i + colour]) i++;
    if (i == 64 && grey->labels[r] == label) return true;
  }
  return false;
}

START_TEST(stacked_digits) {
  enum { N = 3000 };
  unit_rows grey, stack;
  int counts[10] = {0};
  check_ok(unit_load("builtin:digits", GAN_LAYOUT_AUTO, 0, &grey));
  check_ok(load_stack("builtin:digits", N, &stack));
  ck_assert(stack.info.n == N && stack.info.h == 8 && stack.info.w == 8 && stack.info.c == 3);
  for (int i = 0; i < N; i++) {
    const uint8_t *row = (const uint8_t *)stack.rows + 192 * i;
    ck_assert(stack.labels[i] >= 0 && stack.labels[i] < 1000);
    counts[stack.labels[i] / 100]++;
    if (i % 30) continue;
    ck_assert(is_row(&grey, row, 0, stack.labels[i] / 100));
    ck_assert(is_row(&grey, row, 1, stack.labels[i] / 10 % 10));
    ck_assert(is_row(&grey, row, 2, stack.labels[i] % 10));
  }
  for (int k = 0; k < 10; k++) { /* five standard deviations of a binomial of 1 in 10 */
    ck_assert_int_gt(counts[k], 300 - 5 * 16);
    ck_assert_int_lt(counts[k], 300 + 5 * 16);
  }
  unit_rows_free(&grey);
  unit_rows_free(&stack);
}
END_TEST

START_TEST(what_cannot_be_stacked) {
  unit_rows rows = {.rows = NULL};
  check_fails(load_stack("builtin:ring", 5, &rows), GAN_USAGE, "builtin:ring", "one channel");
  check_fails(load_stack("synthetic:9x4x4x1", 5, &rows), GAN_USAGE, "synthetic", "with labels");
}
END_TEST

int main(void) {
  const unit_test tests[] = {
      {mixtures_have_their_moments, sizeof mixtures / sizeof *mixtures},
      {points_lie_about_their_centres, 1},
      {the_roll_is_rolled, 1},
      {wrong_names, sizeof wrong / sizeof *wrong},
      {other_names_are_not_claimed, 1},
      {stacked_digits, 1},
      {what_cannot_be_stacked, 1},
  };
  return UNIT_MAIN("points", tests);
}
