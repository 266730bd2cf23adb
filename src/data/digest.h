/* The digest of a data set: a hash of its shape and of each shard's hash, in shard order, so that
 * it does not depend on the ranks. */
#ifndef GAN_DATA_DIGEST_H
#define GAN_DATA_DIGEST_H

#include "base/hash.h"
#include "comm/comm.h"
#include "data/shards.h"
#include "data/source.h"

/* mine: the hashes of this rank's shards, shards->owned of them.  Collective. */
GAN_CHECKED gan_status gan_digest_of_shards(gan_comm *comm, const gan_data_info *info,
                                            const gan_shards *shards, const gan_digest *mine,
                                            gan_digest *out);

#endif
