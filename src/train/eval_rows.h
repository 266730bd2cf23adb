/* Rows of a data set that is evaluated: taken from memory, or from the file where a run streams it.
 */
#ifndef GAN_TRAIN_EVAL_ROWS_H
#define GAN_TRAIN_EVAL_ROWS_H

#include "data/dataset.h"
#include "train/eval_set.h"

/* Of this rank's rows those with a mark, which is (rows of this rank): to set->values, from 0 to 1
 * by the set's interval, and their labels where it has room for them.  Streamed data is read in
 * pieces.  Local. */
GAN_CHECKED gan_status gan_eval_rows_take(const gan_config *config, const gan_dataset *data,
                                          const uint8_t *chosen, gan_eval_set *set);

/* What an evaluation is about to hold. */
typedef struct gan_eval_room {
  const char *path; /* of the data */
  const gan_data_info *info;
  int64_t count; /* rows that are looked at; 0: all */
  int ranks;
  bool streams; /* else all rows are held as they are stored, too */
  size_t bytes; /* that the machine has; 0: not known */
} gan_eval_room;

/* GAN_USAGE says how much it takes where that is more.  Local. */
GAN_CHECKED gan_status gan_eval_rows_check(const gan_eval_room *room);

#endif
