#include "kernels/update.h"

#include "base/blocks.h"
#include "kernels/dispatch.h"
#include "kernels/lanes.h"

#include <math.h>

GAN_INLINE void adam_one(const gan_adam_step *step, float g, float *m, float *v, float *w) {
  *m = step->beta1 * *m + step->rest1 * g;
  *v = step->beta2 * *v + step->rest2 * (g * g);
  float denominator = sqrtf(*v) / step->root_bias_correction + step->eps;
  *w -= step->step_size * (*m / denominator);
}

GAN_KERNEL static void adam_block(int64_t n, const gan_adam_step *step, const float *restrict g,
                                  float *restrict m, float *restrict v, float *restrict w) {
  const gan_adam_step constants = *step;
  for (int64_t i = 0; i < n; i++) adam_one(&constants, g[i], &m[i], &v[i], &w[i]);
}

void gan_adam_update(int64_t n, const gan_adam_step *step, const float *g, float *m, float *v,
                     float *w) {
  GAN_FOR_BLOCKS(i, count, n, 1, adam_block(count, step, g + i, m + i, v + i, w + i));
}

void gan_adam_update_reference(int64_t n, const gan_adam_step *step, const float *g, float *m,
                               float *v, float *w) {
  for (int64_t i = 0; i < n; i++) adam_one(step, g[i], &m[i], &v[i], &w[i]);
}

GAN_INLINE void sgd_one(const gan_sgd_step *step, float g, float *v, float *w) {
  *v = step->momentum * *v + g;
  *w -= step->lr * (step->of_gradient * g + step->of_velocity * *v);
}

GAN_KERNEL static void sgd_block(int64_t n, const gan_sgd_step *step, const float *restrict g,
                                 float *restrict v, float *restrict w) {
  const gan_sgd_step constants = *step;
  for (int64_t i = 0; i < n; i++) sgd_one(&constants, g[i], &v[i], &w[i]);
}

void gan_sgd_update(int64_t n, const gan_sgd_step *step, const float *g, float *v, float *w) {
  GAN_FOR_BLOCKS(i, count, n, 1, sgd_block(count, step, g + i, v + i, w + i));
}

void gan_sgd_update_reference(int64_t n, const gan_sgd_step *step, const float *g, float *v,
                              float *w) {
  for (int64_t i = 0; i < n; i++) sgd_one(step, g[i], &v[i], &w[i]);
}

GAN_KERNEL static void cut_block(int64_t n, float bound, float *x) {
  for (int64_t i = 0; i < n; i++) {
    float below = x[i] > bound ? bound : x[i];
    x[i] = below < -bound ? -bound : below;
  }
}

void gan_cut(int64_t n, float bound, float *x) {
  GAN_FOR_BLOCKS(i, count, n, 1, cut_block(count, bound, x + i));
}

GAN_KERNEL static double squares_of(int64_t n, const float *x) {
  return gan_lanes_products(n, x, x, 0.0);
}

double gan_sum_of_squares(int64_t n, const float *x) {
  double total;
  GAN_SUM_BLOCKS(total, i, count, n, 1, squares_of(count, x + i));
  return total;
}
