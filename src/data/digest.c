#include "data/digest.h"

#include "base/memory.h"

#include <string.h>

/* Behind the shards' hashes comes that of the shape. */
static gan_digest of_all(const gan_data_info *info, int64_t shards, gan_digest *all) {
  int64_t shape[6] = {info->n, info->h, info->w, info->c, info->type, info->has_labels};
  all[shards] = gan_digest_of(shape, sizeof shape);
  return gan_digest_of(all, (size_t)(shards + 1) * sizeof *all);
}

gan_status gan_digest_of_shards(gan_comm *comm, const gan_data_info *info, const gan_shards *shards,
                                const gan_digest *mine, gan_digest *out) {
  size_t count = (size_t)shards->count;
  gan_digest *all = gan_alloc(count + 1, sizeof *all, "shard digests");
  gan_status status = gan_comm_agree(comm, all ? GAN_OK : GAN_NO_MEMORY,
                                     "agreeing whether all have room for digests");
  if (status == GAN_OK) {
    memcpy(all + shards->first, mine, (size_t)shards->owned * sizeof *mine);
    /* one rank's words and the others' zeros: the sum gathers */
    status = gan_comm_sum_int64(comm, (int64_t *)&all->high, 2 * count,
                                "the exchange of the data's digests");
  }
  if (status == GAN_OK) *out = of_all(info, shards->count, all);
  gan_free(&all);
  return status;
}
