/* Stands before the calls into the system that can be struck: see faults.h. */
#define _GNU_SOURCE
#include "faults/faults.h"

#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

/* OURS is the name under which the program finds our function, REAL what ours then calls. */
#ifdef FAULTS_WRAP
#define OURS(name) __wrap_##name
#define DECLARE(result, name, ...)                                                                 \
  result __real_##name(__VA_ARGS__);                                                               \
  result __wrap_##name(__VA_ARGS__);
#define REAL(name) __real_##name
#else
#define OURS(name) name
#define DECLARE(result, name, ...)                                                                 \
  result name(__VA_ARGS__);                                                                        \
  static result (*real_##name(void))(__VA_ARGS__) {                                                \
    static void *found;                                                                            \
    if (!found) found = dlsym(RTLD_NEXT, #name);                                                   \
    return (result(*)(__VA_ARGS__))found;                                                          \
  }
#define REAL(name) real_##name()
#endif

/* A call of an int that is 0 or -1. */
#define ZERO_OR_FAIL(call, fd, path, real)                                                         \
  do {                                                                                             \
    fault_verdict verdict = fault_ask(call, fd, path);                                             \
    if (verdict == FAULT_FAILED) return -1;                                                        \
    int result = (real);                                                                           \
    if (verdict == FAULT_DIE_AFTER) fault_die();                                                   \
    return result;                                                                                 \
  } while (0)

DECLARE(ssize_t, write, int, const void *, size_t)
DECLARE(ssize_t, pwrite, int, const void *, size_t, off_t)
DECLARE(int, fsync, int)
DECLARE(int, fdatasync, int)
DECLARE(int, ftruncate, int, off_t)
DECLARE(int, close, int)
DECLARE(int, rename, const char *, const char *)
DECLARE(int, unlink, const char *)
DECLARE(int, symlink, const char *, const char *)
DECLARE(int, open, const char *, int, ...)

ssize_t OURS(write)(int fd, const void *bytes, size_t n) {
  fault_verdict verdict = fault_ask("write", fd, NULL);
  if (verdict == FAULT_FAILED) return -1;
  ssize_t result = REAL(write)(fd, bytes, verdict == FAULT_HALF ? (n + 1) / 2 : n);
  if (verdict == FAULT_DIE_AFTER) fault_die();
  return result;
}

ssize_t OURS(pwrite)(int fd, const void *bytes, size_t n, off_t at) {
  fault_verdict verdict = fault_ask("pwrite", fd, NULL);
  if (verdict == FAULT_FAILED) return -1;
  ssize_t result = REAL(pwrite)(fd, bytes, verdict == FAULT_HALF ? (n + 1) / 2 : n, at);
  if (verdict == FAULT_DIE_AFTER) fault_die();
  return result;
}

int OURS(fsync)(int fd) {
  ZERO_OR_FAIL("fsync", fd, NULL, REAL(fsync)(fd));
}

int OURS(fdatasync)(int fd) {
  ZERO_OR_FAIL("fdatasync", fd, NULL, REAL(fdatasync)(fd));
}

int OURS(ftruncate)(int fd, off_t length) {
  ZERO_OR_FAIL("ftruncate", fd, NULL, REAL(ftruncate)(fd, length));
}

/* As Linux does it: the descriptor is gone, whatever is told. */
int OURS(close)(int fd) {
  fault_verdict verdict = fault_ask("close", fd, NULL);
  int told = errno, result = REAL(close)(fd);
  if (verdict == FAULT_DIE_AFTER) fault_die();
  if (verdict != FAULT_FAILED) return result;
  errno = told;
  return -1;
}

int OURS(rename)(const char *from, const char *to) {
  ZERO_OR_FAIL("rename", -1, to, REAL(rename)(from, to));
}

int OURS(unlink)(const char *path) {
  ZERO_OR_FAIL("unlink", -1, path, REAL(unlink)(path));
}

int OURS(symlink)(const char *target, const char *path) {
  ZERO_OR_FAIL("symlink", -1, path, REAL(symlink)(target, path));
}

/* "open" is for writing, or of a folder (to sync it); "read" is an open for reading. */
int OURS(open)(const char *path, int flags, ...) {
  mode_t mode = 0;
  if (flags & O_CREAT) {
    va_list args;
    va_start(args, flags);
    mode = va_arg(args, mode_t);
    va_end(args);
  }
  bool writes = (flags & O_ACCMODE) != O_RDONLY || (flags & (O_CREAT | O_DIRECTORY)) != 0;
  ZERO_OR_FAIL(writes ? "open" : "read", -1, path, REAL(open)(path, flags, mode));
}

#ifndef FAULTS_WRAP

DECLARE(int, flock, int, int)
DECLARE(int, fcntl, int, int, ...)
DECLARE(int, fcntl64, int, int, ...)
DECLARE(int, gettimeofday, struct timeval *, void *)
DECLARE(int, clock_gettime, clockid_t, struct timespec *)

int flock(int fd, int operation) {
  ZERO_OR_FAIL("lock", fd, NULL, REAL(flock)(fd, operation));
}

static bool locks(int command) {
  return command == F_SETLK || command == F_SETLKW || command == F_OFD_SETLK ||
         command == F_OFD_SETLKW || command == F_GETLK;
}

#define FCNTL(name)                                                                                \
  int name(int fd, int command, ...) {                                                             \
    va_list args;                                                                                  \
    va_start(args, command);                                                                       \
    void *argument = va_arg(args, void *);                                                         \
    va_end(args);                                                                                  \
    if (locks(command)) ZERO_OR_FAIL("lock", fd, NULL, REAL(name)(fd, command, argument));         \
    return REAL(name)(fd, command, argument);                                                      \
  }
FCNTL(fcntl)
FCNTL(fcntl64)

int clock_gettime(clockid_t clock, struct timespec *out) {
  int result = REAL(clock_gettime)(clock, out);
  if (result == 0 && clock == CLOCK_REALTIME) out->tv_sec += fault_clock();
  return result;
}

int gettimeofday(struct timeval *restrict out, void *restrict zone) {
  int result = REAL(gettimeofday)(out, zone);
  if (result == 0) out->tv_sec += fault_clock();
  return result;
}

time_t time(time_t *out) {
  struct timespec now;
  clock_gettime(CLOCK_REALTIME, &now);
  if (out) *out = now.tv_sec;
  return now.tv_sec;
}

#endif
