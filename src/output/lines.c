#include "output/lines.h"

#include "base/memory.h"
#include "io/file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct gan_lines {
  int fd;
  char *path;
};

gan_status gan_lines_open(const char *path, gan_lines **out) {
  GAN_TRY_ALLOC(*out, 1, path);
  (*out)->fd = gan_fd_open(path, O_WRONLY | O_CREAT | O_APPEND);
  (*out)->path = gan_strdup(path);
  if ((*out)->fd >= 0 && (*out)->path) return GAN_OK;
  gan_status status = gan_fail(GAN_OUTPUT, "%s: cannot open: %s", path, strerror(errno));
  gan_lines_close(out);
  return status;
}

void gan_lines_close(gan_lines **lines) {
  if (!*lines) return;
  if ((*lines)->fd >= 0) close((*lines)->fd);
  gan_free(&(*lines)->path);
  gan_free(lines);
}

gan_status gan_lines_append(gan_lines *lines, gan_json *line) {
  const char *text = gan_json_end(line);
  off_t end = lseek(lines->fd, 0, SEEK_END);
  gan_status status = gan_fd_write(lines->fd, lines->path, text, line->used);
  if (status != GAN_OK && end >= 0 && ftruncate(lines->fd, end))
    return gan_fail_context(status, "half a line is left");
  return status;
}

gan_status gan_lines_sync(gan_lines *lines) {
  if (gan_fd_sync(lines->fd) == 0) return GAN_OK;
  return gan_fail(GAN_OUTPUT, "%s: cannot sync to disk: %s", lines->path, strerror(errno));
}

/* The number behind a key, which is spelt "step": with its quotes and a space; `none` if it is not
 * in the line. */
static int64_t number_of(const char *line, size_t length, const char *key, int64_t none) {
  size_t n = strlen(key);
  for (size_t i = 0; i + n < length; i++)
    if (memcmp(line + i, key, n) == 0) return strtoll(line + i + n, NULL, 10);
  return none;
}

static int64_t step_of(const char *line, size_t length) {
  return number_of(line, length, "\"step\": ", INT64_MAX);
}

/* Which roll-back has made the line void, 0 if none. */
static int64_t voided_by(const char *line, size_t length) {
  return number_of(line, length, "\"void\": true, \"rollback\": ", 0);
}

/* A file of ours that cannot be read back cannot be kept either: a failure of output. */
static gan_status read_back(const char *path, char **text, size_t *n) {
  gan_status status = gan_file_read(path, text, n);
  return status == GAN_INPUT ? gan_fail(GAN_OUTPUT, "%s", gan_error_message()) : status;
}

/* Whether the line holds the text; all hold NULL. */
static bool holds(const char *line, size_t length, const char *text) {
  size_t n = text ? strlen(text) : 0;
  for (size_t i = 0; i + n <= length; i++)
    if (memcmp(line + i, text ? text : "", n) == 0) return true;
  return false;
}

static bool stays(const char *line, size_t length, const char *ours, int64_t step,
                  int64_t rollbacks) {
  int64_t rollback = voided_by(line, length);
  if (step == INT64_MAX || !holds(line, length, ours)) return true;
  return rollback ? rollback <= rollbacks : step_of(line, length) <= step;
}

gan_status gan_lines_cut(const char *path, int64_t step, int64_t rollbacks) {
  return gan_lines_cut_ours(path, NULL, step, rollbacks);
}

gan_status gan_lines_cut_ours(const char *path, const char *ours, int64_t step, int64_t rollbacks) {
  char *text;
  size_t n, kept = 0;
  if (!gan_file_exists(path)) return GAN_OK;
  GAN_TRY(read_back(path, &text, &n));
  for (size_t at = 0; at < n;) {
    char *newline = memchr(text + at, '\n', n - at);
    if (!newline) break; /* half a line: its writer was killed */
    size_t length = (size_t)(newline - (text + at)) + 1;
    if (stays(text + at, length, ours, step, rollbacks)) {
      memmove(text + kept, text + at, length);
      kept += length;
    }
    at += length;
  }
  gan_status status = kept == n ? GAN_OK : gan_file_replace(path, text, kept, NULL, 0);
  gan_free(&text);
  return status;
}

/* Copies the lines of `text`, with the mark in those that become void; returns how many bytes. */
static size_t mark_lines(const char *text, size_t n, const char *ours, int64_t step,
                         const char *mark, char *to) {
  size_t used = 0;
  for (size_t at = 0; at < n;) {
    const char *line = text + at, *newline = memchr(line, '\n', n - at);
    if (!newline) break;
    size_t length = (size_t)(newline - line) + 1;
    bool marks = length > 2 && holds(line, length, ours) && step_of(line, length) > step &&
                 !voided_by(line, length);
    size_t kept = marks ? length - 2 : length; /* up to its "}\n" */
    memcpy(to + used, line, kept);
    used += kept;
    if (marks) {
      memcpy(to + used, mark, strlen(mark));
      used += strlen(mark);
    }
    at += length;
  }
  return used;
}

gan_status gan_lines_void(const char *path, int64_t step, int64_t rollback) {
  return gan_lines_void_ours(path, NULL, step, rollback);
}

gan_status gan_lines_void_ours(const char *path, const char *ours, int64_t step, int64_t rollback) {
  char *text, mark[64];
  size_t n, lines = 0;
  if (!gan_file_exists(path)) return GAN_OK;
  GAN_TRY(read_back(path, &text, &n));
  snprintf(mark, sizeof mark, ", \"void\": true, \"rollback\": %lld}\n", (long long)rollback);
  for (size_t i = 0; i < n; i++) lines += text[i] == '\n';
  char *marked = gan_alloc(n + lines * strlen(mark) + 1, 1, path);
  gan_status status = marked ? GAN_OK : GAN_NO_MEMORY;
  if (status == GAN_OK)
    status = gan_file_replace(path, marked, mark_lines(text, n, ours, step, mark, marked), NULL, 0);
  gan_free(&marked);
  gan_free(&text);
  return status;
}

gan_status gan_lines_count(const char *path, const char *needle, int64_t *count) {
  char *text;
  size_t n;
  *count = 0;
  if (!gan_file_exists(path)) return GAN_OK;
  GAN_TRY(read_back(path, &text, &n));
  for (size_t at = 0; at < n;) { /* text[n] is a '\0' */
    char *line = text + at, *newline = memchr(line, '\n', n - at);
    if (newline) *newline = '\0';
    *count += strstr(line, needle) != NULL;
    at = newline ? (size_t)(newline - text) + 1 : n;
  }
  gan_free(&text);
  return GAN_OK;
}
