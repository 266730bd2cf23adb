/* Softmax of rows (rows, n), and its way back.  Sums are in double, in a fixed order. */
#ifndef GAN_KERNELS_SOFTMAX_H
#define GAN_KERNELS_SOFTMAX_H

#include <stdint.h>

/* x = exp(x - m) / sum of exp(x - m), row by row, m the row's largest; a NaN makes its row NaN. */
void gan_softmax(int64_t rows, int64_t n, float *x);

/* From y, a softmax, and dy: dy becomes factor * y (dy - sum of y dy), the gradient of what went
 * in, times a factor.  Gives the sum of y dy over all rows. */
double gan_softmax_backward(int64_t rows, int64_t n, float factor, const float *y, float *dy);

#endif
