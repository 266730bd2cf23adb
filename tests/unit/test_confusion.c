/* The confusion matrix: what is counted, and how it is told of few classes and of many. */
#include "base/log.h"
#include "base/memory.h"
#include "task/confusion.h"
#include "unit/support.h"

#include <fcntl.h>
#include <math.h>
#include <string.h>
#include <unistd.h>

static gan_confusion make(int64_t classes) {
  gan_confusion made;
  check_ok(gan_confusion_reserve(classes, &made));
  return made;
}

static void add(gan_confusion *confusion, int64_t label, int64_t told, int times) {
  for (int i = 0; i < times; i++) gan_confusion_add(confusion, label, told);
}

/* What it logs, in fresh memory. */
static char *log_of(const gan_confusion *confusion, const gan_config *config) {
  const char *path = unit_path("log.txt");
  size_t n;
  unlink(path);
  int fd = open(path, O_WRONLY | O_CREAT | O_APPEND, 0666);
  ck_assert_int_ge(fd, 0);
  gan_log_start(true);
  gan_log_set_file(fd);
  gan_confusion_log(confusion, config);
  gan_log_set_file(-1);
  gan_log_start(false);
  close(fd);
  return unit_read(path, &n);
}

/* Whether the texts come in that order. */
static void check_order(const char *text, const char *const *wanted) {
  const char *at = text;
  for (int i = 0; wanted[i]; i++) {
    at = strstr(at, wanted[i]);
    ck_assert_msg(at != NULL, "'%s' is not there, or too early: %s", wanted[i], text);
    at += strlen(wanted[i]);
  }
}

START_TEST(few_classes_are_a_table) {
  gan_config config = {.data.classes = {3, {7, 0, 12}}};
  gan_confusion confusion = make(3);
  add(&confusion, 0, 0, 5);
  add(&confusion, 0, 2, 1);
  add(&confusion, 1, 1, 1234);
  add(&confusion, 2, 1, 60);
  char *text = log_of(&confusion, &config);
  check_order(text, (const char *const[]){"1239 of 1300 told right, 95.31%", "     7     0    12",
                                          "7     5     0     1", "0     0  1234     0",
                                          "12     0    60     0", NULL});
  gan_free(&text);
  gan_confusion_release(&confusion);
}
END_TEST

/* The most confused pairs, of equals the first. */
START_TEST(many_classes_are_pairs) {
  gan_config config = {0};
  gan_confusion confusion = make(30);
  add(&confusion, 29, 29, 50);
  add(&confusion, 29, 0, 4);
  add(&confusion, 3, 5, 9);
  add(&confusion, 0, 17, 4);
  add(&confusion, 8, 2, 1);
  char *text = log_of(&confusion, &config);
  check_order(text, (const char *const[]){
                        "label 3 told as 5: 9 times", "label 0 told as 17: 4 times",
                        "label 29 told as 0: 4 times", "label 8 told as 2: 1 times", NULL});
  ck_assert_ptr_null(strstr(text, "label 29 told as 29"));
  gan_free(&text);
  gan_confusion_release(&confusion);
}
END_TEST

START_TEST(as_json) {
  gan_config config = {0};
  gan_confusion confusion = make(2);
  add(&confusion, 0, 0, 3);
  add(&confusion, 0, 1, 1);
  char *text;
  for (int good = 0; good < 2; good++) {
    check_ok(gan_confusion_json(&confusion, &config, 7, good ? 0.25 : (double)NAN, &text));
    check_order(text, (const char *const[]){"\"step\": 7", "\"n\": 4", "\"right\": 3",
                                            "\"accuracy\": 0.75",
                                            good ? "\"loss\": 0.25" : "\"loss\": null",
                                            "\"labels\": [0, 1]", "[3, 1],", "[0, 0]", NULL});
    gan_free(&text);
  }
  gan_confusion_forget(&confusion);
  ck_assert_int_eq(confusion.n, 0);
  ck_assert_int_eq(confusion.counts[0], 0);
  gan_confusion_release(&confusion);
}
END_TEST

/* Of very many classes only what is right is counted. */
START_TEST(no_matrix_of_very_many) {
  gan_config config = {0};
  gan_confusion confusion = make(GAN_CONFUSION_MAX + 1);
  ck_assert_ptr_null(confusion.counts);
  add(&confusion, GAN_CONFUSION_MAX, 5, 1);
  add(&confusion, 5, 5, 2);
  gan_confusion_forget(&confusion);
  add(&confusion, 5, 5, 1);
  check_ok(gan_confusion_share(&confusion, gan_comm_alone()));
  char *text, *log = log_of(&confusion, &config);
  check_order(log, (const char *const[]){"1 of 1 told right", NULL});
  check_ok(gan_confusion_json(&confusion, &config, 1, 1, &text));
  check_order(text, (const char *const[]){"\"right\": 1", "\"labels\": []", NULL});
  gan_free(&text);
  gan_free(&log);
  gan_confusion_release(&confusion);
}
END_TEST

int main(void) {
  const unit_test tests[] = {
      {few_classes_are_a_table, 1},
      {many_classes_are_pairs, 1},
      {as_json, 1},
      {no_matrix_of_very_many, 1},
  };
  return UNIT_MAIN("confusion", tests);
}
