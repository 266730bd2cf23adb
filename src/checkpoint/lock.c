#include "checkpoint/lock.h"

#include "base/clock.h"
#include "base/log.h"
#include "base/memory.h"
#include "base/thread.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

/* A holder advances its lease every second; one that has not for ten is gone. */
static const double LEASE_S = 1.0, STALE_S = 10.0, POLL_S = 0.1;

enum { RECORD = 512 };

struct gan_lock {
  int fd;
  char owner[RECORD]; /* "host H pid P job J" */
  unsigned long long lease;
  pthread_t thread;
  pthread_mutex_t mutex;
  pthread_cond_t wake;
  bool stopping, running;
};

/* What a lock file says. */
typedef struct {
  char owner[RECORD];
  unsigned long long lease;
} record;

static void write_record(gan_lock *lock, const char *owner) {
  char text[RECORD + 1];
  int used = snprintf(text, sizeof text, "lease %020llu %s", lock->lease, owner);
  memset(text + used, ' ', sizeof text - (size_t)used);
  text[RECORD - 1] = '\n';
  ssize_t written = pwrite(lock->fd, text, RECORD, 0);
  (void)written; /* a full disk must not end a run for the sake of its lease */
}

static record read_record(const gan_lock *lock) {
  char text[RECORD + 1] = "";
  record found = {.owner = ""};
  ssize_t n = pread(lock->fd, text, RECORD, 0);
  if (n < RECORD) return found;
  text[RECORD - 1] = '\0';
  char *end = text;
  if (strncmp(text, "lease ", 6) == 0) found.lease = strtoull(text + 6, &end, 10);
  while (*end == ' ') end++;
  size_t length = strlen(end);
  while (length && end[length - 1] == ' ') end[--length] = '\0';
  snprintf(found.owner, sizeof found.owner, "%s", end);
  return found;
}

static void *advance(void *data) {
  gan_lock *lock = data;
  pthread_mutex_lock(&lock->mutex);
  while (!lock->stopping) {
    struct timespec until;
    clock_gettime(CLOCK_REALTIME, &until);
    until.tv_sec += (time_t)LEASE_S;
    pthread_cond_timedwait(&lock->wake, &lock->mutex, &until);
    lock->lease++;
    write_record(lock, lock->owner);
  }
  pthread_mutex_unlock(&lock->mutex);
  return NULL;
}

typedef enum { LOCK_TAKEN, LOCK_HELD, LOCK_UNKNOWN } kernel_answer;

static kernel_answer ask_kernel(int fd) {
  struct flock whole = {.l_type = F_WRLCK, .l_whence = SEEK_SET};
  if (fcntl(fd, F_SETLK, &whole) == 0) return LOCK_TAKEN;
  return errno == EACCES || errno == EAGAIN ? LOCK_HELD : LOCK_UNKNOWN;
}

static bool same_host(const char *owner, const char *host) {
  char prefix[300];
  snprintf(prefix, sizeof prefix, "host %s pid ", host);
  return strncmp(owner, prefix, strlen(prefix)) == 0;
}

/* Waits until the folder is ours or time is up. */
static gan_status wait_for(gan_lock *lock, const char *run_dir, const char *host, double wait_s) {
  double start = gan_clock(), watched_since = start;
  record last = read_record(lock);
  bool told = false;
  for (;;) {
    kernel_answer answer = ask_kernel(lock->fd);
    record now = read_record(lock);
    bool free_now = now.owner[0] == '\0';
    if (now.lease != last.lease || strcmp(now.owner, last.owner) != 0) {
      last = now;
      watched_since = gan_clock();
    }
    bool stale = gan_clock() - watched_since > STALE_S;
    if (answer != LOCK_HELD &&
        (free_now || stale || (answer == LOCK_TAKEN && same_host(now.owner, host)))) {
      lock->lease = now.lease + 1;
      write_record(lock, lock->owner);
      if (answer == LOCK_TAKEN) return GAN_OK;
      gan_sleep(5 * POLL_S); /* two who saw the same stale lease: the last writer has it */
      if (strcmp(read_record(lock).owner, lock->owner) == 0) return GAN_OK;
    }
    bool watching = answer != LOCK_HELD && !free_now && !stale;
    double allowed = watching && wait_s < STALE_S ? STALE_S + 1 : wait_s;
    if (gan_clock() - start > allowed)
      return gan_fail(GAN_OUTPUT,
                      "run folder %s is in use by another run (%s); waited %.0f s "
                      "(train.lock_wait_s); stop that run, or give this one its own --run-dir",
                      run_dir, now.owner[0] ? now.owner : "it has not written its name yet",
                      gan_clock() - start);
    if (!told && gan_clock() - start > 1) {
      gan_log("waiting for the run folder %s: in use by %s", run_dir, now.owner);
      told = true;
    }
    gan_sleep(POLL_S);
  }
}

static gan_status acquire(gan_lock *lock, const char *run_dir, const char *host, double wait_s) {
  const char *job = getenv("SLURM_JOB_ID");
  snprintf(lock->owner, sizeof lock->owner, "host %.200s pid %ld job %.100s", host, (long)getpid(),
           job && *job ? job : "none");
  char *path = gan_format("%s/run.lock", run_dir);
  if (!path) return GAN_NO_MEMORY;
  lock->fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0666);
  gan_status status = GAN_OK;
  if (lock->fd < 0) status = gan_fail(GAN_OUTPUT, "%s: cannot open: %s", path, strerror(errno));
  gan_free(&path);
  if (status == GAN_OK) status = wait_for(lock, run_dir, host, wait_s);
  if (status != GAN_OK) return status;
  pthread_mutex_init(&lock->mutex, NULL);
  pthread_cond_init(&lock->wake, NULL);
  status = gan_thread_start(&lock->thread, advance, lock);
  lock->running = status == GAN_OK;
  return status;
}

gan_status gan_lock_acquire(const char *run_dir, const char *host, double wait_s, gan_lock **out) {
  GAN_TRY_ALLOC(*out, 1, "the run lock");
  (*out)->fd = -1;
  gan_status status = acquire(*out, run_dir, host, wait_s);
  if (status != GAN_OK) {
    if ((*out)->fd >= 0) close((*out)->fd);
    gan_free(out);
  }
  return status;
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
    pthread_cond_destroy(&lock->wake);
    pthread_mutex_destroy(&lock->mutex);
  }
  write_record(lock, ""); /* free: the next start need not watch */
  close(lock->fd);
  gan_free(out);
}
