/* The lock of a run folder, between processes. */
#include "base/clock.h"
#include "base/memory.h"
#include "checkpoint/lock.h"
#include "unit/support.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

/* A lease that stands still for STALE_S seconds is given up; AT_ONCE_S is far less, and more than
 * a busy machine makes of "at once". */
static const double STALE_S = 10, AT_ONCE_S = 5;

/* A start that takes over gives the holder NOTICED_S to see it, and LET_GO_S to end. */
static const double NOTICED_S = 2.5, LET_GO_S = 30;

enum { RECORD = 512, LOST = 7 };

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

/* As a start of a Slurm job that has been requeued so often. */
static void be_job(const char *job, const char *restarts) {
  setenv("SLURM_JOB_ID", job, 1);
  setenv("SLURM_RESTART_COUNT", restarts, 1);
}

/* A process that takes the lock, says so, and holds it until the pipe closes or it is killed.  It
 * ends with LOST as soon as it has lost the lock, with 0 if it never has. */
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
    struct pollfd closed = {.fd = hold[0], .events = POLLIN};
    while (!gan_lock_lost(lock) && poll(&closed, 1, 50) == 0) continue;
    bool lost = gan_lock_taker(lock) != NULL;
    gan_lock_release(&lock);
    _exit(lost ? LOST : 0);
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

/* ---- starts of one job ---- */

static void check_owner(const char *wanted) {
  size_t n;
  char *text = unit_read(lock_file(), &n);
  ck_assert_msg(n == RECORD && strstr(text, wanted), "%s", text);
  gan_free(&text);
}

START_TEST(restarted_job_takes_over) {
  gan_lock *lock;
  be_job("7", "0");
  holder first = start_holder("node-1");
  be_job("7", "1");
  double start = gan_clock();
  check_ok(gan_lock_acquire(unit_folder(), "node-2", 0, &lock));
  double seconds = gan_clock() - start;
  ck_assert(seconds >= NOTICED_S && seconds < NOTICED_S + AT_ONCE_S);
  ck_assert_int_eq(end_of(first.pid), LOST << 8); /* and has let the record be: */
  check_owner(" host node-2 ");
  check_owner(" job 7 restart 1 ");
  unsigned long long before = lease_now();
  gan_sleep(2.5);
  ck_assert_uint_gt(lease_now(), before);
  ck_assert(!gan_lock_lost(lock));
  ck_assert_ptr_null(gan_lock_taker(lock));
  gan_lock_release(&lock);
  close(first.hold);
}
END_TEST

START_TEST(others_do_not_take_over) {
  static const char *const starts[][2] = {
      {"7", "2"}, {"7", "1"}, {"7", "x"}, {"8", "3"}, {"", "3"}};
  double seconds;
  be_job("7", "2");
  holder first = start_holder("node-1");
  for (size_t i = 0; i < sizeof starts / sizeof *starts; i++) {
    be_job(starts[i][0], starts[i][1]);
    ck_assert_int_eq(try_lock(i % 2 ? "node-1" : "node-2", 1, &seconds), GAN_OUTPUT);
    check_message("host node-1 ", "job 7 restart 2");
  }
  unsetenv("SLURM_RESTART_COUNT");
  setenv("SLURM_JOB_ID", "7", 1);
  ck_assert_int_eq(try_lock("node-1", 0, &seconds), GAN_OUTPUT);
  close(first.hold);
  ck_assert_int_eq(end_of(first.pid), 0); /* it was not disturbed */
}
END_TEST

/* Its host is gone, and Slurm has started the job anew elsewhere. */
START_TEST(gone_start_of_the_job_is_followed_soon) {
  static const char *const owners[] = {"host node-2 pid 1 job 7 restart 2",
                                       "host node-2 pid 1 job 7"};
  double seconds;
  be_job("7", "3");
  for (size_t i = 0; i < sizeof owners / sizeof *owners; i++) {
    write_foreign(41, owners[i]);
    check_ok(try_lock("node-1", 0, &seconds));
    ck_assert(seconds >= NOTICED_S && seconds < NOTICED_S + AT_ONCE_S);
  }
  write_foreign(41, "host node-2 pid 1 job 70 restart 2");
  check_ok(try_lock("node-1", 0, &seconds)); /* another job: stands still for as long as any */
  ck_assert_double_ge(seconds, STALE_S - 0.5);
}
END_TEST

/* The holder was about to write as its successor did: the claim is made again, and the time that
 * the holder is given counts from there. */
START_TEST(overwritten_claim_is_repeated) {
  static const char holder_name[] = "host node-2 pid 1 job 7 restart 0";
  double seconds;
  be_job("7", "1");
  write_foreign(41, holder_name);
  pid_t late = fork();
  ck_assert_int_ge(late, 0);
  if (late == 0) {
    gan_sleep(2);
    write_foreign(42, holder_name);
    _exit(0);
  }
  gan_lock *lock;
  double start = gan_clock();
  check_ok(gan_lock_acquire(unit_folder(), "node-1", 0, &lock));
  seconds = gan_clock() - start;
  ck_assert_int_eq(end_of(late), 0);
  ck_assert(seconds >= 2 + NOTICED_S - 0.2 && seconds < 2 + NOTICED_S + AT_ONCE_S);
  check_owner(" host node-1 ");
  write_foreign(43, holder_name); /* even later */
  gan_sleep(2.5);
  check_owner(" host node-1 ");
  ck_assert_ptr_null(gan_lock_taker(lock));
  gan_lock_release(&lock);
}
END_TEST

/* Who cannot be asked to let go of the kernel's lock cannot keep its successor for ever. */
START_TEST(stopped_start_of_the_job_is_passed) {
  gan_lock *lock;
  be_job("7", "0");
  holder first = start_holder("node-1");
  be_job("7", "1");
  ck_assert_int_eq(kill(first.pid, SIGSTOP), 0);
  double start = gan_clock();
  check_ok(gan_lock_acquire(unit_folder(), "node-1", 0, &lock));
  double seconds = gan_clock() - start;
  ck_assert(seconds >= LET_GO_S && seconds < LET_GO_S + AT_ONCE_S);
  ck_assert_int_eq(kill(first.pid, SIGCONT), 0);
  ck_assert_int_eq(end_of(first.pid), LOST << 8);
  check_owner(" job 7 restart 1 ");
  gan_sleep(2.5);
  ck_assert_ptr_null(gan_lock_taker(lock));
  close(first.hold);
  gan_lock_release(&lock);
}
END_TEST

/* ---- a holder that was suspended ---- */

/* Takes the lock, lets the kernel's go (closing any descriptor of the file does), as where other
 * hosts do not see it, and stops.  Ends with LOST if it knows at once when it goes on. */
static pid_t start_suspended(const char *host) {
  pid_t pid = fork();
  ck_assert_int_ge(pid, 0);
  if (pid == 0) {
    gan_lock *lock;
    if (gan_lock_acquire(unit_folder(), host, 0, &lock) != GAN_OK) _exit(101);
    close(open(lock_file(), O_RDONLY));
    raise(SIGSTOP);
    const char *taker = gan_lock_taker(lock);
    bool named = taker && strstr(taker, "host node-1 pid ") == taker;
    if (gan_lock_lost(lock) != named) _exit(103);
    gan_lock_release(&lock);
    _exit(named ? LOST : 0);
  }
  int status;
  ck_assert_int_eq(waitpid(pid, &status, WUNTRACED), pid);
  ck_assert(WIFSTOPPED(status));
  return pid;
}

START_TEST(suspended_holder_notices) {
  gan_lock *lock;
  pid_t suspended = start_suspended("node-2");
  double start = gan_clock();
  check_ok(gan_lock_acquire(unit_folder(), "node-1", 0, &lock));
  ck_assert_double_ge(gan_clock() - start, STALE_S - 0.5);
  ck_assert_int_eq(kill(suspended, SIGCONT), 0);
  ck_assert_int_eq(end_of(suspended), LOST << 8);
  check_owner(" host node-1 "); /* it did not free what is ours */
  gan_sleep(1.5);
  ck_assert_ptr_null(gan_lock_taker(lock));
  gan_lock_release(&lock);
}
END_TEST

START_TEST(suspended_holder_that_nobody_followed_goes_on) {
  pid_t suspended = start_suspended("node-2");
  gan_sleep(3);
  ck_assert_int_eq(kill(suspended, SIGCONT), 0);
  ck_assert_int_eq(end_of(suspended), 0);
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
      {restarted_job_takes_over, 1},
      {others_do_not_take_over, 1},
      {gone_start_of_the_job_is_followed_soon, 1},
      {overwritten_claim_is_repeated, 1},
      {stopped_start_of_the_job_is_passed, 1},
      {suspended_holder_notices, 1},
      {suspended_holder_that_nobody_followed_goes_on, 1},
  };
  return UNIT_MAIN("lock", tests);
}
