/* A GAN's gradient penalty: what the discriminator pays for the gradient of its logit
 * (objective/penalty.h), in every train.penalty.every-th of its updates, times as much.
 *
 *   gan_penalty_begin   before the passes of an update: whether it is due
 *   gan_penalty_keep    in them: notes the samples that the penalty looks at
 *   gan_penalty_pass    behind them, piece by piece: adds its gradients to theirs
 *
 * A pass of its own, as PyTorch has it: the discriminator's forward (dropout of its own, a step of
 * each power iteration), the gradient by its input, a direction along that, and back.  Where data
 * and generated samples are mixed the class is the data's.
 */
#ifndef GAN_TASK_PENALTY_H
#define GAN_TASK_PENALTY_H

#include "objective/penalty.h"
#include "task/work.h"

typedef struct gan_penalty {
  gan_penalty_kind kind;
  int row;            /* its sums among the losses: the penalty, then the norm */
  bool due;           /* in the update that goes on */
  bool fresh;         /* one of this step was */
  int64_t image;      /* numbers in a sample */
  float *real, *fake; /* (this rank's samples of a batch) those that it takes; else NULL */
  int32_t *classes;   /* likewise; NULL: not conditional */
  float *points;      /* (piece) where it looks */
  float *directions;  /* (piece) */
  int metrics;        /* number of the first of its two in task->metrics */
  int64_t last[2];    /* their bits, which a checkpoint keeps: the last update's that was due */
} gan_penalty;

/* Once the networks are there: its sums are losses `row` and the next.  Takes nothing where there
 * is none. */
enum { GAN_PENALTY_SUMS = 2 };

GAN_CHECKED gan_status gan_penalty_reserve(const gan_task *task, int64_t piece, int row,
                                           gan_penalty *penalty);
void gan_penalty_release(gan_penalty *penalty);

/* Whether the config has one. */
bool gan_penalty_is_on(const gan_penalty *penalty);

/* Its metrics and counters, behind all others of the task. */
void gan_penalty_describe(gan_task *task, gan_penalty *penalty);

/* Before a step; and before its discriminator's update number `update`, whose losses are forgotten.
 */
void gan_penalty_forget(gan_penalty *penalty);
void gan_penalty_begin(const gan_task *task, gan_work *work, int64_t update, gan_penalty *penalty);

/* The samples of a set of a pass through the discriminator, data or generated. */
void gan_penalty_keep(const gan_task *task, gan_penalty *penalty, const gan_pass *pass, int set,
                      bool real, const float *images);

/* A pass over them; its classes are set here. */
GAN_CHECKED gan_status gan_penalty_pass(gan_task *task, gan_work *work, gan_penalty *penalty,
                                        gan_pass *pass);

/* Whether this rank's losses of an update that was due are finite. */
bool gan_penalty_finite(const gan_work *work, const gan_penalty *penalty);

/* Behind a step's reduction. */
void gan_penalty_share(gan_task *task, const gan_work *work, gan_penalty *penalty);

#endif
