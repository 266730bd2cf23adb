#include "base/log.h"

#include "base/clock.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
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

/* Open MPI gives a rank a pseudo-terminal even where its own output goes to a file, so there the
 * launcher is asked: our parent, if it runs on this host. */
static bool is_terminal(void) {
  if (!isatty(STDOUT_FILENO)) return false;
  if (!getenv("OMPI_COMM_WORLD_RANK")) return true;
  char link[64], target[64] = "";
  snprintf(link, sizeof link, "/proc/%ld/fd/1", (long)getppid());
  if (readlink(link, target, sizeof target - 1) < 0) return false;
  return strncmp(target, "/dev/pts/", 9) == 0 || strncmp(target, "/dev/tty", 8) == 0;
}

void gan_log_start(bool speaks) {
  console.speaks = speaks;
  console.terminal = speaks && is_terminal();
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

void gan_log_last(const char *text) {
  char line[LINE_MAX_BYTES + 64];
  int length =
      snprintf(line, sizeof line, "%smpigan: %s\n", console.progress_shown ? "\r\033[K" : "", text);
  if (length >= (int)sizeof line) length = (int)sizeof line - 1;
  ssize_t written = write(STDERR_FILENO, line, (size_t)length);
  (void)written;
  write_file(text);
}

void gan_log_progress(const char *text, bool keep) {
  if (!console.terminal) return;
  if (keep) write_file(text);
  fprintf(stdout, "\r%s\033[K", text);
  fflush(stdout);
  console.progress_shown = true;
}
