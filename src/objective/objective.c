#include "objective/objective.h"

#include <math.h>

/* log(1 + exp(x)) without overflow: max(x, 0) + log1p(exp(-|x|)). */
static double softplus(double x) {
  return (x > 0 ? x : 0) + log1p(exp(-fabs(x)));
}

/* 1 / (1 + exp(-x)), to full relative precision on both sides. */
static double sigmoid(double x) {
  if (x >= 0) return 1 / (1 + exp(-x));
  double e = exp(x);
  return e / (1 + e);
}

/* -log D = softplus(-logit); its slope is -sigmoid(-logit).  NaN stays NaN. */
static gan_loss minus_log_d(int64_t n, int64_t batch, const float *logits, float *dlogits) {
  gan_loss sum = {0, 0};
  for (int64_t i = 0; i < n; i++) {
    double x = (double)logits[i];
    sum.loss += softplus(-x);
    sum.probability += sigmoid(x);
    dlogits[i] = (float)(-sigmoid(-x) / (double)batch);
  }
  return (gan_loss){sum.loss / (double)batch, sum.probability / (double)batch};
}

/* -log(1 - D) = softplus(logit); its slope is sigmoid(logit). */
static gan_loss minus_log_not_d(int64_t n, int64_t batch, const float *logits, float *dlogits) {
  gan_loss sum = {0, 0};
  for (int64_t i = 0; i < n; i++) {
    double x = (double)logits[i];
    sum.loss += softplus(x);
    sum.probability += sigmoid(x);
    dlogits[i] = (float)(sigmoid(x) / (double)batch);
  }
  return (gan_loss){sum.loss / (double)batch, sum.probability / (double)batch};
}

/* log(1 - D): the same with the other sign. */
static gan_loss log_not_d(int64_t n, int64_t batch, const float *logits, float *dlogits) {
  gan_loss sum = minus_log_not_d(n, batch, logits, dlogits);
  for (int64_t i = 0; i < n; i++) dlogits[i] = -dlogits[i];
  sum.loss = -sum.loss;
  return sum;
}

static const gan_objective objectives[] = {
    [GAN_OBJECTIVE_NON_SATURATING] = {"non_saturating", minus_log_d, minus_log_not_d, minus_log_d},
    [GAN_OBJECTIVE_MINIMAX] = {"minimax", minus_log_d, minus_log_not_d, log_not_d},
};

const gan_objective *gan_objective_of(gan_objective_kind kind) {
  return &objectives[kind];
}
