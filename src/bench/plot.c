#include "bench/plot.h"

#include "io/file.h"

#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

enum { WIDTH = 640, HEIGHT = 420, LEFT = 60, RIGHT = 20, TOP = 40, BOTTOM = 50, GRID = 5 };

/* Told apart without colours by their marks (Okabe and Ito's palette for the colour-blind). */
static const char *const colours[GAN_SERIES_MAX] = {"#0072b2", "#d55e00", "#009e73",
                                                    "#cc79a7", "#e69f00", "#56b4e9"};

typedef struct {
  char text[65536];
  size_t used;
  double most_x, most_y;
} canvas;

static void draw(canvas *c, const char *format, ...) __attribute__((format(printf, 2, 3)));

static void draw(canvas *c, const char *format, ...) {
  va_list args;
  va_start(args, format);
  int n = vsnprintf(c->text + c->used, sizeof c->text - c->used, format, args);
  va_end(args);
  if (n > 0) c->used += (size_t)n;
  GAN_ASSERT(c->used < sizeof c->text);
}

/* A text with what XML takes for its own written out. */
static void draw_text(canvas *c, double x, double y, const char *anchor, const char *more,
                      const char *text) {
  draw(c, "<text x=\"%.1f\" y=\"%.1f\" text-anchor=\"%s\"%s>", x, y, anchor, more);
  for (const char *at = text; *at && at - text < 200; at++) {
    const char *entity = *at == '<' ? "&lt;" : *at == '>' ? "&gt;" : *at == '&' ? "&amp;" : NULL;
    if (entity)
      draw(c, "%s", entity);
    else
      draw(c, "%c", *at);
  }
  draw(c, "</text>\n");
}

void gan_series_add(gan_series *series, double x, double y) {
  if (series->count == GAN_POINTS_MAX) return;
  series->x[series->count] = x;
  series->y[series->count++] = y;
}

static double place_x(const canvas *c, double x) {
  return LEFT + (WIDTH - LEFT - RIGHT) * log2(x) / log2(c->most_x);
}

static double place_y(const canvas *c, double y) {
  return HEIGHT - BOTTOM - (HEIGHT - TOP - BOTTOM) * y / c->most_y;
}

static void find_range(const gan_plot *plot, canvas *c) {
  c->most_x = 2;
  c->most_y = 1;
  for (int i = 0; i < plot->count; i++)
    for (int k = 0; k < plot->series[i].count; k++) {
      c->most_x = fmax(c->most_x, plot->series[i].x[k]);
      if (isfinite(plot->series[i].y[k])) c->most_y = fmax(c->most_y, plot->series[i].y[k]);
    }
  c->most_y *= 1.05;
}

static void draw_axes(const gan_plot *plot, canvas *c) {
  char label[32];
  for (int i = 0; i <= GRID; i++) {
    double y = (double)i / GRID;
    snprintf(label, sizeof label, "%.1f", y);
    draw(c, "<line x1=\"%d\" y1=\"%.1f\" x2=\"%d\" y2=\"%.1f\" stroke=\"#ddd\"/>\n", LEFT,
         place_y(c, y), WIDTH - RIGHT, place_y(c, y));
    draw_text(c, LEFT - 8, place_y(c, y) + 4, "end", "", label);
  }
  for (double x = 1; x <= c->most_x * 1.001; x *= 2) {
    snprintf(label, sizeof label, "%.0f", x);
    draw(c, "<line x1=\"%.1f\" y1=\"%d\" x2=\"%.1f\" y2=\"%d\" stroke=\"#ddd\"/>\n", place_x(c, x),
         TOP, place_x(c, x), HEIGHT - BOTTOM);
    draw_text(c, place_x(c, x), HEIGHT - BOTTOM + 18, "middle", "", label);
  }
  draw_text(c, WIDTH / 2.0, 22, "middle", " font-weight=\"bold\"", plot->title);
  draw_text(c, WIDTH / 2.0, HEIGHT - 10, "middle", "", plot->x_title);
  draw_text(c, 16, HEIGHT / 2.0, "middle", " transform=\"rotate(-90 16 210)\"", plot->y_title);
}

/* Circles for even series, squares for odd ones. */
static void draw_mark(canvas *c, int series, double x, double y) {
  if (series % 2)
    draw(c, "<rect x=\"%.1f\" y=\"%.1f\" width=\"7\" height=\"7\" fill=\"%s\"/>\n", x - 3.5,
         y - 3.5, colours[series]);
  else
    draw(c, "<circle cx=\"%.1f\" cy=\"%.1f\" r=\"4\" fill=\"%s\"/>\n", x, y, colours[series]);
}

static void draw_series(const gan_plot *plot, int i, canvas *c) {
  const gan_series *series = &plot->series[i];
  draw(c, "<polyline fill=\"none\" stroke=\"%s\" stroke-width=\"2\" points=\"", colours[i]);
  for (int k = 0; k < series->count; k++)
    if (isfinite(series->y[k]))
      draw(c, "%.1f,%.1f ", place_x(c, series->x[k]), place_y(c, series->y[k]));
  draw(c, "\"/>\n");
  for (int k = 0; k < series->count; k++)
    if (isfinite(series->y[k])) draw_mark(c, i, place_x(c, series->x[k]), place_y(c, series->y[k]));
  double y = HEIGHT - BOTTOM - 16.0 * (plot->count - i);
  draw_mark(c, i, LEFT + 12, y);
  draw_text(c, LEFT + 24, y + 4, "start", "", series->name);
}

gan_status gan_plot_write(const gan_plot *plot, const char *path) {
  canvas c = {.used = 0};
  find_range(plot, &c);
  draw(&c,
       "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<svg xmlns=\"http://www.w3.org/2000/svg\" "
       "width=\"%d\" height=\"%d\" viewBox=\"0 0 %d %d\" font-family=\"sans-serif\" "
       "font-size=\"12\">\n<rect width=\"%d\" height=\"%d\" fill=\"white\"/>\n",
       WIDTH, HEIGHT, WIDTH, HEIGHT, WIDTH, HEIGHT);
  draw_axes(plot, &c);
  for (int i = 0; i < plot->count; i++) draw_series(plot, i, &c);
  draw(&c, "</svg>\n");
  return gan_file_replace(path, c.text, c.used, NULL, 0);
}
