#include "train/saver.h"

#include "base/clock.h"
#include "base/log.h"
#include "base/memory.h"
#include "base/thread.h"
#include "checkpoint/snapshot.h"
#include "checkpoint/store.h"
#include "io/file.h"

#include <stdio.h>
#include <string.h>

/* What one write came to. */
typedef struct {
  gan_status status;
  char message[8192];
  int64_t step;
  uint64_t bytes;
  double seconds;
} outcome;

struct gan_saver {
  const char *run_dir;
  gan_folder *folder;
  const gan_config *config;
  gan_checkpoint_content live; /* of the networks as they train */
  gan_snapshot *snapshot;
  outcome failure; /* the first */

  pthread_t thread;
  bool running;
  pthread_mutex_t lock;
  pthread_cond_t wake, done;
  /* under the lock */
  bool stop, wanted, written; /* a snapshot waits or is being written; `last` is news */
  outcome last;
};

/* The records first: a checkpoint that is there counts on them. */
static outcome write_out(const gan_saver *saver, const gan_checkpoint_content *content) {
  const gan_config *config = saver->config;
  outcome result = {.step = content->facts.step};
  double start = gan_clock();
  result.status = gan_folder_sync(saver->folder);
  if (result.status == GAN_OK)
    result.status = gan_store_write(saver->run_dir, content, config->checkpoint.keep_last,
                                    config->checkpoint.keep_every);
  char *path = gan_store_path(saver->run_dir, result.step);
  if (result.status == GAN_OK && path) result.status = gan_file_size(path, &result.bytes);
  gan_free(&path);
  result.seconds = gan_clock() - start;
  if (result.status != GAN_OK)
    snprintf(result.message, sizeof result.message, "%s", gan_error_message());
  return result;
}

static void *work(void *data) {
  gan_saver *saver = data;
  gan_thread_set_idle();
  pthread_mutex_lock(&saver->lock);
  while (!saver->stop || saver->wanted) {
    if (!saver->wanted) {
      pthread_cond_wait(&saver->wake, &saver->lock);
      continue;
    }
    pthread_mutex_unlock(&saver->lock);
    outcome result = write_out(saver, gan_snapshot_content(saver->snapshot));
    pthread_mutex_lock(&saver->lock);
    saver->last = result;
    saver->wanted = false;
    saver->written = true;
    pthread_cond_signal(&saver->done);
  }
  pthread_mutex_unlock(&saver->lock);
  return NULL;
}

/* ---- the main thread's side ---- */

gan_status gan_saver_create(const char *run_dir, gan_folder *folder, const gan_session *session,
                            gan_saver **out) {
  const gan_task *task = session->task;
  gan_saver *saver;
  GAN_TRY_ALLOC(saver, 1, "the checkpoints' writer");
  *out = saver;
  saver->run_dir = run_dir;
  saver->folder = folder;
  saver->config = &session->config;
  saver->live = (gan_checkpoint_content){.task = task->type->name,
                                         .config = session->config_text,
                                         .permit = gan_folder_permit(folder),
                                         .learner_count = task->learner_count,
                                         .counter_count = task->counter_count};
  memcpy(saver->live.learners, task->learners, sizeof saver->live.learners);
  memcpy(saver->live.counters, task->counters, sizeof saver->live.counters);
  pthread_mutex_init(&saver->lock, NULL);
  pthread_cond_init(&saver->wake, NULL);
  pthread_cond_init(&saver->done, NULL);
  gan_status status = gan_snapshot_create(&saver->live, &saver->snapshot);
  if (status == GAN_OK) {
    status = gan_thread_start(&saver->thread, work, saver);
    saver->running = status == GAN_OK;
  }
  if (status != GAN_OK) gan_saver_destroy(out);
  return status;
}

void gan_saver_destroy(gan_saver **out) {
  gan_saver *saver = *out;
  if (!saver) return;
  pthread_mutex_lock(&saver->lock);
  saver->stop = true;
  pthread_cond_signal(&saver->wake);
  pthread_mutex_unlock(&saver->lock);
  if (saver->running) pthread_join(saver->thread, NULL);
  pthread_cond_destroy(&saver->wake);
  pthread_cond_destroy(&saver->done);
  pthread_mutex_destroy(&saver->lock);
  gan_snapshot_destroy(&saver->snapshot);
  gan_free(out);
}

static void report(const outcome *result, const char *how) {
  char size[16], rate[16];
  if (result->status != GAN_OK) return;
  gan_log("checkpoint of step %lld: %s in %.2f s (%s/s)%s", (long long)result->step,
          gan_bytes_text(size, (double)result->bytes), result->seconds,
          gan_bytes_text(rate, (double)result->bytes / result->seconds), how);
}

/* The failure to give, if there was one. */
static gan_status outcome_status(const gan_saver *saver) {
  const outcome *failure = &saver->failure;
  return failure->status == GAN_OK ? GAN_OK : gan_fail(failure->status, "%s", failure->message);
}

static void keep(gan_saver *saver, const outcome *result, const char *how) {
  report(result, how);
  if (saver->failure.status == GAN_OK) saver->failure = *result;
}

/* Takes the news of the thread; under the lock. */
static void take_news(gan_saver *saver) {
  if (!saver->written) return;
  saver->written = false;
  keep(saver, &saver->last, ", beside training");
}

bool gan_saver_failed(gan_saver *saver) {
  pthread_mutex_lock(&saver->lock);
  take_news(saver);
  pthread_mutex_unlock(&saver->lock);
  return saver->failure.status != GAN_OK;
}

gan_status gan_saver_finish(gan_saver *saver) {
  pthread_mutex_lock(&saver->lock);
  while (saver->wanted) pthread_cond_wait(&saver->done, &saver->lock);
  take_news(saver);
  pthread_mutex_unlock(&saver->lock);
  return outcome_status(saver);
}

gan_status gan_saver_begin(gan_saver *saver, const gan_run_facts *facts) {
  GAN_TRY(gan_saver_finish(saver));
  gan_snapshot_take(saver->snapshot, facts); /* the thread sleeps */
  pthread_mutex_lock(&saver->lock);
  saver->wanted = true;
  pthread_cond_signal(&saver->wake);
  pthread_mutex_unlock(&saver->lock);
  return GAN_OK;
}

gan_status gan_saver_save(gan_saver *saver, const gan_run_facts *facts) {
  GAN_TRY(gan_saver_finish(saver));
  saver->live.facts = *facts;
  outcome result = write_out(saver, &saver->live);
  keep(saver, &result, "");
  return outcome_status(saver);
}
