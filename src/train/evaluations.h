/* Evaluations of a run while it trains (eval.every_steps).
 *
 * The data is read, and what is known of it found out, once at the start; the samples' memory is
 * taken there too.  Each evaluation makes samples by the network that trains, from the noise of the
 * run's seed, and leaves nothing behind that training could see.  The figures are those that
 * `mpigan eval` has of the step's checkpoint with `--seed` the run's. */
#ifndef GAN_TRAIN_EVALUATIONS_H
#define GAN_TRAIN_EVALUATIONS_H

#include "train/folder.h"
#include "train/session.h"

typedef struct gan_evaluations gan_evaluations;

/* What can be said of eval.metrics before any data is read.  Local. */
GAN_CHECKED gan_status gan_evaluations_check(const gan_session *session);

/* Of the session's task, whose data is loaded; *out is NULL where eval.every_steps is 0.  What is
 * given is borrowed; `folder` is rank 0's.  Collective, as the next. */
GAN_CHECKED gan_status gan_evaluations_create(gan_session *session, const gan_data_facts *data,
                                              const char *run_dir, gan_folder *folder,
                                              gan_evaluations **out);

/* One evaluation; rank 0 logs and records it.  *watched is the figure of that key (NaN: it has
 * none).  *abandoned: a rank was asked to stop, and nothing was recorded. */
GAN_CHECKED gan_status gan_evaluations_run(gan_evaluations *evaluations, int64_t step,
                                           int64_t start, const char *figure, double *watched,
                                           bool *abandoned);

/* Seconds that they have taken, the preparation left out. */
double gan_evaluations_seconds(const gan_evaluations *evaluations);

/* Bytes that a rank takes for them, about. */
double gan_evaluations_bytes(const gan_session *session);

void gan_evaluations_destroy(gan_evaluations **evaluations);

#endif
