/* Statistics of samples beside the data's bands: what they are, in which order, as JSON. */
#include "base/memory.h"
#include "train/physics_report.h"
#include "unit/eval_support.h"
#include "unit/support.h"

#include <math.h>
#include <string.h>

enum { N = 60, SIDE = 6, CHANNELS = 3, ROW = SIDE * SIDE * CHANNELS, BINS = 64, RINGS = 4 };

/* Some roundings of a double, of means of as many numbers. */
static const double ROUNDING = 1e-9;

/* Channel k has values between k / 4 and k / 4 + 1/2. */
static float *make_images(uint64_t seed) {
  float *x = unit_floats(N * ROW);
  unit_fill(x, N * ROW, seed, 0, 0.5);
  for (int i = 0; i < N * ROW; i++) x[i] += 0.25f * (float)(i % CHANNELS);
  return x;
}

static gan_physics_report make(const float *data, const float *samples) {
  gan_rows rows = eval_rows(N, ROW, data), others = eval_rows(N, ROW, samples);
  gan_physics_report report;
  check_ok(gan_physics_report_create(eval_alone(), SIDE, SIDE, CHANNELS, &rows, &report));
  check_ok(gan_physics_report_fill(eval_alone(), &report, &others));
  ck_assert_int_eq(report.size, BINS + RINGS + 4 * CHANNELS);
  return report;
}

/* Each channel's mean, and behind all of them each channel's deviation, by hand. */
START_TEST(moments_stand_channel_by_channel) {
  float *data = make_images(1), *samples = make_images(2);
  gan_physics_report report = make(data, samples);
  for (int k = 0; k < CHANNELS; k++) {
    double mean = 0, square = 0, count = N * SIDE * SIDE;
    for (int i = k; i < N * ROW; i += CHANNELS) mean += (double)samples[i] / count;
    for (int i = k; i < N * ROW; i += CHANNELS) square += pow((double)samples[i] - mean, 2) / count;
    ck_assert_double_eq_tol(report.samples[BINS + RINGS + k], mean, ROUNDING);
    ck_assert_double_eq_tol(report.samples[BINS + RINGS + CHANNELS + k], sqrt(square), ROUNDING);
  }
  gan_physics_report_destroy(&report);
  gan_free(&data);
  gan_free(&samples);
}
END_TEST

/* The data's own numbers lie between those of its halves, mostly; of equal images none is outside,
 * of brighter ones all means are, and the last bins of the histogram. */
START_TEST(what_is_outside_of_the_bands) {
  float *data = make_images(1), *brighter = make_images(1);
  for (int i = 0; i < N * ROW; i++) brighter[i] = fminf(1, brighter[i] + 0.2f);
  gan_physics_report same = make(data, data), other = make(data, brighter);
  ck_assert(!memcmp(same.data, same.samples, (size_t)same.size * sizeof *same.data));
  ck_assert(
      gan_physics_report_outside(&same, same.samples, GAN_PART_HISTOGRAM, GAN_PART_KURTOSIS) == 0);
  ck_assert(gan_physics_report_outside(&other, other.samples, GAN_PART_MEAN, GAN_PART_MEAN) == 1);
  ck_assert(gan_physics_report_outside(&other, other.samples, GAN_PART_HISTOGRAM,
                                       GAN_PART_HISTOGRAM) > 0.2);
  for (int64_t i = 0; i < same.size; i++)
    if (!(same.low[i] <= same.high[i])) ck_abort_msg("band %d is empty", (int)i);
  gan_physics_report_destroy(&same);
  gan_physics_report_destroy(&other);
  gan_free(&data);
  gan_free(&brighter);
}
END_TEST

/* A measuring of other images is what a report of them has. */
START_TEST(parts_are_measured_alike) {
  float *data = make_images(1), *samples = make_images(2);
  gan_physics_report report = make(data, data), of_samples = make(data, samples);
  double found[BINS + RINGS + 4 * CHANNELS];
  gan_rows rows = eval_rows(N, ROW, samples);
  check_ok(gan_physics_report_measure(eval_alone(), &report, &rows, found));
  ck_assert(!memcmp(found, of_samples.samples, sizeof found));
  gan_physics_report_destroy(&report);
  gan_physics_report_destroy(&of_samples);
  gan_free(&data);
  gan_free(&samples);
}
END_TEST

/* Numbers of the widest text fit. */
START_TEST(json_has_room) {
  float *data = make_images(1);
  gan_physics_report report = make(data, data);
  char *text;
  double *all[] = {report.low, report.high, report.data, report.samples};
  for (int a = 0; a < 4; a++)
    for (int64_t i = 0; i < report.size; i++) all[a][i] = -1.23456789e-300;
  report.samples[0] = NAN;
  check_ok(gan_physics_report_json(&report, &text));
  ck_assert(strstr(text, "\"samples\": [null, -1.23456789e-300, "));
  ck_assert(strncmp(text, "{\"histogram\": {\"x\": [0.0078125, ", 32) == 0);
  ck_assert_str_eq(text + strlen(text) - 3, "]}}");
  gan_free(&text);
  gan_physics_report_destroy(&report);
  gan_free(&data);
}
END_TEST

int main(void) {
  const unit_test tests[] = {
      {moments_stand_channel_by_channel, 1},
      {what_is_outside_of_the_bands, 1},
      {parts_are_measured_alike, 1},
      {json_has_room, 1},
  };
  return UNIT_MAIN("physics_report", tests);
}
