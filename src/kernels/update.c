#include "kernels/update.h"

#include "base/blocks.h"
#include "kernels/dispatch.h"
#include "kernels/lanes.h"

#include <math.h>

/* -0 + 0 is 0: without decay the sum is left out. */
GAN_INLINE float gradient_of(const gan_gradient_step *step, float g, float w) {
  float scaled = step->scale * g;
  return step->decay != 0 ? scaled + step->decay * w : scaled;
}

GAN_INLINE void adam_one(const gan_adam_step *step, float g, float *m, float *v, float *w) {
  *m = step->beta1 * *m + step->rest1 * g;
  *v = step->beta2 * *v + step->rest2 * (g * g);
  float denominator = sqrtf(*v) / step->root_bias_correction + step->eps;
  *w = step->keep * *w - step->step_size * (*m / denominator);
}

GAN_KERNEL static void adam_block(int64_t n, const gan_adam_step *step,
                                  const gan_gradient_step *gradient, const float *restrict g,
                                  float *restrict m, float *restrict v, float *restrict w) {
  const gan_adam_step constants = *step;
  const gan_gradient_step whole = *gradient;
  for (int64_t i = 0; i < n; i++)
    adam_one(&constants, gradient_of(&whole, g[i], w[i]), &m[i], &v[i], &w[i]);
}

void gan_adam_update(int64_t n, const gan_adam_step *step, const gan_gradient_step *gradient,
                     const float *g, float *m, float *v, float *w) {
  GAN_FOR_BLOCKS(i, count, n, 1, adam_block(count, step, gradient, g + i, m + i, v + i, w + i));
}

void gan_adam_update_reference(int64_t n, const gan_adam_step *step,
                               const gan_gradient_step *gradient, const float *g, float *m,
                               float *v, float *w) {
  for (int64_t i = 0; i < n; i++)
    adam_one(step, gradient_of(gradient, g[i], w[i]), &m[i], &v[i], &w[i]);
}

GAN_INLINE void sgd_one(const gan_sgd_step *step, float g, float *v, float *w) {
  *v = step->momentum * *v + g;
  *w -= step->lr * (step->of_gradient * g + step->of_velocity * *v);
}

GAN_KERNEL static void sgd_block(int64_t n, const gan_sgd_step *step,
                                 const gan_gradient_step *gradient, const float *restrict g,
                                 float *restrict v, float *restrict w) {
  const gan_sgd_step constants = *step;
  const gan_gradient_step whole = *gradient;
  for (int64_t i = 0; i < n; i++)
    sgd_one(&constants, gradient_of(&whole, g[i], w[i]), &v[i], &w[i]);
}

void gan_sgd_update(int64_t n, const gan_sgd_step *step, const gan_gradient_step *gradient,
                    const float *g, float *v, float *w) {
  GAN_FOR_BLOCKS(i, count, n, 1, sgd_block(count, step, gradient, g + i, v + i, w + i));
}

void gan_sgd_update_reference(int64_t n, const gan_sgd_step *step,
                              const gan_gradient_step *gradient, const float *g, float *v,
                              float *w) {
  for (int64_t i = 0; i < n; i++) sgd_one(step, gradient_of(gradient, g[i], w[i]), &v[i], &w[i]);
}

GAN_INLINE void rmsprop_one(const gan_rmsprop_step *step, float g, float *s, float *v, float *w) {
  *s = step->alpha * *s + step->rest * (g * g);
  *v = step->momentum * *v + g / (sqrtf(*s) + step->eps);
  *w -= step->lr * *v;
}

GAN_KERNEL static void rmsprop_block(int64_t n, const gan_rmsprop_step *step,
                                     const gan_gradient_step *gradient, const float *restrict g,
                                     float *restrict s, float *restrict v, float *restrict w) {
  const gan_rmsprop_step constants = *step;
  const gan_gradient_step whole = *gradient;
  for (int64_t i = 0; i < n; i++)
    rmsprop_one(&constants, gradient_of(&whole, g[i], w[i]), &s[i], &v[i], &w[i]);
}

void gan_rmsprop_update(int64_t n, const gan_rmsprop_step *step, const gan_gradient_step *gradient,
                        const float *g, float *s, float *v, float *w) {
  GAN_FOR_BLOCKS(i, count, n, 1, rmsprop_block(count, step, gradient, g + i, s + i, v + i, w + i));
}

void gan_rmsprop_update_reference(int64_t n, const gan_rmsprop_step *step,
                                  const gan_gradient_step *gradient, const float *g, float *s,
                                  float *v, float *w) {
  for (int64_t i = 0; i < n; i++)
    rmsprop_one(step, gradient_of(gradient, g[i], w[i]), &s[i], &v[i], &w[i]);
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

GAN_KERNEL static void average_block(int64_t n, float rest, const float *restrict w,
                                     float *restrict average) {
  for (int64_t i = 0; i < n; i++) average[i] += rest * (w[i] - average[i]);
}

void gan_average_weights(int64_t n, float rest, const float *w, float *average) {
  GAN_FOR_BLOCKS(i, count, n, 1, average_block(count, rest, w + i, average + i));
}

GAN_KERNEL static double squares_of(int64_t n, const float *x) {
  return gan_lanes_products(n, x, x, 0.0);
}

double gan_sum_of_squares(int64_t n, const float *x) {
  double total;
  GAN_SUM_BLOCKS(total, i, count, n, 1, squares_of(count, x + i));
  return total;
}
