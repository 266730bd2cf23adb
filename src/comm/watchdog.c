#include "comm/watchdog.h"

#include "base/clock.h"
#include "base/log.h"
#include "base/memory.h"
#include "base/thread.h"
#include "comm/group.h"
#include "comm/stall.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

enum { TAG_REPORT = 1 };

/* A tick; while stopping.  The most that one counts for: more time was not ours. */
static const double TICK_S = 0.5, LAST_TICKS_S = 0.01, TICK_MOST_S = 1;

/* Rank r waits r times this longer than rank 0, up to a limit. */
static const double STAGGER_S = 2, STAGGER_MOST_S = 30;

/* MPI_Abort itself may wait for a link that is down. */
static const double ABORT_S = 5;

/* Another rank's thread: rank 0 has all others, the others have rank 0. */
typedef struct {
  gan_report theirs, ours; /* on the way */
  MPI_Request in, out;
  bool ended; /* its last report is here */
} peer;

struct gan_watchdog {
  gan_comm *comm;
  MPI_Comm mpi; /* the threads' own; MPI_COMM_NULL where each watches itself */
  int count;    /* of peers */
  peer *peers;
  gan_rank_state *states; /* this rank, then the peers */
  _Atomic double limit;
  void (*record)(void *data, const char *reason);
  void *data;
  bool told; /* this rank's last report is on its way to all peers */
  pthread_t thread;
  bool started;
  pthread_mutex_t lock;
  pthread_cond_t wake;
  /* under the lock; none of them while the ranks have not agreed that all have a thread */
  bool going, stopping, cancelled;
};

/* ---- what is told ---- */

/* A call may end meanwhile: then its name is not looked at. */
static gan_report own_report(const gan_watchdog *dog) {
  const gan_call *call = &dog->comm->call;
  gan_report report = {.last = dog->told};
  report.moves = atomic_load_explicit(&call->moves, memory_order_acquire);
  report.calls = atomic_load_explicit(&call->calls, memory_order_relaxed);
  report.step = atomic_load_explicit(&call->step, memory_order_relaxed);
  report.peer = atomic_load_explicit(&call->peer, memory_order_relaxed);
  const char *what = atomic_load_explicit(&call->what, memory_order_relaxed);
  if (report.moves % 2) snprintf(report.what, sizeof report.what, "%s", what);
  snprintf(report.host, sizeof report.host, "%.63s", dog->comm->host);
  return report;
}

static void listen(const gan_watchdog *dog, int i) {
  peer *p = &dog->peers[i];
  MPI_Irecv(&p->theirs, sizeof p->theirs, MPI_BYTE, dog->states[i + 1].rank, TAG_REPORT, dog->mpi,
            &p->in);
}

/* Synchronous, so that at most one waits at a peer that takes none. */
static void tell(const gan_watchdog *dog, int i, const gan_report *report) {
  peer *p = &dog->peers[i];
  p->ours = *report;
  MPI_Issend(&p->ours, sizeof p->ours, MPI_BYTE, dog->states[i + 1].rank, TAG_REPORT, dog->mpi,
             &p->out);
}

static bool done(MPI_Request *request) {
  int flag = true;
  if (*request == MPI_REQUEST_NULL) return true;
  /* after a failure nothing more is heard of that peer, which is what it means */
  return MPI_Test(request, &flag, MPI_STATUS_IGNORE) == MPI_SUCCESS && flag;
}

static void hear(gan_watchdog *dog, int i) {
  peer *p = &dog->peers[i];
  while (!p->ended && done(&p->in)) {
    gan_stall_hear(&dog->states[i + 1], &p->theirs);
    p->ended = p->theirs.last;
    if (!p->ended) listen(dog, i);
  }
}

/* ---- the end of the job ---- */

static void *leave_later(void *data) {
  (void)data;
  gan_sleep(ABORT_S);
  gan_leave(GAN_TEMPORARY);
}

static void end_job(gan_watchdog *dog, const char *text) {
  pthread_t thread;
  bool timed = gan_thread_start(&thread, leave_later, NULL) == GAN_OK;
  gan_log_last(text);
  pthread_mutex_lock(&dog->lock);
  bool waits = dog->states[0].report.moves % 2;
  if (dog->record && waits) dog->record(dog->data, text);
  if (timed && dog->mpi != MPI_COMM_NULL) MPI_Abort(MPI_COMM_WORLD, GAN_TEMPORARY);
  gan_leave(GAN_TEMPORARY);
}

static void look(gan_watchdog *dog) {
  double limit = atomic_load(&dog->limit), stagger = STAGGER_S * dog->comm->rank;
  char text[2048];
  if (limit <= 0) return;
  limit += stagger < STAGGER_MOST_S ? stagger : STAGGER_MOST_S;
  bool root = dog->comm->rank == 0, alone = dog->count == 0;
  if (!root && !alone && dog->states[1].heard < limit) return; /* it decides */
  if (!gan_stall_found(dog->states, dog->count + 1, limit)) return;
  gan_stall_text(dog->states, dog->count + 1, limit, text, sizeof text);
  size_t used = strlen(text);
  snprintf(text + used, sizeof text - used,
           "; the job ends here: what it has saved is whole, and the same command goes on from the "
           "newest checkpoint");
  end_job(dog, text);
}

/* ---- the thread ---- */

/* Whether all ranks have a thread. */
static bool wait_for_go(gan_watchdog *dog) {
  pthread_mutex_lock(&dog->lock);
  while (!dog->going && !dog->cancelled) pthread_cond_wait(&dog->wake, &dog->lock);
  bool going = dog->going;
  pthread_mutex_unlock(&dog->lock);
  return going;
}

static bool pause_for(gan_watchdog *dog, double seconds) {
  struct timespec until;
  clock_gettime(CLOCK_MONOTONIC, &until);
  until.tv_nsec += (long)(seconds * 1e9);
  until.tv_sec += until.tv_nsec / 1000000000;
  until.tv_nsec %= 1000000000;
  pthread_mutex_lock(&dog->lock);
  if (dog->stopping)
    pthread_cond_timedwait(&dog->wake, &dog->lock, &until);
  else
    while (!dog->stopping && pthread_cond_timedwait(&dog->wake, &dog->lock, &until) == 0) continue;
  bool stopping = dog->stopping;
  pthread_mutex_unlock(&dog->lock);
  return stopping;
}

static bool all(const gan_watchdog *dog, bool (*holds)(peer *p)) {
  for (int i = 0; i < dog->count; i++)
    if (!holds(&dog->peers[i])) return false;
  return true;
}
static bool has_ended(peer *p) {
  return p->ended;
}
static bool is_told(peer *p) {
  return done(&p->out);
}

/* The last reports: each rank's to rank 0, and when it has them all rank 0's to each.  So nothing
 * is on its way when the threads end. */
static bool say_goodbye(gan_watchdog *dog) {
  bool may = dog->comm->rank > 0 || all(dog, has_ended);
  if (!dog->told && may && all(dog, is_told)) {
    dog->told = true;
    gan_report report = own_report(dog);
    for (int i = 0; i < dog->count; i++) tell(dog, i, &report);
  }
  return dog->told && all(dog, is_told) && all(dog, has_ended);
}

static void tick(gan_watchdog *dog, double seconds, bool tells) {
  gan_stall_tick(dog->states, dog->count + 1, seconds);
  gan_report report = own_report(dog);
  gan_stall_hear(&dog->states[0], &report);
  for (int i = 0; i < dog->count; i++) {
    hear(dog, i);
    if (tells && done(&dog->peers[i].out)) tell(dog, i, &report);
  }
  look(dog);
}

static void *watch(void *data) {
  gan_watchdog *dog = data;
  if (!wait_for_go(dog)) return NULL;
  for (int i = 0; i < dog->count; i++) listen(dog, i);
  double before = gan_clock();
  bool stopping = false;
  for (;;) {
    double now = gan_clock(), passed = now - before;
    before = now;
    tick(dog, passed < TICK_MOST_S ? passed : TICK_MOST_S, !stopping);
    if (stopping && say_goodbye(dog)) return NULL;
    stopping = pause_for(dog, stopping ? LAST_TICKS_S : TICK_S);
  }
}

/* ---- the main thread's side ---- */

static gan_status take_memory(gan_watchdog *dog) {
  const gan_comm *comm = dog->comm;
  if (comm->threads) dog->count = comm->rank == 0 ? comm->size - 1 : 1;
  GAN_TRY_ALLOC(dog->peers, dog->count + 1, "the watchdog's peers");
  GAN_TRY_ALLOC(dog->states, dog->count + 1, "the watchdog's table");
  dog->states[0].rank = comm->rank;
  for (int i = 0; i < dog->count; i++) {
    dog->states[i + 1].rank = comm->rank == 0 ? i + 1 : 0;
    dog->peers[i].in = dog->peers[i].out = MPI_REQUEST_NULL;
  }
  return GAN_OK;
}

static void flag(gan_watchdog *dog, bool *what) {
  pthread_mutex_lock(&dog->lock);
  *what = true;
  pthread_cond_signal(&dog->wake);
  pthread_mutex_unlock(&dog->lock);
}

static void destroy(gan_watchdog **out) {
  gan_watchdog *dog = *out;
  if (!dog) return;
  if (dog->started) {
    flag(dog, &dog->cancelled); /* no news for one that goes */
    pthread_join(dog->thread, NULL);
  }
  pthread_cond_destroy(&dog->wake);
  pthread_mutex_destroy(&dog->lock);
  if (dog->mpi != MPI_COMM_NULL) MPI_Comm_free(&dog->mpi);
  gan_free(&dog->peers);
  gan_free(&dog->states);
  gan_free(out);
}

/* With its thread, which waits. */
static gan_status create(gan_comm *comm, double limit_s, gan_watchdog **out) {
  GAN_TRY_ALLOC(*out, 1, "the watchdog");
  gan_watchdog *dog = *out;
  pthread_condattr_t attributes;
  dog->comm = comm;
  dog->mpi = MPI_COMM_NULL;
  atomic_store(&dog->limit, limit_s);
  pthread_mutex_init(&dog->lock, NULL);
  pthread_condattr_init(&attributes);
  pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
  pthread_cond_init(&dog->wake, &attributes);
  pthread_condattr_destroy(&attributes);
  GAN_TRY(take_memory(dog));
  GAN_TRY(gan_thread_start(&dog->thread, watch, dog));
  dog->started = true;
  return GAN_OK;
}

/* The communicator of the threads, where all ranks' MPI has room for them. */
static gan_status connect(gan_watchdog *dog, const char *what) {
  gan_comm *comm = dog->comm;
  bool lonely;
  GAN_TRY(gan_comm_any_true(comm, !comm->threads, &lonely, what));
  if (!lonely) {
    GAN_TRY(gan_comm_connect(comm, what));
    return gan_comm_dup(comm, &dog->mpi, what);
  }
  dog->count = 0;
  gan_log("this MPI lets only one thread call it (no MPI_THREAD_MULTIPLE): a job that makes no "
          "progress still ends, but the rank that is missing is not named");
  return GAN_OK;
}

gan_status gan_watchdog_start(gan_comm *comm, double limit_s, gan_watchdog **out) {
  static const char what[] = "the start of the watchdog";
  *out = NULL;
  if (comm->size == 1) return GAN_OK;
  gan_status status = gan_comm_agree(comm, create(comm, limit_s, out), what);
  if (status == GAN_OK) status = gan_comm_agree(comm, connect(*out, what), what);
  if (status == GAN_OK)
    flag(*out, &(*out)->going);
  else
    destroy(out);
  return status;
}

void gan_watchdog_set_limit(gan_watchdog *dog, double limit_s) {
  if (dog) atomic_store(&dog->limit, limit_s);
}

void gan_watchdog_set_record(gan_watchdog *dog, void (*record)(void *data, const char *reason),
                             void *data) {
  if (!dog) return;
  pthread_mutex_lock(&dog->lock);
  dog->data = data;
  dog->record = record;
  pthread_mutex_unlock(&dog->lock);
}

void gan_watchdog_stop(gan_watchdog **out) {
  gan_watchdog *dog = *out;
  if (!dog) return;
  gan_comm *comm = dog->comm;
  gan_comm_enter(comm, -1, "the end of the run");
  flag(dog, &dog->stopping);
  destroy(out);
  gan_status status = gan_comm_leave(comm, GAN_OK);
  (void)status;
}
