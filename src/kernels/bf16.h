/* bfloat16: the upper half of a float, 8 bits of precision; what products may take in place of
 * floats. */
#ifndef GAN_KERNELS_BF16_H
#define GAN_KERNELS_BF16_H

#include <stdint.h>

typedef uint16_t gan_bf16;

/* The nearest, ties to even; what is no number stays so. */
void gan_bf16_round(int64_t n, const float *x, gan_bf16 *y);

/* The float of the same value. */
void gan_bf16_widen(int64_t n, const gan_bf16 *x, float *y);

#endif
