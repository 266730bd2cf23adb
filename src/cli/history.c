#include "cli/history.h"

#include "base/log.h"
#include "base/memory.h"
#include "checkpoint/lock.h"
#include "io/file.h"
#include "output/fields.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

enum { NUMBER = 32 };

typedef struct {
  const char *run_dir;
  gan_fields fields;
  char line[8000];
  size_t used;
  char running[NUMBER]; /* the start whose stop has not come yet; "": none */
  char ranks[NUMBER];   /* of the start before */
} history;

static void add(history *h, const char *format, ...) __attribute__((format(printf, 2, 3)));

static void add(history *h, const char *format, ...) {
  va_list args;
  va_start(args, format);
  int n = vsnprintf(h->line + h->used, sizeof h->line - h->used, format, args);
  va_end(args);
  if (n > 0) h->used += (size_t)n;
  if (h->used >= sizeof h->line) h->used = sizeof h->line - 1;
}

/* A field's value; "?" where the line has none. */
static const char *value(history *h, const char *key) {
  const char *found = gan_fields_take(&h->fields, key);
  return found ? found : "?";
}

/* A start may end without a word; of the last one the lock says whether it may still be there. */
static void print_missing_stop(history *h, bool last) {
  if (!h->running[0]) return;
  char *holder = last ? gan_lock_holder(h->run_dir) : NULL;
  if (holder)
    gan_log("  start %s: no stop recorded: killed, or still running (run.lock: %s)", h->running,
            holder);
  else
    gan_log("  start %s: no stop recorded: %s", h->running,
            last ? "killed" : "killed, or its folder was taken over");
  gan_free(&holder);
  h->running[0] = '\0';
}

static void add_start(history *h) {
  const char *start = value(h, "start"), *ranks;
  print_missing_stop(h, false);
  snprintf(h->running, sizeof h->running, "%s", start);
  add(h, "start %s at step %s", start, value(h, "step"));
  ranks = value(h, "ranks");
  add(h, " on %s rank%s", ranks, strcmp(ranks, "1") == 0 ? "" : "s");
  if (h->ranks[0] && strcmp(h->ranks, ranks) != 0) add(h, " (%s before)", h->ranks);
  snprintf(h->ranks, sizeof h->ranks, "%s", ranks);
  add(h, ", host %s", value(h, "host"));
  add(h, " pid %s", value(h, "pid"));
  const char *job = value(h, "job");
  if (*job) add(h, ", job %s", job);
  add(h, ", mpigan %s", value(h, "version"));
  add(h, " (%s)", value(h, "git"));
}

static void add_stop(history *h) {
  const char *start = value(h, "start");
  if (strcmp(start, h->running) == 0) h->running[0] = '\0';
  add(h, "stop %s at step %s", start, value(h, "step"));
  add(h, ", status %s", value(h, "status"));
  add(h, ": %s", value(h, "reason"));
}

static void add_skipped_checkpoint(history *h) {
  (void)gan_fields_take(&h->fields, "start"); /* it stands behind its start */
  add(h, "skipped checkpoint %s", value(h, "checkpoint"));
  add(h, ": %s", value(h, "reason"));
}

/* Whatever is not said yet, so that nothing is lost. */
static void add_rest(history *h, const char *separator) {
  for (int i = 0; i < h->fields.count; i++) {
    const gan_field *field = &h->fields.rows[i];
    if (field->taken) continue;
    add(h, "%s%s %s", separator, field->key, field->value);
    separator = ", ";
  }
}

static void print_event(history *h) {
  static const struct {
    const char *event;
    void (*add)(history *h);
  } known[] = {
      {"start", add_start}, {"stop", add_stop}, {"checkpoint-skipped", add_skipped_checkpoint}};
  const char *event = value(h, "event"), *time = gan_fields_take(&h->fields, "time");
  h->used = 0;
  if (time) add(h, "%s ", time);
  for (size_t i = 0; i < sizeof known / sizeof *known; i++)
    if (strcmp(event, known[i].event) == 0) {
      known[i].add(h);
      add_rest(h, ", ");
      gan_log("  %s", h->line);
      return;
    }
  add(h, "%s", event);
  add_rest(h, ": ");
  gan_log("  %s", h->line);
}

static void print_lines(history *h, const char *path, const char *text, size_t n) {
  int number = 0;
  gan_log("history (%s):", path);
  for (size_t at = 0; at < n;) {
    const char *newline = memchr(text + at, '\n', n - at);
    if (!newline) break; /* half a line: its writer was killed, or is at it */
    size_t length = (size_t)(newline - (text + at));
    number++;
    if (gan_fields_read(&h->fields, text + at, length))
      print_event(h);
    else
      gan_log("  line %d cannot be read", number);
    at += length + 1;
  }
  print_missing_stop(h, true);
}

gan_status gan_history_print(const char *run_dir) {
  history *h = NULL;
  char *text = NULL, *path = gan_format("%s/run.jsonl", run_dir);
  size_t n;
  gan_status status = path ? GAN_OK : GAN_NO_MEMORY;
  if (status == GAN_OK && gan_file_exists(path)) {
    status = gan_file_read(path, &text, &n);
    if (status == GAN_OK) h = gan_alloc(1, sizeof *h, "the history of a run");
    if (status == GAN_OK && !h) status = GAN_NO_MEMORY;
    if (h) {
      h->run_dir = run_dir;
      print_lines(h, path, text, n);
    }
  }
  gan_free(&h);
  gan_free(&text);
  gan_free(&path);
  return status;
}
