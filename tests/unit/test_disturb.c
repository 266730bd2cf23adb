/* What disturbs a discriminator on purpose: smoothed and exchanged targets, and noise on its input;
 * their laws, and that they hang on the global sample and the update alone. */
#include "base/memory.h"
#include "task/noise.h"
#include "task/targets.h"
#include "unit/support.h"

#include <math.h>
#include <string.h>

enum { N = 4000, SIZE = 6, SETS = 2, PHASE = 3 };

static gan_pass pass_of(int64_t first, int64_t samples, int sets) {
  return (gan_pass){.comm = gan_comm_alone(),
                    .training = true,
                    .sets = sets,
                    .samples = sets * samples,
                    .first_sample = first,
                    .batch = N,
                    .seed = 5,
                    .phase = PHASE,
                    .draw = 11};
}

static gan_span_set set_of(int64_t first, int64_t samples, uint32_t phase) {
  return (gan_span_set){.samples = samples, .phase = phase, .first_sample = first};
}

static gan_targets make_targets(double real, double fake, double flip) {
  gan_config config = {.train = {.label_real = real, .label_fake = fake, .label_flip = flip}};
  gan_targets targets = {.wanted = NULL};
  check_ok(gan_targets_reserve(&config, N, &targets));
  return targets;
}

/* Numbers of `x` that are `value`. */
static int count(int n, const float *x, float value) {
  int found = 0;
  for (int i = 0; i < n; i++) found += x[i] == value;
  return found;
}

START_TEST(usual_targets) {
  gan_targets targets = make_targets(1, 0, 0);
  gan_pass pass = pass_of(0, N, 1);
  gan_span_set set = set_of(0, N, PHASE);
  ck_assert_ptr_null(gan_targets_of(&targets, &pass, &set, true));
  gan_targets_release(&targets);
}
END_TEST

START_TEST(smoothed_targets) {
  gan_targets targets = make_targets(0.9, 0.2, 0);
  gan_pass pass = pass_of(0, N, 1);
  gan_span_set set = set_of(0, N, PHASE);
  ck_assert_int_eq(count(N, gan_targets_of(&targets, &pass, &set, true), 0.9f), N);
  ck_assert_int_eq(count(N, gan_targets_of(&targets, &pass, &set, false), 0.2f), N);
  gan_targets_release(&targets);
}
END_TEST

/* As many as said, to five standard deviations; others for another phase, update or seed; and the
 * same for a sample wherever the batch is cut. */
START_TEST(flipped_targets) {
  const double flip = 0.2, deviation = sqrt(N * flip * (1 - flip));
  gan_targets targets = make_targets(0.9, 0.1, flip);
  gan_pass pass = pass_of(0, N, 1);
  gan_span_set set = set_of(0, N, PHASE);
  float whole[N];
  memcpy(whole, gan_targets_of(&targets, &pass, &set, true), sizeof whole);
  int flips = count(N, whole, 0.1f);
  ck_assert_int_eq(flips + count(N, whole, 0.9f), N);
  ck_assert_double_le(fabs(flips - N * flip), 5 * deviation);
  gan_span_set part = set_of(17, 40, PHASE);
  ck_assert_mem_eq(gan_targets_of(&targets, &pass, &part, true), whole + 17, 40 * sizeof *whole);
  gan_span_set other_phase = set_of(0, N, PHASE + 1);
  ck_assert_mem_ne(gan_targets_of(&targets, &pass, &other_phase, true), whole, sizeof whole);
  pass.draw++;
  ck_assert_mem_ne(gan_targets_of(&targets, &pass, &set, true), whole, sizeof whole);
  pass.draw--, pass.seed++;
  ck_assert_mem_ne(gan_targets_of(&targets, &pass, &set, true), whole, sizeof whole);
  pass.seed--;
  int fakes = count(N, gan_targets_of(&targets, &pass, &set, false), 0.9f);
  ck_assert_int_eq(fakes, flips);
  gan_targets_release(&targets);
}
END_TEST

/* ---- noise ---- */

static gan_noise make_noise(double std, int64_t steps, int64_t samples) {
  gan_config config = {.train = {.instance_noise = std, .instance_noise_steps = steps}};
  gan_noise noise = {.seen = NULL};
  check_ok(gan_noise_reserve(&config, samples, SIZE, &noise));
  return noise;
}

static unit_net make_judge(void) {
  const gan_shape in = {1, 1, SIZE}, none = {0, 0, 0};
  return unit_net_create("[linear: {units: 1}]", in, none, SETS * N);
}

START_TEST(noise_that_falls) {
  gan_noise noise = make_noise(0.4, 100, 1);
  ck_assert_double_eq(gan_noise_std(&noise, 0), 0.4);
  ck_assert_double_eq_tol(gan_noise_std(&noise, 25), 0.3, 1e-15);
  ck_assert_double_eq(gan_noise_std(&noise, 100), 0);
  ck_assert_double_eq(gan_noise_std(&noise, 5000), 0);
  gan_noise_release(&noise);
  noise = make_noise(0.4, GAN_UNSET_INT, 1);
  ck_assert_double_eq(gan_noise_std(&noise, 5000), 0.4);
  gan_noise_release(&noise);
}
END_TEST

/* Where there is none, nothing is copied. */
START_TEST(no_noise) {
  unit_net judge = make_judge();
  float *x = unit_floats(N * SIZE);
  gan_pass pass = pass_of(0, N, 1);
  gan_noise none = make_noise(0, GAN_UNSET_INT, N), over = make_noise(1, 5, N);
  ck_assert_ptr_eq(gan_noise_on(&none, judge.net, &pass, 0, x), x);
  ck_assert_ptr_eq(gan_noise_on(&over, judge.net, &pass, 5, x), x);
  ck_assert_ptr_ne(gan_noise_on(&over, judge.net, &pass, 4, x), x);
  gan_noise_release(&none);
  gan_noise_release(&over);
  gan_free(&x);
  unit_net_destroy(&judge);
}
END_TEST

/* What was added, to x. */
static void take_off(int64_t n, const float *x, float *seen) {
  for (int64_t i = 0; i < n; i++) seen[i] -= x[i];
}

/* Mean 0 and variance std^2, to five standard errors; numbers of a sample and samples apart do not
 * hang together. */
START_TEST(law_of_the_noise) {
  enum { ALL = N * SIZE };
  const double std = 0.3;
  unit_net judge = make_judge();
  float *x = unit_floats(ALL), *seen = unit_floats(ALL);
  gan_noise noise = make_noise(std, GAN_UNSET_INT, N);
  gan_pass pass = pass_of(0, N, 1);
  unit_fill(x, ALL, 3, -1, 1);
  memcpy(seen, gan_noise_on(&noise, judge.net, &pass, 0, x), ALL * sizeof *x);
  take_off(ALL, x, seen);
  double sum = 0, squares = 0, beside = 0, apart = 0;
  for (int i = 0; i < ALL; i++) {
    double z = (double)seen[i] / std;
    sum += z;
    squares += z * z;
    beside += z * (double)seen[(i + 1) % ALL] / std;
    apart += z * (double)seen[(i + SIZE) % ALL] / std;
  }
  ck_assert_double_le(fabs(sum / ALL), 5 / sqrt(ALL));
  ck_assert_double_le(fabs(squares / ALL - 1), 5 * sqrt(2.0 / ALL));
  ck_assert_double_le(fabs(beside / ALL), 5 / sqrt(ALL));
  ck_assert_double_le(fabs(apart / ALL), 5 / sqrt(ALL));
  gan_noise_release(&noise);
  gan_free(&x);
  gan_free(&seen);
  unit_net_destroy(&judge);
}
END_TEST

/* Two sets in a pass have what each has in its own, and a part of a batch what the whole has. */
START_TEST(noise_hangs_on_the_sample) {
  enum { PART = 30, FIRST = 70, ROW = PART * SIZE };
  unit_net judge = make_judge();
  judge.net->sets = SETS;
  float x[SETS * ROW] = {0}, both[SETS * ROW], *all = unit_floats(N * SIZE);
  gan_noise noise = make_noise(1, GAN_UNSET_INT, N);
  gan_pass pass = pass_of(FIRST, PART, SETS), whole = pass_of(0, N, 1);
  memcpy(both, gan_noise_on(&noise, judge.net, &pass, 0, x), sizeof both);
  const float *seen = gan_noise_on(&noise, judge.net, &whole, 0, all);
  ck_assert_mem_eq(seen + FIRST * SIZE, both, ROW * sizeof *both);
  whole.phase++;
  seen = gan_noise_on(&noise, judge.net, &whole, 0, all);
  ck_assert_mem_eq(seen + FIRST * SIZE, both + ROW, ROW * sizeof *both);
  whole.draw++;
  seen = gan_noise_on(&noise, judge.net, &whole, 0, all);
  ck_assert_mem_ne(seen + FIRST * SIZE, both + ROW, ROW * sizeof *both);
  gan_noise_release(&noise);
  gan_free(&all);
  unit_net_destroy(&judge);
}
END_TEST

int main(void) {
  const unit_test tests[] = {
      {usual_targets, 1},
      {smoothed_targets, 1},
      {flipped_targets, 1},
      {noise_that_falls, 1},
      {no_noise, 1},
      {law_of_the_noise, 1},
      {noise_hangs_on_the_sample, 1},
  };
  return UNIT_MAIN("disturb", tests);
}
