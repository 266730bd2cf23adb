/* A data set in memory: each rank holds the rows of its own shards, as stored (uint8 stays uint8).
 *
 * Rank 0 reads the source from front to back and hands each rank its rows, so every format works
 * on every cluster, also where only rank 0 sees the file.
 */
#ifndef GAN_DATA_DATASET_H
#define GAN_DATA_DATASET_H

#include "base/hash.h"
#include "comm/comm.h"
#include "config/config.h"
#include "data/shards.h"
#include "data/source.h"

typedef struct gan_dataset {
  const char *path; /* borrowed from the config */
  gan_data_info info;
  gan_shards shards;
  void *rows;       /* (rows of this rank, H, W, C), info.type */
  int32_t *labels;  /* (rows of this rank), or NULL */
  double low, high; /* the values of the data lie in [low, high]: 0 and 255 for uint8; for floats
                     * the first of [0, 1], [-1, 1], [smallest, largest] that holds them all */
  double scale, offset; /* what the networks see is value * scale + offset */
  int64_t classes;      /* largest label + 1; 0 without labels */
  gan_digest digest;    /* a hash of shape, type and the per-shard hashes in shard order */
} gan_dataset;

/* Opens the source on rank 0 and tells all what it is.  Collective.  config->data.path must be
 * resolved.  `source` is NULL on the other ranks. */
GAN_CHECKED gan_status gan_dataset_open(gan_comm *comm, const gan_config *config,
                                        gan_source **source, gan_data_info *info);

/* Reads and hands out; then `range` gives scale and offset.  Collective.  Closes the source. */
GAN_CHECKED gan_status gan_dataset_load(gan_comm *comm, const gan_config *config,
                                        gan_source **source, const gan_data_info *info,
                                        gan_range range, gan_dataset **out);

void gan_dataset_destroy(gan_dataset **dataset);

#endif
