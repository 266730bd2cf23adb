#define _GNU_SOURCE /* sched_setaffinity */
#include "base/thread.h"

#include <sched.h>
#include <string.h>

void gan_thread_unbind(void) {
#ifdef __linux__
  cpu_set_t all;
  memset(&all, 0xff, sizeof all); /* the kernel leaves out what the job may not use */
  sched_setaffinity(0, sizeof all, &all);
#endif
}
