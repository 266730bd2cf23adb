/* Pictures: whatever the bytes, a refusal with a reason or a picture of the size that it says; its
 * luma is that of its colours, and a square of it holds nothing darker or lighter.
 *
 * Input: a byte k; the file, of which a square of side k mod 16 + 1 is cut.
 */
#include "data/square.h"
#include "fuzz/fuzz.h"

enum { SIDE_MAX = 16, SQUARE_PIXELS = 1 << 16, PIXELS_A_BYTE = 8256 };

static bool decode(fuzz_bytes file, int64_t channels, gan_picture *out) {
  bool fine = fuzz_accepted(gan_picture_decode(file.at, file.n, channels, out), GAN_INPUT, "");
  FUZZ_CHECK(fine == (out->pixels != NULL), "pixels without a picture");
  if (!fine) return false;
  FUZZ_CHECK(gan_picture_is(file.at, file.n), "it does not begin like a picture");
  FUZZ_CHECK(out->h > 0 && out->w > 0 && out->c == channels, "another shape");
  FUZZ_CHECK((uint64_t)(out->h * out->w) <= (uint64_t)PIXELS_A_BYTE * file.n, "too many pixels");
  return true;
}

static void check_luma(const gan_picture *colour, const gan_picture *grey) {
  FUZZ_CHECK(colour->h == grey->h && colour->w == grey->w, "another size");
  for (int64_t i = 0; i < grey->h * grey->w; i++) {
    const uint8_t *p = colour->pixels + 3 * i;
    double off = 0.299 * p[0] + 0.587 * p[1] + 0.114 * p[2] - grey->pixels[i];
    FUZZ_CHECK(off < 0.51 && off > -0.51, "pixel %lld is %d", (long long)i, grey->pixels[i]);
  }
}

static void check_square(const gan_picture *grey, int64_t side) {
  uint8_t square[SIDE_MAX * SIDE_MAX], low = UINT8_MAX, high = 0;
  for (int64_t i = 0; i < grey->h * grey->w; i++) {
    if (grey->pixels[i] < low) low = grey->pixels[i];
    if (grey->pixels[i] > high) high = grey->pixels[i];
  }
  gan_picture_square(grey, side, square);
  for (int64_t i = 0; i < side * side; i++)
    FUZZ_CHECK(square[i] >= low && square[i] <= high, "%d of %d to %d", square[i], low, high);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n) {
  size_t before = gan_alloc_bytes();
  fuzz_bytes file = {bytes, n};
  fuzz_cut(&file, 0);
  gan_picture colour, grey;
  bool fine = decode(file, 3, &colour);
  FUZZ_CHECK(decode(file, 1, &grey) == fine, "accepted once only");
  if (fine && colour.h * colour.w <= SQUARE_PIXELS) {
    check_luma(&colour, &grey);
    check_square(&grey, *bytes % SIDE_MAX + 1);
  }
  gan_picture_free(&colour);
  gan_picture_free(&grey);
  fuzz_check_freed(before);
  return 0;
}
