/* task: gan.  Two networks, two phases (Goodfellow et al. 2014, algorithm 1):
 *
 *   discriminator  d_steps times: a batch of data as 1, as many generated samples as 0
 *   generator      g_steps times: generated samples from fresh noise, seen through the
 *                  discriminator, which gives input gradients only
 *
 * Each rank works on its shards' part of the batch; gradients are summed over the ranks, and every
 * rank takes the same step.  Noise is keyed by phase, update and global sample.
 */
#include "base/clock.h"
#include "base/memory.h"
#include "data/loader.h"
#include "kernels/update.h"
#include "objective/objective.h"
#include "task/generate.h"
#include "task/task.h"

#include <math.h>

enum { GENERATOR, DISCRIMINATOR }; /* learners, and keys of their randomness */

/* Passes of a step: keys of noise and dropout. */
enum { PASS_REAL, PASS_FAKE, PASS_GENERATOR };

/* Losses of the last updates: this rank's part, summed over the ranks at the end of a step. */
enum { LOSS_REAL, LOSS_FAKE, LOSS_G, P_REAL, P_FAKE, STOP, FAILED, SUMS };

enum { D_LOSS, G_LOSS, D_REAL, D_FAKE, D_NORM, G_NORM, LR_D, LR_G, METRICS };

enum { TIME_DATA, TIME_WAIT, TIME_D, TIME_G, TIME_SUM, TIME_OPTIMIZER, TIMES };

typedef struct {
  gan_loader *loader;
  const gan_objective *objective;
  float *real;   /* (local samples, H, W, C) */
  float *latent; /* (local samples, Z) */
  int64_t first_sample;
  int64_t d_updates, g_updates;
  double sums[SUMS];
  gan_status data_status; /* a failure to read, which this rank alone may know until the sums */
} gan_state;

static gan_pass make_pass(const gan_task *task, uint32_t phase, int64_t update) {
  const gan_state *state = task->state;
  return (gan_pass){.comm = task->comm,
                    .training = true,
                    .samples = task->local_samples,
                    .first_sample = state->first_sample,
                    .batch = task->config->train.batch,
                    .seed = (uint64_t)task->config->seed,
                    .phase = phase,
                    .draw = (uint64_t)update};
}

/* Adds the time since *since to a row of the profile, less what was spent in sums over ranks. */
static void spend(gan_task *task, int row, double *since, double *sums_since) {
  double now = gan_clock(), sums = gan_comm_seconds(task->comm);
  task->profile[row].seconds += now - *since - (sums - *sums_since);
  task->profile[TIME_SUM].seconds += sums - *sums_since;
  *since = now;
  *sums_since = sums;
}

/* This rank's part of the next batch.  A failure must not leave the others in their sums: the step
 * goes on with the old data, and share_metrics tells all. */
static void next_batch(gan_task *task, double *since, double *sums_since) {
  gan_state *state = task->state;
  double waited = gan_loader_waited(state->loader);
  gan_status status =
      gan_loader_next(state->loader, (uint64_t)(task->images_seen / task->config->data.shards), 0,
                      task->local_samples, state->real);
  if (status != GAN_OK) state->data_status = status;
  waited = gan_loader_waited(state->loader) - waited;
  spend(task, TIME_DATA, since, sums_since);
  task->profile[TIME_DATA].seconds -= waited;
  task->profile[TIME_WAIT].seconds += waited;
}

static gan_status fakes(gan_task *task, const gan_pass *pass, float **out) {
  gan_state *state = task->state;
  gan_rng rng = gan_rng_stream(pass->seed, GAN_RNG_LATENT, 0, pass->phase, 0);
  gan_latent_fill((gan_latent_distribution)task->config->model.latent_distribution, rng, pass->draw,
                  pass->first_sample, pass->samples, task->latent_size, state->latent);
  return gan_net_forward(task->learners[GENERATOR].net, pass, state->latent, out);
}

static double lr_of(const gan_config *config, int which) {
  return which == GENERATOR ? config->train.lr_g : config->train.lr_d;
}

/* Sums the gradients over the ranks; all then take the same step, unless it is no number. */
static gan_status update(gan_task *task, int which, double *norm, double *since,
                         double *sums_since) {
  gan_learner *learner = &task->learners[which];
  GAN_TRY(gan_comm_sum_float(task->comm, learner->net->grads, (size_t)learner->net->slab_size));
  *norm = sqrt(gan_sum_of_squares(learner->net->slab_size, learner->net->grads));
  if (!isfinite(*norm))
    return gan_fail(GAN_NUMBERS, "the gradient of the %s is not finite (its norm is %g)",
                    learner->net->name, *norm);
  spend(task, which == GENERATOR ? TIME_G : TIME_D, since, sums_since);
  learner->adam->lr = task->lr_factor * lr_of(task->config, which);
  gan_adam_step_once(learner->adam, learner->net->grads, learner->net->params);
  spend(task, TIME_OPTIMIZER, since, sums_since);
  return GAN_OK;
}

static gan_status discriminator_update(gan_task *task) {
  gan_state *state = task->state;
  gan_net *net = task->learners[DISCRIMINATOR].net;
  int64_t batch = task->config->train.batch;
  float *fake, *logits;
  double since = gan_clock(), sums_since = gan_comm_seconds(task->comm);

  next_batch(task, &since, &sums_since);

  gan_pass pass = make_pass(task, PASS_REAL, state->d_updates);
  GAN_TRY(gan_net_forward(net, &pass, state->real, &logits));
  gan_loss real = state->objective->real(pass.samples, batch, logits, net->dout);
  GAN_TRY(gan_net_backward(net, &pass, GAN_WANT_WEIGHTS, net->dout, NULL));

  pass = make_pass(task, PASS_FAKE, state->d_updates);
  GAN_TRY(fakes(task, &pass, &fake));
  GAN_TRY(gan_net_forward(net, &pass, fake, &logits));
  gan_loss made = state->objective->fake(pass.samples, batch, logits, net->dout);
  pass.accumulate = true;
  GAN_TRY(gan_net_backward(net, &pass, GAN_WANT_WEIGHTS, net->dout, NULL));

  state->sums[LOSS_REAL] = real.loss;
  state->sums[LOSS_FAKE] = made.loss;
  state->sums[P_REAL] = real.probability;
  state->sums[P_FAKE] = made.probability;
  state->d_updates++;
  task->images_seen += batch;
  return update(task, DISCRIMINATOR, &task->metrics[D_NORM].value, &since, &sums_since);
}

static gan_status generator_update(gan_task *task) {
  gan_state *state = task->state;
  gan_net *judge = task->learners[DISCRIMINATOR].net, *net = task->learners[GENERATOR].net;
  float *fake, *logits, *dfake;
  double since = gan_clock(), sums_since = gan_comm_seconds(task->comm);

  gan_pass pass = make_pass(task, PASS_GENERATOR, state->g_updates);
  GAN_TRY(fakes(task, &pass, &fake));
  GAN_TRY(gan_net_forward(judge, &pass, fake, &logits));
  gan_loss made =
      state->objective->generator(pass.samples, task->config->train.batch, logits, judge->dout);
  GAN_TRY(gan_net_backward(judge, &pass, GAN_WANT_INPUT, judge->dout, &dfake));
  GAN_TRY(gan_net_backward(net, &pass, GAN_WANT_WEIGHTS, dfake, NULL));

  state->sums[LOSS_G] = made.loss;
  state->g_updates++;
  return update(task, GENERATOR, &task->metrics[G_NORM].value, &since, &sums_since);
}

/* The phases of a step, in order. */
static const struct {
  gan_status (*update)(gan_task *task);
  size_t count; /* where in the config its number of updates stands */
} phases[] = {
    {discriminator_update, offsetof(gan_config, train.d_steps)},
    {generator_update, offsetof(gan_config, train.g_steps)},
};

/* One reduction a step: the losses, whether some rank was asked to stop, or could not read. */
static gan_status share_metrics(gan_task *task) {
  gan_state *state = task->state;
  gan_metric *metrics = task->metrics;
  state->sums[STOP] = task->stop_wanted;
  state->sums[FAILED] = state->data_status != GAN_OK;
  GAN_TRY(gan_comm_sum_double(task->comm, state->sums, SUMS));
  if (state->sums[FAILED] > 0) return gan_comm_agree(task->comm, state->data_status);
  task->stop_agreed = state->sums[STOP] > 0;
  metrics[D_LOSS].value = state->sums[LOSS_REAL] + state->sums[LOSS_FAKE];
  metrics[G_LOSS].value = state->sums[LOSS_G];
  metrics[D_REAL].value = state->sums[P_REAL];
  metrics[D_FAKE].value = state->sums[P_FAKE];
  metrics[LR_D].value = task->learners[DISCRIMINATOR].adam->lr;
  metrics[LR_G].value = task->learners[GENERATOR].adam->lr;
  for (int i = 0; i < task->metric_count; i++)
    if (!isfinite(metrics[i].value))
      return gan_fail(GAN_NUMBERS, "%s is %g", metrics[i].name, metrics[i].value);
  return GAN_OK;
}

static gan_status step(gan_task *task) {
  for (size_t i = 0; i < sizeof phases / sizeof *phases; i++) {
    int64_t count = *(const int64_t *)((const char *)task->config + phases[i].count);
    for (int64_t k = 0; k < count; k++) GAN_TRY(phases[i].update(task));
  }
  return share_metrics(task);
}

static gan_status add_learner(gan_task *task, const gan_net_spec *spec) {
  const gan_config *config = task->config;
  gan_learner *learner = &task->learners[task->learner_count++];
  GAN_TRY(gan_net_create(spec, &learner->net));
  return gan_adam_create(learner->net->slab_size, lr_of(config, (int)spec->id), config->train.beta1,
                         config->train.beta2, config->train.eps, &learner->adam);
}

static void describe(gan_task *task) {
  static const gan_metric metrics[METRICS] = {
      [D_LOSS] = {"d_loss", "D loss", 0},  [G_LOSS] = {"g_loss", "G loss", 0},
      [D_REAL] = {"d_real", "D(real)", 0}, [D_FAKE] = {"d_fake", "D(fake)", 0},
      [D_NORM] = {"d_grad_norm", NULL, 0}, [G_NORM] = {"g_grad_norm", NULL, 0},
      [LR_D] = {"lr_d", NULL, 0},          [LR_G] = {"lr_g", NULL, 0},
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
  for (int i = 0; i < METRICS; i++) task->metrics[task->metric_count++] = metrics[i];
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
  state->objective = gan_objective_of((gan_objective_kind)config->train.objective);
  gan_shards shards = gan_shards_of(task->info->n, config->data.shards, config->train.batch,
                                    gan_comm_rank(task->comm), gan_comm_size(task->comm));
  task->local_samples = gan_shards_samples(&shards);
  state->first_sample = gan_shards_first_sample(&shards);
  task->latent_size = config->model.latent;
  task->batches_a_step = config->train.d_steps;
  gan_shape image = {task->info->h, task->info->w, task->info->c};
  gan_net_spec generator = {.name = "generator",
                            .key = "model.generator",
                            .id = GENERATOR,
                            .layers = &config->model.generator,
                            .in = {1, 1, config->model.latent},
                            .out = image,
                            .capacity = task->local_samples,
                            .trains = true};
  gan_net_spec discriminator = {.name = "discriminator",
                                .key = "model.discriminator",
                                .id = DISCRIMINATOR,
                                .layers = &config->model.discriminator,
                                .in = image,
                                .out = {1, 1, 1},
                                .capacity = task->local_samples,
                                .trains = true};
  GAN_TRY(add_learner(task, &generator));
  GAN_TRY(add_learner(task, &discriminator));
  GAN_TRY_ALLOC(state->real, task->local_samples * gan_shape_size(image), "a batch of data");
  GAN_TRY_ALLOC(state->latent, task->local_samples * task->latent_size, "a batch of noise");
  describe(task);
  return GAN_OK;
}

static gan_status start(gan_task *task, const gan_dataset *data) {
  gan_state *state = task->state;
  return gan_loader_create(data, (uint64_t)task->config->seed, &state->loader);
}

static gan_status sample(gan_task *task, const gan_data_facts *data, int64_t n, float *images,
                         float *latent) {
  return gan_generate(task->learners[GENERATOR].net,
                      (gan_latent_distribution)task->config->model.latent_distribution,
                      (uint64_t)task->config->seed, 0, n, data, images, latent);
}

static void destroy(gan_task *task) {
  gan_state *state = task->state;
  if (!state) return;
  gan_loader_destroy(&state->loader);
  gan_free(&state->real);
  gan_free(&state->latent);
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
