#include "data/shards.h"

int64_t gan_part_begin(int64_t n, int64_t parts, int64_t i) {
  int64_t larger = n % parts;
  return i * (n / parts) + (i < larger ? i : larger);
}

gan_shards gan_shards_of(int64_t n, int64_t count, int64_t batch, int rank, int ranks) {
  gan_shards shards = {.n = n, .count = count, .batch = batch};
  shards.first = gan_part_begin(count, ranks, rank);
  shards.owned = gan_part_begin(count, ranks, rank + 1) - shards.first;
  return shards;
}

int64_t gan_shard_rows(const gan_shards *shards, int64_t shard) {
  return gan_part_begin(shards->n, shards->count, shard + 1) -
         gan_part_begin(shards->n, shards->count, shard);
}

int64_t gan_shards_quota(const gan_shards *shards) {
  return shards->batch / shards->count;
}

int64_t gan_shards_first_row(const gan_shards *shards) {
  return gan_part_begin(shards->n, shards->count, shards->first);
}

int64_t gan_shards_rows(const gan_shards *shards) {
  return gan_part_begin(shards->n, shards->count, shards->first + shards->owned) -
         gan_shards_first_row(shards);
}

int64_t gan_shards_first_sample(const gan_shards *shards) {
  return shards->first * gan_shards_quota(shards);
}

int64_t gan_shards_samples(const gan_shards *shards) {
  return shards->owned * gan_shards_quota(shards);
}
