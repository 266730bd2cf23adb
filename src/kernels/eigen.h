/* The symmetric eigenproblem in double, for statistics: LAPACK's divide and conquer (dsyevd), which
 * OpenBLAS brings.
 *
 * Local.  Both fail with GAN_NUMBERS where a number of the matrix is not finite or LAPACK does not
 * converge, and with GAN_NO_MEMORY where there is no room for about 2 n^2 numbers more. */
#ifndef GAN_KERNELS_EIGEN_H
#define GAN_KERNELS_EIGEN_H

#include "base/status.h"

#include <stdint.h>

/* a (n, n), symmetric, becomes its eigenvectors: row i is the unit vector to values[i]; the values
 * (n) ascend.  The largest component of each vector is positive, so that signs do not hang on the
 * library. */
GAN_CHECKED gan_status gan_eigen_symmetric(int64_t n, double *a, double *values);

/* The values alone; a is lost. */
GAN_CHECKED gan_status gan_eigen_values(int64_t n, double *a, double *values);

#endif
