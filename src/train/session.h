/* What training and benching share: config, data and task, put together on all ranks. */
#ifndef GAN_TRAIN_SESSION_H
#define GAN_TRAIN_SESSION_H

#include "task/task.h"
#include "train/threads.h"

/* Stays where it was built: the task borrows its config and info. */
typedef struct gan_session {
  gan_comm *comm; /* borrowed */
  gan_config config;
  char *config_text;           /* resolved YAML */
  char advice[GAN_ADVICE_MAX]; /* about threads; see gan_threads_advise */
  gan_data_info info;
  gan_source *source; /* open on rank 0 until the data is loaded */
  gan_dataset *data;
  gan_config test_config; /* the same of data.test, where it is given */
  gan_data_info test_info;
  gan_source *test_source;
  gan_dataset *test;
  gan_task *task;
} gan_session;

/* Reads the config on rank 0, gives it to all, and resolves it.  Collective, as all here. */
GAN_CHECKED gan_status gan_session_config(gan_session *session, const char *path,
                                          const char *const *overrides, int override_count);

/* Chooses what multiplies, the same on all ranks: building does, and who builds nothing may. */
GAN_CHECKED gan_status gan_session_choose_compute(gan_session *session);

/* Finds and opens the data (headers only), and builds the task's networks for its shape. */
GAN_CHECKED gan_status gan_session_build(gan_session *session);

/* The same over made-up data of the data's shape (where there is no data: of the output of the
 * network that makes some), loaded and started: for measuring. */
GAN_CHECKED gan_status gan_session_build_synthetic(gan_session *session);

/* Cuts the data into another number of shards than the config's, before it is loaded: those of the
 * checkpoint that is continued. */
GAN_CHECKED gan_status gan_session_reshard(gan_session *session, int64_t shards);

/* Loads the data and starts the task with it. */
GAN_CHECKED gan_status gan_session_load(gan_session *session);

/* What a checkpoint says about the data. */
gan_data_facts gan_session_data_facts(const gan_session *session);

/* The last step of a run that has done `step` steps and seen task->images_seen samples:
 * train.steps, or as many more as train.epochs still wants at today's batch.  Local. */
int64_t gan_session_last_step(const gan_session *session, int64_t step);

/* Collective where the task was built. */
void gan_session_reset(gan_session *session);

#endif
