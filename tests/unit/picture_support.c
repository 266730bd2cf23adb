#include "unit/picture_support.h"

#include "base/memory.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <zlib.h>

#include <jpeglib.h>

/* ---- PNG (ISO/IEC 15948) ---- */

static int samples_of(int kind) {
  return kind == 2 ? 3 : kind == 4 ? 2 : kind == 6 ? 4 : 1;
}

static void put32(unsigned char *at, unsigned long x) {
  for (int i = 0; i < 4; i++) at[i] = (unsigned char)(x >> (24 - 8 * i));
}

static void put_chunk(unit_file *file, const char *type, const void *data, size_t n) {
  unsigned char *at = file->bytes + file->n;
  put32(at, n);
  memcpy(at + 4, type, 4);
  if (n) memcpy(at + 8, data, n);
  put32(at + 8 + n, crc32(0, at + 4, (uInt)n + 4));
  file->n += n + 12;
}

/* Every dx-th pixel of every dy-th row, from (y0, x0) on; each row behind a filter byte of 0. */
static unsigned char *put_pass(const unit_png *png, unsigned char *at, int y0, int x0, int dy,
                               int dx) {
  int samples = samples_of(png->kind);
  if (x0 >= png->w) return at;
  for (int y = y0; y < png->h; y += dy) {
    *at++ = 0;
    unsigned bit = 0;
    for (int x = x0; x < png->w; x += dx)
      for (int k = 0; k < samples; k++) {
        unsigned value = png->sample(y, x, k);
        if (png->bits == 16) *at++ = (unsigned char)(value >> 8);
        if (png->bits >= 8) {
          *at++ = (unsigned char)value;
          continue;
        }
        if (bit == 0) *at = 0;
        bit += (unsigned)png->bits;
        *at |= (unsigned char)(value << (8 - bit));
        if (bit == 8) {
          bit = 0;
          at++;
        }
      }
    if (bit) at++;
  }
  return at;
}

unit_file unit_make_png(const unit_png *png) {
  static const int adam7[7][4] = {{0, 0, 8, 8}, {0, 4, 8, 8}, {4, 0, 8, 4}, {0, 2, 4, 4},
                                  {2, 0, 4, 2}, {0, 1, 2, 2}, {1, 0, 2, 1}};
  size_t room = (size_t)png->h * ((size_t)png->w * 8 + 16) + 1000;
  unsigned char *raw = gan_alloc(room, 1, "pixels"), *at = raw, header[13] = {0};
  uLongf packed_n = compressBound((uLong)room);
  unsigned char *packed = gan_alloc(packed_n, 1, "a PNG");
  unit_file file = {gan_alloc(packed_n + 2000, 1, "a PNG"), 8};
  ck_assert(raw && packed && file.bytes);
  if (png->interlaced)
    for (int i = 0; i < 7; i++)
      at = put_pass(png, at, adam7[i][0], adam7[i][1], adam7[i][2], adam7[i][3]);
  else
    at = put_pass(png, at, 0, 0, 1, 1);
  ck_assert_int_eq(compress(packed, &packed_n, raw, (uLong)(at - raw)), Z_OK);
  memcpy(file.bytes, "\x89PNG\r\n\x1a\n", 8);
  put32(header, (unsigned long)png->w);
  put32(header + 4, (unsigned long)png->h);
  header[8] = (unsigned char)png->bits;
  header[9] = (unsigned char)png->kind;
  header[12] = png->interlaced;
  put_chunk(&file, "IHDR", header, sizeof header);
  if (png->palette) put_chunk(&file, "PLTE", png->palette, (size_t)3 << png->bits);
  put_chunk(&file, "IDAT", packed, packed_n);
  put_chunk(&file, "IEND", NULL, 0);
  gan_free(&raw);
  gan_free(&packed);
  return file;
}

/* ---- JPEG ---- */

unit_file unit_make_jpeg(int h, int w, unit_jpeg_colours colours, bool progressive,
                         const unsigned char *in) {
  static const J_COLOR_SPACE from[] = {JCS_GRAYSCALE, JCS_RGB, JCS_RGB, JCS_CMYK, JCS_CMYK};
  static const J_COLOR_SPACE to[] = {JCS_GRAYSCALE, JCS_RGB, JCS_YCbCr, JCS_CMYK, JCS_YCCK};
  static const int channels[] = {1, 3, 3, 4, 4};
  struct jpeg_compress_struct library;
  struct jpeg_error_mgr errors;
  unsigned char *bytes = NULL;
  unsigned long n = 0;
  library.err = jpeg_std_error(&errors);
  jpeg_create_compress(&library);
  jpeg_mem_dest(&library, &bytes, &n);
  library.image_width = (JDIMENSION)w;
  library.image_height = (JDIMENSION)h;
  library.input_components = channels[colours];
  library.in_color_space = from[colours];
  jpeg_set_defaults(&library);
  jpeg_set_colorspace(&library, to[colours]);
  jpeg_set_quality(&library, 100, TRUE);
  for (int i = 0; i < library.num_components; i++)
    library.comp_info[i].h_samp_factor = library.comp_info[i].v_samp_factor = 1;
  if (progressive) jpeg_simple_progression(&library);
  jpeg_start_compress(&library, TRUE);
  while (library.next_scanline < library.image_height) {
    JSAMPROW row = (JSAMPROW)(uintptr_t)(in + (size_t)library.next_scanline * (size_t)w *
                                                  (size_t)channels[colours]);
    jpeg_write_scanlines(&library, &row, 1);
  }
  jpeg_finish_compress(&library);
  jpeg_destroy_compress(&library);
  unit_file file = {gan_alloc(n, 1, "a JPEG"), n};
  ck_assert_ptr_nonnull(file.bytes);
  memcpy(file.bytes, bytes, n);
  free(bytes);
  return file;
}
