/* maxout: the kernel against plain loops, ties and NaN; the layer against the formula. */
#include "base/memory.h"
#include "kernels/maxout.h"
#include "unit/support.h"

#include <math.h>
#include <string.h>

/* A float's rounding, some tens of operations long. */
static const double VALUE_TOLERANCE = 2e-6;

static const struct {
  int64_t rows, units, pieces;
} sizes[] = {{1, 1, 1}, {3, 7, 2}, {5, 17, 5}, {2, 3, 33}, {7, 1, 256}, {13, 240, 5}};

enum { SIZES = sizeof sizes / sizeof *sizes };

/* Many are equal: the first of them counts. */
static void fill_with_ties(float *z, int64_t n) {
  unit_fill(z, n, 5, -4, 4);
  for (int64_t i = 0; i < n; i += 2) z[i] = roundf(z[i]);
}

START_TEST(kernel_against_plain_loops) {
  int64_t n = sizes[_i].rows * sizes[_i].units, pieces = sizes[_i].pieces;
  float *z = unit_floats(n * pieces), *y = unit_floats(n), *dy = unit_floats(n);
  float *dz = unit_floats(n * pieces);
  uint8_t *from = gan_alloc((size_t)n, 1, "pieces");
  fill_with_ties(z, n * pieces);
  unit_fill(dy, n, 6, -1, 1);
  gan_maxout(sizes[_i].rows, sizes[_i].units, pieces, z, y, from);
  gan_maxout_backward(sizes[_i].rows, sizes[_i].units, pieces, from, dy, dz);
  for (int64_t i = 0; i < n; i++) {
    int64_t best = 0;
    for (int64_t k = 1; k < pieces; k++)
      if (z[i * pieces + k] > z[i * pieces + best]) best = k;
    ck_assert_int_eq(from[i], best);
    ck_assert_float_eq(y[i], z[i * pieces + best]);
    for (int64_t k = 0; k < pieces; k++)
      ck_assert_float_eq(dz[i * pieces + k], k == best ? dy[i] : 0);
  }
  gan_free(&z);
  gan_free(&y);
  gan_free(&dy);
  gan_free(&dz);
  gan_free(&from);
}
END_TEST

/* A NaN comes through, so that it is seen. */
START_TEST(not_a_number_is_the_largest) {
  float z[] = {1, NAN, 3, NAN, 2, 5, -INFINITY, -INFINITY, -INFINITY}, y[3];
  uint8_t from[3];
  gan_maxout(1, 3, 3, z, y, from);
  ck_assert(isnan(y[0]) && isnan(y[1]));
  ck_assert_int_eq(from[0], 1);
  ck_assert_int_eq(from[1], 0);
  ck_assert(y[2] < 0 && isinf(y[2]));
  ck_assert_int_eq(from[2], 0);
}
END_TEST

START_TEST(layer_by_its_formula) {
  enum { ROWS = 5, IN = 7, UNITS = 3, PIECES = 4 };
  float x[ROWS * IN], *y;
  unit_fill(x, ROWS * IN, 4, -1, 1);
  unit_net made = unit_net_create(_i ? "[maxout: {units: 3, pieces: 4}]"
                                     : "[maxout: {units: 3, pieces: 4, bias: false}]",
                                  (gan_shape){1, 1, IN}, (gan_shape){0, 0, 0}, ROWS);
  gan_pass pass = unit_pass(ROWS);
  ck_assert_int_eq(made.net->tensor_count, 1 + _i);
  ck_assert_str_eq(made.net->tensors[0].name, "0.weight");
  ck_assert_int_eq(made.net->tensors[0].dims[0], UNITS * PIECES);
  ck_assert_int_eq(made.net->tensors[0].dims[1], IN);
  unit_fill(made.net->params, made.net->slab_size, 5, -1, 1);
  const float *w = gan_net_tensor(made.net, &made.net->tensors[0]);
  const float *b = _i ? gan_net_tensor(made.net, &made.net->tensors[1]) : NULL;
  check_ok(gan_net_forward(made.net, &pass, x, &y));
  for (int r = 0; r < ROWS; r++)
    for (int u = 0; u < UNITS; u++) {
      double most = -HUGE_VAL;
      for (int k = 0; k < PIECES; k++) {
        int f = u * PIECES + k;
        double sum = b ? (double)b[f] : 0;
        for (int i = 0; i < IN; i++) sum += (double)w[f * IN + i] * (double)x[r * IN + i];
        most = fmax(most, sum);
      }
      ck_assert_double_eq_tol((double)y[r * UNITS + u], most, VALUE_TOLERANCE);
    }
  unit_net_destroy(&made);
}
END_TEST

int main(void) {
  const unit_test tests[] = {
      {kernel_against_plain_loops, SIZES},
      {not_a_number_is_the_largest, 1},
      {layer_by_its_formula, 2},
  };
  return UNIT_MAIN("maxout", tests);
}
