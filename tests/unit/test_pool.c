/* Pooling and upsampling of images: forward against the formula of each pixel in double, backward
 * by the identity <dy, A x> = <A' dy, x> of linear maps and their adjoints. */
#include "base/memory.h"
#include "kernels/pool.h"
#include "kernels/upsample.h"
#include "unit/support.h"

#include <math.h>
#include <string.h>

enum { SAMPLES = 3 };

/* Sums of a few floats of order one: a rounding (2^-24) each. */
static const double VALUE_TOLERANCE = 2e-6;

/* The same over all numbers of a batch, whose signs are random. */
static const double ADJOINT_TOLERANCE = 1e-4;

static const struct {
  int64_t h, w, c, kernel, stride, padding;
} pools[] = {{4, 6, 3, 2, 2, 0}, {5, 7, 1, 3, 2, 1},  {7, 5, 17, 3, 1, 1}, {1, 1, 5, 1, 1, 0},
             {9, 4, 2, 4, 3, 2}, {3, 8, 33, 3, 5, 0}, {2, 3, 4, 2, 1, 1},  {6, 6, 64, 5, 4, 2}};

static const struct {
  int64_t h, w, c, scale;
} scales[] = {{1, 1, 3, 2}, {3, 2, 1, 2}, {4, 5, 17, 3}, {2, 7, 2, 5}, {5, 3, 33, 4}};

enum { POOLS = sizeof pools / sizeof *pools, SCALES = sizeof scales / sizeof *scales };

typedef struct {
  int64_t in, out; /* numbers */
  float *x, *y, *dx, *dy;
} batch;

static batch make_batch(int64_t in, int64_t out) {
  batch b = {in, out, unit_floats(in), unit_floats(out), unit_floats(in), unit_floats(out)};
  unit_fill(b.x, in, 1, -1, 1);
  unit_fill(b.dy, out, 2, -1, 1);
  unit_fill(b.y, out, 3, 5, 6); /* what was there does not count */
  unit_fill(b.dx, in, 4, 5, 6);
  return b;
}

static void release(batch *b) {
  gan_free(&b->x);
  gan_free(&b->y);
  gan_free(&b->dx);
  gan_free(&b->dy);
}

static double dot(int64_t n, const float *a, const float *b) {
  double sum = 0;
  for (int64_t i = 0; i < n; i++) sum += (double)a[i] * (double)b[i];
  return sum;
}

static void check_adjoint(const batch *b, int row) {
  double there = dot(b->out, b->dy, b->y), back = dot(b->in, b->dx, b->x);
  ck_assert_msg(fabs(there - back) < ADJOINT_TOLERANCE, "row %d: %g there, %g back", row, there,
                back);
}

/* ---- pooling ---- */

static gan_window window_of(int row) {
  gan_window window = {.h = pools[row].h,
                       .w = pools[row].w,
                       .c = pools[row].c,
                       .kernel = pools[row].kernel,
                       .stride = pools[row].stride,
                       .padding = pools[row].padding};
  window.out_h = (window.h + 2 * window.padding - window.kernel) / window.stride + 1;
  window.out_w = (window.w + 2 * window.padding - window.kernel) / window.stride + 1;
  return window;
}

static batch make_pool(const gan_window *window) {
  return make_batch(SAMPLES * window->h * window->w * window->c,
                    SAMPLES * window->out_h * window->out_w * window->c);
}

/* One window: the sum over it with zeros around, its maximum, and the first pixel that has it. */
static void look(const gan_window *window, const float *x, int64_t i, int64_t j, int64_t k,
                 double *sum, double *most, int64_t *where) {
  *sum = 0;
  *most = -INFINITY;
  *where = -1;
  for (int64_t a = 0; a < window->kernel; a++)
    for (int64_t b = 0; b < window->kernel; b++) {
      int64_t h = i * window->stride + a - window->padding;
      int64_t w = j * window->stride + b - window->padding;
      if (h < 0 || h >= window->h || w < 0 || w >= window->w) continue;
      double value = (double)x[(h * window->w + w) * window->c + k];
      *sum += value;
      if (value > *most) {
        *most = value;
        *where = h * window->w + w;
      }
    }
}

START_TEST(pooling) {
  gan_window window = window_of(_i);
  batch b = make_pool(&window);
  float *mean = unit_floats(b.out);
  int32_t *from = gan_alloc((size_t)b.out, sizeof *from, "pixels");
  gan_average_pool(SAMPLES, &window, b.x, mean);
  gan_max_pool(SAMPLES, &window, b.x, b.y, from);
  for (int64_t n = 0; n < b.out; n++) {
    int64_t k = n % window.c, j = n / window.c % window.out_w;
    int64_t i = n / window.c / window.out_w % window.out_h;
    int64_t s = n / window.c / window.out_w / window.out_h, where;
    double sum, most;
    look(&window, b.x + s * window.h * window.w * window.c, i, j, k, &sum, &most, &where);
    sum /= (double)(window.kernel * window.kernel);
    if (fabs((double)mean[n] - sum) > VALUE_TOLERANCE || (double)b.y[n] != most || from[n] != where)
      ck_abort_msg("row %d, number %d: mean %g of %g, maximum %g of %g, at %d of %d", _i, (int)n,
                   (double)mean[n], sum, (double)b.y[n], most, (int)from[n], (int)where);
  }
  gan_max_pool_backward(SAMPLES, &window, from, b.dy, b.dx);
  check_adjoint(&b, _i); /* with its choice fixed it is linear */
  memcpy(b.y, mean, (size_t)b.out * sizeof *mean);
  gan_average_pool_backward(SAMPLES, &window, b.dy, b.dx);
  check_adjoint(&b, _i);
  gan_free(&mean);
  gan_free(&from);
  release(&b);
}
END_TEST

/* Of equal numbers the first has the gradient; a NaN wins and is passed on. */
START_TEST(maxima_that_are_equal_or_none) {
  const gan_window window = {
      .h = 2, .w = 4, .c = 1, .kernel = 2, .stride = 2, .out_h = 1, .out_w = 2};
  const float x[8] = {-1, 3, 2, (float)NAN, 3, 3, 9, 1}, dy[2] = {5, 7};
  float y[2], dx[8];
  int32_t from[2];
  gan_max_pool(1, &window, x, y, from);
  gan_max_pool_backward(1, &window, from, dy, dx);
  ck_assert(y[0] == 3 && isnan(y[1]));
  for (int i = 0; i < 8; i++) ck_assert_float_eq(dx[i], i == 1 ? 5.0f : i == 3 ? 7.0f : 0.0f);
}
END_TEST

/* ---- upsampling ---- */

/* How much of pixel `in` is in pixel `out`. */
static double share_of(bool bilinear, int64_t in, int64_t out, int64_t scale, int64_t size) {
  double at = ((double)out + 0.5) / (double)scale - 0.5;
  if (!bilinear) return in == out / scale;
  at = fmin(fmax(at, 0), (double)size - 1);
  return fmax(0, 1 - fabs(at - (double)in));
}

static double enlarged(bool bilinear, const gan_enlargement *by, const float *x, int64_t i,
                       int64_t j, int64_t k) {
  double sum = 0;
  for (int64_t h = 0; h < by->h; h++)
    for (int64_t w = 0; w < by->w; w++)
      sum += share_of(bilinear, h, i, by->scale, by->h) *
             share_of(bilinear, w, j, by->scale, by->w) * (double)x[(h * by->w + w) * by->c + k];
  return sum;
}

START_TEST(upsampling) {
  int row = _i / 2;
  bool bilinear = _i % 2;
  const gan_enlargement by = {scales[row].h, scales[row].w, scales[row].c, scales[row].scale};
  int64_t in = by.h * by.w * by.c, tall = by.h * by.scale, wide = by.w * by.scale;
  batch b = make_batch(SAMPLES * in, SAMPLES * tall * wide * by.c);
  (bilinear ? gan_upsample_bilinear : gan_upsample_nearest)(SAMPLES, &by, b.x, b.y);
  for (int64_t n = 0; n < b.out; n++) {
    int64_t k = n % by.c, j = n / by.c % wide, i = n / by.c / wide % tall;
    double wanted = enlarged(bilinear, &by, b.x + n / (by.c * wide * tall) * in, i, j, k);
    if (fabs((double)b.y[n] - wanted) > VALUE_TOLERANCE)
      ck_abort_msg("row %d, number %d: %g, not %g", row, (int)n, (double)b.y[n], wanted);
  }
  (bilinear ? gan_upsample_bilinear_backward : gan_upsample_nearest_backward)(SAMPLES, &by, b.dy,
                                                                              b.dx);
  check_adjoint(&b, row);
  release(&b);
}
END_TEST

/* ---- layers ---- */

static const struct {
  const char *layers, *text;
  gan_shape in;
} refused[] = {
    {"[avgpool: {kernel: 3}]",
     "layer 0 (avgpool): 2x5x3 reaches it; it wants an image of at least "
     "3x3 pixels",
     {2, 5, 3}},
    {"[maxpool: {kernel: 5, padding: 1}]", "an image of at least 3x3 pixels", {5, 2, 1}},
    {"[maxpool: {kernel: 3, padding: 2}]", "a padding of at most half its kernel", {5, 5, 1}},
};

START_TEST(refuses) {
  static const gan_shape any = {0, 0, 0};
  for (size_t i = 0; i < sizeof refused / sizeof *refused; i++) {
    unit_net made;
    check_fails(unit_net_try(&made, refused[i].layers, refused[i].in, any, SAMPLES), GAN_USAGE,
                refused[i].text);
  }
}
END_TEST

/* A window moves by its own size unless told otherwise, and what does not fill one is left out. */
START_TEST(shapes) {
  static const struct {
    const char *layers;
    gan_shape in, out;
  } rows[] = {{"[avgpool: {kernel: 2}]", {5, 7, 3}, {2, 3, 3}},
              {"[maxpool: {kernel: 3, stride: 2, padding: 1}]", {5, 8, 2}, {3, 4, 2}},
              {"[upsample]", {5, 7, 3}, {10, 14, 3}},
              {"[upsample: {scale: 3, mode: bilinear}]", {1, 1, 3}, {3, 3, 3}},
              {"[global_avgpool]", {5, 7, 3}, {1, 1, 3}}};
  for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
    unit_net made = unit_net_create(rows[i].layers, rows[i].in, (gan_shape){0, 0, 0}, SAMPLES);
    ck_assert_mem_eq(&made.net->out, &rows[i].out, sizeof rows[i].out);
    unit_net_destroy(&made);
  }
}
END_TEST

int main(void) {
  const unit_test tests[] = {
      {pooling, POOLS}, {maxima_that_are_equal_or_none, 1}, {upsampling, 2 * SCALES}, {refuses, 1},
      {shapes, 1},
  };
  return UNIT_MAIN("pooling and upsampling", tests);
}
