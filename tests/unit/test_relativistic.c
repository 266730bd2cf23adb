/* The relativistic average objective: its losses in long double as the paper has them, its gradient
 * as finite differences of these by each logit, means and all; and parts of a batch, which add up.
 */
#include "objective/relativistic.h"

#include "unit/support.h"

#include <math.h>
#include <string.h>

enum { N = 7, STRIDE = 3 };

/* A float's roundings: of a slope, and once more behind the pull. */
static const double SLOPE_TOLERANCE = 2e-7, LOSS_TOLERANCE = 1e-14;

typedef struct {
  float real[N * STRIDE], fake[N * STRIDE];
} logits;

static logits make(double size) {
  logits x;
  unit_fill(x.real, N * STRIDE, 1, -size, size + 1);
  unit_fill(x.fake, N * STRIDE, 2, -size - 1, size);
  return x;
}

static long double minus_log_sigmoid(long double x) {
  return x > 0 ? log1pl(expl(-x)) : log1pl(expl(x)) - x;
}

static long double mean(const long double *x) {
  long double sum = 0;
  for (int i = 0; i < N; i++) sum += x[i];
  return sum / N;
}

/* `up` is to look more real than `down` does on average, and the reverse. */
static long double loss_of(const long double *up, const long double *down) {
  long double sum = 0, mean_up = mean(up), mean_down = mean(down);
  for (int i = 0; i < N; i++)
    sum += minus_log_sigmoid(up[i] - mean_down) + minus_log_sigmoid(mean_up - down[i]);
  return sum / N;
}

typedef struct {
  double loss;
  float up[N * STRIDE], down[N * STRIDE]; /* slopes */
} outcome;

/* The same by the product, the batch in two parts. */
static outcome play(int cut, const float *up, const float *down) {
  outcome o = {.loss = 0};
  const struct { int from, n; } parts[] = {{0, cut}, {cut, N - cut}};
  double sum_up = 0, sum_down = 0, pull_up = 0, pull_down = 0;
  for (int p = 0; p < 2; p++) {
    sum_up += gan_logit_sum(parts[p].n, STRIDE, up + parts[p].from * STRIDE);
    sum_down += gan_logit_sum(parts[p].n, STRIDE, down + parts[p].from * STRIDE);
  }
  for (int p = 0; p < 2; p++) {
    int at = parts[p].from * STRIDE, n = parts[p].n;
    o.loss +=
        gan_relative_term(true, n, N, STRIDE, sum_down / N, up + at, o.up + at, &pull_up).loss;
    o.loss +=
        gan_relative_term(false, n, N, STRIDE, sum_up / N, down + at, o.down + at, &pull_down).loss;
  }
  gan_relative_pull(N, N, STRIDE, pull_down, o.up);
  gan_relative_pull(N, N, STRIDE, pull_up, o.down);
  return o;
}

static void widen(const float *x, long double *wide) {
  for (int i = 0; i < N; i++) wide[i] = (long double)x[i * STRIDE];
}

static const double sizes[] = {0.5, 3, 40};

START_TEST(values_and_slopes) {
  const long double step = 0x1p-16L;
  logits x = make(sizes[_i]);
  long double up[N], down[N];
  widen(x.real, up);
  widen(x.fake, down);
  outcome o = play(3, x.real, x.fake);
  long double loss = loss_of(up, down);
  ck_assert(fabsl((long double)o.loss - loss) <= LOSS_TOLERANCE * fabsl(loss));
  for (int k = 0; k < 2 * N; k++) {
    long double *at = k < N ? &up[k] : &down[k - N], kept = *at;
    double slope = (double)(k < N ? o.up[k * STRIDE] : o.down[(k - N) * STRIDE]);
    *at = kept + step;
    long double above = loss_of(up, down);
    *at = kept - step;
    double wanted = (double)((above - loss_of(up, down)) / (2 * step));
    *at = kept;
    ck_assert_msg(fabs(slope - wanted) <= SLOPE_TOLERANCE * fabs(wanted) + 1e-10,
                  "logit %d: slope %.9g, not %.9g", k, slope, wanted);
  }
}
END_TEST

/* Any number may be added to all logits; and numbers between them are not touched. */
START_TEST(only_differences_count) {
  logits x = make(2), far = x;
  outcome o = play(0, x.real, x.fake);
  for (int i = 0; i < N * STRIDE; i++) far.real[i] += 64, far.fake[i] += 64;
  outcome shifted = play(0, far.real, far.fake);
  ck_assert_double_eq_tol(shifted.loss, o.loss, 1e-5); /* the sums round to 64's floats */
  for (int i = 0; i < N * STRIDE; i++)
    if (i % STRIDE) ck_assert(o.up[i] == 0.0f && o.down[i] == 0.0f);
}
END_TEST

START_TEST(any_cut) {
  logits x = make(3);
  outcome whole = play(N, x.real, x.fake);
  for (int cut = 0; cut <= N; cut++) {
    outcome o = play(cut, x.real, x.fake);
    ck_assert_double_eq_tol(o.loss, whole.loss, LOSS_TOLERANCE);
    for (int i = 0; i < N * STRIDE; i++) {
      double allowed = SLOPE_TOLERANCE * fabs((double)whole.up[i]);
      ck_assert_double_le(fabs((double)o.up[i] - (double)whole.up[i]), allowed);
    }
  }
}
END_TEST

/* Slopes that are not wanted are still pulled by; how real samples look; and what is no number. */
START_TEST(looks_and_no_number) {
  const float x[] = {1, NAN};
  double pull = 0, without = 0;
  float slope;
  gan_loss loss = gan_relative_term(true, 1, 1, 1, 1, x, &slope, &pull);
  ck_assert_double_eq(loss.probability, 0.5);
  ck_assert_double_eq(pull, -0.5);
  gan_relative_term(true, 1, 1, 1, 1, x, NULL, &without);
  ck_assert_double_eq(without, pull);
  loss = gan_relative_term(false, 2, 2, 1, 0, x, (float[2]){0, 0}, &pull);
  ck_assert(isnan(loss.loss) && isnan(pull));
}
END_TEST

int main(void) {
  const unit_test tests[] = {
      {values_and_slopes, sizeof sizes / sizeof *sizes},
      {only_differences_count, 1},
      {any_cut, 1},
      {looks_and_no_number, 1},
  };
  return UNIT_MAIN("relativistic", tests);
}
