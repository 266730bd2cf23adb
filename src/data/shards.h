/* Shards: pure arithmetic of who holds what.  No state, no MPI.
 *
 * The data's N rows are cut into V contiguous logical shards whose sizes differ by one at most; a
 * rank owns a contiguous run of whole shards, for any number of ranks from 1 to V.  Every update
 * takes batch/V samples from each shard, so what a batch holds never depends on the ranks.
 */
#ifndef GAN_DATA_SHARDS_H
#define GAN_DATA_SHARDS_H

#include <stdint.h>

/* Where part i of `parts` of n things begins (i == parts: n).  The first n % parts are larger by
 * one. */
int64_t gan_part_begin(int64_t n, int64_t parts, int64_t i);

typedef struct gan_shards {
  int64_t n;     /* rows of the data */
  int64_t count; /* V */
  int64_t batch; /* global batch, a multiple of V */
  int64_t first; /* this rank's first shard */
  int64_t owned; /* how many it has */
} gan_shards;

/* Rank `rank` of `ranks`, which must be at most V. */
gan_shards gan_shards_of(int64_t n, int64_t count, int64_t batch, int rank, int ranks);

int64_t gan_shard_rows(const gan_shards *shards, int64_t shard);

/* Samples that a shard gives to each batch. */
int64_t gan_shards_quota(const gan_shards *shards);

/* This rank's rows of the data: first and count. */
int64_t gan_shards_first_row(const gan_shards *shards);
int64_t gan_shards_rows(const gan_shards *shards);

/* This rank's part of a batch: global index of its first sample, and how many. */
int64_t gan_shards_first_sample(const gan_shards *shards);
int64_t gan_shards_samples(const gan_shards *shards);

#endif
