#include "checkpoint/lock.h"

#include "base/clock.h"
#include "base/log.h"
#include "base/memory.h"
#include "base/thread.h"
#include "io/file.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

/* A holder advances its lease every second; one that has not for ten is gone. */
static const double LEASE_S = 1.0, STALE_S = 10.0, POLL_S = 0.1;

/* Nothing is written on the word of a look at the record that is older than FRESH_S, and so a claim
 * that has stood for NOTICED_S has been seen.  Who has seen it is given LET_GO_S to come to the end
 * of what it was writing. */
static const double FRESH_S = 1.5, NOTICED_S = 2.5, LET_GO_S = 30.0;

enum { RECORD = 512 };

struct gan_lock {
  char *path;
  int fd;
  char owner[RECORD];    /* "host H pid P job J restart R" */
  char previous[RECORD]; /* from whom it was taken, if it was */
  const char *job;       /* NULL: not in a job */
  long long restarts;    /* of the job, so far */
  unsigned long long lease;
  pthread_t thread;
  pthread_mutex_t mutex;
  pthread_cond_t wake;
  bool stopping, running;
  atomic_bool lost;
  char taker[RECORD]; /* once it is lost */
  double looked;      /* clock of the last look at the record */
};

/* What a lock file says. */
typedef struct {
  bool whole;
  char owner[RECORD];
  unsigned long long lease;
} record;

static bool same(const char *a, const char *b) {
  return strcmp(a, b) == 0;
}

static void write_record(gan_lock *lock, const char *owner) {
  char text[RECORD + 1];
  int used = snprintf(text, sizeof text, "lease %020llu %s", lock->lease, owner);
  memset(text + used, ' ', sizeof text - (size_t)used);
  text[RECORD - 1] = '\n';
  ssize_t written = pwrite(lock->fd, text, RECORD, 0);
  (void)written; /* a full disk must not end a run for the sake of its lease */
}

static record read_record(int fd) {
  char text[RECORD + 1] = "";
  record found = {.owner = ""};
  ssize_t n = pread(fd, text, RECORD, 0);
  if (n < RECORD) return found;
  found.whole = true;
  text[RECORD - 1] = '\0';
  char *end = text;
  if (strncmp(text, "lease ", 6) == 0) found.lease = strtoull(text + 6, &end, 10);
  while (*end == ' ') end++;
  size_t length = strlen(end);
  while (length && end[length - 1] == ' ') end[--length] = '\0';
  snprintf(found.owner, sizeof found.owner, "%s", end);
  return found;
}

/* By a clock that nobody sets: a lease must not stand still where the time of day goes back. */
static void init_wake(gan_lock *lock) {
  pthread_condattr_t attributes;
  pthread_condattr_init(&attributes);
  pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
  pthread_mutex_init(&lock->mutex, NULL);
  pthread_cond_init(&lock->wake, &attributes);
  pthread_condattr_destroy(&attributes);
}

typedef enum { LOCK_TAKEN, LOCK_HELD, LOCK_UNKNOWN } kernel_answer;

static kernel_answer ask_kernel(int fd) {
  struct flock whole = {.l_type = F_WRLCK, .l_whence = SEEK_SET};
  if (fcntl(fd, F_SETLK, &whole) == 0) return LOCK_TAKEN;
  return errno == EACCES || errno == EAGAIN ? LOCK_HELD : LOCK_UNKNOWN;
}

/* ---- holding it ---- */

/* Whether the record still names us; under the mutex.  A network's file system may show an old one:
 * asking for the lock that we have makes it look again. */
static void look(gan_lock *lock) {
  if (lock->lost) return;
  (void)ask_kernel(lock->fd);
  record now = read_record(lock->fd);
  lock->looked = gan_clock();
  if (!now.whole || same(now.owner, lock->owner)) return;
  if (now.owner[0] && same(now.owner, lock->previous)) return; /* its last word; ours follows */
  snprintf(lock->taker, sizeof lock->taker, "%s",
           now.owner[0] ? now.owner : "a run that has ended since");
  lock->lost = true;
}

static void *advance(void *data) {
  gan_lock *lock = data;
  pthread_mutex_lock(&lock->mutex);
  while (!lock->stopping && !lock->lost) {
    struct timespec until;
    clock_gettime(CLOCK_MONOTONIC, &until);
    until.tv_sec += (time_t)LEASE_S;
    pthread_cond_timedwait(&lock->wake, &lock->mutex, &until);
    look(lock);
    if (lock->lost) break;
    lock->lease++;
    write_record(lock, lock->owner);
  }
  pthread_mutex_unlock(&lock->mutex);
  return NULL;
}

bool gan_lock_lost(const gan_lock *lock) {
  return lock->lost;
}

const char *gan_lock_taker(gan_lock *lock) {
  pthread_mutex_lock(&lock->mutex);
  if (gan_clock() - lock->looked > FRESH_S) look(lock);
  pthread_mutex_unlock(&lock->mutex);
  return lock->lost ? lock->taker : NULL;
}

/* ---- getting it ---- */

static bool same_host(const char *owner, const char *host) {
  char prefix[300];
  snprintf(prefix, sizeof prefix, "host %s pid ", host);
  return strncmp(owner, prefix, strlen(prefix)) == 0;
}

/* Whether the holder is an earlier start of our own job: Slurm has ended it, or is about to. */
static bool supersedes(const gan_lock *lock, const char *owner) {
  char job[RECORD] = "";
  long long restarts = 0;
  const char *at = strstr(owner, " job ");
  if (!lock->job || !at || sscanf(at, " job %511s restart %lld", job, &restarts) < 1) return false;
  return same(job, lock->job) && lock->restarts > restarts;
}

static void claim(gan_lock *lock, const record *now) {
  lock->lease = now->lease + 1;
  write_record(lock, lock->owner);
}

/* The record as it is on the server: a network's file system shows the news on opening. */
static record read_anew(gan_lock *lock, kernel_answer answer) {
  int fd = answer == LOCK_TAKEN ? -1 : gan_fd_open(lock->path, O_RDWR | O_CREAT);
  if (fd >= 0) {
    close(lock->fd); /* it carries no lock */
    lock->fd = fd;
  }
  return read_record(lock->fd);
}

/* Takes it from a holder that may live: says so in the record until that one has seen it.  False
 * where somebody else's name comes to stand there. */
static bool take_over(gan_lock *lock, const char *run_dir, const record *holder) {
  gan_log("taking the run folder %s over from an earlier start of this job (%s)", run_dir,
          holder->owner);
  snprintf(lock->previous, sizeof lock->previous, "%s", holder->owner);
  claim(lock, holder);
  double start = gan_clock(), since = start;
  for (;;) {
    gan_sleep(POLL_S);
    kernel_answer answer = ask_kernel(lock->fd);
    record now = read_anew(lock, answer);
    bool ours = same(now.owner, lock->owner), free_now = now.owner[0] == '\0';
    if (!ours && !free_now && !same(now.owner, lock->previous)) return false;
    if (!ours) since = gan_clock(); /* it was just writing */
    double stood = gan_clock() - since;
    if (stood > NOTICED_S && (answer != LOCK_HELD || stood > LET_GO_S)) return true;
    if (gan_clock() - start > 2 * LET_GO_S) return false; /* the record cannot be written */
    claim(lock, &now);
  }
}

static gan_status held_by_another(const char *run_dir, const char *owner, double waited) {
  return gan_fail(GAN_OUTPUT,
                  "run folder %s is in use by another run (%s); waited %.0f s "
                  "(train.lock_wait_s); stop that run, or give this one its own --run-dir",
                  run_dir, owner[0] ? owner : "it has not written its name yet", waited);
}

/* Waits until the folder is ours or time is up. */
static gan_status wait_for(gan_lock *lock, const char *run_dir, const char *host, double wait_s) {
  double start = gan_clock(), watched_since = start;
  record last = read_record(lock->fd);
  bool told = false;
  for (;;) {
    kernel_answer answer = ask_kernel(lock->fd);
    record now = read_anew(lock, answer);
    bool free_now = now.owner[0] == '\0';
    if (now.lease != last.lease || !same(now.owner, last.owner)) {
      last = now;
      watched_since = gan_clock();
    }
    bool stale = gan_clock() - watched_since > STALE_S;
    if (answer != LOCK_HELD &&
        (free_now || stale || (answer == LOCK_TAKEN && same_host(now.owner, host)))) {
      snprintf(lock->previous, sizeof lock->previous, "%s", now.owner);
      claim(lock, &now);
      if (answer == LOCK_TAKEN) return GAN_OK;
      gan_sleep(5 * POLL_S); /* two who saw the same stale lease: the last writer has it */
      if (same(read_record(lock->fd).owner, lock->owner)) return GAN_OK;
    } else if (supersedes(lock, now.owner) && take_over(lock, run_dir, &now)) {
      return GAN_OK;
    }
    bool watching = answer != LOCK_HELD && !free_now && !stale;
    double allowed = watching && wait_s < STALE_S ? STALE_S + 1 : wait_s;
    if (gan_clock() - start > allowed)
      return held_by_another(run_dir, now.owner, gan_clock() - start);
    if (!told && gan_clock() - start > 1) {
      gan_log("waiting for the run folder %s: in use by %s", run_dir, now.owner);
      told = true;
    }
    gan_sleep(POLL_S);
  }
}

/* Who we are, as the record says it. */
static void name_owner(gan_lock *lock, const char *host) {
  const char *job = getenv("SLURM_JOB_ID"), *restarts = getenv("SLURM_RESTART_COUNT");
  lock->job = job && *job ? job : NULL;
  lock->restarts = restarts ? strtoll(restarts, NULL, 10) : 0;
  int used = snprintf(lock->owner, sizeof lock->owner, "host %.200s pid %ld job %.100s", host,
                      (long)getpid(), lock->job ? lock->job : "none");
  if (lock->job)
    snprintf(lock->owner + used, sizeof lock->owner - (size_t)used, " restart %lld",
             lock->restarts);
}

static gan_status acquire(gan_lock *lock, const char *run_dir, const char *host, double wait_s) {
  name_owner(lock, host);
  lock->path = gan_format("%s/run.lock", run_dir);
  if (!lock->path) return GAN_NO_MEMORY;
  lock->fd = gan_fd_open(lock->path, O_RDWR | O_CREAT);
  if (lock->fd < 0) return gan_fail(GAN_OUTPUT, "%s: cannot open: %s", lock->path, strerror(errno));
  GAN_TRY(wait_for(lock, run_dir, host, wait_s));
  lock->looked = gan_clock();
  init_wake(lock);
  gan_status status = gan_thread_start(&lock->thread, advance, lock);
  lock->running = status == GAN_OK;
  return status;
}

gan_status gan_lock_acquire(const char *run_dir, const char *host, double wait_s, gan_lock **out) {
  GAN_TRY_ALLOC(*out, 1, "the run lock");
  (*out)->fd = -1;
  gan_status status = acquire(*out, run_dir, host, wait_s);
  if (status != GAN_OK) {
    if ((*out)->fd >= 0) close((*out)->fd);
    gan_free(&(*out)->path);
    gan_free(out);
  }
  return status;
}

char *gan_lock_holder(const char *run_dir) {
  char *path = gan_format("%s/run.lock", run_dir);
  int fd = path ? gan_fd_open(path, O_RDONLY) : -1;
  gan_free(&path);
  if (fd < 0) return NULL;
  record found = read_record(fd);
  close(fd);
  return found.owner[0] ? gan_strdup(found.owner) : NULL;
}

void gan_lock_release(gan_lock **out) {
  gan_lock *lock = *out;
  if (!lock) return;
  if (lock->running) {
    pthread_mutex_lock(&lock->mutex);
    lock->stopping = true;
    pthread_cond_signal(&lock->wake);
    pthread_mutex_unlock(&lock->mutex);
    pthread_join(lock->thread, NULL);
    look(lock);
    pthread_cond_destroy(&lock->wake);
    pthread_mutex_destroy(&lock->mutex);
  }
  if (!lock->lost) write_record(lock, ""); /* free: the next start need not watch */
  close(lock->fd);
  gan_free(&lock->path);
  gan_free(out);
}
