/* Held-out data: what a run is tested on (data.test).  Cut into the config's shards and spread over
 * the ranks as the training data is, in memory, and seen in its own order, as it is. */
#ifndef GAN_DATA_HELDOUT_H
#define GAN_DATA_HELDOUT_H

#include "data/dataset.h"

/* The config as it would be if config->data.test, which must be resolved, were the data.  It
 * borrows from `config`, and must stay for as long as the source and the dataset that are made from
 * it. */
gan_config gan_heldout_config(const gan_config *config);

/* As gan_dataset_open; rows must be as those of the training data, `train`, but for labels.
 * GAN_USAGE if they are not. */
GAN_CHECKED gan_status gan_heldout_open(gan_comm *comm, const gan_config *heldout,
                                        const gan_data_info *train, gan_source **source,
                                        gan_data_info *info);

/* As gan_dataset_load; values are scaled as those of the training data. */
GAN_CHECKED gan_status gan_heldout_load(gan_comm *comm, const gan_config *heldout,
                                        const gan_dataset *train, gan_source **source,
                                        const gan_data_info *info, gan_dataset **out);

/* This rank's rows first..first+n-1 as the networks see them: (n, H, W, C).  Local. */
void gan_heldout_images(const gan_dataset *set, int64_t first, int64_t n, float *out);

#endif
