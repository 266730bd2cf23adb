#include "data/square.h"

/* New pixel i covers the units [i * from, (i + 1) * from), where an old pixel is `to` units wide.
 */
typedef struct {
  int64_t first, end; /* the old pixels that it touches */
  int64_t begin, from, to;
} cover;

static cover cover_of(int64_t i, int64_t from, int64_t to) {
  int64_t begin = i * from;
  return (cover){begin / to, (begin + from + to - 1) / to, begin, from, to};
}

/* How many units of the old pixel it covers. */
static uint64_t weight(const cover *c, int64_t pixel) {
  int64_t begin = pixel * c->to, end = begin + c->to;
  if (begin < c->begin) begin = c->begin;
  if (end > c->begin + c->from) end = c->begin + c->from;
  return (uint64_t)(end - begin);
}

void gan_picture_square(const gan_picture *picture, int64_t side, uint8_t *out) {
  int64_t from = picture->h < picture->w ? picture->h : picture->w, c = picture->c;
  int64_t top = (picture->h - from) / 2, left = (picture->w - from) / 2;
  uint64_t area = (uint64_t)from * (uint64_t)from; /* below 2^26, so sums stay below 2^34 */
  for (int64_t i = 0; i < side; i++) {
    cover rows = cover_of(i, from, side);
    for (int64_t j = 0; j < side; j++) {
      cover columns = cover_of(j, from, side);
      uint64_t sums[3] = {0};
      for (int64_t y = rows.first; y < rows.end; y++) {
        const uint8_t *row = picture->pixels + ((top + y) * picture->w + left) * c;
        uint64_t down = weight(&rows, y);
        for (int64_t x = columns.first; x < columns.end; x++) {
          uint64_t units = down * weight(&columns, x);
          for (int64_t k = 0; k < c; k++) sums[k] += units * row[x * c + k];
        }
      }
      for (int64_t k = 0; k < c; k++) *out++ = (uint8_t)((sums[k] + area / 2) / area);
    }
  }
}
