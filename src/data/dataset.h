/* A data set, each rank with its own shards of it.
 *
 * data.cache: memory  Each rank holds its rows, as stored (uint8 stays uint8).  Rank 0 reads the
 *                     source from front to back and hands each rank its rows, so every format works
 *                     on every cluster, also where only rank 0 sees the file.
 * data.cache: stream  No rank holds more than data.buffer_mb: each opens the file itself, and a
 *                     loader reads as it goes (data/stream.h).  Only what is asked of all rows is
 *                     looked at here: the classes, and some rows for the digest.
 */
#ifndef GAN_DATA_DATASET_H
#define GAN_DATA_DATASET_H

#include "base/hash.h"
#include "comm/comm.h"
#include "config/config.h"
#include "data/augment.h"
#include "data/shards.h"
#include "data/source.h"
#include "data/window.h"

typedef struct gan_dataset {
  gan_source_spec spec; /* borrowed from the config */
  gan_data_info info;
  gan_shards shards;
  gan_augment augment;
  gan_window_cut cut; /* streamed data: how shards are cut; block is 0 for data in memory */
  void *rows;         /* (rows of this rank, H, W, C), info.type; NULL for streamed data */
  int32_t *labels;    /* (rows of this rank), or NULL */
  double low, high;   /* the values of the data lie in [low, high]: 0 and 255 for uint8; for floats
                       * the first of [0, 1], [-1, 1], [smallest, largest] that holds them all */
  double scale, offset;  /* what the networks see is value * scale + offset */
  int64_t classes;       /* largest label + 1, with data.classes their number; 0 without labels */
  int64_t *class_counts; /* (classes) rows of each, over all ranks; NULL without labels, or where
                          * there are more than 65536 */
  gan_digest digest;     /* a hash of shape, type and the per-shard hashes in shard order; of
                          * streamed data a shard's hash is of 64 rows that stand at fixed places */
} gan_dataset;

/* One of its rows, as stored. */
typedef struct gan_data_sample {
  const void *row;
  int32_t label; /* 0 where the data has none */
} gan_data_sample;

/* How the config wants data of that shape cut: block is 0 if data.buffer_mb is too small. */
gan_window_cut gan_dataset_cut(const gan_config *config, const gan_data_info *info);

/* Opens the source on rank 0 and tells all what it is.  Collective.  config->data.path must be
 * resolved.  `source` is NULL on the other ranks.  GAN_INPUT if the config streams what cannot be
 * streamed, GAN_USAGE if it augments what cannot be. */
GAN_CHECKED gan_status gan_dataset_open(gan_comm *comm, const gan_config *config,
                                        gan_source **source, gan_data_info *info);

/* Reads and hands out, or opens on every rank; then `range` gives scale and offset.  Collective.
 * Closes the source. */
GAN_CHECKED gan_status gan_dataset_load(gan_comm *comm, const gan_config *config,
                                        gan_source **source, const gan_data_info *info,
                                        gan_range range, gan_dataset **out);

void gan_dataset_destroy(gan_dataset **dataset);

#endif
