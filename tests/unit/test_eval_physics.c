/* Statistics of images against NumPy and SciPy, and the spread of figures. */
#include "base/memory.h"
#include "eval/physics.h"
#include "eval/spread.h"
#include "unit/eval_golden.h"
#include "unit/eval_support.h"
#include "unit/support.h"

#include <math.h>
#include <string.h>

/* Some hundred roundings of a double, and 3 digits that moments' differences lose. */
static const double ROUNDING = 1e-10;

static void check_physics(const gan_physics *physics, int64_t n, const float *x,
                          const double *golden, size_t wanted) {
  double measured[16 * 64], found[64];
  int64_t size = gan_physics_size(physics);
  ck_assert_int_eq(size, (int64_t)wanted);
  check_ok(gan_physics_measure(physics, n, x, measured));
  check_ok(gan_physics_run(eval_alone(), physics, n, measured, found));
  check_near(size, found, golden, ROUNDING);
}

START_TEST(statistics_are_numpys) {
  float x[9 * 7 * 6 * 2], y[4 * 8 * 10];
  unit_fill(x, 9 * 7 * 6 * 2, 7, -1, 1.5);
  unit_fill(y, 4 * 8 * 10, 8, 0, 1);
  gan_physics odd = {.h = 7, .w = 6, .c = 2, .low = -1, .high = 1, .bins = 5};
  gan_physics even = {.h = 8, .w = 10, .c = 1, .low = 0, .high = 1, .bins = 3};
  check_physics(&odd, 9, x, golden_physics, sizeof golden_physics / sizeof *golden_physics);
  check_physics(&even, 4, y, golden_physics_even,
                sizeof golden_physics_even / sizeof *golden_physics_even);
}
END_TEST

/* A wave of 3 cycles has its power in ring 3: of amplitude 1, N / 4 at each of two frequencies. */
START_TEST(a_wave_is_in_its_ring) {
  enum { SIDE = 16, FREQUENCY = 3 };
  float x[SIDE * SIDE];
  double measured[64], found[64], total = 0;
  for (int i = 0; i < SIDE * SIDE; i++) x[i] = (float)cos(2 * M_PI * FREQUENCY * (i / SIDE) / SIDE);
  gan_physics physics = {.h = SIDE, .w = SIDE, .c = 1, .low = -1, .high = 1, .bins = 2};
  check_ok(gan_physics_measure(&physics, 1, x, measured));
  check_ok(gan_physics_run(eval_alone(), &physics, 1, measured, found));
  const double *rings = found + physics.bins;
  for (int r = 0; r < gan_physics_rings(&physics); r++) total += rings[r];
  ck_assert_double_gt(rings[FREQUENCY], 1);
  ck_assert_double_le(total - rings[FREQUENCY], 1e-6);
}
END_TEST

START_TEST(bands_hold_the_whole_and_no_other_law) {
  enum { N = 400, SIZE = 7 + 3 + 4 };
  float *x = unit_floats(N * 16);
  static double measured[N * SIZE], whole[SIZE], low[SIZE], high[SIZE];
  gan_physics physics = {.h = 4, .w = 4, .c = 1, .low = 0, .high = 1, .bins = 7};
  ck_assert_int_eq(gan_physics_size(&physics), SIZE);
  unit_fill(x, N * 16, 51, 0, 1);
  check_ok(gan_physics_measure(&physics, N, x, measured));
  check_ok(gan_physics_run(eval_alone(), &physics, N, measured, whole));
  check_ok(gan_physics_bands(eval_alone(), &physics, N, measured, 20, low, high));
  for (int i = 0; i < SIZE; i++)
    if (!(low[i] < whole[i] && whole[i] < high[i])) ck_abort_msg("statistic %d is outside", i);
  /* a uniform law's: 1/7 each, within 5 deviations of half of the pixels */
  for (int i = 0; i < 7; i++) {
    double deviation = sqrt(6.0 / 49 / (N * 16 / 2));
    if (low[i] < 1.0 / 7 - 5 * deviation || high[i] > 1.0 / 7 + 5 * deviation)
      ck_abort_msg("the band of bin %d is too wide", i);
  }
  check_fails(gan_physics_bands(eval_alone(), &physics, 1, measured, 20, low, high), GAN_USAGE,
              "halves of 1 images");
  gan_free(&x);
}
END_TEST

START_TEST(halves_and_resamples) {
  enum { N = 1000 };
  uint32_t order[N], again[N], count[N] = {0};
  gan_spread_halve(eval_alone(), 1, N, order);
  for (int i = 0; i < N; i++) count[order[i]]++;
  for (int i = 0; i < N; i++)
    if (count[i] != 1) ck_abort_msg("row %d is there %u times", i, count[i]);
  gan_spread_halve(eval_alone(), 2, N, again);
  ck_assert(memcmp(order, again, sizeof order) != 0);
  /* of a resample 1 - (1 - 1/n)^n of the rows are there: 0.632, within 5 deviations of 0.0153 */
  int there = 0;
  memset(count, 0, sizeof count);
  gan_spread_resample(eval_alone(), 1, N, order);
  for (int i = 0; i < N; i++) count[order[i]]++;
  for (int i = 0; i < N; i++) there += count[i] > 0;
  ck_assert_double_eq_tol(there / (double)N, 1 - exp(-1), 5 * 0.0153 / sqrt(N / 1000.0));
}
END_TEST

static gan_status mean_and_count(void *context, const gan_eval *eval, const gan_rows *rows,
                                 int count, double *out) {
  (void)context, (void)eval;
  ck_assert_int_eq(count, 2);
  out[0] = 0;
  out[1] = (double)rows->total;
  for (int64_t i = 0; i < rows->n; i++) out[0] += (double)rows->x[i] / (double)rows->n;
  return GAN_OK;
}

/* A resample's mean deviates by s / sqrt(n), as the mean does; of a half, drawn without
 * replacement, by as much: sqrt(1 / (n / 2) - 1 / n) is sqrt(1 / n). */
START_TEST(the_spread_of_a_mean) {
  enum { N = 400, TRIALS = 400 };
  float *x = eval_normals(N, 1, 52);
  gan_rows rows = eval_rows(N, 1, x);
  gan_spread found[2];
  double square = 0, mean = 0;
  for (int i = 0; i < N; i++) mean += (double)x[i] / N;
  for (int i = 0; i < N; i++) square += pow((double)x[i] - mean, 2);
  double wanted = sqrt(square / N / N);
  for (int way = GAN_SPREAD_HALVES; way <= GAN_SPREAD_RESAMPLES; way++) {
    check_ok(gan_spread_run(eval_alone(), &rows, (gan_spread_way)way, TRIALS, mean_and_count, NULL,
                            2, found));
    ck_assert_double_eq_tol(found[0].mean, mean, 4 * wanted / sqrt(TRIALS));
    ck_assert_double_eq_tol(found[0].deviation, wanted, 4 * wanted / sqrt(2.0 * TRIALS));
    ck_assert(found[1].mean == (way == GAN_SPREAD_HALVES ? N / 2 : N) && found[1].deviation == 0);
  }
  ck_assert(isnan(gan_spread_of(1, &mean).deviation));
  ck_assert_int_eq(gan_spread_least_count(2048), 10240);
  gan_free(&x);
}
END_TEST

int main(void) {
  const unit_test tests[] = {
      {statistics_are_numpys, 1},
      {a_wave_is_in_its_ring, 1},
      {bands_hold_the_whole_and_no_other_law, 1},
      {halves_and_resamples, 1},
      {the_spread_of_a_mean, 1},
  };
  return UNIT_MAIN("eval_physics", tests);
}
