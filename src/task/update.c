#include "task/update.h"

#include "kernels/update.h"

#include <math.h>
#include <stdio.h>

static bool skips(const gan_task *task) {
  return task->config->train.on_nonfinite == GAN_NONFINITE_SKIP;
}

gan_status gan_update_reserve(gan_task *task) {
  for (int i = 0; skips(task) && i < task->learner_count; i++)
    GAN_TRY(gan_net_reserve_mark(task->learners[i].net));
  return GAN_OK;
}

void gan_update_forget(gan_task *task) {
  for (int i = 0; i < task->learner_count; i++) task->skips[i].updates = 0;
}

void gan_update_begin(gan_task *task) {
  for (int i = 0; skips(task) && i < task->learner_count; i++) gan_net_mark(task->learners[i].net);
}

void gan_update_taint(gan_task *task, int which, bool losses_finite) {
  const gan_net *net = task->learners[which].net;
  if (!skips(task) || !net->param_tensors) return;
  bool finite = losses_finite;
  for (int i = 0; i < task->learner_count; i++)
    finite = finite && gan_net_traces_finite(task->learners[i].net);
  if (!finite) net->grads[0] = NAN;
}

/* What the gradients that have that norm together are multiplied by (Pascanu et al. 2013, algorithm
 * 1); 1 where train.clip_norm is not given, which no norm exceeds. */
static double clip(const gan_task *task, double norm) {
  double most = task->config->train.clip_norm;
  return norm > most ? most / norm : 1;
}

/* Whether the optimizer can take a gradient of that norm. */
static gan_status check_norm(const gan_task *task, const gan_learner *learner, double norm) {
  const char *name = learner->net->name;
  const gan_optimizer_type *type = learner->optimizer->type;
  if (!isfinite(norm))
    return gan_fail(GAN_NUMBERS, "%s of the %s is not finite (its norm is %g)",
                    skips(task) ? "the loss or the gradient" : "the gradient", name,
                    gan_printable(norm));
  if (norm * learner->optimizer->scale > type->limit)
    return gan_fail(GAN_NUMBERS,
                    "the gradient of the %s is too large (its norm is %g; the squares that %s "
                    "keeps are finite up to %g)",
                    name, norm, type->title, type->limit);
  return GAN_OK;
}

/* The update of learners first..end-1. */
static void skip(gan_task *task, int first, int end) {
  for (int which = first; which < end; which++) {
    gan_skip *noted = &task->skips[which];
    noted->updates++;
    snprintf(noted->reason, sizeof noted->reason, "%s", gan_error_message());
    gan_net_clear_gradients(task->learners[which].net);
  }
  gan_fail_clear();
  for (int i = 0; i < task->learner_count; i++) gan_net_return(task->learners[i].net);
}

/* The norm of a learner's summed gradient, before a step at rate `lr`. */
static double norm_of(gan_learner *learner, double lr) {
  learner->optimizer->lr = lr;
  return sqrt(gan_sum_of_squares(learner->net->slab_size, learner->net->summed));
}

static gan_status take(gan_learner *learner) {
  gan_optimizer_step(learner->optimizer, learner->net->summed, learner->net->params);
  if (learner->average) gan_average_update(learner->average, learner->net);
  gan_net_changed(learner->net);
  return gan_net_meet(learner->net);
}

gan_status gan_update_finish(gan_task *task, int which, double lr, double *norm) {
  gan_learner *learner = &task->learners[which];
  *norm = norm_of(learner, lr);
  learner->optimizer->scale = clip(task, *norm);
  gan_status status = check_norm(task, learner, *norm);
  if (status == GAN_OK) return take(learner);
  if (!skips(task)) return status;
  skip(task, which, which + 1);
  return GAN_OK;
}

/* All learners' steps, or none where one's norm is bad. */
static gan_status take_all(gan_task *task, const double *norms) {
  gan_status status = GAN_OK;
  for (int i = 0; status == GAN_OK && i < task->learner_count; i++)
    status = check_norm(task, &task->learners[i], norms[i]);
  if (status != GAN_OK && !skips(task)) return status;
  if (status != GAN_OK) skip(task, 0, task->learner_count);
  for (int i = 0; status == GAN_OK && i < task->learner_count; i++)
    GAN_TRY(take(&task->learners[i]));
  return GAN_OK;
}

gan_status gan_update_finish_all(gan_task *task, double lr, double *norm) {
  double norms[GAN_CHECKPOINT_NETWORKS_MAX], squares = 0;
  for (int i = 0; i < task->learner_count; i++) {
    norms[i] = norm_of(&task->learners[i], lr);
    squares += norms[i] * norms[i];
  }
  *norm = sqrt(squares);
  for (int i = 0; i < task->learner_count; i++)
    task->learners[i].optimizer->scale = clip(task, *norm);
  return take_all(task, norms);
}

gan_status gan_update_finish_each(gan_task *task, const double *lr, double *norms) {
  for (int i = 0; i < task->learner_count; i++) {
    norms[i] = norm_of(&task->learners[i], lr[i]);
    task->learners[i].optimizer->scale = clip(task, norms[i]);
  }
  return take_all(task, norms);
}

gan_status gan_update_check(const gan_task *task) {
  bool skipped = false;
  for (int i = 0; i < task->learner_count; i++) skipped |= task->skips[i].updates > 0;
  for (int i = 0; i < task->metric_count && !skipped; i++)
    if (!isfinite(task->metrics[i].value))
      return gan_fail(GAN_NUMBERS, "%s is %g", task->metrics[i].name,
                      gan_printable(task->metrics[i].value));
  for (int i = 0; i < task->learner_count; i++)
    if (!gan_net_traces_finite(task->learners[i].net))
      return gan_fail(GAN_NUMBERS, "the running statistics of the %s are not finite",
                      task->learners[i].net->name);
  return GAN_OK;
}
