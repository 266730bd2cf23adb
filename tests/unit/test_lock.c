/* The lock of a run folder, between processes. */
#include "base/clock.h"
#include "base/memory.h"
#include "checkpoint/lock.h"
#include "unit/support.h"

#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

/* A lease that stands still for STALE_S seconds is given up; AT_ONCE_S is far less, and more than
 * a busy machine makes of "at once". */
static const double STALE_S = 10, AT_ONCE_S = 5;

enum { RECORD = 512 };

static const char *lock_file(void) {
  return unit_path("run.lock");
}

/* What another mpigan's lock file says, in the format that all versions have to share. */
static void write_foreign(unsigned long long lease, const char *owner) {
  char text[RECORD + 1];
  int used = snprintf(text, sizeof text, "lease %020llu %s", lease, owner);
  memset(text + used, ' ', (size_t)(RECORD - used));
  text[RECORD - 1] = '\n';
  int fd = open(lock_file(), O_RDWR | O_CREAT, 0666);
  if (fd < 0 || pwrite(fd, text, RECORD, 0) != RECORD) _exit(100);
  close(fd);
}

static unsigned long long lease_now(void) {
  size_t n;
  unsigned long long lease;
  char *text = unit_read(lock_file(), &n);
  ck_assert_int_eq(sscanf(text, "lease %llu", &lease), 1);
  gan_free(&text);
  return lease;
}

/* A process that takes the lock, says so, and holds it until the pipe closes or it is killed. */
typedef struct {
  pid_t pid;
  int hold; /* closing it lets go */
} holder;

static holder start_holder(const char *host) {
  int hold[2], ready[2];
  char byte;
  ck_assert(pipe(hold) == 0 && pipe(ready) == 0);
  pid_t pid = fork();
  ck_assert_int_ge(pid, 0);
  if (pid == 0) {
    gan_lock *lock;
    close(hold[1]);
    if (gan_lock_acquire(unit_folder(), host, 1, &lock) != GAN_OK) _exit(101);
    if (write(ready[1], "r", 1) != 1) _exit(102);
    while (read(hold[0], &byte, 1) > 0) continue;
    gan_lock_release(&lock);
    _exit(0);
  }
  close(hold[0]);
  close(ready[1]);
  ck_assert_int_eq(read(ready[0], &byte, 1), 1); /* else it could not take it */
  close(ready[0]);
  return (holder){pid, hold[1]};
}

static int end_of(pid_t pid) {
  int status;
  ck_assert_int_eq(waitpid(pid, &status, 0), pid);
  return status;
}

/* Takes the lock and lets go; *seconds is how long the taking took. */
static gan_status try_lock(const char *host, double wait_s, double *seconds) {
  gan_lock *lock;
  double start = gan_clock();
  gan_fail_clear();
  gan_status status = gan_lock_acquire(unit_folder(), host, wait_s, &lock);
  *seconds = gan_clock() - start;
  if (status == GAN_OK) gan_lock_release(&lock);
  ck_assert_ptr_null(lock);
  return status;
}

START_TEST(lock_names_its_holder) {
  gan_lock *lock;
  size_t n;
  char wanted[128];
  setenv("SLURM_JOB_ID", "4711", 1);
  check_ok(gan_lock_acquire(unit_folder(), "node-1", 0, &lock));
  snprintf(wanted, sizeof wanted, " host node-1 pid %ld job 4711 ", (long)getpid());
  char *text = unit_read(lock_file(), &n);
  ck_assert_msg(n == RECORD && strstr(text, wanted) && text[n - 1] == '\n', "%s", text);
  gan_free(&text);
  gan_lock_release(&lock);
  ck_assert_ptr_null(lock);
  text = unit_read(lock_file(), &n);
  ck_assert_ptr_null(strstr(text, "node-1"));
  gan_free(&text);
}
END_TEST

START_TEST(second_run_waits_and_fails) {
  holder first = start_holder("node-1");
  char pid[32];
  double seconds;
  snprintf(pid, sizeof pid, "pid %ld ", (long)first.pid);
  gan_status status = try_lock("node-1", 2, &seconds);
  ck_assert_int_eq(status, GAN_OUTPUT);
  check_message(unit_folder(), "host node-1 ", pid, "--run-dir");
  ck_assert(seconds >= 2 && seconds < 2 + AT_ONCE_S);
  status = try_lock("node-2", 0, &seconds);
  ck_assert_int_eq(status, GAN_OUTPUT);
  check_message("host node-1 ", pid);
  ck_assert_double_lt(seconds, AT_ONCE_S);
  close(first.hold);
  ck_assert_int_eq(end_of(first.pid), 0); /* it was not disturbed */
}
END_TEST

START_TEST(killed_run_is_followed_at_once) {
  double seconds;
  holder first = start_holder("node-1");
  ck_assert_int_eq(kill(first.pid, SIGKILL), 0);
  ck_assert(WIFSIGNALED(end_of(first.pid)));
  check_ok(try_lock("node-1", 0, &seconds));
  ck_assert_double_lt(seconds, AT_ONCE_S);
  close(first.hold);
}
END_TEST

START_TEST(released_lock_is_free_for_all) {
  static const char *const hosts[] = {"node-1", "node-2", "node-1", "node-12", "node-1"};
  double seconds;
  for (size_t i = 0; i < sizeof hosts / sizeof *hosts; i++) {
    check_ok(try_lock(hosts[i], 0, &seconds));
    ck_assert_double_lt(seconds, AT_ONCE_S);
    holder next = start_holder(hosts[i]);
    close(next.hold);
    ck_assert_int_eq(end_of(next.pid), 0);
  }
}
END_TEST

START_TEST(waiting_run_gets_it_when_released) {
  double seconds;
  holder first = start_holder("node-1");
  pid_t closer = fork();
  ck_assert_int_ge(closer, 0);
  if (closer == 0) {
    gan_sleep(1.5);
    _exit(kill(first.pid, SIGKILL));
  }
  check_ok(try_lock("node-1", 60, &seconds));
  ck_assert(seconds > 0.5 && seconds < 1.5 + AT_ONCE_S);
  ck_assert_int_eq(end_of(closer), 0);
  end_of(first.pid);
  close(first.hold);
}
END_TEST

START_TEST(lease_advances) {
  gan_lock *lock;
  check_ok(gan_lock_acquire(unit_folder(), "node-1", 0, &lock));
  unsigned long long first = lease_now(), later = first;
  for (int i = 0; i < 100 && later < first + 2; i++) {
    gan_sleep(0.1);
    later = lease_now();
  }
  ck_assert_uint_ge(later, first + 2);
  gan_lock_release(&lock);
  unsigned long long released = lease_now();
  gan_sleep(1.5);
  ck_assert_uint_eq(lease_now(), released); /* its thread is gone */
  check_ok(gan_lock_acquire(unit_folder(), "node-1", 0, &lock));
  ck_assert_uint_gt(lease_now(), released); /* it never goes back: a watcher would miss it */
  gan_lock_release(&lock);
}
END_TEST

START_TEST(lock_needs_its_folder) {
  gan_lock *lock;
  const char *missing = unit_path("none");
  check_fails(gan_lock_acquire(missing, "node-1", 0, &lock), GAN_OUTPUT, missing);
  ck_assert_ptr_null(lock);
}
END_TEST

/* Half a record, or none: a run was killed before it wrote its name. */
START_TEST(torn_record_is_free) {
  static const char *const torn[] = {"", "lease 0000", "lease 00000000000000000007 host node-2"};
  double seconds;
  for (size_t i = 0; i < sizeof torn / sizeof *torn; i++) {
    unit_write(lock_file(), torn[i], strlen(torn[i]));
    check_ok(try_lock("node-1", 0, &seconds));
    ck_assert_double_lt(seconds, AT_ONCE_S);
  }
}
END_TEST

/* The kernel knows of a run that has not come to write its name. */
START_TEST(nameless_holder_is_respected) {
  int ready[2];
  char byte;
  double seconds;
  ck_assert_int_eq(pipe(ready), 0);
  pid_t nameless = fork();
  ck_assert_int_ge(nameless, 0);
  if (nameless == 0) {
    struct flock whole = {.l_type = F_WRLCK, .l_whence = SEEK_SET};
    int fd = open(lock_file(), O_RDWR | O_CREAT, 0666);
    if (fd < 0 || fcntl(fd, F_SETLK, &whole) || write(ready[1], "r", 1) != 1) _exit(100);
    for (;;) pause();
  }
  close(ready[1]);
  ck_assert_int_eq(read(ready[0], &byte, 1), 1);
  gan_status status = try_lock("node-1", 0.5, &seconds);
  kill(nameless, SIGKILL);
  end_of(nameless);
  ck_assert_int_eq(status, GAN_OUTPUT);
  check_message("not written its name");
  check_ok(try_lock("node-1", 0, &seconds));
}
END_TEST

/* ---- another host, whose locks the kernel does not know ---- */

START_TEST(lease_that_stands_still_is_taken) {
  double seconds;
  write_foreign(41, "host node-2 pid 1 job 7");
  check_ok(try_lock("node-1", 0, &seconds)); /* it watches as long as it must */
  ck_assert(seconds >= STALE_S - 0.5 && seconds < STALE_S + AT_ONCE_S);
  ck_assert_uint_gt(lease_now(), 41);
}
END_TEST

START_TEST(lease_that_moves_is_respected) {
  double seconds;
  write_foreign(41, "host node-2 pid 1 job 7");
  pid_t mover = fork();
  ck_assert_int_ge(mover, 0);
  if (mover == 0)
    for (unsigned long long lease = 42;; lease++) {
      gan_sleep(1);
      write_foreign(lease, "host node-2 pid 1 job 7");
    }
  gan_status status = try_lock("node-1", STALE_S + 2, &seconds);
  kill(mover, SIGKILL);
  end_of(mover);
  ck_assert_int_eq(status, GAN_OUTPUT);
  check_message("host node-2 pid 1 job 7");
  ck_assert_double_ge(seconds, STALE_S + 2);
}
END_TEST

int main(void) {
  const unit_test tests[] = {
      {lock_names_its_holder, 1},
      {second_run_waits_and_fails, 1},
      {killed_run_is_followed_at_once, 1},
      {released_lock_is_free_for_all, 1},
      {waiting_run_gets_it_when_released, 1},
      {lease_advances, 1},
      {lock_needs_its_folder, 1},
      {torn_record_is_free, 1},
      {nameless_holder_is_respected, 1},
      {lease_that_stands_still_is_taken, 1},
      {lease_that_moves_is_respected, 1},
  };
  return UNIT_MAIN("lock", tests);
}
