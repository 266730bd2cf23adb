#include "kernels/grid.h"

#include "kernels/dispatch.h"

#include <string.h>

GAN_KERNEL int32_t gan_grid_largest(int64_t n, const float *x) {
  int32_t largest = 0;
  for (int64_t i = 0; i < n; i++) {
    int32_t bits;
    memcpy(&bits, &x[i], sizeof bits);
    bits &= INT32_MAX;
    largest = bits > largest ? bits : largest;
  }
  return largest;
}

int32_t gan_grid_exponent(int32_t largest) {
  int32_t biased = largest >> 23;
  if (biased == 255) return INT32_MAX;
  if (biased == 0) biased = 1; /* below the normal numbers: as the least of them */
  return biased - 126;
}

/* Adding 1.5 * 2^52 rounds a double below 2^51 to an integer, which then stands in its last bits:
 * unlike a conversion, every instruction set has that for vectors.  Blocks stay in the first cache
 * while the parts pass by. */
GAN_KERNEL void gan_grid_round(int64_t n, int64_t parts, int64_t stride, double scale,
                               const float *x, int64_t *q) {
  enum { BLOCK = 1024 };
  const double magic = 0x1.8p52;
  int64_t magic_bits;
  memcpy(&magic_bits, &magic, sizeof magic_bits);
  for (int64_t i0 = 0; i0 < n; i0 += BLOCK) {
    int64_t end = n - i0 < BLOCK ? n : i0 + BLOCK;
    for (int64_t i = i0; i < end; i++) q[i] = 0;
    for (int64_t p = 0; p < parts; p++) {
      const float *part = x + p * stride;
      for (int64_t i = i0; i < end; i++) {
        double rounded = (double)part[i] * scale + magic;
        int64_t bits;
        memcpy(&bits, &rounded, sizeof bits);
        q[i] += bits - magic_bits;
      }
    }
  }
}

GAN_KERNEL void gan_grid_value(int64_t n, double unit, const int64_t *q, float *x) {
  for (int64_t i = 0; i < n; i++) x[i] = (float)((double)q[i] * unit);
}
