/* A picture of any shape as a square of a fixed size. */
#ifndef GAN_DATA_SQUARE_H
#define GAN_DATA_SQUARE_H

#include "io/picture.h"

/* The largest square in the middle of the picture (towards its upper left where the middle is half
 * a pixel), as (side, side, C) in `out`: its shorter side becomes `side`, then what stands out at
 * both ends is cut off.  Each new pixel is the mean of the area that it covers, parts of pixels by
 * their part: a box filter, which does not alias.  Exact integers, rounded once, so the same bytes
 * everywhere.  A picture smaller than `side` is enlarged by the same rule. */
void gan_picture_square(const gan_picture *picture, int64_t side, uint8_t *out);

#endif
