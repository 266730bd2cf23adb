/* Tasks: what is trained.  Each is one file that owns its networks, phases and metrics; the trainer
 * sees only this. */
#ifndef GAN_TASK_TASK_H
#define GAN_TASK_TASK_H

#include "checkpoint/checkpoint.h"
#include "data/dataset.h"

enum { GAN_METRICS_MAX = 16 };

typedef struct gan_metric {
  const char *name;  /* in metrics.jsonl */
  const char *label; /* on the console; NULL: not shown there */
  double value;      /* of the last step */
} gan_metric;

/* Where the time of the steps went, in seconds since the start. */
typedef struct gan_profile_row {
  const char *name;
  double seconds;
} gan_profile_row;

enum { GAN_PROFILE_MAX = 8 };

/* What one rank can ask of all between two steps. */
typedef enum { GAN_ASK_STOP, GAN_ASK_SAVE, GAN_ASKS } gan_ask;

/* What a step left out of a network's learning because its numbers were bad. */
typedef struct gan_skip {
  int64_t updates;
  char reason[256]; /* of the last of them */
} gan_skip;

typedef struct gan_task gan_task;

typedef struct gan_task_type {
  const char *name;
  /* Networks and buffers, from the config and the data's shape alone. */
  gan_status (*create)(gan_task *task);
  /* Once the data is there. */
  gan_status (*start)(gan_task *task, const gan_dataset *data);
  /* One step on all ranks; collective.  GAN_NUMBERS if a loss, a gradient or a running statistic is
   * not finite, on all ranks alike; with train.on_nonfinite: skip the update is left out instead,
   * and noted in task->skips. */
  gan_status (*step)(gan_task *task);
  /* n samples from the run's fixed noise: images (n, C, H, W) in the data's units, latent (n, Z);
   * of these classes (n) where task->classes is not 0.  Local.  NULL: it generates nothing. */
  gan_status (*sample)(gan_task *task, const gan_data_facts *data, int64_t n, float *images,
                       float *latent, const int32_t *classes);
  /* A pass over task->test, into task->tests.  Collective; leaves no other trace.  NULL: there is
   * none. */
  gan_status (*test)(gan_task *task);
  /* Rank 0, behind the last step's test: what it found that is more than a row of numbers, to the
   * log, and as the text of a file of the run folder (in fresh memory; NULL: none).  NULL: nothing.
   */
  gan_status (*report)(const gan_task *task, int64_t step, const char **name, char **text);
  void (*destroy)(gan_task *task);
} gan_task_type;

struct gan_task {
  const gan_task_type *type;
  gan_comm *comm; /* borrowed, as are config and info */
  const gan_config *config;
  const gan_data_info *info;
  gan_learner learners[GAN_CHECKPOINT_NETWORKS_MAX];
  int learner_count;
  gan_skip skips[GAN_CHECKPOINT_NETWORKS_MAX]; /* of the last step, a row a learner */
  gan_counter counters[GAN_CHECKPOINT_COUNTERS];
  int counter_count;
  int late_counters; /* the last so many of them came with keys that a checkpoint's run may not have
                      * had: those that it lacks are 0 */
  gan_metric metrics[GAN_METRICS_MAX];
  int metric_count;
  const gan_dataset *test; /* held-out data, of all ranks; NULL: there is none.  Set before start */
  gan_metric tests[GAN_METRICS_MAX]; /* of the last pass over it */
  int test_count;
  bool tested; /* set by the trainer: they are of this step */
  gan_profile_row profile[GAN_PROFILE_MAX];
  int profile_count;
  int phase;              /* the row of the profile that passes count for now */
  int64_t images_seen;    /* samples of data drawn so far, over all ranks */
  int64_t batches_a_step; /* of data, each of train.batch samples */
  int64_t latent_size;
  int64_t first_sample;  /* that `sample` makes, of its noise; 0 but while a run is evaluated */
  int64_t classes;       /* of a conditional model; else 0 */
  int64_t local_samples; /* this rank's part of a batch */
  double lr_factor;      /* set by the trainer before a step: what its learning rates are of the
                          * config's; 1 at first */
  bool asked[GAN_ASKS];  /* set by the trainer before a step on any rank ... */
  bool agreed[GAN_ASKS]; /* ... and after it known to all, by the metrics' reduction */
  void *state;           /* the task's own */
};

/* Builds the config's task.  GAN_USAGE if its networks do not fit the data. */
GAN_CHECKED gan_status gan_task_create(gan_comm *comm, const gan_config *config,
                                       const gan_data_info *info, gan_task **out);
/* Collective where the ranks have joined. */
void gan_task_destroy(gan_task **task);

/* Once all ranks have built theirs: how they sum their gradients.  Where it fails, all destroy it.
 * Collective. */
GAN_CHECKED gan_status gan_task_join_ranks(gan_task *task);

/* First weights from the config's seed, the same on all ranks. */
void gan_task_init(gan_task *task);

/* All that a run learns and counts, to zero: as the task was built.  First weights or a
 * checkpoint's state come next. */
void gan_task_clear(gan_task *task);

/* Whether the networks can take a batch in pieces of train.microbatch samples; GAN_USAGE names the
 * layer that cannot, and which sizes would do. */
GAN_CHECKED gan_status gan_task_check_microbatch(const gan_task *task);

/* The range of values that the networks work in: where the config leaves it open, by the last
 * activation of the network that makes data, [0, 1] where none does. */
gan_range gan_task_range(const gan_config *config);

#endif
