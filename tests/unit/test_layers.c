/* Layers one at a time: values against plain formulas, gradients against finite differences. */
#include "base/memory.h"
#include "unit/support.h"

#include <float.h>
#include <math.h>
#include <string.h>

/* Outputs of order one, rounded to floats (2^-24), summed with random signs: their error is
 * 2^-24 sqrt(outputs) / step of a derivative of order one, under 1e-4 for the sizes and steps
 * here; the curvature adds step^2, 2e-4.  A wrong term is wrong by a tenth or more. */
static const double DIFFERENCE_TOLERANCE = 1e-3;

/* A float's rounding, some tens of operations long. */
static const double VALUE_TOLERANCE = 2e-6;

/* ---- finite differences ---- */

typedef struct {
  const char *name, *layers;
  gan_shape in;
  int64_t samples;
  bool kinked; /* not differentiable at 0, or where two inputs are equal: they keep apart */
} gradient_row;

static const gradient_row gradient_rows[] = {
    {"linear", "[linear: {units: 5}]", {1, 1, 7}, 3, false},
    {"linear of one", "[linear: {units: 1}]", {1, 1, 1}, 1, false},
    {"linear, wide", "[linear: {units: 33}]", {1, 1, 19}, 17, false},
    {"linear, packed by a library", "[linear: {units: 35}]", {1, 1, 40}, 5, false},
    {"linear without bias", "[linear: {units: 9, bias: false}]", {1, 1, 13}, 5, false},
    {"linear of images", "[linear: {units: 3}]", {3, 2, 5}, 3, false},
    /* of these the pieces keep apart: a step changes none of the largest */
    {"maxout", "[maxout: {units: 3, pieces: 4}]", {1, 1, 5}, 4, true},
    {"maxout without bias", "[maxout: {units: 5, pieces: 3, bias: false}]", {1, 1, 5}, 2, true},
    {"maxout of images", "[maxout: {units: 2, pieces: 2}]", {2, 1, 3}, 3, true},
    {"maxout, normalised",
     "[maxout: {units: 3, pieces: 2, spectral_norm: true}]",
     {1, 1, 5},
     2,
     true},
    {"batchnorm of vectors", "[batchnorm: {}]", {1, 1, 5}, 7, false},
    {"batchnorm of images", "[batchnorm: {eps: 0.1}]", {3, 5, 3}, 3, false},
    {"batchnorm of one image", "[batchnorm: {}]", {3, 3, 2}, 1, false},
    {"batchnorm of groups", "[batchnorm: {stats: ghost, ghost_size: 4}]", {1, 1, 5}, 12, false},
    {"batchnorm of groups of images",
     "[batchnorm: {stats: ghost, ghost_size: 2}]",
     {3, 2, 3},
     6,
     false},
    {"batchnorm of groups of an image",
     "[batchnorm: {stats: ghost, ghost_size: 1}]",
     {3, 3, 2},
     3,
     false},
    {"relu", "[relu: {}]", {1, 1, 13}, 5, true},
    {"leaky_relu", "[leaky_relu: {slope: 0.2}]", {3, 5, 3}, 3, true},
    {"leaky_relu as it comes", "[leaky_relu: {}]", {1, 1, 13}, 5, true},
    {"tanh", "[tanh: {}]", {1, 1, 13}, 5, false},
    {"sigmoid", "[sigmoid: {}]", {3, 5, 3}, 3, false},
    {"dropout", "[dropout: {p: 0.3}]", {3, 3, 3}, 5, false},
    {"diff_augment",
     "[diff_augment: {translation: 0.4, cutout: 0.4, brightness: 0.5, contrast: 0.5, saturation: "
     "1}]",
     {6, 5, 3},
     5,
     false},
    {"diff_augment of one channel",
     "[diff_augment: {contrast: 1, cutout: 0.3}]",
     {3, 7, 1},
     3,
     false},
    {"diff_augment of nothing", "[diff_augment: {}]", {3, 5, 2}, 3, false},
    {"dropout without zeros", "[dropout: {p: 0}]", {1, 1, 13}, 3, false},
    {"minibatch_stddev", "[minibatch_stddev: {group_size: 3}]", {1, 1, 7}, 6, false},
    {"minibatch_stddev of one group", "[minibatch_stddev: {}]", {3, 2, 5}, 4, false},
    {"minibatch_stddev of wide images",
     "[minibatch_stddev: {group_size: 2, channels: 2}]",
     {2, 1, 140},
     4,
     false},
    {"gaussian_noise", "[gaussian_noise: {std: 0.5}]", {3, 3, 3}, 5, false},
    {"gaussian_noise in a chain",
     "[tanh, gaussian_noise, tanh, residual: {main: [gaussian_noise]}, linear: {units: 3}]",
     {1, 1, 7},
     4,
     false},
    {"flatten", "[flatten: {}]", {3, 5, 3}, 3, false},
    {"flatten of one channel", "[flatten: {}]", {3, 5, 1}, 3, false},
    {"reshape to images", "[reshape: {shape: [3, 5, 7]}]", {1, 1, 105}, 3, false},
    {"reshape to vectors", "[reshape: {shape: [105]}]", {5, 7, 3}, 3, false},
    {"linear, normalised", "[linear: {units: 5, spectral_norm: true}]", {1, 1, 7}, 3, false},
    {"one_hot", "[one_hot: {}]", {1, 1, 5}, 4, false},
    {"one_hot of images", "[one_hot: {}]", {2, 3, 2}, 4, false},
    {"embedding", "[embedding: {units: 4}]", {1, 1, 5}, 7, false},
    {"embedding of images", "[embedding: {units: 1}]", {3, 2, 3}, 4, false},
    {"conv2d", "[conv2d: {channels: 3, kernel: 3, padding: 1}]", {5, 4, 2}, 3, false},
    {"conv2d by a library",
     "[conv2d: {channels: 16, kernel: 3, padding: 1}]",
     {3, 3, 16},
     2,
     false},
    {"conv2d by a library, normalised",
     "[conv2d: {channels: 16, kernel: 2, spectral_norm: true}]",
     {2, 3, 16},
     2,
     false},
    {"conv_transpose2d by a library",
     "[conv_transpose2d: {channels: 16, kernel: 4, stride: 2, padding: 1}]",
     {2, 2, 16},
     2,
     false},
    {"conv2d, stride 2",
     "[conv2d: {channels: 2, kernel: 4, stride: 2, padding: 1, bias: false}]",
     {6, 7, 3},
     2,
     false},
    {"conv2d, groups", "[conv2d: {channels: 6, kernel: 2, groups: 2}]", {3, 4, 4}, 2, false},
    {"conv2d of all", "[conv2d: {channels: 5, kernel: 3}]", {3, 3, 2}, 3, false},
    {"conv2d, normalised",
     "[conv2d: {channels: 3, kernel: 3, padding: 1, spectral_norm: true}]",
     {3, 4, 2},
     3,
     false},
    {"conv_transpose2d",
     "[conv_transpose2d: {channels: 3, kernel: 4, stride: 2, padding: 1}]",
     {3, 2, 2},
     3,
     false},
    {"conv_transpose2d, output padding",
     "[conv_transpose2d: {channels: 2, kernel: 3, stride: 3, output_padding: 2, bias: false}]",
     {2, 3, 3},
     2,
     false},
    {"conv_transpose2d, groups",
     "[conv_transpose2d: {channels: 6, kernel: 3, stride: 2, padding: 1, groups: 2}]",
     {3, 2, 4},
     2,
     false},
    {"conv_transpose2d of a vector",
     "[conv_transpose2d: {channels: 3, kernel: 3}]",
     {1, 1, 5},
     3,
     false},
    {"conv_transpose2d, normalised",
     "[conv_transpose2d: {channels: 3, kernel: 3, stride: 2, spectral_norm: true}]",
     {2, 3, 2},
     3,
     false},
    {"residual", "[residual: {main: [linear: {units: 5}]}]", {1, 1, 5}, 3, false},
    {"residual of images", "[residual: {main: [batchnorm, tanh]}]", {3, 2, 3}, 3, false},
    {"residual of one channel", "[residual: {main: [tanh]}]", {3, 5, 1}, 2, false},
    {"residual with a shortcut",
     "[residual: {main: [linear: {units: 3}, tanh], shortcut: [linear: {units: 3}]}]",
     {1, 1, 7},
     3,
     false},
    {"residual of nothing", "[residual: {main: [flatten]}]", {1, 1, 5}, 3, false},
    {"residual of nothing and a shortcut",
     "[residual: {main: [flatten, flatten], shortcut: [batchnorm]}]",
     {1, 1, 5},
     7,
     false},
    {"residual in residuals",
     "[residual: {main: [tanh, residual: {main: [residual: {main: [linear: {units: 3, bias: "
     "false}]}, "
     "batchnorm]}], shortcut: [residual: {main: [sigmoid]}]}]",
     {1, 1, 3},
     5,
     false},
    {"residual behind and before what is in place",
     "[residual: {main: [relu]}, tanh, residual: {main: [sigmoid, dropout, tanh]}, sigmoid, "
     "linear: {units: 2}]",
     {1, 1, 4},
     3,
     true},
    {"concat",
     "[concat: {main: [linear: {units: 5}], shortcut: [batchnorm]}]",
     {1, 1, 3},
     5,
     false},
    {"concat of images", "[concat: {main: [tanh], shortcut: [batchnorm]}]", {3, 2, 3}, 3, false},
    {"concat of one channel", "[concat: {main: [sigmoid]}]", {3, 5, 1}, 2, false},
    {"concat with the input", "[concat: {main: [linear: {units: 2}]}, tanh]", {1, 1, 5}, 3, false},
    {"concat of the input with itself", "[concat: {main: [flatten]}]", {1, 1, 5}, 3, false},
    {"concat of the input with a branch",
     "[tanh, residual: {main: [concat: {main: [flatten], shortcut: [linear: {units: 2}]}], "
     "shortcut: [linear: {units: 5}]}]",
     {1, 1, 3},
     5,
     false},
    {"concat in concats",
     "[concat: {main: [concat: {main: [tanh]}], shortcut: [concat: {main: [concat: {main: "
     "[sigmoid], shortcut: [batchnorm]}]}, tanh]}]",
     {2, 3, 2},
     3,
     false},
    {"upsample", "[upsample: {}]", {3, 2, 3}, 2, false},
    {"upsample of one channel", "[upsample: {scale: 3, mode: bilinear}]", {2, 3, 1}, 3, false},
    {"upsample of a pixel", "[upsample: {scale: 2, mode: bilinear}]", {1, 1, 3}, 2, false},
    {"upsample, bilinear", "[upsample: {mode: bilinear}]", {3, 4, 2}, 3, false},
    {"avgpool", "[avgpool: {kernel: 2}]", {5, 4, 3}, 2, false},
    {"avgpool of one channel",
     "[avgpool: {kernel: 3, stride: 2, padding: 1}]",
     {5, 4, 1},
     3,
     false},
    {"maxpool", "[maxpool: {kernel: 2}]", {5, 4, 3}, 2, true},
    {"maxpool of one channel", "[maxpool: {kernel: 3, stride: 2, padding: 1}]", {5, 4, 1}, 3, true},
    {"maxpool that overlaps", "[maxpool: {kernel: 3, stride: 1}]", {4, 5, 2}, 3, true},
    {"global_avgpool", "[global_avgpool: {}]", {3, 4, 5}, 3, false},
    {"global_avgpool of one channel", "[global_avgpool: {}]", {4, 3, 1}, 2, false},
    {"layernorm", "[layernorm: {eps: 0.1}]", {1, 1, 7}, 3, false},
    {"layernorm of images", "[layernorm: {}]", {3, 2, 3}, 3, false},
    {"layernorm of one channel", "[layernorm: {}]", {3, 5, 1}, 2, false},
    {"layernorm without weights", "[layernorm: {affine: false}]", {2, 3, 2}, 3, false},
    {"instancenorm", "[instancenorm: {}]", {3, 5, 2}, 3, false},
    {"instancenorm of one channel", "[instancenorm: {eps: 0.1}]", {3, 5, 1}, 2, false},
    {"instancenorm with weights", "[instancenorm: {affine: true}]", {4, 3, 3}, 3, false},
    {"pixelnorm", "[pixelnorm: {}]", {3, 2, 5}, 3, false},
    {"pixelnorm of vectors", "[pixelnorm: {eps: 0.1}]", {1, 1, 7}, 3, false},
    {"pixelnorm of one channel", "[pixelnorm: {eps: 0.5}]", {2, 3, 1}, 2, false},
    {"silu", "[silu: {}]", {3, 5, 3}, 3, false},
    {"self_attention", "[self_attention: {reduction: 2}]", {2, 3, 2}, 3, false},
    {"self_attention of one channel", "[self_attention: {reduction: 1}]", {3, 5, 1}, 2, false},
    {"self_attention behind others",
     "[tanh, self_attention: {reduction: 1}, residual: {main: [tanh]}]",
     {3, 2, 2},
     3,
     false},
};

enum { GRADIENT_ROWS = sizeof gradient_rows / sizeof *gradient_rows };

/* What is differentiated: a weighted sum of the outputs. */
typedef struct {
  unit_net made;
  gan_pass pass;
  float *x;     /* (samples, in) */
  float *signs; /* (samples, out): the weights, which are the gradient of the output too */
} layer_probe;

static const float STEP = 0x1p-6f;

static double weighted_sum(const layer_probe *probe) {
  float *y;
  double sum = 0;
  gan_net_changed(probe->made.net); /* its weights may be what differs */
  check_ok(gan_net_forward(probe->made.net, &probe->pass, probe->x, &y));
  int64_t n = probe->pass.samples * gan_shape_size(probe->made.net->out);
  for (int64_t i = 0; i < n; i++) sum += (double)probe->signs[i] * (double)y[i];
  return sum;
}

/* The gradient with respect to n numbers that the sum depends on. */
static double *differences(const layer_probe *probe, float *values, int64_t n) {
  double *gradient = gan_alloc((size_t)n, sizeof *gradient, "differences");
  for (int64_t i = 0; i < n; i++) {
    float kept = values[i], high = kept + STEP, low = kept - STEP;
    values[i] = high;
    double above = weighted_sum(probe);
    values[i] = low;
    double below = weighted_sum(probe);
    values[i] = kept;
    gradient[i] = (above - below) / ((double)high - (double)low);
  }
  return gradient;
}

static void check_gradient(const gradient_row *row, const char *what, int64_t n,
                           const float *gradient, double *wanted) {
  double distance = unit_distance(n, gradient, wanted);
  ck_assert_msg(distance < DIFFERENCE_TOLERANCE, "%s: the gradient of %s is off by %g", row->name,
                what, distance);
  gan_free(&wanted);
}

/* In random order numbers that are 2 steps or more from 0, and 4 from each other. */
static void keep_apart(float *x, int64_t n, uint64_t seed) {
  for (int64_t i = 0; i < n; i++) {
    float size = STEP * (float)(2 + i / 2 * 4);
    int64_t place = (int64_t)(unit_bits(&seed) % (uint64_t)(i + 1));
    x[i] = x[place];
    x[place] = i % 2 ? -size : size;
  }
}

static layer_probe make_probe(const gradient_row *row, uint64_t seed) {
  layer_probe made = {.made =
                          unit_net_create(row->layers, row->in, (gan_shape){0, 0, 0}, row->samples),
                      .pass = unit_pass(row->samples)};
  gan_net *net = made.made.net;
  int64_t in = row->samples * gan_shape_size(row->in);
  int64_t out = row->samples * gan_shape_size(net->out);
  made.x = unit_floats(in);
  made.signs = unit_floats(out);
  unit_fill(made.x, in, seed, -1.5, 1.5);
  unit_fill(made.signs, out, seed + 1, -1, 1);
  if (row->kinked) keep_apart(made.x, in, seed);
  for (int i = 0; i < net->tensor_count; i++)
    if (net->tensors[i].kind != GAN_TENSOR_COUNTER)
      unit_fill(gan_net_tensor(net, &net->tensors[i]), net->tensors[i].size, seed + 2 + (uint64_t)i,
                0.5, 1.5);
  return made;
}

static void destroy_probe(layer_probe *probe) {
  unit_net_destroy(&probe->made);
  gan_free(&probe->x);
  gan_free(&probe->signs);
}

START_TEST(gradients) {
  const gradient_row *row = &gradient_rows[_i];
  layer_probe probe = make_probe(row, 10);
  gan_net *net = probe.made.net;
  float *dx;
  /* the gradient takes singular vectors for constants, which is true of those found */
  for (int i = 0; i < (strstr(row->layers, "spectral") ? 30 : 1); i++) weighted_sum(&probe);
  int64_t out = row->samples * gan_shape_size(net->out);
  memcpy(net->dout, probe.signs, (size_t)out * sizeof(float));
  check_ok(gan_net_backward(net, &probe.pass, GAN_WANT_INPUT | GAN_WANT_WEIGHTS, net->dout, &dx));
  int64_t in = row->samples * gan_shape_size(row->in);
  check_gradient(row, "the input", in, dx, differences(&probe, probe.x, in));
  for (int i = 0; i < net->tensor_count; i++) {
    const gan_tensor *tensor = &net->tensors[i];
    if (tensor->kind != GAN_TENSOR_PARAM) continue;
    check_gradient(row, tensor->name, tensor->size, net->grads + tensor->offset,
                   differences(&probe, net->params + tensor->offset, tensor->size));
  }
  destroy_probe(&probe);
}
END_TEST

/* Every kind of layer stands in the rows above. */
START_TEST(every_kind_has_its_gradient_tested) {
  gan_layer_schemas all = gan_layer_table();
  for (int k = 0; k < all.count; k++) {
    int found = 0;
    for (int i = 0; i < GRADIENT_ROWS; i++) {
      const char *layers = gradient_rows[i].layers + 1;
      size_t length = strlen(all.rows[k]->name);
      found += !strncmp(layers, all.rows[k]->name, length) && layers[length] == ':';
    }
    ck_assert_msg(found > 0, "no row for %s", all.rows[k]->name);
  }
}
END_TEST

/* ---- values ---- */

static double relu_of(double x) {
  return x > 0 ? x : 0;
}
static double leaky_relu_of(double x) {
  return x > 0 ? x : 0.2 * x;
}
static double sigmoid_of(double x) {
  return 1 / (1 + exp(-x));
}
static double silu_of(double x) {
  return x / (1 + exp(-x));
}

START_TEST(values_of_activations) {
  static const struct {
    const char *layers;
    double (*value)(double x);
  } rows[] = {{"[relu: {}]", relu_of},
              {"[leaky_relu: {slope: 0.2}]", leaky_relu_of},
              {"[tanh: {}]", tanh},
              {"[sigmoid: {}]", sigmoid_of},
              {"[silu: {}]", silu_of}};
  enum { N = 257 };
  float x[N], *y;
  unit_fill(x, N, 3, -12, 12);
  x[0] = 0;
  for (size_t r = 0; r < sizeof rows / sizeof *rows; r++) {
    unit_net made = unit_net_create(rows[r].layers, (gan_shape){1, 1, N}, (gan_shape){0, 0, 0}, 1);
    gan_pass pass = unit_pass(1);
    check_ok(gan_net_forward(made.net, &pass, x, &y));
    for (int i = 0; i < N; i++)
      ck_assert_double_eq_tol((double)y[i], rows[r].value((double)x[i]),
                              VALUE_TOLERANCE * fmax(1, fabs((double)x[i])));
    unit_net_destroy(&made);
  }
}
END_TEST

START_TEST(values_of_linear) {
  enum { ROWS = 5, IN = 7, OUT = 3 };
  float x[ROWS * IN], *y;
  unit_fill(x, ROWS * IN, 4, -1, 1);
  for (int bias = 0; bias < 2; bias++) {
    unit_net made =
        unit_net_create(bias ? "[linear: {units: 3}]" : "[linear: {units: 3, bias: false}]",
                        (gan_shape){1, 1, IN}, (gan_shape){0, 0, 0}, ROWS);
    gan_pass pass = unit_pass(ROWS);
    ck_assert_int_eq(made.net->tensor_count, 1 + bias);
    unit_fill(made.net->params, made.net->slab_size, 5, -1, 1);
    const float *w = gan_net_tensor(made.net, &made.net->tensors[0]);
    const float *b = bias ? gan_net_tensor(made.net, &made.net->tensors[1]) : NULL;
    check_ok(gan_net_forward(made.net, &pass, x, &y));
    for (int r = 0; r < ROWS; r++)
      for (int u = 0; u < OUT; u++) {
        double sum = b ? (double)b[u] : 0;
        for (int k = 0; k < IN; k++) sum += (double)w[u * IN + k] * (double)x[r * IN + k];
        ck_assert_double_eq_tol((double)y[r * OUT + u], sum, VALUE_TOLERANCE);
      }
    unit_net_destroy(&made);
  }
}
END_TEST

/* Images (H, W, C) become vectors in PyTorch's order (C, H, W), and come back. */
START_TEST(values_of_flatten_and_reshape) {
  static const gan_shape image = {3, 4, 2}, vector = {1, 1, 24}, any = {0, 0, 0};
  enum { SAMPLES = 3, SIZE = 24 };
  static const struct {
    const char *layers;
    bool to_image;
  } rows[] = {{"[flatten: {}]", false},
              {"[reshape: {shape: [24]}]", false},
              {"[reshape: {shape: [2, 3, 4]}]", true}};
  float x[SAMPLES * SIZE], *y;
  for (int i = 0; i < SAMPLES * SIZE; i++) x[i] = (float)i;
  for (size_t r = 0; r < sizeof rows / sizeof *rows; r++) {
    unit_net made =
        unit_net_create(rows[r].layers, rows[r].to_image ? vector : image, any, SAMPLES);
    gan_pass pass = unit_pass(SAMPLES);
    gan_shape out = rows[r].to_image ? image : vector;
    ck_assert_mem_eq(&made.net->out, &out, sizeof out);
    check_ok(gan_net_forward(made.net, &pass, x, &y));
    for (int s = 0; s < SAMPLES; s++)
      for (int h = 0; h < 3; h++)
        for (int w = 0; w < 4; w++)
          for (int c = 0; c < 2; c++) {
            int ours = s * SIZE + (h * 4 + w) * 2 + c, theirs = s * SIZE + (c * 3 + h) * 4 + w;
            ck_assert_float_eq(rows[r].to_image ? y[ours] : y[theirs],
                               rows[r].to_image ? x[theirs] : x[ours]);
          }
    unit_net_destroy(&made);
  }
}
END_TEST

/* ---- batchnorm ---- */

enum { BN_SAMPLES = 5, BN_PIXELS = 6, BN_CHANNELS = 3, BN_ROWS = BN_SAMPLES * BN_PIXELS };

typedef struct {
  unit_net made;
  float *weight, *bias, *running_mean, *running_var;
  int64_t *batches;
} batchnorm;

static batchnorm make_batchnorm(void) {
  batchnorm bn = {.made = unit_net_create("[batchnorm: {momentum: 0.3, eps: 0.01}]",
                                          (gan_shape){2, 3, BN_CHANNELS}, (gan_shape){0, 0, 0},
                                          BN_SAMPLES)};
  gan_net *net = bn.made.net;
  gan_net_init(net, 1, GAN_INIT_PYTORCH, 0.02f);
  ck_assert_int_eq(net->tensor_count, 5);
  bn.weight = gan_net_tensor(net, &net->tensors[0]);
  bn.bias = gan_net_tensor(net, &net->tensors[1]);
  bn.running_mean = gan_net_tensor(net, &net->tensors[2]);
  bn.running_var = gan_net_tensor(net, &net->tensors[3]);
  bn.batches = gan_net_tensor(net, &net->tensors[4]);
  return bn;
}

/* Mean and variance (over n) of one channel, in double and in two passes. */
static void moments(const float *x, int channel, double *mean, double *variance) {
  *mean = *variance = 0;
  for (int i = 0; i < BN_ROWS; i++) *mean += (double)x[i * BN_CHANNELS + channel] / BN_ROWS;
  for (int i = 0; i < BN_ROWS; i++) {
    double d = (double)x[i * BN_CHANNELS + channel] - *mean;
    *variance += d * d / BN_ROWS;
  }
}

/* Normalised by the batch's biased variance; kept is the unbiased one. */
START_TEST(batchnorm_while_training) {
  batchnorm bn = make_batchnorm();
  gan_pass pass = unit_pass(BN_SAMPLES);
  float x[BN_ROWS * BN_CHANNELS], *y;
  double kept_mean[BN_CHANNELS] = {0}, kept_var[BN_CHANNELS] = {1, 1, 1};
  unit_fill(bn.weight, BN_CHANNELS, 1, 0.5, 2);
  unit_fill(bn.bias, BN_CHANNELS, 2, -1, 1);
  for (int batch = 1; batch <= 4; batch++) {
    unit_fill(x, BN_ROWS * BN_CHANNELS, 10 + (uint64_t)batch, -1, 3 * batch);
    check_ok(gan_net_forward(bn.made.net, &pass, x, &y));
    for (int k = 0; k < BN_CHANNELS; k++) {
      double mean, variance;
      moments(x, k, &mean, &variance);
      kept_mean[k] = 0.7 * kept_mean[k] + 0.3 * mean;
      kept_var[k] = 0.7 * kept_var[k] + 0.3 * variance * BN_ROWS / (BN_ROWS - 1);
      for (int i = 0; i < BN_ROWS; i++) {
        double normal = ((double)x[i * BN_CHANNELS + k] - mean) / sqrt(variance + 0.01);
        ck_assert_double_eq_tol((double)y[i * BN_CHANNELS + k],
                                normal * (double)bn.weight[k] + (double)bn.bias[k],
                                4 * VALUE_TOLERANCE);
      }
      ck_assert_double_eq_tol((double)bn.running_mean[k], kept_mean[k], 12 * VALUE_TOLERANCE);
      ck_assert_double_eq_tol((double)bn.running_var[k], kept_var[k], 12 * VALUE_TOLERANCE);
    }
    ck_assert_int_eq(*bn.batches, batch);
  }
  unit_net_destroy(&bn.made);
}
END_TEST

START_TEST(batchnorm_while_sampling) {
  batchnorm bn = make_batchnorm();
  gan_pass pass = unit_pass(1); /* one sample will do */
  pass.training = false;
  float x[BN_PIXELS * BN_CHANNELS], *y, kept[2][BN_CHANNELS];
  unit_fill(x, BN_PIXELS * BN_CHANNELS, 7, -3, 3);
  unit_fill(bn.weight, BN_CHANNELS, 1, 0.5, 2);
  unit_fill(bn.bias, BN_CHANNELS, 2, -1, 1);
  unit_fill(bn.running_mean, BN_CHANNELS, 3, -1, 1);
  unit_fill(bn.running_var, BN_CHANNELS, 4, 0.1, 3);
  memcpy(kept[0], bn.running_mean, sizeof kept[0]);
  memcpy(kept[1], bn.running_var, sizeof kept[1]);
  check_ok(gan_net_forward(bn.made.net, &pass, x, &y));
  for (int i = 0; i < BN_PIXELS * BN_CHANNELS; i++) {
    int k = i % BN_CHANNELS;
    double normal = ((double)x[i] - (double)kept[0][k]) / sqrt((double)kept[1][k] + 0.01);
    ck_assert_double_eq_tol((double)y[i], normal * (double)bn.weight[k] + (double)bn.bias[k],
                            12 * VALUE_TOLERANCE);
  }
  ck_assert_mem_eq(kept[0], bn.running_mean, sizeof kept[0]);
  ck_assert_mem_eq(kept[1], bn.running_var, sizeof kept[1]);
  ck_assert_int_eq(*bn.batches, 0);
  unit_net_destroy(&bn.made);
}
END_TEST

/* A mean a thousand deviations off zero: sums of squares without a shift would lose the variance.
 * The first batch is still unshifted, and in doubles. */
START_TEST(batchnorm_far_from_zero) {
  batchnorm bn = make_batchnorm();
  gan_pass pass = unit_pass(BN_SAMPLES);
  float x[BN_ROWS * BN_CHANNELS], *y;
  for (int batch = 0; batch < 3; batch++) {
    unit_fill(x, BN_ROWS * BN_CHANNELS, 20, 999, 1001);
    check_ok(gan_net_forward(bn.made.net, &pass, x, &y));
    for (int k = 0; k < BN_CHANNELS; k++) {
      double mean, variance;
      moments(x, k, &mean, &variance);
      for (int i = 0; i < BN_ROWS; i++) /* x itself is known to 2^-14 */
        ck_assert_double_eq_tol((double)y[i * BN_CHANNELS + k],
                                ((double)x[i * BN_CHANNELS + k] - mean) / sqrt(variance + 0.01),
                                2e-4);
    }
  }
  unit_net_destroy(&bn.made);
}
END_TEST

START_TEST(batchnorm_of_one_row_is_refused) {
  static const gan_shape any = {0, 0, 0};
  float x[12] = {0}, *y;
  unit_net made = unit_net_create("[relu: {}, batchnorm: {}]", (gan_shape){1, 1, 3}, any, 4);
  gan_pass pass = unit_pass(1);
  check_fails(gan_net_forward(made.net, &pass, x, &y), GAN_USAGE, "layer 1 (batchnorm)",
              "more than one value a channel", "train.batch");
  pass.training = false;
  check_ok(gan_net_forward(made.net, &pass, x, &y));
  pass = unit_pass(1);
  pass.batch = 2; /* another rank has the other */
  check_ok(gan_net_forward(made.net, &pass, x, &y));
  unit_net_destroy(&made);
  made = unit_net_create("[batchnorm: {}]", (gan_shape){1, 2, 3}, any, 4);
  pass = unit_pass(1);
  check_ok(gan_net_forward(made.net, &pass, x, &y)); /* two pixels */
  unit_net_destroy(&made);
}
END_TEST

/* ---- dropout ---- */

enum { DROP_SAMPLES = 8, DROP_SIZE = 1001, DROP_ALL = DROP_SAMPLES * DROP_SIZE };

/* The mask (1: kept) of a pass over ones. */
static void mask_of(gan_net *net, const gan_pass *pass, bool *kept) {
  static float ones[DROP_ALL];
  float *y;
  for (int i = 0; i < DROP_ALL; i++) ones[i] = 1;
  check_ok(gan_net_forward(net, pass, ones, &y));
  for (int64_t i = 0; i < pass->samples * DROP_SIZE; i++) kept[i] = y[i] > 0;
}

static unit_net make_dropout(const char *layers) {
  return unit_net_create(layers, (gan_shape){1, 1, DROP_SIZE}, (gan_shape){0, 0, 0}, DROP_SAMPLES);
}

/* Zeros come at their rate (5 deviations of the binomial law), the rest is scaled to keep the
 * mean. */
START_TEST(dropout_rate_and_scale) {
  static const double rates[] = {0, 0.1, 0.3, 0.5, 0.9, 0.999};
  double p = rates[_i];
  char layers[64];
  snprintf(layers, sizeof layers, "[dropout: {p: %g}]", p);
  unit_net made = make_dropout(layers);
  gan_pass pass = unit_pass(DROP_SAMPLES);
  static float x[DROP_ALL];
  float *y;
  int zeros = 0;
  unit_fill(x, DROP_ALL, 1, 0.5, 2);
  check_ok(gan_net_forward(made.net, &pass, x, &y));
  for (int i = 0; i < DROP_ALL; i++) {
    double wanted = (double)x[i] / (1 - p);
    zeros += y[i] == 0.0f;
    if (y[i] != 0.0f) ck_assert_double_eq_tol((double)y[i], wanted, VALUE_TOLERANCE * wanted);
  }
  ck_assert_double_le(fabs(zeros - p * DROP_ALL), 5 * sqrt(p * (1 - p) * DROP_ALL));
  unit_net_destroy(&made);
}
END_TEST

START_TEST(dropout_is_nothing_while_sampling) {
  unit_net made = make_dropout("[dropout: {p: 0.7}]");
  unit_net in_place = make_dropout("[batchnorm: {}, dropout: {p: 0.7}]");
  gan_net_init(in_place.net, 1, GAN_INIT_PYTORCH, 0);
  gan_pass pass = unit_pass(DROP_SAMPLES);
  pass.training = false;
  static float x[DROP_ALL];
  float *y;
  unit_fill(x, DROP_ALL, 1, -2, 2);
  check_ok(gan_net_forward(made.net, &pass, x, &y));
  ck_assert_mem_eq(x, y, sizeof x);
  check_ok(gan_net_forward(in_place.net, &pass, x, &y));
  for (int i = 0; i < DROP_ALL; i++) /* 1 / sqrt(1 + 1e-5) */
    ck_assert_double_eq_tol((double)y[i], (double)x[i] * 0.999995, 2 * VALUE_TOLERANCE);
  unit_net_destroy(&made);
  unit_net_destroy(&in_place);
}
END_TEST

/* Whoever works on a sample, alone or among others, drops the same. */
START_TEST(dropout_goes_by_global_sample) {
  static bool whole[DROP_ALL], parts[DROP_ALL];
  unit_net made = make_dropout("[dropout: {}]");
  gan_pass pass = unit_pass(DROP_SAMPLES);
  mask_of(made.net, &pass, whole);
  pass.samples = DROP_SAMPLES / 2;
  for (int part = 0; part < 2; part++) {
    pass.first_sample = part * DROP_SAMPLES / 2;
    mask_of(made.net, &pass, parts + part * DROP_ALL / 2);
  }
  ck_assert_mem_eq(whole, parts, sizeof whole);
  pass = unit_pass(DROP_SAMPLES); /* and the same again */
  mask_of(made.net, &pass, parts);
  ck_assert_mem_eq(whole, parts, sizeof whole);
  unit_net_destroy(&made);
}
END_TEST

/* Half of two independent masks agrees (5 deviations of the binomial law). */
static void check_independent(const char *what, int64_t n, const bool *a, const bool *b) {
  int64_t same = 0;
  for (int64_t i = 0; i < n; i++) same += a[i] == b[i];
  ck_assert_msg(fabs((double)same - 0.5 * (double)n) < 5 * sqrt(0.25 * (double)n),
                "%s: %lld of %lld agree", what, (long long)same, (long long)n);
}

START_TEST(dropout_differs_elsewhere) {
  static bool first[DROP_ALL], second[DROP_ALL];
  static const struct {
    const char *what;
    uint64_t seed, draw;
    uint32_t phase;
    int64_t first_sample;
    const char *layers;
    uint32_t network;
  } rows[] = {
      {"seed", 2, 0, 0, 0, "[dropout: {}]", 0},
      {"high half of the seed", 1 + (1ull << 32), 0, 0, 0, "[dropout: {}]", 0},
      {"draw", 1, 1, 0, 0, "[dropout: {}]", 0},
      {"high half of the draw", 1, 1ull << 32, 0, 0, "[dropout: {}]", 0},
      {"phase", 1, 0, 1, 0, "[dropout: {}]", 0},
      {"sample", 1, 0, 0, DROP_SAMPLES, "[dropout: {}]", 0},
      {"layer", 1, 0, 0, 0, "[relu: {}, dropout: {}]", 0},
      {"network", 1, 0, 0, 0, "[dropout: {}]", 1},
  };
  unit_net made = make_dropout("[dropout: {}]");
  gan_pass pass = unit_pass(DROP_SAMPLES);
  mask_of(made.net, &pass, first);
  for (int s = 1; s < DROP_SAMPLES; s++)
    check_independent("samples", DROP_SIZE, first, first + s * DROP_SIZE);
  check_independent("numbers of a sample", DROP_SIZE - 1, first, first + 1);
  for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
    unit_net other = make_dropout(rows[i].layers);
    gan_net_spec spec = {.name = "other",
                         .key = "model.generator",
                         .id = rows[i].network,
                         .layers = &other.config.model.generator,
                         .in = {1, 1, DROP_SIZE},
                         .capacity = DROP_SAMPLES};
    gan_net *net;
    check_ok(gan_net_create(&spec, &net));
    pass.seed = rows[i].seed;
    pass.draw = rows[i].draw;
    pass.phase = rows[i].phase;
    pass.first_sample = rows[i].first_sample;
    mask_of(net, &pass, second);
    check_independent(rows[i].what, DROP_ALL, first, second);
    gan_net_destroy(&net);
    unit_net_destroy(&other);
  }
  unit_net_destroy(&made);
}
END_TEST

/* ---- first weights ---- */

static void mean_and_deviation(int64_t n, const float *x, double *mean, double *deviation) {
  *mean = *deviation = 0;
  for (int64_t i = 0; i < n; i++) *mean += (double)x[i] / (double)n;
  for (int64_t i = 0; i < n; i++) {
    double d = (double)x[i] - *mean;
    *deviation += d * d / (double)n;
  }
  *deviation = sqrt(*deviation);
}

/* Mean and deviation are those of the law, to 5 deviations of their estimates; `excess` is the
 * law's fourth moment over the squared second: 3 of the normal, 1.8 of the uniform. */
static void check_law(const char *what, int64_t n, const float *x, double mean, double deviation,
                      double excess) {
  double m, d, root = sqrt((double)n);
  mean_and_deviation(n, x, &m, &d);
  ck_assert_msg(fabs(m - mean) < 5 * deviation / root, "%s: mean %g, not %g", what, m, mean);
  ck_assert_msg(fabs(d - deviation) < 5 * deviation * sqrt((excess - 1) / 4) / root,
                "%s: deviation %g, not %g", what, d, deviation);
}

static const char *const init_layers =
    "[linear: {units: 301}, batchnorm: {}, linear: {units: 301}, linear: {units: 301}]";

static const float *tensor_named(const gan_net *net, const char *name, int64_t *n) {
  for (int i = 0; i < net->tensor_count; i++)
    if (!strcmp(net->tensors[i].name, name)) {
      *n = net->tensors[i].size;
      return gan_net_tensor(net, &net->tensors[i]);
    }
  ck_abort_msg("no tensor %s", name);
  return NULL;
}

static void check_all(const gan_net *net, const char *name, float value) {
  int64_t n;
  const float *x = tensor_named(net, name, &n);
  for (int64_t i = 0; i < n; i++) ck_assert_float_eq(x[i], value);
}

START_TEST(init_as_pytorch) {
  unit_net made = unit_net_create(init_layers, (gan_shape){1, 1, 97}, (gan_shape){0, 0, 0}, 1);
  static const struct {
    const char *name;
    int inputs;
  } rows[] = {{"0.weight", 97}, {"0.bias", 97}, {"2.weight", 301}, {"2.bias", 301}};
  gan_net_init(made.net, 1, GAN_INIT_PYTORCH, 0.5f);
  for (size_t r = 0; r < sizeof rows / sizeof *rows; r++) {
    int64_t n;
    double bound = 1 / sqrt(rows[r].inputs), most = 0;
    const float *x = tensor_named(made.net, rows[r].name, &n);
    for (int64_t i = 0; i < n; i++) most = fmax(most, fabs((double)x[i]));
    ck_assert_double_le(most, bound * (1 + FLT_EPSILON));
    ck_assert_double_ge(most, 0.95 * bound); /* none of 301 there: probability 2e-7 */
    check_law(rows[r].name, n, x, 0, bound / sqrt(3), 1.8);
  }
  check_all(made.net, "1.weight", 1);
  check_all(made.net, "1.bias", 0);
  check_all(made.net, "1.running_mean", 0);
  check_all(made.net, "1.running_var", 1);
  unit_net_destroy(&made);
}
END_TEST

START_TEST(init_normal) {
  unit_net made = unit_net_create(init_layers, (gan_shape){1, 1, 97}, (gan_shape){0, 0, 0}, 1);
  int64_t n;
  gan_net_init(made.net, 1, GAN_INIT_NORMAL, 0.02f);
  static const char *const weights[] = {"0.weight", "2.weight", "3.weight"};
  for (int i = 0; i < 3; i++) {
    const float *x = tensor_named(made.net, weights[i], &n);
    check_law(weights[i], n, x, 0, 0.02, 3);
  }
  const float *scale = tensor_named(made.net, "1.weight", &n);
  check_law("1.weight", n, scale, 1, 0.02, 3);
  check_all(made.net, "0.bias", 0);
  check_all(made.net, "1.bias", 0);
  check_all(made.net, "3.bias", 0);
  check_all(made.net, "1.running_mean", 0);
  check_all(made.net, "1.running_var", 1);
  unit_net_destroy(&made);
}
END_TEST

/* Scales within a sample are 1 at first, however the others begin, and biases 0. */
START_TEST(init_of_norms_within_a_sample) {
  static const gan_init kinds[] = {GAN_INIT_PYTORCH, GAN_INIT_NORMAL};
  for (int i = 0; i < 2; i++) {
    unit_net made = unit_net_create("[layernorm, instancenorm: {affine: true}, instancenorm]",
                                    (gan_shape){3, 5, 2}, (gan_shape){0, 0, 0}, 1);
    ck_assert_int_eq(made.net->tensor_count, 4);
    gan_net_init(made.net, 1, kinds[i], 0.02f);
    check_all(made.net, "0.weight", 1);
    check_all(made.net, "0.bias", 0);
    check_all(made.net, "1.weight", 1);
    check_all(made.net, "1.bias", 0);
    unit_net_destroy(&made);
  }
}
END_TEST

START_TEST(instancenorm_of_vectors_is_refused) {
  unit_net made;
  check_fails(
      unit_net_try(&made, "[relu, instancenorm]", (gan_shape){1, 1, 7}, (gan_shape){0, 0, 0}, 1),
      GAN_USAGE, "layer 1 (instancenorm): 7 reaches it", "take layernorm");
}
END_TEST

/* By seed, network, layer and tensor; nothing else. */
START_TEST(init_keys) {
  unit_net a = unit_net_create(init_layers, (gan_shape){1, 1, 97}, (gan_shape){0, 0, 0}, 1);
  gan_net_spec spec = {.name = "b",
                       .key = "model.generator",
                       .layers = &a.config.model.generator,
                       .in = {1, 1, 97},
                       .capacity = 3};
  gan_net *b, *other;
  int64_t n;
  check_ok(gan_net_create(&spec, &b));
  spec.id = 1;
  check_ok(gan_net_create(&spec, &other));
  for (int kind = 0; kind < 2; kind++) {
    gan_init init = kind ? GAN_INIT_PYTORCH : GAN_INIT_NORMAL; /* normal leaves zeros be */
    size_t bytes = (size_t)b->slab_size * sizeof(float);
    gan_net_init(a.net, 5, init, 0.02f);
    gan_net_init(b, 5, init, 0.02f);
    gan_net_init(other, 5, init, 0.02f);
    ck_assert_mem_eq(a.net->params, b->params, bytes);
    const float *first = tensor_named(b, "2.weight", &n);
    const float *second = tensor_named(b, "3.weight", &n);
    const float *elsewhere = tensor_named(other, "2.weight", &n);
    ck_assert_mem_ne(first, second, sizeof(float) * (size_t)n);
    ck_assert_mem_ne(first, elsewhere, sizeof(float) * (size_t)n);
    gan_net_init(a.net, 6, init, 0.02f);
    ck_assert_mem_ne(a.net->params, b->params, bytes);
  }
  gan_net_init(b, 5, GAN_INIT_PYTORCH, 0);
  const float *weight = tensor_named(b, "2.weight", &n), *bias = tensor_named(b, "2.bias", &n);
  ck_assert_mem_ne(weight, bias, sizeof(float) * (size_t)n);
  gan_net_destroy(&b);
  gan_net_destroy(&other);
  unit_net_destroy(&a);
}
END_TEST

int main(void) {
  const unit_test tests[] = {
      {gradients, GRADIENT_ROWS},
      {every_kind_has_its_gradient_tested, 1},
      {values_of_activations, 1},
      {values_of_linear, 1},
      {values_of_flatten_and_reshape, 1},
      {batchnorm_while_training, 1},
      {batchnorm_while_sampling, 1},
      {batchnorm_far_from_zero, 1},
      {batchnorm_of_one_row_is_refused, 1},
      {dropout_rate_and_scale, 6},
      {dropout_is_nothing_while_sampling, 1},
      {dropout_goes_by_global_sample, 1},
      {dropout_differs_elsewhere, 1},
      {init_as_pytorch, 1},
      {init_normal, 1},
      {init_of_norms_within_a_sample, 1},
      {instancenorm_of_vectors_is_refused, 1},
      {init_keys, 1},
  };
  return UNIT_MAIN("layers", tests);
}
