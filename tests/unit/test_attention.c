/* Softmax, and self attention where its result is known. */
#include "base/memory.h"
#include "kernels/softmax.h"
#include "unit/support.h"

#include <math.h>
#include <string.h>

static const gan_shape any = {0, 0, 0};

/* A few roundings of a float (2^-24), and exp's own 1e-7, of numbers up to 1. */
static const double FLOAT_TOLERANCE = 5e-7;

/* ---- softmax ---- */

/* Rows around the 16 lanes of a sum. */
static const struct {
  int64_t rows, n;
  double size; /* of what goes in */
} shapes[] = {{1, 1, 3},    {3, 2, 1},  {2, 15, 80}, {5, 16, 5},
              {4, 17, 1e4}, {3, 65, 2}, {7, 130, 30}};

enum { SHAPES = sizeof shapes / sizeof *shapes, MOST = 7 * 130 };

static void softmax_of(int64_t n, const float *x, double *y) {
  double largest = (double)x[0], sum = 0;
  for (int64_t i = 1; i < n; i++) largest = fmax(largest, (double)x[i]);
  for (int64_t i = 0; i < n; i++) sum += y[i] = exp((double)x[i] - largest);
  for (int64_t i = 0; i < n; i++) y[i] /= sum;
}

START_TEST(softmax) {
  int64_t rows = shapes[_i].rows, n = shapes[_i].n;
  float x[MOST], y[MOST];
  double wanted[MOST];
  unit_fill(x, rows * n, 1, -shapes[_i].size, shapes[_i].size);
  memcpy(y, x, sizeof y);
  gan_softmax(rows, n, y);
  for (int64_t r = 0; r < rows; r++) softmax_of(n, x + r * n, wanted + r * n);
  for (int64_t i = 0; i < rows * n; i++)
    if (!(fabs((double)y[i] - wanted[i]) <= FLOAT_TOLERANCE * (1 + shapes[_i].size * wanted[i])))
      ck_abort_msg("number %d is %g, not %g", (int)i, (double)y[i], wanted[i]);
}
END_TEST

START_TEST(softmax_backward) {
  int64_t rows = shapes[_i].rows, n = shapes[_i].n;
  float y[MOST], dy[MOST], dx[MOST];
  double total = 0;
  unit_fill(y, rows * n, 1, -1, 1);
  gan_softmax(rows, n, y);
  unit_fill(dy, rows * n, 2, -1, 1);
  memcpy(dx, dy, sizeof dx);
  double found = gan_softmax_backward(rows, n, 1.5f, y, dx);
  for (int64_t r = 0; r < rows; r++) {
    double sum = 0;
    for (int64_t i = r * n; i < (r + 1) * n; i++) sum += (double)y[i] * (double)dy[i];
    total += sum;
    for (int64_t i = r * n; i < (r + 1) * n; i++)
      ck_assert_double_eq_tol((double)dx[i], 1.5 * (double)y[i] * ((double)dy[i] - sum),
                              2 * FLOAT_TOLERANCE);
  }
  ck_assert_double_eq_tol(found, total, 1e-12); /* double, in another order */
}
END_TEST

START_TEST(softmax_of_no_numbers) {
  float x[3][3] = {{0, (float)NAN, 1}, {1, 1, 1}, {(float)INFINITY, 0, 1}};
  gan_softmax(3, 3, x[0]);
  for (int i = 0; i < 3; i++) {
    ck_assert(isnan(x[0][i]) && isnan(x[2][i]));
    ck_assert_float_eq_tol(x[1][i], 1.0f / 3.0f, 1e-7f);
  }
}
END_TEST

/* ---- self attention ---- */

enum { SAMPLES = 2, PIXELS = 6, CHANNELS = 4, SIZE = PIXELS * CHANNELS };

static unit_net make_attention(float x[SAMPLES * SIZE]) {
  unit_net made = unit_net_create("[self_attention: {reduction: 2}]", (gan_shape){2, 3, CHANNELS},
                                  any, SAMPLES);
  gan_net_init(made.net, 1, GAN_INIT_PYTORCH, 0);
  unit_fill(x, SAMPLES * SIZE, 2, -1, 1);
  return made;
}

static float *tensor(const unit_net *made, const char *name) {
  for (int i = 0; i < made->net->tensor_count; i++)
    if (!strcmp(made->net->tensors[i].name, name))
      return gan_net_tensor(made->net, &made->net->tensors[i]);
  ck_abort_msg("no tensor %s", name);
  return NULL;
}

/* gamma begins at 0: a network with attention begins as the one without. */
START_TEST(attention_begins_as_nothing) {
  float x[SAMPLES * SIZE], *y;
  unit_net made = make_attention(x);
  gan_pass pass = unit_pass(SAMPLES);
  ck_assert_float_eq(*tensor(&made, "0.gamma"), 0.0f);
  check_ok(gan_net_forward(made.net, &pass, x, &y));
  for (int i = 0; i < SAMPLES * SIZE; i++) ck_assert_float_eq(y[i], x[i]);
  unit_net_destroy(&made);
}
END_TEST

/* Queries of zero attend to all pixels of their own image alike: y = x + gamma W mean(x). */
START_TEST(attention_to_all) {
  float x[SAMPLES * SIZE], *y;
  unit_net made = make_attention(x);
  gan_pass pass = unit_pass(SAMPLES);
  *tensor(&made, "0.gamma") = 2;
  memset(tensor(&made, "0.query.weight"), 0, CHANNELS * CHANNELS / 2 * sizeof(float));
  const float *value = tensor(&made, "0.value.weight");
  for (int training = 0; training < 2; training++) {
    pass.training = training;
    check_ok(gan_net_forward(made.net, &pass, x, &y));
    for (int i = 0; i < SAMPLES * SIZE; i++) {
      const float *image = x + i / SIZE * SIZE, *row = value + i % CHANNELS * CHANNELS;
      double sum = 0;
      for (int k = 0; k < SIZE; k++) sum += (double)row[k % CHANNELS] * (double)image[k] / PIXELS;
      ck_assert_double_eq_tol((double)y[i], (double)x[i] + 2 * sum, 2 * FLOAT_TOLERANCE);
    }
  }
  unit_net_destroy(&made);
}
END_TEST

/* Where nothing is learned, less is kept, and the same comes out. */
START_TEST(attention_of_a_network_that_samples) {
  float x[SAMPLES * SIZE], *y, *other;
  unit_net made = make_attention(x);
  gan_net_spec spec = {.name = "generator",
                       .key = "model.generator",
                       .layers = &made.config.model.generator,
                       .in = {2, 3, CHANNELS},
                       .capacity = SAMPLES};
  gan_net *net;
  gan_pass pass = unit_pass(SAMPLES);
  pass.training = false;
  check_ok(gan_net_create(&spec, &net));
  ck_assert_uint_lt(net->activation_bytes, made.net->activation_bytes);
  *tensor(&made, "0.gamma") = 2;
  memcpy(net->params, made.net->params, (size_t)net->slab_size * sizeof(float));
  check_ok(gan_net_forward(made.net, &pass, x, &y));
  check_ok(gan_net_forward(net, &pass, x, &other));
  ck_assert_mem_eq(y, other, sizeof x);
  gan_net_destroy(&net);
  unit_net_destroy(&made);
}
END_TEST

START_TEST(refuses) {
  unit_net made;
  check_fails(unit_net_try(&made, "[self_attention]", (gan_shape){2, 2, 12}, any, 1), GAN_USAGE,
              "layer 0 (self_attention): 2x2x12 reaches it",
              "channels that its reduction, 8, divides");
  check_fails(unit_net_try(&made, "[self_attention]", (gan_shape){128, 129, 8}, any, 1), GAN_USAGE,
              "128x129x8 reaches it", "at most 16384 pixels");
}
END_TEST

int main(void) {
  const unit_test tests[] = {
      {softmax, SHAPES},
      {softmax_backward, SHAPES},
      {softmax_of_no_numbers, 1},
      {attention_begins_as_nothing, 1},
      {attention_to_all, 1},
      {attention_of_a_network_that_samples, 1},
      {refuses, 1},
  };
  return UNIT_MAIN("attention", tests);
}
