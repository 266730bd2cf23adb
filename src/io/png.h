/* Pictures for people: a grid of samples as one PNG (libpng). */
#ifndef GAN_IO_PNG_H
#define GAN_IO_PNG_H

#include "base/status.h"

#include <stdint.h>

/* n images (N, C, H, W) of floats, of which `low` is shown black and `high` white; C of 1 or 3
 * (others: the first channel).  Tiles stand in a grid of `columns` (0: nearly square) with a gap
 * between them, small images enlarged by a whole factor.  The file is replaced atomically. */
GAN_CHECKED gan_status gan_png_write_grid(const char *path, const float *images, int64_t n,
                                          int64_t c, int64_t h, int64_t w, int64_t columns,
                                          float low, float high);

/* n points (N, 2) as a scatter plot over [low, high] in both directions. */
GAN_CHECKED gan_status gan_png_write_points(const char *path, const float *points, int64_t n,
                                            float low, float high);

/* A picture (height, width, 3) of 8 bits a colour. */
GAN_CHECKED gan_status gan_png_write_rgb(const char *path, unsigned char *pixels, int64_t width,
                                         int64_t height);

#endif
