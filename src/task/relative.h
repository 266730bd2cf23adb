/* The relativistic objective on a batch: sums over its logits, over the ranks too, and what follows
 * from them.  Rows of spans' losses and logits are the caller's.  The batch must pass in one piece:
 * its means come before any of its gradients.
 *
 *   discriminator  a pass of two sets:         gan_relative_judge
 *   generator      data first, forward alone:  gan_relative_keep
 *                  then generated samples:     gan_relative_deceive
 */
#ifndef GAN_TASK_RELATIVE_H
#define GAN_TASK_RELATIVE_H

#include "objective/relativistic.h"
#include "task/work.h"

typedef struct gan_relative {
  double *parts; /* (parts, 2) */
  float *kept;   /* (piece) logits of data */
} gan_relative;

/* What a span gave: the losses and looks of data and of generated samples go to these of its row.
 */
typedef struct gan_relative_rows {
  int real_loss, fake_loss, real_looks, fake_looks; /* < 0: not wanted */
} gan_relative_rows;

GAN_CHECKED gan_status gan_relative_reserve(const gan_work *work, gan_relative *relative);
void gan_relative_release(gan_relative *relative);

/* Writes d(loss)/d(logit) of both sets to judge->dout.  Collective. */
GAN_CHECKED gan_status gan_relative_judge(const gan_relative *relative, const gan_work *work,
                                          gan_net *judge, const gan_pass *pass, const float *logits,
                                          gan_relative_rows rows);

/* Keeps the logits of data. */
void gan_relative_keep(const gan_relative *relative, const gan_net *judge, const gan_pass *pass,
                       const float *logits);

/* Writes d(loss)/d(logit) of generated samples to judge->dout.  Collective. */
GAN_CHECKED gan_status gan_relative_deceive(const gan_relative *relative, const gan_work *work,
                                            gan_net *judge, const gan_pass *pass,
                                            const float *logits, gan_relative_rows rows);

/* GAN_USAGE where a layer of the discriminator normalises over the samples of a pass: data and
 * generated ones must be judged together. */
GAN_CHECKED gan_status gan_relative_check(const gan_config *config, const gan_net *judge);

#endif
