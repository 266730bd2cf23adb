/* Data over ranks: every rank holds the rows of its shards and no others, whatever the world size;
 * batches and digest are the same in memory and streamed; a bad row that rank 0 meets half-way, or
 * a file that one rank cannot see, is one failure of all. */
#include "base/memory.h"
#include "data/loader.h"
#include "io/file.h"
#include "io/hdf5.h"
#include "model/layer.h"
#include "mpi/support.h"
#include "train/session.h"

#include <math.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

enum { ROWS = 103, SIDE = 5, SHARDS = 8, BATCH = 16 };

/* Windows of three rows of a shard's twelve or thirteen: 2 * 8 * 3 * (100 + 4) bytes. */
static const char stream[] = "cache: stream, buffer_mb: 0.005", memory[] = "cache: memory";

static const char config_text[] = "data: {path: %s, shards: 8, %s}\n"
                                  "model:\n"
                                  "  generator: [linear: {units: 25}]\n"
                                  "  discriminator: [linear: {units: 1}]\n"
                                  "train: {batch: 16, steps: 1}\n";

static gan_status parse(gan_config *config, const char *path, const char *cache) {
  char text[1024];
  gan_layer_schemas layers = gan_layer_table();
  snprintf(text, sizeof text, config_text, path, cache);
  return gan_config_parse(config, text, strlen(text), "test.yaml", NULL, 0, 1, &layers);
}

static float value_of(int64_t row, int64_t k) {
  return (float)(row * 25 + k) / 2575.0f;
}

/* Rank 0 writes (rows, SIDE, SIDE) float images, one number of which may be bad, and that they lie
 * in [0, 1]. */
static void write_rows(const char *path, int64_t rows, int64_t bad_row) {
  static float values[ROWS * SIDE * SIDE];
  int64_t dims[3] = {rows, SIDE, SIDE};
  gan_h5 *file = NULL;
  char *image = NULL;
  size_t n = 0;
  gan_status status = GAN_OK;
  if (gan_comm_rank(world) == 0) {
    for (int64_t i = 0; i < ROWS * SIDE * SIDE; i++) values[i] = value_of(i / 25, i % 25);
    if (bad_row >= 0) values[bad_row * 25 + 7] = NAN;
    status = gan_h5_create(&file);
    if (status == GAN_OK) status = gan_h5_write(file, "images", GAN_F32, 3, dims, values);
    if (status == GAN_OK) status = gan_h5_set_real(file, "images", "minimum", 0);
    if (status == GAN_OK) status = gan_h5_set_real(file, "images", "maximum", 1);
    if (status == GAN_OK) status = gan_h5_image(file, &image, &n);
    gan_h5_close(&file);
    if (status == GAN_OK) status = gan_file_replace(path, image, n, NULL, 0);
    gan_free(&image);
  }
  check_ok(gan_comm_agree(world, status, "a load"));
}

static void write_data(const char *path, int64_t bad_row) {
  write_rows(path, ROWS, bad_row);
}

static gan_status load(gan_comm *comm, const gan_config *config, gan_dataset **set) {
  gan_source *source;
  gan_data_info info;
  GAN_TRY(gan_dataset_open(comm, config, &source, &info));
  return gan_dataset_load(comm, config, &source, &info, GAN_RANGE_UNIT, set);
}

/* The same path on all ranks. */
static void make_path(char path[64], const char *name) {
  int pid = (int)getpid();
  check_ok(gan_comm_broadcast(world, &pid, sizeof pid, "a pid"));
  snprintf(path, 64, "/tmp/mpigan-test-%d-%s.h5", pid, name);
}

static void remove_file(const char *path) {
  check_ok(gan_comm_barrier(world, "a barrier"));
  if (gan_comm_rank(world) == 0) unlink(path);
}

START_TEST(each_rank_holds_its_shards_rows) {
  char path[64];
  gan_config config;
  gan_dataset *set = NULL;
  make_path(path, "rows");
  write_data(path, -1);
  check_ok(parse(&config, path, memory));
  check_ok(load(world, &config, &set));
  int64_t first = gan_shards_first_row(&set->shards), rows = gan_shards_rows(&set->shards);
  bool right = true;
  for (int64_t i = 0; i < rows * 25; i++)
    right &= ((float *)set->rows)[i] == value_of(first + i / 25, i % 25);
  check_all(right);
  double total = (double)rows;
  check_ok(gan_comm_sum_double(world, &total, 1, "a sum"));
  check_all(total == ROWS);
  gan_dataset_destroy(&set);
  gan_config_reset(&config);
  remove_file(path);
}
END_TEST

/* A batch of the whole world, gathered, is the batch of one rank; so is the digest. */
static void compare_with_one_rank(const char *cache) {
  enum { NUMBERS = BATCH * SIDE * SIDE };
  char path[64];
  gan_config config;
  gan_dataset *split_set = NULL, *whole_set = NULL;
  gan_loader *split = NULL, *whole = NULL;
  static float one[NUMBERS], many[NUMBERS];
  static double gathered[NUMBERS];
  make_path(path, "batches");
  write_data(path, -1);
  check_ok(parse(&config, path, cache));
  check_ok(load(world, &config, &split_set));
  check_ok(load(gan_comm_alone(), &config, &whole_set));
  check_all(gan_digest_equal(split_set->digest, whole_set->digest));
  check_all(split_set->scale == whole_set->scale && split_set->offset == whole_set->offset);
  check_ok(gan_loader_create(split_set, 5, &split));
  check_ok(gan_loader_create(whole_set, 5, &whole));
  for (uint64_t draw = 0; draw < 30; draw++) { /* over four epochs */
    uint64_t drawn = draw * (uint64_t)gan_shards_quota(&whole_set->shards);
    check_ok(gan_loader_next(split, drawn, 0, gan_shards_samples(&split_set->shards), many, NULL));
    check_ok(gan_loader_next(whole, drawn, 0, BATCH, one, NULL));
    memset(gathered, 0, sizeof gathered);
    int64_t first = gan_shards_first_sample(&split_set->shards) * 25;
    for (int64_t i = 0; i < gan_shards_samples(&split_set->shards) * 25; i++)
      gathered[first + i] = (double)many[i];
    check_ok(gan_comm_sum_double(world, gathered, NUMBERS, "a sum"));
    bool same = true;
    for (int i = 0; i < NUMBERS; i++) same &= (float)gathered[i] == one[i];
    check_all(same);
  }
  gan_loader_destroy(&split);
  gan_loader_destroy(&whole);
  gan_dataset_destroy(&split_set);
  gan_dataset_destroy(&whole_set);
  gan_config_reset(&config);
  remove_file(path);
}

START_TEST(batches_and_digest_do_not_depend_on_the_ranks) {
  compare_with_one_rank(memory);
}
END_TEST

START_TEST(nor_do_they_where_data_is_streamed) {
  compare_with_one_rank(stream);
}
END_TEST

/* The last rank alone meets another path: nothing is there, or another file.  All say so, and which
 * rank it was. */
START_TEST(a_rank_that_reads_another_file) {
  int last = gan_comm_size(world) - 1;
  for (int there = 0; there < 2 && last > 0; there++) {
    char path[64], other[64], rank[32];
    gan_config config;
    gan_dataset *set = NULL;
    gan_source *source;
    gan_data_info info;
    make_path(path, "mine");
    make_path(other, "other");
    write_data(path, -1);
    if (there) write_rows(other, ROWS - 1, -1);
    check_ok(parse(&config, gan_comm_rank(world) == last ? other : path, stream));
    check_ok(gan_dataset_open(world, &config, &source, &info));
    check_all(gan_dataset_load(world, &config, &source, &info, GAN_RANGE_UNIT, &set) == GAN_INPUT);
    snprintf(rank, sizeof rank, "rank %d (", last);
    check_all(strstr(gan_error_message(), rank) && strstr(gan_error_message(), other));
    check_all(strstr(gan_error_message(), there ? "another file" : "every rank reads"));
    check_all(set == NULL);
    gan_config_reset(&config);
    remove_file(path);
    remove_file(other);
  }
}
END_TEST

/* Bad rows in the first, a middle and the last shard: all ranks fail, none waits for ever. */
START_TEST(a_bad_row_is_one_failure_of_all) {
  static const int64_t bad_rows[] = {0, ROWS / 2, ROWS - 1};
  for (int k = 0; k < 3; k++) {
    char path[64], row[32];
    gan_config config;
    gan_dataset *set = NULL;
    make_path(path, "bad");
    write_data(path, bad_rows[k]);
    check_ok(parse(&config, path, memory));
    check_all(load(world, &config, &set) == GAN_INPUT);
    snprintf(row, sizeof row, "row %lld", (long long)bad_rows[k]);
    check_all(strstr(gan_error_message(), row) && strstr(gan_error_message(), path));
    check_all(set == NULL);
    gan_config_reset(&config);
    remove_file(path);
  }
}
END_TEST

int main(int argc, char **argv) {
  const TTest *const tests[] = {
      each_rank_holds_its_shards_rows,    batches_and_digest_do_not_depend_on_the_ranks,
      nor_do_they_where_data_is_streamed, a_rank_that_reads_another_file,
      a_bad_row_is_one_failure_of_all,
  };
  return run_mpi_tests(argc, argv, "dataset", tests, sizeof tests / sizeof *tests);
}
