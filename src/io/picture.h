/* Pictures that come in: PNG and JPEG, by libpng and libjpeg, known by their first bytes.
 *
 * All kinds of PNG (palette, grey, 16 bits, interlaced) become 8 bits; what is transparent is laid
 * over black.  JPEG may be grey, YCbCr, RGB, or CMYK and YCCK as Adobe writes them.  An orientation
 * in a camera's EXIF data is not looked at.
 */
#ifndef GAN_IO_PICTURE_H
#define GAN_IO_PICTURE_H

#include "base/status.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef struct gan_picture {
  int64_t h, w, c; /* c: 3, or 1: luma by ITU-R BT.601 */
  uint8_t *pixels; /* (H, W, C) */
} gan_picture;

enum {
  GAN_PICTURE_PIXELS_MAX = 1 << 26, /* of a picture; more are refused before memory is taken */
  GAN_PICTURE_BYTES_MAX = 1 << 28,  /* of a file */
};

/* Whether the bytes begin like a picture. */
bool gan_picture_is(const void *bytes, size_t n);

/* Decodes a picture in memory.  GAN_INPUT with the decoder's reason: damaged, cut off, too large,
 * or no picture. */
GAN_CHECKED gan_status gan_picture_decode(const void *bytes, size_t n, int64_t channels,
                                          gan_picture *out);

/* Reads a file.  *is_picture = whether it is a regular file that begins like a picture; if not,
 * there is nothing in `out`.  GAN_INPUT naming the file, with the reason: of a picture that it is
 * damaged, of any other that it cannot be opened. */
GAN_CHECKED gan_status gan_picture_read(const char *path, int64_t channels, bool *is_picture,
                                        gan_picture *out);

void gan_picture_free(gan_picture *picture);

#endif
