/* Steps of whole GANs and VAEs, through the task's own phases, against PyTorch.
 *
 * The networks' first weights, the batches, noise and classes are the product's own: they were
 * dumped into golden/GAN_inputs.h5, from which PyTorch computed golden/GAN.h5.  The first test
 * checks that they still are what the product makes. */
#include "base/memory.h"
#include "parity/gan_inputs.h"
#include "parity/parity.h"

#include <stdio.h>
#include <string.h>

/* Bits of noise may differ between mathematical libraries, by a rounding. */
static const double TOLERANCE_INPUT = 1e-6;

/* Losses and probabilities after up to three updates of each network. */
static const double TOLERANCE_LOSS = 1e-5;

/* Tensors after them.  Adam's first steps are nearly lr * sign(gradient), so elements whose
 * gradient is rounding noise go either way: 3e-5 was seen between float32 and float64. */
static const double TOLERANCE_STATE = 1e-4;

/* What the weights moved by, which is a hundredth of them: for the same reason it is less well
 * known than they are; 2e-4 was seen.  A wrong factor in Adam is 1e-1 or more. */
static const double TOLERANCE_MOVE = 1e-3;

#define AS_DUMPED                                                                                  \
  "%s as dumped for the golden (after a change that is meant, make both goldens anew as "          \
  "tests/parity/make_golden.py says)"

enum { METRICS = 6, ALL_METRICS = 10, VAE_METRICS = 5, OVERRIDES = 7, ALL_OVERRIDES = 9 };
static const char *const metric_names[ALL_METRICS] = {
    "d_loss",      "g_loss",       "d_real",       "d_fake",           "d_grad_norm",
    "g_grad_norm", "d_class_loss", "g_class_loss", "d_class_accuracy", "g_class_accuracy"};

enum { PENALTY_METRICS = 8 };
static const char *const penalty_metric_names[PENALTY_METRICS] = {
    "d_loss",      "g_loss",      "d_real",    "d_fake",
    "d_grad_norm", "g_grad_norm", "d_penalty", "d_penalty_norm"};

static const char *const vae_metric_names[VAE_METRICS] = {"loss", "reconstruction", "kl", "beta",
                                                          "grad_norm"};

/* The configs of this folder, and the first runs of their goldens; the VAEs behind the GANs. */
static const char *const models[][2] = {
    {"gan", "digits"},      {"dcgan", "usual"},        {"sngan", "usual"},
    {"cgan", "usual"},      {"projection", "usual"},   {"acgan", "usual"},
    {"maxout", "usual"},    {"simultaneous", "usual"}, {"penalty_mlp", "r1"},
    {"penalty_conv", "r1"}, {"packed", "usual"},       {"packed_images", "usual"},
    {"vae", "usual"},       {"vae_gaussian", "usual"}};
/* Of the last four the first outputs are not compared: VAEs, and packs, which a phase makes. */
enum { MODELS = sizeof models / sizeof *models, GANS = MODELS - 4 };

/* All runs. */
static const char *const runs[][2] = {
    {"gan", "digits"},
    {"gan", "minimax"},
    {"gan", "uneven"},
    {"dcgan", "usual"},
    {"dcgan", "uneven"},
    {"sngan", "usual"},
    {"sngan", "uneven"},
    {"cgan", "usual"},
    {"projection", "usual"},
    {"projection", "uneven"},
    {"acgan", "usual"},
    {"acgan", "minimax"},
    {"dcgan", "reuse"},
    {"dcgan", "reuse_uneven"},
    {"cgan", "reuse"},
    {"maxout", "usual"},
    {"maxout", "uneven"},
    {"penalty_mlp", "r1"},
    {"penalty_mlp", "r2"},
    {"penalty_mlp", "wgan_gp"},
    {"penalty_mlp", "dragan"},
    {"penalty_mlp", "lazy"},
    {"penalty_conv", "r1"},
    {"penalty_conv", "r2"},
    {"penalty_conv", "wgan_gp"},
    {"penalty_conv", "dragan"},
    {"penalty_conv", "lazy"},
    {"vae", "usual"},
    {"vae_gaussian", "usual"},
    {"simultaneous", "usual"},
    {"simultaneous", "minimax"},
    {"packed", "usual"},
    {"packed_images", "usual"},
    {"packed_images", "uneven"},
    {"packed_images", "reuse"},
    {"gan", "relativistic"},
    {"gan", "smoothed"},
    {"dcgan", "least_squares"},
    {"gan", "hinge"},
    {"maxout", "wasserstein"},
    {"acgan", "relativistic"},
    {"sngan", "relativistic"},
};
enum { RUNS = sizeof runs / sizeof *runs };

/* One run of the golden and ours. */
typedef struct {
  const char *gan, *name;
  char title[64]; /* both, for messages */
  gan_h5 *inputs, *golden;
  int64_t d_steps, g_steps, steps;
  bool penalised; /* by the gradient penalty of the run's name; "lazy" is r1 every second time */
  bool reuses;    /* the generator's first update of a step takes the discriminator's fakes */
  bool has_state; /* whether the golden keeps the state behind the last step */
  char *overrides[ALL_OVERRIDES]; /* the last two borrowed */
  gan_session session;
  gan_task *task; /* the session's */
} gan_run;

static gan_h5 *open_golden(const char *gan, const char *suffix) {
  char *file = gan_format("%s%s", gan, suffix);
  ck_assert_ptr_nonnull(file);
  gan_h5 *golden = parity_open(file);
  gan_free(&file);
  return golden;
}

/* Fills in place: the task points into the session. */
static void start(gan_run *run, const char *const names[2]) {
  const char *name = names[1];
  *run = (gan_run){.gan = names[0], .name = name};
  snprintf(run->title, sizeof run->title, "%s/%s", run->gan, name);
  run->inputs = open_golden(run->gan, "_inputs.h5");
  run->golden = open_golden(run->gan, ".h5");
  run->d_steps = parity_int(run->golden, name, "d_steps");
  run->g_steps = parity_int(run->golden, name, "g_steps");
  run->steps = parity_int(run->golden, name, "steps");
  run->has_state = parity_int(run->golden, name, "state");
  run->reuses = strncmp(name, "reuse", strlen("reuse")) == 0;
  run->penalised = strncmp(run->gan, "penalty", strlen("penalty")) == 0;
  bool lazy = strcmp(name, "lazy") == 0;
  char *objective = parity_text(run->golden, name, "objective");
  run->overrides[0] = gan_format("train.objective=%s", objective);
  run->overrides[1] = gan_format("train.d_steps=%lld", (long long)run->d_steps);
  run->overrides[2] = gan_format("train.g_steps=%lld", (long long)run->g_steps);
  run->overrides[3] = gan_format("train.reuse_fakes=%s", run->reuses ? "true" : "false");
  run->overrides[4] = gan_format("train.penalty.type=%s", !run->penalised ? "none"
                                                          : lazy          ? "r1"
                                                                          : name);
  run->overrides[5] = gan_format("train.penalty.every=%d", lazy ? 2 : 1);
  char *settings = NULL; /* most runs have none, and then say a thing twice */
  if (gan_h5_get_text(run->golden, name, "settings", &settings) != GAN_OK) gan_fail_clear();
  run->overrides[6] = gan_format("%s", settings ? settings : run->overrides[0]);
  gan_free(&settings);
  for (int i = OVERRIDES; i < ALL_OVERRIDES; i++)
    run->overrides[i] = (char *)(uintptr_t)parity_compute_overrides()[i - OVERRIDES];
  parity_ok(gan_inputs_session(&run->session, run->gan, (const char *const *)run->overrides,
                               ALL_OVERRIDES));
  run->task = run->session.task;
  gan_free(&objective);
}

static void finish(gan_run *run) {
  for (int i = 0; i < OVERRIDES; i++) gan_free(&run->overrides[i]);
  gan_session_reset(&run->session);
  gan_h5_close(&run->inputs);
  gan_h5_close(&run->golden);
}

static bool is_vae(const gan_run *run) {
  return run->session.config.task == GAN_TASK_VAE;
}

static gan_net *net_of(const gan_run *run, const char *name) {
  for (int i = 0; i < run->task->learner_count; i++)
    if (!strcmp(run->task->learners[i].net->name, name)) return run->task->learners[i].net;
  ck_abort_msg("the task has no %s", name);
}

/* ---- the inputs ---- */

static void compare_input(gan_h5 *golden, int64_t n, const float *ours, const char *dataset,
                          const char *what) {
  double *wanted = parity_read(golden, GAN_F64, n, "%s", dataset);
  parity_near(n, ours, wanted, TOLERANCE_INPUT, AS_DUMPED, what);
  gan_free(&wanted);
}

static void compare_first_weights(gan_h5 *golden, const gan_net *net) {
  for (int i = 0; i < net->tensor_count; i++) {
    const gan_tensor *tensor = &net->tensors[i];
    if (tensor->kind == GAN_TENSOR_COUNTER) continue;
    char dataset[256];
    snprintf(dataset, sizeof dataset, "initial/%s/%s", net->name, tensor->name);
    float *ours = parity_in_order(tensor, gan_net_tensor(net, tensor));
    compare_input(golden, tensor->size, ours, dataset, "first weights");
    gan_free(&ours);
  }
}

static void compare_classes(gan_h5 *golden, int64_t n, const int32_t *ours, const char *dataset) {
  int32_t *wanted = parity_read(golden, GAN_I32, n, "%s", dataset);
  for (int64_t i = 0; i < n; i++)
    ck_assert_msg(ours[i] == wanted[i], "%s[%d] is %d, not %d, " AS_DUMPED, dataset, (int)i,
                  ours[i], wanted[i], "the class");
  gan_free(&wanted);
}

static void compare_penalty_draws(const gan_run *run, const gan_inputs *inputs) {
  int64_t n = GAN_INPUTS_D_UPDATES * inputs->batch;
  if (!run->penalised) return;
  compare_input(run->inputs, n, inputs->penalty_e, "penalty_e", "draws of penalties");
  compare_input(run->inputs, n * inputs->pixels, inputs->penalty_noise, "penalty_noise",
                "noise of penalties");
}

static void compare_all_classes(gan_h5 *golden, const gan_inputs *inputs) {
  if (!inputs->classes) return;
  compare_classes(golden, GAN_INPUTS_D_UPDATES * inputs->batch, inputs->of_data, "classes_data");
  compare_classes(golden, GAN_INPUTS_D_UPDATES * inputs->batch, inputs->of_d, "classes_d");
  compare_classes(golden, GAN_INPUTS_G_UPDATES * inputs->batch, inputs->of_g, "classes_g");
  compare_classes(golden, GAN_INPUTS_SAMPLES, inputs->of_sample, "classes_sample");
}

START_TEST(inputs_are_those_of_the_golden) {
  gan_run run;
  start(&run, models[_i]);
  gan_inputs inputs;
  parity_ok(gan_inputs_make(&run.session, &inputs));
  int64_t batch = inputs.batch;
  compare_input(run.inputs, GAN_INPUTS_D_UPDATES * batch * inputs.pixels, inputs.data, "data",
                "batches of data");
  compare_input(run.inputs, GAN_INPUTS_D_UPDATES * batch * inputs.z, inputs.noise_d, "noise_d",
                "noise vectors");
  compare_input(run.inputs, GAN_INPUTS_G_UPDATES * batch * inputs.z, inputs.noise_g, "noise_g",
                "noise vectors");
  compare_input(run.inputs, GAN_INPUTS_SAMPLES * inputs.z, inputs.noise_sample, "noise_sample",
                "noise vectors of samples");
  compare_all_classes(run.inputs, &inputs);
  compare_penalty_draws(&run, &inputs);
  for (int i = 0; i < run.task->learner_count; i++)
    compare_first_weights(run.inputs, run.task->learners[i].net);
  gan_inputs_reset(&inputs);
  finish(&run);
}
END_TEST

/* ---- the first forward passes ---- */

static void forward(const gan_run *run, gan_net *net, const float *x, const int32_t *classes,
                    const char *golden_name, float **y) {
  int64_t batch = run->session.config.train.batch;
  gan_pass pass = {.comm = gan_comm_alone(),
                   .training = true,
                   .samples = batch,
                   .batch = batch,
                   .seed = 1,
                   .classes = classes};
  parity_ok(gan_net_forward(net, &pass, x, y));
  int64_t n = batch * gan_shape_size(net->out);
  double *wanted = parity_read(run->golden, GAN_F64, n, "%s/first/%s", run->name, golden_name);
  parity_near(n, *y, wanted, TOLERANCE_PASS, "%s: first %s", run->title, golden_name);
  gan_free(&wanted);
}

/* The whole networks, by hand: a failure here is in a layer, not in a phase. */
START_TEST(first_outputs) {
  gan_run run;
  start(&run, models[_i]);
  gan_net *judge = net_of(&run, "discriminator");
  gan_inputs inputs;
  float *fake, *logits;
  parity_ok(gan_inputs_make(&run.session, &inputs));
  forward(&run, judge, inputs.data, inputs.of_data, "real_logits", &logits);
  forward(&run, net_of(&run, "generator"), inputs.noise_d, inputs.of_d, "fake", &fake);
  forward(&run, judge, fake, inputs.of_d, "fake_logits", &logits);
  gan_inputs_reset(&inputs);
  finish(&run);
}
END_TEST

/* ---- steps ---- */

/* What a step's last update of the generator is given. */
typedef struct {
  char of; /* whose fakes: d's or g's */
  int64_t updates, i;
} last_fakes;

static last_fakes fakes_behind(const gan_run *run, int64_t steps) {
  if (run->session.config.train.update == GAN_UPDATE_SIMULTANEOUS)
    return (last_fakes){'d', GAN_INPUTS_D_UPDATES, steps - 1};
  if (run->reuses && run->g_steps == 1)
    return (last_fakes){'d', GAN_INPUTS_D_UPDATES, steps * run->d_steps - 1};
  return (last_fakes){'g', GAN_INPUTS_G_UPDATES, steps * run->g_steps - 1};
}

/* Its noise is what the network still points to. */
static void check_noise(const gan_run *run, last_fakes fakes) {
  if (is_vae(run)) return; /* its decoder sees no noise, but what was drawn by it */
  const gan_net *net = net_of(run, "generator");
  int64_t n = run->session.config.train.batch * gan_shape_size(net->in);
  double *all = parity_read(run->inputs, GAN_F64, fakes.updates * n, "noise_%c", fakes.of);
  parity_near(n, net->at[0], all + fakes.i * n, TOLERANCE_INPUT, AS_DUMPED,
              "keys of noise, of which gan_inputs.h has a copy,");
  gan_free(&all);
}

/* Likewise its classes, where they are the first that it joins. */
static void check_classes(const gan_run *run, last_fakes fakes) {
  if (is_vae(run)) return;
  const gan_net *net = net_of(run, "generator");
  const gan_layer *layer = &net->layers[0];
  int64_t batch = run->session.config.train.batch;
  if (layer->type != &gan_layer_one_hot) return;
  int32_t *all = parity_read(run->inputs, GAN_I32, fakes.updates * batch, "classes_%c", fakes.of);
  const int32_t *wanted = all + fakes.i * batch;
  for (int64_t i = 0; i < batch; i++) {
    const float *joined = net->at[1] + i * layer->out.c + layer->in.c;
    ck_assert_msg(joined[wanted[i]] == 1.0f, "sample %d is not of class %d, " AS_DUMPED, (int)i,
                  wanted[i], "the law and keys of classes, of which gan_inputs.c has a copy,");
  }
  gan_free(&all);
}

static double metric_of(const gan_task *task, const char *name) {
  int k = 0;
  while (k < task->metric_count && strcmp(task->metrics[k].name, name)) k++;
  ck_assert_msg(k < task->metric_count, "the task has no metric %s", name);
  return task->metrics[k].value;
}

static void compare_metrics(const gan_run *run, int64_t step) {
  bool tells = gan_config_label_way(&run->session.config, false) == GAN_LABEL_AUXILIARY;
  int count = tells ? ALL_METRICS : METRICS;
  const char *const *metrics = metric_names;
  if (is_vae(run)) {
    metrics = vae_metric_names;
    count = VAE_METRICS;
  }
  if (run->penalised) {
    metrics = penalty_metric_names;
    count = PENALTY_METRICS;
  }
  double *all = parity_read(run->golden, GAN_F64, run->steps * count, "%s/metrics", run->name);
  for (int i = 0; i < count; i++) {
    const char *name = metrics[i];
    double tolerance = strstr(name, "norm") ? TOLERANCE_STATE : TOLERANCE_LOSS;
    parity_near_real(metric_of(run->task, name), all[step * count + i], tolerance,
                     "%s: %s of step %d", run->title, name, (int)step + 1);
  }
  gan_free(&all);
}

/* The gradients that the phases of the first step left: of the discriminator at its first weights,
 * of the generator at its first weights, seen through the updated discriminator. */
static void compare_gradients(const gan_run *run, const gan_net *net) {
  bool updated = run->d_steps > 1 || run->g_steps > 1;
  if (parity_is_bf16()) updated |= !strcmp(net->name, "generator");
  double tolerance = updated ? TOLERANCE_STATE : run->penalised ? TOLERANCE_TWICE : TOLERANCE_PASS;
  for (int i = 0; i < net->tensor_count; i++) {
    const gan_tensor *tensor = &net->tensors[i];
    if (tensor->kind != GAN_TENSOR_PARAM) continue;
    double *wanted = parity_read(run->golden, GAN_F64, tensor->size, "%s/gradient/%s/%s", run->name,
                                 net->name, tensor->name);
    parity_near_tensor(tensor, net->grads + tensor->offset, wanted, tolerance,
                       "%s: gradient of %s %s", run->title, net->name, tensor->name);
    gan_free(&wanted);
  }
}

static void compare_moved(const gan_run *run, const gan_net *net, const gan_tensor *tensor,
                          const double *after) {
  double *moved =
      parity_read(run->inputs, GAN_F64, tensor->size, "initial/%s/%s", net->name, tensor->name);
  float *ours = parity_in_order(tensor, net->params + tensor->offset);
  for (int64_t k = 0; k < tensor->size; k++) {
    ours[k] = (float)((double)ours[k] - moved[k]);
    moved[k] = after[k] - moved[k];
  }
  parity_near(tensor->size, ours, moved, TOLERANCE_MOVE, "%s: what moved %s %s", run->title,
              net->name, tensor->name);
  gan_free(&moved);
  gan_free(&ours);
}

static void compare_moment(const gan_run *run, const gan_net *net, const gan_tensor *tensor,
                           const char *name, const float *slab) {
  double *wanted = parity_read(run->golden, GAN_F64, tensor->size, "%s/state/%s/%s/%s", run->name,
                               net->name, name, tensor->name);
  parity_near_tensor(tensor, slab + tensor->offset, wanted, TOLERANCE_STATE, "%s: %s of %s %s",
                     run->title, name, net->name, tensor->name);
  gan_free(&wanted);
}

static void compare_state(const gan_run *run, const gan_learner *learner) {
  const gan_net *net = learner->net;
  const gan_optimizer *optimizer = learner->optimizer;
  for (int i = 0; i < net->tensor_count; i++) {
    const gan_tensor *tensor = &net->tensors[i];
    double *after = parity_read(run->golden, GAN_F64, tensor->size, "%s/state/%s/tensors/%s",
                                run->name, net->name, tensor->name);
    if (tensor->kind == GAN_TENSOR_COUNTER)
      ck_assert_msg((double)*(int64_t *)gan_net_tensor(net, tensor) == after[0],
                    "%s: %s %s should be %g", run->title, net->name, tensor->name, after[0]);
    else
      parity_near_tensor(tensor, gan_net_tensor(net, tensor), after, TOLERANCE_STATE, "%s: %s %s",
                         run->title, net->name, tensor->name);
    if (tensor->kind == GAN_TENSOR_PARAM) {
      compare_moved(run, net, tensor, after);
      for (int m = 0; m < optimizer->type->moment_count; m++)
        compare_moment(run, net, tensor, optimizer->type->moments[m], optimizer->moments[m]);
    }
    gan_free(&after);
  }
}

/* The sample pictures: eval mode, and back into the data's units. */
static void compare_samples(const gan_run *run) {
  gan_data_facts facts = gan_session_data_facts(&run->session);
  enum { N = GAN_INPUTS_SAMPLES };
  int64_t size = N * facts.c * facts.h * facts.w, z = run->task->latent_size;
  float *images = gan_alloc((size_t)size, sizeof *images, "samples");
  float *latent = gan_alloc((size_t)(N * z), sizeof *latent, "noise");
  ck_assert(images && latent);
  int32_t *classes =
      run->task->classes ? parity_read(run->inputs, GAN_I32, N, "classes_sample") : NULL;
  parity_ok(run->task->type->sample(run->task, &facts, N, images, latent, classes));
  double *wanted = parity_read(run->golden, GAN_F64, size, "%s/samples", run->name);
  compare_input(run->inputs, N * z, latent, "noise_sample", "noise vectors of samples");
  parity_near(size, images, wanted, TOLERANCE_STATE, "%s: samples", run->title);
  gan_free(&images);
  gan_free(&latent);
  gan_free(&classes);
  gan_free(&wanted);
}

START_TEST(steps_of_a_run) {
  gan_run run;
  start(&run, runs[_i]);
  for (int64_t step = 0; step < run.steps; step++) {
    parity_ok(run.task->type->step(run.task));
    check_noise(&run, fakes_behind(&run, step + 1));
    check_classes(&run, fakes_behind(&run, step + 1));
    compare_metrics(&run, step);
    if (step > 0) continue;
    for (int i = 0; i < run.task->learner_count; i++)
      compare_gradients(&run, run.task->learners[i].net);
  }
  for (int i = 0; run.has_state && i < run.task->learner_count; i++)
    compare_state(&run, &run.task->learners[i]);
  compare_samples(&run);
  finish(&run);
}
END_TEST

int main(void) {
  parity_choose_compute();
  Suite *suite = suite_create("parity: gan");
  TCase *cases = tcase_create("gan");
  tcase_add_checked_fixture(cases, NULL, parity_report);
  tcase_add_loop_test(cases, inputs_are_those_of_the_golden, 0, MODELS);
  tcase_add_loop_test(cases, first_outputs, 0, GANS);
  tcase_add_loop_test(cases, steps_of_a_run, 0, RUNS);
  suite_add_tcase(suite, cases);
  return parity_run(suite);
}
