/* task: gan.  Two networks, two phases (Goodfellow et al. 2014, algorithm 1):
 *
 *   discriminator  d_steps times: a batch of data as 1, as many generated samples as 0; both in one
 *                  pass where its layers allow that (gan_net_apart); then, where the config has
 *                  one, a pass for the penalty of its gradient (penalty.h)
 *   generator      g_steps times: generated samples from fresh noise, seen through the
 *                  discriminator, which gives input gradients only; with train.reuse_fakes the
 * first time the samples that the discriminator has seen last
 *
 * With train.update: simultaneous there is one phase: the discriminator's, and from its forward
 * pass, at the same weights, the generator's gradient too; then both take their step.  With
 * model.packing the discriminator sees packs of samples (packing.h).
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
#include "task/noise.h"
#include "task/packing.h"
#include "task/penalty.h"
#include "task/relative.h"
#include "task/targets.h"
#include "task/update.h"
#include "task/work.h"

#include <string.h>

enum { GENERATOR = GAN_GENERATOR, DISCRIMINATOR = GAN_DISCRIMINATOR };

/* Passes of a step: keys of noise and dropout.  One of two sets has those of the first two; the
 * last is of data that generated samples are compared with. */
enum { PASS_REAL, PASS_FAKE, PASS_GENERATOR, PASS_PENALTY, PASS_COMPARED };

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
  LOSSES,
  LOSS_PENALTY = LOSSES, /* of a gradient penalty, where there is one */
  ALL_LOSSES = LOSS_PENALTY + GAN_PENALTY_SUMS
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
  gan_penalty penalty;
  gan_packing packing;
  gan_targets targets;
  gan_noise noise;
  gan_relative relative;
  bool data_kept; /* the discriminator's last data lies as a pass of one set has it */
  int64_t d_updates, g_updates;
  bool fakes_learnt; /* the generator has learnt since the discriminator did */
} gan_state;

/* The pass of this rank's samples from number `at` on. */
static gan_pass make_pass(const gan_task *task, uint32_t phase, int64_t update, int64_t at) {
  const gan_state *state = task->state;
  const gan_classes *classes = &state->batch.classes;
  int sets = phase == PASS_REAL ? state->batch.sets : 1;
  gan_pass pass = gan_work_pass(task, &state->work, phase, update, at, sets);
  bool data = phase == PASS_REAL || phase == PASS_COMPARED;
  pass.classes = data ? classes->real : classes->fake;
  return pass;
}

/* The data of a pass.  If it could not be read, share_metrics tells all. */
static void fetch(gan_task *task, const gan_pass *pass) {
  gan_state *state = task->state;
  state->data_kept = false;
  double waited = gan_loader_waited(state->batch.loader);
  uint64_t drawn = (uint64_t)(task->images_seen / task->config->data.shards);
  gan_batch_fetch(&state->batch, task->learners[GENERATOR].net, pass, drawn);
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

/* Of a span's set; the discriminator's terms by their targets. */
static gan_loss cost_of(const gan_state *state, gan_objective_term term, const gan_pass *pass,
                        const gan_span_set *set, int loss, int64_t stride, const float *logits,
                        float *dlogits) {
  const float *targets =
      loss == LOSS_G ? NULL : gan_targets_of(&state->targets, pass, set, loss == LOSS_REAL);
  if (!targets) return term(set->samples, pass->batch, stride, logits, dlogits);
  return state->objective->towards(set->samples, pass->batch, stride, targets, logits, dlogits);
}

static void tell_classes(const gan_task *task, const gan_pass *pass, int which, const float *logits,
                         term_sums sums) {
  const gan_state *state = task->state;
  const gan_config *config = task->config;
  const gan_net *judge = task->learners[DISCRIMINATOR].net;
  int64_t stride = gan_shape_size(judge->out);
  for (int64_t i = 0; stride > 1 && i < gan_net_span_count(judge, pass); i++) {
    gan_span span = gan_net_span(judge, pass, i);
    gan_span_set set = gan_span_set_of(&span, which);
    int64_t first = span.first + set.first;
    double *row = gan_work_losses(&state->work, &span);
    gan_loss made = gan_class_term(set.samples, pass->batch, config->model.classes, stride,
                                   config->model.label_weight, pass->classes + first,
                                   logits + first * stride + 1, judge->dout + first * stride + 1);
    row[sums.class_loss] += made.loss;
    row[sums.told] += made.probability;
  }
}

static void apply(const gan_task *task, gan_objective_term term, const gan_pass *pass, int which,
                  const float *logits, term_sums sums) {
  const gan_state *state = task->state;
  const gan_net *judge = task->learners[DISCRIMINATOR].net;
  int64_t stride = gan_shape_size(judge->out);
  for (int64_t i = 0; i < gan_net_span_count(judge, pass); i++) {
    gan_span span = gan_net_span(judge, pass, i);
    gan_span_set set = gan_span_set_of(&span, which);
    int64_t first = span.first + set.first;
    double *row = gan_work_losses(&state->work, &span);
    gan_loss made = cost_of(state, term, pass, &set, sums.loss, stride, logits + first * stride,
                            judge->dout + first * stride);
    row[sums.loss] += made.loss;
    if (sums.probability < LOSSES) row[sums.probability] += made.probability;
  }
  tell_classes(task, pass, which, logits, sums);
}

/* What the discriminator sees of images. */
static const float *seen(const gan_task *task, const gan_pass *pass, const float *images) {
  const gan_state *state = task->state;
  const gan_config *config = task->config;
  int64_t a_step = pass->phase >= PASS_GENERATOR ? config->train.g_steps : config->train.d_steps;
  return gan_noise_on(&state->noise, task->learners[DISCRIMINATOR].net, pass,
                      (int64_t)pass->draw / a_step, images);
}

/* Sums the gradients over the ranks; all then take the same step, unless it is no number. */
static gan_status update(gan_task *task, int which, double *norm) {
  gan_state *state = task->state;
  gan_work *work = &state->work;
  bool made = which == GENERATOR;
  bool finite = gan_work_finite(work, made ? LOSS_G : 0, made ? LOSSES : LOSS_G) &&
                (made || gan_penalty_finite(work, &state->penalty));
  return gan_work_update(task, work, which, finite, made ? TIME_G : TIME_D, TIME_OPTIMIZER, norm);
}

static const term_sums sums_of_real = {LOSS_REAL, P_REAL, CLASS_REAL, TOLD_REAL};
static const term_sums sums_of_fakes = {LOSS_FAKE, P_FAKE, CLASS_FAKE, TOLD_FAKE};
static const term_sums sums_of_generator = {LOSS_G, LOSSES, CLASS_G, TOLD_G};

/* With the relativistic objective data and generated samples are judged by each other. */
static gan_status judge_together(gan_task *task, const gan_pass *pass, const float *logits) {
  const gan_state *state = task->state;
  const gan_relative_rows rows = {LOSS_REAL, LOSS_FAKE, P_REAL, P_FAKE};
  GAN_TRY(gan_relative_judge(&state->relative, &state->work, task->learners[DISCRIMINATOR].net,
                             pass, logits, rows));
  tell_classes(task, pass, 0, logits, sums_of_real);
  tell_classes(task, pass, 1, logits, sums_of_fakes);
  return GAN_OK;
}

/* ... and the generator learns by what the discriminator's last data are now taken for. */
static gan_status look_at_data(gan_task *task, const gan_pass *pass) {
  gan_state *state = task->state;
  gan_net *judge = task->learners[DISCRIMINATOR].net;
  gan_pass data = make_pass(task, PASS_COMPARED, (int64_t)pass->draw, pass->at);
  float *logits;
  if (!state->data_kept) gan_batch_keep_data(&state->batch, judge, &data);
  state->data_kept = true;
  GAN_TRY(gan_net_forward(judge, &data, seen(task, &data, state->batch.images), &logits));
  gan_relative_keep(&state->relative, judge, &data, logits);
  return GAN_OK;
}

static gan_status deceive_together(gan_task *task, const gan_pass *pass, const float *logits) {
  const gan_state *state = task->state;
  const gan_relative_rows rows = {LOSS_G, LOSS_G, NONE, NONE};
  GAN_TRY(gan_relative_deceive(&state->relative, &state->work, task->learners[DISCRIMINATOR].net,
                               pass, logits, rows));
  tell_classes(task, pass, 0, logits, sums_of_generator);
  return GAN_OK;
}

/* The discriminator learns from images: which sets are data and which generated, or NONE. */
static gan_status judge(gan_task *task, const gan_pass *pass, const float *images, int real,
                        int fake) {
  gan_state *state = task->state;
  const gan_objective *objective = state->objective;
  gan_net *net = task->learners[DISCRIMINATOR].net;
  gan_pass packs = gan_packing_pass(&state->packing, pass);
  const float *x = gan_packing_join(&state->packing, packs.samples, images);
  float *logits;
  x = seen(task, &packs, x);
  GAN_TRY(gan_net_forward(net, &packs, x, &logits));
  if (objective->relative)
    GAN_TRY(judge_together(task, &packs, logits));
  else if (real != NONE)
    apply(task, objective->real, &packs, real, logits, sums_of_real);
  if (fake != NONE && !objective->relative)
    apply(task, objective->fake, &packs, fake, logits, sums_of_fakes);
  if (real != NONE) gan_penalty_keep(task, &state->penalty, &packs, real, true, x);
  if (fake != NONE) gan_penalty_keep(task, &state->penalty, &packs, fake, false, x);
  return gan_net_backward(net, &packs, GAN_WANT_WEIGHTS, net->dout, NULL);
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
  gan_batch_join(batch, task->learners[GENERATOR].net, pass, fake);
  return judge(task, pass, batch->images, 0, 1);
}

/* Of gradients of packs those of one set, sample by sample; in the generator's place for them,
 * where they do not lie so. */
static float *of_samples(const gan_task *task, const gan_pass *packs, int which, float *dpacks) {
  const gan_state *state = task->state;
  const gan_net *judge = task->learners[DISCRIMINATOR].net;
  int sets = gan_pass_sets(packs);
  int64_t size = gan_shape_size(judge->in);
  float *samples = task->learners[GENERATOR].net->dout;
  if (sets == 1 && gan_packing_is_plain(&state->packing)) return dpacks;
  for (int64_t i = 0; i < gan_net_span_count(judge, packs); i++) {
    gan_span span = gan_net_span(judge, packs, i);
    gan_span_set set = gan_span_set_of(&span, which);
    gan_packing_split(&state->packing, set.samples, dpacks + (span.first + set.first) * size,
                      samples + span.first / sets * size);
  }
  return samples;
}

/* The gradient of what was generated, from the logits of a set of the discriminator's pass. */
static gan_status blame(gan_task *task, const gan_pass *packs, int which, const float *logits,
                        float **dfake) {
  const gan_state *state = task->state;
  gan_net *judge = task->learners[DISCRIMINATOR].net;
  float *dpacks;
  if (state->objective->relative)
    GAN_TRY(deceive_together(task, packs, logits));
  else
    apply(task, state->objective->generator, packs, which, logits, sums_of_generator);
  GAN_TRY(gan_net_backward(judge, packs, GAN_WANT_INPUT, judge->dout, &dpacks));
  *dfake = of_samples(task, packs, which, dpacks);
  return GAN_OK;
}

/* The generator learns from what it has made last. */
static gan_status learn_to_deceive(gan_task *task, const gan_pass *pass) {
  const gan_state *state = task->state;
  gan_net *judge = task->learners[DISCRIMINATOR].net, *net = task->learners[GENERATOR].net;
  gan_pass packs = gan_packing_pass(&state->packing, pass);
  const float *x = gan_packing_join(&state->packing, packs.samples, net->at[net->last]);
  float *logits, *dfake;
  if (state->objective->relative) GAN_TRY(look_at_data(task, pass));
  GAN_TRY(gan_net_forward(judge, &packs, seen(task, &packs, x), &logits));
  GAN_TRY(blame(task, &packs, 0, logits, &dfake));
  return gan_net_backward(net, pass, GAN_WANT_WEIGHTS, dfake, NULL);
}

static gan_status deceive(gan_task *task, const gan_pass *pass) {
  float *fake;
  GAN_TRY(make_fakes(task, pass, &fake));
  return learn_to_deceive(task, pass);
}

static bool is_simultaneous(const gan_task *task) {
  return task->config->train.update == GAN_UPDATE_SIMULTANEOUS;
}

static gan_status penalise(gan_task *task, const gan_pass *pass) {
  gan_state *state = task->state;
  gan_pass packs = gan_packing_pass(&state->packing, pass);
  if (is_simultaneous(task)) packs.completes = false;
  return gan_penalty_pass(task, &state->work, &state->penalty, &packs);
}

/* ---- simultaneous updates: behind judge, from the same forward pass ---- */

/* The generator learns from what the discriminator has just judged, set `which` of `pass`. */
static gan_status learn_beside(gan_task *task, const gan_pass *pass, int which) {
  gan_state *state = task->state;
  gan_net *judge = task->learners[DISCRIMINATOR].net;
  gan_pass packs = gan_packing_pass(&state->packing, pass);
  gan_pass generating = make_pass(task, PASS_FAKE, (int64_t)pass->draw, pass->at);
  float *dfake;
  memset(judge->dout, 0, (size_t)(packs.samples * gan_shape_size(judge->out)) * sizeof(float));
  GAN_TRY(blame(task, &packs, which, judge->at[judge->last], &dfake));
  gan_work_spend(task, &state->work, TIME_D);
  task->phase = TIME_G;
  GAN_TRY(
      gan_net_backward(task->learners[GENERATOR].net, &generating, GAN_WANT_WEIGHTS, dfake, NULL));
  gan_work_spend(task, &state->work, TIME_G);
  task->phase = TIME_D;
  return GAN_OK;
}

/* Sums begin when both networks' gradients are there. */
static gan_pass waiting(const gan_pass *pass) {
  gan_pass own = *pass;
  own.completes = false;
  return own;
}

static gan_status match_fakes(gan_task *task, const gan_pass *pass) {
  gan_pass own = waiting(pass);
  GAN_TRY(judge_fakes(task, &own));
  return learn_beside(task, &own, 0);
}

static gan_status match_both(gan_task *task, const gan_pass *pass) {
  gan_pass own = waiting(pass);
  GAN_TRY(judge_both(task, &own));
  return learn_beside(task, &own, 1);
}

/* Both take their step, or, where the numbers of one are bad, none. */
static gan_status update_both(gan_task *task) {
  gan_state *state = task->state;
  double norms[GAN_CHECKPOINT_NETWORKS_MAX];
  bool finite =
      gan_work_finite(&state->work, 0, LOSSES) && gan_penalty_finite(&state->work, &state->penalty);
  state->g_updates++;
  GAN_TRY(gan_work_update_each(task, &state->work, finite, TIME_D, TIME_OPTIMIZER, norms));
  task->metrics[D_NORM].value = norms[DISCRIMINATOR];
  task->metrics[G_NORM].value = norms[GENERATOR];
  return GAN_OK;
}

/* ---- updates ---- */

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
  bool together = is_simultaneous(task);
  task->phase = TIME_D;
  gan_update_begin(task);
  gan_work_forget(&state->work, 0, together ? LOSSES : LOSS_G);
  gan_penalty_begin(task, &state->work, state->d_updates, &state->penalty);
  unsigned last = state->penalty.due ? 0 : GAN_LAST_PASS;
  if (state->batch.sets == BOTH) {
    GAN_TRY(in_pieces(task, PASS_REAL, state->d_updates, GAN_FIRST_PASS | last,
                      together ? match_both : judge_both));
  } else {
    GAN_TRY(in_pieces(task, PASS_REAL, state->d_updates, GAN_FIRST_PASS, judge_real));
    GAN_TRY(
        in_pieces(task, PASS_FAKE, state->d_updates, last, together ? match_fakes : judge_fakes));
  }
  if (state->penalty.due)
    GAN_TRY(in_pieces(task, PASS_PENALTY, state->d_updates, GAN_LAST_PASS, penalise));
  state->d_updates++;
  task->images_seen += task->config->train.batch;
  if (together) return update_both(task);
  int64_t skipped = task->skips[DISCRIMINATOR].updates;
  GAN_TRY(update(task, DISCRIMINATOR, &task->metrics[D_NORM].value));
  /* of a skipped update the generator's pass is undone, too: nothing is left to learn from */
  state->fakes_learnt = task->skips[DISCRIMINATOR].updates > skipped;
  return GAN_OK;
}

static gan_status generator_update(gan_task *task) {
  gan_state *state = task->state;
  if (is_simultaneous(task)) return GAN_OK; /* it has learnt with the discriminator */
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
  if (gan_config_label_way(task->config, false) == GAN_LABEL_AUXILIARY) {
    metrics[D_CLASS_LOSS].value = totals[CLASS_REAL] + totals[CLASS_FAKE];
    metrics[G_CLASS_LOSS].value = totals[CLASS_G];
    metrics[D_CLASS_TOLD].value = totals[TOLD_REAL];
    metrics[G_CLASS_TOLD].value = totals[TOLD_G];
  }
  gan_penalty_share(task, &state->work, &state->penalty);
  return gan_update_check(task);
}

static gan_status step(gan_task *task) {
  gan_work_begin(task, &((gan_state *)task->state)->work);
  gan_update_forget(task);
  gan_penalty_forget(&((gan_state *)task->state)->penalty);
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
  gan_penalty_describe(task, &state->penalty);
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
  GAN_TRY(gan_penalty_reserve(task, work->piece, LOSS_PENALTY, &state->penalty));
  GAN_TRY(gan_work_reserve(task, gan_penalty_is_on(&state->penalty) ? ALL_LOSSES : LOSSES, work));
  GAN_TRY(
      gan_batch_reserve(task, work->piece, task->learners[DISCRIMINATOR].net->sets, &state->batch));
  GAN_TRY(gan_packing_reserve(task, state->batch.sets * work->piece, &state->packing));
  GAN_TRY(gan_targets_reserve(config, work->piece, &state->targets));
  GAN_TRY(gan_noise_reserve(config, state->batch.sets * work->piece, state->batch.image,
                            &state->noise));
  if (state->objective->relative) GAN_TRY(gan_relative_reserve(work, &state->relative));
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
  return gan_generate(gan_learner_sampler(&task->learners[GENERATOR]), &request, data, images,
                      latent);
}

static void destroy(gan_task *task) {
  gan_state *state = task->state;
  if (!state) return;
  gan_batch_release(&state->batch);
  gan_penalty_release(&state->penalty);
  gan_packing_release(&state->packing);
  gan_targets_release(&state->targets);
  gan_noise_release(&state->noise);
  gan_relative_release(&state->relative);
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
