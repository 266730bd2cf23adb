#include "checkpoint/store.h"

#include "base/log.h"
#include "base/memory.h"
#include "io/file.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

typedef struct {
  int64_t *steps; /* ascending */
  int count;
} step_list;

static char *folder_of(const char *run_dir) {
  return gan_format("%s/checkpoints", run_dir);
}

char *gan_store_path(const char *run_dir, int64_t step) {
  return gan_format("%s/checkpoints/step-%08lld.h5", run_dir, (long long)step);
}

static int ascending(const void *a, const void *b) {
  int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;
  return (x > y) - (x < y);
}

/* The step in a file's name, -1 if the name is not one of ours. */
static int64_t step_of(const char *name) {
  char spelt[64];
  int64_t step = strtoll(name + 5, NULL, 10);
  snprintf(spelt, sizeof spelt, "step-%08lld.h5", (long long)step);
  return step >= 0 && strcmp(name, spelt) == 0 ? step : -1;
}

static gan_status list_steps(const char *run_dir, step_list *list) {
  *list = (step_list){0};
  char **names, *folder = folder_of(run_dir);
  int count;
  if (!folder) return GAN_NO_MEMORY;
  gan_status status = gan_folder_list(folder, "step-", ".h5", &names, &count);
  gan_free(&folder);
  if (status != GAN_OK) return status;
  list->steps = gan_alloc((size_t)count + 1, sizeof *list->steps, "a list of checkpoints");
  for (int i = 0; list->steps && i < count; i++)
    if (step_of(names[i]) >= 0) list->steps[list->count++] = step_of(names[i]);
  gan_names_free(&names, count);
  if (!list->steps) return GAN_NO_MEMORY;
  qsort(list->steps, (size_t)list->count, sizeof *list->steps, ascending);
  return GAN_OK;
}

static gan_status remove_temporaries(const char *folder, const char *prefix) {
  char **names;
  int count;
  GAN_TRY(gan_folder_list(folder, prefix, ".tmp", &names, &count));
  for (int i = 0; i < count; i++) {
    char *path = gan_format("%s/%s", folder, names[i]);
    if (path) unlink(path);
    gan_free(&path);
  }
  gan_names_free(&names, count);
  return GAN_OK;
}

gan_status gan_store_prepare(const char *run_dir) {
  char *folder = folder_of(run_dir);
  if (!folder) return GAN_NO_MEMORY;
  gan_status status = gan_folder_make(folder);
  if (status == GAN_OK) status = remove_temporaries(folder, "step-");
  if (status == GAN_OK) status = remove_temporaries(folder, "latest");
  if (status == GAN_OK) status = remove_temporaries(folder, "best");
  gan_free(&folder);
  return status;
}

/* The message names the path first; that is said once. */
static void note_skip(gan_skip_list *skipped, const char *path) {
  const char *reason = gan_error_message();
  size_t length = strlen(path);
  gan_log("skipped checkpoint: %s", reason);
  if (strncmp(reason, path, length) == 0 && strncmp(reason + length, ": ", 2) == 0)
    reason += length + 2;
  skipped->rows[skipped->count].path = gan_strdup(path);
  skipped->rows[skipped->count++].reason = gan_strdup(reason);
}

void gan_skip_list_free(gan_skip_list *skipped) {
  for (int i = 0; i < skipped->count; i++) {
    gan_free(&skipped->rows[i].path);
    gan_free(&skipped->rows[i].reason);
  }
  gan_free(&skipped->rows);
  skipped->count = 0;
}

gan_status gan_store_newest(const char *run_dir, gan_checkpoint **out) {
  gan_skip_list skipped;
  gan_status status = gan_store_newest_telling(run_dir, &skipped, out);
  gan_skip_list_free(&skipped);
  return status;
}

gan_status gan_store_newest_telling(const char *run_dir, gan_skip_list *skipped,
                                    gan_checkpoint **out) {
  step_list list;
  *out = NULL;
  *skipped = (gan_skip_list){0};
  GAN_TRY(list_steps(run_dir, &list));
  skipped->rows = gan_alloc((size_t)list.count + 1, sizeof *skipped->rows, "a list of checkpoints");
  gan_status status = skipped->rows ? GAN_OK : GAN_NO_MEMORY;
  if (status != GAN_OK) list.count = 0;
  for (int i = list.count - 1; i >= 0; i--) {
    char *path = gan_store_path(run_dir, list.steps[i]);
    status = path ? gan_checkpoint_open(path, out) : GAN_NO_MEMORY;
    if (status == GAN_INPUT) note_skip(skipped, path);
    gan_free(&path);
    if (status != GAN_INPUT) break;
  }
  gan_free(&list.steps);
  if (status == GAN_INPUT)
    return gan_fail(GAN_INPUT,
                    "%s/checkpoints: none of its %d checkpoints can be used (the log says why for "
                    "each); restore one from a copy, or start anew with another --run-dir",
                    run_dir, list.count);
  return status;
}

gan_status gan_store_open(const char *path, gan_checkpoint **out) {
  if (!gan_folder_exists(path)) return gan_checkpoint_open(path, out);
  GAN_TRY(gan_store_newest(path, out));
  if (*out) return GAN_OK;
  return gan_fail(GAN_INPUT, "%s: holds no checkpoint (checkpoints/step-*.h5)", path);
}

bool gan_store_holds(const char *path) {
  if (!gan_folder_exists(path)) return gan_checkpoint_claims(path);
  char *folder = gan_format("%s/checkpoints", path);
  bool holds = folder && gan_folder_exists(folder);
  gan_free(&folder);
  return holds;
}

gan_status gan_store_highest_step(const char *run_dir, int64_t *step) {
  step_list list;
  GAN_TRY(list_steps(run_dir, &list));
  *step = list.count ? list.steps[list.count - 1] : -1;
  gan_free(&list.steps);
  return GAN_OK;
}

/* What lies beyond `step`, which was written just now, could not be used when the run started: it
 * is left alone, and must not count for one that is kept. */
static gan_status prune(const char *run_dir, int64_t step, int64_t keep_last, int64_t keep_every,
                        int64_t best) {
  step_list list;
  GAN_TRY(list_steps(run_dir, &list));
  int count = list.count;
  while (count && list.steps[count - 1] > step) count--;
  for (int i = 0; i < count - keep_last; i++) {
    if (keep_every && list.steps[i] % keep_every == 0) continue;
    if (list.steps[i] == best) continue;
    char *path = gan_store_path(run_dir, list.steps[i]);
    if (path) unlink(path); /* one that cannot go does no harm */
    gan_free(&path);
  }
  gan_free(&list.steps);
  return GAN_OK;
}

void gan_store_link_best(const char *run_dir, int64_t step) {
  char *path = gan_store_path(run_dir, step), *link = gan_format("%s/checkpoints/best", run_dir);
  if (path && link && gan_file_exists(path))
    gan_link_replace(link, strrchr(path, '/') + 1);
  else if (path && link)
    unlink(link);
  gan_free(&path);
  gan_free(&link);
}

gan_status gan_store_write(const char *run_dir, const gan_checkpoint_content *content,
                           int64_t keep_last, int64_t keep_every) {
  char *path = gan_store_path(run_dir, content->facts.step);
  char *link = gan_format("%s/checkpoints/latest", run_dir);
  const gan_permit *permit = content->permit;
  gan_status status = path && link ? gan_checkpoint_write(path, content) : GAN_NO_MEMORY;
  if (status == GAN_OK && permit) status = permit->ask(permit->context); /* syncing took a while */
  if (status == GAN_OK) {
    gan_link_replace(link, strrchr(path, '/') + 1);
    if (content->facts.best.step) gan_store_link_best(run_dir, content->facts.best.step);
    status = prune(run_dir, content->facts.step, keep_last, keep_every, content->facts.best.step);
  }
  gan_free(&path);
  gan_free(&link);
  return status;
}
