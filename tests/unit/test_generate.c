/* The noise of samples: where each number stands, and paths between two. */
#include "task/generate.h"
#include "unit/support.h"

#include <math.h>
#include <string.h>

/* Sums of some hundred products in double, rounded to float in the end. */
static const double ROUNDING = 1e-6;

enum { SIZE = 37, N = 20, SEED = 4 };

static const struct {
  gan_latent_distribution law;
  double truncation;
} laws[] = {
    {GAN_LATENT_NORMAL, 0},
    {GAN_LATENT_UNIFORM, 0},
    {GAN_LATENT_NORMAL, 0.05},
    {GAN_LATENT_NORMAL, 2},
};

enum { LAWS = sizeof laws / sizeof *laws };

static void latent(int i, uint64_t seed, int64_t first, int64_t n, float *out) {
  gan_latent_samples(laws[i].law, laws[i].truncation, seed, first, n, SIZE, out);
}

START_TEST(sample_does_not_depend_on_the_rest) {
  float all[N * SIZE], some[N * SIZE], other[N * SIZE];
  latent(_i, SEED, 0, N, all);
  latent(_i, SEED + 1, 0, N, other);
  ck_assert_mem_ne(all, other, sizeof all);
  ck_assert_mem_ne(all, all + SIZE, SIZE * sizeof *all);
  for (int first = 0; first < N; first += 3)
    for (int n = 1; first + n <= N; n += 4) {
      latent(_i, SEED, first, n, some);
      ck_assert_mem_eq(some, all + first * SIZE, sizeof(float) * (size_t)n * SIZE);
    }
}
END_TEST

START_TEST(truncation_holds) {
  float z[N * SIZE];
  double bound = laws[_i].truncation, most = 0;
  latent(_i, SEED, 0, N, z);
  for (int i = 0; i < N * SIZE; i++) most = fmax(most, fabs((double)z[i]));
  if (bound > 0)
    ck_assert(most <= bound && most > 0.9 * bound);
  else
    ck_assert(most > 0.9);
}
END_TEST

/* A smaller bound draws every number nearer to 0, on its own side. */
START_TEST(truncation_shrinks) {
  float wide[SIZE], narrow[SIZE];
  gan_latent_samples(GAN_LATENT_NORMAL, 2, SEED, 0, 1, SIZE, wide);
  gan_latent_samples(GAN_LATENT_NORMAL, 0.5, SEED, 0, 1, SIZE, narrow);
  for (int i = 0; i < SIZE; i++) {
    ck_assert(fabsf(narrow[i]) < fabsf(wide[i]));
    ck_assert((narrow[i] < 0) == (wide[i] < 0));
  }
}
END_TEST

static double inner(const float *a, const float *b) {
  double sum = 0;
  for (int i = 0; i < SIZE; i++) sum += (double)a[i] * (double)b[i];
  return sum;
}

static double angle(const float *a, const float *b) {
  return acos(inner(a, b) / sqrt(inner(a, a) * inner(b, b)));
}

/* Of two vectors of one length: the length stays, and the angle is divided as `share` says. */
START_TEST(normal_paths_are_arcs) {
  float a[SIZE], b[SIZE], z[SIZE];
  latent(0, SEED, 0, 1, a);
  latent(0, SEED, 1, 1, b);
  double scale = sqrt(inner(a, a) / inner(b, b));
  for (int i = 0; i < SIZE; i++) b[i] = (float)(scale * (double)b[i]);
  for (int step = 1; step < 10; step++) {
    double share = step / 10.0;
    gan_latent_between(GAN_LATENT_NORMAL, SIZE, a, b, share, z);
    ck_assert_double_eq_tol(inner(z, z) / inner(a, a), 1, ROUNDING);
    ck_assert_double_eq_tol(angle(a, z), share * angle(a, b), ROUNDING);
    ck_assert_double_eq_tol(angle(z, b), (1 - share) * angle(a, b), ROUNDING);
  }
}
END_TEST

static void check_line(gan_latent_distribution law, const float *a, const float *b) {
  float z[SIZE];
  for (int step = 1; step < 10; step++) {
    double share = step / 10.0;
    gan_latent_between(law, SIZE, a, b, share, z);
    for (int i = 0; i < SIZE; i++)
      ck_assert_double_eq_tol((double)z[i], (1 - share) * (double)a[i] + share * (double)b[i],
                              ROUNDING);
  }
}

/* For the uniform law always; for the normal one where there is no arc. */
START_TEST(lines) {
  float a[SIZE], b[SIZE], nothing[SIZE] = {0};
  latent(1, SEED, 0, 1, a);
  latent(1, SEED, 1, 1, b);
  check_line(GAN_LATENT_UNIFORM, a, b);
  check_line(GAN_LATENT_NORMAL, a, a);
  check_line(GAN_LATENT_NORMAL, a, nothing);
  check_line(GAN_LATENT_NORMAL, nothing, nothing);
  for (int i = 0; i < SIZE; i++) b[i] = -a[i];
  check_line(GAN_LATENT_NORMAL, a, b);
}
END_TEST

START_TEST(paths_end_in_their_ends) {
  float a[SIZE], b[SIZE], z[SIZE];
  latent(_i, SEED, 0, 1, a);
  latent(_i, SEED + 1, 0, 1, b);
  gan_latent_between(laws[_i].law, SIZE, a, b, 0, z);
  ck_assert_mem_eq(z, a, sizeof z);
  gan_latent_between(laws[_i].law, SIZE, a, b, 1, z);
  ck_assert_mem_eq(z, b, sizeof z);
  gan_latent_between(laws[_i].law, SIZE, a, a, 0.3, z);
  ck_assert_mem_eq(z, a, sizeof z);
}
END_TEST

int main(void) {
  const unit_test tests[] = {
      {sample_does_not_depend_on_the_rest, LAWS},
      {truncation_holds, LAWS},
      {truncation_shrinks, 1},
      {normal_paths_are_arcs, 1},
      {lines, 1},
      {paths_end_in_their_ends, LAWS},
  };
  return UNIT_MAIN("generate", tests);
}
