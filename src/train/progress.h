/* Progress on the console: a line that is redrawn on a terminal, plain lines at a cadence else. */
#ifndef GAN_TRAIN_PROGRESS_H
#define GAN_TRAIN_PROGRESS_H

#include "task/task.h"

typedef struct gan_progress {
  int64_t step, first_step, last_step;
  int64_t images;             /* since the last line */
  double start, since, shown; /* clock: of the run, of the last line, of the last redraw */
  double rate;                /* images a second, over the last line's steps */
} gan_progress;

void gan_progress_start(gan_progress *progress, int64_t step, int64_t last_step);
void gan_progress_step(gan_progress *progress, int64_t step, int64_t images);

/* Images a second since the last line that was due. */
double gan_progress_rate(gan_progress *progress);

/* `due`: a line of the log; else at most five redraws a second, on a terminal only. */
void gan_progress_show(gan_progress *progress, const gan_task *task, bool due);

#endif
