/* What becomes of a run whose numbers go bad (train.on_nonfinite).
 *
 *   stop      the step's GAN_NUMBERS ends the run
 *   skip      the task has left updates out: they are counted and recorded; too many steps with
 *             such in a row end the run
 *   rollback  back to the newest checkpoint that verifies, with smaller learning rates; the records
 *             of later steps become void
 *
 * What is counted is state of the run (gan_run_facts), so it goes on where a run is resumed.  A
 * roll-back that no checkpoint has seen yet is made again by the run that is resumed before it.
 */
#ifndef GAN_TRAIN_HEALTH_H
#define GAN_TRAIN_HEALTH_H

#include "train/saver.h"

typedef struct gan_health {
  gan_session *session; /* borrowed, as are the others */
  gan_folder *folder;   /* rank 0 */
  gan_saver *saver;     /* rank 0 */
  const char *run_dir;
  const char *origin;  /* rank 0: the checkpoint that this start goes on from; NULL: a new run */
  int64_t origin_step; /* its step */
  int64_t start;       /* which start of the run this is */
} gan_health;

/* One step of the task.  *back: it was not taken, and the run is at an earlier one: facts->step.
 * GAN_NUMBERS if the run must stop; the message does not name the step.  Collective. */
GAN_CHECKED gan_status gan_health_step(const gan_health *health, gan_run_facts *facts, bool *back);

/* Says what earlier starts have met, where a run is resumed. */
void gan_health_log(const gan_run_facts *facts);

#endif
