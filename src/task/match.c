#include "task/match.h"

#include "task/networks.h"

#include <string.h>

enum { GENERATOR = GAN_GENERATOR, DISCRIMINATOR = GAN_DISCRIMINATOR };

gan_pass gan_match_pass(const gan_task *task, uint32_t phase, int64_t update, int64_t at) {
  const gan_match *state = task->state;
  const gan_classes *classes = &state->batch.classes;
  int sets = phase == GAN_PASS_REAL ? state->batch.sets : 1;
  gan_pass pass = gan_work_pass(task, &state->work, phase, update, at, sets);
  bool data = phase == GAN_PASS_REAL || phase == GAN_PASS_COMPARED;
  pass.classes = data ? classes->real : classes->fake;
  return pass;
}

/* The data of a pass.  If it could not be read, share_metrics tells all. */
static void fetch(gan_task *task, const gan_pass *pass) {
  gan_match *state = task->state;
  state->data_kept = false;
  double waited = gan_loader_waited(state->batch.loader);
  uint64_t drawn = (uint64_t)(task->images_seen / task->config->data.shards);
  gan_batch_fetch(&state->batch, task->learners[GENERATOR].net, pass, drawn);
  waited = gan_loader_waited(state->batch.loader) - waited;
  gan_work_spend(task, &state->work, GAN_TIME_DATA);
  task->profile[GAN_TIME_DATA].seconds -= waited;
  task->profile[GAN_TIME_WAIT].seconds += waited;
}

static gan_status make_fakes(gan_task *task, const gan_pass *pass, float **out) {
  gan_batch *batch = &((gan_match *)task->state)->batch;
  gan_batch_draw(task, batch, pass);
  return gan_net_forward(task->learners[GENERATOR].net, pass, batch->latent, out);
}

/* A term of the objective over a set of a pass, and that of the classes where the discriminator
 * tells them: the logits' gradients, and each part's sums.  `sums` names theirs. */
typedef struct {
  int loss, probability, class_loss, told; /* GAN_MATCH_LOSSES: not wanted */
} term_sums;

/* Of a span's set; the discriminator's terms by their targets. */
static gan_loss cost_of(const gan_match *state, gan_objective_term term, const gan_pass *pass,
                        const gan_span_set *set, int loss, int64_t stride, const float *logits,
                        float *dlogits) {
  const float *targets =
      loss == GAN_LOSS_G ? NULL : gan_targets_of(&state->targets, pass, set, loss == GAN_LOSS_REAL);
  if (!targets) return term(set->samples, pass->batch, stride, logits, dlogits);
  return state->objective->towards(set->samples, pass->batch, stride, targets, logits, dlogits);
}

static void tell_classes(const gan_task *task, const gan_pass *pass, int which, const float *logits,
                         term_sums sums) {
  const gan_match *state = task->state;
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
  const gan_match *state = task->state;
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
    if (sums.probability < GAN_MATCH_LOSSES) row[sums.probability] += made.probability;
  }
  tell_classes(task, pass, which, logits, sums);
}

/* What the discriminator sees of images. */
static const float *seen(const gan_task *task, const gan_pass *pass, const float *images) {
  const gan_match *state = task->state;
  const gan_config *config = task->config;
  int64_t a_step =
      pass->phase >= GAN_PASS_GENERATOR ? config->train.g_steps : config->train.d_steps;
  return gan_noise_on(&state->noise, task->learners[DISCRIMINATOR].net, pass,
                      (int64_t)pass->draw / a_step, images);
}

static const term_sums sums_of_real = {GAN_LOSS_REAL, GAN_LOOKS_REAL, GAN_CLASS_REAL,
                                       GAN_TOLD_REAL};
static const term_sums sums_of_fakes = {GAN_LOSS_FAKE, GAN_LOOKS_FAKE, GAN_CLASS_FAKE,
                                        GAN_TOLD_FAKE};
static const term_sums sums_of_generator = {GAN_LOSS_G, GAN_MATCH_LOSSES, GAN_CLASS_G, GAN_TOLD_G};

/* With the relativistic objective data and generated samples are judged by each other. */
static gan_status judge_together(gan_task *task, const gan_pass *pass, const float *logits) {
  const gan_match *state = task->state;
  const gan_relative_rows rows = {GAN_LOSS_REAL, GAN_LOSS_FAKE, GAN_LOOKS_REAL, GAN_LOOKS_FAKE};
  GAN_TRY(gan_relative_judge(&state->relative, &state->work, task->learners[DISCRIMINATOR].net,
                             pass, logits, rows));
  tell_classes(task, pass, 0, logits, sums_of_real);
  tell_classes(task, pass, 1, logits, sums_of_fakes);
  return GAN_OK;
}

/* ... and the generator learns by what the discriminator's last data are now taken for. */
static gan_status look_at_data(gan_task *task, const gan_pass *pass) {
  gan_match *state = task->state;
  gan_net *judge = task->learners[DISCRIMINATOR].net;
  gan_pass data = gan_match_pass(task, GAN_PASS_COMPARED, (int64_t)pass->draw, pass->at);
  float *logits;
  if (!state->data_kept) gan_batch_keep_data(&state->batch, judge, &data);
  state->data_kept = true;
  GAN_TRY(gan_net_forward(judge, &data, seen(task, &data, state->batch.images), &logits));
  gan_relative_keep(&state->relative, judge, &data, logits);
  return GAN_OK;
}

static gan_status deceive_together(gan_task *task, const gan_pass *pass, const float *logits) {
  const gan_match *state = task->state;
  const gan_relative_rows rows = {GAN_LOSS_G, GAN_LOSS_G, GAN_MATCH_NONE, GAN_MATCH_NONE};
  GAN_TRY(gan_relative_deceive(&state->relative, &state->work, task->learners[DISCRIMINATOR].net,
                               pass, logits, rows));
  tell_classes(task, pass, 0, logits, sums_of_generator);
  return GAN_OK;
}

/* The discriminator learns from images: which sets are data and which generated, or GAN_MATCH_NONE.
 */
static gan_status judge(gan_task *task, const gan_pass *pass, const float *images, int real,
                        int fake) {
  gan_match *state = task->state;
  const gan_objective *objective = state->objective;
  gan_net *net = task->learners[DISCRIMINATOR].net;
  gan_pass packs = gan_packing_pass(&state->packing, pass);
  const float *x = gan_packing_join(&state->packing, packs.samples, images);
  float *logits;
  x = seen(task, &packs, x);
  GAN_TRY(gan_net_forward(net, &packs, x, &logits));
  if (objective->relative)
    GAN_TRY(judge_together(task, &packs, logits));
  else if (real != GAN_MATCH_NONE)
    apply(task, objective->real, &packs, real, logits, sums_of_real);
  if (fake != GAN_MATCH_NONE && !objective->relative)
    apply(task, objective->fake, &packs, fake, logits, sums_of_fakes);
  if (real != GAN_MATCH_NONE) gan_penalty_keep(task, &state->penalty, &packs, real, true, x);
  if (fake != GAN_MATCH_NONE) gan_penalty_keep(task, &state->penalty, &packs, fake, false, x);
  return gan_net_backward(net, &packs, GAN_WANT_WEIGHTS, net->dout, NULL);
}

gan_status gan_match_judge_real(gan_task *task, const gan_pass *pass) {
  fetch(task, pass);
  return judge(task, pass, ((const gan_match *)task->state)->batch.images, 0, GAN_MATCH_NONE);
}

gan_status gan_match_judge_fakes(gan_task *task, const gan_pass *pass) {
  float *fake;
  GAN_TRY(make_fakes(task, pass, &fake));
  return judge(task, pass, fake, GAN_MATCH_NONE, 0);
}

gan_status gan_match_judge_both(gan_task *task, const gan_pass *pass) {
  gan_batch *batch = &((gan_match *)task->state)->batch;
  gan_pass generating = gan_match_pass(task, GAN_PASS_FAKE, (int64_t)pass->draw, pass->at);
  float *fake;
  fetch(task, pass);
  GAN_TRY(make_fakes(task, &generating, &fake));
  gan_batch_join(batch, task->learners[GENERATOR].net, pass, fake);
  return judge(task, pass, batch->images, 0, 1);
}

/* Of gradients of packs those of one set, sample by sample; in the generator's place for them,
 * where they do not lie so. */
static float *of_samples(const gan_task *task, const gan_pass *packs, int which, float *dpacks) {
  const gan_match *state = task->state;
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
  const gan_match *state = task->state;
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

gan_status gan_match_deceive_again(gan_task *task, const gan_pass *pass) {
  const gan_match *state = task->state;
  gan_net *judge = task->learners[DISCRIMINATOR].net, *net = task->learners[GENERATOR].net;
  gan_pass packs = gan_packing_pass(&state->packing, pass);
  const float *x = gan_packing_join(&state->packing, packs.samples, net->at[net->last]);
  float *logits, *dfake;
  if (state->objective->relative) GAN_TRY(look_at_data(task, pass));
  GAN_TRY(gan_net_forward(judge, &packs, seen(task, &packs, x), &logits));
  GAN_TRY(blame(task, &packs, 0, logits, &dfake));
  return gan_net_backward(net, pass, GAN_WANT_WEIGHTS, dfake, NULL);
}

gan_status gan_match_deceive(gan_task *task, const gan_pass *pass) {
  float *fake;
  GAN_TRY(make_fakes(task, pass, &fake));
  return gan_match_deceive_again(task, pass);
}

bool gan_match_is_simultaneous(const gan_task *task) {
  return task->config->train.update == GAN_UPDATE_SIMULTANEOUS;
}

gan_status gan_match_penalise(gan_task *task, const gan_pass *pass) {
  gan_match *state = task->state;
  gan_pass packs = gan_packing_pass(&state->packing, pass);
  if (gan_match_is_simultaneous(task)) packs.completes = false;
  return gan_penalty_pass(task, &state->work, &state->penalty, &packs);
}

/* ---- simultaneous updates: behind judge, from the same forward pass ---- */

/* The generator learns from what the discriminator has just judged, set `which` of `pass`. */
static gan_status learn_beside(gan_task *task, const gan_pass *pass, int which) {
  gan_match *state = task->state;
  gan_net *judge = task->learners[DISCRIMINATOR].net;
  gan_pass packs = gan_packing_pass(&state->packing, pass);
  gan_pass generating = gan_match_pass(task, GAN_PASS_FAKE, (int64_t)pass->draw, pass->at);
  float *dfake;
  memset(judge->dout, 0, (size_t)(packs.samples * gan_shape_size(judge->out)) * sizeof(float));
  GAN_TRY(blame(task, &packs, which, judge->at[judge->last], &dfake));
  gan_work_spend(task, &state->work, GAN_TIME_D);
  task->phase = GAN_TIME_G;
  GAN_TRY(
      gan_net_backward(task->learners[GENERATOR].net, &generating, GAN_WANT_WEIGHTS, dfake, NULL));
  gan_work_spend(task, &state->work, GAN_TIME_G);
  task->phase = GAN_TIME_D;
  return GAN_OK;
}

/* Sums begin when both networks' gradients are there. */
static gan_pass waiting(const gan_pass *pass) {
  gan_pass own = *pass;
  own.completes = false;
  return own;
}

gan_status gan_match_fakes(gan_task *task, const gan_pass *pass) {
  gan_pass own = waiting(pass);
  GAN_TRY(gan_match_judge_fakes(task, &own));
  return learn_beside(task, &own, 0);
}

gan_status gan_match_both(gan_task *task, const gan_pass *pass) {
  gan_pass own = waiting(pass);
  GAN_TRY(gan_match_judge_both(task, &own));
  return learn_beside(task, &own, 1);
}
