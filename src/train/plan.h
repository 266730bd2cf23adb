/* The plan: what a run is going to do, said before it does it.  Local. */
#ifndef GAN_TRAIN_PLAN_H
#define GAN_TRAIN_PLAN_H

#include "train/session.h"

/* Config, data, ranks, networks, memory; at_start: bytes that this process had when it began. */
void gan_plan_print(const gan_session *session, const char *run_dir, size_t at_start);

/* From `step` (0: a new run) to the last one. */
void gan_plan_print_course(const gan_session *session, int64_t step, int64_t last_step);

#endif
