#include "objective/relativistic.h"

#include "objective/logistic.h"

double gan_logit_sum(int64_t n, int64_t stride, const float *logits) {
  double sum = 0;
  for (int64_t i = 0; i < n; i++) sum += (double)logits[i * stride];
  return sum;
}

gan_loss gan_relative_term(bool up, int64_t n, int64_t batch, int64_t stride, double mean,
                           const float *logits, float *dlogits, double *pull) {
  gan_loss sum = {0, 0};
  for (int64_t i = 0; i < n; i++) {
    double x = (double)logits[i * stride] - mean;
    double slope = (up ? -gan_sigmoid(-x) : gan_sigmoid(x)) / (double)batch;
    sum.loss += gan_softplus(up ? -x : x);
    sum.probability += gan_sigmoid(x);
    *pull += slope;
    if (dlogits) dlogits[i * stride] = (float)slope;
  }
  return (gan_loss){sum.loss / (double)batch, sum.probability / (double)batch};
}

void gan_relative_pull(int64_t n, int64_t batch, int64_t stride, double pull, float *dlogits) {
  double each = pull / (double)batch;
  for (int64_t i = 0; i < n; i++) dlogits[i * stride] = (float)((double)dlogits[i * stride] - each);
}
