/* A pass that memory alone holds up: what bandwidth is measured with (after McCalpin's STREAM). */
#ifndef GAN_KERNELS_TRIAD_H
#define GAN_KERNELS_TRIAD_H

#include <stdint.h>

/* Bytes that a number of gan_triad moves: two are read and one is written, in place, so that no
 * store fetches first what it overwrites. */
enum { GAN_TRIAD_BYTES = 12 };

/* a += s b over n numbers, on so many threads. */
void gan_triad(int64_t n, float s, const float *b, float *a, int threads);

#endif
