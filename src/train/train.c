#include "train/train.h"

#include "base/clock.h"
#include "base/log.h"
#include "base/memory.h"
#include "checkpoint/store.h"
#include "comm/watchdog.h"
#include "config/networks.h"
#include "optim/schedule.h"
#include "task/generate.h"
#include "train/best.h"
#include "train/evaluations.h"
#include "train/health.h"
#include "train/initial.h"
#include "train/plan.h"
#include "train/progress.h"
#include "train/records.h"
#include "train/replicas.h"
#include "train/resume.h"
#include "train/saver.h"
#include "train/signals.h"
#include "train/tally.h"

#include <string.h>

/* The watchdog's limit while the config is being read. */
static const double FIRST_WATCHDOG_S = 300;

typedef struct {
  gan_session session;
  gan_comm *comm;
  const gan_train_options *options;
  char *run_dir;
  char *origin;               /* rank 0: path of the checkpoint that this start goes on from */
  gan_folder *folder;         /* rank 0 */
  gan_saver *saver;           /* rank 0 */
  gan_checkpoint *checkpoint; /* rank 0, while resuming */
  gan_skip_list skipped;      /* rank 0: those that could not be taken */
  gan_progress progress;
  gan_schedule schedule; /* of the learning rates */
  gan_replicas *replicas;
  gan_watchdog *watchdog;
  gan_health health;
  gan_evaluations *evaluations; /* NULL: there are none */
  gan_watched watched;
  char early[256];     /* why the run stops before its last step; "" */
  gan_run_facts facts; /* as of the last step done */
  size_t at_start;     /* bytes that this process had then */
  int64_t steps;
  int64_t taken;                        /* steps of this start, those that were rolled back too */
  int64_t start;                        /* which start of the run this is */
  double started;                       /* clock when the loop began */
  double saved;                         /* clock at the last checkpoint, or at the start */
  double elapsed_before;                /* seconds of earlier starts */
  float *sample_images, *sample_latent; /* rank 0 */
  int32_t *sample_classes;              /* rank 0, of a conditional model */
} trainer;

static bool is_root(const trainer *t) {
  return gan_comm_rank(t->comm) == 0;
}

static bool due(int64_t step, int64_t every) {
  return every && step % every == 0;
}

/* ---- what happens at a cadence ---- */

/* Beside training, or so that it is on the disk when this returns. */
static gan_status save(trainer *t, bool at_once) {
  gan_status status = GAN_OK;
  if (is_root(t))
    status = at_once ? gan_saver_save(t->saver, &t->facts) : gan_saver_begin(t->saver, &t->facts);
  t->saved = gan_clock();
  return gan_comm_agree(t->comm, status, "agreeing whether the checkpoint is on its way");
}

static gan_status make_samples(trainer *t) {
  gan_task *task = t->session.task;
  const gan_data_facts *data = &t->facts.data;
  gan_status status = GAN_OK;
  if (!task->type->sample) return GAN_OK;
  if (is_root(t)) {
    gan_samples samples = {.n = t->session.config.samples.count,
                           .c = data->c,
                           .h = data->h,
                           .w = data->w,
                           .latent_size = task->latent_size,
                           .images = t->sample_images,
                           .latent = t->sample_latent,
                           .labels = t->sample_classes,
                           .low = data->low,
                           .high = data->high,
                           .step = t->facts.step,
                           .config = t->session.config_text};
    if (task->classes)
      samples.columns = gan_class_rows(samples.n, task->classes, t->sample_classes);
    status = task->type->sample(task, data, samples.n, t->sample_images, t->sample_latent,
                                t->sample_classes);
    for (int64_t i = 0; i < samples.n && task->classes; i++)
      t->sample_classes[i] =
          (int32_t)gan_config_class_label(&t->session.config, t->sample_classes[i]);
    if (status == GAN_OK) status = gan_folder_samples(t->folder, &samples);
  }
  return gan_comm_agree(t->comm, status, "agreeing whether the samples were written");
}

/* Behind the last step's test: what is told of it once. */
static gan_status report(trainer *t) {
  gan_task *task = t->session.task;
  const char *name = NULL;
  char *text = NULL;
  gan_status status = GAN_OK;
  if (!task->type->report) return GAN_OK;
  if (is_root(t)) status = task->type->report(task, t->facts.step, &name, &text);
  if (status == GAN_OK && text) status = gan_folder_write(t->folder, name, text);
  gan_free(&text);
  return gan_comm_agree(t->comm, status, "agreeing whether the test's report was written");
}

static gan_status log_metrics(trainer *t) {
  gan_status status = GAN_OK;
  if (is_root(t))
    status = gan_record_metrics(t->folder, t->session.task, &t->facts, t->start,
                                gan_progress_rate(&t->progress));
  return gan_comm_agree(t->comm, status, "agreeing whether the metrics were written");
}

/* ---- the figure that is watched ---- */

/* What a step turns out to be. */
typedef struct {
  bool last, stop; /* the run ends with it: for good, or to go on later */
  bool better;     /* than any before it */
} turn;

/* By rank 0's value, so that all ranks stop at one step. */
static gan_status watch(trainer *t, double value, turn *now) {
  gan_best *best = &t->facts.best;
  GAN_TRY(gan_comm_broadcast(t->comm, &value, sizeof value, "the broadcast of a figure"));
  now->better = gan_best_note(&t->watched, value, t->facts.step, best);
  if (now->better)
    gan_log("best so far: %s %.6g", best->of, value);
  else if (best->step)
    gan_log("%s %.6g is no better than %.6g at step %lld (%lld in a row)", best->of, value,
            best->value, (long long)best->step, (long long)best->without);
  if (!gan_best_over(&t->watched, best) || now->last) return GAN_OK;
  now->last = true;
  gan_best_over_text(best, t->early, sizeof t->early);
  return GAN_OK;
}

/* Where the run is asked to stop, whoever goes on evaluates the step. */
static gan_status evaluate(trainer *t, turn *now) {
  double value = 0;
  bool abandoned = true;
  if (!now->stop)
    GAN_TRY(gan_evaluations_run(t->evaluations, t->facts.step, t->start, t->watched.figure, &value,
                                &abandoned));
  t->facts.evaluation_due = abandoned;
  now->stop = now->stop || abandoned;
  bool watched = t->watched.figure && !t->watched.of_test;
  return watched && !abandoned ? watch(t, value, now) : GAN_OK;
}

static double test_value(const gan_task *task, const char *name) {
  int i = 0;
  while (strcmp(task->tests[i].name, name) != 0) i++;
  return task->tests[i].value;
}

/* A pass over the held-out data. */
static gan_status test(trainer *t, turn *now) {
  gan_task *task = t->session.task;
  GAN_TRY(task->type->test(task));
  task->tested = true;
  if (t->watched.of_test) GAN_TRY(watch(t, test_value(task, t->watched.figure), now));
  return now->last ? report(t) : GAN_OK;
}

/* ---- the loop ---- */

static void count_step(trainer *t) {
  const gan_config *config = &t->session.config;
  t->taken++;
  t->facts.step++;
  t->facts.epoch = (double)t->session.task->images_seen / (double)t->session.info.n;
  t->facts.elapsed_s = t->elapsed_before + gan_clock() - t->started;
  gan_progress_step(&t->progress, t->facts.step,
                    config->train.batch * t->session.task->batches_a_step);
}

/* What this rank asks of all, before a step.  Rank 0's clock and disk decide for all. */
static void ask(trainer *t) {
  bool *asked = t->session.task->asked;
  double every_s = 60 * t->session.config.checkpoint.every_minutes;
  bool cannot_save = is_root(t) && (gan_saver_failed(t->saver) || gan_folder_lost(t->folder));
  asked[GAN_ASK_STOP] = gan_signals_received() || cannot_save;
  asked[GAN_ASK_SAVE] = is_root(t) && every_s > 0 && gan_clock() - t->saved >= every_s;
}

static gan_status stopped(const trainer *t) {
  return gan_fail(GAN_TEMPORARY,
                  "stopped by %s at step %lld of %lld; its checkpoint is saved: the same "
                  "command goes on from there",
                  gan_signals_name(gan_signals_received()), (long long)t->facts.step,
                  (long long)t->steps);
}

/* What is due behind a step. */
static gan_status follow(trainer *t) {
  gan_task *task = t->session.task;
  const gan_config *config = &t->session.config;
  int64_t step = t->facts.step;
  turn now = {.last = step == t->steps};
  now.stop = task->agreed[GAN_ASK_STOP] && !now.last;
  task->tested = false;
  if (t->evaluations && (now.last || due(step, config->eval.every_steps)))
    GAN_TRY(evaluate(t, &now));
  if (task->test && (now.last || due(step, config->train.test_every))) GAN_TRY(test(t, &now));
  bool logs = task->tested || now.last || due(step, config->train.log_every);
  bool saves = now.last || now.stop || now.better || task->agreed[GAN_ASK_SAVE] ||
               due(step, config->checkpoint.every_steps);
  if (logs) GAN_TRY(log_metrics(t));
  gan_progress_show(&t->progress, task, logs);
  if (saves || due(step, config->train.check_every)) GAN_TRY(gan_replicas_check(t->replicas, step));
  if (now.last || due(step, config->samples.every_steps)) GAN_TRY(make_samples(t));
  if (saves) GAN_TRY(save(t, now.last || now.stop));
  return now.stop ? stopped(t) : GAN_OK;
}

/* The evaluation that a stop left out, of the step that the run goes on from. */
static gan_status make_up(trainer *t) {
  gan_task *task = t->session.task;
  const gan_config *config = &t->session.config;
  int64_t step = t->facts.step;
  turn now = {.last = step == t->steps};
  if (!t->facts.evaluation_due) return GAN_OK;
  t->facts.evaluation_due = 0;
  if (!t->evaluations) return GAN_OK;
  GAN_TRY(evaluate(t, &now));
  if (*t->early) {
    bool logged = due(step, config->train.log_every);
    if (task->test && !due(step, config->train.test_every)) GAN_TRY(test(t, &now));
    if (task->tested && !logged) GAN_TRY(log_metrics(t));
    GAN_TRY(make_samples(t));
  }
  if (now.stop) return stopped(t);
  return save(t, true);
}

static gan_status loop(trainer *t) {
  gan_task *task = t->session.task;
  GAN_TRY(make_up(t));
  while (t->facts.step < t->steps && !*t->early) {
    gan_comm_set_step(t->comm, t->facts.step + 1);
    ask(t);
    task->lr_factor = t->facts.lr_factor * gan_schedule_factor(&t->schedule, t->facts.step);
    bool back;
    GAN_TRY(gan_health_step(&t->health, &t->facts, &back));
    if (back) {
      gan_progress_start(&t->progress, t->facts.step, t->steps);
      continue;
    }
    count_step(t);
    GAN_TRY(follow(t));
  }
  return GAN_OK;
}

/* ---- before and after ---- */

static gan_status open_folder(trainer *t) {
  const gan_config *config = &t->session.config;
  gan_status status = GAN_OK;
  if (is_root(t)) {
    status =
        gan_folder_open(t->run_dir, gan_comm_host(t->comm), config->train.lock_wait_s, &t->folder);
    if (status == GAN_OK) status = gan_store_prepare(t->run_dir);
    if (status == GAN_OK)
      status = gan_resume_choose(t->run_dir, t->options->resume, &t->skipped, &t->checkpoint);
  }
  return gan_comm_agree(t->comm, status, "agreeing whether the run folder could be opened");
}

/* Whether the config continues the checkpoint, and on how many shards. */
static gan_status match_checkpoint(trainer *t) {
  bool force = t->options->force_config;
  gan_session *session = &t->session;
  int64_t shards = session->config.data.shards;
  gan_status status = GAN_OK;
  if (t->checkpoint) status = gan_resume_shards(session, t->checkpoint, force, &shards);
  GAN_TRY(gan_comm_agree(t->comm, status, "agreeing on the checkpoint's shards"));
  GAN_TRY(
      gan_comm_broadcast(t->comm, &shards, sizeof shards, "the broadcast of the number of shards"));
  if (shards != session->config.data.shards) GAN_TRY(gan_session_reshard(session, shards));
  if (t->checkpoint) status = gan_resume_check_config(session, t->checkpoint, force);
  return gan_comm_agree(t->comm, status, "agreeing whether the config continues the checkpoint");
}

/* Weights: from the checkpoint, or new. */
static gan_status set_state(trainer *t) {
  gan_status status = GAN_OK;
  bool resumes;
  if (t->checkpoint)
    status = gan_resume_check_data(&t->session, t->checkpoint, t->options->force_config);
  GAN_TRY(gan_comm_agree(t->comm, status, "agreeing whether the data continues the checkpoint"));
  GAN_TRY(gan_comm_any_true(t->comm, t->checkpoint != NULL, &resumes,
                            "agreeing whether the run goes on from a checkpoint"));
  if (resumes) {
    GAN_TRY(gan_resume_load(&t->session, t->checkpoint, &t->facts));
    gan_log("resuming from step %lld", (long long)t->facts.step);
    gan_resume_log_world(&t->session, &t->facts);
    gan_health_log(&t->facts);
  } else {
    t->facts.lr_factor = 1;
    GAN_TRY(gan_initial_weights(&t->session));
  }
  t->facts.seed = t->session.config.seed;
  t->facts.world_size = gan_comm_size(t->comm);
  t->facts.data = gan_session_data_facts(&t->session);
  t->elapsed_before = t->facts.elapsed_s;
  if (t->checkpoint) t->origin = gan_strdup(gan_checkpoint_path(t->checkpoint));
  status = t->checkpoint && !t->origin ? GAN_NO_MEMORY : GAN_OK;
  gan_checkpoint_close(&t->checkpoint);
  return gan_comm_agree(t->comm, status, "agreeing that the state is set");
}

static gan_status reserve_samples(trainer *t) {
  const gan_task *task = t->session.task;
  int64_t n = t->session.config.samples.count;
  if (!task->type->sample) return GAN_OK;
  GAN_TRY_ALLOC(t->sample_images, n * gan_data_row_size(&t->session.info), "samples");
  GAN_TRY_ALLOC(t->sample_latent, n * task->latent_size, "samples");
  if (task->classes) GAN_TRY_ALLOC(t->sample_classes, n, "samples");
  return GAN_OK;
}

static gan_status begin(trainer *t) {
  gan_status status = GAN_OK;
  if (is_root(t)) {
    status = reserve_samples(t);
    if (status == GAN_OK)
      status =
          gan_folder_begin(t->folder, t->session.config_text, t->facts.step, t->facts.rollbacks,
                           t->session.task->type->sample != NULL, &t->start);
    if (status == GAN_OK && *t->facts.best.of) gan_store_link_best(t->run_dir, t->facts.best.step);
    if (status == GAN_OK) status = gan_saver_create(t->run_dir, t->folder, &t->session, &t->saver);
    if (status == GAN_OK) status = gan_record_start(t->folder, t->comm, t->start, t->facts.step);
    if (status == GAN_OK) status = gan_record_skipped(t->folder, t->start, &t->skipped);
  }
  return gan_comm_agree(t->comm, status, "agreeing whether the run could begin");
}

/* Why the run ended, in run.jsonl; a failure to write that does not hide the first one. */
static gan_status finish(trainer *t, gan_status status) {
  if (!is_root(t) || !t->folder || !t->start) return status;
  const char *done = *t->early ? t->early : "finished";
  const char *reason = status == GAN_OK ? done : gan_error_message();
  char *kept = gan_strdup(reason);
  gan_status written = gan_record_stop(t->folder, t->start, t->facts.step, status, reason);
  if (status == GAN_OK) {
    char time[32];
    status = written;
    gan_tally_time(t->session.task, t->taken, gan_clock() - t->started,
                   t->evaluations ? gan_evaluations_seconds(t->evaluations) : 0);
    if (t->taken) gan_replicas_log_cost(t->replicas);
    if (*t->early) gan_log("%s", t->early);
    gan_log("%s at step %lld after %s; %scheckpoints are in %s", *t->early ? "ended" : "finished",
            (long long)t->facts.step, gan_duration_text(time, t->facts.elapsed_s),
            t->session.task->type->sample ? "samples and " : "", t->run_dir);
  } else if (written != GAN_OK && kept) {
    status = gan_fail(status, "%s", kept);
  }
  gan_free(&kept);
  return status;
}

static gan_status run_loop(trainer *t) {
  GAN_TRY(gan_replicas_create(t->session.task, &t->replicas));
  GAN_TRY(
      gan_evaluations_create(&t->session, &t->facts.data, t->run_dir, t->folder, &t->evaluations));
  GAN_TRY(begin(t));
  t->health = (gan_health){.session = &t->session,
                           .folder = t->folder,
                           .saver = t->saver,
                           .run_dir = t->run_dir,
                           .origin = t->origin,
                           .origin_step = t->facts.step,
                           .start = t->start};
  t->started = t->saved = gan_clock();
  gan_progress_start(&t->progress, t->facts.step, t->steps);
  gan_status status = loop(t);
  char rates[128];
  if (status == GAN_NUMBERS)
    status = gan_fail(
        status,
        "step %lld: %s; nothing of this step is kept; %s may be too large: go on from the last "
        "checkpoint with less",
        (long long)t->facts.step + 1, gan_error_message(),
        gan_networks_rate_keys((gan_task_kind)t->session.config.task, rates, sizeof rates));
  if (status == GAN_OUTPUT && !(t->folder && gan_folder_lost(t->folder)))
    status = gan_fail(status,
                      "%s; earlier checkpoints are whole: once it can write, the same command goes "
                      "on from the newest",
                      gan_error_message());
  if (status == GAN_INPUT)
    status = gan_fail(status,
                      "step %lld: %s; nothing of this step is kept; earlier checkpoints are whole: "
                      "once the data can be read, the same command goes on from the newest",
                      (long long)t->facts.step + 1, gan_error_message());
  if (status == GAN_OK) status = gan_tally_memory(t->comm, t->at_start);
  return finish(t, status);
}

static gan_status train(trainer *t) {
  gan_session *session = &t->session;
  GAN_TRY(gan_session_config(session, t->options->config, t->options->overrides,
                             t->options->override_count));
  gan_watchdog_set_limit(t->watchdog, session->config.train.watchdog_s);
  GAN_TRY(gan_session_build(session));
  GAN_TRY(gan_evaluations_check(session));
  GAN_TRY(gan_watched_find(&session->config, session->task, &t->watched));
  t->run_dir = t->options->run_dir ? gan_strdup(t->options->run_dir)
                                   : gan_format("runs/%s", session->config.name);
  if (!t->run_dir) return GAN_NO_MEMORY;
  if (t->options->dry_run) {
    gan_plan_print(session, t->run_dir, t->at_start);
    gan_plan_print_course(session, 0, gan_session_last_step(session, 0));
    gan_log("--dry-run: nothing was trained or written");
    return GAN_OK;
  }
  GAN_TRY(open_folder(t));
  GAN_TRY(match_checkpoint(t));
  gan_plan_print(session, t->run_dir, t->at_start);
  GAN_TRY(gan_session_load(session));
  GAN_TRY(set_state(t));
  t->steps = gan_session_last_step(session, t->facts.step);
  t->schedule = gan_schedule_of(&session->config, t->steps);
  gan_plan_print_course(session, t->facts.step, t->steps);
  gan_best_begin(&t->watched, &t->facts.best);
  bool due_still = t->facts.evaluation_due && session->config.eval.every_steps;
  if (!due_still && t->facts.step >= t->steps) {
    gan_log(
        "this run is finished: it is at step %lld of %lld; a larger train.steps or train.epochs "
        "continues it",
        (long long)t->facts.step, (long long)t->steps);
    return GAN_OK;
  }
  if (!due_still && gan_best_over(&t->watched, &t->facts.best)) {
    char why[256];
    gan_log(
        "this run has %s; it is at step %lld of %lld: a larger eval.patience, or 0, continues it",
        gan_best_over_text(&t->facts.best, why, sizeof why), (long long)t->facts.step,
        (long long)t->steps);
    return GAN_OK;
  }
  return run_loop(t);
}

/* By the watchdog's thread, while this rank's main thread waits for others. */
static void record_standstill(void *data, const char *reason) {
  trainer *t = data;
  if (!is_root(t) || !t->folder || !t->start) return;
  gan_status written = gan_record_stop(t->folder, t->start, t->facts.step, GAN_TEMPORARY, reason);
  (void)written; /* the job ends either way, and has said why */
}

gan_status gan_train(gan_comm *comm, const gan_train_options *options) {
  trainer t = {
      .comm = comm, .options = options, .session.comm = comm, .at_start = gan_memory_now()};
  gan_status status = gan_watchdog_start(comm, FIRST_WATCHDOG_S, &t.watchdog);
  gan_watchdog_set_record(t.watchdog, record_standstill, &t);
  if (status == GAN_OK) status = train(&t);
  status = gan_comm_agree(comm, status, "agreeing on the end of the run");
  if (status != GAN_OK && t.folder) { /* while log.txt is open; main has nothing to add */
    gan_log_error("%s", gan_error_message());
    gan_fail_clear();
  }
  gan_checkpoint_close(&t.checkpoint);
  gan_skip_list_free(&t.skipped);
  gan_saver_destroy(&t.saver);
  gan_folder_close(&t.folder);
  gan_session_reset(&t.session); /* collective where ranks share memory, so it is watched */
  gan_watchdog_stop(&t.watchdog);
  gan_replicas_destroy(&t.replicas);
  gan_evaluations_destroy(&t.evaluations);
  gan_free(&t.sample_images);
  gan_free(&t.sample_latent);
  gan_free(&t.sample_classes);
  gan_free(&t.run_dir);
  gan_free(&t.origin);
  return status;
}
