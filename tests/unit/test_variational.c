/* The terms of a variational autoencoder: likelihoods and divergence against their definitions in
 * long double, slopes against finite differences of those, closed forms and sampled integrals. */
#include "objective/variational.h"

#include "base/blocks.h"
#include "base/memory.h"
#include "unit/support.h"

#include <math.h>
#include <string.h>

/* exp(-|l|) is good to 1e-7, and log(1 + it) has less of that; the rest is summed in double. */
static const long double LOSS_TOLERANCE = 1.2e-7L;

/* Products of factors 1 + exp(-|l|) lose what is below 1e-16 of 1. */
static const long double NUMBER_TOLERANCE = 1e-15L;

/* A few roundings of floats of size 1, before the slope is scaled. */
static const double SLOPE_TOLERANCE = 4e-7;

/* One rounding of a float. */
static const double FLOAT_TOLERANCE = 6.1e-8;

enum { BATCH = 6 };

static const gan_likelihood bernoulli = {.kind = GAN_LIKELIHOOD_BERNOULLI};

/* -log of p^x (1 - p)^(1 - x), p = 1 / (1 + exp(-l)). */
static long double cross_entropy(long double x, long double l) {
  return x * log1pl(expl(-l)) + (1 - x) * log1pl(expl(l));
}

START_TEST(bernoulli_numbers) {
  static const float logits[] = {0,     0.5f, -0.5f, 3,   -3,   15,   -15,   30,
                                 -30.f, 80,   -80,   200, -200, 1000, -1000, 1e-4f};
  static const float values[] = {0, 1, 0.5f, 0.25f, 1e-3f, 0.999f};
  for (size_t i = 0; i < sizeof logits / sizeof *logits; i++)
    for (size_t k = 0; k < sizeof values / sizeof *values; k++) {
      float slope;
      long double l = (long double)logits[i], x = (long double)values[k];
      double loss =
          gan_reconstruction_term(&bernoulli, 1, BATCH, 1, &values[k], &logits[i], &slope);
      long double wanted = cross_entropy(x, l) / BATCH;
      if (!(fabsl((long double)loss - wanted) <= LOSS_TOLERANCE * wanted + NUMBER_TOLERANCE))
        ck_abort_msg("logit %g, value %g: %.12g, not %.12Lg", (double)logits[i], (double)values[k],
                     loss, wanted);
      double by = (double)(1 / (1 + expl(-l)) - x) / BATCH;
      if (!(fabs((double)slope - by) <= SLOPE_TOLERANCE / BATCH))
        ck_abort_msg("logit %g, value %g: slope %.9g, not %.9g", (double)logits[i],
                     (double)values[k], (double)slope, by);
    }
}
END_TEST

/* Of many numbers, over the ends of lanes and chunks. */
START_TEST(sums_of_many) {
  static const int64_t sizes[] = {1, 15, 16, 17, 511, 512, 513, 784, 1500};
  int64_t size = sizes[_i], n = 5;
  float *x = unit_floats(n * size), *out = unit_floats(n * size), *slope = unit_floats(n * size);
  unit_fill(x, n * size, 1, 0, 1);
  unit_fill(out, n * size, 2, -9, 9);
  long double wanted = 0, squares = 0;
  for (int64_t i = 0; i < n * size; i++) {
    long double d = (long double)out[i] - (long double)x[i];
    wanted += cross_entropy((long double)x[i], (long double)out[i]);
    squares += d * d;
  }
  double loss = gan_reconstruction_term(&bernoulli, n, BATCH, size, x, out, slope);
  ck_assert(fabsl((long double)loss - wanted / BATCH) <= LOSS_TOLERANCE * wanted / BATCH);

  const gan_likelihood gaussian = {GAN_LIKELIHOOD_GAUSSIAN, 0.3};
  const long double pi = 3.14159265358979323846L;
  wanted = squares / (2 * 0.09L) + (long double)(n * size) * (logl(0.3L) + logl(2 * pi) / 2);
  loss = gan_reconstruction_term(&gaussian, n, BATCH, size, x, out, slope);
  ck_assert(fabsl((long double)loss - wanted / BATCH) <= LOSS_TOLERANCE * squares / 0.09L / BATCH);
  for (int64_t i = 0; i < n * size; i++) {
    double by = ((double)out[i] - (double)x[i]) / (0.09 * BATCH);
    if (!(fabs((double)slope[i] - by) <= SLOPE_TOLERANCE * 10 / (0.09 * BATCH)))
      ck_abort_msg("slope %lld is %g, not %g", (long long)i, (double)slope[i], by);
  }
  gan_free(&x);
  gan_free(&out);
  gan_free(&slope);
}
END_TEST

/* At logit 0 each number costs log 2, however many there are. */
START_TEST(undecided) {
  enum { MANY = 3000 };
  float *x = unit_floats(MANY), *out = unit_floats(MANY), *slope = unit_floats(MANY);
  unit_fill(x, MANY, 10, 0, 1);
  double loss = gan_reconstruction_term(&bernoulli, 1, 1, MANY, x, out, slope);
  ck_assert_double_eq_tol(loss, MANY * log(2), 1e-12 * loss);
  gan_free(&x);
  gan_free(&out);
  gan_free(&slope);
}
END_TEST

/* exp(-loss) integrates to 1 over x: the Gaussian's constant is right. */
START_TEST(gaussian_is_a_density) {
  const gan_likelihood gaussian = {GAN_LIKELIHOOD_GAUSSIAN, 0.7};
  const double step = 1e-3;
  double integral = 0;
  float mean = 0.3f, slope;
  for (int i = -8000; i <= 8000; i++) {
    float x = (float)(i * step);
    integral += step * exp(-gan_reconstruction_term(&gaussian, 1, 1, 1, &x, &mean, &slope));
  }
  ck_assert_double_eq_tol(integral, 1, 1e-6); /* the step is 1/700 of the width */
}
END_TEST

/* ---- the code ---- */

enum { LATENT = 5, N = 7 };

static long double divergence_of(long double mean, long double v) {
  return (mean * mean + expl(v) - 1 - v) / 2;
}

START_TEST(divergence) {
  float code[N * 2 * LATENT], eps[N * LATENT], none[N * LATENT] = {0}, dcode[N * 2 * LATENT];
  const double beta = 0.3;
  unit_fill(code, N * 2 * LATENT, 3, -3, 3);
  unit_fill(eps, N * LATENT, 4, -2, 2);
  long double wanted = 0;
  for (int i = 0; i < N; i++)
    for (int k = 0; k < LATENT; k++)
      wanted += divergence_of((long double)code[2 * LATENT * i + k],
                              (long double)code[2 * LATENT * i + LATENT + k]);
  double kl = gan_kl_term(N, BATCH, LATENT, beta, code, eps, none, dcode);
  ck_assert(fabsl((long double)kl - wanted / BATCH) <= 1e-15L * wanted);
  const long double h = 0x1p-20L; /* central differences are off by h^2: 1e-12 */
  for (int i = 0; i < N; i++)
    for (int k = 0; k < LATENT; k++) {
      const float *at = code + 2 * LATENT * i + k, *slope = dcode + 2 * LATENT * i + k;
      long double mean = (long double)*at, v = (long double)at[LATENT];
      double by_mean = (double)((divergence_of(mean + h, v) - divergence_of(mean - h, v)) / 2 / h);
      double by_v = (double)((divergence_of(mean, v + h) - divergence_of(mean, v - h)) / 2 / h);
      double scale = beta / BATCH;
      if (!(fabs((double)slope[0] - scale * by_mean) <= scale * 1e-6) ||
          !(fabs((double)slope[LATENT] - scale * by_v) <= scale * 1e-6))
        ck_abort_msg("sample %d, number %d: slopes %g and %g, not %g and %g", i, k,
                     (double)slope[0], (double)slope[LATENT], scale * by_mean, scale * by_v);
    }
}
END_TEST

/* No divergence from itself; and near that no digits cancel. */
START_TEST(no_divergence) {
  float code[2] = {0, 0}, eps = 1, dz = 0, dcode[2] = {1, 1};
  ck_assert_double_eq(gan_kl_term(1, 1, 1, 1, code, &eps, &dz, dcode), 0);
  ck_assert_float_eq(dcode[0], 0);
  ck_assert_float_eq(dcode[1], 0);
  code[1] = 1e-6f;
  double v = (double)code[1], kl = gan_kl_term(1, 1, 1, 1, code, &eps, &dz, dcode);
  ck_assert_double_eq_tol(kl, v * v / 4, 1e-5 * v * v); /* exp(v) - 1 - v = v^2 / 2 + v^3 / 6 */
}
END_TEST

/* z has mean mu and variance exp(v) over the noise, and its slopes are finite differences of it. */
START_TEST(draws) {
  const float code[2] = {0.7f, -0.9f};
  float z, eps = 0, dcode[2];
  gan_reparametrise(1, 1, code, &eps, &z);
  ck_assert_float_eq(z, code[0]);
  uint64_t state = 5;
  for (int i = 0; i < 20; i++) {
    float dz = (float)unit_uniform(&state, -1, 1);
    eps = (float)unit_uniform(&state, -3, 3);
    double wanted = (double)code[0] + exp((double)code[1] / 2) * (double)eps;
    gan_reparametrise(1, 1, code, &eps, &z);
    ck_assert_double_eq_tol((double)z, wanted, FLOAT_TOLERANCE * fabs(wanted));
    gan_kl_term(1, 1, 1, 0, code, &eps, &dz, dcode);
    ck_assert_float_eq(dcode[0], dz);
    double h = 1e-6, v = (double)code[1];
    double by = (exp((v + h) / 2) - exp((v - h) / 2)) / (2 * h) * (double)eps * (double)dz;
    ck_assert_double_eq_tol((double)dcode[1], by, 1e-6 * fabs(by) + 1e-9);
  }
}
END_TEST

/* ---- parts and threads ---- */

/* A batch in two parts gives the same slopes to the bit, and sums that add up. */
START_TEST(parts_add_up) {
  enum { SIZE = 70 };
  float x[N * SIZE], out[N * SIZE], whole[N * SIZE], parts[N * SIZE];
  unit_fill(x, N * SIZE, 6, 0, 1);
  unit_fill(out, N * SIZE, 7, -4, 4);
  double loss = gan_reconstruction_term(&bernoulli, N, N, SIZE, x, out, whole);
  for (int cut = 0; cut <= N; cut++) {
    int at = cut * SIZE;
    memset(parts, 0xff, sizeof parts);
    double a = gan_reconstruction_term(&bernoulli, cut, N, SIZE, x, out, parts);
    double b = gan_reconstruction_term(&bernoulli, N - cut, N, SIZE, x + at, out + at, parts + at);
    ck_assert_double_eq_tol(a + b, loss, 1e-14 * loss);
    ck_assert_mem_eq(parts, whole, sizeof whole);
  }
}
END_TEST

START_TEST(threads_give_the_same_bits) {
  enum { MANY = 200, SIZE = 784, CODE = 2 * 20 };
  float *x = unit_floats(MANY * SIZE), *out = unit_floats(MANY * SIZE);
  float *one = unit_floats(MANY * SIZE), *more = unit_floats(MANY * SIZE);
  unit_fill(x, MANY * SIZE, 8, 0, 1);
  unit_fill(out, MANY * SIZE, 9, -4, 4);
  double losses[3], kls[3];
  for (int threads = 1; threads <= 3; threads++) {
    float *slope = threads == 1 ? one : more;
    gan_blocks_set_threads(threads);
    losses[threads - 1] = gan_reconstruction_term(&bernoulli, MANY, MANY, SIZE, x, out, slope);
    ck_assert_mem_eq(slope, one, MANY * SIZE * sizeof *one);
    kls[threads - 1] = gan_kl_term(MANY, MANY, CODE / 2, 1, out, x, x, slope);
    if (threads == 1) gan_reconstruction_term(&bernoulli, MANY, MANY, SIZE, x, out, one);
  }
  gan_blocks_set_threads(1);
  for (int i = 1; i < 3; i++) {
    ck_assert_double_eq(losses[i], losses[0]);
    ck_assert_double_eq(kls[i], kls[0]);
  }
  gan_free(&x);
  gan_free(&out);
  gan_free(&one);
  gan_free(&more);
}
END_TEST

/* What is no number reaches the one who stops the run, and spoils no other sample. */
START_TEST(no_number_stays_none) {
  enum { SIZE = 20 };
  const gan_likelihood kinds[] = {bernoulli, {GAN_LIKELIHOOD_GAUSSIAN, 1}};
  for (int kind = 0; kind < 2; kind++) {
    float x[3 * SIZE] = {0}, out[3 * SIZE] = {0}, slope[3 * SIZE];
    out[SIZE + 3] = NAN;
    ck_assert_double_nan(gan_reconstruction_term(&kinds[kind], 3, 3, SIZE, x, out, slope));
    for (int i = 0; i < 3 * SIZE; i++) ck_assert(isfinite(slope[i]) == (i != SIZE + 3));
  }
  float code[2] = {0, 1e4f}, eps = 1, dz = 0, dcode[2];
  ck_assert(!isfinite(gan_kl_term(1, 1, 1, 1, code, &eps, &dz, dcode)));
}
END_TEST

int main(void) {
  const unit_test tests[] = {
      {bernoulli_numbers, 1},
      {sums_of_many, 9},
      {undecided, 1},
      {gaussian_is_a_density, 1},
      {divergence, 1},
      {no_divergence, 1},
      {draws, 1},
      {parts_add_up, 1},
      {threads_give_the_same_bits, 1},
      {no_number_stays_none, 1},
  };
  return UNIT_MAIN("variational", tests);
}
