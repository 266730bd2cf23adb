#include "train/health.h"

#include "base/log.h"
#include "base/memory.h"
#include "checkpoint/store.h"
#include "train/initial.h"
#include "train/records.h"
#include "train/resume.h"

static bool is_root(const gan_health *health) {
  return gan_comm_rank(health->session->comm) == 0;
}

void gan_health_log(const gan_run_facts *facts) {
  if (facts->rollbacks)
    gan_log("  %lld roll-back%s so far: learning rates are %g of the config's",
            (long long)facts->rollbacks, facts->rollbacks == 1 ? "" : "s", facts->lr_factor);
  if (facts->skipped)
    gan_log("  %lld step%s so far with a skipped update", (long long)facts->skipped,
            facts->skipped == 1 ? "" : "s");
}

/* ---- skip ---- */

static gan_status record_skips(const gan_health *health, const gan_run_facts *facts) {
  const gan_task *task = health->session->task;
  int64_t step = facts->step + 1;
  for (int i = 0; i < task->learner_count; i++) {
    const gan_skip *skip = &task->skips[i];
    const char *network = task->learners[i].net->name;
    if (!skip->updates) continue;
    gan_log("step %lld: skipped %lld update%s of the %s: %s (%lld in a row, %lld in all)",
            (long long)step, (long long)skip->updates, skip->updates == 1 ? "" : "s", network,
            skip->reason, (long long)facts->skipped_in_a_row, (long long)facts->skipped);
    GAN_TRY(gan_record_skip(health->folder, health->start, step, network, skip, facts));
  }
  return GAN_OK;
}

/* Counts a step that has left updates out; all ranks know of it alike. */
static gan_status count_skips(const gan_health *health, gan_run_facts *facts) {
  const gan_task *task = health->session->task;
  int64_t most = health->session->config.train.skip_max;
  const gan_skip *last = NULL;
  gan_status status = GAN_OK;
  for (int i = 0; i < task->learner_count; i++)
    if (task->skips[i].updates) last = &task->skips[i];
  facts->skipped += last != NULL;
  facts->skipped_in_a_row = last ? facts->skipped_in_a_row + 1 : 0;
  if (!last) return GAN_OK;
  if (is_root(health)) status = record_skips(health, facts);
  GAN_TRY(gan_comm_agree(health->session->comm, status, "recording skipped updates"));
  if (facts->skipped_in_a_row <= most) return GAN_OK;
  return gan_fail(GAN_NUMBERS,
                  "%s; it is step %lld in a row with a skipped update, and train.skip_max is %lld",
                  last->reason, (long long)facts->skipped_in_a_row, (long long)most);
}

/* ---- rollback ---- */

/* Rank 0: the checkpoint to go back to; NULL: the first weights.  One of the run folder that is
 * older than what this start goes on from may be of another run. */
static gan_status choose(const gan_health *health, gan_checkpoint **out) {
  GAN_TRY(gan_saver_finish(health->saver)); /* it may be the newest */
  GAN_TRY(gan_store_newest(health->run_dir, out));
  if (!health->origin) return GAN_OK;
  if (*out && gan_checkpoint_facts(*out)->step >= health->origin_step) return GAN_OK;
  gan_checkpoint_close(out);
  return gan_checkpoint_open(health->origin, out);
}

/* The state of all ranks, and facts->step with it; what was counted goes on. */
static gan_status restore(const gan_health *health, gan_checkpoint *checkpoint,
                          gan_run_facts *facts) {
  gan_session *session = health->session;
  gan_run_facts then = {0};
  bool found;
  GAN_TRY(gan_comm_any_true(session->comm, checkpoint != NULL, &found,
                            "agreeing what to roll back to"));
  gan_task_clear(session->task);
  GAN_TRY(gan_comm_barrier(session->comm, "the end of what is rolled back")); /* it may be shared */
  if (found)
    GAN_TRY(gan_resume_load(session, checkpoint, &then));
  else
    GAN_TRY(gan_initial_weights(session));
  facts->step = then.step;
  facts->epoch = then.epoch;
  facts->best = then.best;
  facts->evaluation_due = 0;
  return GAN_OK;
}

static gan_status record_rollback(const gan_health *health, int64_t step, const char *reason,
                                  const gan_run_facts *facts) {
  gan_log("step %lld: %s; roll-back %lld of at most %lld: back to step %lld, learning rates are %g "
          "of the config's",
          (long long)step, reason, (long long)facts->rollbacks,
          (long long)health->session->config.train.rollback_max, (long long)facts->step,
          facts->lr_factor);
  GAN_TRY(gan_folder_go_back(health->folder, facts->step, facts->rollbacks));
  return gan_record_rollback(health->folder, health->start, step, reason, facts);
}

static gan_status go_back(const gan_health *health, gan_run_facts *facts) {
  gan_comm *comm = health->session->comm;
  gan_checkpoint *checkpoint = NULL;
  int64_t bad_step = facts->step + 1;
  char *reason = gan_strdup(gan_error_message());
  gan_status status = reason ? GAN_OK : GAN_NO_MEMORY;
  gan_fail_clear();
  if (status == GAN_OK && is_root(health)) status = choose(health, &checkpoint);
  if (status == GAN_INPUT)
    status = gan_fail(GAN_NUMBERS, "%s; it cannot be rolled back: %s", reason, gan_error_message());
  status = gan_comm_agree(comm, status, "choosing a checkpoint to roll back to");
  if (status == GAN_OK) status = restore(health, checkpoint, facts);
  gan_checkpoint_close(&checkpoint);
  facts->rollbacks++;
  facts->lr_factor *= health->session->config.train.rollback_factor;
  if (status == GAN_OK) {
    if (is_root(health)) status = record_rollback(health, bad_step, reason, facts);
    status = gan_comm_agree(comm, status, "recording a roll-back");
  }
  gan_free(&reason);
  return status;
}

static gan_status exhausted(const gan_health *health, const gan_run_facts *facts) {
  return gan_fail(GAN_NUMBERS,
                  "%s; the run was rolled back %lld time%s already (train.rollback_max is %lld), "
                  "and its learning rates are %g of the config's",
                  gan_error_message(), (long long)facts->rollbacks,
                  facts->rollbacks == 1 ? "" : "s",
                  (long long)health->session->config.train.rollback_max, facts->lr_factor);
}

gan_status gan_health_step(const gan_health *health, gan_run_facts *facts, bool *back) {
  const gan_config *config = &health->session->config;
  gan_task *task = health->session->task;
  gan_status status = task->type->step(task);
  *back = false;
  if (status == GAN_OK) return count_skips(health, facts);
  if (status != GAN_NUMBERS || config->train.on_nonfinite != GAN_NONFINITE_ROLLBACK) return status;
  if (facts->rollbacks >= config->train.rollback_max) return exhausted(health, facts);
  *back = true;
  return go_back(health, facts);
}
