/* Batch normalisation over (rows, c), in pieces: column sums that ranks can add, and the pointwise
 * passes around them (Ioffe and Szegedy 2015, algorithm 1).  Sums are in double, rows in order. */
#ifndef GAN_KERNELS_NORMALISE_H
#define GAN_KERNELS_NORMALISE_H

#include <stdint.h>

/* sum[k] = sum over rows of (x - shift[k]), square[k] = ... of (x - shift[k])^2. */
void gan_column_moments(int64_t rows, int64_t c, const float *x, const float *shift, double *sum,
                        double *square);

/* Mean and (biased) variance of n values from such sums of one column. */
typedef struct gan_moments {
  double mean, variance;
} gan_moments;

gan_moments gan_moments_of(double n, double shift, double sum, double square);

/* out[k] = sums[k] (+ out[k] where accumulate): the gradient of a scale or a bias. */
void gan_take_sums(int64_t c, int accumulate, const double *sums, float *out);

/* y = (x - mean) * inverse_deviation * scale + bias, column by column. */
void gan_normalise(int64_t rows, int64_t c, const float *x, const float *mean,
                   const float *inverse_deviation, const float *scale, const float *bias, float *y);

/* sum[k] = sum over rows of dy, product[k] = ... of dy * xhat, xhat = (x - mean) * inv. dev. */
void gan_normalise_backward_sums(int64_t rows, int64_t c, const float *x, const float *dy,
                                 const float *mean, const float *inverse_deviation, double *sum,
                                 double *product);

/* dx = scale * inverse_deviation * (dy - mean_dy - xhat * mean_product); dx may be dy.  The means
 * are the sums above, of all ranks, over the global number of rows. */
void gan_normalise_backward(int64_t rows, int64_t c, const float *x, const float *dy,
                            const float *mean, const float *inverse_deviation, const float *scale,
                            const float *mean_dy, const float *mean_product, float *dx);

/* out[k] = sum over rows of x (+ out[k] where accumulate): the gradient of a bias. */
void gan_column_sums(int64_t rows, int64_t c, const float *x, int accumulate, float *out);

#endif
