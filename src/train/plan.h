/* The plan: what a run is going to do, said before it does it. */
#ifndef GAN_TRAIN_PLAN_H
#define GAN_TRAIN_PLAN_H

#include "train/session.h"

void gan_plan_print(const gan_session *session, const char *run_dir);

#endif
