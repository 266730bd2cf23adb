/* Work that the compute threads of a rank share.
 *
 * It is cut into blocks whose bounds depend on its size alone, never on the number of threads, and
 * sums of blocks are added in order: any number of threads gives the same bits.  Small work, work
 * inside a parallel region, and work of threads that nobody gave helpers is done by its caller. */
#ifndef GAN_BASE_BLOCKS_H
#define GAN_BASE_BLOCKS_H

#include <stdint.h>

enum {
  GAN_BLOCK_WORK = 1 << 12,  /* of one block, about, in floats that are passed over */
  GAN_SHARED_WORK = 1 << 15, /* with less, waking the others costs more than they do */
  GAN_PARTIALS = 64,         /* the most blocks of a sum */
};

/* How many threads share the work of the calling thread, from now on; 1 at first. */
void gan_blocks_set_threads(int threads);

/* How many do for work of that size; see GAN_SHARED_WORK. */
int gan_blocks_threads(int64_t work);

/* Items a block, where each passes over `cost` floats. */
static inline int64_t gan_block_items(int64_t cost) {
  return cost < GAN_BLOCK_WORK ? GAN_BLOCK_WORK / (cost > 0 ? cost : 1) : 1;
}

/* Items a block of a sum over n: at most GAN_PARTIALS blocks, and one where n is small. */
static inline int64_t gan_block_terms(int64_t n, int64_t cost) {
  int64_t least = 4 * gan_block_items(cost), even = (n + GAN_PARTIALS - 1) / GAN_PARTIALS;
  return even > least ? even : least;
}

#define GAN_PRAGMA(text) _Pragma(#text)

/* Runs `statement` for items at..at+count-1 of each block of n items that pass over `cost` floats
 * each; blocks must not touch what others write. */
#define GAN_FOR_BLOCKS(at, count, n, cost, statement)                                              \
  do {                                                                                             \
    const int64_t items_ = (n);                                                                    \
    if (gan_blocks_threads(items_ * (int64_t)(cost)) == 1) {                                       \
      const int64_t at = 0, count = items_;                                                        \
      statement;                                                                                   \
    } else {                                                                                       \
      GAN_FOR_BLOCKS_OF(gan_block_items(cost), at, count, items_, cost, statement);                \
    }                                                                                              \
  } while (0)

/* The same in blocks of `size` items, whether others help or not. */
#define GAN_FOR_BLOCKS_OF(size, at, count, n, cost, statement)                                     \
  do {                                                                                             \
    const int64_t n_ = (n), block_ = (size);                                                       \
    const int threads_ = gan_blocks_threads(n_ * (int64_t)(cost));                                 \
    if (threads_ == 1) { /* not even a parallel region of one */                                   \
      for (int64_t at = 0, count; at < n_; at += block_) {                                         \
        count = n_ - at < block_ ? n_ - at : block_;                                               \
        statement;                                                                                 \
      }                                                                                            \
    } else {                                                                                       \
      GAN_PRAGMA(omp parallel for schedule(static) num_threads(threads_))                          \
      for (int64_t at = 0; at < n_; at += block_) {                                                \
        const int64_t count = n_ - at < block_ ? n_ - at : block_;                                 \
        statement;                                                                                 \
      }                                                                                            \
    }                                                                                              \
  } while (0)

/* total = the sum over such blocks of `expression`, a double, in order; there are few of them, and
 * one where n is small. */
#define GAN_SUM_BLOCKS(total, at, count, n, cost, expression)                                      \
  do {                                                                                             \
    double partials_[GAN_PARTIALS] = {0};                                                          \
    const int64_t terms_ = (n), size_ = gan_block_terms(terms_, cost);                             \
    const int64_t blocks_ = (terms_ + size_ - 1) / size_;                                          \
    GAN_FOR_BLOCKS_OF(size_, at, count, terms_, cost, partials_[at / size_] = (expression));       \
    (total) = partials_[0];                                                                        \
    for (int64_t b_ = 1; b_ < blocks_; b_++) (total) += partials_[b_];                             \
  } while (0)

#endif
