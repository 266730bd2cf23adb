/* The passes of a GAN's two networks against each other: what gan.c makes updates of.
 *
 * A pass through the discriminator is one over packs (packing.h) of what it sees (noise.h); its
 * logits become losses and gradients by the objective, towards targets (targets.h), or by the
 * batch's means (relative.h).  Losses are added up in rows of the spans (work.h).
 */
#ifndef GAN_TASK_MATCH_H
#define GAN_TASK_MATCH_H

#include "objective/objective.h"
#include "task/batch.h"
#include "task/noise.h"
#include "task/packing.h"
#include "task/penalty.h"
#include "task/relative.h"
#include "task/targets.h"
#include "task/work.h"

/* Passes of a step: keys of noise and dropout.  One of two sets has those of the first two; the
 * last is of data that generated samples are compared with. */
enum { GAN_PASS_REAL, GAN_PASS_FAKE, GAN_PASS_GENERATOR, GAN_PASS_PENALTY, GAN_PASS_COMPARED };

enum { GAN_MATCH_NONE = -1, GAN_MATCH_BOTH = 2 }; /* sets of samples */

/* Losses of the last updates: this rank's part, summed over the ranks at the end of a step.  First
 * those of the discriminator's, then those of the generator's. */
enum {
  GAN_LOSS_REAL,
  GAN_LOSS_FAKE,
  GAN_LOOKS_REAL,
  GAN_LOOKS_FAKE,
  GAN_CLASS_REAL, /* loss of the auxiliary classes, and the part told right */
  GAN_CLASS_FAKE,
  GAN_TOLD_REAL,
  GAN_TOLD_FAKE,
  GAN_LOSS_G,
  GAN_CLASS_G,
  GAN_TOLD_G,
  GAN_MATCH_LOSSES,
  GAN_LOSS_PENALTY = GAN_MATCH_LOSSES, /* of a gradient penalty, where there is one */
  GAN_MATCH_ALL_LOSSES = GAN_LOSS_PENALTY + GAN_PENALTY_SUMS
};

/* Rows of the profile. */
enum {
  GAN_TIME_DATA,
  GAN_TIME_WAIT,
  GAN_TIME_D,
  GAN_TIME_G,
  GAN_TIME_SUM,
  GAN_TIME_OPTIMIZER,
  GAN_MATCH_TIMES
};

/* The task's state. */
typedef struct gan_match {
  const gan_objective *objective;
  gan_work work;
  gan_batch batch;
  gan_penalty penalty;
  gan_packing packing;
  gan_targets targets;
  gan_noise noise;
  gan_relative relative;
  bool data_kept; /* the discriminator's last data lies as a pass of one set has it */
  int64_t d_updates, g_updates;
  bool fakes_learnt; /* the generator has learnt since the discriminator did */
} gan_match;

/* Whether both networks learn from one forward pass (train.update). */
bool gan_match_is_simultaneous(const gan_task *task);

/* The pass of this rank's samples from number `at` on. */
gan_pass gan_match_pass(const gan_task *task, uint32_t phase, int64_t update, int64_t at);

/* The discriminator learns from data, from generated samples, or from a pass of both. */
GAN_CHECKED gan_status gan_match_judge_real(gan_task *task, const gan_pass *pass);
GAN_CHECKED gan_status gan_match_judge_fakes(gan_task *task, const gan_pass *pass);
GAN_CHECKED gan_status gan_match_judge_both(gan_task *task, const gan_pass *pass);

/* The last two, and behind them, at the same weights, the generator learns from the same samples.
 */
GAN_CHECKED gan_status gan_match_fakes(gan_task *task, const gan_pass *pass);
GAN_CHECKED gan_status gan_match_both(gan_task *task, const gan_pass *pass);

/* The discriminator pays for its gradient at what it has seen in this update. */
GAN_CHECKED gan_status gan_match_penalise(gan_task *task, const gan_pass *pass);

/* The generator learns from fresh samples, or from what it has made last. */
GAN_CHECKED gan_status gan_match_deceive(gan_task *task, const gan_pass *pass);
GAN_CHECKED gan_status gan_match_deceive_again(gan_task *task, const gan_pass *pass);

#endif
