/* Gradient penalties: the terms by their formulas, where they look, and their gradients by finite
 * differences.  Goldens of whole steps are in tests/parity. */
#include "base/memory.h"
#include "objective/penalty.h"
#include "unit/support.h"

#include <math.h>
#include <string.h>

/* Numbers of floats, computed in double and rounded once. */
static const double ROUNDING = 1e-6;

/* A difference of penalties over STEP of the weights: each is a sum of squares of gradients, a
 * float's roundings of a few products (1e-6 of it), and STEP is 2^-7: 3e-4; the third derivative
 * adds STEP^2 = 6e-5 of what is of the order of one.  A wrong term is 1e-1 or more. */
static const double DIFFERENCE_TOLERANCE = 3e-3;
static const float STEP = 0x1p-7f;

enum { N = 6, SIZE = 5, BATCH = 24 };

static const gan_penalty_kind kinds[] = {GAN_PENALTY_R1, GAN_PENALTY_R2, GAN_PENALTY_WGAN_GP,
                                         GAN_PENALTY_DRAGAN};
enum { KINDS = sizeof kinds / sizeof *kinds };

/* ---- terms ---- */

/* Mescheder et al. 2018, equation 9; Gulrajani et al. 2017, equation 3. */
static double phi(gan_penalty_kind kind, double weight, double norm) {
  bool squared = kind == GAN_PENALTY_R1 || kind == GAN_PENALTY_R2;
  return squared ? weight / 2 * norm * norm : weight * (norm - 1) * (norm - 1);
}

static double norm_of(int64_t n, const float *g) {
  double sum = 0;
  for (int64_t i = 0; i < n; i++) sum += (double)g[i] * (double)g[i];
  return sqrt(sum);
}

/* Values by the formula, and directions by differences of it, in double. */
START_TEST(term_and_its_slope) {
  const double weight = 3.5, h = 1e-6;
  float g[N * SIZE], v[N * SIZE];
  unit_fill(g, N * SIZE, 1, -1, 1);
  memcpy(v, g, sizeof v);
  gan_penalty_sums made = gan_penalty_term(kinds[_i], weight, N, BATCH, SIZE, v);
  double penalty = 0, norms = 0;
  for (int s = 0; s < N; s++) {
    double norm = norm_of(SIZE, g + s * SIZE);
    double slope = (phi(kinds[_i], weight, norm + h) - phi(kinds[_i], weight, norm - h)) / (2 * h);
    penalty += phi(kinds[_i], weight, norm) / BATCH;
    norms += norm / BATCH;
    for (int i = s * SIZE; i < (s + 1) * SIZE; i++)
      ck_assert_double_eq_tol((double)v[i], slope / norm * (double)g[i] / BATCH, ROUNDING);
  }
  ck_assert_double_eq_tol(made.penalty, penalty, 1e-12);
  ck_assert_double_eq_tol(made.norm, norms, 1e-12);
}
END_TEST

START_TEST(no_gradient_has_no_direction) {
  float v[2 * SIZE] = {0};
  v[SIZE] = 2;
  gan_penalty_sums made = gan_penalty_term(kinds[_i], 1, 2, 2, SIZE, v);
  ck_assert(isfinite(made.penalty) && made.norm == 1);
  for (int i = 0; i < SIZE; i++) ck_assert(v[i] == 0);
  ck_assert(v[SIZE] > 0);
}
END_TEST

START_TEST(no_number_stays_none) {
  float v[SIZE] = {NAN};
  gan_penalty_sums made = gan_penalty_term(kinds[_i], 1, 1, 1, SIZE, v);
  ck_assert(isnan(made.penalty) && isnan(v[0]));
}
END_TEST

/* ---- points ---- */

enum { MANY = 400, WIDE = 50 };

static void points(gan_penalty_kind kind, int64_t first, int64_t n, const float *real,
                   const float *fake, float *x) {
  gan_penalty_draw draw = {.seed = 3, .draw = 7, .first_sample = first, .noise = 0.25};
  gan_penalty_points(kind, &draw, n, WIDE, real + first * WIDE, fake + first * WIDE,
                     x + first * WIDE);
}

/* Also: two calls draw what one draws, whatever is in a call. */
START_TEST(points_are_where_they_should) {
  float *real = unit_floats(MANY * WIDE), *fake = unit_floats(MANY * WIDE);
  float *x = unit_floats(MANY * WIDE), *parts = unit_floats(MANY * WIDE);
  gan_penalty_kind kind = kinds[_i];
  unit_fill(real, MANY * WIDE, 1, 1, 2);
  unit_fill(fake, MANY * WIDE, 2, -2, -1);
  points(kind, 0, MANY, real, fake, x);
  points(kind, 0, 150, real, fake, parts);
  points(kind, 150, MANY - 150, real, fake, parts);
  ck_assert_mem_eq(x, parts, MANY * WIDE * sizeof *x);
  double mean = 0, square = 0;
  for (int64_t s = 0; s < MANY; s++) {
    const float *r = real + s * WIDE, *f = fake + s * WIDE, *p = x + s * WIDE;
    double e = ((double)p[0] - (double)f[0]) / ((double)r[0] - (double)f[0]);
    mean += e / MANY;
    square += e * e / MANY;
    for (int64_t i = 0; i < WIDE && kind == GAN_PENALTY_WGAN_GP; i++)
      ck_assert_double_eq_tol((double)p[i], e * (double)r[i] + (1 - e) * (double)f[i], 1e-6);
  }
  if (kind == GAN_PENALTY_R1) ck_assert_mem_eq(x, real, MANY * WIDE * sizeof *x);
  if (kind == GAN_PENALTY_R2) ck_assert_mem_eq(x, fake, MANY * WIDE * sizeof *x);
  if (kind == GAN_PENALTY_WGAN_GP) { /* uniform: 1/2 and 1/3, within 5 of their deviations */
    ck_assert_double_eq_tol(mean, 0.5, 5 * 0.2887 / 20);
    ck_assert_double_eq_tol(square, 1.0 / 3, 5 * 0.2981 / 20);
  }
  if (kind == GAN_PENALTY_DRAGAN) { /* N(0, 0.25^2) */
    double noise = unit_float_distance(MANY * WIDE, x, real) * norm_of(MANY * WIDE, real);
    ck_assert_double_eq_tol(noise / sqrt(MANY * WIDE), 0.25, 5 * 0.25 / sqrt(2 * MANY * WIDE));
  }
  gan_free(&real);
  gan_free(&fake);
  gan_free(&x);
  gan_free(&parts);
}
END_TEST

/* ---- gradients of gradients ---- */

typedef struct {
  const char *layers;
  gan_shape in;
} net_row;

/* Without kinks, where a gradient jumps and a difference means nothing; maxout and dropout jump
 * at other weights than these. */
static const net_row nets[] = {
    {"[linear: {units: 9}, tanh, linear: {units: 6}, silu, linear: {units: 1}]", {1, 1, 5}},
    {"[linear: {units: 9}, silu, dropout: {p: 0.4}, gaussian_noise: {std: 0.3}, linear: {units: "
     "6}, tanh, linear: {units: 1}]",
     {1, 1, 5}},
    {"[linear: {units: 9}, layernorm, sigmoid, linear: {units: 6}, tanh, linear: {units: 1}]",
     {1, 1, 5}},
    {"[linear: {units: 9}, leaky_relu: {slope: 1}, dropout: {p: 0.4}, linear: {units: 1}]",
     {1, 1, 5}},
    {"[conv2d: {channels: 3, kernel: 3, padding: 1}, silu, avgpool: {kernel: 2}, flatten, "
     "linear: {units: 4}, tanh, linear: {units: 1}]",
     {4, 4, 2}},
    {"[linear: {units: 6}, residual: {main: [tanh, linear: {units: 6}]}, silu, concat: {main: "
     "[linear: {units: 2}, tanh]}, linear: {units: 1}]",
     {1, 1, 5}},
};
enum { NETS = sizeof nets / sizeof *nets };

static gan_status try_net(const char *layers, gan_shape in, unit_net *made) {
  *made = (unit_net){0};
  char *text = gan_format("data: {path: none}\nmodel:\n  generator: [linear: {units: 1}]\n"
                          "  discriminator: %s\ntrain: {steps: 1}\n",
                          layers);
  check_ok(unit_parse(&made->config, text, 0, NULL));
  gan_free(&text);
  gan_net_spec spec = {.name = "discriminator",
                       .key = "model.discriminator",
                       .layers = &made->config.model.discriminator,
                       .in = in,
                       .out = {1, 1, 1},
                       .capacity = N,
                       .classes = UNIT_CLASSES,
                       .trains = true,
                       .tangents = true};
  return gan_net_create(&spec, &made->net);
}

/* The penalty at x, and with `learn` its gradient into the network's. */
static double penalty_of(gan_net *net, gan_penalty_kind kind, const float *x, bool learn) {
  gan_pass pass = unit_pass(N);
  pass.accumulate = true;
  int64_t size = gan_shape_size(net->in);
  float *y, *g, *ty, *v = unit_floats(N * size);
  check_ok(gan_net_forward(net, &pass, x, &y));
  for (int i = 0; i < N; i++) net->dout[i] = 1.0f;
  check_ok(gan_net_backward(net, &pass, GAN_WANT_INPUT, net->dout, &g));
  memcpy(v, g, (size_t)(N * size) * sizeof *v);
  gan_penalty_sums made = gan_penalty_term(kind, 2, N, N, size, v);
  if (learn) {
    gan_net_tangent(net, &pass, v, &ty);
    for (int i = 0; i < N; i++) net->dout[i] = 1.0f;
    check_ok(gan_net_tangent_back(net, &pass));
  }
  gan_free(&v);
  return made.penalty;
}

/* Along a direction of each tensor the penalty changes as its gradient says. */
static void check_tensor(gan_net *net, gan_penalty_kind kind, const gan_tensor *tensor,
                         const float *x, double scale) {
  float *weights = net->params + tensor->offset, *along = unit_floats(tensor->size);
  double slope = 0, ends[2];
  unit_fill(along, tensor->size, 77, -1, 1);
  for (int64_t i = 0; i < tensor->size; i++)
    slope += (double)net->grads[tensor->offset + i] * (double)along[i];
  for (int end = 0; end < 2; end++) {
    for (int64_t i = 0; i < tensor->size; i++) weights[i] += (end ? 2 : -1) * STEP * along[i];
    gan_net_changed(net);
    ends[end] = penalty_of(net, kind, x, false);
  }
  for (int64_t i = 0; i < tensor->size; i++) weights[i] -= STEP * along[i];
  gan_net_changed(net);
  double difference = (ends[1] - ends[0]) / (2 * (double)STEP);
  ck_assert_msg(fabs(difference - slope) <= DIFFERENCE_TOLERANCE * scale,
                "%s: the penalty changes by %g, its gradient says %g (scale %g)", tensor->name,
                difference, slope, scale);
  gan_free(&along);
}

START_TEST(gradients_are_those_of_differences) {
  const net_row *row = &nets[_i / 2];
  gan_penalty_kind kind = _i % 2 ? GAN_PENALTY_WGAN_GP : GAN_PENALTY_R1;
  unit_net made;
  check_ok(try_net(row->layers, row->in, &made));
  gan_net *net = made.net;
  int64_t in = N * gan_shape_size(net->in);
  float *x = unit_floats(in);
  unit_fill(x, in, 5, -1, 1);
  for (int i = 0; i < net->tensor_count; i++)
    unit_fill(gan_net_tensor(net, &net->tensors[i]), net->tensors[i].size, 3 + (uint64_t)i, -0.8,
              0.8);
  gan_net_changed(net);
  gan_net_clear_gradients(net);
  double penalty = penalty_of(net, kind, x, true);
  double squares = 0;
  for (int64_t i = 0; i < net->slab_size; i++)
    squares += (double)net->grads[i] * (double)net->grads[i];
  ck_assert(penalty > 0 && squares > 0);
  for (int i = 0; i < net->tensor_count; i++)
    check_tensor(net, kind, &net->tensors[i], x, sqrt(squares) + penalty);
  gan_free(&x);
  unit_net_destroy(&made);
}
END_TEST

/* ---- what is refused ---- */

static const struct {
  const char *layers, *name;
  gan_shape in;
} refused[] = {
    {"[linear: {units: 4}, batchnorm, linear: {units: 1}]", "layer 1 (batchnorm)", {1, 1, 5}},
    {"[diff_augment: {cutout: 0.5}, linear: {units: 1}]", "layer 0 (diff_augment)", {4, 4, 1}},
    {"[conv2d: {channels: 8, kernel: 1}, self_attention, flatten, linear: {units: 1}]",
     "layer 1 (self_attention)",
     {4, 4, 1}},
    {"[minibatch_stddev: {group_size: 2}, flatten, linear: {units: 1}]",
     "layer 0 (minibatch_stddev)",
     {4, 4, 2}},
    {"[instancenorm, flatten, linear: {units: 1}]", "layer 0 (instancenorm)", {4, 4, 2}},
    {"[residual: {main: [linear: {units: 5}, pixelnorm]}, linear: {units: 1}]",
     "layer 0.main.1 (pixelnorm)",
     {1, 1, 5}},
};
enum { REFUSED = sizeof refused / sizeof *refused };

START_TEST(layers_without_directions_are_named) {
  unit_net made;
  check_fails(try_net(refused[_i].layers, refused[_i].in, &made), GAN_USAGE, "run.yaml:4",
              refused[_i].name, "of the discriminator", "train.penalty.type");
  unit_net_destroy(&made);
}
END_TEST

/* A layer without directions says why. */
START_TEST(reasons_are_given) {
  gan_layer_schemas table = gan_layer_table();
  for (int i = 0; i < table.count; i++) {
    const gan_layer_type *type = gan_layer_type_of(table.rows[i]);
    ck_assert_msg((type->tangent == GAN_TANGENT_NONE) == (type->no_tangent != NULL),
                  "layer %s has to have directions or a reason", type->schema.name);
  }
}
END_TEST

/* The second half of the way back is there only where something bends. */
START_TEST(memory_follows_the_layers) {
  unit_net straight, bent;
  const gan_shape in = {1, 1, 5};
  check_ok(try_net("[linear: {units: 64}, relu, linear: {units: 1}]", in, &straight));
  check_ok(try_net("[linear: {units: 64}, tanh, linear: {units: 1}]", in, &bent));
  ck_assert(!straight.net->tangent.bends && !straight.net->tangent.adjoint);
  ck_assert(bent.net->tangent.bends && bent.net->tangent.bytes > straight.net->tangent.bytes);
  ck_assert_uint_ge(straight.net->activation_bytes, straight.net->tangent.bytes);
  unit_net_destroy(&straight);
  unit_net_destroy(&bent);
}
END_TEST

int main(void) {
  const unit_test tests[] = {
      {term_and_its_slope, KINDS},
      {no_gradient_has_no_direction, KINDS},
      {no_number_stays_none, KINDS},
      {points_are_where_they_should, KINDS},
      {gradients_are_those_of_differences, 2 * NETS},
      {layers_without_directions_are_named, REFUSED},
      {reasons_are_given, 1},
      {memory_follows_the_layers, 1},
  };
  return UNIT_MAIN("penalty", tests);
}
