/* Convolutions: the fast ones against their definition, over shapes that fill no tile evenly, and
 * the three against each other by the bilinear form that they share. */
#include "base/memory.h"
#include "kernels/convolution.h"
#include "unit/support.h"

#include <math.h>
#include <string.h>

/* Sums of up to some thousand products in floats, against double. */
static const double TOLERANCE = 2e-6;

typedef struct {
  const char *name;
  int64_t samples;
  gan_convolution shape; /* but for out_h and out_w */
} convolution_row;

static const convolution_row rows[] = {
    {"one of everything", 1, {1, 1, 1, 0, 0, 1, 1, 1, 0, 1}},
    {"kernel 1", 3, {5, 7, 3, 0, 0, 5, 1, 1, 0, 1}},
    {"kernel 1, stride 2", 2, {5, 7, 3, 0, 0, 5, 1, 2, 0, 1}},
    {"kernel 1, padding", 2, {3, 4, 3, 0, 0, 2, 1, 1, 1, 1}},
    {"kernel 1, groups", 2, {3, 5, 6, 0, 0, 9, 1, 1, 0, 3}},
    {"kernel 3", 3, {7, 5, 2, 0, 0, 3, 3, 1, 1, 1}},
    {"kernel 3 without padding", 2, {7, 5, 2, 0, 0, 3, 3, 1, 0, 1}},
    {"kernel 3, stride 2", 2, {8, 7, 5, 0, 0, 3, 3, 2, 1, 1}},
    {"kernel 4, stride 2", 5, {14, 10, 3, 0, 0, 7, 4, 2, 1, 1}},
    {"kernel 4, stride 3, padding 3", 2, {9, 11, 2, 0, 0, 3, 4, 3, 3, 1}},
    {"kernel larger than the image", 2, {2, 3, 3, 0, 0, 4, 5, 1, 2, 1}},
    {"kernel beyond the padding", 1, {1, 1, 2, 0, 0, 3, 7, 4, 3, 1}},
    {"kernel as large as the image", 5, {4, 4, 6, 0, 0, 9, 4, 1, 0, 1}},
    {"the same, groups", 3, {4, 4, 6, 0, 0, 4, 4, 1, 0, 2}},
    {"groups", 3, {6, 5, 6, 0, 0, 4, 3, 1, 1, 2}},
    {"each channel alone", 2, {5, 5, 5, 0, 0, 10, 3, 2, 1, 5}},
    {"many tiles", 25, {16, 16, 32, 0, 0, 5, 4, 2, 1, 1}},
    {"many tiles of groups", 25, {8, 8, 128, 0, 0, 6, 4, 1, 2, 2}},
    {"as many rows as are left", 2, {4, 4, 1024, 0, 0, 2, 4, 1, 2, 1}},
};

enum { ROWS = sizeof rows / sizeof *rows, GUARD = 16 };

typedef struct {
  gan_convolution shape;
  int64_t samples, in, out, weights; /* numbers */
  float *x, *y, *w;                  /* y is as good as dy */
  float *made, *scratch;             /* made: as large as the largest, and a guard */
  double *wanted;
  float *reference;
} convolution_case;

static int64_t out_of(int64_t in, const gan_convolution *shape) {
  return (in + 2 * shape->padding - shape->kernel) / shape->stride + 1;
}

static int64_t most(int64_t a, int64_t b) {
  return a > b ? a : b;
}

static convolution_case make(const convolution_row *row) {
  convolution_case c = {.shape = row->shape, .samples = row->samples};
  gan_convolution *shape = &c.shape;
  shape->out_h = out_of(shape->h, shape);
  shape->out_w = out_of(shape->w, shape);
  c.in = c.samples * shape->h * shape->w * shape->c;
  c.out = c.samples * shape->out_h * shape->out_w * shape->out_c;
  c.weights = gan_convolution_weights(shape);
  ck_assert_int_eq(c.weights,
                   shape->out_c * shape->kernel * shape->kernel * shape->c / shape->groups);
  int64_t size = most(c.in, most(c.out, c.weights));
  c.x = unit_floats(c.in);
  c.y = unit_floats(c.out);
  c.w = unit_floats(c.weights);
  c.made = unit_floats(size + GUARD);
  c.reference = unit_floats(size);
  c.scratch = unit_floats(gan_convolution_scratch(shape));
  c.wanted = gan_alloc((size_t)size, sizeof *c.wanted, "numbers of a test");
  unit_fill(c.x, c.in, 1, -1, 1);
  unit_fill(c.y, c.out, 2, -1, 1);
  unit_fill(c.w, c.weights, 3, -1, 1);
  unit_fill(c.made, size + GUARD, 4, -1, 1); /* what is there must not matter */
  memcpy(c.reference, c.made, (size_t)size * sizeof(float));
  return c;
}

static void release(convolution_case *c) {
  gan_free(&c->x);
  gan_free(&c->y);
  gan_free(&c->w);
  gan_free(&c->made);
  gan_free(&c->reference);
  gan_free(&c->scratch);
  gan_free(&c->wanted);
}

static void compare(const convolution_row *row, const char *what, convolution_case *c, int64_t n,
                    const float *guard) {
  for (int64_t i = 0; i < n; i++) c->wanted[i] = (double)c->reference[i];
  double distance = unit_distance(n, c->made, c->wanted);
  ck_assert_msg(distance < TOLERANCE, "%s: %s is off by %g", row->name, what, distance);
  ck_assert_mem_eq(c->made + n, guard, GUARD * sizeof(float));
}

START_TEST(as_defined) {
  const convolution_row *row = &rows[_i];
  convolution_case c = make(row);
  float guard[GUARD];
  memcpy(guard, c.made + c.out, sizeof guard);
  gan_convolve(&c.shape, c.samples, c.x, c.w, c.made, c.scratch);
  gan_convolve_reference(&c.shape, c.samples, c.x, c.w, c.reference);
  compare(row, "y", &c, c.out, guard);
  memcpy(guard, c.made + c.in, sizeof guard);
  gan_convolve_back(&c.shape, c.samples, c.y, c.w, c.made, c.scratch);
  gan_convolve_back_reference(&c.shape, c.samples, c.y, c.w, c.reference);
  compare(row, "dx", &c, c.in, guard);
  for (int accumulate = 0; accumulate < 2; accumulate++) {
    memcpy(guard, c.made + c.weights, sizeof guard);
    memcpy(c.reference, c.made, (size_t)c.weights * sizeof(float));
    gan_convolve_weights(&c.shape, c.samples, c.x, c.y, accumulate, c.made, c.scratch);
    gan_convolve_weights_reference(&c.shape, c.samples, c.x, c.y, accumulate, c.reference);
    compare(row, accumulate ? "dw, added" : "dw", &c, c.weights, guard);
  }
  release(&c);
}
END_TEST

static double dot(int64_t n, const float *a, const float *b) {
  double sum = 0;
  for (int64_t i = 0; i < n; i++) sum += (double)a[i] * (double)b[i];
  return sum;
}

static double norm(int64_t n, const float *a) {
  return sqrt(dot(n, a, a));
}

/* <y, conv(x, w)> = <dx(y, w), x> = <dw(x, y), w>: whatever the definition. */
START_TEST(one_bilinear_form) {
  const convolution_row *row = &rows[_i];
  convolution_case c = make(row);
  gan_convolve(&c.shape, c.samples, c.x, c.w, c.made, c.scratch);
  double form = dot(c.out, c.y, c.made), size = norm(c.out, c.y) * norm(c.out, c.made);
  gan_convolve_back(&c.shape, c.samples, c.y, c.w, c.made, c.scratch);
  double of_dx = dot(c.in, c.x, c.made);
  gan_convolve_weights(&c.shape, c.samples, c.x, c.y, false, c.made, c.scratch);
  double of_dw = dot(c.weights, c.w, c.made);
  ck_assert_double_eq_tol(of_dx, form, TOLERANCE * size);
  ck_assert_double_eq_tol(of_dw, form, TOLERANCE * size);
  release(&c);
}
END_TEST

int main(void) {
  const unit_test tests[] = {{as_defined, ROWS}, {one_bilinear_form, ROWS}};
  return UNIT_MAIN("convolution", tests);
}
