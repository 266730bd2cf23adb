/* Calls into the system that fail, stop halfway or end the process, at a chosen one of them.
 *
 * calls.c stands before the C library's functions: a test program links it with the linker's --wrap
 * (FAULTS_WRAP) and sets a plan; libfaults.so is preloaded into the whole program (LD_PRELOAD) and
 * takes its plan from the environment variable FAULTS, a list of words KEY=VALUE:
 *
 *   calls=write,fsync   which calls count (see names in plan.c); without it all that write
 *   path=checkpoints/   only where the file's path holds that
 *   at=3 last=5         the 3rd to the 5th such call; last: as `at`, 0: all later ones too
 *   do=ENOSPC           fails with that errno, nothing done
 *   do=short            a write does half of what was asked for; with then=ENOSPC the later ones
 * fail do=KILL, KILL-AFTER the process gets a SIGKILL before or after the call do=TERM, INT, USR1
 * the process gets that signal before the call do=clock+86400      from then on the clock of the
 * day is so many seconds ahead (or clock-...) rank=1              only in that rank of mpirun
 *   trace=/tmp/t        appends a line "CALL PATH" for each call that counts, "! " before one
 * struck
 */
#ifndef GAN_TESTS_FAULTS_H
#define GAN_TESTS_FAULTS_H

#include <stdbool.h>

typedef enum {
  FAULT_FAIL,
  FAULT_SHORT,
  FAULT_KILL,
  FAULT_KILL_AFTER,
  FAULT_RAISE,
  FAULT_CLOCK,
  FAULT_LIMIT
} fault_do;

typedef struct fault_plan {
  const char *calls, *path; /* NULL: those that write; any path */
  long at, last;
  fault_do action;
  int value;         /* errno, signal, seconds or bytes */
  int then;          /* errno */
  const char *trace; /* a file, or NULL */
} fault_plan;

/* From now on, in this process; NULL ends it.  The plan is borrowed. */
void fault_set(const fault_plan *plan);

/* What calls.c asks before each call; `path` is NULL for "that of this fd".  errno is set where the
 * call is to fail. */
typedef enum { FAULT_GO_ON, FAULT_FAILED, FAULT_HALF, FAULT_DIE_AFTER } fault_verdict;
fault_verdict fault_ask(const char *call, int fd, const char *path);

void fault_die(void);

/* How far the clock of the day is off, in seconds. */
long fault_clock(void);

#endif
