/* Measuring: rivals take turns, and a median comes with its quartiles. */
#ifndef GAN_BENCH_TIMING_H
#define GAN_BENCH_TIMING_H

#include "base/status.h"

typedef struct gan_quartiles {
  double low, median, high;
} gan_quartiles;

/* Of n numbers, which are sorted; between two numbers linearly (Hyndman and Fan 1996, type 7). */
gan_quartiles gan_quartiles_of(double *values, int n);

double gan_median(double *values, int n);

/* y = start + slope x through n points, so that the squares of the relative errors are least: small
 * and large times weigh alike. */
typedef struct gan_line {
  double start, slope;
} gan_line;
gan_line gan_line_through(const double *x, const double *y, int n);

/* One of several that are measured in turn, so that a change of the machine's speed meets all. */
typedef struct gan_rival {
  gan_status (*run)(void *context);
  void (*tidy)(void *context); /* after each run, outside its time; may be NULL */
  void *context;
  double *times; /* (repeat) */
} gan_rival;

/* Each `warm` times without, and `repeat` times with the clock. */
GAN_CHECKED gan_status gan_rivals_run(const gan_rival *rivals, int count, int warm, int repeat);

#endif
