/* The checkpoints of a run folder: which is taken, which go, and what a crash leaves. */
#include "base/log.h"
#include "base/memory.h"
#include "checkpoint/store.h"
#include "io/file.h"
#include "unit/store_support.h"
#include "unit/support.h"

#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#define COUNT(array) (sizeof(array) / sizeof *(array))

static void write_steps(const int64_t *steps, size_t count) {
  for (size_t i = 0; i < count; i++) check_ok(store_write_step(steps[i], "first", 1000, 0));
}

static void damage(int64_t step) {
  size_t n;
  char *bytes = unit_read(store_file_of(step), &n);
  bytes[n / 2] ^= 1;
  unit_write(store_file_of(step), bytes, n);
  gan_free(&bytes);
}

/* ---- naming and finding ---- */

START_TEST(paths_are_named_by_step) {
  static const struct {
    int64_t step;
    const char *path;
  } rows[] = {{0, "run/checkpoints/step-00000000.h5"},
              {1000, "run/checkpoints/step-00001000.h5"},
              {99999999, "run/checkpoints/step-99999999.h5"},
              {123456789, "run/checkpoints/step-123456789.h5"}};
  for (size_t i = 0; i < COUNT(rows); i++) {
    char *path = gan_store_path("run", rows[i].step);
    ck_assert_str_eq(path, rows[i].path);
    gan_free(&path);
  }
}
END_TEST

START_TEST(none_is_no_error) {
  gan_checkpoint *checkpoint;
  int64_t step;
  ck_assert_int_eq(store_newest_step(), -1); /* no folder even */
  check_ok(gan_store_highest_step(unit_folder(), &step));
  ck_assert_int_eq(step, -1);
  check_ok(gan_store_prepare(unit_folder()));
  ck_assert_int_eq(store_newest_step(), -1);
  check_fails(gan_store_open(unit_folder(), &checkpoint), GAN_INPUT, unit_folder(),
              "no checkpoint");
}
END_TEST

START_TEST(newest_that_verifies_is_taken) {
  static const int64_t steps[] = {30, 7, 100, 99};
  gan_checkpoint *checkpoint;
  int64_t step;
  check_ok(gan_store_prepare(unit_folder()));
  write_steps(steps, COUNT(steps));
  ck_assert_int_eq(store_newest_step(), 100);
  check_ok(gan_store_highest_step(unit_folder(), &step));
  ck_assert_int_eq(step, 100);

  gan_log_start(true);
  int log = open(unit_path("log"), O_CREAT | O_WRONLY | O_APPEND, 0666);
  gan_log_set_file(log);
  damage(100);
  ck_assert_int_eq(store_newest_step(), 99);
  unit_write(store_file_of(99), "", 0);
  ck_assert_int_eq(store_newest_step(), 30);
  ck_assert_int_eq(unlink(store_file_of(30)), 0);
  ck_assert_int_eq(mkdir(store_file_of(30), 0777), 0);
  ck_assert_int_eq(store_newest_step(), 7);
  gan_log_set_file(-1);
  close(log);
  size_t n;
  char *text = unit_read(unit_path("log"), &n);
  ck_assert(strstr(text, store_file_of(100)) && strstr(text, store_file_of(99)) &&
            strstr(text, store_file_of(30)));
  gan_free(&text);

  damage(7);
  check_fails(gan_store_newest(unit_folder(), &checkpoint), GAN_INPUT, unit_folder(), "4");
  ck_assert_ptr_null(checkpoint);
  check_fails(gan_store_open(unit_folder(), &checkpoint), GAN_INPUT, unit_folder());
  check_ok(gan_store_highest_step(unit_folder(), &step));
  ck_assert_int_eq(step, 100);
}
END_TEST

START_TEST(steps_are_numbers) {
  static const int64_t steps[] = {99999999, 123456789, 100000000, 5};
  int64_t step;
  check_ok(gan_store_prepare(unit_folder()));
  write_steps(steps, COUNT(steps));
  ck_assert_int_eq(store_newest_step(), 123456789);
  check_ok(gan_store_highest_step(unit_folder(), &step));
  ck_assert_int_eq(step, 123456789);
  check_ok(store_write_step(100000001, "first", 3, 0));
  check_store_listing("latest step-100000000.h5 step-100000001.h5 step-123456789.h5 "
                      "step-99999999.h5"); /* a later one does not count: see below */
}
END_TEST

START_TEST(opened_by_file_or_folder) {
  static const int64_t steps[] = {1, 2};
  gan_checkpoint *checkpoint;
  check_ok(gan_store_prepare(unit_folder()));
  write_steps(steps, COUNT(steps));
  const struct {
    const char *path;
    int64_t step;
  } rows[] = {{store_file_of(1), 1}, {unit_folder(), 2}, {unit_path("checkpoints/latest"), 2}};
  for (size_t i = 0; i < COUNT(rows); i++) {
    check_ok(gan_store_open(rows[i].path, &checkpoint));
    ck_assert_int_eq(gan_checkpoint_facts(checkpoint)->step, rows[i].step);
    gan_checkpoint_close(&checkpoint);
  }
  check_fails(gan_store_open(store_file_of(3), &checkpoint), GAN_INPUT, store_file_of(3));
  damage(1); /* the one asked for, or none */
  check_fails(gan_store_open(store_file_of(1), &checkpoint), GAN_INPUT, store_file_of(1),
              "damaged");
}
END_TEST

/* ---- writing ---- */

START_TEST(latest_points_to_the_last) {
  static const int64_t steps[] = {10, 20, 15};
  check_ok(gan_store_prepare(unit_folder()));
  for (size_t i = 0; i < COUNT(steps); i++) {
    char target[64] = "";
    check_ok(store_write_step(steps[i], "first", 1000, 0));
    ck_assert_int_gt(readlink(unit_path("checkpoints/latest"), target, sizeof target - 1), 0);
    ck_assert_str_eq(unit_path("checkpoints/%s", target), store_file_of(steps[i]));
  }
}
END_TEST

START_TEST(old_ones_are_pruned) {
  static const struct {
    int64_t keep_last, keep_every;
    const char *kept; /* of 10, 20, ..., 80 */
  } rows[] = {{2, 0, "step-00000070.h5 step-00000080.h5"},
              {1, 0, "step-00000080.h5"},
              {1, 30, "step-00000030.h5 step-00000060.h5 step-00000080.h5"},
              {3, 40, "step-00000040.h5 step-00000060.h5 step-00000070.h5 step-00000080.h5"},
              {7, 1000,
               "step-00000020.h5 step-00000030.h5 step-00000040.h5 step-00000050.h5 "
               "step-00000060.h5 step-00000070.h5 step-00000080.h5"}};
  check_ok(gan_store_prepare(unit_folder()));
  for (size_t i = 0; i < COUNT(rows); i++) {
    char *wanted = gan_format("latest %s", rows[i].kept);
    for (int64_t step = 10; step <= 80; step += 10) {
      unlink(store_file_of(step));
      if (step < 80) check_ok(store_write_step(step, "first", 1000, 0));
    }
    check_ok(store_write_step(80, "first", rows[i].keep_last, rows[i].keep_every));
    check_store_listing(wanted);
    gan_free(&wanted);
  }
}
END_TEST

/* A run that went back before damaged checkpoints must not prune the only ones that it can use. */
START_TEST(damaged_later_ones_do_not_count) {
  static const int64_t steps[] = {10, 20, 30};
  check_ok(gan_store_prepare(unit_folder()));
  write_steps(steps, COUNT(steps));
  damage(20);
  damage(30);
  ck_assert_int_eq(store_newest_step(), 10);
  check_ok(store_write_step(15, "second", 1, 0));
  ck_assert_int_eq(store_newest_step(), 15);
  check_store_listing("latest step-00000015.h5 step-00000020.h5 step-00000030.h5");
  check_ok(store_write_step(20, "second", 1, 0));
  check_store_listing("latest step-00000020.h5 step-00000030.h5");
  check_ok(store_write_step(35, "second", 1, 0));
  check_store_listing("latest step-00000035.h5");
}
END_TEST

START_TEST(foreign_files_are_left_alone) {
  static const char *const foreign[] = {"step-7.h5",           "step-0000007.h5",   "step-best.h5",
                                        "step-00000007b.h5",   "step-00000007.h5~", "notes.txt",
                                        "my-step-00000007.h5", "other.tmp",         "step-.h5"};
  int64_t step;
  check_ok(gan_store_prepare(unit_folder()));
  for (size_t i = 0; i < COUNT(foreign); i++)
    unit_write(unit_path("checkpoints/%s", foreign[i]), "foreign", 7);
  check_ok(gan_store_highest_step(unit_folder(), &step));
  ck_assert_int_eq(step, -1);
  ck_assert_int_eq(store_newest_step(), -1);
  for (int64_t s = 1; s < 5; s++) check_ok(store_write_step(s, "first", 1, 0));
  check_ok(gan_store_prepare(unit_folder()));
  ck_assert_int_eq(store_newest_step(), 4);
  for (size_t i = 0; i < COUNT(foreign); i++) {
    size_t n;
    char *bytes = unit_read(unit_path("checkpoints/%s", foreign[i]), &n);
    ck_assert_str_eq(bytes, "foreign");
    gan_free(&bytes);
  }
}
END_TEST

START_TEST(left_over_temporaries_go) {
  check_ok(gan_store_prepare(unit_folder()));
  check_ok(store_write_step(1, "first", 1, 0));
  unit_write(unit_path("checkpoints/step-00000002.h5.tmp"), "half", 4);
  unit_write(unit_path("checkpoints/step-100000000.h5.tmp"), "half", 4);
  ck_assert_int_eq(store_newest_step(), 1);
  check_ok(gan_store_prepare(unit_folder()));
  check_store_listing("latest step-00000001.h5");
  ck_assert_int_eq(store_newest_step(), 1);
}
END_TEST

START_TEST(folder_must_be_possible) {
  unit_write(unit_path("checkpoints"), "a file in the way", 17);
  check_fails(gan_store_prepare(unit_folder()), GAN_OUTPUT, unit_path("checkpoints"));
}
END_TEST

/* ---- interrupted ---- */

static void limit_files(size_t bytes) {
  struct rlimit limit = {bytes, bytes};
  signal(SIGXFSZ, SIG_IGN);
  if (setrlimit(RLIMIT_FSIZE, &limit)) _exit(100);
}

/* A process of its own writes the step, where no file may have more than `limit` bytes; with
 * `killed` the system kills it there and then.  Returns how it ended. */
static int write_under_limit(int64_t step, size_t limit, bool killed) {
  int status;
  pid_t child = fork();
  ck_assert_int_ge(child, 0);
  if (child == 0) {
    limit_files(limit);
    if (killed) {
      struct rlimit no_core = {0, 0};
      setrlimit(RLIMIT_CORE, &no_core);
      signal(SIGXFSZ, SIG_DFL);
    }
    _exit(store_write_step(step, "second", 1, 0));
  }
  ck_assert_int_eq(waitpid(child, &status, 0), child);
  return status;
}

/* Loops: a later step fails, is killed; the same step fails, is killed. */
START_TEST(interrupted_writing_leaves_the_last_one) {
  bool killed = _i % 2, same_step = _i / 2;
  int64_t step = same_step ? 1 : 2;
  struct stat info;
  check_ok(gan_store_prepare(unit_folder()));
  check_ok(store_write_step(1, "second", 1, 0));
  ck_assert_int_eq(stat(store_file_of(1), &info), 0);
  size_t size = (size_t)info.st_size, stride = size / 60 + 1;
  check_ok(store_write_step(1, "first", 1, 0));
  for (size_t limit = 0; limit < size; limit += limit == 0 || limit == 511 ? 1 : stride) {
    if (limit > 512 - stride && limit < 511) limit = 511; /* both ends of the user block */
    int status = write_under_limit(step, limit, killed);
    if (killed)
      ck_assert_msg(WIFSIGNALED(status) && WTERMSIG(status) == SIGXFSZ, "limit %zu", limit);
    else
      ck_assert_msg(WIFEXITED(status) && WEXITSTATUS(status) == GAN_OUTPUT, "limit %zu", limit);
    ck_assert_msg(store_newest_is("first") && store_newest_step() == 1, "limit %zu", limit);
    check_store_whole();
    if (!killed) check_store_listing("latest step-00000001.h5");
  }
  ck_assert_int_ne(write_under_limit(step, size - 1, killed), 0);
  ck_assert(store_newest_is("first"));
  check_ok(gan_store_prepare(unit_folder()));
  check_store_listing("latest step-00000001.h5");
  ck_assert_int_eq(write_under_limit(step, size, killed), 0);
  ck_assert(store_newest_is("second"));
  check_store_listing(same_step ? "latest step-00000001.h5" : "latest step-00000002.h5");
}
END_TEST

int main(void) {
  const unit_test tests[] = {
      {paths_are_named_by_step, 1},       {none_is_no_error, 1},
      {newest_that_verifies_is_taken, 1}, {steps_are_numbers, 1},
      {opened_by_file_or_folder, 1},      {latest_points_to_the_last, 1},
      {old_ones_are_pruned, 1},           {damaged_later_ones_do_not_count, 1},
      {foreign_files_are_left_alone, 1},  {left_over_temporaries_go, 1},
      {folder_must_be_possible, 1},       {interrupted_writing_leaves_the_last_one, 4},
  };
  return UNIT_MAIN("store", tests);
}
