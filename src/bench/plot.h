/* A plot as SVG: series of points over a number of ranks or nodes, on a doubling axis. */
#ifndef GAN_BENCH_PLOT_H
#define GAN_BENCH_PLOT_H

#include "base/status.h"

enum { GAN_SERIES_MAX = 6, GAN_POINTS_MAX = 32 };

typedef struct gan_series {
  const char *name;
  double x[GAN_POINTS_MAX], y[GAN_POINTS_MAX];
  int count;
} gan_series;

typedef struct gan_plot {
  const char *title, *x_title, *y_title;
  gan_series series[GAN_SERIES_MAX];
  int count;
} gan_plot;

/* One more point, x at least 1; those beyond the room are left out. */
void gan_series_add(gan_series *series, double x, double y);

/* y from 0 to 1 or more.  Replaces `path` whole, or leaves what was there; GAN_OUTPUT. */
GAN_CHECKED gan_status gan_plot_write(const gan_plot *plot, const char *path);

#endif
