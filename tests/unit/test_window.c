/* Windows against their definition, written again here: blocks in a permuted order, so many in a
 * row a window, a window's rows permuted. */
#include "base/memory.h"
#include "base/rng.h"
#include "data/window.h"
#include "unit/support.h"

#include <math.h>
#include <string.h>

enum { ROWS_MAX = 600, SEED = 7, SHARD = 3 };

/* Rows of a shard, and its cut: blocks that divide it and not, of one row, as long as the shard and
 * longer; windows of one block, of all, and of more. */
static const struct {
  int64_t rows;
  gan_window_cut cut;
} cases[] = {{1, {1, 1}},    {1, {5, 16}},   {2, {1, 2}},    {10, {1, 1}},   {10, {3, 2}},
             {10, {3, 4}},   {10, {10, 1}},  {10, {4, 100}}, {64, {4, 16}},  {65, {4, 16}},
             {97, {5, 3}},   {97, {5, 4}},   {97, {5, 19}},  {97, {5, 20}},  {97, {96, 1}},
             {100, {7, 1}},  {100, {1, 16}}, {127, {8, 16}}, {128, {8, 16}}, {129, {8, 16}},
             {599, {10, 7}}, {600, {7, 16}}, {600, {1, 17}}, {37, {9, 2}}};
enum { CASES = sizeof cases / sizeof *cases };

/* The rows of an epoch in the order in which they come. */
static void rows_of_epoch(int case_number, uint64_t seed, int64_t shard, uint64_t epoch,
                          int64_t *rows) {
  int64_t n = cases[case_number].rows, block = cases[case_number].cut.block;
  int64_t many = cases[case_number].cut.blocks;
  uint32_t order[ROWS_MAX], places[ROWS_MAX];
  int64_t count = 0, windows = 0, laid[ROWS_MAX];
  while (count * block < n) count++;
  while (windows * many < count) windows++;
  gan_rng_permutation(gan_rng_stream(seed, GAN_RNG_SHUFFLE, 0, 1, (uint32_t)shard), epoch,
                      (uint32_t)count, order);
  for (int64_t w = 0; w < windows; w++) {
    uint32_t size = 0;
    for (int64_t b = w * many; b < (w + 1) * many && b < count; b++)
      for (int64_t r = order[b] * block; r < (order[b] + 1) * block && r < n; r++) laid[size++] = r;
    gan_rng_permutation(gan_rng_stream(seed, GAN_RNG_SHUFFLE, 0, 2, (uint32_t)shard),
                        epoch * (uint64_t)windows + (uint64_t)w, size, places);
    for (uint32_t i = 0; i < size; i++) *rows++ = laid[places[i]];
  }
}

/* What the functions under test say of one position, from nothing. */
static int64_t row_at(int case_number, uint64_t seed, int64_t shard, uint64_t position) {
  int64_t n = cases[case_number].rows, count, begin = -1;
  gan_window_cut cut = cases[case_number].cut;
  uint32_t order[ROWS_MAX], places[ROWS_MAX];
  int64_t blocks = gan_window_block_count(cut, n);
  gan_window_order(seed, shard, position / (uint64_t)n, blocks, order);
  gan_window window = gan_window_at(cut, n, order, position);
  if (position < window.first || position >= window.first + (uint64_t)window.rows)
    ck_abort_msg("position %d is not in its window", (int)position);
  if (window.rows > gan_window_rows_max(cut, n)) ck_abort_msg("a window is too large");
  gan_window_places(seed, shard, &window, places);
  int64_t place = places[position - window.first];
  for (int64_t i = 0; i < window.blocks; i++, place -= count) {
    begin = gan_window_block(cut, n, order[window.first_block + i], &count);
    if (place < count) return begin + place;
  }
  ck_abort_msg("position %d is in no block of its window", (int)position);
  return -1;
}

START_TEST(positions_follow_the_definition) {
  int64_t rows[ROWS_MAX], n = cases[_i].rows;
  static const uint64_t epochs[] = {0, 1, 2, (uint64_t)1 << 33};
  for (size_t e = 0; e < 4; e++) {
    rows_of_epoch(_i, SEED, SHARD, epochs[e], rows);
    for (int64_t i = n - 1; i >= 0; i--) { /* no order of calls is assumed */
      int64_t row = row_at(_i, SEED, SHARD, epochs[e] * (uint64_t)n + (uint64_t)i);
      if (row != rows[i])
        ck_abort_msg("place %d is row %d, not %d", (int)i, (int)row, (int)rows[i]);
    }
  }
}
END_TEST

START_TEST(every_row_once_an_epoch) {
  int64_t n = cases[_i].rows;
  for (uint64_t epoch = 0; epoch < 5; epoch++) {
    bool seen[ROWS_MAX] = {false};
    for (int64_t i = 0; i < n; i++) {
      int64_t row = row_at(_i, SEED, SHARD, epoch * (uint64_t)n + (uint64_t)i);
      if (row < 0 || row >= n || seen[row]) ck_abort_msg("row %d comes twice", (int)row);
      seen[row] = true;
    }
  }
}
END_TEST

/* Windows follow each other without a gap, and their numbers count them. */
START_TEST(windows_follow_each_other) {
  int64_t n = cases[_i].rows;
  gan_window_cut cut = cases[_i].cut;
  uint32_t order[ROWS_MAX];
  uint64_t position = 0, number = 0;
  while (position < 4 * (uint64_t)n) {
    gan_window_order(SEED, SHARD, position / (uint64_t)n, gan_window_block_count(cut, n), order);
    gan_window window = gan_window_at(cut, n, order, position);
    ck_assert_uint_eq(window.first, position);
    ck_assert_uint_eq(window.number, number++);
    ck_assert_int_gt(window.rows, 0);
    position += (uint64_t)window.rows;
    if (position / (uint64_t)n > window.first / (uint64_t)n) /* none spans two epochs */
      ck_assert_uint_eq(position % (uint64_t)n, 0);
  }
}
END_TEST

/* How many of an epoch's places two orders share; unrelated ones share one on average. */
static int same_places(const int64_t *a, const int64_t *b, int n) {
  int same = 0;
  for (int i = 0; i < n; i++) same += a[i] == b[i];
  return same;
}

START_TEST(order_depends_on_seed_shard_and_epoch) {
  enum { CASE = 20, FEW = 12 }; /* P(more than 12 fixed points of a permutation) is about 1e-10 */
  int64_t one[ROWS_MAX], other[ROWS_MAX], n = cases[CASE].rows;
  for (int64_t i = 0; i < n; i++) one[i] = row_at(CASE, 1, 0, (uint64_t)i);
  static const uint64_t others[][3] = {{2, 0, 0}, {1, 1, 0}, {1, 0, 1}};
  for (int k = 0; k < 3; k++) {
    for (int64_t i = 0; i < n; i++)
      other[i] = row_at(CASE, others[k][0], (int64_t)others[k][1],
                        others[k][2] * (uint64_t)n + (uint64_t)i);
    ck_assert_int_le(same_places(one, other, (int)n), FEW);
  }
  for (int64_t i = 0; i < n; i++) other[i] = i;
  ck_assert_int_le(same_places(one, other, (int)n), FEW);
}
END_TEST

/* Of 16 blocks a window: the 16 samples of a batch come from several blocks, which lie anywhere in
 * the shard.  At random 16 of a window's 256 rows meet 10.5 of its 16 blocks on average, with a
 * deviation of 1.24; read in the file's order they would meet one or two. */
START_TEST(a_batch_mixes_blocks) {
  enum { ROWS = 4096, BLOCK = 16, BLOCKS = 16, BATCH = 16 };
  gan_window_cut cut = {BLOCK, BLOCKS};
  uint32_t *order = gan_alloc(ROWS / BLOCK, sizeof *order, "an order");
  uint32_t *places = gan_alloc(BLOCK * BLOCKS, sizeof *places, "places");
  double met = 0, apart = 0;
  gan_window_order(SEED, 0, 0, ROWS / BLOCK, order);
  for (uint64_t at = 0; at < ROWS; at += BLOCK * BLOCKS) {
    gan_window window = gan_window_at(cut, ROWS, order, at);
    gan_window_places(SEED, 0, &window, places);
    for (int64_t i = 0; i < window.rows; i += BATCH) {
      bool seen[BLOCKS] = {false};
      for (int64_t k = i; k < i + BATCH; k++) seen[places[k] / BLOCK] = true;
      for (int b = 0; b < BLOCKS; b++) met += seen[b];
    }
    for (int64_t b = 1; b < window.blocks; b++)
      apart += fabs((double)order[window.first_block + b] - order[window.first_block + b - 1]);
  }
  ck_assert_double_gt(met / (ROWS / BATCH), 10.5 - 5 * 1.24 / sqrt(ROWS / BATCH));
  ck_assert_double_lt(met / (ROWS / BATCH), 10.5 + 5 * 1.24 / sqrt(ROWS / BATCH));
  /* neighbours in the order lie a third of the shard apart on average (256 / 3) */
  ck_assert_double_gt(apart / 240, 70);
  gan_free(&order);
  gan_free(&places);
}
END_TEST

/* ---- how large ---- */

static const struct {
  int64_t n, shards, quota;
  size_t row_bytes;
  double bytes;
} sizes[] = {{60000, 16, 8, 784, 1 << 20},
             {60000, 16, 8, 784, 64 << 20},
             {2700000, 16, 8, 784, 64 << 20},
             {2700000, 16, 8, 784, 3e6},
             {1000000, 1, 128, 12288, 64 << 20},
             {1000001, 16, 1, 8, 1 << 20},
             {100, 4, 2, 8, 2000},
             {50000000, 16, 8, 3072, 4294967296.0},
             {1000000, 64, 4, 196608, 256 << 20},
             {103, 8, 2, 100, 1e9}};

/* Two windows of all shards fit, with a row's place beside it, and a window 7% larger would not. */
START_TEST(windows_fill_the_buffer) {
  int64_t n = sizes[_i].n, shards = sizes[_i].shards, largest = (n + shards - 1) / shards;
  double row = (double)sizes[_i].row_bytes + 4;
  gan_window_cut cut =
      gan_window_cut_of(n, shards, sizes[_i].row_bytes, sizes[_i].quota, sizes[_i].bytes);
  ck_assert_int_gt(cut.block, 0);
  int64_t window = gan_window_rows_max(cut, largest);
  ck_assert_double_le(2 * (double)shards * (double)window * row, sizes[_i].bytes);
  ck_assert_int_ge(window, sizes[_i].quota < largest ? sizes[_i].quota : largest);
  ck_assert_int_le(cut.blocks, 32);
  if (window < largest)
    ck_assert_double_gt(2 * (double)shards * ((double)window * 1.07 + 1) * row, sizes[_i].bytes);
  if (window > 32 && window < largest) ck_assert_int_ge(cut.blocks, 16);
}
END_TEST

START_TEST(the_least_buffer) {
  int64_t n = sizes[_i].n, shards = sizes[_i].shards, quota = sizes[_i].quota;
  double least = gan_window_least_bytes(n, shards, sizes[_i].row_bytes, quota);
  gan_window_cut cut = gan_window_cut_of(n, shards, sizes[_i].row_bytes, quota, least);
  ck_assert_int_ge(gan_window_rows_max(cut, n / shards), quota > 2 ? quota : 2);
  cut = gan_window_cut_of(n, shards, sizes[_i].row_bytes, quota, least - 1);
  ck_assert_int_eq(cut.block, 0);
  ck_assert_int_eq(gan_window_cut_of(n, shards, sizes[_i].row_bytes, quota, 0).block, 0);
}
END_TEST

/* Where all fits a shard is one window: any row may come first. */
START_TEST(large_buffers_shuffle_fully) {
  for (int64_t n = 1; n < 70; n++)
    for (int64_t shards = 1; shards <= 4 && shards <= n; shards++) {
      gan_window_cut cut = gan_window_cut_of(n, shards, 10, 500, 1e9);
      for (int64_t rows = n / shards; rows <= (n + shards - 1) / shards; rows++) {
        uint32_t order[70];
        gan_window_order(1, 0, 0, gan_window_block_count(cut, rows), order);
        ck_assert_int_eq(gan_window_at(cut, rows, order, 0).rows, rows);
      }
    }
}
END_TEST

int main(void) {
  const unit_test tests[] = {
      {positions_follow_the_definition, CASES},
      {every_row_once_an_epoch, CASES},
      {windows_follow_each_other, CASES},
      {order_depends_on_seed_shard_and_epoch, 1},
      {a_batch_mixes_blocks, 1},
      {windows_fill_the_buffer, sizeof sizes / sizeof *sizes},
      {the_least_buffer, sizeof sizes / sizeof *sizes},
      {large_buffers_shuffle_fully, 1},
  };
  return UNIT_MAIN("window", tests);
}
