#include "io/png.h"

#include "base/memory.h"
#include "io/file.h"

#include <math.h>
#include <png.h>
#include <stdbool.h>
#include <string.h>

enum {
  TILE_WANTED = 56, /* images smaller than this are enlarged */
  GRID_MAX = 16384, /* pixels a side; more tiles than fit are left out */
  GAP_GREY = 96,
  PLOT = 512,
};

typedef struct {
  int64_t width, height, channels;
  unsigned char *pixels; /* (height, width, channels) */
} canvas;

/* libpng's simplified API writes 8-bit sRGB; the file itself is written by gan_file_replace. */
static gan_status canvas_save(const canvas *picture, const char *path) {
  png_image image = {.version = PNG_IMAGE_VERSION,
                     .width = (png_uint_32)picture->width,
                     .height = (png_uint_32)picture->height,
                     .format = picture->channels == 3 ? PNG_FORMAT_RGB : PNG_FORMAT_GRAY};
  png_alloc_size_t size = PNG_IMAGE_PNG_SIZE_MAX(image);
  char *bytes = gan_alloc(size, 1, "a picture");
  if (!bytes) return GAN_NO_MEMORY;
  gan_status status;
  if (png_image_write_to_memory(&image, bytes, &size, 0, picture->pixels, 0, NULL))
    status = gan_file_replace(path, bytes, size, NULL, 0);
  else
    status = gan_fail(GAN_INTERNAL, "%s: libpng: %s", path, image.message);
  gan_free(&bytes);
  return status;
}

gan_status gan_png_write_rgb(const char *path, unsigned char *pixels, int64_t width,
                             int64_t height) {
  return canvas_save(&(canvas){.width = width, .height = height, .channels = 3, .pixels = pixels},
                     path);
}

static unsigned char grey(float value, float low, float high) {
  float x = 255.0f * (value - low) / (high - low);
  if (!(x > 0.0f)) return 0; /* NaN too */
  return x < 255.0f ? (unsigned char)(x + 0.5f) : 255;
}

typedef struct {
  int64_t columns, rows, scale, gap;
} grid_plan;

static grid_plan plan_grid(int64_t n, int64_t h, int64_t w, int64_t columns) {
  grid_plan plan = {.scale = 1, .gap = 2};
  if (n < 1) n = 1;
  int64_t side = h > w ? h : w;
  if (side < TILE_WANTED) plan.scale = (TILE_WANTED + side - 1) / side;
  plan.columns = columns ? columns : (int64_t)ceil(sqrt((double)n));
  int64_t most_columns = GRID_MAX / (w * plan.scale + plan.gap);
  int64_t most_rows = GRID_MAX / (h * plan.scale + plan.gap);
  if (plan.columns > most_columns) plan.columns = most_columns > 1 ? most_columns : 1;
  plan.rows = (n + plan.columns - 1) / plan.columns;
  if (plan.rows > most_rows) plan.rows = most_rows > 1 ? most_rows : 1;
  return plan;
}

gan_status gan_png_write_grid(const char *path, const float *images, int64_t n, int64_t c,
                              int64_t h, int64_t w, int64_t columns, float low, float high) {
  grid_plan plan = plan_grid(n, h, w, columns);
  int64_t tile_w = w * plan.scale + plan.gap, tile_h = h * plan.scale + plan.gap;
  canvas picture = {.width = plan.columns * tile_w + plan.gap,
                    .height = plan.rows * tile_h + plan.gap,
                    .channels = c == 3 ? 3 : 1};
  GAN_TRY_ALLOC(picture.pixels, picture.width * picture.height * picture.channels, "a picture");
  memset(picture.pixels, GAP_GREY, (size_t)(picture.width * picture.height * picture.channels));
  int64_t shown = n < plan.rows * plan.columns ? n : plan.rows * plan.columns;
  for (int64_t i = 0; i < shown; i++) {
    int64_t top = plan.gap + i / plan.columns * tile_h, left = plan.gap + i % plan.columns * tile_w;
    for (int64_t y = 0; y < h * plan.scale; y++)
      for (int64_t x = 0; x < w * plan.scale; x++)
        for (int64_t k = 0; k < picture.channels; k++) {
          int64_t from = ((i * c + k) * h + y / plan.scale) * w + x / plan.scale;
          int64_t to = ((top + y) * picture.width + left + x) * picture.channels + k;
          picture.pixels[to] = grey(images[from], low, high);
        }
  }
  gan_status status = canvas_save(&picture, path);
  gan_free(&picture.pixels);
  return status;
}

gan_status gan_png_write_points(const char *path, const float *points, int64_t n, float low,
                                float high) {
  canvas picture = {.width = PLOT, .height = PLOT, .channels = 1};
  GAN_TRY_ALLOC(picture.pixels, PLOT * PLOT, "a picture");
  memset(picture.pixels, 255, PLOT * PLOT);
  for (int64_t i = 0; i < n; i++) {
    float u = (points[2 * i] - low) / (high - low), v = (points[2 * i + 1] - low) / (high - low);
    if (!(u >= 0 && u <= 1 && v >= 0 && v <= 1)) continue;
    int64_t x = (int64_t)(u * (PLOT - 1)), y = (int64_t)((1 - v) * (PLOT - 1));
    for (int64_t dy = -1; dy <= 1; dy++) /* a dot of 3 by 3 */
      for (int64_t dx = -1; dx <= 1; dx++)
        if (x + dx >= 0 && x + dx < PLOT && y + dy >= 0 && y + dy < PLOT)
          picture.pixels[(y + dy) * PLOT + x + dx] = 0;
  }
  gan_status status = canvas_save(&picture, path);
  gan_free(&picture.pixels);
  return status;
}
