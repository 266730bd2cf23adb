#include "optim/schedule.h"

#include <math.h>
#include <stdio.h>

static const double PI = 3.14159265358979323846;

static double scale_of(const gan_config *config) {
  if (config->train.lr_scaling == GAN_LR_SCALING_NONE) return 1;
  double ratio = (double)config->train.batch / (double)config->train.base_batch;
  return config->train.lr_scaling == GAN_LR_SCALING_LINEAR ? ratio : sqrt(ratio);
}

gan_schedule gan_schedule_of(const gan_config *config, int64_t last_step) {
  int64_t decay_steps = config->train.lr_decay_steps;
  return (gan_schedule){
      .kind = (gan_lr_schedule)config->train.lr_schedule,
      .scale = scale_of(config),
      .warmup_steps = config->train.lr_warmup_steps,
      .decay_steps = decay_steps == GAN_UNSET_INT ? last_step : decay_steps,
      .final = config->train.lr_final,
      .step = config->train.lr_step,
      .gamma = config->train.lr_gamma,
  };
}

/* How far the decay is between the end of the warm-up and D, from 0 to 1. */
static double progress(const gan_schedule *schedule, int64_t step) {
  int64_t from = schedule->warmup_steps, to = schedule->decay_steps;
  if (step <= from) return 0;
  return step >= to ? 1 : (double)(step - from) / (double)(to - from);
}

static double constant(const gan_schedule *schedule, int64_t step) {
  (void)schedule, (void)step;
  return 1;
}

static double linear(const gan_schedule *schedule, int64_t step) {
  return 1 - (1 - schedule->final) * progress(schedule, step);
}

static double cosine(const gan_schedule *schedule, int64_t step) {
  double half = (1 + cos(PI * progress(schedule, step))) / 2;
  return schedule->final + (1 - schedule->final) * half;
}

static double stepwise(const gan_schedule *schedule, int64_t step) {
  return pow(schedule->gamma, (double)(step / schedule->step));
}

static double exponential(const gan_schedule *schedule, int64_t step) {
  return fmax(pow(schedule->gamma, (double)step), schedule->final);
}

static double (*const decays[])(const gan_schedule *schedule, int64_t step) = {
    [GAN_LR_CONSTANT] = constant, [GAN_LR_LINEAR] = linear,           [GAN_LR_COSINE] = cosine,
    [GAN_LR_STEP] = stepwise,     [GAN_LR_EXPONENTIAL] = exponential,
};

double gan_schedule_factor(const gan_schedule *schedule, int64_t step) {
  double warmup = 1;
  if (step < schedule->warmup_steps) warmup = (double)(step + 1) / (double)schedule->warmup_steps;
  return schedule->scale * warmup * decays[schedule->kind](schedule, step);
}

char *gan_schedule_scale_text(const gan_config *config, char *text, size_t size) {
  *text = '\0';
  if (config->train.lr_scaling != GAN_LR_SCALING_NONE)
    snprintf(text, size, " x %.6g (%s: batch %lld / base_batch %lld)", scale_of(config),
             config->train.lr_scaling == GAN_LR_SCALING_LINEAR ? "linear" : "sqrt",
             (long long)config->train.batch, (long long)config->train.base_batch);
  return text;
}

char *gan_schedule_text(const gan_schedule *schedule, char *text, size_t size) {
  static const char *const names[] = {[GAN_LR_LINEAR] = "linear", [GAN_LR_COSINE] = "cosine"};
  char warmup[64] = "";
  if (schedule->warmup_steps)
    snprintf(warmup, sizeof warmup, "warm-up %lld steps, ", (long long)schedule->warmup_steps);
  if (schedule->kind == GAN_LR_CONSTANT)
    snprintf(text, size, "%s%s", warmup, schedule->warmup_steps ? "then constant" : "constant");
  else if (schedule->kind == GAN_LR_STEP)
    snprintf(text, size, "%sx %g each %lld steps", warmup, schedule->gamma,
             (long long)schedule->step);
  else if (schedule->kind == GAN_LR_EXPONENTIAL)
    snprintf(text, size, "%sx %.10g each step, down to %g of it", warmup, schedule->gamma,
             schedule->final);
  else
    snprintf(text, size, "%s%s to %g of it at step %lld", warmup, names[schedule->kind],
             schedule->final, (long long)schedule->decay_steps);
  return text;
}
