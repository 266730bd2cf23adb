/* Branches and joins: names, shapes, and whether the plan of memory holds, on made-up networks. */
#include "base/memory.h"
#include "model/build.h"
#include "unit/support.h"

#include <math.h>
#include <string.h>

static const gan_shape any = {0, 0, 0};

enum { BOTH = GAN_WANT_INPUT | GAN_WANT_WEIGHTS, WIDTH = 3, SAMPLES = 4 };

/* ---- made-up networks ---- */

enum { TEXT_BYTES = 1 << 14, DEEP = 3, GRAPHS = 400 };

/* What keeps the width: each way of sharing memory, and one that does nothing. */
static const char *const plain[] = {"linear: {units: 3}", "tanh",          "sigmoid",
                                    "dropout: {p: 0.3}",  "batchnorm: {}", "flatten: {}"};

enum { PLAIN = sizeof plain / sizeof *plain };

static void append_list(char *text, uint64_t *state, int depth);

static void append_join(char *text, const char *kind, uint64_t *state, int depth) {
  strcat(text, kind);
  strcat(text, ": {main: ");
  append_list(text, state, depth + 1);
  if (unit_bits(state) % 2) {
    strcat(text, ", shortcut: ");
    append_list(text, state, depth + 1);
  }
  strcat(text, "}");
}

static void append_list(char *text, uint64_t *state, int depth) {
  int count = 1 + (int)(unit_bits(state) % 3);
  for (int i = 0; i < count; i++) {
    strcat(text, i ? ", " : "[");
    uint64_t pick = unit_bits(state) % (depth < DEEP ? PLAIN + 6 : PLAIN);
    if (pick < PLAIN) {
      strcat(text, plain[pick]);
    } else {
      append_join(text, pick % 2 ? "residual" : "concat", state, depth);
      if (pick % 2 == 0) strcat(text, ", linear: {units: 3}"); /* the width again */
    }
  }
  strcat(text, "]");
}

static unit_net make_graph(uint64_t seed, char text[TEXT_BYTES]) {
  *text = '\0';
  append_list(text, &seed, 0);
  ck_assert_uint_lt(strlen(text), TEXT_BYTES);
  return unit_net_create(text, (gan_shape){1, 1, WIDTH}, any, SAMPLES);
}

static int *takers_of(const gan_net *net) {
  int *takers = gan_alloc((size_t)net->layer_count + 1, sizeof *takers, "takers");
  takers[net->last]++;
  for (int i = 0; i < net->layer_count; i++)
    for (int k = 0; k < net->layers[i].inputs && !net->layers[i].identity; k++)
      takers[net->layers[i].from[k]]++;
  return takers;
}

/* ---- outputs share memory ---- */

static bool overlap(const gan_net *net, int a, int b) {
  const float *x = net->at[a], *y = net->at[b];
  int64_t of_x = gan_shape_size(net->layers[a - 1].out) * net->capacity;
  int64_t of_y = gan_shape_size(net->layers[b - 1].out) * net->capacity;
  return x < y + of_y && y < x + of_x;
}

/* Plays the plan: what a layer reads, forward or backward, nobody has written over. */
START_TEST(outputs_live_as_long_as_they_are_read) {
  char text[TEXT_BYTES];
  int shared = 0;
  for (uint64_t seed = 0; seed < GRAPHS; seed++) {
    unit_net made = make_graph(seed, text);
    gan_net *net = made.net;
    bool *alive = gan_alloc((size_t)net->layer_count + 1, sizeof *alive, "values");
    alive[0] = true;
    for (int i = 0; i < net->layer_count; i++) {
      const gan_layer *layer = &net->layers[i];
      if (layer->identity) continue;
      for (int k = 0; k < layer->inputs; k++)
        ck_assert_msg(alive[layer->from[k]], "%s: layer %s reads what is gone", text, layer->name);
      for (int v = 1; v <= i; v++) {
        if (!alive[v] || !overlap(net, v, i + 1)) continue;
        alive[v] = false;
        shared++;
      }
      alive[i + 1] = true;
    }
    ck_assert_msg(alive[net->last], "%s: the output is gone", text);
    for (int i = 0; i < net->layer_count; i++) {
      const gan_layer *layer = &net->layers[i];
      if (layer->identity) continue;
      ck_assert_msg((!layer->type->needs_x || alive[layer->from[0]]) &&
                        (!layer->type->needs_y || alive[i + 1]),
                    "%s: backward of layer %s reads what is gone", text, layer->name);
    }
    gan_free(&alive);
    unit_net_destroy(&made);
  }
  ck_assert_int_gt(shared, GRAPHS / 4); /* so that it is a test */
}
END_TEST

/* ---- gradients share memory ---- */

/* Whose gradient lies in each place, where each value's lies, and from how many takers it has come;
 * value layer_count + 1 is one that was added to another. */
typedef struct {
  const gan_net *net;
  const char *text;
  int *holds, *where, *given;
} flow_state;

enum { NOBODY = -1 };

/* A gradient that is still wanted must not be written over. */
static void put(flow_state *state, const gan_layer *layer, int place, int value) {
  ck_assert_msg(place >= 0 && place < state->net->flow_count && state->holds[place] == NOBODY,
                "%s: layer %s writes over the gradient of value %d", state->text, layer->name,
                state->holds[place]);
  state->holds[place] = value;
}

static void play_layer(flow_state *state, int i, const int *takers) {
  const gan_net *net = state->net;
  const gan_layer *layer = &net->layers[i];
  int added = net->layer_count + 1, dy = state->where[i + 1], to[GAN_JOINED];
  ck_assert_msg(state->given[i + 1] == takers[i + 1] && state->holds[dy] == i + 1,
                "%s: the gradient of layer %s's output is not there", state->text, layer->name);
  for (int k = 0; k < layer->inputs; k++) {
    bool over = layer->flow[k] == GAN_FLOW_OVER_DY;
    ck_assert(!over || (k == 0 && layer->type->in_place));
    to[k] = over ? dy : layer->flow[k];
    if (!over) put(state, layer, to[k], added); /* while dy is still there */
  }
  state->holds[dy] = NOBODY;
  for (int k = 0; k < layer->inputs; k++) {
    int value = layer->from[k];
    ck_assert_int_eq(layer->adds_up[k], state->given[value] > 0);
    state->given[value]++;
    if (layer->adds_up[k]) {
      ck_assert_int_eq(state->holds[state->where[value]], value);
      state->holds[to[k]] = NOBODY;
    } else {
      state->where[value] = to[k];
      state->holds[to[k]] = value;
    }
  }
}

/* Plays the plan: each gradient stays where it is from its first taker to its maker, and all takers
 * have given theirs by then. */
START_TEST(gradients_live_as_long_as_they_are_wanted) {
  char text[TEXT_BYTES];
  int sums = 0;
  for (uint64_t seed = 0; seed < GRAPHS; seed++) {
    unit_net made = make_graph(seed, text);
    const gan_net *net = made.net;
    size_t values = (size_t)net->layer_count + 1;
    flow_state state = {.net = net,
                        .text = text,
                        .holds = gan_alloc((size_t)net->flow_count, sizeof(int), "places"),
                        .where = gan_alloc(values, sizeof(int), "values"),
                        .given = gan_alloc(values, sizeof(int), "values")};
    int *takers = takers_of(net);
    for (int p = 0; p < net->flow_count; p++) state.holds[p] = NOBODY;
    ck_assert_ptr_eq(net->dout, net->flow[0]);
    state.holds[0] = net->last;
    state.given[net->last] = 1;
    for (int i = net->layer_count - 1; i >= 0; i--)
      if (!net->layers[i].identity) play_layer(&state, i, takers);
    ck_assert_int_eq(state.given[0], takers[0]);
    ck_assert_int_eq(state.holds[state.where[0]], 0);
    for (int i = 0; i < net->layer_count; i++)
      sums += net->layers[i].adds_up[0] || net->layers[i].adds_up[1];
    gan_free(&takers);
    gan_free(&state.holds);
    gan_free(&state.where);
    gan_free(&state.given);
    unit_net_destroy(&made);
  }
  ck_assert_int_gt(sums, GRAPHS / 4);
}
END_TEST

/* ---- gradients are right ---- */

/* Derivatives of order one from floats at a step of 2^-7: rounding 2^-24 / 2^-7, curvature 2^-14,
 * both larger by what a few layers amplify.  A gradient that was lost or taken twice is wrong by a
 * tenth or more. */
static const double DIFFERENCE_TOLERANCE = 1e-2;
static const float STEP = 0x1p-7f;

typedef struct {
  unit_net made;
  float x[SAMPLES * WIDTH], signs[SAMPLES * WIDTH * 64];
} graph_probe;

static double weighted_sum(graph_probe *probe) {
  gan_net *net = probe->made.net;
  gan_pass pass = unit_pass(SAMPLES);
  float *y;
  double sum = 0;
  gan_net_changed(net); /* its weights may be what differs */
  check_ok(gan_net_forward(net, &pass, probe->x, &y));
  for (int64_t i = 0; i < SAMPLES * gan_shape_size(net->out); i++)
    sum += (double)probe->signs[i] * (double)y[i];
  return sum;
}

static double difference(graph_probe *probe, float *value) {
  float kept = *value, high = kept + STEP, low = kept - STEP;
  *value = high;
  double above = weighted_sum(probe);
  *value = low;
  double below = weighted_sum(probe);
  *value = kept;
  return (above - below) / ((double)high - (double)low);
}

static void compare(graph_probe *probe, const char *what, int64_t n, float *values,
                    const float *gradient, const char *text) {
  double error = 0, norm = 0;
  for (int64_t i = 0; i < n; i++) {
    double wanted = difference(probe, &values[i]), off = (double)gradient[i] - wanted;
    error += off * off;
    norm += wanted * wanted;
  }
  ck_assert_msg(sqrt(error) <= DIFFERENCE_TOLERANCE * (1 + sqrt(norm)),
                "%s: the gradient of %s is off by %g of %g", text, what, sqrt(error), sqrt(norm));
}

START_TEST(gradients_of_made_up_networks) {
  char text[TEXT_BYTES];
  for (uint64_t seed = 0; seed < 60; seed++) {
    graph_probe probe = {.made = make_graph(seed, text)};
    gan_net *net = probe.made.net;
    gan_pass pass = unit_pass(SAMPLES);
    int64_t out = SAMPLES * gan_shape_size(net->out);
    float *dx;
    ck_assert_int_le(out, (int64_t)(sizeof probe.signs / sizeof *probe.signs));
    gan_net_init(net, seed, GAN_INIT_PYTORCH, 0);
    unit_fill(probe.x, SAMPLES * WIDTH, seed + 1, -1.5, 1.5);
    unit_fill(probe.signs, out, seed + 2, -1, 1);
    weighted_sum(&probe);
    memcpy(net->dout, probe.signs, (size_t)out * sizeof(float));
    check_ok(gan_net_backward(net, &pass, BOTH, net->dout, &dx));
    compare(&probe, "the input", SAMPLES * WIDTH, probe.x, dx, text);
    for (int i = 0; i < net->tensor_count; i++) {
      const gan_tensor *tensor = &net->tensors[i];
      if (tensor->kind != GAN_TENSOR_PARAM) continue;
      compare(&probe, tensor->name, tensor->size, net->params + tensor->offset,
              net->grads + tensor->offset, text);
    }
    unit_net_destroy(&probe.made);
  }
}
END_TEST

/* ---- names ---- */

START_TEST(names_of_tensors) {
  static const char *const names[] = {"1.main.0.weight",
                                      "1.main.0.bias",
                                      "1.main.2.main.0.weight",
                                      "1.main.2.main.0.bias",
                                      "1.main.2.main.0.running_mean",
                                      "1.main.2.main.0.running_var",
                                      "1.main.2.main.0.num_batches_tracked",
                                      "1.shortcut.1.weight",
                                      "3.shortcut.0.weight"};
  unit_net made = unit_net_create(
      "[tanh,\n"
      " residual: {main: [linear: {units: 3}, tanh, residual: {main: [batchnorm]}],\n"
      "            shortcut: [tanh, linear: {units: 3, bias: false}]},\n"
      " tanh,\n"
      " concat: {main: [tanh], shortcut: [linear: {units: 2, bias: false}]}]",
      (gan_shape){1, 1, WIDTH}, any, SAMPLES);
  ck_assert_int_eq(made.net->tensor_count, (int)(sizeof names / sizeof *names));
  for (int i = 0; i < made.net->tensor_count; i++)
    ck_assert_str_eq(made.net->tensors[i].name, names[i]);
  ck_assert_int_eq(made.net->out.c, 5);
  unit_net_destroy(&made);
}
END_TEST

/* Two layers of the same shape start from different weights, wherever they stand. */
START_TEST(branches_have_random_numbers_of_their_own) {
  unit_net made = unit_net_create("[residual: {main: [linear: {units: 3}], shortcut: [linear: "
                                  "{units: 3}]}, linear: {units: 3}]",
                                  (gan_shape){1, 1, WIDTH}, any, SAMPLES);
  const gan_net *net = made.net;
  gan_net_init(made.net, 1, GAN_INIT_PYTORCH, 0);
  ck_assert_int_eq(net->tensor_count, 6);
  for (int a = 0; a < 6; a += 2)
    for (int b = 0; b < a; b += 2)
      ck_assert_mem_ne(gan_net_tensor(net, &net->tensors[a]), gan_net_tensor(net, &net->tensors[b]),
                       (size_t)net->tensors[a].size * sizeof(float));
  unit_net_destroy(&made);
}
END_TEST

/* ---- what is refused ---- */

/* What reaches the network: a vector of 3, or images of 4x4x2. */
static const struct {
  const char *layers;
  bool images;
  const char *layer, *text;
} refused[] = {
    {"[tanh, tanh, tanh, residual: {main: [linear: {units: 3}]}]", true,
     "run.yaml:3: layer 3.main.0 (linear): 4x4x2 reaches it", "flatten"},
    {"[tanh, residual: {main: [tanh], shortcut: [tanh, linear: {units: 3}]}]", true,
     "layer 1.shortcut.1 (linear): 4x4x2 reaches it", "flatten"},
    {"[concat: {main: [tanh, residual: {main: [tanh, linear: {units: 3}]}]}]", true,
     "layer 0.main.1.main.1 (linear): 4x4x2 reaches it", "flatten"},
    {"[tanh, residual: {main: [linear: {units: 4}]}]", false,
     "layer 1 (residual): 4 reaches it; it wants a shortcut of the same shape",
     "its shortcut gives 3"},
    {"[residual: {main: [tanh], shortcut: [linear: {units: 2}]}]", false,
     "layer 0 (residual): 3 reaches it", "its shortcut gives 2"},
    {"[residual: {main: [flatten]}]", true, "layer 0 (residual): 32 reaches it",
     "its shortcut gives 4x4x2"},
    {"[tanh, concat: {main: [flatten]}]", true,
     "layer 1 (concat): 32 reaches it; it wants a shortcut of the same height and width",
     "its shortcut gives 4x4x2"},
    {"[residual: {main: [residual: {main: [residual: {main: [residual: {main: [residual: {main: "
     "[residual: {main: [concat: {main: [tanh], shortcut: [concat: {main: [tanh], shortcut: "
     "[tanh]}]}]}]}]}]}]}]}]",
     false, "nested too deeply", "run.yaml:3"},
    /* more numbers than an int64_t counts */
    {"[reshape: {shape: [2147483647, 2147483647, 2147483647]}]", false,
     "layer 0 (reshape): 3 reaches it", "2147483647x2147483647x2147483647"},
    {"[linear: {units: 1}, conv_transpose2d: {channels: 1, kernel: 1024}, "
     "conv_transpose2d: {channels: 1, kernel: 1024, stride: 44}, "
     "conv_transpose2d: {channels: 5000, kernel: 1, stride: 1024}]",
     false, "layer 3 (conv_transpose2d): 46036x46036x1 reaches it", "its output is smaller"},
};

START_TEST(refuses) {
  for (size_t i = 0; i < sizeof refused / sizeof *refused; i++) {
    unit_net made;
    gan_shape in = refused[i].images ? (gan_shape){4, 4, 2} : (gan_shape){1, 1, WIDTH};
    check_fails(unit_net_try(&made, refused[i].layers, in, any, SAMPLES), GAN_USAGE,
                refused[i].layer, refused[i].text, "model.generator");
  }
}
END_TEST

int main(void) {
  const unit_test tests[] = {
      {outputs_live_as_long_as_they_are_read, 1},
      {gradients_live_as_long_as_they_are_wanted, 1},
      {gradients_of_made_up_networks, 1},
      {names_of_tensors, 1},
      {branches_have_random_numbers_of_their_own, 1},
      {refuses, 1},
  };
  return UNIT_MAIN("graph", tests);
}
