/* Pictures for tests: PNG written by hand (zlib packs and sums, nothing of libpng), JPEG by
 * libjpeg. */
#ifndef GAN_TESTS_UNIT_PICTURE_SUPPORT_H
#define GAN_TESTS_UNIT_PICTURE_SUPPORT_H

#include "unit/support.h"

typedef struct unit_file {
  unsigned char *bytes; /* to be freed with gan_free */
  size_t n;
} unit_file;

typedef struct unit_png {
  int w, h;
  int kind; /* PNG's colour type: 0 grey, 2 RGB, 3 palette, 4 grey and alpha, 6 RGB and alpha */
  int bits; /* of a sample */
  bool interlaced;
  /* Sample k of a pixel, below 2^bits. */
  unsigned (*sample)(int y, int x, int k);
  const unsigned char *palette; /* (2^bits, 3) */
} unit_png;

unit_file unit_make_png(const unit_png *png);

/* libjpeg's colour spaces; the pixels are in `in`, (H, W, its channels). */
typedef enum { UNIT_GREY, UNIT_RGB, UNIT_YCC, UNIT_CMYK, UNIT_YCCK } unit_jpeg_colours;
unit_file unit_make_jpeg(int h, int w, unit_jpeg_colours colours, bool progressive,
                         const unsigned char *in);

#endif
