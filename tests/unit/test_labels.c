/* Labels on their way to the networks: every row tells its label, so a batch shows by itself
 * whether the two belong together. */
#include "base/memory.h"
#include "data/loader.h"
#include "unit/data_support.h"

#include <string.h>

enum { ROWS = 700, BATCH = 24, SHARDS = 4, QUOTA = BATCH / SHARDS, SEED = 5 };

/* What label the row i has: no function of its place in a shard, block or batch. */
static int32_t label_of(int64_t i) {
  return (int32_t)(((uint64_t)(i + 7) * 2654435761u >> 15) % 50);
}

/* Row i is (its label, i / 256, i mod 256). */
static const char *write_file(void) {
  static uint8_t bytes[3 * ROWS];
  static int64_t labels[ROWS];
  static const int64_t dims[] = {ROWS, 3};
  for (int64_t i = 0; i < ROWS; i++) {
    labels[i] = label_of(i);
    bytes[3 * i] = (uint8_t)labels[i];
    bytes[3 * i + 1] = (uint8_t)(i / 256);
    bytes[3 * i + 2] = (uint8_t)(i % 256);
  }
  gan_h5 *file;
  char *image;
  size_t n;
  check_ok(gan_h5_create(&file));
  check_ok(gan_h5_write(file, "images", GAN_U8, 2, dims, bytes));
  check_ok(gan_h5_write(file, "labels", GAN_I64, 1, dims, labels));
  check_ok(gan_h5_image(file, &image, &n));
  gan_h5_close(&file);
  const char *path = unit_path("labelled.h5");
  unit_write(path, image, n);
  gan_free(&image);
  return path;
}

/* In memory, streamed in windows smaller than a shard, and in windows of whole shards. */
static const char *const caches[] = {
    "data.cache: memory",
    "data.cache: stream\ndata.buffer_mb: 0.0015",
    "data.cache: stream\ndata.buffer_mb: 1",
};

static gan_dataset *load(int i, gan_config *config) {
  gan_dataset *set;
  char *keys = gan_format("train.batch: %d\ndata.shards: %d\n%s", BATCH, SHARDS, caches[i]);
  check_ok(unit_dataset(write_file(), keys, GAN_RANGE_NONE, config, &set));
  gan_free(&keys);
  ck_assert_int_eq(set->classes, 50);
  return set;
}

/* Draws in order over three epochs, then any, each in random pieces. */
START_TEST(labels_belong_to_their_rows) {
  gan_config config;
  gan_dataset *set = load(_i, &config);
  gan_loader *loader;
  uint64_t state = 3;
  int64_t seen[ROWS] = {0};
  check_ok(gan_loader_create(set, SEED, &loader));
  if (_i == 1) ck_assert_int_lt(set->cut.block * set->cut.blocks, ROWS / SHARDS / 2);
  for (uint64_t draw = 0; draw < 140; draw++) {
    uint64_t drawn = QUOTA * (draw < 90 ? draw : unit_bits(&state) % 1000);
    for (int64_t at = 0, count; at < BATCH; at += count) {
      float out[3 * BATCH];
      int32_t labels[BATCH];
      count = 1 + (int64_t)(unit_bits(&state) % (uint64_t)(BATCH - at));
      check_ok(gan_loader_next(loader, drawn, at, count, out, labels));
      for (int64_t i = 0; i < count; i++) {
        int64_t row = (int64_t)out[3 * i + 1] * 256 + (int64_t)out[3 * i + 2];
        if (labels[i] != label_of(row) || labels[i] != (int32_t)out[3 * i])
          ck_abort_msg("row %d comes with label %d", (int)row, labels[i]);
        seen[row]++;
      }
    }
  }
  for (int64_t i = 0; i < ROWS; i++) ck_assert_int_ge(seen[i], 3);
  gan_loader_destroy(&loader);
  gan_dataset_destroy(&set);
  gan_config_reset(&config);
}
END_TEST

/* Who wants no labels gets the same rows, and neither way takes memory. */
START_TEST(labels_may_be_left_out) {
  gan_config config;
  gan_dataset *set = load(_i, &config);
  gan_loader *with, *without;
  float a[3 * BATCH], b[3 * BATCH];
  int32_t labels[BATCH];
  check_ok(gan_loader_create(set, SEED, &with));
  check_ok(gan_loader_create(set, SEED, &without));
  uint64_t count = gan_alloc_count();
  for (uint64_t draw = 0; draw < 60; draw++) {
    check_ok(gan_loader_next(with, QUOTA * draw, 0, BATCH, a, labels));
    check_ok(gan_loader_next(without, QUOTA * draw, 0, BATCH, b, NULL));
    ck_assert_mem_eq(a, b, sizeof a);
  }
  ck_assert_uint_eq(gan_alloc_count(), count);
  gan_loader_destroy(&with);
  gan_loader_destroy(&without);
  gan_dataset_destroy(&set);
  gan_config_reset(&config);
}
END_TEST

int main(void) {
  const unit_test tests[] = {
      {labels_belong_to_their_rows, sizeof caches / sizeof *caches},
      {labels_may_be_left_out, sizeof caches / sizeof *caches},
  };
  return UNIT_MAIN("labels", tests);
}
