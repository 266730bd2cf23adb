/* Small multiples: charts that show the same two lines over a band, side by side in one PNG. */
#ifndef GAN_OUTPUT_CHARTS_H
#define GAN_OUTPUT_CHARTS_H

#include "base/status.h"

#include <stdbool.h>
#include <stdint.h>

enum { GAN_CHART_LINES = 2, GAN_CHARTS_MOST = 12 };

typedef struct gan_chart {
  const char *title, *x_title;
  int64_t n;                            /* places along x, at least 1 */
  double first, step;                   /* x of the first, and above 0 between two */
  const double *low, *high;             /* (n) the band; borrowed, as are the lines */
  const double *lines[GAN_CHART_LINES]; /* (n) each; the last is drawn on top */
  bool logarithmic; /* y by powers of ten; what is not above 0 lies on the lower edge */
  bool separate;    /* places have nothing between them: a bar and two marks each */
} gan_chart;

typedef struct gan_charts {
  const char *title, *band, *lines[GAN_CHART_LINES]; /* what they are called */
  gan_chart charts[GAN_CHARTS_MOST];
  int count, columns;
} gan_charts;

/* Replaces `path` whole, or leaves what was there; GAN_OUTPUT. */
GAN_CHECKED gan_status gan_charts_write(const gan_charts *charts, const char *path);

#endif
