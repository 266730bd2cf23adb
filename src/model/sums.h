/* Sums over a batch: of statistics, losses and gradients, over the parts of a rank and over ranks.
 *
 * Plain sums add up in an order that depends on the number of ranks, and so do their last bits.
 * Order-free ones do not: all ranks agree on a common power-of-two grid for each number (by one
 * reduction of exponents), each part is rounded to it and the integers are added, which is exact.
 * For up to 512 parts the grid of doubles is 2^-52 of the largest part or finer, that of a tensor
 * of floats 2^-50 of its largest number: the rounding to it is far below a float's own, also for
 * numbers a million times smaller than the tensor's largest.
 */
#ifndef GAN_MODEL_SUMS_H
#define GAN_MODEL_SUMS_H

#include "comm/comm.h"

/* Order-free sums; a NULL pointer stands for plain ones. */
typedef struct gan_sums gan_sums;

/* At most `parts` parts of all ranks are added, by `threads` threads. */
GAN_CHECKED gan_status gan_sums_create(int64_t parts, int threads, gan_sums **out);
void gan_sums_destroy(gan_sums **sums);

/* Makes room for gan_sums_doubles of n numbers; not in a step. */
GAN_CHECKED gan_status gan_sums_reserve(gan_sums *sums, int64_t n);

/* totals[k] = the sum of values[p * stride + k] over this rank's `parts` and over the ranks, k < n.
 * Order-free, a sum with an infinity or NaN in it is NaN.  Collective; `what` names it as comm.h
 * wants. */
GAN_CHECKED gan_status gan_sums_doubles(gan_sums *sums, gan_comm *comm, int64_t parts, int64_t n,
                                        int64_t stride, const double *values, double *totals,
                                        const char *what);

/* The same for slabs of floats, `stride` numbers apart, into the first; tensor t of `count` begins
 * at begins[t] (ascending, from 0) and has a grid of its own.  Collective. */
GAN_CHECKED gan_status gan_sums_slab(gan_sums *sums, gan_comm *comm, int64_t parts, int64_t stride,
                                     int count, const int64_t *begins, float *slab,
                                     const char *what);

#endif
