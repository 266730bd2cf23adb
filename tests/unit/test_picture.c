/* Pictures from outside: PNG made by hand and JPEG made by libjpeg come back as the pixels that
 * went in, damaged ones are refused, and squares are what a picture enlarged beyond all fractions
 * gives. */
#include "base/memory.h"
#include "data/square.h"
#include "io/file.h"
#include "unit/picture_support.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <zlib.h>

static unsigned hash_of(int y, int x, int k) {
  return (unsigned)(((uint64_t)(y * 977 + x * 31 + k * 7 + 1) * 2654435761u) >> 12);
}

/* ---- PNG ---- */

static int bits_now; /* of the PNG that is made */

static unsigned sample(int y, int x, int k) {
  return hash_of(y, x, k) & ((1u << bits_now) - 1);
}

static const struct {
  int kind, bits;
} kinds[] = {{0, 1}, {0, 2}, {0, 4}, {0, 8}, {0, 16}, {2, 8}, {2, 16}, {3, 1}, {3, 4}, {3, 8}};
enum { KINDS = sizeof kinds / sizeof *kinds };

static unsigned char palette[256 * 3];

/* A sample as 8 bits: full scale becomes full scale. */
static int to_byte(unsigned value, int bits) {
  return (int)((value * 255.0) / ((1u << bits) - 1) + 0.5);
}

static int wanted_png(int kind, int bits, int y, int x, int k) {
  if (kind == 3) return palette[3 * sample(y, x, 0) + (unsigned)k];
  return to_byte(sample(y, x, kind == 2 ? k : 0), bits);
}

/* 16 bits may be cut or rounded to 8. */
static void check_png(int kind, int bits, const gan_picture *picture) {
  for (int y = 0, i = 0; y < picture->h; y++)
    for (int x = 0; x < picture->w; x++)
      for (int k = 0; k < 3; k++, i++)
        if (abs(picture->pixels[i] - wanted_png(kind, bits, y, x, k)) > (bits == 16))
          ck_abort_msg("kind %d, %d bits: pixel %d %d %d is %d, not %d", kind, bits, y, x, k,
                       picture->pixels[i], wanted_png(kind, bits, y, x, k));
}

START_TEST(png_of_all_kinds) {
  int kind = kinds[_i % KINDS].kind, bits = kinds[_i % KINDS].bits;
  for (int i = 0; i < 256 * 3; i++) palette[i] = (unsigned char)hash_of(i, 3, 1);
  bits_now = bits;
  for (int size = 1; size < 20; size += 3) {
    unit_png png = {.w = size + 2,
                    .h = size,
                    .kind = kind,
                    .bits = bits,
                    .interlaced = _i >= KINDS,
                    .sample = sample,
                    .palette = kind == 3 ? palette : NULL};
    unit_file file = unit_make_png(&png);
    gan_picture picture;
    check_ok(gan_picture_decode(file.bytes, file.n, 3, &picture));
    ck_assert(picture.w == size + 2 && picture.h == size && picture.c == 3);
    check_png(kind, bits, &picture);
    gan_picture_free(&picture);
    gan_free(&file.bytes);
  }
}
END_TEST

/* Opaque, or transparent over a colour that must not show. */
static unsigned half_there(int y, int x, int k) {
  int last = bits_now; /* the alpha's number */
  return k == last ? (x + y) % 2 * 255u : hash_of(y, x, k) & 255;
}

START_TEST(transparent_is_black) {
  static const int kind_of[] = {4, 6};
  bits_now = _i ? 3 : 1; /* which sample is alpha */
  unit_png png = {.w = 9, .h = 8, .kind = kind_of[_i], .bits = 8, .sample = half_there};
  unit_file file = unit_make_png(&png);
  gan_picture picture;
  check_ok(gan_picture_decode(file.bytes, file.n, 3, &picture));
  for (int y = 0, i = 0; y < 8; y++)
    for (int x = 0; x < 9; x++)
      for (int k = 0; k < 3; k++, i++)
        ck_assert_int_eq(picture.pixels[i], (x + y) % 2 ? (int)half_there(y, x, _i ? k : 0) : 0);
  gan_picture_free(&picture);
  gan_free(&file.bytes);
}
END_TEST

/* ---- JPEG ---- */

/* At quality 100 what the transform and the colour space round; CMYK multiplies two of them. */
static const int JPEG_TOLERANCE = 3;

enum { WIDTH = 37, HEIGHT = 21 };

/* Smooth, so that nothing is lost. */
static unsigned char smooth(int y, int x, int k) {
  return (unsigned char)(40 + 4 * y + 3 * x * (k == 0) + 2 * x * (k == 1) + (k == 2) * (20 + x) +
                         (k == 3) * 80);
}

START_TEST(jpeg_of_all_colours) {
  static const int channels[] = {1, 3, 3, 4, 4};
  unit_jpeg_colours colours = (unit_jpeg_colours)(_i % 5);
  unsigned char in[HEIGHT * WIDTH * 4];
  int c = channels[colours];
  for (int y = 0, i = 0; y < HEIGHT; y++)
    for (int x = 0; x < WIDTH; x++)
      for (int k = 0; k < c; k++) in[i++] = smooth(y, x, k);
  unit_file file = unit_make_jpeg(HEIGHT, WIDTH, colours, _i >= 5, in);
  gan_picture picture;
  check_ok(gan_picture_decode(file.bytes, file.n, 3, &picture));
  ck_assert(picture.w == WIDTH && picture.h == HEIGHT && picture.c == 3);
  for (int y = 0, i = 0; y < HEIGHT; y++)
    for (int x = 0; x < WIDTH; x++)
      for (int k = 0; k < 3; k++, i++) {
        int wanted = smooth(y, x, c == 1 ? 0 : k);
        if (c == 4) wanted = (int)(smooth(y, x, k) * smooth(y, x, 3) / 255.0 + 0.5);
        if (abs(picture.pixels[i] - wanted) > JPEG_TOLERANCE)
          ck_abort_msg("colours %d: pixel %d %d %d is %d, not %d", (int)colours, y, x, k,
                       picture.pixels[i], wanted);
      }
  gan_picture_free(&picture);
  gan_free(&file.bytes);
}
END_TEST

/* ---- both ---- */

static unit_file make_rgb(bool jpeg) {
  static unsigned char in[HEIGHT * WIDTH * 3];
  for (int y = 0, i = 0; y < HEIGHT; y++)
    for (int x = 0; x < WIDTH; x++)
      for (int k = 0; k < 3; k++) in[i++] = smooth(y, x, k);
  bits_now = 8;
  unit_png png = {.w = WIDTH, .h = HEIGHT, .kind = 2, .bits = 8, .sample = sample};
  return jpeg ? unit_make_jpeg(HEIGHT, WIDTH, UNIT_YCC, false, in) : unit_make_png(&png);
}

START_TEST(one_channel_is_luma) {
  unit_file file = make_rgb(_i);
  gan_picture colour, grey;
  check_ok(gan_picture_decode(file.bytes, file.n, 3, &colour));
  check_ok(gan_picture_decode(file.bytes, file.n, 1, &grey));
  ck_assert_int_eq(grey.c, 1);
  for (int i = 0; i < HEIGHT * WIDTH; i++) {
    const uint8_t *p = colour.pixels + 3 * i;
    double wanted = 0.299 * p[0] + 0.587 * p[1] + 0.114 * p[2];
    ck_assert_double_le(wanted - grey.pixels[i], 0.501);
    ck_assert_double_ge(wanted - grey.pixels[i], -0.501);
  }
  gan_picture_free(&colour);
  gan_picture_free(&grey);
  gan_free(&file.bytes);
}
END_TEST

/* Cut off anywhere: an error with the decoder's reason, and no memory left. */
START_TEST(cut_off) {
  unit_file file = make_rgb(_i);
  size_t before = gan_alloc_bytes(), last = file.n - 1;
  gan_picture picture;
  for (size_t n = 0; n <= last; n++) {
    check_fails(gan_picture_decode(file.bytes, n, 3, &picture), GAN_INPUT, n < 3 ? "neither" : "");
    ck_assert_ptr_null(picture.pixels);
  }
  ck_assert_uint_eq(gan_alloc_bytes(), before);
  check_message(_i ? "libjpeg: Premature end" : "libpng: the file ends too soon");
  gan_free(&file.bytes);
}
END_TEST

/* Any byte flipped: refused, or a picture of the same size; never more. */
START_TEST(flipped) {
  unit_file file = make_rgb(_i);
  size_t before = gan_alloc_bytes();
  int refused = 0;
  for (size_t at = 0; at < file.n; at++) {
    gan_picture picture;
    file.bytes[at] ^= 0x41;
    gan_status status = gan_picture_decode(file.bytes, file.n, 3, &picture);
    file.bytes[at] ^= 0x41;
    ck_assert(status == GAN_OK || status == GAN_INPUT);
    refused += status != GAN_OK;
    gan_picture_free(&picture);
  }
  ck_assert_int_gt(refused, 0);
  if (_i == 0) ck_assert_int_eq(refused, (int)file.n); /* PNG has sums of all */
  ck_assert_uint_eq(gan_alloc_bytes(), before);
  gan_free(&file.bytes);
}
END_TEST

/* A header that claims more than anyone has, refused before memory is taken. */
START_TEST(too_large) {
  static const unsigned char sides[] = {0xf0, 0x1f}; /* and again below it */
  unit_file file = make_rgb(_i / 2);
  gan_picture picture;
  if (_i / 2) {
    unsigned char *frame = file.bytes;
    while (frame[0] != 0xff || frame[1] != 0xc0) frame++;
    memset(frame + 5, sides[_i % 2], 4);
  } else {
    memset(file.bytes + 18, sides[_i % 2], 2); /* the lower halves of width and height */
    memset(file.bytes + 22, sides[_i % 2], 2);
    unsigned long sum = crc32(0, file.bytes + 12, 17);
    for (int i = 0; i < 4; i++) file.bytes[29 + i] = (unsigned char)(sum >> (24 - 8 * i));
  }
  uint64_t count = gan_alloc_count();
  gan_status status = gan_picture_decode(file.bytes, file.n, 3, &picture);
  ck_assert_int_eq(status, GAN_INPUT);
  if (_i % 2)
    check_message("7967 x 7967 pixels", "bytes cannot hold");
  else
    check_message("61680 x 61680 pixels", "67108864");
  ck_assert_uint_eq(gan_alloc_count(), count);
  gan_free(&file.bytes);
}
END_TEST

START_TEST(files) {
  unit_file file = make_rgb(false);
  gan_picture picture;
  bool is_picture;
  const char *path = unit_path("a.dat");
  unit_write(path, file.bytes, file.n);
  check_ok(gan_picture_read(path, 3, &is_picture, &picture));
  ck_assert(is_picture && picture.w == WIDTH);
  gan_picture_free(&picture);
  ck_assert_int_eq(symlink(path, unit_path("link")), 0);
  check_ok(gan_picture_read(unit_path("link"), 1, &is_picture, &picture));
  ck_assert(is_picture && picture.c == 1);
  gan_picture_free(&picture);
  unit_write(path, file.bytes, file.n / 2);
  check_fails(gan_picture_read(path, 3, &is_picture, &picture), GAN_INPUT, path, "libpng: ");
  ck_assert(is_picture);
  unit_write(unit_path("text.png"), "no picture at all", 17);
  unit_write(unit_path("empty.png"), "", 0);
  check_ok(gan_folder_make(unit_path("folder.png")));
  static const char *const others[] = {"text.png", "empty.png", "folder.png"};
  for (int i = 0; i < 3; i++) {
    check_ok(gan_picture_read(unit_path("%s", others[i]), 3, &is_picture, &picture));
    ck_assert(!is_picture && !picture.pixels);
  }
  check_fails(gan_picture_read(unit_path("none.png"), 3, &is_picture, &picture), GAN_INPUT,
              "none.png", "No such file");
  ck_assert(!is_picture);
  gan_free(&file.bytes);
}
END_TEST

/* ---- squares ---- */

/* Each pixel `side` times in both directions, then plain means of whole blocks. */
static int by_enlarging(const gan_picture *picture, int side, int i, int j, int k) {
  int64_t from = picture->h < picture->w ? picture->h : picture->w, sum = 0;
  int64_t top = (picture->h - from) / 2, left = (picture->w - from) / 2;
  for (int64_t y = i * from; y < (i + 1) * from; y++)
    for (int64_t x = j * from; x < (j + 1) * from; x++)
      sum += picture->pixels[((top + y / side) * picture->w + left + x / side) * picture->c + k];
  return (int)((double)sum / (double)(from * from) + 0.5);
}

START_TEST(squares) {
  static const int shapes[][3] = {{8, 8, 8},   {8, 8, 4},  {9, 7, 4},  {7, 9, 5}, {20, 31, 7},
                                  {31, 20, 7}, {5, 5, 12}, {3, 40, 8}, {1, 1, 6}, {64, 48, 1}};
  for (size_t s = 0; s < sizeof shapes / sizeof *shapes; s++)
    for (int c = 1; c <= 3; c += 2) {
      uint8_t pixels[64 * 64 * 3], out[12 * 12 * 3];
      int side = shapes[s][2];
      gan_picture picture = {shapes[s][0], shapes[s][1], c, pixels};
      for (int64_t i = 0; i < picture.h * picture.w * c; i++)
        pixels[i] = (uint8_t)hash_of((int)i, 5, c);
      gan_picture_square(&picture, side, out);
      for (int i = 0, at = 0; i < side; i++)
        for (int j = 0; j < side; j++)
          for (int k = 0; k < c; k++, at++)
            if (out[at] != by_enlarging(&picture, side, i, j, k))
              ck_abort_msg("%d x %d to %d: %d %d %d is %d, not %d", shapes[s][0], shapes[s][1],
                           side, i, j, k, out[at], by_enlarging(&picture, side, i, j, k));
    }
}
END_TEST

int main(void) {
  const unit_test tests[] = {
      {png_of_all_kinds, 2 * KINDS},
      {transparent_is_black, 2},
      {jpeg_of_all_colours, 10},
      {one_channel_is_luma, 2},
      {cut_off, 2},
      {flipped, 2},
      {too_large, 4},
      {files, 1},
      {squares, 1},
  };
  return UNIT_MAIN("picture", tests);
}
