#include "data/digest.h"

#include "base/memory.h"

enum { HALVES = 4 };

/* A 64-bit word as exact doubles of 32 bits, so that a plain sum gathers. */
static void split(uint64_t word, double *halves) {
  halves[0] = (double)(word >> 32);
  halves[1] = (double)(uint32_t)word;
}

static uint64_t join(const double *halves) {
  return (uint64_t)halves[0] << 32 | (uint64_t)halves[1];
}

/* all: (shards + 1) */
static gan_digest of_all(const gan_data_info *info, int64_t shards, const double *halves,
                         gan_digest *all) {
  int64_t shape[6] = {info->n, info->h, info->w, info->c, info->type, info->has_labels};
  for (int64_t s = 0; s < shards; s++)
    all[s] = (gan_digest){join(halves + HALVES * s), join(halves + HALVES * s + 2)};
  all[shards] = gan_digest_of(shape, sizeof shape);
  return gan_digest_of(all, (size_t)(shards + 1) * sizeof *all);
}

gan_status gan_digest_of_shards(gan_comm *comm, const gan_data_info *info, const gan_shards *shards,
                                const gan_digest *mine, gan_digest *out) {
  size_t count = (size_t)shards->count;
  gan_digest *all = gan_alloc(count + 1, sizeof *all, "shard digests");
  double *halves = gan_alloc(count * HALVES, sizeof *halves, "shard digests");
  gan_status status = gan_comm_agree(comm, all && halves ? GAN_OK : GAN_NO_MEMORY);
  if (status == GAN_OK) {
    for (int64_t s = 0; s < shards->owned; s++) {
      split(mine[s].high, halves + HALVES * (shards->first + s));
      split(mine[s].low, halves + HALVES * (shards->first + s) + 2);
    }
    status = gan_comm_sum_double(comm, halves, count * HALVES);
  }
  if (status == GAN_OK) *out = of_all(info, shards->count, halves, all);
  gan_free(&all);
  gan_free(&halves);
  return status;
}
