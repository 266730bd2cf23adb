#include "base/status.h"

#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { MESSAGE_MAX = 8192 };

static _Thread_local char message[MESSAGE_MAX];

static int panic_rank = 0;
static void (*panic_end_job)(int) = NULL;

const char *gan_error_message(void) {
  return message;
}

double gan_printable(double x) {
  return isnan(x) ? fabs(x) : x;
}

void gan_fail_clear(void) {
  message[0] = '\0';
}

gan_status gan_fail(gan_status status, const char *format, ...) {
  char text[MESSAGE_MAX]; /* the old message may be one of the arguments */
  va_list args;
  va_start(args, format);
  vsnprintf(text, sizeof text, format, args);
  va_end(args);
  memcpy(message, text, sizeof message);
  return status;
}

gan_status gan_fail_context(gan_status status, const char *format, ...) {
  char text[MESSAGE_MAX];
  va_list args;
  va_start(args, format);
  int used = vsnprintf(text, sizeof text, format, args);
  va_end(args);
  if (used < 0 || used >= MESSAGE_MAX) return status;
  snprintf(text + used, sizeof text - (size_t)used, ": %s", message);
  memcpy(message, text, sizeof message);
  return status;
}

void gan_panic_set(int rank, void (*end_job)(int status)) {
  panic_rank = rank;
  panic_end_job = end_job;
}

_Noreturn void gan_panic(const char *file, int line, const char *condition) {
  fprintf(stderr, "mpigan: bug on rank %d: %s:%d: '%s' does not hold; please report this\n",
          panic_rank, file, line, condition);
  fflush(stderr);
  if (panic_end_job) panic_end_job(GAN_INTERNAL);
  abort();
}

_Noreturn void gan_leave(gan_status status) {
  _exit((int)status);
}
