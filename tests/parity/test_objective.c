/* The terms of the objectives at single logits, up to the ends where naive formulas overflow, and
 * as sums over parts of a batch. */
#include "base/memory.h"
#include "objective/objective.h"
#include "parity/parity.h"

#include <float.h>
#include <math.h>

/* Terms are computed in double and rounded to float once, for the slope: 6e-8. */
static const double TOLERANCE_TERM = 1e-6;

enum { LOGITS = 19 };

typedef struct {
  const char *name; /* the golden's group */
  gan_objective_term term;
} objective_term;

static objective_term term_of(int i) {
  const gan_objective *usual = gan_objective_of(GAN_OBJECTIVE_NON_SATURATING);
  const gan_objective *minimax = gan_objective_of(GAN_OBJECTIVE_MINIMAX);
  const gan_objective *hinge = gan_objective_of(GAN_OBJECTIVE_HINGE);
  const gan_objective *squares = gan_objective_of(GAN_OBJECTIVE_LEAST_SQUARES);
  const gan_objective *critic = gan_objective_of(GAN_OBJECTIVE_WASSERSTEIN);
  const objective_term terms[] = {
      {"real", usual->real},
      {"fake", usual->fake},
      {"real", usual->generator},
      {"real", minimax->real},
      {"fake", minimax->fake},
      {"minimax", minimax->generator},
      {"hinge_real", hinge->real},
      {"hinge_fake", hinge->fake},
      {"critic_real", hinge->generator},
      {"square_real", squares->real},
      {"square_fake", squares->fake},
      {"square_real", squares->generator},
      {"critic_real", critic->real},
      {"critic_fake", critic->fake},
      {"critic_real", critic->generator},
  };
  return terms[i];
}
enum { TERMS = 15 };

typedef struct {
  gan_h5 *golden;
  float *logits; /* (LOGITS), as are all */
  double *loss, *slope, *probability;
} term_golden;

static term_golden open_golden(const char *term) {
  gan_h5 *file = parity_open("objective.h5");
  return (term_golden){
      .golden = file,
      .logits = parity_read(file, GAN_F32, LOGITS, "logits"),
      .loss = parity_read(file, GAN_F64, LOGITS, "%s/loss", term),
      .slope = parity_read(file, GAN_F64, LOGITS, "%s/slope", term),
      .probability = parity_read(file, GAN_F64, LOGITS, "%s/probability", term),
  };
}

static void close_golden(term_golden *g) {
  gan_free(&g->logits);
  gan_free(&g->loss);
  gan_free(&g->slope);
  gan_free(&g->probability);
  gan_h5_close(&g->golden);
}

/* Relative, down to the smallest normal float. */
static void near(double ours, double golden, const char *what, int term, double logit) {
  parity_within(fabs(ours - golden), TOLERANCE_TERM * fabs(golden) + (double)FLT_MIN,
                "%s of term %d (%s) at logit %g", what, term, term_of(term).name, logit);
}

START_TEST(single_logits) {
  objective_term term = term_of(_i);
  term_golden g = open_golden(term.name);
  for (int i = 0; i < LOGITS; i++) {
    float slope;
    gan_loss loss = term.term(1, 1, 1, &g.logits[i], &slope);
    double logit = (double)g.logits[i];
    near(loss.loss, g.loss[i], "the loss", _i, logit);
    near(loss.probability, g.probability[i], "the probability", _i, logit);
    near((double)slope, g.slope[i], "the slope", _i, logit);
  }
  close_golden(&g);
}
END_TEST

/* Two ranks' parts of a batch add up to its mean. */
START_TEST(parts_of_a_batch) {
  enum { FIRST = 5 };
  objective_term term = term_of(_i);
  term_golden g = open_golden(term.name);
  float slopes[LOGITS];
  gan_loss a = term.term(FIRST, LOGITS, 1, g.logits, slopes);
  gan_loss b = term.term(LOGITS - FIRST, LOGITS, 1, g.logits + FIRST, slopes + FIRST);
  double loss = 0, probability = 0;
  for (int i = 0; i < LOGITS; i++) {
    loss += g.loss[i] / LOGITS;
    probability += g.probability[i] / LOGITS;
    near((double)slopes[i], g.slope[i] / LOGITS, "the batch's slope", _i, (double)g.logits[i]);
  }
  near(a.loss + b.loss, loss, "the batch's loss", _i, NAN);
  near(a.probability + b.probability, probability, "the batch's probability", _i, NAN);
  close_golden(&g);
}
END_TEST

int main(void) {
  Suite *suite = suite_create("parity: objective");
  TCase *cases = tcase_create("objective");
  tcase_add_checked_fixture(cases, NULL, parity_report);
  tcase_add_loop_test(cases, single_logits, 0, TERMS);
  tcase_add_loop_test(cases, parts_of_a_batch, 0, TERMS);
  suite_add_tcase(suite, cases);
  return parity_run(suite);
}
