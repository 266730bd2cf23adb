#include "data/window.h"

#include "base/rng.h"

/* About so many blocks a window: more mix better, fewer are read faster. */
enum { BLOCKS = 16 };

/* Passes of GAN_RNG_SHUFFLE; 0 is the order of data in memory. */
enum { PASS_BLOCKS = 1, PASS_ROWS = 2 };

/* A row in a window has its place beside it. */
static double row_cost(int64_t shards, size_t row_bytes) {
  return 2.0 * (double)shards * (double)(row_bytes + sizeof(uint32_t));
}

static int64_t at_most(int64_t a, int64_t b) {
  return a < b ? a : b;
}

/* Rows of the larger shards: sizes differ by one. */
static int64_t largest_shard(int64_t n, int64_t shards) {
  return (n + shards - 1) / shards;
}

static int64_t least_rows(int64_t n, int64_t shards, int64_t quota) {
  return at_most(quota > 2 ? quota : 2, largest_shard(n, shards));
}

gan_window_cut gan_window_cut_of(int64_t n, int64_t shards, size_t row_bytes, int64_t quota,
                                 double bytes) {
  double fits = bytes / row_cost(shards, row_bytes);
  int64_t whole = largest_shard(n, shards), rows = fits < (double)whole ? (int64_t)fits : whole;
  if (rows < least_rows(n, shards, quota)) return (gan_window_cut){0, 0};
  if (rows == whole) /* rounded up: one window has them all */
    return (gan_window_cut){(whole + BLOCKS - 1) / BLOCKS, BLOCKS};
  int64_t block = rows > BLOCKS ? rows / BLOCKS : 1;
  return (gan_window_cut){block, rows / block};
}

double gan_window_least_bytes(int64_t n, int64_t shards, size_t row_bytes, int64_t quota) {
  return (double)least_rows(n, shards, quota) * row_cost(shards, row_bytes);
}

int64_t gan_window_rows_max(gan_window_cut cut, int64_t rows) {
  return at_most(cut.block * cut.blocks, rows);
}

int64_t gan_window_block_count(gan_window_cut cut, int64_t rows) {
  return (rows + cut.block - 1) / cut.block;
}

void gan_window_order(uint64_t seed, int64_t shard, uint64_t epoch, int64_t count,
                      uint32_t *order) {
  gan_rng rng = gan_rng_stream(seed, GAN_RNG_SHUFFLE, 0, PASS_BLOCKS, (uint32_t)shard);
  gan_rng_permutation(rng, epoch, (uint32_t)count, order);
}

/* Rows that the last block lacks where it stands before place `end` of the order. */
static int64_t missing_before(int64_t end, int64_t missing, int64_t count, const uint32_t *order) {
  for (int64_t i = 0; missing && i < end; i++)
    if (order[i] == count - 1) return missing;
  return 0;
}

gan_window gan_window_at(gan_window_cut cut, int64_t rows, const uint32_t *order,
                         uint64_t position) {
  int64_t count = gan_window_block_count(cut, rows), missing = count * cut.block - rows;
  int64_t windows = (count + cut.blocks - 1) / cut.blocks, full = cut.block * cut.blocks;
  uint64_t epoch = position / (uint64_t)rows;
  int64_t place = (int64_t)(position % (uint64_t)rows), w = place / full;
  int64_t end = at_most((w + 1) * cut.blocks, count);
  /* behind the shorter block windows begin earlier than full ones would */
  if (place >= end * cut.block - missing_before(end, missing, count, order)) w++;
  int64_t first_block = w * cut.blocks, last_block = at_most((w + 1) * cut.blocks, count);
  int64_t begin = first_block * cut.block - missing_before(first_block, missing, count, order);
  end = last_block * cut.block - missing_before(last_block, missing, count, order);
  return (gan_window){.number = epoch * (uint64_t)windows + (uint64_t)w,
                      .first = epoch * (uint64_t)rows + (uint64_t)begin,
                      .rows = end - begin,
                      .first_block = first_block,
                      .blocks = last_block - first_block};
}

int64_t gan_window_block(gan_window_cut cut, int64_t rows, int64_t block, int64_t *count) {
  int64_t begin = block * cut.block;
  *count = at_most(cut.block, rows - begin);
  return begin;
}

void gan_window_places(uint64_t seed, int64_t shard, const gan_window *window, uint32_t *places) {
  gan_rng rng = gan_rng_stream(seed, GAN_RNG_SHUFFLE, 0, PASS_ROWS, (uint32_t)shard);
  gan_rng_permutation(rng, window->number, (uint32_t)window->rows, places);
}
