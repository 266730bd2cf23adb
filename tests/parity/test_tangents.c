/* Directions through networks, and the gradients of what they give, against PyTorch's double
 * backward: every case of golden/tangents.h5, which make_tangents.py made. */
#include "base/memory.h"
#include "io/file.h"
#include "model/net.h"
#include "parity/parity.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* The golden is open for all of the program; cases are read by name. */
static gan_h5 *golden;
static char **names;
static int name_count;

typedef struct {
  const char *name;
  gan_config config;
  gan_net *net;
  int64_t n;
  int32_t *labels;
  float *x, *t, *dy; /* channels last */
} tangent_case;

static void parse_config(tangent_case *c) {
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

static gan_shape shape_of(const tangent_case *c, const char *dataset, int64_t *n) {
  char path[256];
  gan_dtype type;
  int rank;
  int64_t dims[GAN_H5_RANK_MAX];
  snprintf(path, sizeof path, "%s/%s", c->name, dataset);
  parity_ok(gan_h5_shape(golden, path, &type, &rank, dims));
  *n = dims[0];
  return rank == 4 ? (gan_shape){dims[1], dims[2], dims[3]} : (gan_shape){1, 1, dims[1]};
}

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

static void load_tensors(const tangent_case *c) {
  for (int i = 0; i < c->net->tensor_count; i++) {
    const gan_tensor *tensor = &c->net->tensors[i];
    float *read =
        parity_read(golden, GAN_F32, tensor->size, "%s/initial/%s", c->name, tensor->name);
    gan_tensor_reorder(tensor, false, read, gan_net_tensor(c->net, tensor));
    gan_free(&read);
  }
}

static void open_case(tangent_case *c, const char *name) {
  *c = (tangent_case){.name = name};
  int64_t n;
  gan_shape in = shape_of(c, "x", &c->n), out = shape_of(c, "dy", &n);
  parse_config(c);
  gan_net_spec spec = {.name = "discriminator",
                       .key = "model.generator",
                       .layers = &c->config.model.generator,
                       .in = in,
                       .out = out,
                       .capacity = c->n,
                       .trains = true,
                       .tangents = true,
                       .label = label_of(name),
                       .classes = parity_int(golden, name, "classes")};
  if (spec.label == GAN_LABEL_AUXILIARY) spec.out = (gan_shape){1, 1, 1};
  parity_ok(gan_net_create(&spec, &c->net));
  load_tensors(c);
  c->labels = parity_read(golden, GAN_I32, n, "%s/labels", name);
  c->x = parity_read(golden, GAN_F32, n * gan_shape_size(in), "%s/x", name);
  c->t = parity_read(golden, GAN_F32, n * gan_shape_size(in), "%s/t", name);
  c->dy = parity_read(golden, GAN_F32, n * gan_shape_size(out), "%s/dy", name);
}

static void close_case(tangent_case *c) {
  gan_net_destroy(&c->net);
  gan_config_reset(&c->config);
  gan_free(&c->labels);
  gan_free(&c->x);
  gan_free(&c->t);
  gan_free(&c->dy);
}

static void compare_gradients(const tangent_case *c) {
  for (int i = 0; i < c->net->tensor_count; i++) {
    const gan_tensor *tensor = &c->net->tensors[i];
    if (tensor->kind != GAN_TENSOR_PARAM) continue;
    double *wanted =
        parity_read(golden, GAN_F64, tensor->size, "%s/gradient/%s", c->name, tensor->name);
    parity_near_tensor(tensor, c->net->grads + tensor->offset, wanted, TOLERANCE_TWICE,
                       "%s: gradient of %s", c->name, tensor->name);
    gan_free(&wanted);
  }
}

/* As a penalty goes: the input's gradient in between must disturb nothing. */
START_TEST(one_case) {
  tangent_case c;
  open_case(&c, names[_i]);
  gan_net *net = c.net;
  int64_t out = c.n * gan_shape_size(net->out);
  gan_pass pass = {.comm = gan_comm_alone(),
                   .training = true,
                   .accumulate = true,
                   .samples = c.n,
                   .batch = c.n,
                   .seed = 1,
                   .classes = c.labels};
  float *y, *ty, *dx;
  parity_ok(gan_net_forward(net, &pass, c.x, &y));
  memcpy(net->dout, c.dy, (size_t)out * sizeof *c.dy);
  parity_ok(gan_net_backward(net, &pass, GAN_WANT_INPUT, net->dout, &dx));
  gan_net_tangent(net, &pass, c.t, &ty);
  double *wanted = parity_read(golden, GAN_F64, out, "%s/ty", c.name);
  parity_near(out, ty, wanted, TOLERANCE_PASS, "%s: the direction of the output", c.name);
  memcpy(net->dout, c.dy, (size_t)out * sizeof *c.dy);
  parity_ok(gan_net_tangent_back(net, &pass));
  compare_gradients(&c);
  gan_free(&wanted);
  close_case(&c);
}
END_TEST

/* Layers that PyTorch cannot be asked about, and what is tested instead. */
static bool is_excused(const char *name) {
  if (strcmp(name, "dropout") != 0 && strcmp(name, "gaussian_noise") != 0) return false;
  printf("%s has no case: it is random; unit.penalty has it\n", name);
  return true;
}

/* A layer whose directions nobody has compared with PyTorch would be guesswork. */
START_TEST(every_layer_with_directions_has_a_case) {
  gan_layer_schemas table = gan_layer_table();
  for (int i = 0; i < table.count; i++) {
    const gan_layer_type *type = gan_layer_type_of(table.rows[i]);
    if (type->tangent == GAN_TANGENT_NONE || is_excused(type->schema.name)) continue;
    char *quoted = gan_format("\"%s\"", type->schema.name);
    bool found = false;
    for (int k = 0; k < name_count && !found; k++) {
      char *layers = parity_text(golden, names[k], "layers");
      found = strstr(layers, quoted) != NULL;
      gan_free(&layers);
    }
    ck_assert_msg(found, "no case of make_tangents.py has a layer %s", quoted);
    gan_free(&quoted);
  }
}
END_TEST

int main(void) {
  parity_choose_compute();
  if (gan_h5_open(PARITY_FOLDER "/golden/tangents.h5", &golden) != GAN_OK ||
      gan_h5_names(golden, "/", &names, &name_count) != GAN_OK) {
    fprintf(stderr, "%s\n", gan_error_message());
    return EXIT_FAILURE;
  }
  Suite *suite = suite_create("parity: tangents");
  TCase *cases = tcase_create("tangents");
  tcase_add_checked_fixture(cases, NULL, parity_report);
  tcase_add_loop_test(cases, one_case, 0, name_count);
  tcase_add_test(cases, every_layer_with_directions_has_a_case);
  suite_add_tcase(suite, cases);
  int status = parity_run(suite);
  gan_names_free(&names, name_count);
  gan_h5_close(&golden);
  return status;
}
