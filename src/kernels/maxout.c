#include "kernels/maxout.h"

#include "base/blocks.h"
#include "kernels/dispatch.h"

#include <string.h>

GAN_KERNEL static void maxout_block(int64_t units, int64_t pieces, const float *restrict z,
                                    float *restrict y, uint8_t *restrict from) {
  for (int64_t u = 0; u < units; u++, z += pieces) {
    float most = z[0];
    int64_t at = 0;
    for (int64_t k = 1; k < pieces; k++) {
      int larger = (z[k] > most) | (z[k] != z[k]); /* NaN differs from itself */
      most = larger ? z[k] : most;
      at = larger ? k : at;
    }
    y[u] = most;
    from[u] = (uint8_t)at;
  }
}

void gan_maxout(int64_t rows, int64_t units, int64_t pieces, const float *z, float *y,
                uint8_t *from) {
  GAN_FOR_BLOCKS(i, count, rows * units, pieces,
                 maxout_block(count, pieces, z + i * pieces, y + i, from + i));
}

static void choose_block(int64_t units, int64_t pieces, const uint8_t *from, const float *z,
                         float *y) {
  for (int64_t u = 0; u < units; u++) y[u] = z[u * pieces + from[u]];
}

void gan_maxout_choose(int64_t rows, int64_t units, int64_t pieces, const uint8_t *from,
                       const float *z, float *y) {
  GAN_FOR_BLOCKS(i, count, rows * units, pieces,
                 choose_block(count, pieces, from + i, z + i * pieces, y + i));
}

static void backward_block(int64_t units, int64_t pieces, const uint8_t *from, const float *dy,
                           float *dz) {
  memset(dz, 0, (size_t)(units * pieces) * sizeof *dz);
  for (int64_t u = 0; u < units; u++) dz[u * pieces + from[u]] = dy[u];
}

void gan_maxout_backward(int64_t rows, int64_t units, int64_t pieces, const uint8_t *from,
                         const float *dy, float *dz) {
  GAN_FOR_BLOCKS(i, count, rows * units, pieces,
                 backward_block(count, pieces, from + i, dy + i, dz + i * pieces));
}
