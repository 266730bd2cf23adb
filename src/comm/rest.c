/* Waiting for other ranks without work: what stands aside while others are measured must leave
 * them its core, power and memory. */
#include "base/clock.h"
#include "comm/group.h"

static const double nap_seconds = 2e-4;

gan_status gan_comm_rest(gan_comm *comm, const char *what) {
  if (comm->size == 1) return GAN_OK;
  MPI_Request request;
  int there = 0;
  gan_comm_enter(comm, -1, what);
  int code = MPI_Ibarrier(comm->mpi, &request);
  while (code == MPI_SUCCESS && !there) {
    code = MPI_Test(&request, &there, MPI_STATUS_IGNORE);
    if (!there) gan_sleep(nap_seconds);
  }
  gan_status status = GAN_OK;
  if (code != MPI_SUCCESS) status = gan_fail(GAN_TEMPORARY, "MPI: %s failed", what);
  return gan_comm_leave(comm, status);
}
