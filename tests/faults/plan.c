/* What strikes where: see faults.h. */
#define _GNU_SOURCE
#include "faults/faults.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

/* The calls that count where a plan names none. */
static const char writers[] =
    "open,write,pwrite,fsync,fdatasync,ftruncate,close,rename,unlink,symlink";

static const fault_plan *plan;
static long counted, clock_s;

void fault_set(const fault_plan *now) {
  __atomic_store_n(&counted, 0, __ATOMIC_SEQ_CST);
  __atomic_store_n(&plan, now, __ATOMIC_SEQ_CST);
}

long fault_clock(void) {
  return __atomic_load_n(&clock_s, __ATOMIC_SEQ_CST);
}

void fault_die(void) {
  kill(getpid(), SIGKILL);
  for (;;) pause();
}

static bool lists(const char *names, const char *name) {
  size_t length = strlen(name);
  for (const char *at = names; (at = strstr(at, name)); at += length)
    if ((at == names || at[-1] == ',') && (at[length] == ',' || !at[length])) return true;
  return false;
}

/* By the system's own call: ours would ask again. */
static void trace(const char *call, const char *path, bool struck) {
  char line[4200];
  int n = snprintf(line, sizeof line, "%s%s %s\n", struck ? "! " : "", call, path);
  long fd = syscall(SYS_openat, AT_FDCWD, plan->trace, O_WRONLY | O_CREAT | O_APPEND, 0666);
  if (fd < 0 || syscall(SYS_write, fd, line, n) != n) abort();
  syscall(SYS_close, fd);
}

static void limit_files(rlim_t bytes) {
  struct rlimit limit = {bytes, bytes};
  if (setrlimit(RLIMIT_FSIZE, &limit)) abort();
}

static fault_verdict strike(long number) {
  switch (plan->action) {
  case FAULT_SHORT:
    if (number == plan->at) return FAULT_HALF;
    errno = plan->then;
    return plan->then ? FAULT_FAILED : FAULT_HALF;
  case FAULT_KILL:
    fault_die();
    break;
  case FAULT_KILL_AFTER:
    return FAULT_DIE_AFTER;
  case FAULT_RAISE:
    kill(getpid(), plan->value);
    return FAULT_GO_ON;
  case FAULT_CLOCK:
    __atomic_store_n(&clock_s, plan->value, __ATOMIC_SEQ_CST);
    return FAULT_GO_ON;
  case FAULT_LIMIT:
    limit_files((rlim_t)plan->value);
    return FAULT_GO_ON;
  case FAULT_FAIL:
    break;
  }
  errno = plan->value;
  return FAULT_FAILED;
}

fault_verdict fault_ask(const char *call, int fd, const char *path) {
  const fault_plan *now = __atomic_load_n(&plan, __ATOMIC_SEQ_CST);
  int kept = errno;
  char link[64], found[4096] = "";
  bool counts = now && lists(now->calls ? now->calls : writers, call);
  if (!now || !(counts || (now->trace && lists(writers, call)))) return FAULT_GO_ON;
  if (!path) {
    snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    if (readlink(link, found, sizeof found - 1) < 0) *found = '\0';
    errno = kept;
    path = found;
  }
  if (now->path && !strstr(path, now->path)) return FAULT_GO_ON;
  long number = counts ? __atomic_add_fetch(&counted, 1, __ATOMIC_SEQ_CST) : 0;
  bool struck = counts && number >= now->at && (now->last == 0 || number <= now->last);
  if (now->trace) trace(call, path, struck);
  errno = kept;
  return struck ? strike(number) : FAULT_GO_ON;
}
