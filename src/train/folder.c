#include "train/folder.h"

#include "base/log.h"
#include "base/memory.h"
#include "checkpoint/lock.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct gan_folder {
  char *path;
  gan_lock *lock;
  int log_fd;
  gan_lines *metrics, *events;
  gan_permit permit; /* while it is ours */
};

static char *inside(const gan_folder *folder, const char *name) {
  return gan_format("%s/%s", folder->path, name);
}

/* Before each write: that the folder is still ours. */
static gan_status check_ours(gan_folder *folder) {
  const char *taker = gan_lock_taker(folder->lock);
  if (!taker) return GAN_OK;
  return gan_fail(GAN_OUTPUT,
                  "run folder %s was taken over by another start (%s); this start ends, nothing "
                  "more is written",
                  folder->path, taker);
}

static gan_status ask_permit(void *folder) {
  return check_ours(folder);
}

static gan_status open_folder(gan_folder *folder, const char *path, const char *host,
                              double lock_wait_s) {
  folder->log_fd = -1;
  folder->permit = (gan_permit){ask_permit, folder};
  folder->path = gan_strdup(path);
  if (!folder->path) return GAN_NO_MEMORY;
  GAN_TRY(gan_folder_make(path));
  GAN_TRY(gan_lock_acquire(path, host, lock_wait_s, &folder->lock));
  char *log = inside(folder, "log.txt");
  if (!log) return GAN_NO_MEMORY;
  folder->log_fd = gan_fd_open(log, O_WRONLY | O_CREAT | O_APPEND);
  gan_status status = GAN_OK;
  if (folder->log_fd < 0)
    status = gan_fail(GAN_OUTPUT, "%s: cannot open: %s", log, strerror(errno));
  gan_free(&log);
  if (status == GAN_OK) gan_log_set_file(folder->log_fd);
  return status;
}

gan_status gan_folder_open(const char *path, const char *host, double lock_wait_s,
                           gan_folder **out) {
  GAN_TRY_ALLOC(*out, 1, "the run folder");
  gan_status status = open_folder(*out, path, host, lock_wait_s);
  if (status != GAN_OK) gan_folder_close(out);
  return status;
}

void gan_folder_close(gan_folder **out) {
  gan_folder *folder = *out;
  if (!folder) return;
  gan_lines_close(&folder->metrics);
  gan_lines_close(&folder->events);
  gan_log_set_file(-1);
  if (folder->log_fd >= 0) close(folder->log_fd);
  gan_lock_release(&folder->lock);
  gan_free(&folder->path);
  gan_free(out);
}

/* Removes samples of later steps (a resumed run makes them again), and what a kill left. */
static gan_status cut_samples(const gan_folder *folder, int64_t step) {
  char **names, *samples = inside(folder, "samples");
  int count;
  if (!samples) return GAN_NO_MEMORY;
  gan_status status = gan_folder_list(samples, "step-", "", &names, &count);
  for (int i = 0; status == GAN_OK && i < count; i++) {
    size_t length = strlen(names[i]);
    bool temporary = length > 4 && strcmp(names[i] + length - 4, ".tmp") == 0;
    if (!temporary && strtoll(names[i] + 5, NULL, 10) <= step) continue;
    char *path = gan_format("%s/%s", samples, names[i]);
    if (path) unlink(path);
    gan_free(&path);
  }
  if (status == GAN_OK) gan_names_free(&names, count);
  gan_free(&samples);
  return status;
}

/* How this command's lines of eval.jsonl are told from those of `mpigan eval`. */
static const char OURS[] = "\"source\": \"train\"";

/* Those behind `step`: cut, or marked void by roll-back number `rollbacks`. */
static gan_status cut_evaluations(const gan_folder *folder, int64_t step, int64_t rollbacks,
                                  bool voids) {
  char *path = inside(folder, "eval.jsonl");
  if (!path) return GAN_NO_MEMORY;
  gan_status status = voids ? gan_lines_void_ours(path, OURS, step, rollbacks)
                            : gan_lines_cut_ours(path, OURS, step, rollbacks);
  gan_free(&path);
  return status;
}

static gan_status begin(gan_folder *folder, const char *config_text, int64_t step,
                        int64_t rollbacks, int64_t *start, const char *metrics, const char *events,
                        const char *config) {
  int64_t starts;
  GAN_TRY(gan_lines_cut(metrics, step, rollbacks));
  GAN_TRY(gan_lines_cut(events, INT64_MAX, 0));
  GAN_TRY(cut_evaluations(folder, step, rollbacks, false));
  GAN_TRY(cut_samples(folder, step));
  GAN_TRY(gan_file_replace(config, config_text, strlen(config_text), NULL, 0));
  GAN_TRY(gan_lines_count(events, "\"event\": \"start\"", &starts));
  *start = starts + 1;
  GAN_TRY(gan_lines_open(metrics, &folder->metrics));
  return gan_lines_open(events, &folder->events);
}

bool gan_folder_lost(const gan_folder *folder) {
  return gan_lock_lost(folder->lock);
}

gan_status gan_folder_begin(gan_folder *folder, const char *config_text, int64_t step,
                            int64_t rollbacks, bool has_samples, int64_t *start) {
  char *metrics = inside(folder, "metrics.jsonl"), *events = inside(folder, "run.jsonl");
  char *config = inside(folder, "config.yaml"), *samples = inside(folder, "samples");
  gan_status status = metrics && events && config && samples ? GAN_OK : GAN_NO_MEMORY;
  if (status == GAN_OK) status = check_ours(folder);
  if (status == GAN_OK && has_samples) status = gan_folder_make(samples);
  if (status == GAN_OK)
    status = begin(folder, config_text, step, rollbacks, start, metrics, events, config);
  gan_free(&metrics);
  gan_free(&events);
  gan_free(&config);
  gan_free(&samples);
  return status;
}

gan_status gan_folder_go_back(gan_folder *folder, int64_t step, int64_t rollback) {
  gan_lines *metrics;
  GAN_TRY(check_ours(folder));
  char *path = inside(folder, "metrics.jsonl");
  if (!path) return GAN_NO_MEMORY;
  gan_status status = gan_lines_void(path, step, rollback);
  if (status == GAN_OK) status = gan_lines_open(path, &metrics);
  gan_free(&path);
  GAN_TRY(status);
  gan_lines_close(&folder->metrics); /* the file that was replaced */
  folder->metrics = metrics;
  GAN_TRY(cut_evaluations(folder, step, rollback, true));
  return cut_samples(folder, step);
}

gan_status gan_folder_metrics(gan_folder *folder, gan_json *line) {
  GAN_TRY(check_ours(folder));
  return gan_lines_append(folder->metrics, line);
}

gan_status gan_folder_event(gan_folder *folder, gan_json *line) {
  GAN_TRY(check_ours(folder));
  return gan_lines_append(folder->events, line);
}

gan_status gan_folder_evaluation(gan_folder *folder, gan_json *line) {
  gan_lines *lines;
  GAN_TRY(check_ours(folder));
  char *path = inside(folder, "eval.jsonl");
  if (!path) return GAN_NO_MEMORY;
  gan_status status = gan_lines_open(path, &lines);
  if (status == GAN_OK) {
    status = gan_lines_append(lines, line);
    if (status == GAN_OK) status = gan_lines_sync(lines);
    gan_lines_close(&lines);
  }
  gan_free(&path);
  return status;
}

gan_status gan_folder_sync(gan_folder *folder) {
  GAN_TRY(check_ours(folder));
  return gan_lines_sync(folder->metrics);
}

const gan_permit *gan_folder_permit(const gan_folder *folder) {
  return &folder->permit;
}

gan_status gan_folder_write(gan_folder *folder, const char *name, const char *text) {
  char *path = inside(folder, name);
  if (!path) return GAN_NO_MEMORY;
  gan_status status = gan_file_replace_if(&folder->permit, path, text, strlen(text), NULL, 0);
  gan_free(&path);
  return status;
}

gan_status gan_folder_samples(gan_folder *folder, const gan_samples *samples) {
  GAN_TRY(check_ours(folder));
  char *base = gan_format("%s/samples/step-%08lld", folder->path, (long long)samples->step);
  char *h5 = base ? gan_format("%s.h5", base) : NULL;
  char *png = base ? gan_format("%s.png", base) : NULL;
  int has_picture;
  gan_status status = h5 && png ? gan_samples_write_hdf5(h5, samples) : GAN_NO_MEMORY;
  if (status == GAN_OK) status = gan_samples_write_png(png, samples, &has_picture);
  gan_free(&base);
  gan_free(&h5);
  gan_free(&png);
  return status;
}
