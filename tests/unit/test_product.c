/* The products of layers with a weight, by each library and in each precision: against convolution
 * by its definition, of operands that are rounded beforehand where the precision rounds them, so
 * that one tolerance, that of sums in floats, serves all. */
#include "base/memory.h"
#include "kernels/bf16.h"
#include "kernels/gemm.h"
#include "kernels/product.h"
#include "unit/support.h"

#include <math.h>
#include <string.h>

/* Sums of up to some thousand products in floats, against double. */
static const double TOLERANCE = 2e-6;

typedef struct {
  const char *name;
  int64_t samples; /* that the product is planned for */
  bool transposed;
  gan_convolution shape;
} product_row;

static const product_row rows[] = {
    {"linear", 40, false, {1, 1, 70, 1, 1, 50, 1, 1, 0, 1}},
    {"linear, many rows", 1030, false, {1, 1, 64, 1, 1, 40, 1, 1, 0, 1}},
    {"linear, few rows", 7, false, {1, 1, 96, 1, 1, 33, 1, 1, 0, 1}},
    {"linear, one row", 1, false, {1, 1, 64, 1, 1, 48, 1, 1, 0, 1}},
    {"linear, narrow", 50, false, {1, 1, 100, 1, 1, 1, 1, 1, 0, 1}},
    {"linear, ten", 50, false, {1, 1, 100, 1, 1, 10, 1, 1, 0, 1}},
    {"kernel 1", 3, false, {5, 4, 32, 5, 4, 48, 1, 1, 0, 1}},
    {"kernel as large as the image", 9, false, {4, 4, 16, 1, 1, 40, 4, 1, 0, 1}},
    {"the same, transposed", 9, true, {4, 4, 16, 1, 1, 40, 4, 1, 0, 1}},
    {"kernel 3", 5, false, {7, 6, 16, 7, 6, 32, 3, 1, 1, 1}},
    {"kernel 4, stride 2", 6, false, {8, 8, 20, 4, 4, 24, 4, 2, 1, 1}},
    {"kernel 4, stride 2, transposed", 6, true, {8, 8, 32, 4, 4, 16, 4, 2, 1, 1}},
    {"transposed, with output padding", 3, true, {8, 8, 16, 4, 4, 16, 3, 2, 1, 1}},
    {"three channels", 6, false, {8, 8, 3, 4, 4, 24, 4, 2, 1, 1}},
    {"three channels, transposed", 6, true, {8, 8, 3, 4, 4, 24, 4, 2, 1, 1}},
    {"one channel", 5, false, {9, 9, 1, 9, 9, 32, 3, 1, 1, 1}},
    {"to three channels", 4, false, {6, 6, 32, 6, 6, 3, 3, 1, 1, 1}},
    {"groups", 4, false, {6, 6, 32, 6, 6, 32, 3, 1, 1, 2}},
    {"padding beyond the kernel", 2, false, {4, 4, 16, 8, 8, 16, 1, 1, 2, 1}},
};

enum { ROWS = sizeof rows / sizeof *rows, GUARD = 16 };

typedef struct {
  gan_product product;
  gan_product_memory memory;
  int64_t large, small, weights; /* numbers, of all samples */
  float *x, *dy, *w, *made, *wanted, *begin;
} product_case;

static product_case make(const product_row *row, bool trains) {
  product_case c = {0};
  gan_product *product = &c.product;
  gan_product_plan(product, &row->shape, row->transposed, row->samples, trains);
  const gan_convolution *shape = &row->shape;
  c.large = row->samples * shape->h * shape->w * shape->c;
  c.small = row->samples * shape->out_h * shape->out_w * shape->out_c;
  c.weights = gan_convolution_weights(shape);
  int64_t most = c.large > c.small ? c.large : c.small;
  if (c.weights > most) most = c.weights;
  c.x = unit_floats(most);
  c.dy = unit_floats(most);
  c.w = unit_floats(c.weights);
  c.made = unit_floats(most + GUARD);
  c.wanted = unit_floats(most);
  c.begin = unit_floats(most + GUARD);
  for (int to = 0; to < GAN_PACKED_ORDERS; to++)
    c.memory.packed[to] = gan_alloc(product->packed_bytes[to] + 1, 1, "a packed weight");
  c.memory.copy = gan_alloc(product->copy_bytes * (size_t)row->samples + 1, 1, "a copy");
  c.memory.scratch = gan_alloc(product->scratch_bytes + 1, 1, "scratch");
  unit_fill(c.x, most, 1, -1, 1);
  unit_fill(c.dy, most, 2, -1, 1);
  unit_fill(c.w, c.weights, 3, -1, 1);
  unit_fill(c.begin, most + GUARD, 4, -1, 1); /* what is there must not matter */
  gan_product_pack(product, c.w, &c.memory);
  return c;
}

static void release(product_case *c) {
  float **const floats[] = {&c->x, &c->dy, &c->w, &c->made, &c->wanted, &c->begin};
  for (size_t i = 0; i < sizeof floats / sizeof *floats; i++) gan_free(floats[i]);
  for (int to = 0; to < GAN_PACKED_ORDERS; to++) gan_free(&c->memory.packed[to]);
  gan_free(&c->memory.copy);
  gan_free(&c->memory.scratch);
}

static void begin(product_case *c, int64_t n) {
  memcpy(c->made, c->begin, (size_t)(n + GUARD) * sizeof *c->made);
  memcpy(c->wanted, c->begin, (size_t)n * sizeof *c->made);
}

static void check(const product_row *row, const char *what, product_case *c, int64_t n) {
  double off = unit_float_distance(n, c->made, c->wanted);
  ck_assert_msg(off < TOLERANCE, "%s (%s): %s is off by %g", row->name,
                gan_product_text(&c->product), what, off);
  ck_assert_mem_eq(c->made + n, c->begin + n, GUARD * sizeof(float));
}

/* As the precision has it. */
static void round_numbers(const gan_product *product, int64_t n, float *x) {
  gan_bf16 *rounded = gan_alloc((size_t)n, sizeof *rounded, "rounded numbers");
  if (product->precision == GAN_PRECISION_BF16) {
    gan_bf16_round(n, x, rounded);
    gan_bf16_widen(n, rounded, x);
  }
  gan_free(&rounded);
}

typedef void (*definition)(const gan_convolution *, int64_t, const float *, const float *, float *);

/* All three, of so many samples. */
static void check_products(const product_row *row, product_case *c, int64_t samples) {
  const gan_product *product = &c->product;
  int64_t large = c->large / row->samples * samples, small = c->small / row->samples * samples;
  int64_t in = row->transposed ? small : large, out = row->transposed ? large : small;
  definition forward = row->transposed ? gan_convolve_back_reference : gan_convolve_reference;
  definition back = row->transposed ? gan_convolve_reference : gan_convolve_back_reference;
  float *x = unit_floats(in), *dy = unit_floats(out), *w = unit_floats(c->weights);
  /* what goes to the larger image may be in tiles, of operands as they are */
  bool exact = product->back_in_tiles, exact_y = exact && row->transposed;
  bool exact_dx = exact && !row->transposed;
  memcpy(x, c->x, (size_t)in * sizeof *x);
  memcpy(dy, c->dy, (size_t)out * sizeof *dy);
  memcpy(w, c->w, (size_t)c->weights * sizeof *w);
  round_numbers(product, in, x);
  round_numbers(product, out, dy);
  round_numbers(product, c->weights, w);
  begin(c, out);
  gan_product_forward(product, samples, c->x, c->w, &c->memory, c->made);
  forward(&row->shape, samples, exact_y ? c->x : x, exact_y ? c->w : w, c->wanted);
  check(row, "y", c, out);
  for (int adds = 0; adds < 2 && product->trains; adds++) {
    begin(c, c->weights);
    gan_product_backward(product, samples, c->x, c->dy, c->w, &c->memory, adds, c->made, NULL);
    gan_convolve_weights_reference(&row->shape, samples, row->transposed ? dy : x,
                                   row->transposed ? x : dy, adds, c->wanted);
    check(row, adds ? "dw, added" : "dw", c, c->weights);
  }
  if (product->trains) {
    begin(c, in);
    gan_product_backward(product, samples, c->x, c->dy, c->w, &c->memory, false, NULL, c->made);
    back(&row->shape, samples, exact_dx ? c->dy : dy, exact_dx ? c->w : w, c->wanted);
    check(row, "dx", c, in);
  }
  gan_free(&x);
  gan_free(&dy);
  gan_free(&w);
}

static const gan_compute choices[] = {{GAN_LIBRARY_OPENBLAS, GAN_PRECISION_FP32, false},
                                      {GAN_LIBRARY_ONEDNN, GAN_PRECISION_FP32, false},
                                      {GAN_LIBRARY_ONEDNN, GAN_PRECISION_FP32, true},
                                      {GAN_LIBRARY_ONEDNN, GAN_PRECISION_BF16, false},
                                      {GAN_LIBRARY_ONEDNN, GAN_PRECISION_BF16, true}};

enum { CHOICES = sizeof choices / sizeof *choices };

/* bf16 is emulated where the processor lacks it. */
static bool choose(int i) {
  bool bf16 = choices[i].precision == GAN_PRECISION_BF16;
  if (!gan_compute_has(choices[i].library, GAN_PRECISION_FP32)) return false;
  if (bf16 && !gan_compute_has_emulated(choices[i].library)) return false;
  gan_compute_set(choices[i]);
  return true;
}

START_TEST(as_defined) {
  for (int i = 0; i < CHOICES; i++)
    for (int trains = 0; choose(i) && trains < 2; trains++) {
      product_case c = make(&rows[_i], trains);
      check_products(&rows[_i], &c, rows[_i].samples);
      check_products(&rows[_i], &c, (rows[_i].samples + 1) / 2); /* another number than planned */
      release(&c);
    }
}
END_TEST

/* Packed in the order of the plan's threads, whatever threads are at work when it is packed or
 * used. */
START_TEST(other_threads_than_planned) {
  for (int i = 0; i < CHOICES && choose(i); i++)
    for (int planned = 1; planned <= 3; planned++) {
      gan_gemm_set_threads(planned);
      product_case c = make(&rows[_i], true);
      gan_gemm_set_threads(4 - planned);
      check_products(&rows[_i], &c, rows[_i].samples);
      gan_product_pack(&c.product, c.w, &c.memory);
      gan_gemm_set_threads(planned);
      check_products(&rows[_i], &c, rows[_i].samples);
      release(&c);
    }
  gan_gemm_set_threads(1);
}
END_TEST

/* The same product twice, and from memory elsewhere: the same bits. */
START_TEST(the_same_bits_again) {
  for (int i = 0; i < CHOICES && choose(i); i++) {
    product_case a = make(&rows[_i], true), b = make(&rows[_i], true);
    int64_t out = rows[_i].transposed ? a.large : a.small;
    gan_product_forward(&a.product, rows[_i].samples, a.x, a.w, &a.memory, a.made);
    gan_product_forward(&b.product, rows[_i].samples, b.x, b.w, &b.memory, b.made);
    ck_assert_mem_eq(a.made, b.made, (size_t)out * sizeof(float));
    for (int k = 0; k < 2; k++) {
      product_case *c = k ? &b : &a;
      gan_product_backward(&c->product, rows[_i].samples, c->x, c->dy, c->w, &c->memory, false,
                           c->made, NULL);
    }
    ck_assert_mem_eq(a.made, b.made, (size_t)a.weights * sizeof(float));
    release(&a);
    release(&b);
  }
}
END_TEST

#define TILES     "unfolded in tiles"
#define CONVOLVED "oneDNN's convolution"
#define HALF      CONVOLVED "; back in tiles"
#define HALF_BF16 CONVOLVED ", bf16; back in tiles"

/* The rule is by shape: who takes what. */
START_TEST(the_rule) {
  static const struct {
    const char *name;
    const char *by[CHOICES];
  } wanted[] = {
      {"linear", {"OpenBLAS", "oneDNN", "oneDNN", "oneDNN, bf16", "oneDNN, bf16"}},
      {"linear, narrow", {"OpenBLAS", "OpenBLAS", "oneDNN", "OpenBLAS", "oneDNN, bf16"}},
      {"linear, ten", {"OpenBLAS", "OpenBLAS", "oneDNN", "oneDNN, bf16", "oneDNN, bf16"}},
      {"three channels", {TILES, HALF, CONVOLVED, HALF_BF16, CONVOLVED ", bf16"}},
      {"to three channels", {TILES, TILES, CONVOLVED, TILES, CONVOLVED ", bf16"}},
      {"groups", {TILES, TILES, TILES, TILES, TILES}},
      {"kernel 3", {TILES, CONVOLVED, CONVOLVED, CONVOLVED ", bf16", CONVOLVED ", bf16"}},
  };
  for (size_t k = 0; k < sizeof wanted / sizeof *wanted; k++) {
    int r = 0;
    while (strcmp(rows[r].name, wanted[k].name) != 0) r++;
    for (int i = 0; i < CHOICES && choose(i); i++) {
      gan_product product;
      gan_product_plan(&product, &rows[r].shape, rows[r].transposed, rows[r].samples, true);
      ck_assert_str_eq(gan_product_text(&product), wanted[k].by[i]);
    }
  }
}
END_TEST

/* Nearest, ties to even; and what is no number. */
START_TEST(rounding) {
  static const struct {
    uint32_t from;
    gan_bf16 to;
  } cases[] = {{0, 0},
               {0x80000000, 0x8000},
               {0x3f800000, 0x3f80},
               {0x3f808000, 0x3f80}, /* halfway: to even, down */
               {0x3f818000, 0x3f82}, /* and up */
               {0x3f808001, 0x3f81},
               {0x3f807fff, 0x3f80},
               {0x7f7fffff, 0x7f80}, /* beyond the largest: infinite */
               {0x7f800000, 0x7f80},
               {0xff800000, 0xff80},
               {0x00000001, 0x0000},
               {0x00008001, 0x0001}};
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    float x, back;
    gan_bf16 y;
    memcpy(&x, &cases[i].from, sizeof x);
    gan_bf16_round(1, &x, &y);
    ck_assert_msg(y == cases[i].to, "%08x gives %04x", cases[i].from, y);
    gan_bf16_widen(1, &y, &back);
    uint32_t bits;
    memcpy(&bits, &back, sizeof bits);
    ck_assert_uint_eq(bits, (uint32_t)y << 16);
  }
  static const uint32_t nans[] = {0x7f800001, 0xff800001, 0x7fffffff, 0xffffffff, 0x7fc00000};
  for (size_t i = 0; i < sizeof nans / sizeof *nans; i++) {
    float x;
    gan_bf16 y;
    memcpy(&x, &nans[i], sizeof x);
    gan_bf16_round(1, &x, &y);
    gan_bf16_widen(1, &y, &x);
    ck_assert_msg(isnan(x), "%08x gives a number", nans[i]);
  }
}
END_TEST

int main(void) {
  const unit_test tests[] = {{as_defined, ROWS},
                             {other_threads_than_planned, ROWS},
                             {the_same_bits_again, ROWS},
                             {the_rule, 1},
                             {rounding, 1}};
  return UNIT_MAIN("product", tests);
}
