#include "kernels/convolution.h"

#include "base/blocks.h"
#include "kernels/gemm.h"
#include "kernels/onednn.h"
#include "kernels/pointwise.h"

#include <string.h>

/* A tile fits into the second cache of a core beside what the product packs; but fewer rows than
 * the least would leave the product nothing to do with a block of weights that it has read. */
enum { TILE_FLOATS = 1 << 18, LEAST_ROWS = 32, ROWS_STEP = 16 };

int64_t gan_convolution_columns(const gan_convolution *shape) {
  return shape->kernel * shape->kernel * (shape->c / shape->groups);
}

static int64_t rows_of(const gan_convolution *shape, int64_t samples) {
  return samples * shape->out_h * shape->out_w;
}

int64_t gan_convolution_weights(const gan_convolution *shape) {
  return shape->out_c * gan_convolution_columns(shape);
}

static int64_t tile_rows(const gan_convolution *shape) {
  int64_t rows = TILE_FLOATS / gan_convolution_columns(shape) / ROWS_STEP * ROWS_STEP;
  return rows < LEAST_ROWS ? LEAST_ROWS : rows;
}

int64_t gan_convolution_scratch(const gan_convolution *shape) {
  return tile_rows(shape) * gan_convolution_columns(shape);
}

/* Whether the image itself is the unfolded one: the columns of all groups of a row lie one behind
 * the other. */
bool gan_convolution_is_direct(const gan_convolution *shape) {
  if (shape->padding) return false;
  if (shape->kernel == 1 && shape->stride == 1) return true;
  return shape->groups == 1 && shape->kernel == shape->h && shape->kernel == shape->w;
}

/* ---- unfolding ---- */

/* Where output pixel `row` looks: its sample's image, and the corner of its window, which may stand
 * outside. */
typedef struct {
  int64_t sample, y, x;
} window;

static window window_of(const gan_convolution *shape, int64_t row) {
  int64_t pixel = row % (shape->out_h * shape->out_w);
  return (window){row / (shape->out_h * shape->out_w),
                  pixel / shape->out_w * shape->stride - shape->padding,
                  pixel % shape->out_w * shape->stride - shape->padding};
}

/* The part of a window's row that is inside the image: columns low <= kx < high. */
static void clip(const gan_convolution *shape, int64_t x, int64_t *low, int64_t *high) {
  *low = x < 0 ? -x : 0;
  *high = shape->w - x < shape->kernel ? shape->w - x : shape->kernel;
  if (*low > shape->kernel) *low = shape->kernel;
  if (*high < *low) *high = *low;
}

static void set_zero(float *to, int64_t n) {
  memset(to, 0, (size_t)n * sizeof *to);
}

/* n pixels of a group's channels, from an image or to one. */
static void take_pixels(int64_t n, int64_t c, int64_t group_c, const float *image, float *columns) {
  if (c == group_c) {
    memcpy(columns, image, (size_t)(n * c) * sizeof *columns);
    return;
  }
  for (int64_t i = 0; i < n; i++, image += c, columns += group_c)
    memcpy(columns, image, (size_t)group_c * sizeof *columns);
}

static void add_pixels(int64_t n, int64_t c, int64_t group_c, const float *columns, float *image) {
  if (c == group_c) {
    gan_add(n * c, columns, image);
    return;
  }
  for (int64_t i = 0; i < n; i++, image += c, columns += group_c) gan_add(group_c, columns, image);
}

/* Where row ky of a window begins in x, from its column `low` on; -1: nothing of it is inside. */
static int64_t line_of(const gan_convolution *shape, window at, int64_t ky, int64_t low,
                       int64_t high, int64_t group) {
  int64_t y = at.y + ky;
  if (y < 0 || y >= shape->h || low == high) return -1;
  return ((at.sample * shape->h + y) * shape->w + at.x + low) * shape->c +
         group * (shape->c / shape->groups);
}

/* The windows of rows first..first+count-1, (count, kernel, kernel, c / groups). */
static void unfold_rows(const gan_convolution *shape, int64_t first, int64_t count, int64_t group,
                        const float *x, float *tile) {
  int64_t group_c = shape->c / shape->groups, line = shape->kernel * group_c, low, high;
  for (int64_t r = first; r < first + count; r++) {
    window at = window_of(shape, r);
    clip(shape, at.x, &low, &high);
    for (int64_t ky = 0; ky < shape->kernel; ky++, tile += line) {
      int64_t from = line_of(shape, at, ky, low, high, group);
      if (from < 0) {
        set_zero(tile, line);
        continue;
      }
      set_zero(tile, low * group_c);
      take_pixels(high - low, shape->c, group_c, x + from, tile + low * group_c);
      set_zero(tile + high * group_c, line - high * group_c);
    }
  }
}

static void unfold(const gan_convolution *shape, int64_t first, int64_t count, int64_t group,
                   const float *x, float *tile) {
  int64_t columns = gan_convolution_columns(shape);
  GAN_FOR_BLOCKS(r, n, count, columns,
                 unfold_rows(shape, first + r, n, group, x, tile + r * columns));
}

/* Adds the windows to the images that they came from. */
static void fold(const gan_convolution *shape, int64_t first, int64_t count, int64_t group,
                 const float *tile, float *x) {
  int64_t group_c = shape->c / shape->groups, line = shape->kernel * group_c, low, high;
  for (int64_t r = first; r < first + count; r++) {
    window at = window_of(shape, r);
    clip(shape, at.x, &low, &high);
    for (int64_t ky = 0; ky < shape->kernel; ky++, tile += line) {
      int64_t to = line_of(shape, at, ky, low, high, group);
      if (to >= 0) add_pixels(high - low, shape->c, group_c, tile + low * group_c, x + to);
    }
  }
}

/* ---- products, tile by tile ---- */

/* What a product works on: rows of unfolded x, and where the group's rows of y begin. */
typedef struct {
  int64_t first, rows, lda;
} tile_place;

static tile_place tile_at(const gan_convolution *shape, int64_t samples, int64_t first) {
  int64_t left = rows_of(shape, samples) - first;
  if (gan_convolution_is_direct(shape))
    return (tile_place){first, left, gan_convolution_columns(shape) * shape->groups};
  int64_t most = tile_rows(shape);
  return (tile_place){first, left < most ? left : most, gan_convolution_columns(shape)};
}

/* Calls `work` with each tile of each group. */
typedef struct {
  const gan_convolution *shape;
  const float *x, *w, *y;
  float *out, *scratch;
  bool accumulate;
} products;

static void for_tiles(const products *p, int64_t samples,
                      void (*work)(const products *p, const tile_place *tile, int64_t group)) {
  int64_t rows = rows_of(p->shape, samples);
  for (int64_t group = 0; group < p->shape->groups; group++)
    for (int64_t first = 0; first < rows;) {
      tile_place tile = tile_at(p->shape, samples, first);
      work(p, &tile, group);
      first += tile.rows;
    }
}

/* Unfolded x: in the image itself, or in scratch. */
static const float *unfolded(const products *p, const tile_place *tile, int64_t group) {
  const gan_convolution *shape = p->shape;
  if (gan_convolution_is_direct(shape))
    return p->x + tile->first * tile->lda + group * gan_convolution_columns(shape);
  unfold(shape, tile->first, tile->rows, group, p->x, p->scratch);
  return p->scratch;
}

static void forward_tile(const products *p, const tile_place *tile, int64_t group) {
  const gan_convolution *shape = p->shape;
  int64_t columns = gan_convolution_columns(shape), out_c = shape->out_c, n = out_c / shape->groups;
  gan_gemm_call call = {.transpose_b = true,
                        .m = tile->rows,
                        .n = n,
                        .k = columns,
                        .a = unfolded(p, tile, group),
                        .lda = tile->lda,
                        .b = p->w + group * n * columns,
                        .ldb = columns,
                        .c = p->out + tile->first * out_c + group * n,
                        .ldc = out_c};
  gan_gemm_run(&call);
}

void gan_convolve(const gan_convolution *shape, int64_t samples, const float *x, const float *w,
                  float *y, float *scratch) {
  products p = {.shape = shape, .x = x, .w = w, .out = y, .scratch = scratch};
  for_tiles(&p, samples, forward_tile);
}

static void back_tile(const products *p, const tile_place *tile, int64_t group) {
  const gan_convolution *shape = p->shape;
  int64_t columns = gan_convolution_columns(shape), out_c = shape->out_c, k = out_c / shape->groups;
  bool direct = gan_convolution_is_direct(shape);
  float *to = direct ? p->out + tile->first * tile->lda + group * columns : p->scratch;
  gan_gemm_call call = {.m = tile->rows,
                        .n = columns,
                        .k = k,
                        .a = p->y + tile->first * out_c + group * k,
                        .lda = out_c,
                        .b = p->w + group * k * columns,
                        .ldb = columns,
                        .c = to,
                        .ldc = tile->lda};
  gan_gemm_run(&call);
  if (!direct) fold(shape, tile->first, tile->rows, group, p->scratch, p->out);
}

void gan_convolve_back(const gan_convolution *shape, int64_t samples, const float *dy,
                       const float *w, float *dx, float *scratch) {
  products p = {.shape = shape, .y = dy, .w = w, .out = dx, .scratch = scratch};
  if (!gan_convolution_is_direct(shape)) set_zero(dx, samples * shape->h * shape->w * shape->c);
  for_tiles(&p, samples, back_tile);
}

static void weights_tile(const products *p, const tile_place *tile, int64_t group) {
  const gan_convolution *shape = p->shape;
  int64_t columns = gan_convolution_columns(shape), out_c = shape->out_c, m = out_c / shape->groups;
  gan_gemm_call call = {.transpose_a = true,
                        .m = m,
                        .n = columns,
                        .k = tile->rows,
                        .a = p->y + tile->first * out_c + group * m,
                        .lda = out_c,
                        .b = unfolded(p, tile, group),
                        .ldb = tile->lda,
                        .beta = p->accumulate || tile->first ? 1.0f : 0.0f,
                        .c = p->out + group * m * columns,
                        .ldc = columns};
  gan_gemm_run(&call);
}

void gan_convolve_weights(const gan_convolution *shape, int64_t samples, const float *x,
                          const float *dy, bool accumulate, float *dw, float *scratch) {
  products p = {
      .shape = shape, .x = x, .y = dy, .out = dw, .scratch = scratch, .accumulate = accumulate};
  for_tiles(&p, samples, weights_tile);
}

/* ---- by a library ---- */

static struct {
  void (*show)(void *context, const gan_convolution_call *call);
  void *context;
} observer;

void gan_convolution_observe(void (*show)(void *context, const gan_convolution_call *call),
                             void *context) {
  observer.show = show;
  observer.context = context;
}

void gan_convolution_run(const gan_convolution_call *call) {
  if (observer.show) observer.show(observer.context, call);
  if (call->samples > 0) gan_onednn_convolve(call);
}

/* ---- by definition ---- */

/* The pixel of x under column (ky, kx) of an output pixel's window; -1: outside. */
static int64_t pixel_of(const gan_convolution *shape, int64_t row, int64_t ky, int64_t kx) {
  window at = window_of(shape, row);
  int64_t y = at.y + ky, x = at.x + kx;
  if (y < 0 || y >= shape->h || x < 0 || x >= shape->w) return -1;
  return (at.sample * shape->h + y) * shape->w + x;
}

static int64_t weight_of(const gan_convolution *shape, int64_t o, int64_t ky, int64_t kx) {
  return ((o * shape->kernel + ky) * shape->kernel + kx) * (shape->c / shape->groups);
}

void gan_convolve_reference(const gan_convolution *shape, int64_t samples, const float *x,
                            const float *w, float *y) {
  int64_t group_c = shape->c / shape->groups, group_out = shape->out_c / shape->groups;
  for (int64_t r = 0; r < rows_of(shape, samples); r++)
    for (int64_t o = 0; o < shape->out_c; o++) {
      double sum = 0;
      for (int64_t ky = 0; ky < shape->kernel; ky++)
        for (int64_t kx = 0; kx < shape->kernel; kx++) {
          int64_t pixel = pixel_of(shape, r, ky, kx), weight = weight_of(shape, o, ky, kx);
          const float *from = x + pixel * shape->c + o / group_out * group_c;
          for (int64_t k = 0; k < group_c && pixel >= 0; k++)
            sum += (double)from[k] * (double)w[weight + k];
        }
      y[r * shape->out_c + o] = (float)sum;
    }
}

/* The output pixel whose window has pixel (y, x) at (ky, kx); -1: there is none. */
static int64_t row_of(const gan_convolution *shape, int64_t sample, int64_t y, int64_t x) {
  y += shape->padding;
  x += shape->padding;
  if (y < 0 || x < 0 || y % shape->stride || x % shape->stride) return -1;
  y /= shape->stride;
  x /= shape->stride;
  if (y >= shape->out_h || x >= shape->out_w) return -1;
  return (sample * shape->out_h + y) * shape->out_w + x;
}

/* One number of dx. */
static double back_sum(const gan_convolution *shape, int64_t pixel, int64_t c, const float *dy,
                       const float *w) {
  int64_t group_c = shape->c / shape->groups, group_out = shape->out_c / shape->groups;
  int64_t sample = pixel / (shape->h * shape->w), first = c / group_c * group_out;
  int64_t y = pixel / shape->w % shape->h, x = pixel % shape->w;
  double sum = 0;
  for (int64_t ky = 0; ky < shape->kernel; ky++)
    for (int64_t kx = 0; kx < shape->kernel; kx++) {
      int64_t row = row_of(shape, sample, y - ky, x - kx);
      for (int64_t o = first; o < first + group_out && row >= 0; o++)
        sum += (double)dy[row * shape->out_c + o] *
               (double)w[weight_of(shape, o, ky, kx) + c % group_c];
    }
  return sum;
}

void gan_convolve_back_reference(const gan_convolution *shape, int64_t samples, const float *dy,
                                 const float *w, float *dx) {
  int64_t pixels = samples * shape->h * shape->w;
  for (int64_t pixel = 0; pixel < pixels; pixel++)
    for (int64_t c = 0; c < shape->c; c++)
      dx[pixel * shape->c + c] = (float)back_sum(shape, pixel, c, dy, w);
}

void gan_convolve_weights_reference(const gan_convolution *shape, int64_t samples, const float *x,
                                    const float *dy, bool accumulate, float *dw) {
  int64_t group_c = shape->c / shape->groups, group_out = shape->out_c / shape->groups;
  int64_t columns = gan_convolution_columns(shape), rows = rows_of(shape, samples);
  for (int64_t i = 0; i < gan_convolution_weights(shape); i++) {
    int64_t o = i / columns, k = i % group_c, at = i % columns / group_c;
    double sum = accumulate ? (double)dw[i] : 0;
    for (int64_t r = 0; r < rows; r++) {
      int64_t pixel = pixel_of(shape, r, at / shape->kernel, at % shape->kernel);
      if (pixel < 0) continue;
      sum += (double)x[pixel * shape->c + o / group_out * group_c + k] *
             (double)dy[r * shape->out_c + o];
    }
    dw[i] = (float)sum;
  }
}
