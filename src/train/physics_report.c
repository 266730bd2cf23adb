#include "train/physics_report.h"

#include "base/log.h"
#include "base/memory.h"
#include "output/charts.h"

#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

enum {
  BINS = 64,      /* of values */
  DIVISIONS = 20, /* of the data, for its own bands */
  CHANNELS = 4,   /* whose moments are told */
};

/* Of a band: what is nearer to its edge lies in it.  Beyond what the rounding of sums can do. */
static const double EDGE = 1e-9;

static const struct {
  const char *name, *title, *x_title;
  bool logarithmic;
} parts[GAN_PARTS] = {
    [GAN_PART_HISTOGRAM] = {"histogram", "share of pixels", "value (0 to 1)", true},
    [GAN_PART_SPECTRUM] = {"spectrum", "mean power", "cycles an image", true},
    [GAN_PART_MEAN] = {"mean", "mean", "channel", false},
    [GAN_PART_DEVIATION] = {"deviation", "standard deviation", "channel", false},
    [GAN_PART_SKEWNESS] = {"skewness", "skewness", "channel", false},
    [GAN_PART_KURTOSIS] = {"kurtosis", "kurtosis less 3", "channel", false},
};

/* ---- the order ---- */

static int64_t part_size(const gan_physics *physics, int part) {
  return part == GAN_PART_HISTOGRAM  ? physics->bins
         : part == GAN_PART_SPECTRUM ? gan_physics_rings(physics)
                                     : physics->c;
}

static int64_t part_first(const gan_physics *physics, int part) {
  int64_t first = 0;
  for (int p = 0; p < part; p++) first += part_size(physics, p);
  return first;
}

/* From a channel's four moments, channel by channel, to each moment's channels. */
static void order_parts(const gan_physics *physics, const double *from, double *to) {
  int64_t moments = part_first(physics, GAN_PART_MEAN), c = physics->c;
  memcpy(to, from, (size_t)moments * sizeof *to);
  for (int64_t k = 0; k < c; k++)
    for (int64_t m = 0; m < GAN_PHYSICS_MOMENTS; m++)
      to[moments + m * c + k] = from[moments + k * GAN_PHYSICS_MOMENTS + m];
}

/* ---- measuring ---- */

/* Of this rank's images: measured (n, size), in fresh memory. */
static gan_status measure(const gan_eval *eval, const gan_physics *physics, const gan_rows *images,
                          double **measured) {
  GAN_TRY_EVAL_ALLOC(eval, *measured, images->n * gan_physics_size(physics));
  gan_status status = gan_physics_measure(physics, images->n, images->x, *measured);
  return gan_comm_agree(eval->comm, status, "agreeing whether all could measure their images");
}

static gan_status measure_all(const gan_eval *eval, const gan_physics *physics,
                              const gan_rows *images, double **measured, double *room,
                              double *found) {
  GAN_TRY(measure(eval, physics, images, measured));
  GAN_TRY(gan_physics_run(eval, physics, images->n, *measured, room));
  order_parts(physics, room, found);
  return GAN_OK;
}

gan_status gan_physics_report_measure(const gan_eval *eval, const gan_physics_report *report,
                                      const gan_rows *images, double *found) {
  double *measured = NULL, *room;
  GAN_TRY_EVAL_ALLOC(eval, room, report->size);
  gan_status status = measure_all(eval, &report->physics, images, &measured, room, found);
  gan_free(&measured);
  gan_free(&room);
  return status;
}

/* room: (2, size) */
static gan_status find_bands(const gan_eval *eval, const gan_rows *data, double **measured,
                             double *room, gan_physics_report *out) {
  const gan_physics *physics = &out->physics;
  GAN_TRY(measure_all(eval, physics, data, measured, room, out->data));
  GAN_TRY(gan_physics_bands(eval, physics, data->n, *measured, DIVISIONS, room, room + out->size));
  order_parts(physics, room, out->low);
  order_parts(physics, room + out->size, out->high);
  return GAN_OK;
}

gan_status gan_physics_report_fill(const gan_eval *eval, const gan_physics_report *report,
                                   const gan_rows *samples) {
  return gan_physics_report_measure(eval, report, samples, report->samples);
}

static gan_status fill(const gan_eval *eval, const gan_rows *data, gan_physics_report *out) {
  double *measured = NULL, *room;
  GAN_TRY_EVAL_ALLOC(eval, out->low, out->size);
  GAN_TRY_EVAL_ALLOC(eval, out->high, out->size);
  GAN_TRY_EVAL_ALLOC(eval, out->data, out->size);
  GAN_TRY_EVAL_ALLOC(eval, out->samples, out->size);
  GAN_TRY_EVAL_ALLOC(eval, room, 2 * out->size);
  gan_status status = find_bands(eval, data, &measured, room, out);
  gan_free(&measured);
  gan_free(&room);
  return status;
}

gan_status gan_physics_report_create(const gan_eval *eval, int64_t h, int64_t w, int64_t c,
                                     const gan_rows *data, gan_physics_report *out) {
  *out = (gan_physics_report){.physics = {.h = h, .w = w, .c = c, .high = 1, .bins = BINS}};
  out->size = gan_physics_size(&out->physics);
  gan_status status = fill(eval, data, out);
  if (status != GAN_OK) gan_physics_report_destroy(out);
  return status;
}

void gan_physics_report_destroy(gan_physics_report *report) {
  gan_free(&report->low);
  gan_free(&report->high);
  gan_free(&report->data);
  gan_free(&report->samples);
  report->size = 0;
}

/* ---- judging ---- */

static bool outside_of(double x, double low, double high) {
  double slack = EDGE * fmax(fabs(low), fabs(high));
  return x < low - slack || x > high + slack;
}

double gan_physics_report_outside(const gan_physics_report *report, const double *found,
                                  gan_physics_part first, gan_physics_part last) {
  int64_t begin = part_first(&report->physics, first), count = 0;
  int64_t end = part_first(&report->physics, last) + part_size(&report->physics, last);
  for (int64_t i = begin; i < end; i++)
    count += outside_of(found[i], report->low[i], report->high[i]);
  return (double)count / (double)(end - begin);
}

/* ---- telling ---- */

void gan_physics_report_print(const gan_physics_report *report) {
  int64_t channels = report->physics.c < CHANNELS ? report->physics.c : CHANNELS;
  for (int64_t k = 0; report->size && k < channels; k++)
    for (int p = GAN_PART_MEAN; p <= GAN_PART_KURTOSIS; p++) {
      int64_t i = part_first(&report->physics, p) + k;
      bool outside = outside_of(report->samples[i], report->low[i], report->high[i]);
      gan_log("  channel %lld: %-18s %12.6g   data's halves %.6g to %.6g%s", (long long)k,
              parts[p].title, report->samples[i], report->low[i], report->high[i],
              outside ? ": outside" : "");
    }
}

/* Where along x the numbers of a part stand. */
static void place_part(const gan_physics *physics, int part, double *first, double *step) {
  double bin = (physics->high - physics->low) / (double)physics->bins;
  bool bins = part == GAN_PART_HISTOGRAM;
  *first = bins ? physics->low + bin / 2 : 0;
  *step = bins ? bin : 1;
}

/* Room for a number and what is around it; for a key. */
enum { NUMBER = 32, KEY = 32, ARRAYS = 5 };

typedef struct {
  char *text;
  size_t size, used;
} writer;

static void put(writer *w, const char *format, ...) __attribute__((format(printf, 2, 3)));

static void put(writer *w, const char *format, ...) {
  va_list args;
  va_start(args, format);
  int n = vsnprintf(w->text + w->used, w->size - w->used, format, args);
  va_end(args);
  if (n > 0) w->used += (size_t)n;
  GAN_ASSERT(w->used < w->size);
}

static void put_array(writer *w, const char *key, int64_t n, const double *values) {
  put(w, "%s\"%s\": [", strcmp(key, "x") ? ", " : "", key);
  for (int64_t i = 0; i < n; i++)
    put(w, isfinite(values[i]) ? "%s%.9g" : "%snull", i ? ", " : "", values[i]);
  put(w, "]");
}

/* x: room for the largest part */
static void put_part(writer *w, const gan_physics_report *report, int part, double *x) {
  int64_t at = part_first(&report->physics, part), n = part_size(&report->physics, part);
  double first, step;
  place_part(&report->physics, part, &first, &step);
  for (int64_t i = 0; i < n; i++) x[i] = first + step * (double)i;
  put(w, "%s\"%s\": {", part ? ", " : "", parts[part].name);
  put_array(w, "x", n, x);
  put_array(w, "low", n, report->low + at);
  put_array(w, "high", n, report->high + at);
  put_array(w, "data", n, report->data + at);
  put_array(w, "samples", n, report->samples + at);
  put(w, "}");
}

gan_status gan_physics_report_json(const gan_physics_report *report, char **text) {
  writer w = {.size = (size_t)(ARRAYS * report->size) * NUMBER + GAN_PARTS * (ARRAYS + 1) * KEY};
  double *x;
  GAN_TRY_ALLOC(x, report->size, "places of statistics");
  w.text = gan_alloc(w.size, 1, "statistics as JSON");
  if (w.text) {
    put(&w, "{");
    for (int p = 0; p < GAN_PARTS; p++) put_part(&w, report, p, x);
    put(&w, "}");
  }
  gan_free(&x);
  *text = w.text;
  return w.text ? GAN_OK : GAN_NO_MEMORY;
}

gan_status gan_physics_report_draw(const gan_physics_report *report, const char *path) {
  gan_charts charts = {.title = "Statistics of the images",
                       .band = "band of halves of the data",
                       .lines = {"data", "samples"},
                       .count = GAN_PARTS,
                       .columns = 3};
  for (int p = 0; p < GAN_PARTS; p++) {
    int64_t at = part_first(&report->physics, p);
    gan_chart *chart = &charts.charts[p];
    *chart = (gan_chart){.title = parts[p].title,
                         .x_title = parts[p].x_title,
                         .n = part_size(&report->physics, p),
                         .low = report->low + at,
                         .high = report->high + at,
                         .lines = {report->data + at, report->samples + at},
                         .logarithmic = parts[p].logarithmic,
                         .separate = p >= GAN_PART_MEAN};
    place_part(&report->physics, p, &chart->first, &chart->step);
  }
  return gan_charts_write(&charts, path);
}
