/* A config with settings of a measurement's own, built over made-up data, ready to take steps. */
#ifndef GAN_BENCH_TRIAL_H
#define GAN_BENCH_TRIAL_H

#include "bench/bench.h"
#include "bench/report.h"
#include "train/session.h"

enum { GAN_TRIAL_SETTINGS = 5 };

/* Stays where it is while it is open. */
typedef struct gan_trial {
  gan_session session;
  char settings[GAN_TRIAL_SETTINGS][64];
  int setting_count;
} gan_trial;

/* One more "KEY=VALUE", over the user's; before it is opened. */
void gan_trial_set(gan_trial *trial, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* The compute threads of a rank of this job, which a rank that measures alone is to have, too.
 * Collective over bench->comm. */
GAN_CHECKED gan_status gan_bench_threads(const gan_bench *bench, int64_t *threads);

/* Reads the config alone; or the config, the task and first weights.  Collective over `comm`. */
GAN_CHECKED gan_status gan_trial_read(gan_trial *trial, const gan_bench *bench, gan_comm *comm);
GAN_CHECKED gan_status gan_trial_open(gan_trial *trial, const gan_bench *bench, gan_comm *comm);
void gan_trial_reset(gan_trial *trial);

/* A step: a gan_rival's run, whose context is the trial.  Collective. */
GAN_CHECKED gan_status gan_trial_step(void *trial);

/* n doubles, the same way on all ranks; collective. */
GAN_CHECKED gan_status gan_bench_doubles(gan_comm *comm, size_t n, double **out);

/* Hosts that the ranks are on; collective. */
GAN_CHECKED gan_status gan_bench_nodes(gan_comm *comm, int *nodes);

/* Says config, batch, ranks, nodes, threads and libraries on two lines, and in the report.  What
 * multiplies is what was chosen last: by opening a trial, or by gan_session_choose_compute. */
void gan_trial_describe(const gan_trial *trial, const gan_bench *bench, int nodes,
                        gan_bench_report *report);

#endif
