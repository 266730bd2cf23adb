#include "kernels/bf16.h"

#include "base/blocks.h"
#include "kernels/dispatch.h"

#include <string.h>

GAN_KERNEL static void round_block(int64_t n, const float *restrict x, gan_bf16 *restrict y) {
  for (int64_t i = 0; i < n; i++) {
    uint32_t bits;
    memcpy(&bits, &x[i], sizeof bits);
    uint32_t even = (bits >> 16) & 1, rounded = (bits + 0x7fff + even) >> 16;
    /* A NaN whose payload is in the lower half alone would become infinite, or carry over. */
    uint32_t nan = bits >> 16 | 0x40;
    y[i] = (gan_bf16)((bits & 0x7fffffff) > 0x7f800000 ? nan : rounded);
  }
}

void gan_bf16_round(int64_t n, const float *x, gan_bf16 *y) {
  GAN_FOR_BLOCKS(i, count, n, 1, round_block(count, x + i, y + i));
}

GAN_KERNEL void gan_bf16_widen(int64_t n, const gan_bf16 *restrict x, float *restrict y) {
  for (int64_t i = 0; i < n; i++) {
    uint32_t bits = (uint32_t)x[i] << 16;
    memcpy(&y[i], &bits, sizeof bits);
  }
}
