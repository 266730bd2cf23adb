#include "comm/comm.h"

#include "base/clock.h"
#include "base/hash.h"
#include "base/memory.h"

#include <limits.h>
#include <mpi.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* One MPI call moves at most this many elements, far below the limit of int counts.  The cut is
 * part of the determinism contract: other pieces could be summed in another order. */
enum { PIECE = 1 << 28, TAG_ROWS = 1, MESSAGE_MAX = 8192 };

struct gan_comm {
  MPI_Comm mpi;
  int rank, size;
  bool owns_mpi;  /* this group started MPI */
  double seconds; /* in sums */
  char host[256];
};

static gan_comm alone = {.mpi = MPI_COMM_NULL, .rank = 0, .size = 1};

gan_comm *gan_comm_alone(void) {
  gethostname(alone.host, sizeof alone.host - 1);
  return &alone;
}

static gan_status check(int code, const char *what) {
  if (code == MPI_SUCCESS) return GAN_OK;
  char text[MPI_MAX_ERROR_STRING] = "";
  int length = 0;
  MPI_Error_string(code, text, &length);
  return gan_fail(GAN_TEMPORARY, "MPI: %s failed: %s", what, text);
}

static void end_job(int status) {
  MPI_Abort(MPI_COMM_WORLD, status);
}

static gan_status wrap(MPI_Comm mpi, bool owns_mpi, gan_comm **out) {
  gan_comm *comm;
  GAN_TRY_ALLOC(comm, 1, "a communicator");
  comm->mpi = mpi;
  comm->owns_mpi = owns_mpi;
  MPI_Comm_rank(mpi, &comm->rank);
  MPI_Comm_size(mpi, &comm->size);
  gethostname(comm->host, sizeof comm->host - 1);
  *out = comm;
  return GAN_OK;
}

gan_status gan_comm_start(int *argc, char ***argv, gan_comm **out) {
  int granted;
  MPI_Comm mpi;
  GAN_TRY(check(MPI_Init_thread(argc, argv, MPI_THREAD_MULTIPLE, &granted), "start"));
  MPI_Comm_set_errhandler(MPI_COMM_WORLD, MPI_ERRORS_RETURN);
  GAN_TRY(check(MPI_Comm_dup(MPI_COMM_WORLD, &mpi), "duplicating the communicator"));
  GAN_TRY(wrap(mpi, true, out));
  gan_panic_set((*out)->rank, end_job);
  return GAN_OK;
}

void gan_comm_finish(gan_comm **comm) {
  if (!*comm || !(*comm)->owns_mpi) return;
  MPI_Barrier((*comm)->mpi);
  gan_comm_destroy(comm);
  gan_panic_set(0, NULL);
  MPI_Finalize();
}

gan_status gan_comm_split(gan_comm *comm, int colour, gan_comm **out) {
  MPI_Comm mpi;
  GAN_TRY(check(MPI_Comm_split(comm->mpi, colour, comm->rank, &mpi), "splitting the ranks"));
  return wrap(mpi, false, out);
}

void gan_comm_destroy(gan_comm **comm) {
  if (!*comm || *comm == &alone) return;
  MPI_Comm_free(&(*comm)->mpi);
  gan_free(comm);
}

int gan_comm_launched_rank(void) {
  static const char *const names[] = {"OMPI_COMM_WORLD_RANK", "PMIX_RANK", "PMI_RANK"};
  for (size_t i = 0; i < sizeof names / sizeof *names; i++)
    if (getenv(names[i])) return atoi(getenv(names[i]));
  return 0;
}

int gan_comm_rank(const gan_comm *comm) {
  return comm->rank;
}
int gan_comm_size(const gan_comm *comm) {
  return comm->size;
}
const char *gan_comm_host(const gan_comm *comm) {
  return comm->host;
}

gan_status gan_comm_agree(gan_comm *comm, gan_status mine) {
  if (comm->size == 1) return mine;
  int first = mine == GAN_OK ? INT_MAX : comm->rank, lowest;
  GAN_TRY(check(MPI_Allreduce(&first, &lowest, 1, MPI_INT, MPI_MIN, comm->mpi), "agreeing"));
  if (lowest == INT_MAX) return GAN_OK;
  struct {
    int status, alike;
    char message[MESSAGE_MAX], host[256];
  } report = {.status = (int)mine};
  snprintf(report.message, sizeof report.message, "%s", gan_error_message());
  memcpy(report.host, comm->host, sizeof report.host);
  GAN_TRY(check(MPI_Bcast(&report, sizeof report, MPI_BYTE, lowest, comm->mpi), "agreeing"));
  /* A mistake that every rank found alike is not one of a single rank. */
  int alike = mine == (gan_status)report.status && !strcmp(gan_error_message(), report.message);
  GAN_TRY(check(MPI_Allreduce(&alike, &report.alike, 1, MPI_INT, MPI_MIN, comm->mpi), "agreeing"));
  if (report.alike || lowest == 0) return gan_fail((gan_status)report.status, "%s", report.message);
  return gan_fail((gan_status)report.status, "rank %d (%s): %s", lowest, report.host,
                  report.message);
}

gan_status gan_comm_any_true(gan_comm *comm, bool mine, bool *out) {
  int flag = mine, any = flag;
  if (comm->size > 1)
    GAN_TRY(check(MPI_Allreduce(&flag, &any, 1, MPI_INT, MPI_MAX, comm->mpi), "agreeing"));
  *out = any;
  return GAN_OK;
}

gan_status gan_comm_broadcast(gan_comm *comm, void *bytes, size_t n) {
  if (comm->size == 1) return GAN_OK;
  for (size_t at = 0; at < n; at += PIECE) {
    int count = (int)(n - at < PIECE ? n - at : PIECE);
    GAN_TRY(check(MPI_Bcast((char *)bytes + at, count, MPI_BYTE, 0, comm->mpi), "broadcast"));
  }
  return GAN_OK;
}

gan_status gan_comm_broadcast_text(gan_comm *comm, char **text, size_t *length) {
  uint64_t n = *length;
  GAN_TRY(gan_comm_broadcast(comm, &n, sizeof n));
  gan_status status = GAN_OK;
  if (comm->rank != 0) {
    *length = n;
    *text = gan_alloc(n + 1, 1, "a text from rank 0");
    if (!*text) status = GAN_NO_MEMORY;
  }
  GAN_TRY(gan_comm_agree(comm, status));
  return gan_comm_broadcast(comm, *text, n);
}

static gan_status reduce(gan_comm *comm, void *values, size_t n, size_t size, MPI_Datatype type,
                         MPI_Op operation) {
  if (comm->size == 1) return GAN_OK;
  double start = gan_clock();
  for (size_t at = 0; at < n; at += PIECE) {
    int count = (int)(n - at < PIECE ? n - at : PIECE);
    void *piece = (char *)values + at * size;
    GAN_TRY(check(MPI_Allreduce(MPI_IN_PLACE, piece, count, type, operation, comm->mpi),
                  "summing over the ranks"));
  }
  comm->seconds += gan_clock() - start;
  return GAN_OK;
}

gan_status gan_comm_sum_float(gan_comm *comm, float *values, size_t n) {
  return reduce(comm, values, n, sizeof *values, MPI_FLOAT, MPI_SUM);
}

gan_status gan_comm_sum_double(gan_comm *comm, double *values, size_t n) {
  return reduce(comm, values, n, sizeof *values, MPI_DOUBLE, MPI_SUM);
}

gan_status gan_comm_sum_int64(gan_comm *comm, int64_t *values, size_t n) {
  return reduce(comm, values, n, sizeof *values, MPI_INT64_T, MPI_SUM);
}

gan_status gan_comm_max_int32(gan_comm *comm, int32_t *values, size_t n) {
  return reduce(comm, values, n, sizeof *values, MPI_INT32_T, MPI_MAX);
}

gan_status gan_comm_send(gan_comm *comm, int to, const void *bytes, size_t n) {
  for (size_t at = 0; at < n; at += PIECE) {
    int count = (int)(n - at < PIECE ? n - at : PIECE);
    GAN_TRY(check(MPI_Send((const char *)bytes + at, count, MPI_BYTE, to, TAG_ROWS, comm->mpi),
                  "send"));
  }
  return GAN_OK;
}

gan_status gan_comm_receive(gan_comm *comm, int from, void *bytes, size_t n) {
  for (size_t at = 0; at < n; at += PIECE) {
    int count = (int)(n - at < PIECE ? n - at : PIECE);
    GAN_TRY(check(
        MPI_Recv((char *)bytes + at, count, MPI_BYTE, from, TAG_ROWS, comm->mpi, MPI_STATUS_IGNORE),
        "receive"));
  }
  return GAN_OK;
}

gan_status gan_comm_gather(gan_comm *comm, const void *mine, size_t n, void *all) {
  GAN_ASSERT(n <= PIECE);
  if (comm->size == 1) {
    memcpy(all, mine, n);
    return GAN_OK;
  }
  return check(MPI_Allgather(mine, (int)n, MPI_BYTE, all, (int)n, MPI_BYTE, comm->mpi), "gather");
}

gan_status gan_comm_compare(gan_comm *comm, const void *bytes, size_t n, int *rank) {
  gan_digest mine = gan_digest_of(bytes, n), first = mine;
  GAN_TRY(gan_comm_broadcast(comm, &first, sizeof first));
  int odd = gan_digest_equal(mine, first) ? INT_MAX : comm->rank, lowest = odd;
  if (comm->size > 1)
    GAN_TRY(check(MPI_Allreduce(&odd, &lowest, 1, MPI_INT, MPI_MIN, comm->mpi), "comparing"));
  *rank = lowest == INT_MAX ? -1 : lowest;
  return GAN_OK;
}

double gan_comm_seconds(const gan_comm *comm) {
  return comm->seconds;
}

gan_status gan_comm_barrier(gan_comm *comm) {
  return comm->size == 1 ? GAN_OK : check(MPI_Barrier(comm->mpi), "barrier");
}

char *gan_comm_library(char *text, size_t size) {
  char version[MPI_MAX_LIBRARY_VERSION_STRING];
  int length;
  MPI_Get_library_version(version, &length);
  version[strcspn(version, ",\n")] = '\0';
  snprintf(text, size, "%s", version);
  return text;
}
