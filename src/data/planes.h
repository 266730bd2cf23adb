/* The two orders of images' numbers: channels last, as networks and sources have them, and a plane
 * a channel, as files and PyTorch do. */
#ifndef GAN_DATA_PLANES_H
#define GAN_DATA_PLANES_H

#include <stdint.h>

/* n images (N, pixels, C) to (N, C, pixels), and back; not in place. */
void gan_planes_of(int64_t n, int64_t pixels, int64_t c, const float *rows, float *planes);
void gan_planes_to_rows(int64_t n, int64_t pixels, int64_t c, const float *planes, float *rows);

#endif
