/* Preloaded: every MPI_Allreduce takes MPIGAN_TEST_SLEEP_MS longer, so that a run lasts as long as
 * a test needs it to, whatever the machine, and computes the same numbers. */
#include <mpi.h>
#include <stdlib.h>
#include <time.h>

int MPI_Allreduce(const void *in, void *out, int count, MPI_Datatype type, MPI_Op op,
                  MPI_Comm comm) {
  const char *text = getenv("MPIGAN_TEST_SLEEP_MS");
  long ms = text ? atol(text) : 0;
  nanosleep(&(struct timespec){.tv_sec = ms / 1000, .tv_nsec = ms % 1000 * 1000000}, NULL);
  return PMPI_Allreduce(in, out, count, type, op, comm);
}
