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
