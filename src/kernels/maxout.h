/* The largest of each unit's pieces (Goodfellow et al. 2013). */
#ifndef GAN_KERNELS_MAXOUT_H
#define GAN_KERNELS_MAXOUT_H

#include <stdint.h>

enum { GAN_MAXOUT_PIECES_MAX = 256 };

/* y (rows, units) from z (rows, units, pieces); of equal ones the first; NaN counts as larger than
 * all.  from (rows, units): which piece it was. */
void gan_maxout(int64_t rows, int64_t units, int64_t pieces, const float *z, float *y,
                uint8_t *from);
/* y (rows, units) from z: the pieces that `from` names. */
void gan_maxout_choose(int64_t rows, int64_t units, int64_t pieces, const uint8_t *from,
                       const float *z, float *y);
void gan_maxout_backward(int64_t rows, int64_t units, int64_t pieces, const uint8_t *from,
                         const float *dy, float *dz);

#endif
