#include "task/work.h"

#include "base/clock.h"
#include "base/memory.h"
#include "task/networks.h"
#include "task/update.h"

#include <math.h>
#include <string.h>

/* Behind the losses of a row. */
enum { FAILED, ASKED, SHARED = ASKED + GAN_ASKS };

gan_status gan_work_divide(gan_task *task, gan_work *work) {
  const gan_config *config = task->config;
  gan_shards shards = gan_shards_of(task->info->n, config->data.shards, config->train.batch,
                                    gan_comm_rank(task->comm), gan_comm_size(task->comm));
  task->local_samples = gan_shards_samples(&shards);
  work->first_sample = gan_shards_first_sample(&shards);
  work->piece = task->local_samples;
  if (config->train.microbatch != GAN_UNSET_INT && config->train.microbatch < work->piece)
    work->piece = config->train.microbatch;
  work->division.parts = 1;
  if (!config->compute.reproducible) return GAN_OK;
  work->division = (gan_division){.share = gan_shards_quota(&shards),
                                  .parts = shards.owned,
                                  .threads = gan_config_threads(config)};
  return gan_sums_create(shards.count, work->division.threads, &work->sums);
}

gan_status gan_work_reserve(const gan_task *task, int losses, gan_work *work) {
  work->losses = losses;
  work->row = losses + SHARED;
  for (int i = 0; i < task->learner_count; i++) work->row += task->learners[i].net->statistics_size;
  if (work->sums) GAN_TRY(gan_sums_reserve(work->sums, work->row));
  GAN_TRY_ALLOC(work->parts, work->division.parts * work->row, "losses");
  GAN_TRY_ALLOC(work->totals, work->row, "losses");
  return GAN_OK;
}

void gan_work_release(gan_work *work) {
  gan_sums_destroy(&work->sums);
  gan_free(&work->parts);
  gan_free(&work->totals);
}

void gan_work_begin(const gan_task *task, gan_work *work) {
  work->since = gan_clock();
  work->sums_since = gan_comm_seconds(task->comm);
}

gan_pass gan_work_pass(const gan_task *task, const gan_work *work, uint32_t phase, int64_t update,
                       int64_t at, int sets) {
  int64_t left = task->local_samples - at;
  return (gan_pass){.comm = task->comm,
                    .training = true,
                    .sets = sets,
                    .samples = sets * (left < work->piece ? left : work->piece),
                    .at = at,
                    .first_sample = work->first_sample + at,
                    .batch = task->config->train.batch,
                    .seed = (uint64_t)task->config->seed,
                    .phase = phase,
                    .draw = (uint64_t)update};
}

void gan_work_place(const gan_task *task, unsigned place, gan_pass *pass) {
  bool last = pass->at + pass->samples / gan_pass_sets(pass) == task->local_samples;
  pass->accumulate = !(place & GAN_FIRST_PASS);
  pass->completes = place & GAN_LAST_PASS && last;
}

void gan_work_forget(gan_work *work, int first, int end) {
  for (int64_t p = 0; p < work->division.parts; p++)
    for (int sum = first; sum < end; sum++) work->parts[p * work->row + sum] = 0;
}

bool gan_work_finite(const gan_work *work, int first, int end) {
  bool finite = true;
  for (int64_t p = 0; p < work->division.parts; p++)
    for (int sum = first; sum < end; sum++)
      finite &= isfinite(work->parts[p * work->row + sum]) != 0;
  return finite;
}

double *gan_work_losses(const gan_work *work, const gan_span *span) {
  return work->parts + span->part * work->row;
}

void gan_work_spend(gan_task *task, gan_work *work, int row) {
  double now = gan_clock(), sums = gan_comm_seconds(task->comm);
  task->profile[row].seconds += now - work->since - (sums - work->sums_since);
  task->profile[work->sum_row].seconds += sums - work->sums_since;
  work->since = now;
  work->sums_since = sums;
}

gan_status gan_work_update(gan_task *task, gan_work *work, int which, bool finite, int row,
                           int optimizer_row, double *norm) {
  gan_work_spend(task, work, row);
  gan_update_taint(task, which, finite);
  GAN_TRY(gan_net_sum_gradients(task->learners[which].net, task->comm));
  gan_work_spend(task, work, work->sum_row);
  GAN_TRY(gan_update_finish(task, which, task->lr_factor * gan_learner_rate(task, which), norm));
  gan_work_spend(task, work, optimizer_row);
  return GAN_OK;
}

static gan_status sum_all(gan_task *task, gan_work *work, bool finite, int row) {
  gan_work_spend(task, work, row);
  for (int i = 0; i < task->learner_count; i++) {
    gan_update_taint(task, i, finite);
    GAN_TRY(gan_net_sum_gradients(task->learners[i].net, task->comm));
  }
  gan_work_spend(task, work, work->sum_row);
  return GAN_OK;
}

gan_status gan_work_update_all(gan_task *task, gan_work *work, bool finite, int row,
                               int optimizer_row, double *norm) {
  GAN_TRY(sum_all(task, work, finite, row));
  GAN_TRY(gan_update_finish_all(task, task->lr_factor * gan_learner_rate(task, 0), norm));
  gan_work_spend(task, work, optimizer_row);
  return GAN_OK;
}

gan_status gan_work_update_each(gan_task *task, gan_work *work, bool finite, int row,
                                int optimizer_row, double *norms) {
  double rates[GAN_CHECKPOINT_NETWORKS_MAX];
  GAN_TRY(sum_all(task, work, finite, row));
  for (int i = 0; i < task->learner_count; i++)
    rates[i] = task->lr_factor * gan_learner_rate(task, i);
  GAN_TRY(gan_update_finish_each(task, rates, norms));
  gan_work_spend(task, work, optimizer_row);
  return GAN_OK;
}

static gan_status sum_up(gan_task *task, gan_work *work, gan_status data_status) {
  for (int64_t p = 0; p < work->division.parts; p++) {
    double *row = work->parts + p * work->row + work->losses;
    for (int i = 0; i < GAN_ASKS; i++) row[ASKED + i] = p == 0 && task->asked[i];
    row[FAILED] = p == 0 && data_status != GAN_OK;
    row += SHARED;
    for (int i = 0; i < task->learner_count; i++) {
      const gan_net *net = task->learners[i].net;
      memcpy(row, net->statistics + p * net->statistics_size,
             (size_t)net->statistics_size * sizeof *row);
      row += net->statistics_size;
    }
  }
  return gan_sums_doubles(work->sums, task->comm, work->division.parts, work->row, work->row,
                          work->parts, work->totals, "the sum of the step's losses");
}

gan_status gan_work_share(gan_task *task, gan_work *work, gan_status data_status) {
  GAN_TRY(sum_up(task, work, data_status));
  gan_work_spend(task, work, work->sum_row);
  const double *row = work->totals + work->losses;
  if (row[FAILED] > 0)
    return gan_comm_agree(task->comm, data_status, "agreeing on the data that could not be read");
  for (int i = 0; i < GAN_ASKS; i++) task->agreed[i] = row[ASKED + i] > 0;
  row += SHARED;
  for (int i = 0; i < task->learner_count; i++) {
    const gan_learner *learner = &task->learners[i];
    gan_net_absorb(learner->net, row);
    if (learner->average) gan_average_follow(learner->average, learner->net);
    row += learner->net->statistics_size;
  }
  return GAN_OK;
}
