#include "base/log.h"

#include "base/clock.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

enum { LINE_MAX_BYTES = 8192 };

/* The one piece of process-wide state: where this process's console output goes. */
static struct {
  bool speaks;
  bool terminal;
  bool progress_shown;
  int fd;
} console = {.fd = -1};

void gan_log_start(bool speaks) {
  console.speaks = speaks;
  console.terminal = speaks && isatty(STDOUT_FILENO);
}

void gan_log_set_file(int fd) {
  console.fd = fd;
}

bool gan_log_is_terminal(void) {
  return console.terminal;
}

static void clear_progress(void) {
  if (!console.progress_shown) return;
  fputs("\r\033[K", stdout);
  console.progress_shown = false;
}

/* One write() a line, so that lines of two processes never mix.  A full disk must not end a run
 * for the sake of its log, so the result is not looked at. */
static void write_file(const char *text) {
  if (console.fd < 0) return;
  char line[LINE_MAX_BYTES + 64], time_text[32];
  int length = snprintf(line, sizeof line, "%s %s\n", gan_clock_text(time_text), text);
  if (length >= (int)sizeof line) length = (int)sizeof line - 1;
  ssize_t written = write(console.fd, line, (size_t)length);
  (void)written;
}

void gan_log(const char *format, ...) {
  if (!console.speaks) return;
  char text[LINE_MAX_BYTES];
  va_list args;
  va_start(args, format);
  vsnprintf(text, sizeof text, format, args);
  va_end(args);
  clear_progress();
  puts(text);
  fflush(stdout);
  write_file(text);
}

void gan_log_error(const char *format, ...) {
  if (!console.speaks) return;
  char text[LINE_MAX_BYTES];
  va_list args;
  va_start(args, format);
  vsnprintf(text, sizeof text, format, args);
  va_end(args);
  clear_progress();
  fflush(stdout);
  fprintf(stderr, "mpigan: %s\n", text);
  fflush(stderr);
  write_file(text);
}

void gan_log_progress(const char *text, bool keep) {
  if (!console.terminal) return;
  if (keep) write_file(text);
  fprintf(stdout, "\r%s\033[K", text);
  fflush(stdout);
  console.progress_shown = true;
}
