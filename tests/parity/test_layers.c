/* Each layer family alone and in chains against PyTorch: every case of golden/layers.h5 is built
 * from the layers that the golden names, so a new case is a line of make_golden.py.
 *
 * A case runs PASSES passes in training, whose gradients add up, then one in eval mode. */
#include "base/memory.h"
#include "io/file.h"
#include "model/net.h"
#include "parity/parity.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { PASSES = 2 };

/* The golden is open for all of the program; cases are read by name. */
static gan_h5 *golden;
static char **names;
static int name_count;

typedef struct {
  const char *name;
  int64_t n; /* samples */
  gan_config config;
  gan_net *net;
  int64_t in_size, out_size; /* numbers of a batch */
  int32_t *labels;           /* (PASSES + 1, n) */
  float *x;                  /* (PASSES + 1, n, H, W, C) */
  float *dy;                 /* (PASSES, n, H, W, C) */
  double *y, *dx;            /* likewise, (n, C, H, W), as the golden has them */
} layer_case;

/* (n, H, W, C) from (n, C, H, W), or back. */
static void reorder(int64_t n, gan_shape shape, bool to_channels_last, const float *from,
                    float *to) {
  int64_t pixels = shape.h * shape.w, c = shape.c;
  for (int64_t i = 0; i < n; i++, from += pixels * c, to += pixels * c)
    for (int64_t p = 0; p < pixels; p++)
      for (int64_t k = 0; k < c; k++) {
        int64_t last = p * c + k, first = k * pixels + p;
        if (to_channels_last)
          to[last] = from[first];
        else
          to[first] = from[last];
      }
}

/* A dataset (passes, n, C, H, W) or (passes, n, D): its samples' shape and number. */
static gan_shape shape_of(const char *name, const char *dataset, int64_t *n) {
  char path[256];
  gan_dtype type;
  int rank;
  int64_t dims[GAN_H5_RANK_MAX];
  snprintf(path, sizeof path, "%s/%s", name, dataset);
  parity_ok(gan_h5_shape(golden, path, &type, &rank, dims));
  ck_assert_int_gt(rank, 2);
  *n = dims[1];
  return rank == 5 ? (gan_shape){dims[3], dims[4], dims[2]} : (gan_shape){1, 1, dims[2]};
}

static float *read_batches(const char *name, const char *dataset, int64_t batches, int64_t n,
                           gan_shape shape) {
  int64_t size = batches * n * gan_shape_size(shape);
  float *read = parity_read(golden, GAN_F32, size, "%s/%s", name, dataset);
  float *ours = gan_alloc((size_t)size, sizeof *ours, "a batch");
  ck_assert_ptr_nonnull(ours);
  reorder(batches * n, shape, true, read, ours);
  gan_free(&read);
  return ours;
}

/* The config whose generator is the case's list of layers (JSON, which is YAML). */
static void parse_config(layer_case *c) {
  char *layers = parity_text(golden, c->name, "layers");
  char *text = gan_format("data: {path: none}\nmodel:\n  generator: %s\n"
                          "  discriminator: [linear: {units: 1}]\ntrain: {steps: 1}\n",
                          layers);
  ck_assert_ptr_nonnull(text);
  gan_layer_schemas table = gan_layer_table();
  parity_ok(gan_config_parse(&c->config, text, strlen(text), c->name, NULL, 0, 1, &table));
  gan_free(&text);
  gan_free(&layers);
}

static void load_tensors(layer_case *c) {
  char **stored, *group = gan_format("%s/initial", c->name);
  int count = 0;
  if (gan_h5_has(golden, group)) {
    parity_ok(gan_h5_names(golden, group, &stored, &count));
    gan_names_free(&stored, count);
  }
  gan_free(&group);
  ck_assert_msg(count == c->net->tensor_count, "%s: PyTorch has %d tensors, we have %d", c->name,
                count, c->net->tensor_count);
  for (int i = 0; i < c->net->tensor_count; i++) {
    const gan_tensor *tensor = &c->net->tensors[i];
    bool counts = tensor->kind == GAN_TENSOR_COUNTER;
    void *place = gan_net_tensor(c->net, tensor);
    float *read = gan_alloc((size_t)tensor->size, sizeof *read, "a tensor");
    char path[256];
    snprintf(path, sizeof path, "%s/initial/%s", c->name, tensor->name);
    parity_ok(gan_h5_read(golden, path, counts ? GAN_I64 : GAN_F32, tensor->rank, tensor->dims,
                          counts ? place : read));
    if (!counts) gan_tensor_reorder(tensor, false, read, place);
    gan_free(&read);
  }
}

/* How the class enters the case's network, which the golden names as the config does. */
static gan_label_way label_of(const char *name) {
  static const char *const ways[] = {[GAN_LABEL_NONE] = "none",
                                     [GAN_LABEL_ONE_HOT] = "one_hot",
                                     [GAN_LABEL_EMBEDDING] = "embedding",
                                     [GAN_LABEL_PROJECTION] = "projection",
                                     [GAN_LABEL_AUXILIARY] = "auxiliary"};
  char *text = parity_text(golden, name, "label");
  gan_label_way way = GAN_LABEL_NONE;
  while (way < GAN_LABEL_AUXILIARY && strcmp(ways[way], text) != 0) way++;
  gan_free(&text);
  return way;
}

static void open_case(layer_case *c, const char *name) {
  *c = (layer_case){.name = name};
  int64_t of_dy;
  gan_shape in = shape_of(name, "x", &c->n), out = shape_of(name, "dy", &of_dy);
  ck_assert_int_eq(c->n, of_dy);
  parse_config(c);
  gan_net_spec spec = {.name = "generator",
                       .key = "model.generator",
                       .layers = &c->config.model.generator,
                       .in = in,
                       .out = out,
                       .capacity = c->n,
                       .trains = true,
                       .label = label_of(name),
                       .classes = parity_int(golden, name, "classes"),
                       .label_units = parity_int(golden, name, "units")};
  if (spec.label == GAN_LABEL_AUXILIARY) spec.out = (gan_shape){1, 1, 1};
  parity_ok(gan_net_create(&spec, &c->net));
  load_tensors(c);
  c->in_size = c->n * gan_shape_size(in);
  c->out_size = c->n * gan_shape_size(out);
  c->labels = parity_read(golden, GAN_I32, (PASSES + 1) * c->n, "%s/labels", name);
  c->x = read_batches(name, "x", PASSES + 1, c->n, in);
  c->dy = read_batches(name, "dy", PASSES, c->n, out);
  c->y = parity_read(golden, GAN_F64, (PASSES + 1) * c->out_size, "%s/y", name);
  c->dx = parity_read(golden, GAN_F64, PASSES * c->in_size, "%s/dx", name);
}

static void close_case(layer_case *c) {
  gan_net_destroy(&c->net);
  gan_config_reset(&c->config);
  gan_free(&c->labels);
  gan_free(&c->x);
  gan_free(&c->dy);
  gan_free(&c->y);
  gan_free(&c->dx);
}

static double tolerance_of(const layer_case *c) {
  return gan_layers_total(&c->config.model.generator) == 1 ? TOLERANCE_LAYER : TOLERANCE_PASS;
}

static void compare_batch(const layer_case *c, gan_shape shape, const float *ours,
                          const double *wanted, const char *what, int pass) {
  int64_t size = c->n * gan_shape_size(shape);
  float *theirs = gan_alloc((size_t)size, sizeof *theirs, "a batch");
  ck_assert_ptr_nonnull(theirs);
  reorder(c->n, shape, false, ours, theirs);
  parity_near(size, theirs, wanted, tolerance_of(c), "%s: %s of pass %d", c->name, what, pass);
  gan_free(&theirs);
}

static gan_pass pass_of(const layer_case *c, int i) {
  return (gan_pass){.comm = gan_comm_alone(),
                    .training = i<PASSES, .accumulate = i> 0,
                    .samples = c->n,
                    .batch = c->n,
                    .seed = 1,
                    .classes = c->labels + i * c->n};
}

static void backward(layer_case *c, const gan_pass *pass, unsigned want, int i) {
  gan_net *net = c->net;
  float *dx;
  memcpy(net->dout, c->dy + i * c->out_size, (size_t)c->out_size * sizeof *c->dy);
  parity_ok(gan_net_backward(net, pass, want, net->dout, &dx));
  compare_batch(c, net->in, dx, c->dx + i * c->in_size, "the input's gradient", i);
}

static void compare_counter(const layer_case *c, const gan_tensor *tensor, double wanted) {
  int64_t ours = *(int64_t *)gan_net_tensor(c->net, tensor);
  ck_assert_msg((double)ours == wanted, "%s: %s is %lld, not %g", c->name, tensor->name,
                (long long)ours, wanted);
}

/* Gradients of what is learned, and the statistics after all passes. */
static void compare_tensors(const layer_case *c) {
  const gan_net *net = c->net;
  for (int i = 0; i < net->tensor_count; i++) {
    const gan_tensor *tensor = &net->tensors[i];
    bool learned = tensor->kind == GAN_TENSOR_PARAM;
    double *wanted = parity_read(golden, GAN_F64, tensor->size, "%s/%s/%s", c->name,
                                 learned ? "gradient" : "after", tensor->name);
    if (tensor->kind == GAN_TENSOR_COUNTER)
      compare_counter(c, tensor, wanted[0]);
    else
      parity_near_tensor(tensor,
                         learned ? net->grads + tensor->offset : gan_net_tensor(net, tensor),
                         wanted, tolerance_of(c), "%s: %s of %s", c->name,
                         learned ? "gradient" : "running statistics", tensor->name);
    gan_free(&wanted);
  }
}

START_TEST(one_case) {
  layer_case c;
  open_case(&c, names[_i]);
  gan_net *net = c.net;
  float *y;
  for (int i = 0; i <= PASSES; i++) {
    gan_pass pass = pass_of(&c, i);
    parity_ok(gan_net_forward(net, &pass, c.x + i * c.in_size, &y));
    compare_batch(&c, net->out, y, c.y + i * c.out_size, "the output", i);
    if (!pass.training) break;
    backward(&c, &pass, GAN_WANT_INPUT | GAN_WANT_WEIGHTS, i);
    backward(&c, &pass, GAN_WANT_INPUT, i); /* must leave the weights' gradients alone */
  }
  compare_tensors(&c);
  close_case(&c);
}
END_TEST

/* Layers that PyTorch cannot be asked about, and what is tested instead. */
static const struct {
  const char *name, *why;
} without_a_case[] = {
    {"diff_augment", "its numbers are random; unit.diff_augment has the paper's steps, one by one"},
};

static bool is_excused(const char *name) {
  for (size_t i = 0; i < sizeof without_a_case / sizeof *without_a_case; i++)
    if (!strcmp(without_a_case[i].name, name)) {
      printf("%s has no case: %s\n", name, without_a_case[i].why);
      return true;
    }
  return false;
}

/* A layer without a golden would be a layer that nobody has compared with PyTorch. */
START_TEST(every_layer_has_a_case) {
  gan_layer_schemas table = gan_layer_table();
  for (int i = 0; i < table.count; i++) {
    if (is_excused(table.rows[i]->name)) continue;
    char *quoted = gan_format("\"%s\"", table.rows[i]->name);
    bool found = false;
    for (int k = 0; k < name_count && !found; k++) {
      char *layers = parity_text(golden, names[k], "layers");
      found = strstr(layers, quoted) != NULL;
      gan_free(&layers);
    }
    ck_assert_msg(found, "no case of make_golden.py has a layer %s", quoted);
    gan_free(&quoted);
  }
}
END_TEST

int main(void) {
  parity_choose_compute();
  if (gan_h5_open(PARITY_FOLDER "/golden/layers.h5", &golden) != GAN_OK ||
      gan_h5_names(golden, "/", &names, &name_count) != GAN_OK) {
    fprintf(stderr, "%s\n", gan_error_message());
    return EXIT_FAILURE;
  }
  Suite *suite = suite_create("parity: layers");
  TCase *cases = tcase_create("layers");
  tcase_add_checked_fixture(cases, NULL, parity_report);
  tcase_add_loop_test(cases, one_case, 0, name_count);
  tcase_add_test(cases, every_layer_has_a_case);
  suite_add_tcase(suite, cases);
  int status = parity_run(suite);
  gan_names_free(&names, name_count);
  gan_h5_close(&golden);
  return status;
}
