/* Checkpoints without networks in the test's folder, and what is there afterwards. */
#ifndef GAN_TESTS_UNIT_STORE_SUPPORT_H
#define GAN_TESTS_UNIT_STORE_SUPPORT_H

#include "checkpoint/store.h"

#include <stdbool.h>

/* gan_store_write into the test's folder; `config` is what tells one writer's file from another's.
 */
GAN_CHECKED gan_status store_write_step(int64_t step, const char *config, int64_t keep_last,
                                        int64_t keep_every);

const char *store_file_of(int64_t step);

/* The step of what gan_store_newest gives, -1 for none. */
int64_t store_newest_step(void);

/* Whether the newest was written with that config. */
bool store_newest_is(const char *config);

/* The folder's files in order, as "a b c". */
void check_store_listing(const char *wanted);

/* Each file with a checkpoint's name verifies, and there is one. */
void check_store_whole(void);

#endif
