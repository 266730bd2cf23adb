/* The checkpoints of a run folder: naming, finding the newest that verifies, pruning. */
#ifndef GAN_CHECKPOINT_STORE_H
#define GAN_CHECKPOINT_STORE_H

#include "checkpoint/checkpoint.h"

/* RUN_DIR/checkpoints/step-00001000.h5, in fresh memory; NULL if memory is short. */
char *gan_store_path(const char *run_dir, int64_t step);

/* Makes the folder and removes temporary files that a killed writer left. */
GAN_CHECKED gan_status gan_store_prepare(const char *run_dir);

/* The newest checkpoint that verifies; NULL if there is none at all.  Skipped ones are named in the
 * log with the reason.  GAN_INPUT if there are some and every one is damaged. */
GAN_CHECKED gan_status gan_store_newest(const char *run_dir, gan_checkpoint **out);

/* Why checkpoints were not taken, newest first. */
typedef struct gan_skip_list {
  struct {
    char *path, *reason;
  } * rows;
  int count;
} gan_skip_list;

/* The same, which also tells what it skipped; to be freed whatever comes of it. */
GAN_CHECKED gan_status gan_store_newest_telling(const char *run_dir, gan_skip_list *skipped,
                                                gan_checkpoint **out);
void gan_skip_list_free(gan_skip_list *skipped);

/* A checkpoint's own path, or a run folder: its newest that verifies.  GAN_INPUT if there is none.
 */
GAN_CHECKED gan_status gan_store_open(const char *path, gan_checkpoint **out);

/* Whether a path is a checkpoint, or a folder with a place for them: what gan_store_open takes. */
bool gan_store_holds(const char *path);

/* The highest step among the files' names, -1 if there are none. */
GAN_CHECKED gan_status gan_store_highest_step(const char *run_dir, int64_t *step);

/* Points `best`, which is for people too, to the checkpoint of that step; where it has none there
 * is no `best`. */
void gan_store_link_best(const char *run_dir, int64_t step);

/* Writes the checkpoint of a step, points `latest` to it, and removes those that are neither among
 * the `keep_last` newest, nor at a multiple of `keep_every` (0: no such), nor of the best step.
 * Those of later steps, which could not be used when the run started, stay and do not count. */
GAN_CHECKED gan_status gan_store_write(const char *run_dir, const gan_checkpoint_content *content,
                                       int64_t keep_last, int64_t keep_every);

#endif
