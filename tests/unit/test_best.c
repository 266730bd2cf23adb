/* Which evaluation of a run is the best, and when its patience is over. */
#include "train/best.h"
#include "train/figures.h"
#include "unit/support.h"

#include <math.h>
#include <string.h>

/* Values of evaluations 1, 2, 3, ...; the best behind the last, and how many since then. */
static const struct {
  bool more;
  double values[6];
  int count;
  int64_t best, without;
} courses[] = {{false, {5, 4, 3}, 3, 3, 0},
               {false, {5, 4, 6, 4}, 4, 2, 2}, /* as good is no better */
               {true, {5, 4, 6, 4}, 4, 3, 1},
               {true, {-2, -1, -3}, 3, 2, 1},
               {false, {NAN, INFINITY, 7}, 3, 3, 0},
               {true, {NAN, INFINITY, NAN}, 3, 0, 3},
               {false, {2, NAN, -INFINITY}, 3, 1, 2},
               {false, {2, 2 - 1e-6, 2 - 4e-6}, 3, 3, 0},
               {true, {2, 2 + 1e-6}, 2, 1, 1}};

START_TEST(best_is_found) {
  gan_watched watched = {.figure = "f", .more = courses[_i].more, .patience = 2};
  gan_best best = {.step = 0};
  for (int i = 0; i < courses[_i].count; i++) {
    bool better = gan_best_note(&watched, courses[_i].values[i], i + 1, &best);
    ck_assert_int_eq(better, best.step == i + 1);
  }
  ck_assert_int_eq(best.step, courses[_i].best);
  ck_assert_int_eq(best.without, courses[_i].without);
  if (best.step) ck_assert_double_eq(best.value, courses[_i].values[best.step - 1]);
  ck_assert_int_eq(gan_best_over(&watched, &best), best.without >= 2);
  watched.patience = 0;
  ck_assert(!gan_best_over(&watched, &best));
}
END_TEST

START_TEST(another_figure_begins_anew) {
  gan_watched watched = {.figure = "frechet_distance"};
  gan_best best = {"frechet_distance", 3, 10, 1}, other = {"coverage", 3, 10, 1};
  gan_best_begin(&watched, &best);
  ck_assert_int_eq(best.step, 10);
  gan_best_begin(&watched, &other);
  ck_assert_str_eq(other.of, "frechet_distance");
  ck_assert_int_eq(other.step, 0);
  ck_assert_int_eq(other.without, 0);
}
END_TEST

/* Each figure of each metric says which way it gets better, if any. */
START_TEST(every_figure_has_a_direction) {
  int count;
  const gan_metric_row *rows = gan_metric_rows(&count);
  for (int i = 0; i < count; i++) {
    size_t figures = 0;
    while (figures < GAN_METRIC_FIGURES && rows[i].figures[figures]) figures++;
    ck_assert_msg(strlen(rows[i].better) == figures, "%s", rows[i].name);
    ck_assert_msg(strspn(rows[i].better, "<>-") == figures, "%s", rows[i].name);
  }
}
END_TEST

int main(void) {
  const unit_test tests[] = {
      {best_is_found, sizeof courses / sizeof *courses},
      {another_figure_begins_anew, 1},
      {every_figure_has_a_direction, 1},
  };
  return UNIT_MAIN("best", tests);
}
