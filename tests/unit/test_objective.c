/* Objectives: their terms in long double, their slopes as finite differences. */
#include "objective/objective.h"

#include "unit/support.h"

#include <float.h>
#include <math.h>
#include <string.h>

/* A few roundings of a double; the gradient's last one is a float's, or the smallest float. */
static const long double LOSS_TOLERANCE = 1e-15L;
static const long double SLOPE_TOLERANCE = 6e-8L;

static const float logits[] = {0.0f, 1e-3f, -1e-3f, 0.7f, -0.7f, 3,     -3,     20,    -20,
                               50,   -50,   100,    -100, 1e4f,  -1e4f, 1e-30f, 1e30f, -1e30f};

enum { LOGITS = sizeof logits / sizeof *logits };

/* log(1 + exp(x)); a long double holds exp of all that matters. */
static long double softplus(long double x) {
  return x > 0 ? x + log1pl(expl(-x)) : log1pl(expl(x));
}

/* Goodfellow et al. 2014, equation 1, of D = 1 / (1 + exp(-x)). */
static long double minus_log_d(long double x) {
  return softplus(-x);
}
static long double minus_log_not_d(long double x) {
  return softplus(x);
}
static long double log_not_d(long double x) {
  return -softplus(x);
}

/* Miyato et al. 2018, equations 16 and 17. */
static long double hinge_real(long double x) {
  return -fminl(0, x - 1);
}
static long double hinge_fake(long double x) {
  return -fminl(0, -x - 1);
}

/* Mao et al. 2017, equation 9. */
static long double square_real(long double x) {
  return (x - 1) * (x - 1) / 2;
}
static long double square_fake(long double x) {
  return x * x / 2;
}

/* Arjovsky et al. 2017, equation 3. */
static long double score(long double x) {
  return x;
}
static long double minus_score(long double x) {
  return -x;
}

typedef struct {
  const char *name;
  gan_objective_kind kind;
  size_t term;
  long double (*value)(long double x);
} term_row;

static const term_row terms[] = {
    {"real", GAN_OBJECTIVE_NON_SATURATING, offsetof(gan_objective, real), minus_log_d},
    {"fake", GAN_OBJECTIVE_NON_SATURATING, offsetof(gan_objective, fake), minus_log_not_d},
    {"generator", GAN_OBJECTIVE_NON_SATURATING, offsetof(gan_objective, generator), minus_log_d},
    {"minimax real", GAN_OBJECTIVE_MINIMAX, offsetof(gan_objective, real), minus_log_d},
    {"minimax fake", GAN_OBJECTIVE_MINIMAX, offsetof(gan_objective, fake), minus_log_not_d},
    {"minimax generator", GAN_OBJECTIVE_MINIMAX, offsetof(gan_objective, generator), log_not_d},
};

enum { TERMS = sizeof terms / sizeof *terms };

/* Whose costs are no logarithms. */
static const term_row plain_terms[] = {
    {"hinge real", GAN_OBJECTIVE_HINGE, offsetof(gan_objective, real), hinge_real},
    {"hinge fake", GAN_OBJECTIVE_HINGE, offsetof(gan_objective, fake), hinge_fake},
    {"hinge generator", GAN_OBJECTIVE_HINGE, offsetof(gan_objective, generator), minus_score},
    {"square real", GAN_OBJECTIVE_LEAST_SQUARES, offsetof(gan_objective, real), square_real},
    {"square fake", GAN_OBJECTIVE_LEAST_SQUARES, offsetof(gan_objective, fake), square_fake},
    {"square generator", GAN_OBJECTIVE_LEAST_SQUARES, offsetof(gan_objective, generator),
     square_real},
    {"critic real", GAN_OBJECTIVE_WASSERSTEIN, offsetof(gan_objective, real), minus_score},
    {"critic fake", GAN_OBJECTIVE_WASSERSTEIN, offsetof(gan_objective, fake), score},
    {"critic generator", GAN_OBJECTIVE_WASSERSTEIN, offsetof(gan_objective, generator),
     minus_score},
};

enum { PLAIN_TERMS = sizeof plain_terms / sizeof *plain_terms };

static gan_objective_term term_of(const term_row *row) {
  return *(const gan_objective_term *)((const char *)gan_objective_of(row->kind) + row->term);
}

/* Equal to `tolerance`, or both below what a float can hold. */
static void check_near(const term_row *row, const char *what, float logit, long double value,
                       long double wanted, long double tolerance) {
  long double allowed = tolerance * fabsl(wanted) + (long double)FLT_TRUE_MIN;
  ck_assert_msg(fabsl(value - wanted) <= allowed, "%s at %g: %s is %.18Lg, not %.18Lg", row->name,
                (double)logit, what, value, wanted);
}

START_TEST(values) {
  const term_row *row = &terms[_i];
  for (int i = 0; i < LOGITS; i++) {
    long double x = (long double)logits[i];
    float slope;
    gan_loss loss = term_of(row)(1, 3, 1, &logits[i], &slope);
    check_near(row, "loss", logits[i], (long double)loss.loss, row->value(x) / 3, LOSS_TOLERANCE);
    check_near(row, "D", logits[i], (long double)loss.probability, expl(-softplus(-x)) / 3,
               LOSS_TOLERANCE * fmaxl(1, fabsl(softplus(-x))));
  }
}
END_TEST

/* Central differences of the formula: their own error is step^2 / 24 and 2^-64 / step of a loss
 * of order one; where the loss is larger, it is linear. */
START_TEST(slopes) {
  const term_row *row = &terms[_i];
  const long double step = 0x1p-17L, own_error = 1e-11L;
  for (int i = 0; i < LOGITS; i++) {
    long double x = (long double)logits[i];
    if (fabsl(x) > 1e5L) continue; /* x + step is x */
    float slope;
    term_of(row)(1, 3, 1, &logits[i], &slope);
    long double wanted = (row->value(x + step) - row->value(x - step)) / (2 * step) / 3;
    long double size = fmaxl(1, fabsl(x));
    ck_assert_msg(
        fabsl((long double)slope - wanted) <= SLOPE_TOLERANCE * fabsl(wanted) + own_error * size,
        "%s at %g: slope %.9g, not %.9Lg", row->name, (double)logits[i], (double)slope, wanted);
    /* where it fades, it fades as the other side's probability */
    long double fading = row->value == minus_log_d ? expl(-softplus(x)) : expl(-softplus(-x));
    check_near(row, "size of the slope", logits[i], fabsl((long double)slope), fading / 3,
               SLOPE_TOLERANCE);
  }
}
END_TEST

/* Ranks' parts add up to the batch's mean, whatever the cut. */
START_TEST(parts_add_up) {
  const term_row *row = &terms[_i];
  enum { N = 13 };
  float x[N], whole[N], parts[N];
  unit_fill(x, N, 1, -4, 4);
  gan_loss loss = term_of(row)(N, N, 1, x, whole);
  long double wanted = 0;
  for (int i = 0; i < N; i++) wanted += row->value((long double)x[i]) / N;
  check_near(row, "mean loss", 0, (long double)loss.loss, wanted, 4 * LOSS_TOLERANCE);
  for (int cut = 0; cut <= N; cut++) {
    memset(parts, 0xff, sizeof parts);
    gan_loss a = term_of(row)(cut, N, 1, x, parts);
    gan_loss b = term_of(row)(N - cut, N, 1, x + cut, parts + cut);
    check_near(row, "sum of losses", 0, (long double)(a.loss + b.loss), wanted, 4 * LOSS_TOLERANCE);
    check_near(row, "sum of D", 0, (long double)(a.probability + b.probability),
               (long double)loss.probability, 4 * LOSS_TOLERANCE);
    ck_assert_mem_eq(parts, whole, sizeof whole);
  }
  gan_loss nothing = term_of(row)(0, N, 1, NULL, NULL);
  ck_assert_double_eq(nothing.loss, 0);
  ck_assert_double_eq(nothing.probability, 0);
}
END_TEST

/* Values; and slopes by central differences, which are exact of lines and parabolas but for the
 * rounding of x + step, where no kink is between. */
START_TEST(plain_values_and_slopes) {
  const term_row *row = &plain_terms[_i];
  const long double step = 0x1p-17L, own_error = 1e-13L;
  for (int i = 0; i < LOGITS; i++) {
    long double x = (long double)logits[i];
    float slope;
    gan_loss loss = term_of(row)(1, 3, 1, &logits[i], &slope);
    check_near(row, "loss", logits[i], (long double)loss.loss, row->value(x) / 3, LOSS_TOLERANCE);
    if (fabsl(x) > 1e5L) continue; /* x + step is x */
    long double wanted = (row->value(x + step) - row->value(x - step)) / (2 * step) / 3;
    long double size = fmaxl(1, x * x);
    ck_assert_msg(
        fabsl((long double)slope - wanted) <= SLOPE_TOLERANCE * fabsl(wanted) + own_error * size,
        "%s at %g: slope %.9g, not %.9Lg", row->name, (double)logits[i], (double)slope, wanted);
  }
}
END_TEST

/* At the margin itself nothing is left to learn, as PyTorch's relu has it. */
START_TEST(hinge_at_its_margin) {
  const gan_objective *hinge = gan_objective_of(GAN_OBJECTIVE_HINGE);
  const float margins[] = {1, -1};
  const float beside[] = {0.999f, -0.999f};
  float slope;
  ck_assert_double_eq(hinge->real(1, 1, 1, &margins[0], &slope).loss, 0);
  ck_assert_float_eq(slope, 0);
  ck_assert_double_eq(hinge->fake(1, 1, 1, &margins[1], &slope).loss, 0);
  ck_assert_float_eq(slope, 0);
  hinge->real(1, 1, 1, &beside[0], &slope);
  ck_assert_float_eq(slope, -1);
  hinge->fake(1, 1, 1, &beside[1], &slope);
  ck_assert_float_eq(slope, 1);
}
END_TEST

/* How real a sample looks: with least squares the logit itself, cut; else its sigmoid. */
START_TEST(how_real_it_looks) {
  const struct {
    gan_objective_kind kind;
    float logit;
    double wanted;
  } readings[] = {
      {GAN_OBJECTIVE_LEAST_SQUARES, 0.25f, 0.25}, {GAN_OBJECTIVE_LEAST_SQUARES, 7, 1},
      {GAN_OBJECTIVE_LEAST_SQUARES, -7, 0},       {GAN_OBJECTIVE_HINGE, 0, 0.5},
      {GAN_OBJECTIVE_WASSERSTEIN, 0, 0.5},
  };
  for (size_t i = 0; i < sizeof readings / sizeof *readings; i++) {
    const gan_objective *objective = gan_objective_of(readings[i].kind);
    const gan_objective_term terms_of[] = {objective->real, objective->fake, objective->generator};
    for (int k = 0; k < 3; k++) {
      float slope;
      gan_loss loss = terms_of[k](1, 1, 1, &readings[i].logit, &slope);
      ck_assert_double_eq(loss.probability, readings[i].wanted);
    }
  }
}
END_TEST

/* The generator plays against the discriminator's term: the same with the other sign. */
START_TEST(minimax_is_the_negative) {
  const gan_objective *minimax = gan_objective_of(GAN_OBJECTIVE_MINIMAX);
  const gan_objective *other = gan_objective_of(GAN_OBJECTIVE_NON_SATURATING);
  float judge[LOGITS], maker[LOGITS];
  gan_loss d = minimax->fake(LOGITS, LOGITS, 1, logits, judge);
  gan_loss g = minimax->generator(LOGITS, LOGITS, 1, logits, maker);
  ck_assert_double_eq(g.loss, -d.loss);
  ck_assert_double_eq(g.probability, d.probability);
  for (int i = 0; i < LOGITS; i++) ck_assert_float_eq(maker[i], -judge[i]);
  ck_assert_str_eq(minimax->name, "minimax");
  ck_assert_str_eq(other->name, "non_saturating");
}
END_TEST

/* What is no number must reach the one who stops the run. */
START_TEST(no_number_stays_none) {
  const term_row *row = &terms[_i];
  const float bad[3] = {1, NAN, -1};
  float slopes_of[3];
  gan_loss loss = term_of(row)(3, 3, 1, bad, slopes_of);
  ck_assert_double_nan(loss.loss);
  ck_assert_double_nan(loss.probability);
  ck_assert(isfinite(slopes_of[0]) && isnan(slopes_of[1]) && isfinite(slopes_of[2]));
  for (int sign = -1; sign <= 1; sign += 2) {
    float endless = (float)sign * INFINITY, slope;
    loss = term_of(row)(1, 1, 1, &endless, &slope);
    long double wanted = row->value((long double)endless);
    if (isinf(wanted))
      ck_assert(isinf(loss.loss) && (loss.loss > 0) == (wanted > 0));
    else
      ck_assert_double_eq(loss.loss, 0);
    ck_assert_double_eq(loss.probability, sign > 0);
  }
}
END_TEST

/* Against targets: values, slopes by central differences of the formula, and at the ends the terms
 * of data and of generated samples. */
static long double log_towards(long double x, long double t) {
  return t * minus_log_d(x) + (1 - t) * minus_log_not_d(x);
}
static long double square_towards(long double x, long double t) {
  return (x - t) * (x - t) / 2;
}

static const struct {
  gan_objective_kind kind;
  long double (*value)(long double x, long double t);
} towards_rows[] = {{GAN_OBJECTIVE_NON_SATURATING, log_towards},
                    {GAN_OBJECTIVE_MINIMAX, log_towards},
                    {GAN_OBJECTIVE_LEAST_SQUARES, square_towards}};

START_TEST(towards_targets) {
  const float targets[] = {0, 0.1f, 0.5f, 0.9f, 1};
  const term_row row = {.name = "towards"};
  const gan_objective *objective = gan_objective_of(towards_rows[_i].kind);
  const long double step = 0x1p-17L, own_error = 1e-11L;
  for (int i = 0; i < LOGITS * 5; i++) {
    float logit = logits[i / 5], target = targets[i % 5], slope, at_end;
    long double x = (long double)logit, t = (long double)target;
    gan_loss loss = objective->towards(1, 3, 1, &target, &logit, &slope);
    check_near(&row, "loss", logit, (long double)loss.loss, towards_rows[_i].value(x, t) / 3,
               LOSS_TOLERANCE);
    if (i % 5 == 0 || i % 5 == 4) {
      gan_loss end = (i % 5 ? objective->real : objective->fake)(1, 3, 1, &logit, &at_end);
      ck_assert_double_eq(loss.loss, end.loss);
      ck_assert_double_eq(loss.probability, end.probability);
      ck_assert_float_eq(slope, at_end);
    }
    if (fabsl(x) > 1e5L) continue; /* x + step is x */
    long double above = towards_rows[_i].value(x + step, t);
    long double wanted = (above - towards_rows[_i].value(x - step, t)) / (2 * step) / 3;
    ck_assert_msg(fabsl((long double)slope - wanted) <=
                      SLOPE_TOLERANCE * fabsl(wanted) + own_error * fmaxl(1, x * x * 1e-2L),
                  "objective %d at %g to %g: slope %.9g, not %.9Lg", _i, (double)logit,
                  (double)target, (double)slope, wanted);
  }
}
END_TEST

START_TEST(objectives_without_targets) {
  ck_assert_ptr_null(gan_objective_of(GAN_OBJECTIVE_HINGE)->towards);
  ck_assert_ptr_null(gan_objective_of(GAN_OBJECTIVE_WASSERSTEIN)->towards);
}
END_TEST

START_TEST(no_number_stays_none_of_plain_terms) {
  const term_row *row = &plain_terms[_i];
  const float bad[3] = {1, NAN, -1};
  float slopes_of[3];
  gan_loss loss = term_of(row)(3, 3, 1, bad, slopes_of);
  ck_assert_double_nan(loss.loss);
  ck_assert_double_nan(loss.probability);
  ck_assert(isfinite(slopes_of[0]) && isnan(slopes_of[1]) && isfinite(slopes_of[2]));
}
END_TEST

/* As above, of the others; logits lie apart where classes' are beside them. */
START_TEST(plain_parts_add_up) {
  const term_row *row = &plain_terms[_i];
  enum { N = 13, STRIDE = 3 };
  float x[N * STRIDE], whole[N * STRIDE] = {0}, parts[N * STRIDE] = {0};
  unit_fill(x, N * STRIDE, 1, -4, 4);
  gan_loss loss = term_of(row)(N, N, STRIDE, x, whole);
  long double wanted = 0;
  for (int i = 0; i < N; i++) wanted += row->value((long double)x[i * STRIDE]) / N;
  check_near(row, "mean loss", 0, (long double)loss.loss, wanted, 16 * LOSS_TOLERANCE);
  for (int cut = 0; cut <= N; cut++) {
    gan_loss a = term_of(row)(cut, N, STRIDE, x, parts);
    gan_loss b = term_of(row)(N - cut, N, STRIDE, x + cut * STRIDE, parts + cut * STRIDE);
    check_near(row, "sum of losses", 0, (long double)(a.loss + b.loss), wanted,
               16 * LOSS_TOLERANCE);
    ck_assert_mem_eq(parts, whole, sizeof whole);
  }
}
END_TEST

int main(void) {
  const unit_test tests[] = {
      {values, TERMS},
      {slopes, TERMS},
      {parts_add_up, TERMS},
      {minimax_is_the_negative, 1},
      {no_number_stays_none, TERMS},
      {plain_values_and_slopes, PLAIN_TERMS},
      {hinge_at_its_margin, 1},
      {how_real_it_looks, 1},
      {no_number_stays_none_of_plain_terms, PLAIN_TERMS},
      {plain_parts_add_up, PLAIN_TERMS},
      {towards_targets, 3},
      {objectives_without_targets, 1},
  };
  return UNIT_MAIN("objective", tests);
}
