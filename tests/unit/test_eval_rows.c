/* Rows for an evaluation: from a file that is streamed the same as from memory, and how much memory
 * they may take. */
#include "base/memory.h"
#include "io/file.h"
#include "io/hdf5.h"
#include "train/eval_rows.h"
#include "unit/data_support.h"
#include "unit/eval_support.h"

#include <string.h>

enum { N = 1100, SIDE = 5, ROW = SIDE * SIDE };

/* Rows of bytes with labels, as `mpigan data convert` writes them. */
static void write_rows(const char *path) {
  static uint8_t rows[N * ROW];
  static int32_t labels[N];
  gan_h5 *file;
  char *image;
  size_t n;
  for (int i = 0; i < N * ROW; i++) rows[i] = (uint8_t)unit_byte(i);
  for (int i = 0; i < N; i++) labels[i] = (int32_t)unit_digit(i);
  const int64_t dims[3] = {N, SIDE, SIDE}, count[1] = {N};
  check_ok(gan_h5_create(&file));
  check_ok(gan_h5_write(file, "images", GAN_U8, 3, dims, rows));
  check_ok(gan_h5_write(file, "labels", GAN_I32, 1, count, labels));
  check_ok(gan_h5_image(file, &image, &n));
  check_ok(gan_file_replace(path, image, n, NULL, 0));
  gan_h5_close(&file);
  gan_free(&image);
}

/* _i: how many rows; 0: all */
START_TEST(streamed_rows_are_those_of_memory) {
  static const int64_t counts[] = {100, 0};
  char path[4096], images[] = "images", labels[] = "labels";
  gan_eval_set held, streamed;
  strcpy(path, unit_path("rows.h5"));
  write_rows(path);
  gan_config run = {
      .data = {.path = path, .images = images, .labels = labels, .cache = GAN_CACHE_STREAM}};
  check_ok(gan_eval_set_load(eval_alone(), (gan_eval_source){path, NULL}, counts[_i], NULL, &held));
  check_ok(
      gan_eval_set_load(eval_alone(), (gan_eval_source){path, &run}, counts[_i], NULL, &streamed));
  ck_assert_int_eq(streamed.rows.total, counts[_i] ? counts[_i] : N);
  ck_assert_int_eq(streamed.of, N);
  ck_assert_int_eq(streamed.classes, held.classes);
  ck_assert_mem_eq(streamed.values, held.values, (size_t)(held.rows.n * ROW) * sizeof *held.values);
  ck_assert_mem_eq(streamed.labels, held.labels, (size_t)held.rows.n * sizeof *held.labels);
  /* only its digest says that not all rows were looked at: of 64 a shard it is all */
  ck_assert(gan_digest_equal(streamed.digest, held.digest));
  gan_eval_set_release(&held);
  gan_eval_set_release(&streamed);
}
END_TEST

/* 1 GiB of bytes is 5 GiB as floats beside them; of 1000 rows as floats 1 GiB and little more. */
START_TEST(room_is_checked_before_it_is_taken) {
  const gan_data_info info = {.n = 1 << 20, .h = 32, .w = 32, .c = 1, .type = GAN_U8};
  gan_eval_room room = {.path = "large.h5", .info = &info, .ranks = 1, .bytes = (size_t)5 << 30};
  check_ok(gan_eval_rows_check(&room));
  room.bytes--;
  check_fails(gan_eval_rows_check(&room), GAN_USAGE, "large.h5", "1048576 rows", "5.0 GiB",
              "--test and --pairs");
  room.ranks = 2;
  check_ok(gan_eval_rows_check(&room));
  room.ranks = 1;
  room.streams = true;
  check_ok(gan_eval_rows_check(&room));
  room.bytes = ((size_t)4 << 30) - 1;
  check_fails(gan_eval_rows_check(&room), GAN_USAGE, "4.0 GiB");
  room.count = 1000;
  check_ok(gan_eval_rows_check(&room));
  room.bytes = 1;
  check_fails(gan_eval_rows_check(&room), GAN_USAGE, "1000 of its 1048576 rows", "--count");
  room.bytes = 0; /* not known */
  check_ok(gan_eval_rows_check(&room));
  ck_assert_uint_gt(gan_memory_physical(), gan_memory_now());
}
END_TEST

int main(void) {
  const unit_test tests[] = {
      {streamed_rows_are_those_of_memory, 2},
      {room_is_checked_before_it_is_taken, 1},
  };
  return UNIT_MAIN("eval_rows", tests);
}
