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
static gan_loss minus_log_d(int64_t n, int64_t batch, int64_t stride, const float *logits,
                            float *dlogits) {
  gan_loss sum = {0, 0};
  for (int64_t i = 0; i < n; i++) {
    double x = (double)logits[i * stride];
    sum.loss += softplus(-x);
    sum.probability += sigmoid(x);
    dlogits[i * stride] = (float)(-sigmoid(-x) / (double)batch);
  }
  return (gan_loss){sum.loss / (double)batch, sum.probability / (double)batch};
}

/* -log(1 - D) = softplus(logit); its slope is sigmoid(logit). */
static gan_loss minus_log_not_d(int64_t n, int64_t batch, int64_t stride, const float *logits,
                                float *dlogits) {
  gan_loss sum = {0, 0};
  for (int64_t i = 0; i < n; i++) {
    double x = (double)logits[i * stride];
    sum.loss += softplus(x);
    sum.probability += sigmoid(x);
    dlogits[i * stride] = (float)(sigmoid(x) / (double)batch);
  }
  return (gan_loss){sum.loss / (double)batch, sum.probability / (double)batch};
}

/* log(1 - D): the same with the other sign. */
static gan_loss log_not_d(int64_t n, int64_t batch, int64_t stride, const float *logits,
                          float *dlogits) {
  gan_loss sum = minus_log_not_d(n, batch, stride, logits, dlogits);
  for (int64_t i = 0; i < n; i++) dlogits[i * stride] = -dlogits[i * stride];
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

/* Sum of n numbers. */
static double sum_of(int64_t n, const float *x) {
  double sum = 0;
  for (int64_t k = 0; k < n; k++) sum += (double)x[k];
  return sum;
}

gan_loss gan_smoothed_class_term(int64_t n, int64_t batch, int64_t classes, int64_t stride,
                                 double weight, double smoothing, const int32_t *labels,
                                 const float *logits, float *dlogits) {
  double others = smoothing / (double)classes; /* the target of a class that is not the label's */
  gan_loss sum = {0, 0};
  for (int64_t i = 0; i < n; i++, logits += stride, dlogits += stride) {
    double largest = (double)logits[0], total = 0, wanted = (double)logits[labels[i]];
    int64_t guess = 0;
    for (int64_t k = 1; k < classes; k++)
      if ((double)logits[k] > largest) largest = (double)logits[guess = k];
    for (int64_t k = 0; k < classes; k++) total += exp((double)logits[k] - largest);
    if (smoothing > 0) wanted = (1 - smoothing) * wanted + others * sum_of(classes, logits);
    sum.loss += weight * (largest + log(total) - wanted);
    sum.probability += guess == labels[i];
    for (int64_t k = 0; k < classes; k++) {
      double target = others + (k == labels[i] ? 1 - smoothing : 0);
      double share = exp((double)logits[k] - largest) / total - target;
      dlogits[k] = (float)(weight * share / (double)batch);
    }
  }
  return (gan_loss){sum.loss / (double)batch, sum.probability / (double)batch};
}

gan_loss gan_class_term(int64_t n, int64_t batch, int64_t classes, int64_t stride, double weight,
                        const int32_t *labels, const float *logits, float *dlogits) {
  return gan_smoothed_class_term(n, batch, classes, stride, weight, 0, labels, logits, dlogits);
}
