#include "output/lines.h"

#include "base/memory.h"
#include "io/file.h"

#include <errno.h>
#include <fcntl.h>
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

/* The value behind "step": in a line, INT64_MAX if there is none. */
static int64_t step_of(const char *line, size_t length) {
  static const char key[] = "\"step\": ";
  for (size_t i = 0; i + sizeof key <= length; i++)
    if (memcmp(line + i, key, sizeof key - 1) == 0)
      return strtoll(line + i + sizeof key - 1, NULL, 10);
  return INT64_MAX;
}

/* A file of ours that cannot be read back cannot be kept either: a failure of output. */
static gan_status read_back(const char *path, char **text, size_t *n) {
  gan_status status = gan_file_read(path, text, n);
  return status == GAN_INPUT ? gan_fail(GAN_OUTPUT, "%s", gan_error_message()) : status;
}

gan_status gan_lines_cut(const char *path, int64_t step) {
  char *text;
  size_t n, kept = 0;
  if (!gan_file_exists(path)) return GAN_OK;
  GAN_TRY(read_back(path, &text, &n));
  for (size_t at = 0; at < n;) {
    char *newline = memchr(text + at, '\n', n - at);
    if (!newline) break; /* half a line: its writer was killed */
    size_t length = (size_t)(newline - (text + at)) + 1;
    if (step == INT64_MAX || step_of(text + at, length) <= step) {
      memmove(text + kept, text + at, length);
      kept += length;
    }
    at += length;
  }
  gan_status status = kept == n ? GAN_OK : gan_file_replace(path, text, kept, NULL, 0);
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
