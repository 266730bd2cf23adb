/* What measurements share: quartiles, the line through times, turns, the report as JSON, the pass
 * over memory, the plot. */
#include "base/memory.h"
#include "bench/plot.h"
#include "bench/report.h"
#include "bench/timing.h"
#include "io/file.h"
#include "kernels/triad.h"
#include "output/fields.h"
#include "unit/support.h"

#include <math.h>
#include <string.h>

#define COUNT(array) (sizeof(array) / sizeof *(array))

static const double EXACT = 1e-12;

/* ---- numbers ---- */

START_TEST(quartiles_by_hand) {
  double five[] = {5, 1, 4, 2, 3}, four[] = {4, 1, 2, 3}, one[] = {7};
  gan_quartiles q = gan_quartiles_of(five, 5);
  ck_assert(q.low == 2 && q.median == 3 && q.high == 4);
  q = gan_quartiles_of(four, 4);
  ck_assert(q.low == 1.75 && q.median == 2.5 && q.high == 3.25);
  q = gan_quartiles_of(one, 1);
  ck_assert(q.low == 7 && q.median == 7 && q.high == 7);
}
END_TEST

START_TEST(a_line_through_points_on_it) {
  const double x[] = {4, 1024, 1 << 24}, y[] = {2 + 4 * 3, 2 + 1024 * 3, 2 + 3.0 * (1 << 24)};
  gan_line line = gan_line_through(x, y, 3);
  ck_assert_double_eq_tol(line.start, 2, 1e-9);
  ck_assert_double_eq_tol(line.slope, 3, 1e-9);
  line = gan_line_through(x, y, 1);
  ck_assert(line.start == y[0] && line.slope == 0);
}
END_TEST

/* Relative errors: y = 1 and 3 at the same x meet at sum (1/y) / sum (1/y^2) = 1.2, not at 2. */
START_TEST(small_times_weigh_as_much_as_large_ones) {
  const double x[] = {0, 0}, y[] = {1, 3};
  ck_assert_double_eq_tol(gan_line_through(x, y, 2).start, 1.2, EXACT);
}
END_TEST

/* ---- turns ---- */

static char turns[64];

static gan_status take_turn(void *context) {
  strcat(turns, context);
  return GAN_OK;
}

static void tidy_up(void *context) {
  (void)context;
  strcat(turns, ".");
}

static gan_status break_down(void *context) {
  return gan_fail(GAN_NUMBERS, "turn of %s", (const char *)context);
}

START_TEST(rivals_take_turns) {
  double a[3] = {-1, -1, -1}, b[3] = {-1, -1, -1};
  char first[] = "a", second[] = "b", third[] = "c";
  const gan_rival rivals[] = {
      {.run = take_turn, .tidy = tidy_up, .context = first, .times = a},
      {.run = take_turn, .context = second, .times = b},
  };
  check_ok(gan_rivals_run(rivals, 2, 1, 3));
  ck_assert_str_eq(turns, "a.ba.ba.ba.b");
  for (int i = 0; i < 3; i++) ck_assert(a[i] >= 0 && b[i] >= 0);
  const gan_rival bad = {.run = break_down, .context = third, .times = a};
  check_fails(gan_rivals_run(&bad, 1, 0, 3), GAN_NUMBERS, "turn of c");
}
END_TEST

/* ---- memory ---- */

START_TEST(triad_adds_what_it_says) {
  enum { N = 200003 };
  float *a = gan_alloc(N, sizeof *a, "a"), *b = gan_alloc(N, sizeof *b, "b");
  for (int i = 0; i < N; i++) {
    a[i] = (float)(i % 100);
    b[i] = (float)(i % 7);
  }
  gan_triad(N, 0.5f, b, a, 2);
  for (int i = 0; i < N; i++)
    if (a[i] != (float)(i % 100) + 0.5f * (float)(i % 7)) ck_abort_msg("a[%d] = %g", i, a[i]);
  gan_free(&a);
  gan_free(&b);
}
END_TEST

/* ---- the report ---- */

static const gan_column columns[] = {
    {"name", "name", -8, 0, 0}, {"seconds", "ms", 8, 2, 1e3}, {"hidden", NULL, 0, 0, 0}};

START_TEST(a_report_is_one_json_object) {
  gan_bench_report report;
  gan_fields fields;
  char *text;
  size_t n;
  const char *path = unit_path("report.json");
  gan_bench_report_begin(&report, "test");
  gan_json_int(&report.head, "ranks", 3);
  gan_bench_report_table(&report, "first", columns, COUNT(columns));
  gan_bench_report_row(&report,
                       (gan_cell[]){GAN_TEXT("a \"b\""), GAN_NUMBER(0.0015), GAN_NUMBER(7)});
  gan_bench_report_row(&report, (gan_cell[]){GAN_TEXT("c"), GAN_NUMBER(NAN), GAN_NUMBER(1e30)});
  gan_bench_report_table(&report, "empty", columns, COUNT(columns));
  gan_json_real(&report.head, "late", 0.5);
  check_ok(gan_bench_report_end(&report, gan_comm_alone(), path));
  check_ok(gan_file_read(path, &text, &n));
  ck_assert_str_eq(text, "{\"measurement\": \"test\", \"ranks\": 3, \"late\": 0.5, \"first\": [\n"
                         "  {\"name\": \"a \\\"b\\\"\", \"seconds\": 0.0015, \"hidden\": 7},\n"
                         "  {\"name\": \"c\", \"seconds\": null, \"hidden\": 1e+30}\n"
                         "], \"empty\": [\n]}\n");
  ck_assert(gan_fields_read(&fields, text, n));
  gan_free(&text);
}
END_TEST

/* More rows than the first memory holds. */
START_TEST(a_report_grows) {
  gan_bench_report report;
  char *text;
  size_t n;
  const char *path = unit_path("report.json");
  gan_bench_report_begin(&report, "test");
  gan_bench_report_table(&report, "rows", columns, COUNT(columns));
  for (int i = 0; i < 300; i++)
    gan_bench_report_row(&report, (gan_cell[]){GAN_TEXT("x"), GAN_NUMBER(i), GAN_NUMBER(i)});
  check_ok(gan_bench_report_end(&report, gan_comm_alone(), path));
  check_ok(gan_file_read(path, &text, &n));
  for (int i = 0; i < 300; i++) {
    char row[64];
    snprintf(row, sizeof row, "\"seconds\": %d, \"hidden\": %d}", i, i);
    if (!strstr(text, row)) ck_abort_msg("no %s", row);
  }
  gan_free(&text);
}
END_TEST

START_TEST(a_report_that_cannot_be_written) {
  gan_bench_report report;
  gan_bench_report_begin(&report, "test");
  gan_bench_report_table(&report, "rows", columns, COUNT(columns));
  check_fails(gan_bench_report_end(&report, gan_comm_alone(), unit_path("none/report.json")),
              GAN_OUTPUT, "report.json");
}
END_TEST

/* ---- the plot ---- */

/* Efficiency 1 and 0 lie where the axis has them; names cannot break the XML. */
START_TEST(a_plot_has_its_points) {
  static gan_plot plot = {.title = "a < b & c.yaml",
                          .x_title = "ranks",
                          .y_title = "efficiency",
                          .series = {{.name = "weak"}, {.name = "strong"}},
                          .count = 2};
  char *text;
  size_t n;
  for (int i = 0; i < 2 * GAN_POINTS_MAX; i++) gan_series_add(&plot.series[0], 1 << (i % 5), 1);
  ck_assert_int_eq(plot.series[0].count, GAN_POINTS_MAX);
  gan_series_add(&plot.series[1], 1, 1);
  gan_series_add(&plot.series[1], 4, NAN); /* left out */
  gan_series_add(&plot.series[1], 16, 0);
  check_ok(gan_plot_write(&plot, unit_path("plot.svg")));
  check_ok(gan_file_read(unit_path("plot.svg"), &text, &n));
  ck_assert(strstr(text, "a &lt; b &amp; c.yaml"));
  /* 60 to 620 pixels for 1 to 16 ranks; 370 down to 40 for 0 to 1.05. */
  ck_assert(strstr(text, "points=\"60.0,55.7 620.0,370.0 \""));
  ck_assert(!strstr(text, "nan"));
  gan_free(&text);
}
END_TEST

int main(void) {
  const unit_test tests[] = {
      {quartiles_by_hand, 1},
      {a_line_through_points_on_it, 1},
      {small_times_weigh_as_much_as_large_ones, 1},
      {rivals_take_turns, 1},
      {triad_adds_what_it_says, 1},
      {a_report_is_one_json_object, 1},
      {a_report_grows, 1},
      {a_report_that_cannot_be_written, 1},
      {a_plot_has_its_points, 1},
  };
  return UNIT_MAIN("bench", tests);
}
