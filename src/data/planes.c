#include "data/planes.h"

/* (a, b) to (b, a) */
static void transpose(int64_t a, int64_t b, const float *from, float *to) {
  for (int64_t j = 0; j < b; j++)
    for (int64_t i = 0; i < a; i++) to[j * a + i] = from[i * b + j];
}

void gan_planes_of(int64_t n, int64_t pixels, int64_t c, const float *rows, float *planes) {
  int64_t size = pixels * c;
  for (int64_t i = 0; i < n; i++) transpose(pixels, c, rows + i * size, planes + i * size);
}

void gan_planes_to_rows(int64_t n, int64_t pixels, int64_t c, const float *planes, float *rows) {
  int64_t size = pixels * c;
  for (int64_t i = 0; i < n; i++) transpose(c, pixels, planes + i * size, rows + i * size);
}
