/* Two sets of samples in one pass: what each would give in a pass of its own, and which networks
 * allow that. */
#include "base/memory.h"
#include "train/session.h"
#include "unit/support.h"

#include <math.h>
#include <string.h>

/* Products of other sizes, and sums in another order, round otherwise. */
static const double ROUNDING = 1e-6;

/* The same of a whole step, whose losses go through a few layers more. */
static const double STEP_ROUNDING = 1e-5;

enum { SHARE = 4, PARTS = 6, BATCH = SHARE * PARTS, SETS = 2, FIRST = 48, PHASE = 5 };
enum { SIDE = 4, IN = SIDE * SIDE, OUT = 3, CLASSES = 5 };

/* Random numbers of both kinds, classes, and a norm inside each sample. */
static const char *const layers =
    "[diff_augment: {translation: 0.25, brightness: 0.5}, flatten, linear: {units: 17}, "
    "leaky_relu: {slope: 0.2}, dropout: {p: 0.3}, gaussian_noise: {std: 0.5}, layernorm, linear: "
    "{units: 3}]";

typedef struct {
  unit_net made; /* its net takes the place of the one that came with the config */
  gan_sums *sums;
} judge;

/* parts 1: not divided. */
static void make(judge *j, int sets, int parts, int64_t capacity) {
  const gan_shape image = {SIDE, SIDE, 1}, none = {0, 0, 0};
  *j = (judge){.made = unit_net_create(layers, image, none, 12)};
  gan_net_destroy(&j->made.net);
  gan_net_spec spec = {.name = "discriminator",
                       .key = "model.generator",
                       .layers = &j->made.config.model.generator,
                       .in = image,
                       .capacity = capacity,
                       .sets = sets,
                       .share = SHARE,
                       .label = GAN_LABEL_ONE_HOT,
                       .classes = CLASSES,
                       .trains = true};
  if (parts > 1) {
    check_ok(gan_sums_create(PARTS, 2, &j->sums));
    spec.division = (gan_division){SHARE, PARTS, 2};
    spec.sums = j->sums;
  }
  check_ok(gan_net_create(&spec, &j->made.net));
  gan_net_init(j->made.net, 3, GAN_INIT_PYTORCH, 0);
}

static void destroy(judge *j) {
  unit_net_destroy(&j->made);
  gan_sums_destroy(&j->sums);
}

/* What goes in, and gradients of what comes out. */
typedef struct {
  float x[SETS][BATCH * IN], dy[SETS][BATCH * OUT], y[SETS][BATCH * OUT];
  int32_t classes[SETS][BATCH];
} samples;

static void fill(samples *s) {
  unit_fill(&s->x[0][0], sizeof s->x / sizeof(float), 5, -1, 1);
  unit_fill(&s->dy[0][0], sizeof s->dy / sizeof(float), 6, -1, 1);
  for (int i = 0; i < SETS * BATCH; i++) s->classes[i / BATCH][i % BATCH] = i * 7 % CLASSES;
}

static gan_pass pass_of(int64_t at, int64_t piece) {
  return (gan_pass){.comm = gan_comm_alone(),
                    .training = true,
                    .samples = piece,
                    .at = at,
                    .first_sample = FIRST + at,
                    .batch = BATCH,
                    .seed = 1,
                    .phase = PHASE,
                    .draw = 9};
}

static void take(judge *j, const gan_pass *pass, const float *x, const float *dy, float *y) {
  float *out;
  check_ok(gan_net_forward(j->made.net, pass, x, &out));
  memcpy(y, out, (size_t)(pass->samples * OUT) * sizeof *y);
  memcpy(j->made.net->dout, dy, (size_t)(pass->samples * OUT) * sizeof *dy);
  check_ok(gan_net_backward(j->made.net, pass, GAN_WANT_WEIGHTS, j->made.net->dout, NULL));
}

/* One pass a set, the second's gradients adding to the first's. */
static void take_apart(judge *j, samples *s) {
  for (int i = 0; i < SETS; i++) {
    gan_pass pass = pass_of(0, BATCH);
    pass.phase += (uint32_t)i;
    pass.accumulate = i > 0;
    pass.classes = s->classes[i];
    take(j, &pass, s->x[i], s->dy[i], s->y[i]);
  }
  check_ok(gan_net_sum_gradients(j->made.net, gan_comm_alone()));
}

/* Copies `n` samples of `size` numbers between a set and its place in a pass. */
static void copy(void *to, const void *from, int64_t n, int64_t size) {
  memcpy(to, from, (size_t)(n * size) * sizeof(float));
}

/* Both in one pass, whose blocks hold `block` samples of the one and then of the other. */
static void take_both(judge *j, samples *s, int64_t piece, int64_t block) {
  static float x[SETS * BATCH * IN], dy[SETS * BATCH * OUT], y[SETS * BATCH * OUT];
  static int32_t classes[SETS * BATCH];
  for (int64_t at = 0; at < BATCH; at += piece) {
    gan_pass pass = pass_of(at, piece * SETS);
    pass.sets = SETS;
    pass.classes = classes;
    for (int64_t b = 0; b < SETS * piece; b += block) {
      int64_t set = b / block % SETS, from = at + b / block / SETS * block;
      copy(x + b * IN, s->x[set] + from * IN, block, IN);
      copy(dy + b * OUT, s->dy[set] + from * OUT, block, OUT);
      copy(classes + b, s->classes[set] + from, block, 1);
    }
    take(j, &pass, x, dy, y);
    for (int64_t b = 0; b < SETS * piece; b += block) {
      int64_t set = b / block % SETS, from = at + b / block / SETS * block;
      copy(s->y[set] + from * OUT, y + b * OUT, block, OUT);
    }
  }
  check_ok(gan_net_sum_gradients(j->made.net, gan_comm_alone()));
}

START_TEST(one_pass_gives_what_two_give) {
  static const struct {
    int parts;
    int64_t piece;
  } rows[] = {{1, BATCH}, {1, BATCH / 2}, {PARTS, BATCH}, {PARTS, 2 * SHARE}};
  static judge two, one;
  static samples apart, both;
  fill(&apart);
  fill(&both);
  make(&two, 1, rows[_i].parts, BATCH);
  make(&one, SETS, rows[_i].parts, rows[_i].piece);
  take_apart(&two, &apart);
  take_both(&one, &both, rows[_i].piece, rows[_i].parts > 1 ? SHARE : rows[_i].piece);
  const gan_net *a = two.made.net, *b = one.made.net;
  double y = unit_float_distance(SETS * BATCH * OUT, both.y[0], apart.y[0]);
  double grads = unit_float_distance(a->slab_size, b->grads, a->grads);
  ck_assert_msg(y < ROUNDING && grads < ROUNDING, "outputs part by %.1e, gradients by %.1e", y,
                grads);
  destroy(&two);
  destroy(&one);
}
END_TEST

/* ---- which networks ---- */

START_TEST(layers_decide) {
  static const struct {
    const char *layers;
    gan_shape in;
    const char *why; /* NULL: one pass */
  } rows[] = {
      {"[linear: {units: 4}, leaky_relu, dropout, layernorm, linear: {units: 1}]", {1, 1, 6}, NULL},
      {"[diff_augment: {cutout: 0.5}, avgpool: {kernel: 2}, flatten, linear: {units: 1}]",
       {4, 4, 1},
       NULL},
      {"[linear: {units: 4}, batchnorm, linear: {units: 1}]", {1, 1, 6}, "normalises"},
      {"[linear: {units: 4}, batchnorm: {stats: ghost}, linear: {units: 1}]",
       {1, 1, 6},
       "normalises"},
      {"[linear: {units: 4}, minibatch_stddev, linear: {units: 1}]", {1, 1, 6}, "compares"},
      {"[linear: {units: 4}, linear: {units: 1, spectral_norm: true}]", {1, 1, 6}, "power"},
      {"[conv2d: {channels: 2, kernel: 3}, flatten, linear: {units: 1}]", {4, 4, 1}, "rows"},
  };
  unit_net made = unit_net_create(rows[_i].layers, rows[_i].in, (gan_shape){0, 0, 0}, 8);
  const gan_layer *layer = NULL;
  const char *why = gan_net_apart(made.net, &layer);
  ck_assert(!why == !rows[_i].why && !layer == !why);
  if (why) ck_assert_msg(strstr(why, rows[_i].why), "%s", why);
  unit_net_destroy(&made);
}
END_TEST

/* ---- the task ---- */

#define CONFIG                                                                                     \
  "data: {path: 'builtin:digits', shards: 8}\n"                                                    \
  "model:\n"                                                                                       \
  "  latent: 16\n"                                                                                 \
  "  classes: 10\n"                                                                                \
  "  generator: [linear: {units: 96}, relu, linear: {units: 64}, sigmoid]\n"                       \
  "  discriminator: [linear: {units: 80}, leaky_relu, dropout, linear: {units: 1}]\n"              \
  "train: {batch: 64, steps: 6}\n"

static void step_of(gan_session *session, const char *const *overrides, int count) {
  const char *path = unit_path("run.yaml");
  unit_write(path, CONFIG, strlen(CONFIG));
  *session = (gan_session){.comm = gan_comm_alone()};
  check_ok(gan_session_config(session, path, overrides, count));
  check_ok(gan_session_build(session));
  check_ok(gan_session_load(session));
  gan_task_init(session->task);
  check_ok(session->task->type->step(session->task));
}

/* Pieces and parts lay the two sets of a batch otherwise; a sample in the wrong place, with a wrong
 * class or in the wrong loss would part the steps. */
START_TEST(cuts_take_the_same_step) {
  static const char *const cuts[][2] = {
      {"train.microbatch=16"},
      {"compute.reproducible=true"},
      {"train.microbatch=24", "compute.reproducible=true"},
  };
  gan_session whole, cut;
  step_of(&whole, NULL, 0);
  step_of(&cut, cuts[_i], cuts[_i][1] ? 2 : 1);
  for (int i = 0; i < whole.task->learner_count; i++) {
    const gan_net *a = whole.task->learners[i].net, *b = cut.task->learners[i].net;
    double grads = unit_float_distance(a->slab_size, b->grads, a->grads);
    ck_assert_msg(grads < STEP_ROUNDING, "%s: gradients part by %.1e", a->name, grads);
  }
  for (int i = 0; i < whole.task->metric_count; i++) {
    double wanted = whole.task->metrics[i].value, got = cut.task->metrics[i].value;
    ck_assert_msg(fabs(got / wanted - 1) < STEP_ROUNDING, "%s", whole.task->metrics[i].name);
  }
  gan_session_reset(&whole);
  gan_session_reset(&cut);
}
END_TEST

START_TEST(reproducible_pieces_have_the_same_bits) {
  static const char *const settings[] = {"compute.reproducible=true", "train.microbatch=24"};
  gan_session whole, pieces;
  step_of(&whole, settings, 1);
  step_of(&pieces, settings, 2);
  for (int i = 0; i < whole.task->learner_count; i++) {
    const gan_net *a = whole.task->learners[i].net, *b = pieces.task->learners[i].net;
    ck_assert_mem_eq(a->grads, b->grads, (size_t)a->slab_size * sizeof(float));
  }
  gan_session_reset(&whole);
  gan_session_reset(&pieces);
}
END_TEST

int main(void) {
  const unit_test tests[] = {
      {one_pass_gives_what_two_give, 4},
      {layers_decide, 7},
      {cuts_take_the_same_step, 3},
      {reproducible_pieces_have_the_same_bits, 1},
  };
  return UNIT_MAIN("sets", tests);
}
