#include "base/clock.h"

#include <errno.h>
#include <stdio.h>
#include <time.h>

double gan_clock(void) {
  struct timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return (double)now.tv_sec + 1e-9 * (double)now.tv_nsec;
}

char *gan_clock_text(char text[32]) {
  time_t now = time(NULL);
  struct tm parts;
  localtime_r(&now, &parts);
  strftime(text, 32, "%Y-%m-%dT%H:%M:%S%z", &parts);
  return text;
}

char *gan_duration_text(char text[32], double seconds) {
  long s = (long)(seconds + 0.5);
  if (s < 60) {
    snprintf(text, 32, "%ld s", s);
  } else if (s < 3600) {
    snprintf(text, 32, "%ld m %02ld s", s / 60, s % 60);
  } else {
    snprintf(text, 32, "%ld h %02ld m", s / 3600, s / 60 % 60);
  }
  return text;
}

void gan_sleep(double seconds) {
  struct timespec rest = {.tv_sec = (time_t)seconds};
  rest.tv_nsec = (long)((seconds - (double)rest.tv_sec) * 1e9);
  while (nanosleep(&rest, &rest) && errno == EINTR) continue;
}
