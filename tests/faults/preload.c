/* The plan of a preloaded library, from the environment; and MPI's calls, which count too. */
#include "faults/faults.h"

#include <errno.h>
#include <mpi.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const struct {
  const char *name;
  fault_do action;
  int value;
} actions[] = {
    {"ENOSPC", FAULT_FAIL, ENOSPC},      {"EIO", FAULT_FAIL, EIO},
    {"EDQUOT", FAULT_FAIL, EDQUOT},      {"EROFS", FAULT_FAIL, EROFS},
    {"EINTR", FAULT_FAIL, EINTR},        {"ENOLCK", FAULT_FAIL, ENOLCK},
    {"ENOSYS", FAULT_FAIL, ENOSYS},      {"EACCES", FAULT_FAIL, EACCES},
    {"short", FAULT_SHORT, 0},           {"KILL", FAULT_KILL, 0},
    {"KILL-AFTER", FAULT_KILL_AFTER, 0}, {"TERM", FAULT_RAISE, SIGTERM},
    {"INT", FAULT_RAISE, SIGINT},        {"USR1", FAULT_RAISE, SIGUSR1},
};

/* A mistake in a test must not look like a run that nothing struck. */
static void refuse(const char *word) {
  fprintf(stderr, "FAULTS: cannot understand '%s'\n", word);
  abort();
}

static void set_action(fault_plan *plan, const char *name) {
  if (strncmp(name, "limit", 5) == 0) {
    plan->action = FAULT_LIMIT;
    plan->value = atoi(name + 5);
    return;
  }
  if (strncmp(name, "clock", 5) == 0) {
    plan->action = FAULT_CLOCK;
    plan->value = atoi(name + 5);
    return;
  }
  for (size_t i = 0; i < sizeof actions / sizeof *actions; i++)
    if (strcmp(actions[i].name, name) == 0) {
      plan->action = actions[i].action;
      plan->value = actions[i].value;
      return;
    }
  refuse(name);
}

static int errno_of(const char *name) {
  fault_plan plan = {0};
  set_action(&plan, name);
  return plan.value;
}

/* Cuts "KEY=VALUE" in two. */
static char *value_of(char *word) {
  char *equals = strchr(word, '=');
  if (!equals) refuse(word);
  *equals = '\0';
  return equals + 1;
}

__attribute__((constructor)) static void begin(void) {
  static fault_plan plan;
  static char text[4096];
  const char *wanted = getenv("FAULTS"), *rank = getenv("OMPI_COMM_WORLD_RANK");
  bool ours = true, has_last = false;
  if (!wanted) return;
  snprintf(text, sizeof text, "%s", wanted);
  for (char *word = strtok(text, " "); word; word = strtok(NULL, " ")) {
    char *value = value_of(word);
    if (!strcmp(word, "calls"))
      plan.calls = value;
    else if (!strcmp(word, "path"))
      plan.path = value;
    else if (!strcmp(word, "at"))
      plan.at = atol(value);
    else if (!strcmp(word, "last"))
      plan.last = atol(value), has_last = true;
    else if (!strcmp(word, "do"))
      set_action(&plan, value);
    else if (!strcmp(word, "then"))
      plan.then = errno_of(value);
    else if (!strcmp(word, "trace"))
      plan.trace = value;
    else if (!strcmp(word, "rank"))
      ours = rank && !strcmp(rank, value);
    else
      refuse(word);
  }
  if (!has_last) plan.last = plan.at;
  if (ours) fault_set(&plan);
}

int MPI_Init_thread(int *argc, char ***argv, int required, int *provided) {
  fault_ask("MPI_Init_thread", -1, "");
  return PMPI_Init_thread(argc, argv, required, provided);
}

int MPI_Allreduce(const void *from, void *to, int count, MPI_Datatype type, MPI_Op op,
                  MPI_Comm comm) {
  fault_ask("MPI_Allreduce", -1, "");
  return PMPI_Allreduce(from, to, count, type, op, comm);
}

int MPI_Bcast(void *buffer, int count, MPI_Datatype type, int root, MPI_Comm comm) {
  fault_ask("MPI_Bcast", -1, "");
  return PMPI_Bcast(buffer, count, type, root, comm);
}
