#include "objective/objective.h"

#include "objective/logistic.h"

/* 0 to 1, or no number. */
static double clamp(double x) {
  return x < 0 ? 0 : x > 1 ? 1 : x;
}

/* What a sample's logit costs, and the slope of that.  NaN stays NaN in both. */
typedef struct {
  double loss, slope;
} cost;

/* A batch's costs, and how real its samples look by `reading`. */
static gan_loss sum_over(cost (*of)(double x), double (*reading)(double x), int64_t n,
                         int64_t batch, int64_t stride, const float *logits, float *dlogits) {
  gan_loss sum = {0, 0};
  for (int64_t i = 0; i < n; i++) {
    double x = (double)logits[i * stride];
    cost of_x = of(x);
    sum.loss += of_x.loss;
    sum.probability += reading(x);
    dlogits[i * stride] = (float)(of_x.slope / (double)batch);
  }
  return (gan_loss){sum.loss / (double)batch, sum.probability / (double)batch};
}

/* ---- costs ---- */

/* -log D */
static cost minus_log_d(double x) {
  return (cost){gan_softplus(-x), -gan_sigmoid(-x)};
}

/* -log(1 - D) */
static cost minus_log_not_d(double x) {
  return (cost){gan_softplus(x), gan_sigmoid(x)};
}

static cost log_not_d(double x) {
  return (cost){-gan_softplus(x), -gan_sigmoid(x)};
}

static cost score(double x) {
  return (cost){x, x == x ? 1 : x};
}

static cost minus_score(double x) {
  return (cost){-x, x == x ? -1 : x};
}

/* max(0, 1 + x), whose slope is 0 where it is 0: PyTorch's relu. */
static cost above_margin(double x) {
  if (x <= -1) return (cost){0, 0};
  return (cost){1 + x, x == x ? 1 : x};
}

static cost below_margin(double x) {
  cost mirrored = above_margin(-x);
  return (cost){mirrored.loss, -mirrored.slope};
}

static cost half_square(double x) {
  return (cost){x * x / 2, x};
}

static cost half_square_to_1(double x) {
  return half_square(x - 1);
}

/* ---- terms ---- */

/* A term of that name: the sum of its costs. */
#define TERM(name, of, reading)                                                                    \
  static gan_loss name(int64_t n, int64_t batch, int64_t stride, const float *logits,              \
                       float *dlogits) {                                                           \
    return sum_over(of, reading, n, batch, stride, logits, dlogits);                               \
  }

TERM(log_real, minus_log_d, gan_sigmoid)
TERM(log_fake, minus_log_not_d, gan_sigmoid)
TERM(log_deceived, log_not_d, gan_sigmoid)
TERM(hinge_real, below_margin, gan_sigmoid)
TERM(hinge_fake, above_margin, gan_sigmoid)
TERM(raise_score, minus_score, gan_sigmoid)
TERM(lower_score, score, gan_sigmoid)
TERM(square_real, half_square_to_1, clamp)
TERM(square_fake, half_square, clamp)

/* ---- targets ---- */

/* t gan_softplus(-x) + (1 - t) gan_softplus(x) */
static gan_loss log_towards(int64_t n, int64_t batch, int64_t stride, const float *targets,
                            const float *logits, float *dlogits) {
  gan_loss sum = {0, 0};
  for (int64_t i = 0; i < n; i++) {
    double x = (double)logits[i * stride], t = (double)targets[i];
    sum.loss += t * gan_softplus(-x) + (1 - t) * gan_softplus(x);
    sum.probability += gan_sigmoid(x);
    dlogits[i * stride] = (float)(((1 - t) * gan_sigmoid(x) - t * gan_sigmoid(-x)) / (double)batch);
  }
  return (gan_loss){sum.loss / (double)batch, sum.probability / (double)batch};
}

static gan_loss square_towards(int64_t n, int64_t batch, int64_t stride, const float *targets,
                               const float *logits, float *dlogits) {
  gan_loss sum = {0, 0};
  for (int64_t i = 0; i < n; i++) {
    double x = (double)logits[i * stride];
    cost of_x = half_square(x - (double)targets[i]);
    sum.loss += of_x.loss;
    sum.probability += clamp(x);
    dlogits[i * stride] = (float)(of_x.slope / (double)batch);
  }
  return (gan_loss){sum.loss / (double)batch, sum.probability / (double)batch};
}

static const gan_objective objectives[] = {
    [GAN_OBJECTIVE_NON_SATURATING] = {"non_saturating", log_real, log_fake, log_real, log_towards,
                                      false},
    [GAN_OBJECTIVE_MINIMAX] = {"minimax", log_real, log_fake, log_deceived, log_towards, false},
    [GAN_OBJECTIVE_HINGE] = {"hinge", hinge_real, hinge_fake, raise_score, NULL, false},
    [GAN_OBJECTIVE_LEAST_SQUARES] = {"least_squares", square_real, square_fake, square_real,
                                     square_towards, false},
    [GAN_OBJECTIVE_WASSERSTEIN] = {"wasserstein", raise_score, lower_score, raise_score, NULL,
                                   false},
    [GAN_OBJECTIVE_RELATIVISTIC] = {.name = "relativistic", .relative = true},
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
