/* Schedules: what a step's learning rates are, as a factor of the config's.
 *
 *   factor(s) = scale * warm-up(s) * decay(s)        steps s count from 0, over the whole run
 *
 *   scale     1; linear: batch / base_batch (Goyal et al. 2017, section 2.1); sqrt: its root
 *             (Krizhevsky 2014, section 5; for Adam: Malladi et al. 2022)
 *   warm-up   (s + 1) / W for the first W steps (Goyal et al. 2017, section 2.2), then 1
 *   decay     linear and cosine: 1 up to W, f from D on, between them with p = (s - W) / (D - W)
 *               linear  1 - (1 - f) p
 *               cosine  f + (1 - f) (1 + cos(pi p)) / 2   (Loshchilov and Hutter 2017, eq. 5)
 *             step: g^floor(s / n), PyTorch's StepLR
 *             exponential: the larger of g^s and f, PyTorch's ExponentialLR with an end
 */
#ifndef GAN_OPTIM_SCHEDULE_H
#define GAN_OPTIM_SCHEDULE_H

#include "config/config.h"

typedef struct gan_schedule {
  gan_lr_schedule kind;
  double scale;
  int64_t warmup_steps;
  int64_t decay_steps; /* linear, cosine: D */
  double final;        /* linear, cosine, exponential: f */
  int64_t step;        /* step: n */
  double gamma;        /* step, exponential: g */
} gan_schedule;

/* The config's, for a run whose last step is `last_step`. */
gan_schedule gan_schedule_of(const gan_config *config, int64_t last_step);

/* Of the step behind `step` done ones; the same on all ranks. */
double gan_schedule_factor(const gan_schedule *schedule, int64_t step);

/* For people: "x 4 (linear: batch 512 / base_batch 128)"; empty without scaling. */
char *gan_schedule_scale_text(const gan_config *config, char *text, size_t size);

/* For people: "warm-up 500 steps, cosine to 0 at step 10000". */
char *gan_schedule_text(const gan_schedule *schedule, char *text, size_t size);

#endif
