/* Products that bench plays again: what a step called is recorded, played by whom it was called,
 * and counted; a layer's products by several choices give the same numbers, by what each says. */
#include "base/memory.h"
#include "bench/layers.h"
#include "bench/products.h"
#include "unit/support.h"

#include <math.h>
#include <omp.h>
#include <string.h>

/* Sums of up to some hundred products in floats; and of operands rounded to bf16, 8 bits. */
static const double TOLERANCE[] = {1e-5, 2e-2};

/* ---- a step's ---- */

enum { TEAM = 2, N = 4 };

static const float a[N] = {1, 2, 3, 4}, b[N] = {1, 1, 1, 1};
static float results[3];
static int runs[TEAM]; /* calls that each thread has made */

static void multiply(float *result) {
  gan_gemm(false, false, 1, 1, N, a, b, 1.0f, result); /* += 10 */
}

static void count_run(void *context, const gan_gemm_call *call) {
  (void)context;
  (void)call;
  GAN_ASSERT(omp_get_thread_num() < TEAM);
#pragma omp atomic
  runs[omp_get_thread_num()]++;
}

/* A product on its own in phase 0; then one by each thread of a team in phase 1. */
static gan_status step(gan_task *task) {
  task->phase = 0;
  multiply(&results[0]);
  task->phase = 1;
#pragma omp parallel for schedule(static) num_threads(TEAM)
  for (int i = 0; i < TEAM; i++) multiply(&results[1 + i]);
  return GAN_OK;
}

static void check_results(float first, float others) {
  ck_assert_float_eq(results[0], first);
  ck_assert_float_eq(results[1], others);
  ck_assert_float_eq(results[2], others);
  memset(results, 0, sizeof results);
}

START_TEST(a_step_is_played_again) {
  const gan_task_type type = {.name = "made up", .step = step};
  gan_task task = {.type = &type, .comm = gan_comm_alone()};
  gan_step_products products;
  memset(results, 0, sizeof results);
  check_ok(gan_products_record(&task, &products));
  check_results(20, 20); /* two steps */
  ck_assert_int_eq(gan_products_count(&products, -1), 3);
  ck_assert_int_eq(gan_products_count(&products, 0), 1);
  ck_assert_int_eq(gan_products_count(&products, 1), 2);
  ck_assert_int_eq(gan_products_count(&products, 2), 0);
  ck_assert_double_eq(gan_products_flops(&products, 1), 2 * 2 * N);
  gan_gemm_observe(count_run, NULL);
  gan_products_play(&products, 1);
  check_results(0, 10);
  ck_assert(runs[0] == 1 && runs[1] == 1);
  gan_products_play(&products, 0);
  check_results(10, 0);
  ck_assert(runs[0] == 2 && runs[1] == 1);
  gan_products_play(&products, -1);
  check_results(10, 10);
  gan_gemm_observe(NULL, NULL);
  gan_products_reset(&products);
}
END_TEST

/* 3 samples, 2x2 pixels and 5 channels out, each the sum of 4x4x3 products. */
START_TEST(operations_of_a_convolution) {
  const gan_convolution shape = {4, 4, 3, 2, 2, 5, 4, 2, 1, 1},
                        groups = {4, 4, 6, 2, 2, 4, 4, 2, 1, 2};
  ck_assert_double_eq(gan_convolution_flops(&shape, 3), 2 * 3 * 2 * 2 * 5 * 4 * 4 * 3);
  ck_assert_double_eq(gan_convolution_flops(&groups, 1), 2 * 2 * 2 * 4 * 4 * 4 * 3);
}
END_TEST

/* ---- a layer's ---- */

enum { OPENBLAS, ONEDNN, RULE, BF16, CHOICES };

static const gan_compute choices[CHOICES] = {
    [OPENBLAS] = {GAN_LIBRARY_OPENBLAS, GAN_PRECISION_FP32, false},
    [ONEDNN] = {GAN_LIBRARY_ONEDNN, GAN_PRECISION_FP32, true},
    [RULE] = {GAN_LIBRARY_ONEDNN, GAN_PRECISION_FP32, false},
    [BF16] = {GAN_LIBRARY_ONEDNN, GAN_PRECISION_BF16, true},
};

/* Those that there are, which are the first. */
static int choice_count(void) {
  if (!gan_compute_has(GAN_LIBRARY_ONEDNN, GAN_PRECISION_FP32)) return 1;
  return gan_compute_has_emulated(GAN_LIBRARY_ONEDNN) ? CHOICES : BF16;
}

static const struct {
  bool transposed;
  gan_convolution shape;
  const char *kernels[CHOICES]; /* forward */
  bool same;                    /* whether the rule comes to what oneDNN does anyway */
} layers[] = {
    {false, {1, 1, 70, 1, 1, 50, 1, 1, 0, 1}, {"plain", "plain", "plain", "plain"}, true},
    {false, {1, 1, 70, 1, 1, 9, 1, 1, 0, 1}, {"plain", "plain", "plain", "plain"}, false},
    {false,
     {6, 6, 16, 6, 6, 20, 3, 1, 1, 1},
     {"unfolded", "convolution", "convolution", "convolution"},
     true},
    {true,
     {8, 8, 3, 4, 4, 48, 4, 2, 1, 1},
     {"unfolded", "convolution", "unfolded", "convolution"},
     false},
};

enum { LAYERS = sizeof layers / sizeof *layers, SAMPLES = 40 };

static int64_t result_size(const gan_product *product, gan_part part) {
  const gan_convolution *shape = &product->shape;
  bool large = (part == GAN_PART_FORWARD) == product->transposed;
  if (part == GAN_PART_WEIGHT) return gan_convolution_weights(shape);
  return SAMPLES *
         (large ? shape->h * shape->w * shape->c : shape->out_h * shape->out_w * shape->out_c);
}

/* Every choice writes the whole result, and the same one but for rounding. */
static void check_part(const gan_layer_products *products, const gan_product *product,
                       gan_part part) {
  int64_t n = result_size(product, part);
  float *wanted = unit_floats(n);
  for (int c = 0; c < products->count; c++) {
    gan_precision precision = products->choices[c].kernels[part].precision;
    for (int64_t i = 0; i < n; i++) products->made[i] = NAN;
    gan_layer_products_run(products, c, part);
    if (c == OPENBLAS) memcpy(wanted, products->made, (size_t)n * sizeof *wanted);
    double off = unit_float_distance(n, products->made, wanted);
    ck_assert_msg(off <= TOLERANCE[precision], "choice %d is off by %g", c, off);
    if (c > OPENBLAS && precision == GAN_PRECISION_BF16) ck_assert(off > TOLERANCE[0]);
  }
  gan_free(&wanted);
}

START_TEST(a_layer_by_every_choice) {
  gan_layer_products products;
  const gan_product product = {
      .shape = layers[_i].shape, .transposed = layers[_i].transposed, .samples = SAMPLES};
  check_ok(gan_layer_products_open(&product, choices, choice_count(), &products));
  for (int c = 0; c < products.count; c++) {
    gan_product_kernel kernel = products.choices[c].kernels[GAN_PART_FORWARD];
    ck_assert_str_eq(gan_product_kernel_text(kernel), layers[_i].kernels[c]);
    if (c != RULE) ck_assert(kernel.onednn == (c != OPENBLAS));
    ck_assert((kernel.precision == GAN_PRECISION_BF16) == (c == BF16));
  }
  if (products.count > RULE)
    ck_assert(gan_product_kernel_same(products.choices[ONEDNN].kernels[GAN_PART_FORWARD],
                                      products.choices[RULE].kernels[GAN_PART_FORWARD]) ==
              layers[_i].same);
  for (int part = 0; part < GAN_PARTS; part++) check_part(&products, &product, (gan_part)part);
  gan_layer_products_reset(&products);
  gan_compute_set((gan_compute){.library = GAN_LIBRARY_AUTO});
}
END_TEST

int main(void) {
  const unit_test tests[] = {{a_step_is_played_again, 1},
                             {operations_of_a_convolution, 1},
                             {a_layer_by_every_choice, LAYERS}};
  return UNIT_MAIN("bench_products", tests);
}
