/* Instance noise: what the discriminator sees is blurred, data and generated samples alike, so that
 * the two overlap and its slope tells the generator something (Sonderby et al. 2017, section 3.2;
 * Arjovsky and Bottou 2017, section 3).  What is added does not depend on a sample, so the gradient
 * goes through as it is.  Drawn for each global sample of a pass. */
#ifndef GAN_TASK_NOISE_H
#define GAN_TASK_NOISE_H

#include "task/task.h"

typedef struct gan_noise {
  double std;   /* of the first step; 0: there is none */
  int64_t last; /* steps until it is 0; GAN_UNSET_INT: it stays */
  float *seen;  /* (samples of a pass, size) */
} gan_noise;

/* By the config's train.instance_noise keys, for passes of at most `samples`, of `size` numbers. */
GAN_CHECKED gan_status gan_noise_reserve(const gan_config *config, int64_t samples, int64_t size,
                                         gan_noise *noise);
void gan_noise_release(gan_noise *noise);

/* Standard deviation behind `step` done steps. */
double gan_noise_std(const gan_noise *noise, int64_t step);

/* The samples of a pass through `judge` in that step as it sees them: `images` itself where there
 * is no noise, else a copy that is good until the next call. */
const float *gan_noise_on(const gan_noise *noise, const gan_net *judge, const gan_pass *pass,
                          int64_t step, const float *images);

#endif
