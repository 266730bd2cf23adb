#include "task/penalty.h"

#include "base/memory.h"
#include "task/networks.h"

#include <math.h>
#include <string.h>

bool gan_penalty_is_on(const gan_penalty *penalty) {
  return penalty->kind != GAN_PENALTY_NONE;
}

gan_status gan_penalty_reserve(const gan_task *task, int64_t piece, int row, gan_penalty *penalty) {
  penalty->kind = (gan_penalty_kind)task->config->train.penalty;
  penalty->row = row;
  penalty->image = gan_data_row_size(task->info) * task->config->model.packing;
  if (!gan_penalty_is_on(penalty)) return GAN_OK;
  int64_t kept = task->local_samples * gan_data_row_size(task->info);
  if (gan_penalty_takes_real(penalty->kind))
    GAN_TRY_ALLOC(penalty->real, kept, "data for the gradient penalty");
  if (gan_penalty_takes_fake(penalty->kind))
    GAN_TRY_ALLOC(penalty->fake, kept, "generated samples for the gradient penalty");
  if (task->classes)
    GAN_TRY_ALLOC(penalty->classes, task->local_samples, "classes for the gradient penalty");
  int64_t points = piece * gan_data_row_size(task->info);
  GAN_TRY_ALLOC(penalty->points, points, "points of the gradient penalty");
  GAN_TRY_ALLOC(penalty->directions, points, "directions of the gradient penalty");
  return GAN_OK;
}

void gan_penalty_release(gan_penalty *penalty) {
  gan_free(&penalty->real);
  gan_free(&penalty->fake);
  gan_free(&penalty->classes);
  gan_free(&penalty->points);
  gan_free(&penalty->directions);
}

void gan_penalty_describe(gan_task *task, gan_penalty *penalty) {
  static const gan_metric metrics[GAN_PENALTY_SUMS] = {{"d_penalty", NULL, 0},
                                                       {"d_penalty_norm", NULL, 0}};
  static const char *const counters[GAN_PENALTY_SUMS] = {"d_penalty_bits", "d_penalty_norm_bits"};
  if (!gan_penalty_is_on(penalty)) return;
  penalty->metrics = task->metric_count;
  for (int i = 0; i < GAN_PENALTY_SUMS; i++) {
    task->metrics[task->metric_count++] = metrics[i];
    task->counters[task->counter_count++] = (gan_counter){counters[i], &penalty->last[i]};
  }
  task->late_counters += GAN_PENALTY_SUMS;
}

void gan_penalty_forget(gan_penalty *penalty) {
  penalty->fresh = false;
}

void gan_penalty_begin(const gan_task *task, gan_work *work, int64_t update, gan_penalty *penalty) {
  penalty->due = gan_penalty_is_on(penalty) && update % task->config->train.penalty_every == 0;
  if (!penalty->due) return;
  penalty->fresh = true;
  gan_work_forget(work, penalty->row, penalty->row + GAN_PENALTY_SUMS);
}

void gan_penalty_keep(const gan_task *task, gan_penalty *penalty, const gan_pass *pass, int set,
                      bool real, const float *images) {
  const gan_net *net = task->learners[GAN_DISCRIMINATOR].net;
  float *kept = real ? penalty->real : penalty->fake;
  bool of_data = real || !penalty->real; /* whose class it is */
  if (!penalty->due || !kept) return;
  for (int64_t i = 0; i < gan_net_span_count(net, pass); i++) {
    gan_span span = gan_net_span(net, pass, i);
    gan_span_set part = gan_span_set_of(&span, set);
    int64_t from = span.first + part.first, to = pass->at + span.first / gan_pass_sets(pass);
    memcpy(kept + to * penalty->image, images + from * penalty->image,
           (size_t)(part.samples * penalty->image) * sizeof *kept);
    if (penalty->classes && of_data)
      memcpy(penalty->classes + to, pass->classes + from,
             (size_t)part.samples * sizeof *penalty->classes);
  }
}

static const float *kept_at(const gan_penalty *penalty, const float *kept, int64_t sample) {
  return kept ? kept + sample * penalty->image : NULL;
}

static void find_points(const gan_task *task, gan_penalty *penalty, const gan_pass *pass) {
  gan_penalty_draw draw = {.seed = pass->seed,
                           .draw = pass->draw,
                           .first_sample = pass->first_sample,
                           .noise = task->config->train.penalty_noise};
  gan_penalty_points(penalty->kind, &draw, pass->samples, penalty->image,
                     kept_at(penalty, penalty->real, pass->at),
                     kept_at(penalty, penalty->fake, pass->at), penalty->points);
}

/* To net->dout: one for each logit, nothing for what else the discriminator gives (classes). */
static void choose_logits(gan_net *net, const gan_pass *pass) {
  int64_t stride = gan_shape_size(net->out);
  memset(net->dout, 0, (size_t)(pass->samples * stride) * sizeof *net->dout);
  for (int64_t s = 0; s < pass->samples; s++) net->dout[s * stride] = 1.0f;
}

/* Gradients become directions, and each part's sums. */
static void apply(const gan_task *task, const gan_work *work, gan_penalty *penalty,
                  const gan_pass *pass, const float *gradients) {
  const gan_net *net = task->learners[GAN_DISCRIMINATOR].net;
  double every = (double)task->config->train.penalty_every;
  double weight = task->config->train.penalty_weight * every;
  memcpy(penalty->directions, gradients,
         (size_t)(pass->samples * penalty->image) * sizeof *gradients);
  for (int64_t i = 0; i < gan_net_span_count(net, pass); i++) {
    gan_span span = gan_net_span(net, pass, i);
    double *row = gan_work_losses(work, &span);
    gan_penalty_sums made =
        gan_penalty_term(penalty->kind, weight, span.samples, pass->batch, penalty->image,
                         penalty->directions + span.first * penalty->image);
    row[penalty->row] += made.penalty / every;
    row[penalty->row + 1] += made.norm;
  }
}

gan_status gan_penalty_pass(gan_task *task, gan_work *work, gan_penalty *penalty, gan_pass *pass) {
  gan_net *net = task->learners[GAN_DISCRIMINATOR].net;
  float *logits, *gradients, *slopes;
  if (penalty->classes) pass->classes = penalty->classes + pass->at;
  find_points(task, penalty, pass);
  GAN_TRY(gan_net_forward(net, pass, penalty->points, &logits));
  choose_logits(net, pass);
  GAN_TRY(gan_net_backward(net, pass, GAN_WANT_INPUT, net->dout, &gradients));
  apply(task, work, penalty, pass, gradients);
  gan_net_tangent(net, pass, penalty->directions, &slopes);
  choose_logits(net, pass);
  return gan_net_tangent_back(net, pass);
}

bool gan_penalty_finite(const gan_work *work, const gan_penalty *penalty) {
  int first = penalty->row;
  return !penalty->due || gan_work_finite(work, first, first + GAN_PENALTY_SUMS);
}

/* What is no number is shown, but not kept: its update was skipped. */
void gan_penalty_share(gan_task *task, const gan_work *work, gan_penalty *penalty) {
  if (!gan_penalty_is_on(penalty)) return;
  for (int i = 0; i < GAN_PENALTY_SUMS; i++) {
    double *value = &task->metrics[penalty->metrics + i].value;
    double total = work->totals[penalty->row + i];
    if (penalty->fresh && isfinite(total)) memcpy(&penalty->last[i], &total, sizeof total);
    memcpy(value, &penalty->last[i], sizeof *value);
    if (penalty->fresh) *value = total;
  }
}
