/* Networks: how layers are put together, what passes may touch, and where things lie. */
#include "base/memory.h"
#include "unit/support.h"

#include <math.h>
#include <string.h>

static const gan_shape any = {0, 0, 0};

enum { BOTH = GAN_WANT_INPUT | GAN_WANT_WEIGHTS };

static size_t bytes_of(int64_t floats) {
  return (size_t)floats * sizeof(float);
}

/* ---- what a pass touches ---- */

/* Every kind of layer with weights, and each way in which a layer may share memory with the one
 * before it. */
static const char *const chain[] = {"linear: {units: 12}",
                                    "leaky_relu: {slope: 0.3}",
                                    "dropout: {p: 0.3}",
                                    "linear: {units: 30}",
                                    "batchnorm: {}",
                                    "relu: {}",
                                    "tanh: {}",
                                    "reshape: {shape: [3, 5, 2]}",
                                    "dropout: {p: 0.2}",
                                    "relu: {}",
                                    "batchnorm: {}",
                                    "dropout: {p: 0.4}",
                                    "sigmoid: {}",
                                    "tanh: {}",
                                    "flatten: {}",
                                    "sigmoid: {}",
                                    "linear: {units: 5, bias: false}"};

enum { LAYERS = sizeof chain / sizeof *chain, SAMPLES = 7, IN = 9, OUT = 5 };

static unit_net make_chain(void) {
  char layers[1024] = "[";
  for (int i = 0; i < LAYERS; i++) {
    strcat(layers, i ? ", " : "");
    strcat(layers, chain[i]);
  }
  strcat(layers, "]");
  unit_net made = unit_net_create(layers, (gan_shape){1, 1, IN}, any, SAMPLES);
  gan_net_init(made.net, 3, GAN_INIT_PYTORCH, 0.02f);
  return made;
}

/* Input, gradient of the output, and what is there after both ways. */
typedef struct {
  float x[SAMPLES * IN], dy[SAMPLES * OUT];
  float *y, *dx;
} batch;

static batch make_batch(uint64_t seed) {
  batch made = {.y = NULL};
  unit_fill(made.x, SAMPLES * IN, seed, -1, 1);
  unit_fill(made.dy, SAMPLES * OUT, seed + 100, -1, 1);
  return made;
}

static void both_ways(gan_net *net, const gan_pass *pass, unsigned want, batch *data) {
  check_ok(gan_net_forward(net, pass, data->x, &data->y));
  memcpy(net->dout, data->dy, sizeof data->dy);
  check_ok(gan_net_backward(net, pass, want, net->dout, &data->dx));
}

static float *copy_of(int64_t n, const float *x) {
  float *copy = unit_floats(n);
  memcpy(copy, x, bytes_of(n));
  return copy;
}

/* A second backward adds, where it is asked to, and writes anew where it is not. */
START_TEST(gradients_accumulate) {
  unit_net made = make_chain();
  gan_net *net = made.net;
  gan_pass pass = unit_pass(SAMPLES);
  batch first = make_batch(1), second = make_batch(2);
  both_ways(net, &pass, BOTH, &first);
  float *one = copy_of(net->slab_size, net->grads);
  both_ways(net, &pass, BOTH, &second);
  float *two = copy_of(net->slab_size, net->grads);
  both_ways(net, &pass, BOTH, &first);
  /* the running statistics have moved, which may move the batch's in the last bit */
  for (int64_t i = 0; i < net->slab_size; i++)
    ck_assert_double_eq_tol((double)net->grads[i], (double)one[i], 1e-5);
  pass.accumulate = true;
  both_ways(net, &pass, BOTH, &second);
  double both = 0;
  for (int64_t i = 0; i < net->slab_size; i++) {
    ck_assert_double_eq_tol((double)net->grads[i], (double)one[i] + (double)two[i], 1e-5);
    both += fabs((double)one[i]) > 1e-3 && fabs((double)two[i]) > 1e-3;
  }
  ck_assert_double_gt(both, 100); /* so that it is a test */
  gan_free(&one);
  gan_free(&two);
  unit_net_destroy(&made);
}
END_TEST

/* Of what is wanted, all; of the rest, nothing is touched.  The generator's update leans on it. */
START_TEST(only_what_is_wanted) {
  unit_net made = make_chain();
  gan_net *net = made.net;
  gan_pass pass = unit_pass(SAMPLES);
  batch data = make_batch(1);
  both_ways(net, &pass, BOTH, &data);
  float *dx = copy_of(SAMPLES * IN, data.dx), *grads = copy_of(net->slab_size, net->grads);
  float *pattern = unit_floats(net->slab_size);
  unit_fill(pattern, net->slab_size, 9, -1, 1);

  for (int accumulate = 0; accumulate < 2; accumulate++) {
    pass.accumulate = accumulate;
    memcpy(net->grads, pattern, bytes_of(net->slab_size));
    both_ways(net, &pass, GAN_WANT_INPUT, &data);
    ck_assert_mem_eq(net->grads, pattern, bytes_of(net->slab_size));
    for (int i = 0; i < SAMPLES * IN; i++)
      ck_assert_double_eq_tol((double)data.dx[i], (double)dx[i], 1e-5);
  }

  pass.accumulate = false;
  memset(net->grads, 0, bytes_of(net->slab_size));
  check_ok(gan_net_forward(net, &pass, data.x, &data.y));
  memcpy(net->dout, data.dy, sizeof data.dy);
  check_ok(gan_net_backward(net, &pass, GAN_WANT_WEIGHTS, net->dout, NULL));
  for (int64_t i = 0; i < net->slab_size; i++)
    ck_assert_double_eq_tol((double)net->grads[i], (double)grads[i], 1e-5);
  gan_free(&dx);
  gan_free(&grads);
  gan_free(&pattern);
  unit_net_destroy(&made);
}
END_TEST

/* Weights and input are read only; the pass takes no memory; the gradient may come in memory of
 * the caller's own. */
START_TEST(passes_only_read) {
  unit_net made = make_chain();
  gan_net *net = made.net;
  gan_pass pass = unit_pass(SAMPLES);
  batch data = make_batch(1), same = data;
  float *params = copy_of(net->slab_size, net->params);
  both_ways(net, &pass, BOTH, &data);
  float *dx = copy_of(SAMPLES * IN, data.dx);
  uint64_t count = gan_alloc_count();
  for (int i = 0; i < 3; i++) both_ways(net, &pass, BOTH, &data);
  pass.training = false;
  check_ok(gan_net_forward(net, &pass, data.x, &data.y));
  ck_assert_uint_eq(gan_alloc_count(), count);
  ck_assert_mem_eq(data.x, same.x, sizeof data.x);
  ck_assert_mem_eq(net->params, params, bytes_of(net->slab_size));

  pass.training = true;
  check_ok(gan_net_forward(net, &pass, data.x, &data.y));
  check_ok(gan_net_backward(net, &pass, BOTH, data.dy, &data.dx));
  for (int i = 0; i < SAMPLES * IN; i++)
    ck_assert_double_eq_tol((double)data.dx[i], (double)dx[i], 1e-5);
  gan_free(&params);
  gan_free(&dx);
  unit_net_destroy(&made);
}
END_TEST

/* ---- sharing memory ---- */

/* A layer in a network of its own, with the weights and keys that it has in the whole. */
static unit_net alone(const gan_net *whole, int i, gan_shape in) {
  char layers[128];
  snprintf(layers, sizeof layers, "[%s]", chain[i]);
  unit_net made = unit_net_create(layers, in, any, SAMPLES);
  gan_net *net = made.net;
  const gan_layer *layer = &whole->layers[i];
  ck_assert_int_eq(net->layer_count, 1);
  net->layers[0].index = layer->index;
  for (int t = 0; t < net->tensor_count; t++)
    if (net->tensors[t].kind != GAN_TENSOR_COUNTER)
      memcpy(net->layers[0].value[t], layer->value[t], bytes_of(net->tensors[t].size));
  return made;
}

/* The same bits as from layers that share nothing: an output that is written over too early, or
 * a gradient, shows. */
START_TEST(whole_is_its_layers) {
  unit_net made = make_chain(), single[LAYERS];
  gan_net *net = made.net;
  gan_pass pass = unit_pass(SAMPLES);
  batch data = make_batch(1);
  ck_assert_int_eq(net->layer_count, LAYERS);
  float *at[LAYERS + 1] = {data.x}, *gradient = data.dy;
  for (int i = 0; i < LAYERS; i++) {
    single[i] = alone(net, i, i ? single[i - 1].net->out : net->in);
    float *y;
    check_ok(gan_net_forward(single[i].net, &pass, at[i], &y));
    at[i + 1] = copy_of(SAMPLES * gan_shape_size(single[i].net->out), y);
  }
  both_ways(net, &pass, BOTH, &data);
  ck_assert_mem_eq(data.y, at[LAYERS], bytes_of(SAMPLES * OUT));
  for (int i = LAYERS - 1; i >= 0; i--) {
    float *dy = copy_of(SAMPLES * gan_shape_size(single[i].net->out), gradient);
    check_ok(gan_net_backward(single[i].net, &pass, BOTH, dy, &gradient));
    gradient = copy_of(SAMPLES * gan_shape_size(single[i].net->in), gradient);
    for (int t = 0; t < single[i].net->tensor_count; t++)
      if (single[i].net->tensors[t].kind == GAN_TENSOR_PARAM)
        ck_assert_mem_eq(single[i].net->layers[0].gradient[t], net->layers[i].gradient[t],
                         bytes_of(single[i].net->tensors[t].size));
    if (i == 0) ck_assert_mem_eq(data.dx, gradient, bytes_of(SAMPLES * IN));
    gan_free(&dy);
    at[i] = i ? (gan_free(&at[i]), gradient) : gradient;
  }
  for (int i = 0; i <= LAYERS; i++) gan_free(&at[i]);
  for (int i = 0; i < LAYERS; i++) unit_net_destroy(&single[i]);
  unit_net_destroy(&made);
}
END_TEST

/* Batches smaller than the capacity, one after the other, do not mix. */
START_TEST(small_batch_after_a_large_one) {
  unit_net made = make_chain();
  gan_pass pass = unit_pass(SAMPLES);
  batch data = make_batch(1);
  float small[3 * OUT];
  pass.training = false;
  check_ok(gan_net_forward(made.net, &pass, data.x, &data.y));
  float *whole = copy_of(SAMPLES * OUT, data.y);
  pass.samples = pass.batch = 3;
  check_ok(gan_net_forward(made.net, &pass, data.x + 2 * IN, &data.y));
  memcpy(small, data.y, sizeof small);
  for (int i = 0; i < 3 * OUT; i++)
    ck_assert_double_eq_tol((double)small[i], (double)whole[2 * OUT + i], 1e-5);
  gan_free(&whole);
  unit_net_destroy(&made);
}
END_TEST

/* ---- shapes ---- */

START_TEST(shapes_that_do_not_chain) {
  static const struct {
    const char *layers;
    gan_shape in, out;
    const char *texts[5];
  } rows[] = {
      {"[linear: {units: 4}, reshape: {shape: [1, 2, 3]}]",
       {1, 1, 3},
       {0, 0, 0},
       {"layer 1 (reshape)", "4 reaches it", "as many numbers", "2x3x1", "run.yaml:3"}},
      {"[relu: {}, reshape: {shape: [2, 2, 1]}, linear: {units: 3}]",
       {1, 1, 4},
       {0, 0, 0},
       {"layer 2 (linear)", "2x1x2 reaches it", "flat vector", "flatten", "'model.generator'"}},
      {"[relu: {}, linear: {units: 3}]",
       {2, 3, 5},
       {0, 0, 0},
       {"layer 1 (linear)", "2x3x5 reaches it", "flat vector", "flatten", "run.yaml:3"}},
      {"[reshape: {shape: [3, 2, 1]}]",
       {2, 3, 1},
       {0, 0, 0},
       {"layer 0 (reshape)", "2x3x1 reaches it", "wants a vector", "flatten", "run.yaml:3"}},
      {"[reshape: {shape: [2, 2]}]",
       {1, 1, 4},
       {0, 0, 0},
       {"layer 0 (reshape)", "4 reaches it", "[D] or [C, H, W]", "run.yaml:3", ""}},
      {"[linear: {units: 9}, tanh: {}]",
       {1, 1, 4},
       {2, 5, 1},
       {"last layer (tanh) gives 9", "the generator must give 2x5x1", "'model.generator'",
        "run.yaml:3", ""}},
      {"[linear: {units: 6}, reshape: {shape: [1, 2, 3]}]",
       {1, 1, 4},
       {3, 2, 1},
       {"last layer (reshape) gives 2x3x1", "must give 3x2x1", "", "", ""}},
      {"[flatten: {}]", {2, 2, 2}, {1, 1, 7}, {"(flatten) gives 8", "must give 7", "", "", ""}},
      {"[linear: {units: 16777216}]",
       {1, 1, 1},
       {1, 1, 1},
       {"(linear) gives 16777216", "must give 1", "", "", ""}},
  };
  for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
    unit_net made;
    const char *const *t = rows[i].texts;
    check_fails(unit_net_try(&made, rows[i].layers, rows[i].in, rows[i].out, 2), GAN_USAGE, t[0],
                t[1], t[2], t[3], t[4]);
    ck_assert_ptr_null(made.net);
  }
}
END_TEST

/* A vector of the right size is an image: read in PyTorch's order, there and back. */
START_TEST(flat_output_as_image) {
  enum { H = 2, W = 3, C = 4, SIZE = H * W * C, N = 3 };
  float x[N * SIZE], *y, *dx;
  unit_net made = unit_net_create("[leaky_relu: {slope: 0.5}]", (gan_shape){1, 1, SIZE},
                                  (gan_shape){H, W, C}, N);
  gan_net *net = made.net;
  gan_pass pass = unit_pass(N);
  for (int i = 0; i < N * SIZE; i++) x[i] = (float)(i + 1);
  gan_shape wanted = {H, W, C};
  ck_assert_mem_eq(&net->out, &wanted, sizeof wanted);
  check_ok(gan_net_forward(net, &pass, x, &y));
  for (int i = 0; i < N * SIZE; i++) {
    int s = i / SIZE, h = i / (W * C) % H, w = i / C % W, c = i % C;
    ck_assert_float_eq(y[i], x[s * SIZE + (c * H + h) * W + w]);
  }
  memcpy(net->dout, y, sizeof x);
  check_ok(gan_net_backward(net, &pass, GAN_WANT_INPUT, net->dout, &dx));
  ck_assert_mem_eq(dx, x, sizeof x);
  unit_net_destroy(&made);

  /* of one channel there is nothing to move */
  made = unit_net_create("[relu: {}]", (gan_shape){1, 1, SIZE}, (gan_shape){2, 12, 1}, N);
  check_ok(gan_net_forward(made.net, &pass, x, &y));
  ck_assert_mem_eq(y, x, sizeof x);
  unit_net_destroy(&made);
}
END_TEST

/* Before a linear first layer, an image is flattened in PyTorch's order. */
START_TEST(image_input_of_linear) {
  enum { H = 2, W = 3, C = 4, SIZE = H * W * C, N = 2 };
  float x[N * SIZE], *y, *dx;
  unit_net made =
      unit_net_create("[linear: {units: 24, bias: false}]", (gan_shape){H, W, C}, any, N);
  gan_net *net = made.net;
  gan_pass pass = unit_pass(N);
  ck_assert_int_eq(net->tensor_count, 1);
  ck_assert_str_eq(net->tensors[0].name, "0.weight");
  for (int i = 0; i < SIZE; i++) net->params[i * SIZE + i] = 1;
  for (int i = 0; i < N * SIZE; i++) x[i] = (float)(i + 1);
  check_ok(gan_net_forward(net, &pass, x, &y));
  for (int i = 0; i < N * SIZE; i++) {
    int s = i / SIZE, h = i / (W * C) % H, w = i / C % W, c = i % C;
    ck_assert_float_eq(y[s * SIZE + (c * H + h) * W + w], x[i]);
  }
  memcpy(net->dout, y, sizeof x);
  check_ok(gan_net_backward(net, &pass, BOTH, net->dout, &dx));
  ck_assert_mem_eq(dx, x, sizeof x);
  unit_net_destroy(&made);
}
END_TEST

/* ---- tensors ---- */

START_TEST(tensors_as_pytorch_names_them) {
  static const struct {
    const char *name;
    gan_tensor_kind kind;
    int rank;
    int64_t dims[2];
  } rows[] = {
      {"0.weight", GAN_TENSOR_PARAM, 2, {7, 3}},
      {"1.weight", GAN_TENSOR_PARAM, 1, {7, 0}},
      {"1.bias", GAN_TENSOR_PARAM, 1, {7, 0}},
      {"1.running_mean", GAN_TENSOR_BUFFER, 1, {7, 0}},
      {"1.running_var", GAN_TENSOR_BUFFER, 1, {7, 0}},
      {"1.num_batches_tracked", GAN_TENSOR_COUNTER, 0, {0, 0}},
      {"3.weight", GAN_TENSOR_PARAM, 2, {17, 7}},
      {"3.bias", GAN_TENSOR_PARAM, 1, {17, 0}},
      {"5.weight", GAN_TENSOR_PARAM, 1, {17, 0}},
      {"5.bias", GAN_TENSOR_PARAM, 1, {17, 0}},
      {"5.running_mean", GAN_TENSOR_BUFFER, 1, {17, 0}},
      {"5.running_var", GAN_TENSOR_BUFFER, 1, {17, 0}},
      {"5.num_batches_tracked", GAN_TENSOR_COUNTER, 0, {0, 0}},
  };
  enum { ROWS = sizeof rows / sizeof *rows };
  unit_net made = unit_net_create("[linear: {units: 7, bias: false}, batchnorm: {}, relu: {}, "
                                  "linear: {units: 17}, dropout: {}, batchnorm: {}]",
                                  (gan_shape){1, 1, 3}, any, 4);
  ck_assert_int_eq(made.net->tensor_count, ROWS);
  int64_t params = 0;
  for (int i = 0; i < ROWS; i++) {
    const gan_tensor *tensor = &made.net->tensors[i];
    int64_t size = 1;
    ck_assert_str_eq(tensor->name, rows[i].name);
    ck_assert_int_eq(tensor->kind, rows[i].kind);
    ck_assert_int_eq(tensor->rank, rows[i].rank);
    for (int k = 0; k < tensor->rank; k++) {
      ck_assert_int_eq(tensor->dims[k], rows[i].dims[k]);
      size *= rows[i].dims[k];
    }
    ck_assert_int_eq(tensor->size, size);
    params += tensor->kind == GAN_TENSOR_PARAM ? size : 0;
  }
  ck_assert_int_eq(made.net->param_count, params);
  unit_net_destroy(&made);
}
END_TEST

/* Marks the tensors' numbers in their slab, and checks that none is marked twice. */
static void mark(const gan_net *net, gan_tensor_kind kind, int64_t slab_size, char *used) {
  for (int i = 0; i < net->tensor_count; i++) {
    const gan_tensor *tensor = &net->tensors[i];
    if (tensor->kind != kind) continue;
    ck_assert_int_ge(tensor->offset, 0);
    ck_assert_int_le(tensor->offset + tensor->size, slab_size);
    for (int64_t k = 0; k < tensor->size; k++) ck_assert_int_eq(used[tensor->offset + k]++, 0);
    if (kind != GAN_TENSOR_COUNTER)
      ck_assert_uint_eq((uintptr_t)gan_net_tensor(net, tensor) % 64, 0);
  }
}

static void check_gaps(const char *used, int64_t n, const float *slab) {
  static const float zero = 0; /* +0, to the bit */
  for (int64_t i = 0; i < n; i++)
    if (!used[i]) ck_assert_mem_eq(&slab[i], &zero, sizeof zero);
}

START_TEST(slabs) {
  unit_net made = make_chain();
  gan_net *net = made.net;
  gan_pass pass = unit_pass(SAMPLES);
  batch data = make_batch(1);
  char *params = gan_alloc((size_t)net->slab_size, 1, "marks");
  char *buffers = gan_alloc((size_t)net->buffer_size, 1, "marks");
  char *counters = gan_alloc((size_t)net->counter_count, 1, "marks");
  mark(net, GAN_TENSOR_PARAM, net->slab_size, params);
  mark(net, GAN_TENSOR_BUFFER, net->buffer_size, buffers);
  mark(net, GAN_TENSOR_COUNTER, net->counter_count, counters);
  int64_t gaps = 0;
  for (int64_t i = 0; i < net->slab_size; i++) gaps += !params[i];
  ck_assert_int_eq(gaps, net->slab_size - net->param_count);
  ck_assert_int_gt(gaps, 0);
  for (int init = 0; init < 2; init++) {
    gan_net_init(net, 1, init ? GAN_INIT_NORMAL : GAN_INIT_PYTORCH, 0.02f);
    both_ways(net, &pass, BOTH, &data);
    pass.accumulate = true;
    both_ways(net, &pass, BOTH, &data);
    check_gaps(params, net->slab_size, net->params);
    check_gaps(params, net->slab_size, net->grads);
    check_gaps(buffers, net->buffer_size, net->buffers);
  }
  ck_assert_int_eq(net->counters[0], 4);
  gan_free(&params);
  gan_free(&buffers);
  gan_free(&counters);
  unit_net_destroy(&made);
}
END_TEST

/* Without training there are no gradients, and what comes out is the same. */
START_TEST(network_that_only_samples) {
  unit_net made = make_chain();
  gan_net_spec spec = {.name = "generator",
                       .key = "model.generator",
                       .layers = &made.config.model.generator,
                       .in = {1, 1, IN},
                       .capacity = SAMPLES};
  gan_net *net;
  gan_pass pass = unit_pass(SAMPLES);
  batch data = make_batch(1);
  float *y;
  pass.training = false;
  check_ok(gan_net_create(&spec, &net));
  ck_assert_ptr_null(net->grads);
  gan_net_init(net, 3, GAN_INIT_PYTORCH, 0.02f);
  check_ok(gan_net_forward(made.net, &pass, data.x, &data.y));
  check_ok(gan_net_forward(net, &pass, data.x, &y));
  ck_assert_mem_eq(y, data.y, bytes_of(SAMPLES * OUT));
  gan_net_destroy(&net);
  unit_net_destroy(&made);
}
END_TEST

int main(void) {
  const unit_test tests[] = {
      {gradients_accumulate, 1},
      {only_what_is_wanted, 1},
      {passes_only_read, 1},
      {whole_is_its_layers, 1},
      {small_batch_after_a_large_one, 1},
      {shapes_that_do_not_chain, 1},
      {flat_output_as_image, 1},
      {image_input_of_linear, 1},
      {tensors_as_pytorch_names_them, 1},
      {slabs, 1},
      {network_that_only_samples, 1},
  };
  return UNIT_MAIN("net", tests);
}
