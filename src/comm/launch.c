/* What the launcher's environment says of the job, beside what MPI says. */
#include "comm/launch.h"

#include "base/clock.h"
#include "comm/comm.h"

#include <stdbool.h>
#include <stdlib.h>

/* Who started this process as one of several that belong together. */
static const struct {
  const char *launcher, *size, *rank;
} launchers[] = {
    {"mpirun of Open MPI", "OMPI_COMM_WORLD_SIZE", "OMPI_COMM_WORLD_RANK"},
    {"mpiexec of MPICH, Intel MPI or their kin", "PMI_SIZE", "PMI_RANK"},
    {"srun", "SLURM_STEP_NUM_TASKS", "SLURM_PROCID"},
};

enum { LAUNCHERS = sizeof launchers / sizeof *launchers };

int gan_comm_launched_rank(void) {
  static const char *const names[] = {"OMPI_COMM_WORLD_RANK", "PMIX_RANK", "PMI_RANK"};
  for (size_t i = 0; i < sizeof names / sizeof *names; i++)
    if (getenv(names[i])) return atoi(getenv(names[i]));
  return 0;
}

bool gan_comm_launched(void) {
  for (int i = 0; i < LAUNCHERS; i++) {
    const char *size = getenv(launchers[i].size);
    if (size) return atoi(size) > 1; /* the first that speaks is the innermost launcher */
  }
  return false;
}

/* One message for the job, from its first process; the others leave after it. */
static gan_status refuse(int by, int ranks) {
  const char *rank = getenv(launchers[by].rank), *size = getenv(launchers[by].size);
  if (rank && atoi(rank) != 0) {
    gan_sleep(1);
    return gan_fail(GAN_USAGE, "%s", "");
  }
  return gan_fail(
      GAN_USAGE,
      "%s started %s processes (%s), but MPI joins %d of them: each would train on its "
      "own and write to the same folder; start mpigan with the launcher of the MPI that "
      "it was built with (mpigan --version): srun --mpi=pmix for Open MPI, or its own "
      "mpirun",
      launchers[by].launcher, size, launchers[by].size, ranks);
}

gan_status gan_launch_check_before(void) {
  static const char *const managers[] = {"PMIX_RANK", "PMI_RANK", "PMI_FD", "OMPI_COMM_WORLD_SIZE"};
  const int srun = LAUNCHERS - 1;
  const char *tasks = getenv(launchers[srun].size);
  if (!tasks || atoi(tasks) <= 1) return GAN_OK;
  for (size_t i = 0; i < sizeof managers / sizeof *managers; i++)
    if (getenv(managers[i])) return GAN_OK;
  return refuse(srun, 1);
}

gan_status gan_launch_check(int ranks) {
  for (int i = 0; i < LAUNCHERS; i++) {
    const char *size = getenv(launchers[i].size);
    if (!size) continue; /* the first that speaks is the innermost launcher */
    return ranks == 1 && atoi(size) > 1 ? refuse(i, ranks) : GAN_OK;
  }
  return GAN_OK;
}
