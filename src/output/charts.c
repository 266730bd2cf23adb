#include "output/charts.h"

#include "output/canvas.h"

#include <math.h>
#include <stdio.h>

/* Pixels: of a chart with its margins, and of what is above them all. */
enum { WIDTH = 520, HEIGHT = 340, LEFT = 92, RIGHT = 24, TOP = 44, BOTTOM = 62, HEAD = 84 };
enum { SMALL = 2, LARGE = 3, LETTER_HEIGHT = 7, GAP = 8, SWATCH = 40, TICKS = 6 };

/* Told apart without colours by their shades, too (Okabe and Ito's palette for the colour-blind).
 */
static const gan_colour INK = 0x202020, GRID = 0xe0e0e0, BAND = 0xb8d4ea;
static const gan_colour LINES[GAN_CHART_LINES] = {0x56779a, 0xd55e00};

/* Of logarithmic charts: what is smaller than the largest by more is not told apart from 0. */
static const double DECADES = 8;

/* How far a bar of a separate place reaches to either side, of a step. */
static const double HALF_BAR = 0.35;

/* A chart at its place; y is that of its scale: the logarithm, of logarithmic ones. */
typedef struct {
  gan_canvas *canvas;
  const gan_chart *chart;
  int64_t left, top, width, height; /* of the field */
  double x0, x1, y0, y1;
} field;

/* ---- scales ---- */

static double scaled(const field *f, double y) {
  if (!f->chart->logarithmic) return y;
  return y > 0 ? fmax(log10(y), f->y0) : f->y0;
}

static int64_t place_x(const field *f, double x) {
  return f->left + (int64_t)lrint((x - f->x0) / (f->x1 - f->x0) * (double)f->width);
}

static int64_t place_y(const field *f, double y) {
  double share = (scaled(f, y) - f->y0) / (f->y1 - f->y0);
  return f->top + f->height - (int64_t)lrint(share * (double)f->height);
}

/* The step of about `count` round numbers over a length: 1, 2 or 5 times a power of ten. */
static double round_step(double length, int count) {
  double rough = length / count, power = pow(10, floor(log10(rough))), head = rough / power;
  return power * (head <= 1 ? 1 : head <= 2 ? 2 : head <= 5 ? 5 : 10);
}

static void stretch(double y, bool above_zero, double *least, double *most) {
  if (!isfinite(y) || (above_zero && y <= 0)) return;
  *least = fmin(*least, y);
  *most = fmax(*most, y);
}

static void find_range(field *f) {
  const gan_chart *chart = f->chart;
  bool log = chart->logarithmic;
  double least = INFINITY, most = -INFINITY;
  const double *all[] = {chart->low, chart->high, chart->lines[0], chart->lines[1]};
  for (int a = 0; a < 4; a++)
    for (int64_t i = 0; i < chart->n; i++) stretch(all[a][i], log, &least, &most);
  if (least > most) least = most = 1;
  if (log) most = log10(most);
  if (log) least = fmax(log10(least), most - DECADES);
  double margin = most > least ? 0.06 * (most - least) : fmax(0.1 * fabs(most), 0.1);
  f->y0 = least - margin;
  f->y1 = most + margin;
  f->x0 = chart->first - 0.5 * chart->step;
  f->x1 = f->x0 + chart->step * (double)chart->n;
}

/* ---- axes ---- */

static void tick_x(const field *f, double x) {
  char label[32];
  int64_t at = place_x(f, x), bottom = f->top + f->height;
  snprintf(label, sizeof label, "%g", fabs(x) < 1e-12 ? 0 : x);
  gan_canvas_box(f->canvas, at, f->top, 1, f->height, GRID);
  gan_canvas_box(f->canvas, at, bottom, 1, GAP - 2, INK);
  gan_canvas_text(f->canvas, at, bottom + GAP, GAN_TEXT_MIDDLE, SMALL, INK, label);
}

static void tick_y(const field *f, int64_t at, const char *label) {
  gan_canvas_box(f->canvas, f->left, at, f->width, 1, GRID);
  gan_canvas_box(f->canvas, f->left - GAP + 2, at, GAP - 2, 1, INK);
  gan_canvas_text(f->canvas, f->left - GAP, at - LETTER_HEIGHT * SMALL / 2, GAN_TEXT_RIGHT, SMALL,
                  INK, label);
}

static void ticks_x(const field *f) {
  double step = round_step(f->x1 - f->x0, TICKS);
  if (f->chart->separate) step = fmax(rint(step), f->chart->step);
  double from = f->chart->separate ? f->chart->first : ceil(f->x0 / step - 1e-9) * step;
  for (int i = 0; from + i * step <= f->x1 + 1e-9 * step; i++) tick_x(f, from + i * step);
}

static void ticks_linear(const field *f) {
  char label[32];
  double step = round_step(f->y1 - f->y0, TICKS);
  for (double k = ceil(f->y0 / step); k * step <= f->y1; k++) {
    snprintf(label, sizeof label, "%.5g", k == 0 ? 0 : k * step);
    tick_y(f, place_y(f, k * step), label);
  }
}

/* Powers of ten; of less than two of them, also twice and five times. */
static void ticks_logarithmic(const field *f) {
  static const int heads[] = {1, 2, 5};
  char label[32];
  int every = (int)fmax(1, ceil((f->y1 - f->y0) / TICKS)), shown = f->y1 - f->y0 < 2 ? 3 : 1;
  for (int power = (int)floor(f->y0); power <= f->y1; power++)
    for (int h = 0; h < shown; h++) {
      double y = heads[h] * pow(10, power);
      if (power % every || log10(y) < f->y0 || log10(y) > f->y1) continue;
      snprintf(label, sizeof label, power < -4 || power > 5 ? "%.0e" : "%g", y);
      tick_y(f, place_y(f, y), label);
    }
}

static void draw_axes(const field *f) {
  const gan_chart *chart = f->chart;
  int64_t middle = f->left + f->width / 2, bottom = f->top + f->height;
  ticks_x(f);
  if (chart->logarithmic)
    ticks_logarithmic(f);
  else
    ticks_linear(f);
  gan_canvas_text(f->canvas, middle, f->top - TOP / 2 - LETTER_HEIGHT, GAN_TEXT_MIDDLE, SMALL, INK,
                  chart->title);
  gan_canvas_text(f->canvas, middle, bottom + BOTTOM / 2 + 2, GAN_TEXT_MIDDLE, SMALL, INK,
                  chart->x_title);
}

static void draw_frame(const field *f) {
  gan_canvas_box(f->canvas, f->left, f->top, 1, f->height, INK);
  gan_canvas_box(f->canvas, f->left, f->top + f->height, f->width + 1, 1, INK);
}

/* ---- what is shown ---- */

static double x_of(const gan_chart *chart, int64_t i) {
  return chart->first + chart->step * (double)i;
}

/* A column of the band between two heights; a thin one is still seen. */
static void draw_slice(const field *f, int64_t from, int64_t to, double low, double high) {
  int64_t top = place_y(f, high), bottom = place_y(f, low);
  gan_canvas_box(f->canvas, from, top - 1, to - from + 1, bottom - top + 3, BAND);
}

static void draw_band(const field *f) {
  const gan_chart *chart = f->chart;
  for (int64_t i = 0; i + 1 < chart->n; i++) {
    int64_t from = place_x(f, x_of(chart, i)), to = place_x(f, x_of(chart, i + 1));
    for (int64_t x = from; x <= to; x++) {
      double share = to > from ? (double)(x - from) / (double)(to - from) : 0;
      int64_t high = (int64_t)lrint((double)place_y(f, chart->high[i]) * (1 - share) +
                                    (double)place_y(f, chart->high[i + 1]) * share);
      int64_t low = (int64_t)lrint((double)place_y(f, chart->low[i]) * (1 - share) +
                                   (double)place_y(f, chart->low[i + 1]) * share);
      gan_canvas_box(f->canvas, x, high - 1, 1, low - high + 3, BAND);
    }
  }
}

static void draw_line(const field *f, int line) {
  const gan_chart *chart = f->chart;
  const double *y = chart->lines[line];
  for (int64_t i = 0; i + 1 < chart->n; i++)
    if (isfinite(y[i]) && isfinite(y[i + 1]))
      gan_canvas_line(f->canvas, place_x(f, x_of(chart, i)), place_y(f, y[i]),
                      place_x(f, x_of(chart, i + 1)), place_y(f, y[i + 1]), LINES[line]);
}

static void draw_place(const field *f, int64_t i) {
  const gan_chart *chart = f->chart;
  double x = x_of(chart, i), half = HALF_BAR * chart->step;
  int64_t from = place_x(f, x - half), to = place_x(f, x + half);
  draw_slice(f, from, to, chart->low[i], chart->high[i]);
  for (int l = 0; l < GAN_CHART_LINES; l++)
    if (isfinite(chart->lines[l][i]))
      gan_canvas_line(f->canvas, from, place_y(f, chart->lines[l][i]), to,
                      place_y(f, chart->lines[l][i]), LINES[l]);
}

static void draw_chart(gan_canvas *canvas, const gan_chart *chart, int64_t x, int64_t y) {
  field f = {.canvas = canvas,
             .chart = chart,
             .left = x + LEFT,
             .top = y + TOP,
             .width = WIDTH - LEFT - RIGHT,
             .height = HEIGHT - TOP - BOTTOM};
  find_range(&f);
  draw_axes(&f);
  if (!chart->separate) draw_band(&f);
  for (int l = 0; !chart->separate && l < GAN_CHART_LINES; l++) draw_line(&f, l);
  for (int64_t i = 0; chart->separate && i < chart->n; i++) draw_place(&f, i);
  draw_frame(&f);
}

static void draw_head(gan_canvas *canvas, const gan_charts *charts) {
  int64_t x = GAP * 2, y = GAP * 6, letters = LETTER_HEIGHT * SMALL;
  gan_canvas_text(canvas, x, GAP + GAP / 2, GAN_TEXT_LEFT, LARGE, INK, charts->title);
  gan_canvas_box(canvas, x, y, SWATCH, letters, BAND);
  x += SWATCH + GAP;
  gan_canvas_text(canvas, x, y, GAN_TEXT_LEFT, SMALL, INK, charts->band);
  x += gan_canvas_text_width(SMALL, charts->band) + GAP * 4;
  for (int l = 0; l < GAN_CHART_LINES; l++) {
    gan_canvas_line(canvas, x, y + letters / 2, x + SWATCH, y + letters / 2, LINES[l]);
    x += SWATCH + GAP;
    gan_canvas_text(canvas, x, y, GAN_TEXT_LEFT, SMALL, INK, charts->lines[l]);
    x += gan_canvas_text_width(SMALL, charts->lines[l]) + GAP * 4;
  }
}

gan_status gan_charts_write(const gan_charts *charts, const char *path) {
  gan_canvas canvas;
  int rows = (charts->count + charts->columns - 1) / charts->columns;
  GAN_TRY(gan_canvas_create(charts->columns * WIDTH, HEAD + rows * HEIGHT, &canvas));
  draw_head(&canvas, charts);
  for (int i = 0; i < charts->count; i++)
    draw_chart(&canvas, &charts->charts[i], i % charts->columns * WIDTH,
               HEAD + i / charts->columns * HEIGHT);
  gan_status status = gan_canvas_write(&canvas, path);
  gan_canvas_destroy(&canvas);
  return status;
}
