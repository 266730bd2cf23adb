#include "train/records.h"

#include "base/clock.h"
#include "base/version.h"

#include <stdlib.h>
#include <unistd.h>

static void begin_event(gan_json *line, const char *event, int64_t start, int64_t step) {
  char time[32];
  gan_json_begin(line);
  gan_json_text(line, "event", event);
  gan_json_int(line, "start", start);
  gan_json_text(line, "time", gan_clock_text(time));
  gan_json_int(line, "step", step);
}

gan_status gan_record_start(gan_folder *folder, const gan_comm *comm, int64_t start, int64_t step) {
  char time[32];
  const char *job = getenv("SLURM_JOB_ID");
  gan_json line;
  gan_json_begin(&line);
  gan_json_text(&line, "event", "start");
  gan_json_int(&line, "start", start);
  gan_json_text(&line, "time", gan_clock_text(time));
  gan_json_text(&line, "host", gan_comm_host(comm));
  gan_json_int(&line, "pid", getpid());
  gan_json_text(&line, "job", job ? job : "");
  gan_json_int(&line, "ranks", gan_comm_size(comm));
  gan_json_text(&line, "version", gan_version());
  gan_json_text(&line, "git", gan_git_hash());
  gan_json_int(&line, "step", step);
  return gan_folder_event(folder, &line);
}

gan_status gan_record_skipped(gan_folder *folder, int64_t start, const gan_skip_list *skipped) {
  for (int i = 0; i < skipped->count; i++) {
    char time[32];
    const char *path = skipped->rows[i].path, *reason = skipped->rows[i].reason;
    gan_json line;
    gan_json_begin(&line);
    gan_json_text(&line, "event", "checkpoint-skipped");
    gan_json_int(&line, "start", start);
    gan_json_text(&line, "time", gan_clock_text(time));
    gan_json_text(&line, "checkpoint", path ? path : "");
    gan_json_text(&line, "reason", reason ? reason : "");
    GAN_TRY(gan_folder_event(folder, &line));
  }
  return GAN_OK;
}

gan_status gan_record_stop(gan_folder *folder, int64_t start, int64_t step, gan_status status,
                           const char *reason) {
  gan_json line;
  begin_event(&line, "stop", start, step);
  gan_json_int(&line, "status", status);
  gan_json_text(&line, "reason", reason);
  return gan_folder_event(folder, &line);
}

gan_status gan_record_skip(gan_folder *folder, int64_t start, int64_t step, const char *network,
                           const gan_skip *skip, const gan_run_facts *facts) {
  gan_json line;
  begin_event(&line, "skipped", start, step);
  gan_json_text(&line, "network", network);
  gan_json_int(&line, "updates", skip->updates);
  gan_json_int(&line, "in_a_row", facts->skipped_in_a_row);
  gan_json_int(&line, "skipped", facts->skipped);
  gan_json_text(&line, "reason", skip->reason);
  return gan_folder_event(folder, &line);
}

gan_status gan_record_rollback(gan_folder *folder, int64_t start, int64_t step, const char *reason,
                               const gan_run_facts *facts) {
  gan_json line;
  begin_event(&line, "rollback", start, step);
  gan_json_int(&line, "to", facts->step);
  gan_json_int(&line, "rollbacks", facts->rollbacks);
  gan_json_real(&line, "lr_factor", facts->lr_factor);
  gan_json_text(&line, "reason", reason);
  return gan_folder_event(folder, &line);
}

gan_status gan_record_metrics(gan_folder *folder, const gan_task *task, const gan_run_facts *facts,
                              int64_t start, double images_per_s) {
  char time[32];
  gan_json line;
  gan_json_begin(&line);
  gan_json_int(&line, "step", facts->step);
  gan_json_real(&line, "epoch", facts->epoch);
  gan_json_int(&line, "start", start);
  gan_json_text(&line, "time", gan_clock_text(time));
  gan_json_real(&line, "wall_s", facts->elapsed_s);
  gan_json_real(&line, "images_per_s", images_per_s);
  gan_json_int(&line, "ranks", gan_comm_size(task->comm));
  for (int i = 0; i < task->metric_count; i++)
    gan_json_real(&line, task->metrics[i].name, task->metrics[i].value);
  for (int i = 0; i < task->test_count && task->tested; i++)
    gan_json_real(&line, task->tests[i].name, task->tests[i].value);
  if (task->config->train.on_nonfinite == GAN_NONFINITE_SKIP)
    gan_json_int(&line, "skipped", facts->skipped);
  return gan_folder_metrics(folder, &line);
}
