/* Numbers on a common power-of-two grid, so that their sum as 64-bit integers is exact, and thus
 * the same in any order (Demmel and Nguyen, "Parallel reproducible summation", 2015, with one bin).
 *
 * Floats below 2^e in magnitude are rounded to multiples of 2^(e - 51); 2^11 of them add up without
 * overflow. */
#ifndef GAN_KERNELS_GRID_H
#define GAN_KERNELS_GRID_H

#include <stdint.h>

enum { GAN_GRID_BITS = 51, GAN_GRID_SUM_BITS = 62 };

/* The largest magnitude of n floats, as its bits: ordered as the magnitudes are, infinity and NaN
 * above all numbers. */
int32_t gan_grid_largest(int64_t n, const float *x);

/* The least e with |x| < 2^e for numbers up to that magnitude, at least -125, which serves zeros
 * and subnormal numbers too; INT32_MAX for infinity and NaN. */
int32_t gan_grid_exponent(int32_t largest);

/* q = the sum over `parts` slabs, `stride` floats apart, of x * scale, each rounded to an integer.
 * scale is a power of two with |x * scale| <= 2^GAN_GRID_BITS. */
void gan_grid_round(int64_t n, int64_t parts, int64_t stride, double scale, const float *x,
                    int64_t *q);

/* x = q * unit, rounded once to double and once to float. */
void gan_grid_value(int64_t n, double unit, const int64_t *q, float *x);

#endif
