/* Training: assembles config, data, task, checkpoints and output, and runs the loop.  It does not
 * know what is trained. */
#ifndef GAN_TRAIN_TRAIN_H
#define GAN_TRAIN_TRAIN_H

#include "comm/comm.h"

typedef struct gan_train_options {
  const char *config; /* path */
  const char *const *overrides;
  int override_count;
  const char *run_dir; /* NULL: runs/<name> */
  const char *resume;  /* auto, never or a checkpoint's path */
  bool force_config, dry_run;
} gan_train_options;

/* Collective.  GAN_OK when the run is finished; GAN_TEMPORARY when it saved and stopped because it
 * was asked to; else what went wrong. */
GAN_CHECKED gan_status gan_train(gan_comm *comm, const gan_train_options *options);

#endif
