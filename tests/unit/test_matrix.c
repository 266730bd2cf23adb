/* Products of matrices and vectors against plain sums, over sizes that fill no lanes evenly. */
#include "base/memory.h"
#include "kernels/matrix.h"
#include "unit/support.h"

#include <math.h>
#include <string.h>

/* Of sums of up to 257 floats: in double with one rounding at the end, or in floats throughout. */
static const double IN_DOUBLE = 1e-7, IN_FLOAT = 2e-6;

static const struct {
  int64_t rows, columns;
} shapes[] = {{1, 1}, {1, 17}, {17, 1}, {3, 5}, {16, 32}, {31, 33}, {257, 7}, {7, 257}, {64, 100}};

enum { SHAPES = sizeof shapes / sizeof *shapes };

typedef struct {
  int64_t rows, columns;
  float *a, *x, *y, *made; /* (rows, columns), (columns), (rows), as large as a */
  double *wanted;
} matrix_case;

static matrix_case make(int i) {
  matrix_case c = {.rows = shapes[i].rows, .columns = shapes[i].columns};
  int64_t size = c.rows * c.columns;
  c.a = unit_floats(size);
  c.x = unit_floats(c.columns);
  c.y = unit_floats(c.rows);
  c.made = unit_floats(size);
  c.wanted = gan_alloc((size_t)size, sizeof *c.wanted, "numbers of a test");
  unit_fill(c.a, size, 1, -1, 1);
  unit_fill(c.x, c.columns, 2, 0.5, 1.5);
  unit_fill(c.y, c.rows, 3, 0.5, 1.5);
  unit_fill(c.made, size, 4, -1, 1);
  return c;
}

static void release(matrix_case *c) {
  gan_free(&c->a);
  gan_free(&c->x);
  gan_free(&c->y);
  gan_free(&c->made);
  gan_free(&c->wanted);
}

static void check(const matrix_case *c, const char *what, int64_t n, double tolerance) {
  double distance = unit_distance(n, c->made, c->wanted);
  ck_assert_msg(distance < tolerance, "%s of %lldx%lld is off by %g", what, (long long)c->rows,
                (long long)c->columns, distance);
}

START_TEST(products) {
  matrix_case c = make(_i);
  for (int64_t r = 0; r < c.rows; r++) {
    c.wanted[r] = 0;
    for (int64_t k = 0; k < c.columns; k++)
      c.wanted[r] += (double)c.a[r * c.columns + k] * (double)c.x[k];
  }
  gan_matrix_vector(c.rows, c.columns, c.a, c.x, c.made);
  check(&c, "A x", c.rows, IN_DOUBLE);
  ck_assert_double_eq_tol(gan_dot(c.columns, c.a, c.x), c.wanted[0], 1e-12);
  for (int64_t k = 0; k < c.columns; k++) {
    c.wanted[k] = 0;
    for (int64_t r = 0; r < c.rows; r++)
      c.wanted[k] += (double)c.a[r * c.columns + k] * (double)c.y[r];
  }
  gan_vector_matrix(c.rows, c.columns, c.a, c.y, c.made);
  check(&c, "A^T y", c.columns, IN_FLOAT);
  release(&c);
}
END_TEST

START_TEST(rank_one) {
  matrix_case c = make(_i);
  for (int accumulate = 0; accumulate < 2; accumulate++) {
    for (int64_t i = 0; i < c.rows * c.columns; i++)
      c.wanted[i] =
          (accumulate ? (double)c.made[i] : 0) +
          0.75 * ((double)c.a[i] - 0.5 * (double)c.y[i / c.columns] * (double)c.x[i % c.columns]);
    gan_rank_one(c.rows, c.columns, 0.75f, c.a, 0.5f, c.y, c.x, accumulate, c.made);
    check(&c, accumulate ? "A, added," : "A", c.rows * c.columns, IN_FLOAT);
  }
  release(&c);
}
END_TEST

int main(void) {
  const unit_test tests[] = {{products, SHAPES}, {rank_one, SHAPES}};
  return UNIT_MAIN("matrix", tests);
}
