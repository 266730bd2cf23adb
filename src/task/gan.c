/* task: gan.  Two networks, two phases (Goodfellow et al. 2014, algorithm 1):
 *
 *   discriminator  d_steps times: a batch of data as 1, as many generated samples as 0; both in one
 *                  pass where its layers allow that (gan_net_apart); then, where the config has
 *                  one, a pass for the penalty of its gradient (penalty.h)
 *   generator      g_steps times: generated samples from fresh noise, seen through the
 *                  discriminator, which gives input gradients only; with train.reuse_fakes the
 *                  first time the samples that the discriminator has seen last
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
#include "task/generate.h"
#include "task/match.h"
#include "task/networks.h"
#include "task/update.h"

enum { GENERATOR = GAN_GENERATOR, DISCRIMINATOR = GAN_DISCRIMINATOR };

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

/* Sums the gradients over the ranks; all then take the same step, unless it is no number. */
static gan_status update(gan_task *task, int which, double *norm) {
  gan_match *state = task->state;
  gan_work *work = &state->work;
  bool made = which == GENERATOR;
  bool finite =
      gan_work_finite(work, made ? GAN_LOSS_G : 0, made ? GAN_MATCH_LOSSES : GAN_LOSS_G) &&
      (made || gan_penalty_finite(work, &state->penalty));
  return gan_work_update(task, work, which, finite, made ? GAN_TIME_G : GAN_TIME_D,
                         GAN_TIME_OPTIMIZER, norm);
}

/* Both take their step, or, where the numbers of one are bad, none. */
static gan_status update_both(gan_task *task) {
  gan_match *state = task->state;
  double norms[GAN_CHECKPOINT_NETWORKS_MAX];
  bool finite = gan_work_finite(&state->work, 0, GAN_MATCH_LOSSES) &&
                gan_penalty_finite(&state->work, &state->penalty);
  state->g_updates++;
  GAN_TRY(gan_work_update_each(task, &state->work, finite, GAN_TIME_D, GAN_TIME_OPTIMIZER, norms));
  task->metrics[D_NORM].value = norms[DISCRIMINATOR];
  task->metrics[G_NORM].value = norms[GENERATOR];
  return GAN_OK;
}

/* ---- updates ---- */

/* A pass over the batch, in pieces. */
static gan_status in_pieces(gan_task *task, uint32_t phase, int64_t update, unsigned place,
                            gan_status (*take)(gan_task *task, const gan_pass *pass)) {
  const gan_match *state = task->state;
  for (int64_t at = 0; at < task->local_samples; at += state->work.piece) {
    gan_pass pass = gan_match_pass(task, phase, update, at);
    gan_work_place(task, place, &pass);
    GAN_TRY(take(task, &pass));
  }
  return GAN_OK;
}

static gan_status discriminator_update(gan_task *task) {
  gan_match *state = task->state;
  bool together = gan_match_is_simultaneous(task);
  task->phase = GAN_TIME_D;
  gan_update_begin(task);
  gan_work_forget(&state->work, 0, together ? GAN_MATCH_LOSSES : GAN_LOSS_G);
  gan_penalty_begin(task, &state->work, state->d_updates, &state->penalty);
  unsigned last = state->penalty.due ? 0 : GAN_LAST_PASS;
  if (state->batch.sets == GAN_MATCH_BOTH) {
    GAN_TRY(in_pieces(task, GAN_PASS_REAL, state->d_updates, GAN_FIRST_PASS | last,
                      together ? gan_match_both : gan_match_judge_both));
  } else {
    GAN_TRY(in_pieces(task, GAN_PASS_REAL, state->d_updates, GAN_FIRST_PASS, gan_match_judge_real));
    GAN_TRY(in_pieces(task, GAN_PASS_FAKE, state->d_updates, last,
                      together ? gan_match_fakes : gan_match_judge_fakes));
  }
  if (state->penalty.due)
    GAN_TRY(in_pieces(task, GAN_PASS_PENALTY, state->d_updates, GAN_LAST_PASS, gan_match_penalise));
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
  gan_match *state = task->state;
  if (gan_match_is_simultaneous(task)) return GAN_OK; /* it has learnt with the discriminator */
  task->phase = GAN_TIME_G;
  gan_update_begin(task);
  gan_work_forget(&state->work, GAN_LOSS_G, GAN_MATCH_LOSSES);
  bool reuses = task->config->train.reuse_fakes && !state->fakes_learnt;
  GAN_TRY(in_pieces(task, GAN_PASS_GENERATOR, state->g_updates, GAN_FIRST_PASS | GAN_LAST_PASS,
                    reuses ? gan_match_deceive_again : gan_match_deceive));
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
  gan_match *state = task->state;
  gan_metric *metrics = task->metrics;
  const double *totals = state->work.totals;
  GAN_TRY(gan_work_share(task, &state->work, state->batch.data_status));
  metrics[D_LOSS].value = totals[GAN_LOSS_REAL] + totals[GAN_LOSS_FAKE];
  metrics[G_LOSS].value = totals[GAN_LOSS_G];
  metrics[D_REAL].value = totals[GAN_LOOKS_REAL];
  metrics[D_FAKE].value = totals[GAN_LOOKS_FAKE];
  metrics[LR_D].value = task->learners[DISCRIMINATOR].optimizer->lr;
  metrics[LR_G].value = task->learners[GENERATOR].optimizer->lr;
  if (gan_config_label_way(task->config, false) == GAN_LABEL_AUXILIARY) {
    metrics[D_CLASS_LOSS].value = totals[GAN_CLASS_REAL] + totals[GAN_CLASS_FAKE];
    metrics[G_CLASS_LOSS].value = totals[GAN_CLASS_G];
    metrics[D_CLASS_TOLD].value = totals[GAN_TOLD_REAL];
    metrics[G_CLASS_TOLD].value = totals[GAN_TOLD_G];
  }
  gan_penalty_share(task, &state->work, &state->penalty);
  return gan_update_check(task);
}

static gan_status step(gan_task *task) {
  gan_work_begin(task, &((gan_match *)task->state)->work);
  gan_update_forget(task);
  gan_penalty_forget(&((gan_match *)task->state)->penalty);
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
  static const char *const times[GAN_MATCH_TIMES] = {
      [GAN_TIME_DATA] = "data",
      [GAN_TIME_WAIT] = "waiting for data",
      [GAN_TIME_D] = "D forward and backward",
      [GAN_TIME_G] = "G forward and backward",
      [GAN_TIME_SUM] = "sums over ranks",
      [GAN_TIME_OPTIMIZER] = "optimizer",
  };
  gan_match *state = task->state;
  bool auxiliary = gan_config_label_way(task->config, false) == GAN_LABEL_AUXILIARY;
  int count = auxiliary ? ALL_METRICS : METRICS;
  for (int i = 0; i < count; i++) task->metrics[task->metric_count++] = metrics[i];
  for (int i = 0; i < GAN_MATCH_TIMES; i++) task->profile[task->profile_count++].name = times[i];
  task->counters[task->counter_count++] = (gan_counter){"images_seen", &task->images_seen};
  task->counters[task->counter_count++] = (gan_counter){"d_updates", &state->d_updates};
  task->counters[task->counter_count++] = (gan_counter){"g_updates", &state->g_updates};
  gan_penalty_describe(task, &state->penalty);
}

static gan_status create(gan_task *task) {
  const gan_config *config = task->config;
  gan_match *state;
  GAN_TRY_ALLOC(state, 1, "the GAN");
  task->state = state;
  gan_work *work = &state->work;
  work->sum_row = GAN_TIME_SUM;
  state->objective = gan_objective_of((gan_objective_kind)config->train.objective);
  task->latent_size = config->model.latent;
  task->classes = config->model.classes;
  task->batches_a_step = config->train.d_steps;
  GAN_TRY(gan_work_divide(task, work));
  GAN_TRY(gan_networks_add_gan(task, work->piece, work->division, work->sums));
  GAN_TRY(gan_update_reserve(task));
  GAN_TRY(gan_penalty_reserve(task, work->piece, GAN_LOSS_PENALTY, &state->penalty));
  GAN_TRY(gan_work_reserve(
      task, gan_penalty_is_on(&state->penalty) ? GAN_MATCH_ALL_LOSSES : GAN_MATCH_LOSSES, work));
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
  return gan_batch_start(task, data, &((gan_match *)task->state)->batch);
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
  gan_match *state = task->state;
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
