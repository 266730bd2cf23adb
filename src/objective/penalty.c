#include "objective/penalty.h"

#include "base/rng.h"
#include "kernels/matrix.h"
#include "kernels/pointwise.h"

#include <math.h>
#include <string.h>

/* phi(r), r = |g|, and its slope over r: without a division, where that is finite at 0. */
typedef struct {
  double value, slope_over_norm;
} penalty_at;

static penalty_at squared(double weight, double norm) {
  return (penalty_at){weight / 2 * norm * norm, weight};
}

static penalty_at about_one(double weight, double norm) {
  double off = norm - 1;
  return (penalty_at){weight * off * off, norm > 0 ? 2 * weight * off / norm : 0};
}

/* ---- the points ---- */

static void at_real(const gan_penalty_draw *draw, int64_t n, int64_t size, const float *real,
                    const float *fake, float *x) {
  (void)draw, (void)fake;
  memcpy(x, real, (size_t)(n * size) * sizeof *x);
}

static void at_fake(const gan_penalty_draw *draw, int64_t n, int64_t size, const float *real,
                    const float *fake, float *x) {
  (void)draw, (void)real;
  memcpy(x, fake, (size_t)(n * size) * sizeof *x);
}

static gan_rng stream_of(const gan_penalty_draw *draw) {
  return gan_rng_stream(draw->seed, GAN_RNG_PENALTY, 0, 0, 0);
}

static void between(const gan_penalty_draw *draw, int64_t n, int64_t size, const float *real,
                    const float *fake, float *x) {
  gan_rng rng = stream_of(draw);
  for (int64_t s = 0; s < n; s++, real += size, fake += size, x += size) {
    float e;
    gan_rng_uniform(rng, draw->draw, (uint32_t)(draw->first_sample + s), 1, 0, 1, &e);
    for (int64_t i = 0; i < size; i++) x[i] = e * real[i] + (1.0f - e) * fake[i];
  }
}

static void around(const gan_penalty_draw *draw, int64_t n, int64_t size, const float *real,
                   const float *fake, float *x) {
  (void)fake;
  gan_rng rng = stream_of(draw);
  for (int64_t s = 0; s < n; s++, real += size, x += size) {
    gan_rng_normal(rng, draw->draw, (uint32_t)(draw->first_sample + s), size, x);
    for (int64_t i = 0; i < size; i++) x[i] = real[i] + (float)draw->noise * x[i];
  }
}

static const struct {
  penalty_at (*phi)(double weight, double norm);
  void (*points)(const gan_penalty_draw *draw, int64_t n, int64_t size, const float *real,
                 const float *fake, float *x);
  bool real, fake; /* which it takes */
} kinds[] = {
    [GAN_PENALTY_R1] = {squared, at_real, true, false},
    [GAN_PENALTY_R2] = {squared, at_fake, false, true},
    [GAN_PENALTY_WGAN_GP] = {about_one, between, true, true},
    [GAN_PENALTY_DRAGAN] = {about_one, around, true, false},
};

gan_penalty_sums gan_penalty_term(gan_penalty_kind kind, double weight, int64_t n, int64_t batch,
                                  int64_t size, float *g) {
  gan_penalty_sums sums = {0, 0};
  for (int64_t s = 0; s < n; s++, g += size) {
    double norm = sqrt(gan_dot(size, g, g));
    penalty_at at = kinds[kind].phi(weight, norm);
    sums.penalty += at.value;
    sums.norm += norm;
    gan_scale(size, (float)(at.slope_over_norm / (double)batch), g, g);
  }
  return (gan_penalty_sums){sums.penalty / (double)batch, sums.norm / (double)batch};
}

void gan_penalty_points(gan_penalty_kind kind, const gan_penalty_draw *draw, int64_t n,
                        int64_t size, const float *real, const float *fake, float *x) {
  kinds[kind].points(draw, n, size, real, fake, x);
}

bool gan_penalty_takes_real(gan_penalty_kind kind) {
  return kinds[kind].real;
}

bool gan_penalty_takes_fake(gan_penalty_kind kind) {
  return kinds[kind].fake;
}
