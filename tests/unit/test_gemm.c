/* Matrix products: the library's and the plain one against each other, and both against products
 * with a random vector, which know nothing of either. */
#include "base/memory.h"
#include "kernels/gemm.h"
#include "unit/support.h"

#include <math.h>
#include <string.h>

/* Half a unit in the last place of a float, relative: one rounding. */
static const double ROUNDING = 0x1p-24;

/* A product of up to 257 terms is off by a few float roundings of its size; so is the sum of C x,
 * of the sizes of its terms.  A wrong or missing term is 1e-3 or more of that. */
static const double IDENTITY_TOLERANCE = 1e-6;

/* Shapes that fill no vector register or block evenly, and the GAN's own. */
static const struct {
  int64_t m, n, k;
} shapes[] = {{1, 1, 1},    {1, 1, 7},    {1, 17, 1},   {5, 1, 3},     {3, 5, 2},     {7, 7, 7},
              {8, 16, 32},  {13, 31, 17}, {33, 65, 9},  {64, 64, 64},  {65, 63, 129}, {100, 3, 257},
              {2, 300, 55}, {128, 1, 64}, {257, 33, 1}, {31, 128, 200}};

typedef struct {
  int64_t m, n, k;
  bool transpose_a, transpose_b;
  float *a, *b, *c, *before; /* c has a guard behind it */
} product;

enum { GUARD = 16 };

static product make(int shape, bool transpose_a, bool transpose_b) {
  product p = {.m = shapes[shape].m,
               .n = shapes[shape].n,
               .k = shapes[shape].k,
               .transpose_a = transpose_a,
               .transpose_b = transpose_b};
  p.a = unit_floats(p.m * p.k);
  p.b = unit_floats(p.k * p.n);
  p.c = unit_floats(p.m * p.n + GUARD);
  p.before = unit_floats(p.m * p.n + GUARD);
  unit_fill(p.a, p.m * p.k, 1, -1, 1);
  unit_fill(p.b, p.k * p.n, 2, -1, 1);
  unit_fill(p.before, p.m * p.n + GUARD, 3, -1, 1);
  memcpy(p.c, p.before, (size_t)(p.m * p.n + GUARD) * sizeof *p.c);
  return p;
}

static void release(product *p) {
  gan_free(&p->a);
  gan_free(&p->b);
  gan_free(&p->c);
  gan_free(&p->before);
}

typedef void (*gemm)(bool, bool, int64_t, int64_t, int64_t, const float *, const float *, float,
                     float *);

static void multiply(gemm function, product *p, float beta) {
  function(p->transpose_a, p->transpose_b, p->m, p->n, p->k, p->a, p->b, beta, p->c);
  size_t guard = GUARD * sizeof *p->c;
  ck_assert_mem_eq(p->c + p->m * p->n, p->before + p->m * p->n, guard);
}

static void multiply_by(gan_library library, bool transpose_a, bool transpose_b, int64_t m,
                        int64_t n, int64_t k, const float *a, const float *b, float beta,
                        float *c) {
  if (gan_compute_has(library, GAN_PRECISION_FP32))
    gan_compute_set((gan_compute){.library = library});
  gan_gemm(transpose_a, transpose_b, m, n, k, a, b, beta, c);
  gan_compute_set((gan_compute){.library = GAN_LIBRARY_AUTO});
}

static void by_openblas(bool transpose_a, bool transpose_b, int64_t m, int64_t n, int64_t k,
                        const float *a, const float *b, float beta, float *c) {
  multiply_by(GAN_LIBRARY_OPENBLAS, transpose_a, transpose_b, m, n, k, a, b, beta, c);
}

/* Where the build has none, OpenBLAS once more. */
static void by_onednn(bool transpose_a, bool transpose_b, int64_t m, int64_t n, int64_t k,
                      const float *a, const float *b, float beta, float *c) {
  multiply_by(GAN_LIBRARY_ONEDNN, transpose_a, transpose_b, m, n, k, a, b, beta, c);
}

static double at_a(const product *p, int64_t i, int64_t l) {
  return (double)(p->transpose_a ? p->a[l * p->m + i] : p->a[i * p->k + l]);
}
static double at_b(const product *p, int64_t l, int64_t j) {
  return (double)(p->transpose_b ? p->b[j * p->k + l] : p->b[l * p->n + j]);
}

/* C x = op(A) (op(B) x) + beta C0 x: m numbers in double, found without any product of matrices. */
static void check_identity(const product *p, float beta) {
  double x[512], bx[512], error = 0, norm = 0;
  uint64_t random = 4;
  for (int64_t j = 0; j < p->n; j++) x[j] = unit_uniform(&random, -1, 1);
  for (int64_t l = 0; l < p->k; l++) {
    bx[l] = 0;
    for (int64_t j = 0; j < p->n; j++) bx[l] += at_b(p, l, j) * x[j];
  }
  for (int64_t i = 0; i < p->m; i++) {
    double wanted = 0, found = 0, size = 0;
    for (int64_t l = 0; l < p->k; l++) wanted += at_a(p, i, l) * bx[l];
    for (int64_t j = 0; j < p->n; j++) {
      wanted += (double)beta * (double)p->before[i * p->n + j] * x[j];
      found += (double)p->c[i * p->n + j] * x[j];
      size += fabs((double)p->c[i * p->n + j] * x[j]);
    }
    error += (found - wanted) * (found - wanted);
    norm += size * size;
  }
  ck_assert_msg(sqrt(error / norm) < IDENTITY_TOLERANCE, "off by %g", sqrt(error / norm));
}

START_TEST(products_with_a_vector) {
  static const gemm both[] = {by_openblas, by_onednn, gan_gemm_reference};
  for (int which = 0; which < 3; which++)
    for (int forms = 0; forms < 8; forms++) {
      product p = make(_i, forms & 1, forms & 2);
      float beta = forms & 4 ? 1.0f : 0.0f;
      multiply(both[which], &p, beta);
      check_identity(&p, beta);
      release(&p);
    }
}
END_TEST

/* Element by element: a sum of k products, in any order, is off by k roundings of the sum of their
 * sizes at most (Higham, "Accuracy and stability", section 3.5). */
START_TEST(library_against_the_plain_one) {
  for (int forms = 0; forms < 16; forms++) {
    product fast = make(_i, forms & 1, forms & 2), plain = make(_i, forms & 1, forms & 2);
    float beta = forms & 4 ? 1.0f : 0.0f;
    multiply(forms & 8 ? by_onednn : by_openblas, &fast, beta);
    multiply(gan_gemm_reference, &plain, beta);
    for (int64_t i = 0; i < fast.m * fast.n; i++) {
      double size = (double)beta * fabs((double)fast.before[i]);
      for (int64_t l = 0; l < fast.k; l++)
        size += fabs(at_a(&fast, i / fast.n, l) * at_b(&fast, l, i % fast.n));
      double off = fabs((double)fast.c[i] - (double)plain.c[i]);
      if (!(off <= (double)(fast.k + 2) * ROUNDING * size))
        ck_abort_msg("element %d is off by %g of %g", (int)i, off, size);
    }
    release(&fast);
    release(&plain);
  }
}
END_TEST

/* With beta 0 what was there does not matter, even if it is no number: memory is used again. */
START_TEST(beta_0_overwrites) {
  static const gemm both[] = {by_openblas, by_onednn, gan_gemm_reference};
  for (size_t shape = 0; shape < sizeof shapes / sizeof *shapes; shape++) {
    product p = make((int)shape, false, true), clean = make((int)shape, false, true);
    for (int64_t i = 0; i < p.m * p.n; i++) p.c[i] = i % 2 ? NAN : INFINITY;
    multiply(both[_i], &p, 0.0f);
    multiply(both[_i], &clean, 0.0f);
    ck_assert_mem_eq(p.c, clean.c, (size_t)(p.m * p.n) * sizeof *p.c);
    release(&p);
    release(&clean);
  }
}
END_TEST

/* A number that is none shows in its whole row: the guards against divergence rely on it. */
START_TEST(nan_goes_through) {
  static const gemm both[] = {by_openblas, by_onednn, gan_gemm_reference};
  product p = make(10, false, true);
  p.a[3 * p.k + 5] = NAN;
  multiply(both[_i], &p, 0.0f);
  for (int64_t i = 0; i < p.m * p.n; i++)
    if (!isnan(p.c[i]) != (i / p.n != 3)) ck_abort_msg("element %d is %g", (int)i, (double)p.c[i]);
  release(&p);
}
END_TEST

START_TEST(same_call_same_bits) {
  for (size_t shape = 0; shape < sizeof shapes / sizeof *shapes; shape++) {
    product first = make((int)shape, true, false), again = make((int)shape, true, false);
    multiply(gan_gemm, &first, 0.0f);
    for (int i = 0; i < 5; i++) {
      multiply(gan_gemm, &again, 0.0f);
      ck_assert_mem_eq(first.c, again.c, (size_t)(first.m * first.n) * sizeof *first.c);
    }
    release(&first);
    release(&again);
  }
}
END_TEST

START_TEST(nothing_to_do) {
  float a[4] = {1, 2, 3, 4}, c[4] = {5, 6, 7, 8}, kept[4] = {5, 6, 7, 8};
  gan_gemm(false, true, 0, 2, 2, a, a, 0.0f, c);
  gan_gemm(false, true, 2, 0, 2, a, a, 0.0f, c);
  ck_assert_mem_eq(c, kept, sizeof c);
}
END_TEST

/* ---- what `mpigan bench` and --version read ---- */

static void note(void *context, const gan_gemm_call *call) {
  gan_gemm_call *calls = context;
  calls[0] = calls[1];
  calls[1] = *call;
}

START_TEST(calls_are_shown) {
  product p = make(4, true, false);
  gan_gemm_call calls[2] = {{0}};
  gan_gemm_observe(note, calls);
  multiply(gan_gemm, &p, 1.0f);
  gan_gemm_observe(NULL, NULL);
  multiply(gan_gemm, &p, 0.0f);
  const gan_gemm_call *call = &calls[1];
  ck_assert(call->transpose_a && !call->transpose_b && call->beta == 1.0f);
  ck_assert(call->m == p.m && call->n == p.n && call->k == p.k);
  ck_assert(call->a == p.a && call->b == p.b && call->c == p.c);
  ck_assert_ptr_null(calls[0].a);
  release(&p);
}
END_TEST

START_TEST(library_says_what_it_is) {
  char text[512], cut[8];
  gan_gemm_library(text, sizeof text);
  ck_assert_msg(strncmp(text, "OpenBLAS ", 9) == 0 && strstr(text, gan_gemm_processor()) &&
                    strstr(text, "libopenblas"),
                "%s", text);
  ck_assert_str_eq(gan_gemm_library(cut, sizeof cut), "OpenBLA");
}
END_TEST

int main(void) {
  const unit_test tests[] = {
      {products_with_a_vector, sizeof shapes / sizeof *shapes},
      {library_against_the_plain_one, sizeof shapes / sizeof *shapes},
      {beta_0_overwrites, 3},
      {nan_goes_through, 3},
      {same_call_same_bits, 1},
      {nothing_to_do, 1},
      {calls_are_shown, 1},
      {library_says_what_it_is, 1},
  };
  return UNIT_MAIN("gemm", tests);
}
