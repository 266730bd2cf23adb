/* Conditional networks: how the class enters at their ends. */
#include "base/memory.h"
#include "unit/support.h"

#include <math.h>
#include <string.h>

/* As in test_layers.c: rounding of floats over the step, and the curvature. */
static const double DIFFERENCE_TOLERANCE = 1e-3;
static const double VALUE_TOLERANCE = 2e-6;
static const float STEP = 0x1p-6f;

enum { N = 6, UNITS = 4 };

typedef struct {
  const char *name, *layers;
  gan_shape in;
  gan_label_way label;
  int64_t out; /* that the network gives */
  const char *tensors;
} label_row;

static const label_row rows[] = {
    {"one-hot noise", "[linear: {units: 3}]", {1, 1, 5}, GAN_LABEL_ONE_HOT, 3, "0.weight 0.bias"},
    {"embedded noise",
     "[linear: {units: 3}]",
     {1, 1, 5},
     GAN_LABEL_EMBEDDING,
     3,
     "embed.weight 0.weight 0.bias"},
    {"channels of images",
     "[conv2d: {channels: 1, kernel: 3}]",
     {3, 3, 2},
     GAN_LABEL_ONE_HOT,
     1,
     "0.weight 0.bias"},
    {"channels behind flatten",
     "[linear: {units: 1}]",
     {3, 2, 2},
     GAN_LABEL_ONE_HOT,
     1,
     "0.weight 0.bias"},
    {"projection",
     "[linear: {units: 4}, tanh, linear: {units: 1}]",
     {1, 1, 3},
     GAN_LABEL_PROJECTION,
     1,
     "0.weight 0.bias 2.weight 2.bias project.weight"},
    {"projection of an image",
     "[conv2d: {channels: 3, kernel: 2}, sigmoid, conv2d: {channels: 1, kernel: 2}]",
     {3, 3, 2},
     GAN_LABEL_PROJECTION,
     1,
     "0.weight 0.bias 2.weight 2.bias project.weight"},
    {"projection of the input",
     "[linear: {units: 1}]",
     {2, 2, 3},
     GAN_LABEL_PROJECTION,
     1,
     "0.weight 0.bias project.weight"},
    {"auxiliary",
     "[linear: {units: 4}, tanh, linear: {units: 1}]",
     {1, 1, 3},
     GAN_LABEL_AUXILIARY,
     1 + UNIT_CLASSES,
     "0.weight 0.bias 2.weight 2.bias classify.weight classify.bias"},
    {"auxiliary of an image",
     "[conv2d: {channels: 3, kernel: 2}, tanh, conv2d: {channels: 1, kernel: 2, bias: false}]",
     {3, 3, 2},
     GAN_LABEL_AUXILIARY,
     1 + UNIT_CLASSES,
     "0.weight 0.bias 2.weight classify.weight classify.bias"},
};

enum { ROWS = sizeof rows / sizeof *rows };

typedef struct {
  unit_net made; /* its config; its network is of `row` */
  gan_pass pass;
  float *x, *signs;
} probe;

static gan_status try_net(const label_row *row, unit_net *made) {
  *made = (unit_net){0};
  char *text = gan_format("data: {path: none}\nmodel:\n  generator: %s\n  discriminator: [linear: "
                          "{units: 1}]\ntrain: {steps: 1}\n",
                          row->layers);
  check_ok(unit_parse(&made->config, text, 0, NULL));
  gan_free(&text);
  gan_net_spec spec = {.name = "discriminator",
                       .key = "model.generator",
                       .layers = &made->config.model.generator,
                       .in = row->in,
                       .capacity = N,
                       .trains = true,
                       .label = row->label,
                       .classes = UNIT_CLASSES,
                       .label_units = UNITS};
  return gan_net_create(&spec, &made->net);
}

static probe make_probe(const label_row *row) {
  probe p = {.pass = unit_pass(N)};
  check_ok(try_net(row, &p.made));
  gan_net *net = p.made.net;
  int64_t in = N * gan_shape_size(net->in), out = N * gan_shape_size(net->out);
  p.x = unit_floats(in);
  p.signs = unit_floats(out);
  unit_fill(p.x, in, 1, -1.5, 1.5);
  unit_fill(p.signs, out, 2, -1, 1);
  for (int i = 0; i < net->tensor_count; i++)
    unit_fill(gan_net_tensor(net, &net->tensors[i]), net->tensors[i].size, 3 + (uint64_t)i, -1, 1);
  return p;
}

static void destroy_probe(probe *p) {
  unit_net_destroy(&p->made);
  gan_free(&p->x);
  gan_free(&p->signs);
}

static double weighted_sum(const probe *p) {
  float *y;
  double sum = 0;
  check_ok(gan_net_forward(p->made.net, &p->pass, p->x, &y));
  int64_t n = N * gan_shape_size(p->made.net->out);
  for (int64_t i = 0; i < n; i++) sum += (double)p->signs[i] * (double)y[i];
  return sum;
}

static void check_gradient(const label_row *row, const char *what, const probe *p, int64_t n,
                           float *values, const float *gradient) {
  double *wanted = gan_alloc((size_t)n, sizeof *wanted, "differences");
  for (int64_t i = 0; i < n; i++) {
    float kept = values[i], high = kept + STEP, low = kept - STEP;
    values[i] = high;
    double above = weighted_sum(p);
    values[i] = low;
    wanted[i] = (above - weighted_sum(p)) / ((double)high - (double)low);
    values[i] = kept;
  }
  double distance = unit_distance(n, gradient, wanted);
  ck_assert_msg(distance < DIFFERENCE_TOLERANCE, "%s: the gradient of %s is off by %g", row->name,
                what, distance);
  gan_free(&wanted);
}

START_TEST(gradients) {
  const label_row *row = &rows[_i];
  probe p = make_probe(row);
  gan_net *net = p.made.net;
  float *dx;
  char names[256] = "";
  ck_assert_int_eq(gan_shape_size(net->out), row->out);
  weighted_sum(&p);
  memcpy(net->dout, p.signs, (size_t)(N * row->out) * sizeof(float));
  check_ok(gan_net_backward(net, &p.pass, GAN_WANT_INPUT | GAN_WANT_WEIGHTS, net->dout, &dx));
  check_gradient(row, "the input", &p, N * gan_shape_size(net->in), p.x, dx);
  for (int i = 0; i < net->tensor_count; i++) {
    const gan_tensor *tensor = &net->tensors[i];
    strcat(strcat(names, i ? " " : ""), tensor->name);
    check_gradient(row, tensor->name, &p, tensor->size, gan_net_tensor(net, tensor),
                   net->grads + tensor->offset);
  }
  ck_assert_str_eq(names, row->tensors);
  destroy_probe(&p);
}
END_TEST

/* Miyato and Koyama 2018, equation 4, over the sum of the pixels. */
START_TEST(projection_as_defined) {
  const label_row *row = &rows[5];
  probe p = make_probe(row);
  const gan_net *net = p.made.net;
  float *y;
  check_ok(gan_net_forward(p.made.net, &p.pass, p.x, &y));
  const float *features = net->at[net->layers[2].from[0]], *w = net->params;
  const float *last = w + net->tensors[2].offset, *bias = w + net->tensors[3].offset;
  const float *project = w + net->tensors[4].offset;
  for (int s = 0; s < N; s++) {
    double wanted = (double)*bias;
    for (int i = 0; i < 12; i++) {
      double feature = (double)features[s * 12 + i];
      wanted += feature * ((double)last[i] + (double)project[unit_classes()[s] * 3 + i % 3]);
    }
    ck_assert_double_eq_tol((double)y[s], wanted, 10 * VALUE_TOLERANCE);
  }
  destroy_probe(&p);
}
END_TEST

/* The class decides, and only where it enters. */
START_TEST(classes_matter) {
  static int32_t other[N];
  for (int r = 0; r < ROWS; r++) {
    probe p = make_probe(&rows[r]);
    int64_t out = gan_shape_size(p.made.net->out);
    float *y, before[N * 8];
    check_ok(gan_net_forward(p.made.net, &p.pass, p.x, &y));
    memcpy(before, y, (size_t)(N * out) * sizeof *y);
    for (int s = 0; s < N; s++) other[s] = (unit_classes()[s] + (s == 2)) % UNIT_CLASSES;
    p.pass.classes = other;
    check_ok(gan_net_forward(p.made.net, &p.pass, p.x, &y));
    for (int s = 0; s < N; s++) {
      bool same = memcmp(before + s * out, y + s * out, (size_t)out * sizeof *y) == 0;
      ck_assert_msg(same == (s != 2 || rows[r].label == GAN_LABEL_AUXILIARY), "%s: sample %d",
                    rows[r].name, s);
    }
    destroy_probe(&p);
  }
}
END_TEST

START_TEST(refuses) {
  static const label_row bad[] = {
      {"", "[linear: {units: 3}, tanh]", {1, 1, 5}, GAN_LABEL_PROJECTION, 0, "last layer is tanh"},
      {"",
       "[linear: {units: 3}, residual: {main: [tanh]}]",
       {1, 1, 5},
       GAN_LABEL_AUXILIARY,
       0,
       "last layer is residual"},
  };
  for (int i = 0; i < 2; i++) {
    unit_net made;
    check_fails(try_net(&bad[i], &made), GAN_USAGE, bad[i].tensors, "linear or conv2d");
    unit_net_destroy(&made);
  }
  gan_net *net;
  unit_net made =
      unit_net_create("[embedding: {units: 3}]", (gan_shape){1, 1, 2}, (gan_shape){0, 0, 0}, 1);
  gan_net_spec spec = {.name = "generator",
                       .key = "model.generator",
                       .layers = &made.config.model.generator,
                       .in = {1, 1, 2},
                       .capacity = 1};
  check_fails(gan_net_create(&spec, &net), GAN_USAGE, "layer 0 (embedding)", "model.classes");
  spec.label = GAN_LABEL_EMBEDDING;
  spec.classes = spec.label_units = 65536;
  check_fails(gan_net_create(&spec, &net), GAN_USAGE, "the layer embedding that model.classes",
              "fewer than 2^31");
  unit_net_destroy(&made);
}
END_TEST

int main(void) {
  const unit_test tests[] = {
      {gradients, ROWS}, {projection_as_defined, 1}, {classes_matter, 1}, {refuses, 1}};
  return UNIT_MAIN("label", tests);
}
