/* Rows of some labels alone: what is kept against a plain loop over the data, of formats that read
 * labels alone and of those that do not; and choices that must be refused. */
#include "base/memory.h"
#include "data/convert.h"
#include "data/loader.h"
#include "io/file.h"
#include "unit/data_support.h"

#include <stdio.h>
#include <string.h>

/* Labels 0 to 6 and 9, none 7 or 8. */
static double class_of(int64_t i) {
  double digit = unit_digit(i);
  return digit == 7 || digit == 8 ? 0 : digit;
}

/* Number i of the data: without the period of unit_byte. */
static double pixel(int64_t i) {
  uint64_t state = (uint64_t)i;
  return (double)(unit_bits(&state) & 255);
}

enum { ROWS = 5000, SIDE = 30, SIZE = SIDE * SIDE }; /* more than a piece of 4 MiB */

static const char *const formats[] = {"idx", "file.h5", "chosen.h5"};

/* The same data as IDX files, as HDF5, and as HDF5 of the classes 9 and 3 alone. */
static const char *write_data(int format) {
  static const int64_t dims[] = {ROWS, SIDE, SIDE};
  check_ok(gan_folder_make(unit_path("idx")));
  unit_write_idx(unit_path("idx/train-images-idx3-ubyte"), IDX_U8, 3, dims, pixel);
  unit_write_idx(unit_path("idx/train-labels-idx1-ubyte"), IDX_U8, 1, dims, class_of);
  static const int64_t nine_and_three[] = {9, 3};
  const char *from = unit_path("idx");
  gan_convert_request request = {.sources = &from,
                                 .source_count = 1,
                                 .images = "images",
                                 .labels = "labels",
                                 .out = unit_path("%s", formats[format])};
  gan_data_info info;
  if (format == 2) request.select = (gan_selection){nine_and_three, 2, true};
  if (format) check_ok(gan_convert(gan_comm_alone(), &request, &info));
  return unit_path("%s", formats[format]);
}

static gan_source_spec spec_of(const char *path, const int64_t *classes, int count, bool keep) {
  return (gan_source_spec){
      .path = path, .images = "images", .labels = "labels", .select = {classes, count, keep}};
}

/* Reads all in pieces of odd sizes, and compares with the rows that a plain loop picks. */
static void check_rows(const gan_source_spec *spec) {
  gan_source *source;
  static uint8_t rows[997 * SIZE];
  int32_t labels[997];
  int64_t at = 0, kept = 0;
  check_ok(gan_source_open(spec, &source));
  for (int64_t done = 0, some; done < source->info.n; done += some) {
    some = source->info.n - done < 997 ? source->info.n - done : 997;
    check_ok(gan_source_read(source, some, rows, labels));
    for (int64_t i = 0; i < some; i++, at++, kept++) {
      int place = -1;
      for (; place < 0; at += place < 0)
        for (int k = 0; k < spec->select.count; k++)
          if (class_of(at) == (double)spec->select.classes[k]) place = k;
      if (labels[i] != (spec->select.keep_labels ? (int)class_of(at) : place))
        ck_abort_msg("row %d has label %d", (int)at, labels[i]);
      for (int64_t k = 0; k < SIZE; k++)
        if (rows[i * SIZE + k] != (uint8_t)pixel(at * SIZE + k))
          ck_abort_msg("row %d is another", (int)at);
    }
  }
  check_ok(gan_source_finish(source));
  for (; at < ROWS; at++)
    for (int k = 0; k < spec->select.count; k++)
      ck_assert(class_of(at) != (double)spec->select.classes[k]);
  ck_assert_int_eq(kept, source->info.n);
  ck_assert(source->info.has_labels);
  gan_source_close(&source);
}

START_TEST(keeps_the_chosen_rows) {
  static const int64_t classes[] = {9, 3};
  const char *path = write_data(_i / 2);
  gan_source_spec spec = spec_of(path, classes, 2, _i % 2);
  if (_i / 2 < 2) check_rows(&spec);
  gan_source *source;
  check_ok(gan_source_open(&spec, &source));
  ck_assert_int_eq(gan_source_can_stream(source), _i / 2 == 2);
  gan_source_close(&source);
}
END_TEST

/* As a run sees it: the class is the place in the list, also where the file has nothing else and is
 * streamed. */
START_TEST(a_run_sees_places) {
#define KEYS "data.classes: [9, 3]\ntrain.batch: 64\ndata.shards: 4\n"
  static const char *const keys[] = {KEYS, KEYS "data.cache: stream\ndata.buffer_mb: 0.5"};
  const char *path = write_data(_i);
  gan_config config;
  gan_dataset *set;
  gan_loader *loader;
  static float out[64 * SIZE];
  int32_t labels[64];
  int64_t counts[2] = {0};
  for (int stream = 0; stream <= (_i == 2); stream++) {
    check_ok(unit_dataset(path, keys[stream], GAN_RANGE_NONE, &config, &set));
    ck_assert_int_eq(set->classes, 2);
    ck_assert_int_eq(gan_config_class_label(&config, 0), 9);
    ck_assert_int_eq(gan_config_class_place(&config, 3), 1);
    ck_assert_int_eq(gan_config_class_place(&config, 4), -1);
    check_ok(gan_loader_create(set, 1, &loader));
    for (uint64_t draw = 0; draw < 10; draw++) {
      check_ok(gan_loader_next(loader, 16 * draw, 0, 64, out, labels));
      for (int i = 0; i < 64; i++) {
        int64_t row = 0; /* the one with these first pixels */
        while (row < ROWS) {
          int k = 0;
          while (k < 12 && out[i * SIZE + k] == (float)pixel(row * SIZE + k)) k++;
          if (k == 12) break;
          row++;
        }
        ck_assert_int_lt(row, ROWS);
        ck_assert_int_eq(gan_config_class_label(&config, labels[i]), (int)class_of(row));
        counts[labels[i]]++;
      }
    }
    ck_assert(counts[0] && counts[1]);
    gan_loader_destroy(&loader);
    gan_dataset_destroy(&set);
    gan_config_reset(&config);
  }
}
END_TEST

START_TEST(what_is_refused) {
  static const int64_t none[] = {3, 7}, classes[] = {3, 9};
  const char *path = write_data(_i);
  gan_source_spec spec = spec_of(path, none, 2, false);
  gan_source *source;
  char zeros[64];
  int rows = 0;
  for (int64_t i = 0; i < ROWS; i++) rows += class_of(i) == 0;
  snprintf(zeros, sizeof zeros, "there are: 0 (%d rows), 1 (", rows);
  check_fails(gan_source_open(&spec, &source), GAN_USAGE, path, "class 7", zeros, ", 9 (");
  spec = spec_of("synthetic:5x4x4x1", classes, 2, false);
  check_fails(gan_source_open(&spec, &source), GAN_USAGE, "synthetic:", "has no labels");
  gan_config config;
  gan_dataset *set;
  check_fails(
      unit_dataset(path, "data.classes: [3, 9]\ndata.cache: stream", GAN_RANGE_NONE, &config, &set),
      GAN_INPUT, "run.yaml:", "data.classes chooses some rows", "--classes");
  gan_config_reset(&config);
}
END_TEST

START_TEST(keys_that_are_refused) {
  static const struct {
    const char *value, *message;
  } wrong[] = {{"[3, 5, 3]", "label 3 twice"},
               {"3", "a list of 1 to 64 integers from 0 to 2147483646, or null"},
               {"[]", "a list of 1 to 64"},
               {"[-1]", "from 0"},
               {"[1.5]", "integers"},
               {"[2147483647]", "2147483646"}};
  for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
    gan_config config;
    char *text = gan_format("data: {path: x, classes: %s}\nmodel: {generator: [relu], "
                            "discriminator: [relu]}\ntrain.steps: 1\n",
                            wrong[i].value);
    check_fails(unit_parse(&config, text, 0, NULL), GAN_USAGE, "run.yaml:1", "data.classes",
                wrong[i].message);
    gan_config_reset(&config);
    gan_free(&text);
  }
}
END_TEST

/* The saved config says the same, unset or not. */
START_TEST(keys_come_back) {
  static const char *const values[] = {"[5, 3]", "null"};
  gan_config config, again;
  char *yaml, *text = gan_format("data: {path: x, classes: %s}\nmodel: {generator: [relu], "
                                 "discriminator: [relu]}\ntrain.steps: 1\n",
                                 values[_i]);
  check_ok(unit_parse(&config, text, 0, NULL));
  check_ok(gan_config_yaml(&config, &yaml));
  check_ok(unit_parse(&again, yaml, 0, NULL));
  ck_assert_int_eq(again.data.classes.count, _i ? 0 : 2);
  ck_assert_mem_eq(&config.data.classes, &again.data.classes, sizeof config.data.classes);
  gan_config_reset(&config);
  gan_config_reset(&again);
  gan_free(&yaml);
  gan_free(&text);
}
END_TEST

int main(void) {
  const unit_test tests[] = {
      {keeps_the_chosen_rows, 6}, {a_run_sees_places, 3}, {what_is_refused, 2},
      {keys_that_are_refused, 1}, {keys_come_back, 2},
  };
  return UNIT_MAIN("select", tests);
}
