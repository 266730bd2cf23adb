/* A picture that is drawn: boxes, lines and letters in colour.  Places are pixels from the upper
 * left corner; what lies outside is left out. */
#ifndef GAN_OUTPUT_CANVAS_H
#define GAN_OUTPUT_CANVAS_H

#include "base/status.h"

#include <stdint.h>

typedef struct gan_canvas {
  int64_t width, height;
  uint8_t *pixels; /* (height, width, 3) */
} gan_canvas;

typedef uint32_t gan_colour; /* 0xRRGGBB */

typedef enum { GAN_TEXT_LEFT, GAN_TEXT_MIDDLE, GAN_TEXT_RIGHT } gan_text_anchor;

/* All white. */
GAN_CHECKED gan_status gan_canvas_create(int64_t width, int64_t height, gan_canvas *out);
void gan_canvas_destroy(gan_canvas *canvas);

/* Columns x..x+width-1 of rows y..y+height-1. */
void gan_canvas_box(gan_canvas *canvas, int64_t x, int64_t y, int64_t width, int64_t height,
                    gan_colour colour);

/* Two pixels thick, ends included. */
void gan_canvas_line(gan_canvas *canvas, int64_t x0, int64_t y0, int64_t x1, int64_t y1,
                     gan_colour colour);

/* A line of letters, of `size` pixels for each of the font's; x is where `anchor` says, y is the
 * upper edge. */
void gan_canvas_text(gan_canvas *canvas, int64_t x, int64_t y, gan_text_anchor anchor, int size,
                     gan_colour colour, const char *text);
int64_t gan_canvas_text_width(int size, const char *text);

/* As PNG.  Replaces `path` whole, or leaves what was there; GAN_OUTPUT. */
GAN_CHECKED gan_status gan_canvas_write(const gan_canvas *canvas, const char *path);

#endif
