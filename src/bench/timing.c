#include "bench/timing.h"

#include "base/clock.h"

#include <stdlib.h>

static int ascending(const void *a, const void *b) {
  double x = *(const double *)a, y = *(const double *)b;
  return (x > y) - (x < y);
}

/* The number at that part of the way from the least to the greatest. */
static double at_part(const double *sorted, int n, double part) {
  double place = part * (n - 1);
  int below = (int)place, above = below + 1 < n ? below + 1 : below;
  return sorted[below] + (place - below) * (sorted[above] - sorted[below]);
}

gan_quartiles gan_quartiles_of(double *values, int n) {
  qsort(values, (size_t)n, sizeof *values, ascending);
  return (gan_quartiles){at_part(values, n, 0.25), at_part(values, n, 0.5),
                         at_part(values, n, 0.75)};
}

double gan_median(double *values, int n) {
  return gan_quartiles_of(values, n).median;
}

gan_line gan_line_through(const double *x, const double *y, int n) {
  double w = 0, wx = 0, wy = 0, wxx = 0, wxy = 0;
  for (int i = 0; i < n; i++) {
    double weight = 1 / (y[i] * y[i]);
    w += weight;
    wx += weight * x[i];
    wy += weight * y[i];
    wxx += weight * x[i] * x[i];
    wxy += weight * x[i] * y[i];
  }
  double determinant = w * wxx - wx * wx;
  if (n < 2 || !(determinant > 0)) return (gan_line){wy / w, 0};
  return (gan_line){(wxx * wy - wx * wxy) / determinant, (w * wxy - wx * wy) / determinant};
}

gan_status gan_rivals_run(const gan_rival *rivals, int count, int warm, int repeat) {
  for (int i = -warm; i < repeat; i++)
    for (int k = 0; k < count; k++) {
      double start = gan_clock();
      GAN_TRY(rivals[k].run(rivals[k].context));
      if (i >= 0) rivals[k].times[i] = gan_clock() - start;
      if (rivals[k].tidy) rivals[k].tidy(rivals[k].context);
    }
  return GAN_OK;
}
