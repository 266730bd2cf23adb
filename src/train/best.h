/* The figure that a run is watched by (eval.best): which step was best, and whether it is time to
 * stop (eval.patience).  What it has come to is in gan_run_facts, and so in checkpoints. */
#ifndef GAN_TRAIN_BEST_H
#define GAN_TRAIN_BEST_H

#include "task/task.h"

typedef struct gan_watched {
  const char *figure; /* its key; NULL: nothing is watched */
  bool more;          /* is better; else less */
  bool of_test;       /* of the pass over data.test, not of an evaluation */
  int64_t patience;   /* 0: for ever */
} gan_watched;

/* What the config watches.  GAN_USAGE where there is no such figure, where neither more nor less of
 * it is better, or where eval.metrics leaves it out.  Local. */
GAN_CHECKED gan_status gan_watched_find(const gan_config *config, const gan_task *task,
                                        gan_watched *out);

/* At the start of a run or of its continuation: where another figure was watched before, it begins
 * anew, and the log says so. */
void gan_best_begin(const gan_watched *watched, gan_best *best);

/* One more evaluation; whether it is the best so far.  A value that is not
 * finite is not, nor one that is better by rounding alone (1e-6 of it). */
bool gan_best_note(const gan_watched *watched, double value, int64_t step, gan_best *best);

/* Whether patience has run out; and the sentence that says so. */
bool gan_best_over(const gan_watched *watched, const gan_best *best);
char *gan_best_over_text(const gan_best *best, char *text, size_t size);

#endif
