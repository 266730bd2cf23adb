/* The newest checkpoint damaged in any way: it is named and skipped, the one before is taken; where
 * all are damaged that is told, and nothing in the folder changes. */
#include "base/log.h"
#include "base/memory.h"
#include "unit/store_support.h"
#include "unit/support.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { CUTS = 20, FLIPS = 200 };

static int log_fd = -1;

/* Checkpoints of steps 1 and 2; what is logged goes to "log". */
static void begin(void) {
  check_ok(gan_store_prepare(unit_folder()));
  check_ok(store_write_step(1, "first", 9, 0));
  check_ok(store_write_step(2, "second", 9, 0));
  log_fd = open(unit_path("log"), O_CREAT | O_RDWR | O_APPEND, 0666);
  ck_assert_int_ge(log_fd, 0);
  gan_log_start(true);
  gan_log_set_file(log_fd);
  ck_assert(freopen("/dev/null", "w", stdout) != NULL); /* hundreds of lines */
}

static void end(void) {
  gan_log_set_file(-1);
  close(log_fd);
}

/* What was logged since the last call, in fresh memory. */
static char *logged(void) {
  size_t n;
  char *text = unit_read(unit_path("log"), &n);
  ck_assert_int_eq(ftruncate(log_fd, 0), 0);
  return text;
}

/* Step 2 is skipped, once, with that reason; step 1 is taken. */
static void check_skipped(const char *what, const char *reason) {
  ck_assert_msg(store_newest_step() == 1, "%s was taken", what);
  char *text = logged(), *line = strstr(text, "skipped checkpoint: ");
  ck_assert_msg(line && strstr(line, store_file_of(2)) && strstr(line, reason), "%s: %s", what,
                text);
  ck_assert_msg(!strstr(line + 1, "skipped"), "%s: %s", what, text);
  gan_free(&text);
}

START_TEST(any_cut) {
  size_t n;
  begin();
  char *bytes = unit_read(store_file_of(2), &n);
  for (size_t i = 0; i < CUTS; i++) {
    char what[64];
    size_t kept = i * n / CUTS;
    snprintf(what, sizeof what, "cut to %zu of %zu bytes", kept, n);
    unit_write(store_file_of(2), bytes, kept);
    check_skipped(what, kept ? "truncated" : "is empty");
  }
  unit_write(store_file_of(2), bytes, n);
  ck_assert_int_eq(store_newest_step(), 2);
  gan_free(&bytes);
  end();
}
END_TEST

START_TEST(any_flipped_bit) {
  uint64_t state = 29;
  size_t n;
  begin();
  char *bytes = unit_read(store_file_of(2), &n);
  for (int i = 0; i < FLIPS; i++) {
    char what[64];
    size_t at = unit_bits(&state) % n;
    char bit = (char)(1 << unit_bits(&state) % 8);
    snprintf(what, sizeof what, "bit %d of byte %zu", bit, at);
    bytes[at] = (char)(bytes[at] ^ bit);
    unit_write(store_file_of(2), bytes, n);
    check_skipped(what, ""); /* in the user block the reasons vary */
    bytes[at] = (char)(bytes[at] ^ bit);
  }
  unit_write(store_file_of(2), bytes, n);
  ck_assert_int_eq(store_newest_step(), 2);
  gan_free(&bytes);
  end();
}
END_TEST

/* ---- what is in the file's place ---- */

static void put_folder(void) {
  ck_assert_int_eq(mkdir(store_file_of(2), 0777), 0);
}
static void put_dangling_link(void) {
  ck_assert_int_eq(symlink("nowhere.h5", store_file_of(2)), 0);
}
static void put_loop(void) {
  ck_assert_int_eq(symlink("step-00000002.h5", store_file_of(2)), 0);
}
static void put_empty_file(void) {
  unit_write(store_file_of(2), "", 0);
}
static void put_pipe(void) {
  ck_assert_int_eq(mkfifo(store_file_of(2), 0666), 0);
}
static void put_unreadable_file(void) {
  unit_write(store_file_of(2), "x", 1);
  ck_assert_int_eq(chmod(store_file_of(2), 0), 0);
}

/* The user block of step 1 before the image of step 2: both of the same size. */
static void put_other_block(void) {
  size_t n, m;
  char *one = unit_read(store_file_of(1), &n), *two;
  check_ok(store_write_step(2, "other", 9, 0)); /* as long a config as "first" */
  two = unit_read(store_file_of(2), &m);
  ck_assert_uint_eq(n, m);
  memcpy(two, one, 512);
  unit_write(store_file_of(2), two, m);
  gan_free(&one);
  gan_free(&two);
}

static const struct {
  const char *what;
  void (*put)(void);
  const char *reason;
} replacements[] = {
    {"a folder", put_folder, "is not a file"},
    {"a dangling link", put_dangling_link, "No such file"},
    {"a link to itself", put_loop, "symbolic links"},
    {"an empty file", put_empty_file, "is empty"},
    {"a pipe that nobody writes to", put_pipe, "is not a file"},
    {"an unreadable file", put_unreadable_file, "Permission denied"},
    {"another file's user block", put_other_block, "XXH3-128"},
};

START_TEST(anything_in_its_place) {
  begin();
  unlink(store_file_of(2));
  if (replacements[_i].put == put_unreadable_file && geteuid() == 0) {
    printf("root reads any file: an unreadable one is not tested\n");
    end();
    return;
  }
  replacements[_i].put();
  check_skipped(replacements[_i].what, replacements[_i].reason);
  end();
}
END_TEST

/* ---- all of them ---- */

START_TEST(all_damaged) {
  size_t n[2], now_n;
  char *bytes[2];
  gan_checkpoint *checkpoint;
  begin();
  for (int i = 0; i < 2; i++) {
    bytes[i] = unit_read(store_file_of(i + 1), &n[i]);
    bytes[i][n[i] / 2] ^= 1;
    unit_write(store_file_of(i + 1), bytes[i], n[i]);
  }
  check_ok(gan_store_prepare(unit_folder()));
  check_fails(gan_store_newest(unit_folder(), &checkpoint), GAN_INPUT, unit_folder(),
              "none of its 2 checkpoints", "--run-dir");
  ck_assert_ptr_null(checkpoint);
  char *text = logged();
  ck_assert(strstr(text, store_file_of(1)) && strstr(text, store_file_of(2)));
  gan_free(&text);
  for (int i = 0; i < 2; i++) {
    char *now = unit_read(store_file_of(i + 1), &now_n);
    ck_assert(now_n == n[i] && memcmp(now, bytes[i], now_n) == 0);
    gan_free(&now);
    gan_free(&bytes[i]);
  }
  check_store_listing("latest step-00000001.h5 step-00000002.h5");
  end();
}
END_TEST

int main(void) {
  const unit_test tests[] = {
      {any_cut, 1},
      {any_flipped_bit, 1},
      {anything_in_its_place, (int)(sizeof replacements / sizeof *replacements)},
      {all_damaged, 1},
  };
  return UNIT_MAIN("damage", tests);
}
