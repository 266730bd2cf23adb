/* task: gan.  Two networks, two phases (Goodfellow et al. 2014, algorithm 1):
 *
 *   discriminator  d_steps times: a batch of data as 1, as many generated samples as 0; both in one
 *                  pass where its layers allow that (gan_net_apart)
 *   generator      g_steps times: generated samples from fresh noise, seen through the
 *                  discriminator, which gives input gradients only; with train.reuse_fakes the
 * first time the samples that the discriminator has seen last
 *
 * Each rank works on its shards' part of the batch, in pieces of train.microbatch samples;
 * gradients are summed over the ranks, and every rank takes the same step.  Noise is keyed by
 * phase, update and global sample.
 */
#include "base/memory.h"
#include "objective/objective.h"
#include "task/batch.h"
#include "task/generate.h"
#include "task/networks.h"
#include "task/update.h"
#include "task/work.h"

enum { GENERATOR = GAN_GENERATOR, DISCRIMINATOR = GAN_DISCRIMINATOR };

/* Passes of a step: keys of noise and dropout.  One of two sets has those of the first two. */
enum { PASS_REAL, PASS_FAKE, PASS_GENERATOR };

enum { NONE = -1, BOTH = 2 }; /* sets of samples */

/* Losses of the last updates: this rank's part, summed over the ranks at the end of a step.  First
 * those of the discriminator's, then those of the generator's. */
enum {
  LOSS_REAL,
  LOSS_FAKE,
  P_REAL,
  P_FAKE,
  CLASS_REAL, /* loss of the auxiliary classes, and the part told right */
  CLASS_FAKE,
  TOLD_REAL,
  TOLD_FAKE,
  LOSS_G,
  CLASS_G,
  TOLD_G,
  LOSSES
};

enum {
  D_LOSS,
  G_LOSS,
  D_REAL,
  D_FAKE,
  D_NORM,
  G_NORM,
  LR_D,
  LR_G,
  METRICS,
  D_CLASS_LOSS = METRICS, /* of an auxiliary discriminator */
  G_CLASS_LOSS,
  D_CLASS_TOLD,
  G_CLASS_TOLD,
  ALL_METRICS
};

enum { TIME_DATA, TIME_WAIT, TIME_D, TIME_G, TIME_SUM, TIME_OPTIMIZER, TIMES };

typedef struct {
  const gan_objective *objective;
  gan_work work;
  gan_batch batch;
  int64_t d_updates, g_updates;
  bool fakes_learnt; /* the generator has learnt since the discriminator did */
} gan_state;

/* The pass of this rank's samples from number `at` on. */
static gan_pass make_pass(const gan_task *task, uint32_t phase, int64_t update, int64_t at) {
  const gan_state *state = task->state;
  const gan_classes *classes = &state->batch.classes;
  int sets = phase == PASS_REAL ? state->batch.sets : 1;
  gan_pass pass = gan_work_pass(task, &state->work, phase, update, at, sets);
  pass.classes = phase == PASS_REAL ? classes->real : classes->fake;
  return pass;
}

/* The data of a pass.  If it could not be read, share_metrics tells all. */
static void fetch(gan_task *task, const gan_pass *pass) {
  gan_state *state = task->state;
  double waited = gan_loader_waited(state->batch.loader);
  uint64_t drawn = (uint64_t)(task->images_seen / task->config->data.shards);
  gan_batch_fetch(&state->batch, task->learners[DISCRIMINATOR].net, pass, drawn);
  waited = gan_loader_waited(state->batch.loader) - waited;
  gan_work_spend(task, &state->work, TIME_DATA);
  task->profile[TIME_DATA].seconds -= waited;
  task->profile[TIME_WAIT].seconds += waited;
}

static gan_status make_fakes(gan_task *task, const gan_pass *pass, float **out) {
  gan_batch *batch = &((gan_state *)task->state)->batch;
  gan_batch_draw(task, batch, pass);
  return gan_net_forward(task->learners[GENERATOR].net, pass, batch->latent, out);
}

/* A term of the objective over a set of a pass, and that of the classes where the discriminator
 * tells them: the logits' gradients, and each part's sums.  `sums` names theirs. */
typedef struct {
  int loss, probability, class_loss, told; /* LOSSES: not wanted */
} term_sums;

static void apply(const gan_task *task, gan_objective_term term, const gan_pass *pass, int which,
                  const float *logits, term_sums sums) {
  const gan_state *state = task->state;
  const gan_config *config = task->config;
  const gan_net *judge = task->learners[DISCRIMINATOR].net;
  int64_t stride = gan_shape_size(judge->out);
  for (int64_t i = 0; i < gan_net_span_count(judge, pass); i++) {
    gan_span span = gan_net_span(judge, pass, i);
    gan_span_set set = gan_span_set_of(&span, which);
    int64_t first = span.first + set.first;
    double *row = gan_work_losses(&state->work, &span);
    const float *from = logits + first * stride;
    float *to = judge->dout + first * stride;
    gan_loss made = term(set.samples, pass->batch, stride, from, to);
    row[sums.loss] += made.loss;
    if (sums.probability < LOSSES) row[sums.probability] += made.probability;
    if (stride == 1) continue;
    made = gan_class_term(set.samples, pass->batch, config->model.classes, stride,
                          config->model.label_weight, pass->classes + first, from + 1, to + 1);
    row[sums.class_loss] += made.loss;
    row[sums.told] += made.probability;
  }
}

/* Sums the gradients over the ranks; all then take the same step, unless it is no number. */
static gan_status update(gan_task *task, int which, double *norm) {
  gan_work *work = &((gan_state *)task->state)->work;
  bool made = which == GENERATOR;
  bool finite = gan_work_finite(work, made ? LOSS_G : 0, made ? LOSSES : LOSS_G);
  return gan_work_update(task, work, which, finite, made ? TIME_G : TIME_D, TIME_OPTIMIZER, norm);
}

static const term_sums sums_of_real = {LOSS_REAL, P_REAL, CLASS_REAL, TOLD_REAL};
static const term_sums sums_of_fakes = {LOSS_FAKE, P_FAKE, CLASS_FAKE, TOLD_FAKE};
static const term_sums sums_of_generator = {LOSS_G, LOSSES, CLASS_G, TOLD_G};

/* The discriminator learns from images: which sets are data and which generated, or NONE. */
static gan_status judge(gan_task *task, const gan_pass *pass, const float *images, int real,
                        int fake) {
  const gan_objective *objective = ((const gan_state *)task->state)->objective;
  gan_net *net = task->learners[DISCRIMINATOR].net;
  float *logits;
  GAN_TRY(gan_net_forward(net, pass, images, &logits));
  if (real != NONE) apply(task, objective->real, pass, real, logits, sums_of_real);
  if (fake != NONE) apply(task, objective->fake, pass, fake, logits, sums_of_fakes);
  return gan_net_backward(net, pass, GAN_WANT_WEIGHTS, net->dout, NULL);
}

static gan_status judge_real(gan_task *task, const gan_pass *pass) {
  fetch(task, pass);
  return judge(task, pass, ((const gan_state *)task->state)->batch.images, 0, NONE);
}

static gan_status judge_fakes(gan_task *task, const gan_pass *pass) {
  float *fake;
  GAN_TRY(make_fakes(task, pass, &fake));
  return judge(task, pass, fake, NONE, 0);
}

static gan_status judge_both(gan_task *task, const gan_pass *pass) {
  gan_batch *batch = &((gan_state *)task->state)->batch;
  gan_pass generating = make_pass(task, PASS_FAKE, (int64_t)pass->draw, pass->at);
  float *fake;
  fetch(task, pass);
  GAN_TRY(make_fakes(task, &generating, &fake));
  gan_batch_join(batch, task->learners[DISCRIMINATOR].net, pass, fake);
  return judge(task, pass, batch->images, 0, 1);
}

/* The generator learns from what it has made last. */
static gan_status learn_to_deceive(gan_task *task, const gan_pass *pass) {
  gan_state *state = task->state;
  gan_net *judge = task->learners[DISCRIMINATOR].net, *net = task->learners[GENERATOR].net;
  float *fake = net->at[net->last], *logits, *dfake;
  GAN_TRY(gan_net_forward(judge, pass, fake, &logits));
  apply(task, state->objective->generator, pass, 0, logits, sums_of_generator);
  GAN_TRY(gan_net_backward(judge, pass, GAN_WANT_INPUT, judge->dout, &dfake));
  return gan_net_backward(net, pass, GAN_WANT_WEIGHTS, dfake, NULL);
}

static gan_status deceive(gan_task *task, const gan_pass *pass) {
  float *fake;
  GAN_TRY(make_fakes(task, pass, &fake));
  return learn_to_deceive(task, pass);
}

/* A pass over the batch, in pieces. */
static gan_status in_pieces(gan_task *task, uint32_t phase, int64_t update, unsigned place,
                            gan_status (*take)(gan_task *task, const gan_pass *pass)) {
  const gan_state *state = task->state;
  for (int64_t at = 0; at < task->local_samples; at += state->work.piece) {
    gan_pass pass = make_pass(task, phase, update, at);
    gan_work_place(task, place, &pass);
    GAN_TRY(take(task, &pass));
  }
  return GAN_OK;
}

static gan_status discriminator_update(gan_task *task) {
  gan_state *state = task->state;
  task->phase = TIME_D;
  gan_update_begin(task);
  gan_work_forget(&state->work, 0, LOSS_G);
  if (state->batch.sets == BOTH) {
    GAN_TRY(
        in_pieces(task, PASS_REAL, state->d_updates, GAN_FIRST_PASS | GAN_LAST_PASS, judge_both));
  } else {
    GAN_TRY(in_pieces(task, PASS_REAL, state->d_updates, GAN_FIRST_PASS, judge_real));
    GAN_TRY(in_pieces(task, PASS_FAKE, state->d_updates, GAN_LAST_PASS, judge_fakes));
  }
  state->d_updates++;
  task->images_seen += task->config->train.batch;
  int64_t skipped = task->skips[DISCRIMINATOR].updates;
  GAN_TRY(update(task, DISCRIMINATOR, &task->metrics[D_NORM].value));
  /* of a skipped update the generator's pass is undone, too: nothing is left to learn from */
  state->fakes_learnt = task->skips[DISCRIMINATOR].updates > skipped;
  return GAN_OK;
}

static gan_status generator_update(gan_task *task) {
  gan_state *state = task->state;
  task->phase = TIME_G;
  gan_update_begin(task);
  gan_work_forget(&state->work, LOSS_G, LOSSES);
  bool reuses = task->config->train.reuse_fakes && !state->fakes_learnt;
  GAN_TRY(in_pieces(task, PASS_GENERATOR, state->g_updates, GAN_FIRST_PASS | GAN_LAST_PASS,
                    reuses ? learn_to_deceive : deceive));
  state->fakes_learnt = true;
  state->g_updates++;
  return update(task, GENERATOR, &task->metrics[G_NORM].value);
}

/* The phases of a step, in order. */
static const struct {
  gan_status (*update)(gan_task *task);
  size_t count; /* where in the config its number of updates stands */
} phases[] = {
    {discriminator_update, offsetof(gan_config, train.d_steps)},
    {generator_update, offsetof(gan_config, train.g_steps)},
};

static gan_status share_metrics(gan_task *task) {
  gan_state *state = task->state;
  gan_metric *metrics = task->metrics;
  const double *totals = state->work.totals;
  GAN_TRY(gan_work_share(task, &state->work, state->batch.data_status));
  metrics[D_LOSS].value = totals[LOSS_REAL] + totals[LOSS_FAKE];
  metrics[G_LOSS].value = totals[LOSS_G];
  metrics[D_REAL].value = totals[P_REAL];
  metrics[D_FAKE].value = totals[P_FAKE];
  metrics[LR_D].value = task->learners[DISCRIMINATOR].optimizer->lr;
  metrics[LR_G].value = task->learners[GENERATOR].optimizer->lr;
  if (task->metric_count > METRICS) {
    metrics[D_CLASS_LOSS].value = totals[CLASS_REAL] + totals[CLASS_FAKE];
    metrics[G_CLASS_LOSS].value = totals[CLASS_G];
    metrics[D_CLASS_TOLD].value = totals[TOLD_REAL];
    metrics[G_CLASS_TOLD].value = totals[TOLD_G];
  }
  return gan_update_check(task);
}

static gan_status step(gan_task *task) {
  gan_work_begin(task, &((gan_state *)task->state)->work);
  gan_update_forget(task);
  for (size_t i = 0; i < sizeof phases / sizeof *phases; i++) {
    int64_t count = *(const int64_t *)((const char *)task->config + phases[i].count);
    for (int64_t k = 0; k < count; k++) GAN_TRY(phases[i].update(task));
  }
  return share_metrics(task);
}

static void describe(gan_task *task) {
  static const gan_metric metrics[ALL_METRICS] = {
      [D_LOSS] = {"d_loss", "D loss", 0},
      [G_LOSS] = {"g_loss", "G loss", 0},
      [D_REAL] = {"d_real", "D(real)", 0},
      [D_FAKE] = {"d_fake", "D(fake)", 0},
      [D_NORM] = {"d_grad_norm", NULL, 0},
      [G_NORM] = {"g_grad_norm", NULL, 0},
      [LR_D] = {"lr_d", NULL, 0},
      [LR_G] = {"lr_g", NULL, 0},
      [D_CLASS_LOSS] = {"d_class_loss", NULL, 0},
      [G_CLASS_LOSS] = {"g_class_loss", NULL, 0},
      [D_CLASS_TOLD] = {"d_class_accuracy", "told real", 0},
      [G_CLASS_TOLD] = {"g_class_accuracy", "told fake", 0},
  };
  static const char *const times[TIMES] = {
      [TIME_DATA] = "data",
      [TIME_WAIT] = "waiting for data",
      [TIME_D] = "D forward and backward",
      [TIME_G] = "G forward and backward",
      [TIME_SUM] = "sums over ranks",
      [TIME_OPTIMIZER] = "optimizer",
  };
  gan_state *state = task->state;
  bool auxiliary = gan_config_label_way(task->config, false) == GAN_LABEL_AUXILIARY;
  int count = auxiliary ? ALL_METRICS : METRICS;
  for (int i = 0; i < count; i++) task->metrics[task->metric_count++] = metrics[i];
  for (int i = 0; i < TIMES; i++) task->profile[task->profile_count++].name = times[i];
  task->counters[task->counter_count++] = (gan_counter){"images_seen", &task->images_seen};
  task->counters[task->counter_count++] = (gan_counter){"d_updates", &state->d_updates};
  task->counters[task->counter_count++] = (gan_counter){"g_updates", &state->g_updates};
}

static gan_status create(gan_task *task) {
  const gan_config *config = task->config;
  gan_state *state;
  GAN_TRY_ALLOC(state, 1, "the GAN");
  task->state = state;
  gan_work *work = &state->work;
  work->sum_row = TIME_SUM;
  state->objective = gan_objective_of((gan_objective_kind)config->train.objective);
  task->latent_size = config->model.latent;
  task->classes = config->model.classes;
  task->batches_a_step = config->train.d_steps;
  GAN_TRY(gan_work_divide(task, work));
  GAN_TRY(gan_networks_add_gan(task, work->piece, work->division, work->sums));
  GAN_TRY(gan_update_reserve(task));
  GAN_TRY(gan_work_reserve(task, LOSSES, work));
  GAN_TRY(
      gan_batch_reserve(task, work->piece, task->learners[DISCRIMINATOR].net->sets, &state->batch));
  describe(task);
  return GAN_OK;
}

static gan_status start(gan_task *task, const gan_dataset *data) {
  return gan_batch_start(task, data, &((gan_state *)task->state)->batch);
}

static gan_status sample(gan_task *task, const gan_data_facts *data, int64_t n, float *images,
                         float *latent, const int32_t *classes) {
  gan_request request = {.law = (gan_latent_distribution)task->config->model.latent_distribution,
                         .seed = (uint64_t)task->config->seed,
                         .first = task->first_sample,
                         .n = n,
                         .classes = classes};
  return gan_generate(task->learners[GENERATOR].net, &request, data, images, latent);
}

static void destroy(gan_task *task) {
  gan_state *state = task->state;
  if (!state) return;
  gan_batch_release(&state->batch);
  gan_work_release(&state->work);
  gan_free(&task->state);
}

const gan_task_type gan_task_gan = {
    .name = "gan",
    .create = create,
    .start = start,
    .step = step,
    .sample = sample,
    .destroy = destroy,
};
