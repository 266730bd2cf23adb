/* Sums of a row in double, and its largest number, for kernels to take in: in lanes that the
 * compiler keeps in registers, then the lanes in order, so that every instruction set gives the
 * same bits. */
#ifndef GAN_KERNELS_LANES_H
#define GAN_KERNELS_LANES_H

#include "kernels/dispatch.h"

#include <stdint.h>

enum { GAN_LANES = 16 };

GAN_INLINE double gan_lanes_total(const double lanes[GAN_LANES]) {
  double total = 0;
  for (int k = 0; k < GAN_LANES; k++) total += lanes[k];
  return total;
}

GAN_INLINE double gan_lanes_sum(int64_t n, const float *x) {
  double lanes[GAN_LANES] = {0};
  int64_t whole = n - n % GAN_LANES;
  for (int64_t i = 0; i < whole; i += GAN_LANES)
    for (int k = 0; k < GAN_LANES; k++) lanes[k] += (double)x[i + k];
  for (int64_t i = whole; i < n; i++) lanes[i - whole] += (double)x[i];
  return gan_lanes_total(lanes);
}

/* Of (a - shift) (b - shift). */
GAN_INLINE double gan_lanes_products(int64_t n, const float *a, const float *b, double shift) {
  double lanes[GAN_LANES] = {0};
  int64_t whole = n - n % GAN_LANES;
  for (int64_t i = 0; i < whole; i += GAN_LANES)
    for (int k = 0; k < GAN_LANES; k++)
      lanes[k] += ((double)a[i + k] - shift) * ((double)b[i + k] - shift);
  for (int64_t i = whole; i < n; i++)
    lanes[i - whole] += ((double)a[i] - shift) * ((double)b[i] - shift);
  return gan_lanes_total(lanes);
}

/* The largest; NaN is passed over, unless it is the first. */
GAN_INLINE float gan_lanes_largest(int64_t n, const float *x) {
  float lanes[GAN_LANES];
  int64_t whole = n - n % GAN_LANES;
  for (int k = 0; k < GAN_LANES; k++) lanes[k] = x[0];
  for (int64_t i = 0; i < whole; i += GAN_LANES)
    for (int k = 0; k < GAN_LANES; k++) lanes[k] = x[i + k] > lanes[k] ? x[i + k] : lanes[k];
  for (int64_t i = whole; i < n; i++) lanes[0] = x[i] > lanes[0] ? x[i] : lanes[0];
  for (int k = 1; k < GAN_LANES; k++) lanes[0] = lanes[k] > lanes[0] ? lanes[k] : lanes[0];
  return lanes[0];
}

#endif
