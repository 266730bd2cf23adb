#include "train/signals.h"

#include <signal.h>
#include <stddef.h>

static const struct {
  int number;
  const char *name;
} signals[] = {{SIGTERM, "SIGTERM"}, {SIGINT, "SIGINT"}, {SIGUSR1, "SIGUSR1"}};

enum { COUNT = sizeof signals / sizeof *signals };

static volatile sig_atomic_t received;

static void note(int number) {
  received = number;
}

void gan_signals_ignore(void) {
  signal(SIGXFSZ, SIG_IGN);
}

void gan_signals_install(void) {
  struct sigaction action = {.sa_handler = note, .sa_flags = SA_RESTART};
  sigemptyset(&action.sa_mask);
  for (int i = 0; i < COUNT; i++) sigaction(signals[i].number, &action, NULL);
  signal(SIGPIPE, SIG_IGN); /* a console that went away does not end a run */
}

int gan_signals_received(void) {
  return received;
}

const char *gan_signals_name(int number) {
  for (int i = 0; i < COUNT; i++)
    if (signals[i].number == number) return signals[i].name;
  return "a signal to another rank";
}
