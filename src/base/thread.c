#define _GNU_SOURCE /* sched_setaffinity, SCHED_IDLE */
#include "base/thread.h"

#include "base/memory.h"

#include <sched.h>
#include <signal.h>
#include <string.h>

typedef struct {
  void *(*work)(void *);
  void *data;
} job;

static void unbind(void) {
#ifdef __linux__
  cpu_set_t all;
  memset(&all, 0xff, sizeof all); /* the kernel leaves out what the job may not use */
  sched_setaffinity(0, sizeof all, &all);
#endif
}

static void *run(void *data) {
  job mine = *(job *)data;
  gan_free(&data);
  unbind();
  return mine.work(mine.data);
}

gan_status gan_thread_start(pthread_t *thread, void *(*work)(void *), void *data) {
  job *given;
  sigset_t all, before;
  GAN_TRY_ALLOC(given, 1, "a thread");
  *given = (job){work, data};
  sigfillset(&all);
  pthread_sigmask(SIG_SETMASK, &all, &before);
  int code = pthread_create(thread, NULL, run, given);
  pthread_sigmask(SIG_SETMASK, &before, NULL);
  if (code == 0) return GAN_OK;
  gan_free(&given);
  return gan_fail(GAN_NO_MEMORY, "cannot start a thread: %s", strerror(code));
}

void gan_thread_set_idle(void) {
#ifdef SCHED_IDLE
  sched_setscheduler(0, SCHED_IDLE, &(struct sched_param){.sched_priority = 0});
#endif
}
