#include "output/canvas.h"

#include "base/memory.h"
#include "io/png.h"
#include "output/font.h"

#include <stdlib.h>
#include <string.h>

enum { CHANNELS = 3, LETTER = GAN_FONT_COLUMNS + 1, THICK = 2 };

gan_status gan_canvas_create(int64_t width, int64_t height, gan_canvas *out) {
  *out = (gan_canvas){.width = width, .height = height};
  GAN_TRY_ALLOC(out->pixels, width * height * CHANNELS, "a picture");
  memset(out->pixels, 0xff, (size_t)(width * height * CHANNELS));
  return GAN_OK;
}

void gan_canvas_destroy(gan_canvas *canvas) {
  gan_free(&canvas->pixels);
}

static void put(gan_canvas *canvas, int64_t x, int64_t y, gan_colour colour) {
  if (x < 0 || y < 0 || x >= canvas->width || y >= canvas->height) return;
  uint8_t *pixel = canvas->pixels + (y * canvas->width + x) * CHANNELS;
  for (int k = 0; k < CHANNELS; k++) pixel[k] = (uint8_t)(colour >> 8 * (CHANNELS - 1 - k));
}

void gan_canvas_box(gan_canvas *canvas, int64_t x, int64_t y, int64_t width, int64_t height,
                    gan_colour colour) {
  for (int64_t i = 0; i < height; i++)
    for (int64_t j = 0; j < width; j++) put(canvas, x + j, y + i, colour);
}

/* As many squares as it is pixels long, in its longer direction. */
void gan_canvas_line(gan_canvas *canvas, int64_t x0, int64_t y0, int64_t x1, int64_t y1,
                     gan_colour colour) {
  int64_t dx = x1 - x0, dy = y1 - y0, steps = llabs(dx) > llabs(dy) ? llabs(dx) : llabs(dy);
  for (int64_t i = 0; i <= steps; i++) {
    int64_t x = x0 + (steps ? dx * i / steps : 0), y = y0 + (steps ? dy * i / steps : 0);
    gan_canvas_box(canvas, x, y, THICK, THICK, colour);
  }
}

int64_t gan_canvas_text_width(int size, const char *text) {
  return size * ((int64_t)strlen(text) * LETTER - (*text ? 1 : 0));
}

static void put_letter(gan_canvas *canvas, int64_t x, int64_t y, int size, gan_colour colour,
                       char letter) {
  const uint8_t *rows = gan_font_rows(letter);
  for (int i = 0; i < GAN_FONT_ROWS; i++)
    for (int j = 0; j < GAN_FONT_COLUMNS; j++)
      if (rows[i] >> (GAN_FONT_COLUMNS - 1 - j) & 1)
        gan_canvas_box(canvas, x + j * size, y + i * size, size, size, colour);
}

void gan_canvas_text(gan_canvas *canvas, int64_t x, int64_t y, gan_text_anchor anchor, int size,
                     gan_colour colour, const char *text) {
  int64_t width = gan_canvas_text_width(size, text);
  x -= anchor == GAN_TEXT_RIGHT ? width : anchor == GAN_TEXT_MIDDLE ? width / 2 : 0;
  for (; *text; text++, x += (int64_t)size * LETTER) put_letter(canvas, x, y, size, colour, *text);
}

gan_status gan_canvas_write(const gan_canvas *canvas, const char *path) {
  return gan_png_write_rgb(path, canvas->pixels, canvas->width, canvas->height);
}
