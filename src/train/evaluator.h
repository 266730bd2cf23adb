/* An evaluator: data, its features and what is known of it once, for samples that are held against
 * it as often as they change. */
#ifndef GAN_TRAIN_EVALUATOR_H
#define GAN_TRAIN_EVALUATOR_H

#include "train/eval_features.h"

typedef struct gan_evaluator {
  const gan_evaluation_request *request; /* borrowed */
  gan_judged judged;
  gan_judged_set samples; /* the caller's to fill: samples.set */
  gan_judged_set data, held_out;
  gan_eval_set training; /* all rows of the data, where samples are looked for among them */
  gan_feature_maker maker;
  gan_bins bins;
  gan_physics_report physics;
  double *radii;
  double *centres;
  int threads;
  char data_path[4096];
  unsigned given; /* what metrics may want of this evaluation */
} gan_evaluator;

/* Loads the data; `data` is read like request->held_out.  Whatever comes of it the evaluator wants
 * gan_evaluator_release, and may not move.  Collective, as the next. */
GAN_CHECKED gan_status gan_evaluator_load(gan_comm *comm, const gan_evaluation_request *request,
                                          gan_eval_source data, gan_evaluator *out);

/* Features of the data, and what they are measured by.  Sets library, precision and threads of what
 * is computed from now on, as the next does. */
GAN_CHECKED gan_status gan_evaluator_prepare(gan_evaluator *evaluator);

/* Figures of samples.set, whose rows may be others than the last time, of the same number. */
GAN_CHECKED gan_status gan_evaluator_judge(gan_evaluator *evaluator, gan_evaluation *out);

void gan_evaluator_release(gan_evaluator *evaluator);

#endif
