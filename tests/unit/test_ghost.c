/* batchnorm over ghost groups: values group by group, batches in pieces, running statistics.  The
 * gradients against finite differences are rows in test_layers.c. */
#include "base/memory.h"
#include "unit/support.h"

#include <math.h>
#include <string.h>

/* A float's rounding (6e-8) of numbers up to 4, a few operations long. */
static const double VALUE_TOLERANCE = 8e-6;

/* Running statistics are rounded to floats once a step; variances here are up to 20. */
static const double RUNNING_TOLERANCE = 2.4e-5;

/* Sums of gradients rounded to floats at other places. */
static const double SUM_TOLERANCE = 1e-6;

enum { SAMPLES = 12, GROUP = 4, GROUPS = 3, C = 3, MOST_PIXELS = 6 };
enum { MOST = SAMPLES * MOST_PIXELS * C };

static const double MOMENTUM = 0.3, EPS = 0.01;

#define GHOST "[batchnorm: {stats: ghost, ghost_size: 4, momentum: 0.3, eps: 0.01}]"

static const gan_shape shapes[] = {{1, 1, C}, {2, 3, C}};

enum { WEIGHT, BIAS, RUNNING_MEAN, RUNNING_VAR, BATCHES };

static float *values_of(const unit_net *made, int tensor) {
  return gan_net_tensor(made->net, &made->net->tensors[tensor]);
}

static int64_t batches_of(const unit_net *made) {
  return *(int64_t *)gan_net_tensor(made->net, &made->net->tensors[BATCHES]);
}

static unit_net make(const char *layers, gan_shape shape, int64_t capacity) {
  unit_net made = unit_net_create(layers, shape, (gan_shape){0, 0, 0}, capacity);
  gan_net_init(made.net, 1, GAN_INIT_PYTORCH, 0.02f);
  unit_fill(values_of(&made, WEIGHT), C, 1, 0.5, 2);
  unit_fill(values_of(&made, BIAS), C, 2, -1, 1);
  unit_fill(values_of(&made, RUNNING_MEAN), C, 3, -1, 1);
  unit_fill(values_of(&made, RUNNING_VAR), C, 4, 0.5, 2);
  return made;
}

/* Groups unlike each other: each sample has a level of its own. */
static void fill(float *x, gan_shape shape, uint64_t seed) {
  int64_t size = gan_shape_size(shape);
  for (int s = 0; s < SAMPLES; s++) {
    double level = unit_uniform(&seed, -2, 2);
    unit_fill(x + s * size, size, seed, level - 1, level + 3);
  }
}

/* Mean and biased variance of a channel over n rows, in double and in two passes. */
static void moments(const float *x, int64_t n, int channel, double *mean, double *variance) {
  *mean = *variance = 0;
  for (int64_t i = 0; i < n; i++) *mean += (double)x[i * C + channel] / (double)n;
  for (int64_t i = 0; i < n; i++) {
    double d = (double)x[i * C + channel] - *mean;
    *variance += d * d / (double)n;
  }
}

/* nn.BatchNorm's running statistics, with the means of the groups' means and variances. */
static void update(const float *x, gan_shape shape, double *running_mean, double *running_var) {
  int64_t rows = GROUP * shape.h * shape.w;
  for (int k = 0; k < C; k++) {
    double all_means = 0, all_variances = 0, mean, variance;
    for (int g = 0; g < GROUPS; g++) {
      moments(x + g * rows * C, rows, k, &mean, &variance);
      all_means += mean / GROUPS;
      all_variances += variance * (double)rows / (double)(rows - 1) / GROUPS;
    }
    running_mean[k] = (1 - MOMENTUM) * running_mean[k] + MOMENTUM * all_means;
    running_var[k] = (1 - MOMENTUM) * running_var[k] + MOMENTUM * all_variances;
  }
}

static void check_running(const unit_net *made, const double *mean, const double *variance) {
  for (int k = 0; k < C; k++) {
    ck_assert_double_eq_tol((double)values_of(made, RUNNING_MEAN)[k], mean[k], RUNNING_TOLERANCE);
    ck_assert_double_eq_tol((double)values_of(made, RUNNING_VAR)[k], variance[k],
                            RUNNING_TOLERANCE);
  }
}

START_TEST(each_group_is_normalised_by_itself) {
  gan_shape shape = shapes[_i];
  unit_net made = make(GHOST, shape, SAMPLES);
  gan_pass pass = unit_pass(SAMPLES);
  int64_t rows = GROUP * shape.h * shape.w;
  float x[MOST], *y, kept[C];
  fill(x, shape, 10);
  memcpy(kept, values_of(&made, RUNNING_MEAN), sizeof kept);
  check_ok(gan_net_forward(made.net, &pass, x, &y));
  for (int k = 0; k < C; k++)
    for (int g = 0; g < GROUPS; g++) {
      double mean, variance, weight = (double)values_of(&made, WEIGHT)[k];
      moments(x + g * rows * C, rows, k, &mean, &variance);
      for (int64_t i = g * rows; i < (g + 1) * rows; i++)
        ck_assert_double_eq_tol((double)y[i * C + k],
                                ((double)x[i * C + k] - mean) / sqrt(variance + EPS) * weight +
                                    (double)values_of(&made, BIAS)[k],
                                VALUE_TOLERANCE);
    }
  ck_assert_mem_eq(kept, values_of(&made, RUNNING_MEAN), sizeof kept); /* until absorb */
  unit_net_destroy(&made);
}
END_TEST

/* Steps of one, two and three forwards of other batches. */
START_TEST(running_statistics_are_those_of_pytorch) {
  gan_shape shape = shapes[_i];
  unit_net made = make(GHOST, shape, SAMPLES);
  gan_pass pass = unit_pass(SAMPLES);
  float x[MOST], *y;
  double mean[C], variance[C];
  int64_t batches = 0;
  for (int k = 0; k < C; k++) {
    mean[k] = (double)values_of(&made, RUNNING_MEAN)[k];
    variance[k] = (double)values_of(&made, RUNNING_VAR)[k];
  }
  for (int step = 0; step < 4; step++) {
    for (int i = 0; i <= step % 3; i++) {
      fill(x, shape, 20 + (uint64_t)batches++);
      check_ok(gan_net_forward(made.net, &pass, x, &y));
      update(x, shape, mean, variance);
    }
    gan_net_absorb(made.net, made.net->statistics);
    check_running(&made, mean, variance);
    ck_assert_int_eq(batches_of(&made), batches);
  }
  gan_net_absorb(made.net, made.net->statistics); /* a step without forwards */
  check_running(&made, mean, variance);
  unit_net_destroy(&made);
}
END_TEST

/* Forward and backward of a batch, in pieces of so many samples; y and dx: (SAMPLES, shape). */
static void take(unit_net *made, gan_shape shape, int64_t piece, bool accumulate, const float *x,
                 const float *dy, float *y, float *dx) {
  int64_t size = gan_shape_size(shape);
  for (int64_t at = 0; at < SAMPLES; at += piece) {
    gan_pass pass = unit_pass(piece);
    float *out, *back;
    pass.at = pass.first_sample = at;
    pass.batch = SAMPLES;
    pass.accumulate = accumulate;
    size_t bytes = (size_t)(piece * size) * sizeof(float);
    check_ok(gan_net_forward(made->net, &pass, x + at * size, &out));
    memcpy(y + at * size, out, bytes);
    memcpy(made->net->dout, dy + at * size, bytes);
    check_ok(gan_net_backward(made->net, &pass, GAN_WANT_INPUT | GAN_WANT_WEIGHTS, made->net->dout,
                              &back));
    memcpy(dx + at * size, back, bytes);
  }
}

static void check_close(const char *what, const float *a, const float *b, int64_t n) {
  double wide[MOST];
  for (int64_t i = 0; i < n; i++) wide[i] = (double)b[i];
  double distance = unit_distance(n, a, wide);
  ck_assert_msg(distance < SUM_TOLERANCE, "%s: off by %g", what, distance);
}

/* Two passes over batches in one step, the second of which adds to the gradients. */
START_TEST(pieces_are_the_whole) {
  gan_shape shape = shapes[_i];
  static const int64_t pieces[] = {GROUP, SAMPLES};
  float x[2][MOST], dy[MOST], y[2][MOST] = {{0}}, dx[2][MOST] = {{0}};
  size_t bytes = (size_t)(SAMPLES * gan_shape_size(shape)) * sizeof(float);
  for (int b = 0; b < 2; b++) fill(x[b], shape, 30 + (uint64_t)b);
  unit_fill(dy, MOST, 32, -1, 1);
  for (int k = 0; k < 2; k++) {
    unit_net whole = make(GHOST, shape, SAMPLES), cut = make(GHOST, shape, pieces[k]);
    for (int b = 0; b < 2; b++) {
      take(&whole, shape, SAMPLES, b > 0, x[b], dy, y[0], dx[0]);
      take(&cut, shape, pieces[k], b > 0, x[b], dy, y[1], dx[1]);
      ck_assert_mem_eq(y[0], y[1], bytes);
      ck_assert_mem_eq(dx[0], dx[1], bytes);
      check_close("gradients", cut.net->grads, whole.net->grads, whole.net->slab_size);
    }
    ck_assert_int_eq(batches_of(&whole), 2);
    ck_assert_int_eq(batches_of(&cut), 2); /* a pass, not a piece */
    gan_net_absorb(whole.net, whole.net->statistics);
    gan_net_absorb(cut.net, cut.net->statistics);
    check_close("means", values_of(&cut, RUNNING_MEAN), values_of(&whole, RUNNING_MEAN), C);
    check_close("variances", values_of(&cut, RUNNING_VAR), values_of(&whole, RUNNING_VAR), C);
    unit_net_destroy(&whole);
    unit_net_destroy(&cut);
  }
}
END_TEST

/* One group of the whole batch: what global statistics give. */
START_TEST(one_group_is_the_global_batch) {
  gan_shape shape = shapes[_i];
  unit_net global = make("[batchnorm: {momentum: 0.3, eps: 0.01}]", shape, SAMPLES);
  unit_net ghost = make("[batchnorm: {stats: ghost, momentum: 0.3, eps: 0.01}]", shape, SAMPLES);
  float x[MOST], dy[MOST], y[2][MOST], dx[2][MOST];
  size_t bytes = (size_t)(SAMPLES * gan_shape_size(shape)) * sizeof(float);
  unit_fill(dy, MOST, 41, -1, 1);
  for (uint64_t step = 0; step < 3; step++) {
    fill(x, shape, 40 + step);
    take(&global, shape, SAMPLES, false, x, dy, y[0], dx[0]);
    take(&ghost, shape, SAMPLES, false, x, dy, y[1], dx[1]);
    gan_net_absorb(ghost.net, ghost.net->statistics);
    ck_assert_mem_eq(y[0], y[1], bytes);
    ck_assert_mem_eq(dx[0], dx[1], bytes);
    check_close("gradients", ghost.net->grads, global.net->grads, global.net->slab_size);
    /* the momentum's weight is rounded once more, so in rare cases the last bit is another; the
     * bits of the next step's y do not depend on it, the statistics only shift its sums */
    check_close("running", ghost.net->buffers, global.net->buffers, global.net->buffer_size);
    memcpy(ghost.net->buffers, global.net->buffers,
           (size_t)global.net->buffer_size * sizeof(float));
  }
  ck_assert_int_eq(batches_of(&ghost), batches_of(&global));
  unit_net_destroy(&global);
  unit_net_destroy(&ghost);
}
END_TEST

/* Any number of samples, by the running statistics, which stay. */
START_TEST(sampling_is_by_running_statistics) {
  gan_shape shape = shapes[_i];
  unit_net made = make(GHOST, shape, SAMPLES);
  gan_pass pass = unit_pass(SAMPLES - GROUP + 1);
  float x[MOST], *y, kept[2][C];
  pass.training = false;
  fill(x, shape, 50);
  memcpy(kept[0], values_of(&made, RUNNING_MEAN), sizeof kept[0]);
  memcpy(kept[1], values_of(&made, RUNNING_VAR), sizeof kept[1]);
  check_ok(gan_net_forward(made.net, &pass, x, &y));
  for (int64_t i = 0; i < pass.samples * gan_shape_size(shape); i++) {
    int64_t k = i % C;
    double normal = ((double)x[i] - (double)kept[0][k]) / sqrt((double)kept[1][k] + EPS);
    ck_assert_double_eq_tol((double)y[i],
                            normal * (double)values_of(&made, WEIGHT)[k] +
                                (double)values_of(&made, BIAS)[k],
                            VALUE_TOLERANCE);
  }
  gan_net_absorb(made.net, made.net->statistics);
  ck_assert_mem_eq(kept[0], values_of(&made, RUNNING_MEAN), sizeof kept[0]);
  ck_assert_mem_eq(kept[1], values_of(&made, RUNNING_VAR), sizeof kept[1]);
  ck_assert_int_eq(batches_of(&made), 0);
  unit_net_destroy(&made);
}
END_TEST

START_TEST(sizes_that_do_not_divide_are_refused) {
  static const gan_shape any = {0, 0, 0};
  unit_net made;
  check_fails(unit_net_try(&made, "[relu: {}, batchnorm: {stats: ghost, ghost_size: 5}]", shapes[0],
                           any, 12),
              GAN_USAGE, "layer 1 (batchnorm)", "ghost_size is 5", "12 samples",
              "allowed: 2, 3, 4, 6, 12");
  check_fails(
      unit_net_try(&made, "[batchnorm: {stats: ghost, ghost_size: 24}]", shapes[1], any, 12),
      GAN_USAGE, "ghost_size is 24", "allowed: 1, 2, 3, 4, 6, 12");
  check_fails(unit_net_try(&made, "[batchnorm: {stats: ghost, ghost_size: 1}]", shapes[0], any, 12),
              GAN_USAGE, "ghost_size is 1", "more than one value a channel", "allowed: 2, 3");
  check_fails(unit_net_try(&made, "[batchnorm: {stats: ghost}]", shapes[0], any, 1), GAN_USAGE,
              "ghost_size is 1", "allowed: none");
  made = unit_net_create("[batchnorm: {stats: ghost, ghost_size: 1}]", shapes[1], any, 12);
  unit_net_destroy(&made);
}
END_TEST

int main(void) {
  const unit_test tests[] = {
      {each_group_is_normalised_by_itself, 2},
      {running_statistics_are_those_of_pytorch, 2},
      {pieces_are_the_whole, 2},
      {one_group_is_the_global_batch, 2},
      {sampling_is_by_running_statistics, 2},
      {sizes_that_do_not_divide_are_refused, 1},
  };
  return UNIT_MAIN("ghost", tests);
}
