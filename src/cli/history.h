/* The history of a run, as its run.jsonl tells it. */
#ifndef GAN_CLI_HISTORY_H
#define GAN_CLI_HISTORY_H

#include "base/status.h"

/* Prints one line a start, a stop and whatever else happened, in order, and where a start has no
 * stop.  No history is no error, nor is half a line at its end (a run may just be writing it).
 * GAN_INPUT if it is there and cannot be read. */
GAN_CHECKED gan_status gan_history_print(const char *run_dir);

#endif
