/* Shared work: every block is done once, and every kernel gives the same bits whatever the number
 * of threads, over sizes that no number of threads divides. */
#include "base/blocks.h"
#include "base/memory.h"
#include "base/thread.h"
#include "kernels/matrix.h"
#include "kernels/maxout.h"
#include "kernels/normalise.h"
#include "kernels/pointwise.h"
#include "kernels/pool.h"
#include "kernels/rownorm.h"
#include "kernels/softmax.h"
#include "kernels/update.h"
#include "kernels/upsample.h"
#include "task/generate.h"
#include "unit/support.h"

#include <omp.h>
#include <string.h>

/* Rows by columns; all but the first are large enough to be shared, some along their rows only. */
static const struct {
  int64_t rows, c;
} shapes[] = {{7, 5}, {1, 40001}, {129, 521}, {1201, 67}, {20011, 3}, {40009, 1}};

enum { SHAPES = sizeof shapes / sizeof *shapes };

static const int threads[] = {2, 3, 5};

/* ---- kernels ---- */

/* What a kernel reads, what it may change, and sums that it returns. */
typedef struct {
  int64_t rows, c, n;
  const float *x, *y;       /* (n) */
  const float *a, *b;       /* (c) */
  const float *s, *t;       /* (rows) */
  float *out, *more, *rest; /* (4 n) each: upsampling makes larger images */
  double *sums, *squares;   /* (n) */
  int32_t *from;            /* (n) */
  uint8_t *keep;            /* (n) */
  double total;
} kernel_case;

static const gan_adam_step adam = {.beta1 = 0.5f,
                                   .beta2 = 0.9f,
                                   .eps = 1e-8f,
                                   .rest1 = 0.5f,
                                   .rest2 = 0.1f,
                                   .step_size = 1e-3f,
                                   .root_bias_correction = 0.9f,
                                   .keep = 0.99f};

static const gan_sgd_step sgd = {
    .momentum = 0.9f, .of_gradient = 1, .of_velocity = 0.9f, .lr = 1e-3f};

static const gan_rmsprop_step rmsprop = {
    .alpha = 0.9f, .rest = 0.1f, .eps = 1e-8f, .momentum = 0.9f, .lr = 1e-3f};

static const gan_gradient_step gradient = {.scale = 0.5f, .decay = 0.01f};

/* A row as an image of one line: windows of three, one apart. */
static gan_window window_of(const kernel_case *k) {
  return (gan_window){
      .h = 1, .w = k->c, .c = 1, .kernel = 3, .stride = 1, .padding = 1, .out_h = 1, .out_w = k->c};
}

static gan_enlargement enlargement_of(const kernel_case *k) {
  return (gan_enlargement){.h = 1, .w = k->c, .c = 1, .scale = 2};
}

static void leaky_relu(kernel_case *k) {
  gan_leaky_relu(k->n, 0.2f, k->x, k->out);
}
static void relu(kernel_case *k) {
  gan_leaky_relu(k->n, 0, k->x, k->out);
}
static void leaky_relu_backward(kernel_case *k) {
  gan_leaky_relu_backward(k->n, 0.2f, k->x, k->y, k->out);
}
static void exponential(kernel_case *k) {
  gan_exp(k->n, k->x, k->out);
}
static void sigmoid(kernel_case *k) {
  gan_sigmoid(k->n, k->x, k->out);
}
static void sigmoid_backward(kernel_case *k) {
  gan_sigmoid_backward(k->n, k->x, k->y, k->out);
}
static void silu(kernel_case *k) {
  gan_silu(k->n, k->x, k->out);
}
static void silu_backward(kernel_case *k) {
  gan_silu_backward(k->n, k->x, k->y, k->out);
}
static void tangent(kernel_case *k) {
  gan_tanh(k->n, k->x, k->out);
}
static void tanh_backward(kernel_case *k) {
  gan_tanh_backward(k->n, k->x, k->y, k->out);
}
static void add(kernel_case *k) {
  gan_add(k->n, k->x, k->out);
}
static void tanh_in_place(kernel_case *k) {
  gan_tanh(k->n, k->out, k->out);
}
static void add_bias(kernel_case *k) {
  gan_add_bias(k->rows, k->c, k->a, k->out);
}
static void scale(kernel_case *k) {
  gan_scale(k->n, 0.3f, k->x, k->out);
}
static void scale_and_add(kernel_case *k) {
  gan_scale_and_add(k->n, 0.3f, k->x, k->out);
}
static void mask(kernel_case *k) {
  gan_mask(k->n, 2, k->keep, k->x, k->out);
}
static void transpose(kernel_case *k) {
  gan_transpose(k->rows, k->c, 1, k->x, k->out);
}

static void adam_update(kernel_case *k) {
  gan_adam_update(k->n, &adam, &gradient, k->x, k->out, k->more, k->rest);
}
static void sgd_update(kernel_case *k) {
  gan_sgd_update(k->n, &sgd, &gradient, k->x, k->out, k->more);
}
static void rmsprop_update(kernel_case *k) {
  gan_rmsprop_update(k->n, &rmsprop, &gradient, k->x, k->out, k->more, k->rest);
}
static void cut(kernel_case *k) {
  gan_cut(k->n, 0.1f, k->out);
}
static void squares(kernel_case *k) {
  k->total = gan_sum_of_squares(k->n, k->x);
}
static void dot(kernel_case *k) {
  k->total = gan_dot(k->n, k->x, k->y);
}
static void matrix_vector(kernel_case *k) {
  gan_matrix_vector(k->rows, k->c, k->x, k->a, k->out);
}
static void vector_matrix(kernel_case *k) {
  gan_vector_matrix(k->rows, k->c, k->x, k->s, k->out);
}
static void rank_one(kernel_case *k) {
  gan_rank_one(k->rows, k->c, 0.5f, k->x, 0.7f, k->s, k->a, 1, k->out);
}

static void moments(kernel_case *k) {
  gan_column_moments(k->rows, k->c, k->x, k->a, k->sums, k->squares);
}
static void column_sums(kernel_case *k) {
  gan_column_sums(k->rows, k->c, k->x, 1, k->out);
}
static void normalise(kernel_case *k) {
  gan_normalise(k->rows, k->c, k->x, k->a, k->b, k->a, k->b, k->out);
}
static void normalise_sums(kernel_case *k) {
  gan_normalise_backward_sums(k->rows, k->c, k->x, k->y, k->a, k->b, k->sums, k->squares);
}
static void normalise_backward(kernel_case *k) {
  gan_normalise_backward(k->rows, k->c, k->x, k->y, k->a, k->b, k->a, k->b, k->a, k->out);
}

static void layer_norm(kernel_case *k) {
  gan_layer_norm(k->rows, k->c, 1e-5, k->x, k->a, k->b, k->more, k->rest, k->out);
}
static void layer_norm_backward(kernel_case *k) {
  gan_layer_norm_backward(k->rows, k->c, k->x, k->y, k->a, k->s, k->t, k->out);
}
static void layer_norm_weights(kernel_case *k) {
  gan_layer_norm_weights(k->rows, k->c, k->x, k->y, k->s, k->t, 1, k->out, k->more);
}
static void pixel_norm(kernel_case *k) {
  gan_pixel_norm(k->rows, k->c, 1e-8, k->x, k->out);
}
static void pixel_norm_backward(kernel_case *k) {
  gan_pixel_norm_backward(k->rows, k->c, 1e-8, k->x, k->y, k->out);
}
static void softmax(kernel_case *k) {
  gan_softmax(k->rows, k->c, k->out);
}
static void softmax_backward(kernel_case *k) {
  k->total = gan_softmax_backward(k->rows, k->c, 0.5f, k->x, k->out);
}

static void average_pool(kernel_case *k) {
  gan_window window = window_of(k);
  gan_average_pool(k->rows, &window, k->x, k->out);
}
static void average_pool_backward(kernel_case *k) {
  gan_window window = window_of(k);
  gan_average_pool_backward(k->rows, &window, k->x, k->out);
}
static void max_pool(kernel_case *k) {
  gan_window window = window_of(k);
  gan_max_pool(k->rows, &window, k->x, k->out, k->from);
  gan_max_pool_backward(k->rows, &window, k->from, k->y, k->more);
}
static void maxout(kernel_case *k) {
  gan_maxout(1, k->n / 3, 3, k->x, k->out, k->keep);
  gan_maxout_backward(1, k->n / 3, 3, k->keep, k->y, k->more);
}
static void nearest(kernel_case *k) {
  gan_enlargement by = enlargement_of(k);
  gan_upsample_nearest(k->rows, &by, k->x, k->out);
  gan_upsample_nearest_backward(k->rows, &by, k->out, k->more);
}
static void bilinear(kernel_case *k) {
  gan_enlargement by = enlargement_of(k);
  gan_upsample_bilinear(k->rows, &by, k->x, k->out);
  gan_upsample_bilinear_backward(k->rows, &by, k->out, k->more);
}
static void latent(kernel_case *k) {
  gan_rng rng = gan_rng_stream(1, GAN_RNG_LATENT, 0, 0, 0);
  gan_latent_fill(GAN_LATENT_NORMAL, rng, 3, 5, k->rows, k->c, k->out);
}

static const struct {
  const char *name;
  void (*run)(kernel_case *k);
} kernels[] = {
    {"leaky_relu", leaky_relu},
    {"relu", relu},
    {"leaky_relu_backward", leaky_relu_backward},
    {"exp", exponential},
    {"sigmoid", sigmoid},
    {"sigmoid_backward", sigmoid_backward},
    {"silu", silu},
    {"silu_backward", silu_backward},
    {"tanh", tangent},
    {"tanh in place", tanh_in_place},
    {"tanh_backward", tanh_backward},
    {"add", add},
    {"add_bias", add_bias},
    {"scale", scale},
    {"scale_and_add", scale_and_add},
    {"mask", mask},
    {"transpose", transpose},
    {"adam_update", adam_update},
    {"sgd_update", sgd_update},
    {"rmsprop_update", rmsprop_update},
    {"cut", cut},
    {"sum_of_squares", squares},
    {"dot", dot},
    {"matrix_vector", matrix_vector},
    {"vector_matrix", vector_matrix},
    {"rank_one", rank_one},
    {"column_moments", moments},
    {"column_sums", column_sums},
    {"normalise", normalise},
    {"normalise_backward_sums", normalise_sums},
    {"normalise_backward", normalise_backward},
    {"layer_norm", layer_norm},
    {"layer_norm_backward", layer_norm_backward},
    {"layer_norm_weights", layer_norm_weights},
    {"pixel_norm", pixel_norm},
    {"pixel_norm_backward", pixel_norm_backward},
    {"softmax", softmax},
    {"softmax_backward", softmax_backward},
    {"average_pool", average_pool},
    {"average_pool_backward", average_pool_backward},
    {"max_pool", max_pool},
    {"maxout", maxout},
    {"upsample_nearest", nearest},
    {"upsample_bilinear", bilinear},
    {"latent_fill", latent},
};

enum { KERNELS = sizeof kernels / sizeof *kernels };

static float *filled(int64_t n, uint64_t seed, double low) {
  float *x = unit_floats(n);
  unit_fill(x, n, seed, low, 2);
  return x;
}

static kernel_case make(int64_t rows, int64_t c) {
  int64_t n = rows * c;
  kernel_case k = {.rows = rows, .c = c, .n = n};
  k.x = filled(n, 1, -2);
  k.y = filled(n, 2, -2);
  k.a = filled(c, 4, 0.1);
  k.b = filled(c, 5, 0.1);
  k.s = filled(rows, 6, 0.1);
  k.t = filled(rows, 7, 0.1);
  k.out = unit_floats(4 * n);
  k.more = unit_floats(4 * n);
  k.rest = unit_floats(4 * n);
  k.sums = gan_alloc((size_t)n, sizeof *k.sums, "a test");
  k.squares = gan_alloc((size_t)n, sizeof *k.squares, "a test");
  k.from = gan_alloc((size_t)n, sizeof *k.from, "a test");
  k.keep = gan_alloc((size_t)n, sizeof *k.keep, "a test");
  for (int64_t i = 0; i < n; i++) k.keep[i] = i % 3 != 0;
  return k;
}

/* What kernels change, as it was. */
static void restore(kernel_case *k) {
  for (int64_t i = 0; i < k->n; i++) {
    k->out[i] = k->y[i] + 3;
    k->more[i] = k->x[i] * k->x[i];
    k->rest[i] = k->x[i] + 1;
    k->sums[i] = k->squares[i] = 0;
    k->from[i] = 0;
  }
  size_t behind = 3 * (size_t)k->n * sizeof(float);
  memset(k->out + k->n, 0, behind);
  memset(k->more + k->n, 0, behind);
  memset(k->rest + k->n, 0, behind);
  k->total = 0;
}

static void release(kernel_case *k) {
  void *all[] = {&k->x,    &k->y,    &k->a,    &k->b,       &k->s,    &k->t,   &k->out,
                 &k->more, &k->rest, &k->sums, &k->squares, &k->from, &k->keep};
  for (size_t i = 0; i < sizeof all / sizeof *all; i++) gan_free(all[i]);
}

static void check_same(const kernel_case *many, const kernel_case *one, const char *name,
                       int count) {
  size_t n = (size_t)one->n, floats = 4 * n * sizeof(float), doubles = n * sizeof(double);
  bool same =
      memcmp(many->out, one->out, floats) == 0 && memcmp(many->more, one->more, floats) == 0 &&
      memcmp(many->rest, one->rest, floats) == 0 && memcmp(many->sums, one->sums, doubles) == 0 &&
      memcmp(many->squares, one->squares, doubles) == 0 &&
      memcmp(many->from, one->from, n * sizeof *one->from) == 0 &&
      memcmp(&many->total, &one->total, sizeof one->total) == 0;
  ck_assert_msg(same, "%s of %lld x %lld: %d threads give other bits than one", name,
                (long long)one->rows, (long long)one->c, count);
}

static void run_on(int count, int kernel, kernel_case *k) {
  restore(k);
  gan_blocks_set_threads(count);
  kernels[kernel].run(k);
}

START_TEST(threads_give_the_same_bits) {
  kernel_case one = make(shapes[_i].rows, shapes[_i].c);
  kernel_case many = make(shapes[_i].rows, shapes[_i].c);
  for (int kernel = 0; kernel < KERNELS; kernel++) {
    run_on(1, kernel, &one);
    for (size_t t = 0; t < sizeof threads / sizeof *threads; t++) {
      run_on(threads[t], kernel, &many);
      check_same(&many, &one, kernels[kernel].name, threads[t]);
    }
  }
  release(&one);
  release(&many);
}
END_TEST

/* Sums in blocks are still sums: doubles of which each rounding is 2^-53 of less than the sum of
 * magnitudes. */
static const double IN_DOUBLE = 1e-12;

START_TEST(sums_are_sums) {
  kernel_case k = make(9001, 130);
  double square = 0, product = 0, column = 0, magnitude = 0;
  for (int64_t i = 0; i < k.n; i++) {
    square += (double)k.x[i] * (double)k.x[i];
    product += (double)k.x[i] * (double)k.y[i];
    if (i % k.c == 70) column += (double)k.x[i] - (double)k.a[70];
    if (i % k.c == 70) magnitude += 2;
  }
  gan_blocks_set_threads(3);
  squares(&k);
  ck_assert_double_eq_tol(k.total, square, IN_DOUBLE * square);
  dot(&k);
  ck_assert_double_eq_tol(k.total, product, IN_DOUBLE * square);
  moments(&k);
  ck_assert_double_eq_tol(k.sums[70], column, IN_DOUBLE * magnitude);
  release(&k);
}
END_TEST

/* ---- the mechanism ---- */

enum { ITEMS = 100003 };

typedef struct {
  uint8_t *done;   /* (ITEMS): how often */
  uint8_t *worker; /* (ITEMS): who did it */
} log_of_work;

static void note(log_of_work *log, int64_t at, int64_t count) {
  for (int64_t i = at; i < at + count; i++) {
    log->done[i]++;
    log->worker[i] = (uint8_t)omp_get_thread_num();
  }
}

/* How many threads took part; every item must be done once. */
static int share(log_of_work *log, int64_t cost) {
  int workers = 0;
  bool seen[256] = {false};
  memset(log->done, 0, ITEMS);
  GAN_FOR_BLOCKS(at, count, ITEMS, cost, note(log, at, count));
  for (int64_t i = 0; i < ITEMS; i++) {
    if (log->done[i] != 1) ck_abort_msg("item %lld is done %d times", (long long)i, log->done[i]);
    workers += !seen[log->worker[i]];
    seen[log->worker[i]] = true;
  }
  return workers;
}

static log_of_work make_log(void) {
  log_of_work log = {.done = gan_alloc(ITEMS, 1, "a test"),
                     .worker = gan_alloc(ITEMS, 1, "a test")};
  return log;
}

static void release_log(log_of_work *log) {
  gan_free(&log->done);
  gan_free(&log->worker);
}

START_TEST(blocks_are_shared) {
  static const int64_t costs[] = {1, 7, 5000};
  log_of_work log = make_log();
  ck_assert_int_eq(share(&log, 1), 1); /* nobody has been given */
  for (int t = 1; t <= 5; t++)
    for (int c = 0; c < 3; c++) {
      gan_blocks_set_threads(t);
      ck_assert_int_eq(share(&log, costs[c]), t);
    }
  release_log(&log);
}
END_TEST

START_TEST(small_and_nested_work_is_not) {
  int inside[2] = {0, 0};
  gan_blocks_set_threads(2);
  ck_assert_int_eq(gan_blocks_threads(GAN_SHARED_WORK), 2);
  ck_assert_int_eq(gan_blocks_threads(GAN_SHARED_WORK - 1), 1);
#pragma omp parallel num_threads(2)
  inside[omp_get_thread_num()] = gan_blocks_threads(GAN_SHARED_WORK);
  ck_assert_int_eq(inside[0], 1);
  ck_assert_int_eq(inside[1], 1);
}
END_TEST

static void *ask(void *data) {
  *(int *)data = gan_blocks_threads(GAN_SHARED_WORK);
  return NULL;
}

/* Readers ahead and the checkpoints' writer keep to themselves. */
START_TEST(other_threads_work_alone) {
  pthread_t thread;
  int found = 0;
  gan_blocks_set_threads(2);
  check_ok(gan_thread_start(&thread, ask, &found));
  pthread_join(thread, NULL);
  ck_assert_int_eq(found, 1);
}
END_TEST

int main(void) {
  const unit_test tests[] = {
      {threads_give_the_same_bits, SHAPES},
      {sums_are_sums, 1},
      {blocks_are_shared, 1},
      {small_and_nested_work_is_not, 1},
      {other_threads_work_alone, 1},
  };
  return UNIT_MAIN("blocks", tests);
}
