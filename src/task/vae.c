/* task: vae.  Kingma and Welling 2014: an encoder that gives a law of z for each sample, a decoder
 * that gives a law of samples for each z, and one update of both (section 2.3):
 *
 *   code = encoder(x)            means and log-variances of z
 *   z = mean + exp(v / 2) eps    fresh noise, keyed by update and global sample
 *   loss = -log p(x | decoder(z)) + beta KL(N(mean, exp(v)) || N(0, I))
 *
 * The encoder's gradient comes back through z.  With model.stochastic: false there is no noise and
 * no divergence: z is what the encoder gives, and the whole an autoencoder.
 *
 * Each rank works on its shards' part of the batch, in pieces of train.microbatch samples;
 * gradients are summed over the ranks, and every rank takes the same step.  On held-out data it is
 * tested: the negative of the evidence bound, beta being 1, by one draw of z a sample.
 */
#include "base/memory.h"
#include "objective/variational.h"
#include "task/generate.h"
#include "task/heldout.h"
#include "task/inputs.h"
#include "task/networks.h"
#include "task/update.h"

#include <string.h>

enum { ENCODER = GAN_ENCODER, DECODER = GAN_DECODER };

/* Losses of the last update: this rank's part, summed over the ranks at the end of a step. */
enum { RECONSTRUCTION, DIVERGENCE, LOSSES };

/* Keys of noise and dropout. */
enum { PASS, PASS_TEST };

enum { M_LOSS, M_RECONSTRUCTION, M_KL, M_BETA, M_NORM, M_LR, METRICS };
enum { TEST_LOSS, TEST_RECONSTRUCTION, TEST_KL, TESTS };
enum { TIME_DATA, TIME_WAIT, TIME_PASSES, TIME_SUM, TIME_OPTIMIZER, TIMES };

typedef struct {
  gan_work work;
  gan_inputs inputs;
  gan_heldout heldout;
  gan_likelihood likelihood;
  bool stochastic;
  float *eps, *z; /* (piece, Z) noise, and what is drawn by it */
  int64_t updates;
  double beta; /* of this update */
} gan_vae;

static gan_net *net_of(const gan_task *task, int which) {
  return task->learners[which].net;
}

/* What the decoder is given for samples first..first+n-1 of an update. */
static const float *draw(const gan_task *task, uint32_t phase, int64_t at, int64_t first, int64_t n,
                         const float *code) {
  const gan_vae *vae = task->state;
  if (!vae->stochastic) return code;
  gan_rng rng = gan_rng_stream((uint64_t)task->config->seed, GAN_RNG_LATENT, 0, phase, 0);
  gan_latent_fill(GAN_LATENT_NORMAL, rng, (uint64_t)at, first, n, task->latent_size, vae->eps);
  gan_reparametrise(n, task->latent_size, code, vae->eps, vae->z);
  return vae->z;
}

/* Likelihood of a pass: the decoder's slopes, and each part's sums. */
static void reconstruct(const gan_task *task, const gan_pass *pass, const float *made) {
  const gan_vae *vae = task->state;
  const gan_net *net = net_of(task, DECODER);
  int64_t size = gan_shape_size(net->out);
  for (int64_t i = 0; i < gan_net_span_count(net, pass); i++) {
    gan_span span = gan_net_span(net, pass, i);
    int64_t at = span.first * size;
    gan_work_losses(&vae->work, &span)[RECONSTRUCTION] +=
        gan_reconstruction_term(&vae->likelihood, span.samples, pass->batch, size,
                                vae->inputs.images + at, made + at, net->dout + at);
  }
}

/* Divergence of a pass: the encoder's slopes, with what comes back through z. */
static void diverge(const gan_task *task, const gan_pass *pass, const float *code,
                    const float *dz) {
  const gan_vae *vae = task->state;
  const gan_net *net = net_of(task, ENCODER);
  int64_t z = task->latent_size;
  for (int64_t i = 0; i < gan_net_span_count(net, pass); i++) {
    gan_span span = gan_net_span(net, pass, i);
    int64_t at = span.first * z;
    gan_work_losses(&vae->work, &span)[DIVERGENCE] +=
        gan_kl_term(span.samples, pass->batch, z, vae->beta, code + 2 * at, vae->eps + at, dz + at,
                    net->dout + 2 * at);
  }
}

static gan_status learn(gan_task *task, const gan_pass *pass) {
  gan_vae *vae = task->state;
  gan_net *encoder = net_of(task, ENCODER), *decoder = net_of(task, DECODER);
  float *code, *made, *dz;
  gan_work_spend(task, &vae->work, TIME_PASSES);
  gan_inputs_fetch(task, &vae->work, &vae->inputs, pass, TIME_DATA);
  GAN_TRY(gan_net_forward(encoder, pass, vae->inputs.images, &code));
  const float *z = draw(task, PASS, (int64_t)pass->draw, pass->first_sample, pass->samples, code);
  GAN_TRY(gan_net_forward(decoder, pass, z, &made));
  reconstruct(task, pass, made);
  GAN_TRY(gan_net_backward(decoder, pass, GAN_WANT_INPUT | GAN_WANT_WEIGHTS, decoder->dout, &dz));
  if (vae->stochastic) diverge(task, pass, code, dz);
  return gan_net_backward(encoder, pass, GAN_WANT_WEIGHTS, vae->stochastic ? encoder->dout : dz,
                          NULL);
}

/* What the divergence counts for: it grows over the first train.kl_warmup_steps updates. */
static double beta_of(const gan_task *task) {
  const gan_vae *vae = task->state;
  int64_t warmup = task->config->train.kl_warmup_steps;
  if (!vae->stochastic) return 0;
  double share = vae->updates < warmup ? (double)vae->updates / (double)warmup : 1;
  return task->config->train.beta * share;
}

static gan_status update(gan_task *task) {
  gan_vae *vae = task->state;
  vae->beta = beta_of(task);
  task->phase = TIME_PASSES;
  gan_update_begin(task);
  gan_work_forget(&vae->work, 0, LOSSES);
  for (int64_t at = 0; at < task->local_samples; at += vae->work.piece) {
    gan_pass pass = gan_work_pass(task, &vae->work, PASS, vae->updates, at, 1);
    gan_work_place(task, GAN_FIRST_PASS | GAN_LAST_PASS, &pass);
    GAN_TRY(learn(task, &pass));
  }
  vae->updates++;
  task->images_seen += task->config->train.batch;
  return gan_work_update_all(task, &vae->work, gan_work_finite(&vae->work, 0, LOSSES), TIME_PASSES,
                             TIME_OPTIMIZER, &task->metrics[M_NORM].value);
}

static gan_status step(gan_task *task) {
  gan_vae *vae = task->state;
  gan_metric *metrics = task->metrics;
  const double *totals = vae->work.totals;
  gan_work_begin(task, &vae->work);
  gan_update_forget(task);
  GAN_TRY(update(task));
  GAN_TRY(gan_work_share(task, &vae->work, vae->inputs.data_status));
  metrics[M_LOSS].value = totals[RECONSTRUCTION] + vae->beta * totals[DIVERGENCE];
  metrics[M_RECONSTRUCTION].value = totals[RECONSTRUCTION];
  metrics[M_KL].value = totals[DIVERGENCE];
  metrics[M_BETA].value = vae->beta;
  metrics[M_LR].value = task->lr_factor * gan_learner_rate(task, DECODER);
  return gan_update_check(task);
}

/* ---- tests ---- */

static gan_status look(gan_task *task, const gan_heldout *heldout, int64_t first, int64_t own,
                       int64_t n, double *sums) {
  const gan_vae *vae = task->state;
  gan_net *encoder = net_of(task, ENCODER), *decoder = net_of(task, DECODER);
  int64_t size = gan_shape_size(decoder->out), z = task->latent_size;
  gan_pass pass = gan_heldout_look(n);
  float *code, *made;
  (void)own;
  GAN_TRY(gan_net_forward(encoder, &pass, heldout->images, &code));
  GAN_TRY(gan_net_forward(decoder, &pass, draw(task, PASS_TEST, 0, first, n, code), &made));
  for (int64_t i = 0; i < n; i++) {
    int64_t at = i * size;
    sums[RECONSTRUCTION] += gan_reconstruction_term(
        &vae->likelihood, 1, 1, size, heldout->images + at, made + at, decoder->dout + at);
    if (vae->stochastic)
      sums[DIVERGENCE] += gan_kl_term(1, 1, z, 0, code + 2 * i * z, vae->eps + i * z,
                                      vae->z + i * z, encoder->dout + 2 * i * z);
  }
  return GAN_OK;
}

static gan_status test(gan_task *task) {
  gan_vae *vae = task->state;
  double n = (double)task->test->info.n;
  GAN_TRY(gan_heldout_pass(task, &vae->work, &vae->heldout, look));
  const double *totals = vae->heldout.totals;
  task->tests[TEST_LOSS].value = (totals[RECONSTRUCTION] + totals[DIVERGENCE]) / n;
  task->tests[TEST_RECONSTRUCTION].value = totals[RECONSTRUCTION] / n;
  task->tests[TEST_KL].value = totals[DIVERGENCE] / n;
  return GAN_OK;
}

/* ---- before and after ---- */

static void describe(gan_task *task) {
  static const gan_metric metrics[METRICS] = {
      [M_LOSS] = {"loss", "loss", 0},
      [M_RECONSTRUCTION] = {"reconstruction", "reconstruction", 0},
      [M_KL] = {"kl", "KL", 0},
      [M_BETA] = {"beta", NULL, 0},
      [M_NORM] = {"grad_norm", NULL, 0},
      [M_LR] = {"lr", NULL, 0},
  };
  static const gan_metric tests[TESTS] = {
      [TEST_LOSS] = {"test_loss", "test loss", 0},
      [TEST_RECONSTRUCTION] = {"test_reconstruction", NULL, 0},
      [TEST_KL] = {"test_kl", NULL, 0},
  };
  static const char *const times[TIMES] = {
      [TIME_DATA] = "data",
      [TIME_WAIT] = "waiting for data",
      [TIME_PASSES] = "forward and backward",
      [TIME_SUM] = "sums over ranks",
      [TIME_OPTIMIZER] = "optimizer",
  };
  gan_vae *vae = task->state;
  for (int i = 0; i < METRICS; i++) task->metrics[task->metric_count++] = metrics[i];
  for (int i = 0; i < TESTS; i++) task->tests[task->test_count++] = tests[i];
  for (int i = 0; i < TIMES; i++) task->profile[task->profile_count++].name = times[i];
  task->counters[task->counter_count++] = (gan_counter){"images_seen", &task->images_seen};
  task->counters[task->counter_count++] = (gan_counter){"updates", &vae->updates};
}

/* Whether the decoder's last layer and the data's range go with the likelihood. */
static gan_status check_likelihood(const gan_config *config) {
  static const char *const ranges[] = {"auto", "unit", "symmetric", "none"};
  const gan_layer_list *layers = &config->model.decoder;
  char place[600];
  if (!gan_config_makes_logits(config)) return GAN_OK;
  for (int i = layers->count - 1; i >= 0; i--) {
    const char *name = layers->layers[i].schema->name;
    if (!strcmp(name, "sigmoid") || !strcmp(name, "tanh"))
      return gan_fail(GAN_USAGE,
                      "%s: its last layer is %s, but with model.likelihood: bernoulli it gives raw "
                      "logits, to which likelihood and samples apply a sigmoid; leave that layer "
                      "out",
                      gan_config_place(config, "model.decoder", place, sizeof place), name);
    if (strcmp(name, "flatten") && strcmp(name, "reshape")) break;
  }
  if (gan_task_range(config) == GAN_RANGE_UNIT) return GAN_OK;
  return gan_fail(GAN_USAGE,
                  "%s is %s, but with model.likelihood: bernoulli values are in [0, 1]; use unit, "
                  "or leave it at auto",
                  gan_config_place(config, "data.range", place, sizeof place),
                  ranges[config->data.range]);
}

static gan_status add_networks(gan_task *task) {
  const gan_config *config = task->config;
  const gan_work *work = &((const gan_vae *)task->state)->work;
  gan_shape image = {task->info->h, task->info->w, task->info->c};
  gan_net_spec spec = gan_network_spec(task, ENCODER, work->piece, work->division, work->sums);
  spec.in = image;
  spec.out = (gan_shape){1, 1, gan_config_code_size(config)};
  GAN_TRY(gan_networks_add(task, &spec));
  spec = gan_network_spec(task, DECODER, work->piece, work->division, work->sums);
  spec.in = (gan_shape){1, 1, config->model.latent};
  spec.out = image;
  GAN_TRY(gan_networks_add(task, &spec));
  return gan_task_check_microbatch(task);
}

static gan_status create(gan_task *task) {
  const gan_config *config = task->config;
  gan_vae *vae;
  GAN_TRY_ALLOC(vae, 1, "the VAE");
  task->state = vae;
  vae->work.sum_row = TIME_SUM;
  vae->likelihood =
      (gan_likelihood){(gan_likelihood_kind)config->model.likelihood, config->train.decoder_std};
  vae->stochastic = config->model.stochastic;
  task->latent_size = config->model.latent;
  task->batches_a_step = 1;
  GAN_TRY(check_likelihood(config));
  GAN_TRY(gan_work_divide(task, &vae->work));
  GAN_TRY(add_networks(task));
  GAN_TRY(gan_update_reserve(task));
  GAN_TRY(gan_work_reserve(task, LOSSES, &vae->work));
  GAN_TRY(gan_inputs_reserve(task, vae->work.piece, false, &vae->inputs));
  GAN_TRY_ALLOC(vae->eps, vae->work.piece * task->latent_size, "noise");
  GAN_TRY_ALLOC(vae->z, vae->work.piece * task->latent_size, "draws of z");
  describe(task);
  return GAN_OK;
}

static gan_status start(gan_task *task, const gan_dataset *data) {
  gan_vae *vae = task->state;
  GAN_TRY(gan_inputs_start(task, data, &vae->inputs));
  if (!task->test) return GAN_OK;
  if (vae->likelihood.kind == GAN_LIKELIHOOD_BERNOULLI) GAN_TRY(gan_heldout_check_unit(task));
  return gan_heldout_reserve(task, &vae->work, LOSSES, &vae->heldout);
}

/* What the decoder makes of draws from N(0, I), the law that the codes are held to. */
static gan_status sample(gan_task *task, const gan_data_facts *data, int64_t n, float *images,
                         float *latent, const int32_t *classes) {
  (void)classes;
  const gan_vae *vae = task->state;
  gan_latent_samples(GAN_LATENT_NORMAL, 0, (uint64_t)task->config->seed, task->first_sample, n,
                     task->latent_size, latent);
  return gan_generate_from(net_of(task, DECODER), vae->likelihood.kind == GAN_LIKELIHOOD_BERNOULLI,
                           data, n, latent, NULL, images);
}

static void destroy(gan_task *task) {
  gan_vae *vae = task->state;
  if (!vae) return;
  gan_inputs_release(&vae->inputs);
  gan_heldout_release(&vae->heldout);
  gan_work_release(&vae->work);
  gan_free(&vae->eps);
  gan_free(&vae->z);
  gan_free(&task->state);
}

const gan_task_type gan_task_vae = {
    .name = "vae",
    .create = create,
    .start = start,
    .step = step,
    .test = test,
    .sample = sample,
    .destroy = destroy,
};
