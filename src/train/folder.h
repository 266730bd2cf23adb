/* The run folder: its lock, its log and its records.  All of it is rank 0's. */
#ifndef GAN_TRAIN_FOLDER_H
#define GAN_TRAIN_FOLDER_H

#include "base/status.h"
#include "io/file.h"
#include "output/lines.h"
#include "output/samples.h"

#include <stdbool.h>
#include <stdint.h>

typedef struct gan_folder gan_folder;

/* Makes the folder if need be, takes its lock, and lets the log write to log.txt too.  Nothing that
 * is in it is changed. */
GAN_CHECKED gan_status gan_folder_open(const char *path, const char *host, double lock_wait_s,
                                       gan_folder **out);
void gan_folder_close(gan_folder **folder);

/* Whether another start was found to have taken the folder over.  For each step.  All that writes,
 * below, fails with GAN_OUTPUT then, naming that start; so does a checkpoint's gan_folder_sync. */
bool gan_folder_lost(const gan_folder *folder);

/* A start of the run at `step` (0: anew), behind so many roll-backs: cuts metrics.jsonl, this
 * command's lines of eval.jsonl and the samples back to that step, saves the config, and opens
 * metrics.jsonl and run.jsonl; makes a folder for samples where there will be some.  *start is its
 * number, from 1. */
GAN_CHECKED gan_status gan_folder_begin(gan_folder *folder, const char *config_text, int64_t step,
                                        int64_t rollbacks, bool has_samples, int64_t *start);

/* Roll-back number `rollback` of the run, to `step`: the lines of later steps in metrics.jsonl, and
 * this command's in eval.jsonl, are marked void, their samples removed. */
GAN_CHECKED gan_status gan_folder_go_back(gan_folder *folder, int64_t step, int64_t rollback);

GAN_CHECKED gan_status gan_folder_metrics(gan_folder *folder, gan_json *line);
GAN_CHECKED gan_status gan_folder_event(gan_folder *folder, gan_json *line);

/* A line of eval.jsonl, durable when this returns.  It is said to be of "source": "train"; those of
 * `mpigan eval`, beside it, are nobody's to cut. */
GAN_CHECKED gan_status gan_folder_evaluation(gan_folder *folder, gan_json *line);

/* Makes the records durable: called before a checkpoint that counts on them. */
GAN_CHECKED gan_status gan_folder_sync(gan_folder *folder);

/* For a file that others write into the folder; lives as long as the folder. */
const gan_permit *gan_folder_permit(const gan_folder *folder);

/* A file of the folder by that name, written whole or not at all. */
GAN_CHECKED gan_status gan_folder_write(gan_folder *folder, const char *name, const char *text);

/* samples/step-....h5 and .png. */
GAN_CHECKED gan_status gan_folder_samples(gan_folder *folder, const gan_samples *samples);

#endif
