#include "comm/comm.h"

#include "base/clock.h"
#include "base/hash.h"
#include "base/memory.h"
#include "comm/group.h"
#include "comm/launch.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { TAG_ROWS = 1, TAG_MEET, MESSAGE_MAX = 8192 };

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

/* ---- what this rank is in ---- */

void gan_comm_enter(gan_comm *comm, int peer, const char *what) {
  gan_call *call = &comm->call;
  atomic_store_explicit(&call->what, what, memory_order_relaxed);
  atomic_store_explicit(&call->peer, peer, memory_order_relaxed);
  if (peer < 0) atomic_fetch_add_explicit(&call->calls, 1, memory_order_relaxed);
  atomic_fetch_add_explicit(&call->moves, 1, memory_order_acq_rel);
}

gan_status gan_comm_leave(gan_comm *comm, gan_status status) {
  atomic_fetch_add_explicit(&comm->call.moves, 1, memory_order_acq_rel);
  return status;
}

void gan_comm_set_step(gan_comm *comm, int64_t step) {
  atomic_store_explicit(&comm->call.step, step, memory_order_relaxed);
}

/* ---- groups ---- */

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
  GAN_TRY(gan_launch_check_before());
  GAN_TRY(check(MPI_Init_thread(argc, argv, MPI_THREAD_MULTIPLE, &granted), "start"));
  MPI_Comm_set_errhandler(MPI_COMM_WORLD, MPI_ERRORS_RETURN);
  GAN_TRY(check(MPI_Comm_dup(MPI_COMM_WORLD, &mpi), "duplicating the communicator"));
  GAN_TRY(wrap(mpi, true, out));
  (*out)->threads = granted == MPI_THREAD_MULTIPLE;
  gan_panic_set((*out)->rank, end_job);
  return gan_launch_check((*out)->size);
}

void gan_comm_finish(gan_comm **comm) {
  if (!*comm || !(*comm)->owns_mpi) return;
  MPI_Barrier((*comm)->mpi);
  gan_comm_destroy(comm);
  gan_panic_set(0, NULL);
  MPI_Finalize();
}

/* A byte to one rank, and one from another. */
static gan_status meet_one(gan_comm *comm, int to, int from, const char *what) {
  char mine = 0, theirs;
  return check(MPI_Sendrecv(&mine, 1, MPI_BYTE, to, TAG_MEET, &theirs, 1, MPI_BYTE, from, TAG_MEET,
                            comm->mpi, MPI_STATUS_IGNORE),
               what);
}

/* Ranks that are so far apart. */
static gan_status meet(gan_comm *comm, int distance, const char *what) {
  int right = (comm->rank + distance) % comm->size;
  int left = (comm->rank + comm->size - distance) % comm->size;
  GAN_TRY(meet_one(comm, right, left, what));
  return meet_one(comm, left, right, what);
}

gan_status gan_comm_connect(gan_comm *comm, const char *what) {
  enum { ALL_PAIRS = 64 };
  gan_comm_enter(comm, -1, what);
  gan_status status = GAN_OK;
  bool all = comm->size <= ALL_PAIRS;
  for (int k = 1; status == GAN_OK && k < comm->size; k = all ? k + 1 : 2 * k)
    status = meet(comm, k, what);
  /* The watchdogs' pairs: rank 0 with each. */
  int first = comm->rank ? 0 : 1, end = comm->rank ? 1 : comm->size;
  for (int r = first; status == GAN_OK && !all && r < end; r++) status = meet_one(comm, r, r, what);
  if (status == GAN_OK) status = check(MPI_Barrier(comm->mpi), what);
  return gan_comm_leave(comm, status);
}

gan_status gan_comm_dup(gan_comm *comm, MPI_Comm *out, const char *what) {
  gan_comm_enter(comm, -1, what);
  return gan_comm_leave(comm, check(MPI_Comm_dup(comm->mpi, out), what));
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

int gan_comm_rank(const gan_comm *comm) {
  return comm->rank;
}
int gan_comm_size(const gan_comm *comm) {
  return comm->size;
}
const char *gan_comm_host(const gan_comm *comm) {
  return comm->host;
}

/* ---- agreeing ---- */

/* The status of rank `lowest`, the lowest that failed, for all. */
static gan_status share_failure(gan_comm *comm, gan_status mine, int lowest, const char *what) {
  struct {
    int status, alike;
    char message[MESSAGE_MAX], host[256];
  } report = {.status = (int)mine};
  snprintf(report.message, sizeof report.message, "%s", gan_error_message());
  memcpy(report.host, comm->host, sizeof report.host);
  GAN_TRY(check(MPI_Bcast(&report, sizeof report, MPI_BYTE, lowest, comm->mpi), what));
  /* A mistake that every rank found alike is not one of a single rank. */
  int alike = mine == (gan_status)report.status && !strcmp(gan_error_message(), report.message);
  GAN_TRY(check(MPI_Allreduce(&alike, &report.alike, 1, MPI_INT, MPI_MIN, comm->mpi), what));
  if (report.alike || lowest == 0) return gan_fail((gan_status)report.status, "%s", report.message);
  return gan_fail((gan_status)report.status, "rank %d (%s): %s", lowest, report.host,
                  report.message);
}

static gan_status agree(gan_comm *comm, gan_status mine, const char *what) {
  int first = mine == GAN_OK ? INT_MAX : comm->rank, lowest;
  GAN_TRY(check(MPI_Allreduce(&first, &lowest, 1, MPI_INT, MPI_MIN, comm->mpi), what));
  return lowest == INT_MAX ? GAN_OK : share_failure(comm, mine, lowest, what);
}

gan_status gan_comm_agree(gan_comm *comm, gan_status mine, const char *what) {
  if (comm->size == 1) return mine;
  gan_comm_enter(comm, -1, what);
  return gan_comm_leave(comm, agree(comm, mine, what));
}

static gan_status allreduce(gan_comm *comm, int mine, int *out, MPI_Op operation,
                            const char *what) {
  *out = mine;
  if (comm->size == 1) return GAN_OK;
  gan_comm_enter(comm, -1, what);
  int code = MPI_Allreduce(&mine, out, 1, MPI_INT, operation, comm->mpi);
  return gan_comm_leave(comm, check(code, what));
}

gan_status gan_comm_any_true(gan_comm *comm, bool mine, bool *out, const char *what) {
  int any;
  GAN_TRY(allreduce(comm, mine, &any, MPI_MAX, what));
  *out = any;
  return GAN_OK;
}

/* ---- bytes ---- */

int gan_comm_piece(int64_t n, int64_t at) {
  return (int)(n - at < GAN_COMM_PIECE ? n - at : GAN_COMM_PIECE);
}

static int piece_of(size_t n, size_t at) {
  return gan_comm_piece((int64_t)n, (int64_t)at);
}

static gan_status broadcast(gan_comm *comm, char *bytes, size_t n, const char *what) {
  for (size_t at = 0; at < n; at += GAN_COMM_PIECE)
    GAN_TRY(check(MPI_Bcast(bytes + at, piece_of(n, at), MPI_BYTE, 0, comm->mpi), what));
  return GAN_OK;
}

gan_status gan_comm_broadcast(gan_comm *comm, void *bytes, size_t n, const char *what) {
  if (comm->size == 1) return GAN_OK;
  gan_comm_enter(comm, -1, what);
  return gan_comm_leave(comm, broadcast(comm, bytes, n, what));
}

gan_status gan_comm_broadcast_text(gan_comm *comm, char **text, size_t *length, const char *what) {
  uint64_t n = *length;
  GAN_TRY(gan_comm_broadcast(comm, &n, sizeof n, what));
  gan_status status = GAN_OK;
  if (comm->rank != 0) {
    *length = n;
    *text = gan_alloc(n + 1, 1, "a text from rank 0");
    if (!*text) status = GAN_NO_MEMORY;
  }
  GAN_TRY(gan_comm_agree(comm, status, what));
  return gan_comm_broadcast(comm, *text, n, what);
}

static gan_status send(gan_comm *comm, int to, const char *bytes, size_t n, const char *what) {
  for (size_t at = 0; at < n; at += GAN_COMM_PIECE)
    GAN_TRY(check(MPI_Send(bytes + at, piece_of(n, at), MPI_BYTE, to, TAG_ROWS, comm->mpi), what));
  return GAN_OK;
}

gan_status gan_comm_send(gan_comm *comm, int to, const void *bytes, size_t n, const char *what) {
  gan_comm_enter(comm, to, what);
  return gan_comm_leave(comm, send(comm, to, bytes, n, what));
}

static gan_status receive(gan_comm *comm, int from, char *bytes, size_t n, const char *what) {
  for (size_t at = 0; at < n; at += GAN_COMM_PIECE)
    GAN_TRY(check(MPI_Recv(bytes + at, piece_of(n, at), MPI_BYTE, from, TAG_ROWS, comm->mpi,
                           MPI_STATUS_IGNORE),
                  what));
  return GAN_OK;
}

gan_status gan_comm_receive(gan_comm *comm, int from, void *bytes, size_t n, const char *what) {
  gan_comm_enter(comm, from, what);
  return gan_comm_leave(comm, receive(comm, from, bytes, n, what));
}

gan_status gan_comm_gather(gan_comm *comm, const void *mine, size_t n, void *all,
                           const char *what) {
  GAN_ASSERT(n <= GAN_COMM_PIECE);
  if (comm->size == 1) {
    memcpy(all, mine, n);
    return GAN_OK;
  }
  gan_comm_enter(comm, -1, what);
  int code = MPI_Allgather(mine, (int)n, MPI_BYTE, all, (int)n, MPI_BYTE, comm->mpi);
  return gan_comm_leave(comm, check(code, what));
}

gan_status gan_comm_compare(gan_comm *comm, const void *bytes, size_t n, int *rank,
                            const char *what) {
  gan_digest mine = gan_digest_of(bytes, n), first = mine;
  int lowest;
  GAN_TRY(gan_comm_broadcast(comm, &first, sizeof first, what));
  int odd = gan_digest_equal(mine, first) ? INT_MAX : comm->rank;
  GAN_TRY(allreduce(comm, odd, &lowest, MPI_MIN, what));
  *rank = lowest == INT_MAX ? -1 : lowest;
  return GAN_OK;
}

gan_status gan_comm_barrier(gan_comm *comm, const char *what) {
  if (comm->size == 1) return GAN_OK;
  gan_comm_enter(comm, -1, what);
  return gan_comm_leave(comm, check(MPI_Barrier(comm->mpi), what));
}

/* ---- sums ---- */

static struct {
  void (*show)(void *context, size_t bytes, const char *what);
  void *context;
} observer;

void gan_comm_observe(void (*show)(void *context, size_t bytes, const char *what), void *context) {
  observer.show = show;
  observer.context = context;
}

void gan_comm_show(size_t bytes, const char *what) {
  if (observer.show) observer.show(observer.context, bytes, what);
}

typedef struct {
  MPI_Datatype type;
  MPI_Op operation;
} reduction;

static gan_status reduce(gan_comm *comm, char *values, size_t n, size_t size, reduction how,
                         const char *what) {
  gan_comm_show(n * size, what);
  if (comm->size == 1) return GAN_OK;
  double start = gan_clock();
  gan_status status = GAN_OK;
  gan_comm_enter(comm, -1, what);
  for (size_t at = 0; status == GAN_OK && at < n; at += GAN_COMM_PIECE)
    status = check(MPI_Allreduce(MPI_IN_PLACE, values + at * size, piece_of(n, at), how.type,
                                 how.operation, comm->mpi),
                   what);
  comm->seconds += gan_clock() - start;
  return gan_comm_leave(comm, status);
}

gan_status gan_comm_sum_float(gan_comm *comm, float *values, size_t n, const char *what) {
  reduction how = {MPI_FLOAT, MPI_SUM};
  return reduce(comm, (char *)values, n, sizeof *values, how, what);
}

gan_status gan_comm_sum_double(gan_comm *comm, double *values, size_t n, const char *what) {
  reduction how = {MPI_DOUBLE, MPI_SUM};
  return reduce(comm, (char *)values, n, sizeof *values, how, what);
}

gan_status gan_comm_sum_int64(gan_comm *comm, int64_t *values, size_t n, const char *what) {
  reduction how = {MPI_INT64_T, MPI_SUM};
  return reduce(comm, (char *)values, n, sizeof *values, how, what);
}

gan_status gan_comm_max_int32(gan_comm *comm, int32_t *values, size_t n, const char *what) {
  reduction how = {MPI_INT32_T, MPI_MAX};
  return reduce(comm, (char *)values, n, sizeof *values, how, what);
}

double gan_comm_seconds(const gan_comm *comm) {
  return comm->seconds;
}
double gan_comm_hidden_seconds(const gan_comm *comm) {
  return comm->hidden;
}

char *gan_comm_library(char *text, size_t size) {
  char version[MPI_MAX_LIBRARY_VERSION_STRING];
  int length;
  MPI_Get_library_version(version, &length);
  version[strcspn(version, ",\n")] = '\0';
  snprintf(text, size, "%s", version);
  return text;
}
