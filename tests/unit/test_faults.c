/* A checkpoint and a line of metrics, interrupted at each of the calls that write them: by an
 * error, by a write that does half, by SIGKILL before and after the call.  What is there afterwards
 * is the old or the new, whole. */
#include "base/memory.h"
#include "faults/faults.h"
#include "output/lines.h"
#include "unit/store_support.h"
#include "unit/support.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

enum { CALLS_MAX = 100, FOR_EVER = 0, ONCE = 1 };

static const struct {
  const char *calls;
  fault_do action;
  int value, then, length;
  bool survived; /* it must not be noticed */
} modes[] = {
    {NULL, FAULT_FAIL, ENOSPC, 0, ONCE, false},
    {NULL, FAULT_FAIL, EIO, 0, ONCE, false},
    {NULL, FAULT_FAIL, EDQUOT, 0, ONCE, false},
    {NULL, FAULT_FAIL, EROFS, 0, FOR_EVER, false},
    {NULL, FAULT_FAIL, ENOSPC, 0, FOR_EVER, false},
    {"open,write,pwrite,fsync,close", FAULT_FAIL, EINTR, 0, ONCE, true},
    {"write,pwrite", FAULT_SHORT, 0, 0, ONCE, true},
    {"write,pwrite", FAULT_SHORT, 0, 0, FOR_EVER, true},
    {"write,pwrite", FAULT_SHORT, 0, ENOSPC, FOR_EVER, false},
    {NULL, FAULT_KILL, 0, 0, ONCE, false},
    {NULL, FAULT_KILL_AFTER, 0, 0, ONCE, false},
};

enum { MODES = sizeof modes / sizeof *modes };

static bool kills(int mode) {
  return modes[mode].action == FAULT_KILL || modes[mode].action == FAULT_KILL_AFTER;
}

/* ---- a process whose k-th call is struck ---- */

typedef struct {
  int status;         /* the process's */
  char message[4096]; /* the recorded one */
  char struck[4096];  /* "CALL PATH" of the first that was; "" for none */
  bool renamed;       /* a checkpoint got its name */
} outcome;

/* "rename PATH" where the path ends so, done. */
static bool is_rename(const char *line, const char *ending) {
  size_t n = strlen(line), m = strlen(ending);
  return strncmp(line, "rename ", 7) == 0 && n >= m && strcmp(line + n - m, ending) == 0;
}

static void read_trace(outcome *found, int mode) {
  size_t n;
  bool after = modes[mode].action == FAULT_KILL_AFTER;
  if (!unit_exists(unit_path("trace"))) return;
  char *text = unit_read(unit_path("trace"), &n);
  for (char *line = strtok(text, "\n"); line; line = strtok(NULL, "\n")) {
    bool struck = line[0] == '!', done = !struck || after;
    if (struck) line += 2;
    if (struck && !*found->struck) snprintf(found->struck, sizeof found->struck, "%s", line);
    if (done && is_rename(line, ".h5")) found->renamed = true;
  }
  gan_free(&text);
  unlink(unit_path("trace"));
}

/* Runs `work` in a process of its own with the k-th call struck. */
static outcome strike(gan_status (*work)(void), int mode, long k) {
  static char trace[4096]; /* unit_path's is good for so long only */
  outcome found = {0};
  snprintf(trace, sizeof trace, "%s", unit_path("trace"));
  fault_plan plan = {.calls = modes[mode].calls,
                     .path = unit_folder(),
                     .at = k,
                     .last = modes[mode].length == ONCE ? k : 0,
                     .action = modes[mode].action,
                     .value = modes[mode].value,
                     .then = modes[mode].then,
                     .trace = trace};
  pid_t child = fork();
  ck_assert_int_ge(child, 0);
  if (child == 0) {
    gan_fail_clear();
    fault_set(&plan);
    gan_status status = work();
    fault_set(NULL);
    unit_write(unit_path("message"), gan_error_message(), strlen(gan_error_message()));
    _exit(status);
  }
  ck_assert_int_eq(waitpid(child, &found.status, 0), child);
  read_trace(&found, mode);
  size_t n;
  if (unit_exists(unit_path("message"))) {
    char *text = unit_read(unit_path("message"), &n);
    snprintf(found.message, sizeof found.message, "%s", text);
    gan_free(&text);
    unlink(unit_path("message"));
  }
  return found;
}

/* ---- a checkpoint ---- */

static int64_t new_step;

static gan_status write_second(void) {
  return store_write_step(new_step, "second", 1, 0);
}

/* Calls whose failure does no harm: the link for people, an old checkpoint or a temporary file that
 * cannot go, a folder that was synced and does not close. */
static bool is_harmless(const char *struck) {
  return strstr(struck, "/latest") || !strncmp(struck, "unlink ", 7) ||
         (!strncmp(struck, "close ", 6) && !strstr(struck, ".tmp"));
}

static void check_status(const outcome *found, int mode, long k) {
  if (kills(mode)) {
    ck_assert_msg(WIFSIGNALED(found->status) && WTERMSIG(found->status) == SIGKILL, "call %ld (%s)",
                  k, found->struck);
    return;
  }
  ck_assert_msg(WIFEXITED(found->status), "call %ld (%s) ended it", k, found->struck);
  bool fine = modes[mode].survived || is_harmless(found->struck);
  gan_status wanted = fine ? GAN_OK : GAN_OUTPUT;
  ck_assert_msg(WEXITSTATUS(found->status) == wanted, "mode %d, call %ld (%s): status %d, %s", mode,
                k, found->struck, WEXITSTATUS(found->status), found->message);
  if (fine) return;
  const char *cause = strerror(modes[mode].then ? modes[mode].then : modes[mode].value);
  ck_assert_msg(strstr(found->message, unit_folder()) && strstr(found->message, cause),
                "call %ld (%s): %s", k, found->struck, found->message);
}

static bool same_file(const char *path, const char *bytes, size_t n) {
  size_t size;
  char *now = unit_read(path, &size);
  bool same = size == n && memcmp(now, bytes, n) == 0;
  gan_free(&now);
  return same;
}

/* Loops: each mode, for a later step and for the same step again. */
START_TEST(checkpoint_is_old_or_new) {
  int mode = _i / 2;
  size_t old_n, new_n;
  new_step = _i % 2 ? 1 : 2;
  const char *listing = new_step == 1 ? "latest step-00000001.h5" : "latest step-00000002.h5";
  check_ok(gan_store_prepare(unit_folder()));
  check_ok(write_second());
  char *new_bytes = unit_read(store_file_of(new_step), &new_n);
  unlink(store_file_of(new_step));
  check_ok(store_write_step(1, "first", 1, 0));
  char *old_bytes = unit_read(store_file_of(1), &old_n);

  long k = 1;
  for (;; k++) {
    ck_assert_int_lt(k, CALLS_MAX);
    outcome found = strike(write_second, mode, k);
    if (!*found.struck) { /* none was left */
      ck_assert_int_eq(found.status, 0);
      break;
    }
    check_status(&found, mode, k);
    check_store_whole();
    ck_assert_int_eq(store_newest_step(), found.renamed ? new_step : 1);
    ck_assert(store_newest_is(found.renamed ? "second" : "first"));
    if (found.renamed)
      ck_assert(same_file(store_file_of(new_step), new_bytes, new_n));
    else
      ck_assert(same_file(store_file_of(1), old_bytes, old_n));
    if (found.status == 0) ck_assert(found.renamed);

    /* The next start: no temporary file is left, and what it writes is there. */
    check_ok(gan_store_prepare(unit_folder()));
    ck_assert_int_eq(store_newest_step(), found.renamed ? new_step : 1);
    check_store_whole();
    ck_assert(!unit_exists(unit_path("checkpoints/latest.tmp")));
    ck_assert(!unit_exists(unit_path("checkpoints/step-%08lld.h5.tmp", (long long)new_step)));
    check_ok(write_second());
    check_store_listing(listing);
    ck_assert(same_file(store_file_of(new_step), new_bytes, new_n));

    unlink(store_file_of(new_step)); /* as it was */
    check_ok(store_write_step(1, "first", 1, 0));
    check_store_listing("latest step-00000001.h5");
  }
  bool all = !modes[mode].calls;
  ck_assert_int_gt(k, all ? 8 : 2); /* so many calls at least, else nothing was struck */
  gan_free(&new_bytes);
  gan_free(&old_bytes);
}
END_TEST

/* ---- lines ---- */

static const char two_lines[] = "{\"step\": 1}\n{\"step\": 2}\n";

static gan_status append(gan_lines *lines, int64_t step, const char *text) {
  gan_json line;
  gan_json_begin(&line);
  gan_json_int(&line, "step", step);
  gan_json_text(&line, "text", text);
  GAN_TRY(gan_lines_append(lines, &line));
  return gan_lines_sync(lines);
}

/* A start at step 2 that comes to step 3. */
static gan_status cut_and_append(void) {
  gan_lines *lines;
  const char *path = unit_path("metrics.jsonl");
  GAN_TRY(gan_lines_cut(path, 2, 0));
  GAN_TRY(gan_lines_open(path, &lines));
  gan_status status = append(lines, 3, "new");
  gan_lines_close(&lines);
  return status;
}

/* The text is one of these. */
static void check_lines(const char *text, const char *const *wanted) {
  for (; *wanted; wanted++)
    if (strcmp(text, *wanted) == 0) return;
  ck_abort_msg("left: %s", text);
}

START_TEST(lines_are_whole) {
  static const char before[] = "{\"step\": 1}\n{\"step\": 2}\n{\"step\": 3, \"text\": \"old\"}\n";
  static const char after[] = "{\"step\": 1}\n{\"step\": 2}\n{\"step\": 3, \"text\": \"new\"}\n";
  static const char *const possible[] = {before, two_lines, after, NULL};
  int mode = _i;
  size_t n;
  char path[4096];
  long k = 1;
  snprintf(path, sizeof path, "%s", unit_path("metrics.jsonl"));
  for (;; k++) {
    ck_assert_int_lt(k, CALLS_MAX);
    unit_write(path, before, strlen(before));
    outcome found = strike(cut_and_append, mode, k);
    char *text = unit_read(path, &n);
    if (found.status == 0) ck_assert_str_eq(text, after);
    gan_free(&text);
    if (!*found.struck) break;
    bool closing = strncmp(found.struck, "close ", 6) == 0 && !strstr(found.struck, ".tmp");
    if (!kills(mode) && !closing)
      ck_assert_msg(WIFEXITED(found.status) &&
                        (WEXITSTATUS(found.status) == GAN_OUTPUT) == !modes[mode].survived,
                    "mode %d, call %ld (%s): status %d, %s", mode, k, found.struck,
                    WEXITSTATUS(found.status), found.message);
    check_ok(gan_lines_cut(path, INT64_MAX, 0)); /* the next start keeps whole lines only */
    text = unit_read(path, &n);
    check_lines(text, possible);
    gan_free(&text);
    check_ok(cut_and_append());
    text = unit_read(path, &n);
    ck_assert_str_eq(text, after);
    gan_free(&text);
    unlink(unit_path("metrics.jsonl.tmp"));
  }
  ck_assert_int_gt(k, 2);
}
END_TEST

int main(void) {
  const unit_test tests[] = {
      {checkpoint_is_old_or_new, 2 * MODES},
      {lines_are_whole, MODES},
  };
  return UNIT_MAIN("faults", tests);
}
