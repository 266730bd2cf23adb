/* Windows: the order of data that is streamed, as pure arithmetic.  No state, no files.
 *
 * A shard's rows are cut into contiguous blocks, the unit of reading.  Each epoch permutes the
 * blocks; so many of them in a row of that order form a window, and the window's rows are permuted
 * once more.  So every row comes once an epoch, near to rows of 15 other places of the shard, and a
 * reader holds a window, not the shard.  The last block of a shard may be shorter, and so may the
 * last window of an epoch.  A window that holds the whole shard gives a full shuffle.
 *
 * Position p of shard s is a function of seed, s and p alone: of its epoch p / n_s, of the place
 * p mod n_s in it, and of the cut, which follows from the config and the data's shape.  Neither the
 * number of ranks nor the order of calls has a say.
 */
#ifndef GAN_DATA_WINDOW_H
#define GAN_DATA_WINDOW_H

#include <stddef.h>
#include <stdint.h>

/* How every shard is cut. */
typedef struct gan_window_cut {
  int64_t block;  /* rows of a block; 0: no cut, the data is in memory */
  int64_t blocks; /* blocks of a window */
} gan_window_cut;

/* The cut for which two windows of each of V shards fit in `bytes`: the one in use and the next.
 * n: rows of the data; row_bytes: of a row; quota: samples that a shard gives to a batch.  block is
 * 0 if the windows would be too small: fewer rows than the quota, or than 2. */
gan_window_cut gan_window_cut_of(int64_t n, int64_t shards, size_t row_bytes, int64_t quota,
                                 double bytes);

/* The fewest bytes that have a cut. */
double gan_window_least_bytes(int64_t n, int64_t shards, size_t row_bytes, int64_t quota);

/* What a shard of `rows` rows takes to hold a window: rows at most, and blocks of the shard. */
int64_t gan_window_rows_max(gan_window_cut cut, int64_t rows);
int64_t gan_window_block_count(gan_window_cut cut, int64_t rows);

/* A window of one shard. */
typedef struct gan_window {
  uint64_t number;             /* windows that the shard had before, over all epochs */
  uint64_t first;              /* its first position */
  int64_t rows;                /* its positions */
  int64_t first_block, blocks; /* its part of the epoch's order of blocks */
} gan_window;

/* The order of a shard's blocks in an epoch: `count` of them, into `order`. */
void gan_window_order(uint64_t seed, int64_t shard, uint64_t epoch, int64_t count, uint32_t *order);

/* The window that holds a position of a shard of `rows` rows; `order` is of the position's epoch.
 */
gan_window gan_window_at(gan_window_cut cut, int64_t rows, const uint32_t *order,
                         uint64_t position);

/* Block number `block` of a shard of `rows` rows: where it begins; *count rows. */
int64_t gan_window_block(gan_window_cut cut, int64_t rows, int64_t block, int64_t *count);

/* The order of a window's rows: position first + i is the row places[i] of the window's blocks,
 * laid one behind the other in their order. */
void gan_window_places(uint64_t seed, int64_t shard, const gan_window *window, uint32_t *places);

#endif
