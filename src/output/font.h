/* Letters for pictures: five pixels wide, for the signs of ASCII. */
#ifndef GAN_OUTPUT_FONT_H
#define GAN_OUTPUT_FONT_H

#include <stdint.h>

enum { GAN_FONT_COLUMNS = 5, GAN_FONT_ROWS = 8 };

/* The rows of a letter, from top to bottom; bit 4 is the leftmost pixel.  A question mark where the
 * sign is not of ASCII. */
const uint8_t *gan_font_rows(char letter);

#endif
