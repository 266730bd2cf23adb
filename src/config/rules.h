/* Rules between keys: what one row of the option table cannot say. */
#ifndef GAN_CONFIG_RULES_H
#define GAN_CONFIG_RULES_H

#include "config/config.h"

/* Checks a config whose rows are all set, and puts in what follows from others: train.batch from
 * train.batch_per_rank, data.shards from train.batch.  GAN_USAGE names the place, the values and
 * what would work. */
GAN_CHECKED gan_status gan_config_check_rules(gan_config *config, int ranks);

/* The part of it that is about keys of a gan alone. */
GAN_CHECKED gan_status gan_config_check_gan(const gan_config *config);

/* Those of eval.*, which it checks too. */
GAN_CHECKED gan_status gan_config_check_evaluation(const gan_config *config);

#endif
