/* Adam alone on given gradients, every step of it, against torch.optim.Adam. */
#include "base/memory.h"
#include "optim/adam.h"
#include "parity/parity.h"

#include <string.h>

/* In norm, after ten updates of a few float32 roundings (6e-8) each.  A coefficient that is
 * computed in float32 where PyTorch has it in double (1 - beta2) shows as 1e-5. */
static const double TOLERANCE_ADAM = 1e-6;

enum { N = 37, STEPS = 10 };

static const char *const cases[] = {"gan", "small_gradients", "gradients_near_eps",
                                    "without_momentum"};
enum { CASES = sizeof cases / sizeof *cases };

static double real(gan_h5 *golden, const char *group, const char *name) {
  double value;
  parity_ok(gan_h5_get_real(golden, group, name, &value));
  return value;
}

static void compare(gan_h5 *golden, const char *name, const char *what, int step,
                    const float *ours) {
  double *all = parity_read(golden, GAN_F64, STEPS * N, "%s/%s", name, what);
  parity_near(N, ours, all + step * N, TOLERANCE_ADAM, "%s: %s after step %d", name, what,
              step + 1);
  gan_free(&all);
}

START_TEST(given_gradients) {
  const char *name = cases[_i];
  gan_h5 *golden = parity_open("adam.h5");
  float *params = parity_read(golden, GAN_F32, N, "%s/first", name);
  float *gradients = parity_read(golden, GAN_F32, STEPS * N, "%s/gradients", name);
  float unlearned = params[0];
  gan_adam *adam;
  parity_ok(gan_adam_create(N, real(golden, name, "lr"), real(golden, name, "beta1"),
                            real(golden, name, "beta2"), real(golden, name, "eps"), &adam));
  for (int step = 0; step < STEPS; step++) {
    gan_adam_step_once(adam, gradients + step * N, params);
    compare(golden, name, "params", step, params);
    compare(golden, name, "exp_avg", step, adam->exp_avg);
    compare(golden, name, "exp_avg_sq", step, adam->exp_avg_sq);
  }
  ck_assert_int_eq(adam->step, STEPS);
  ck_assert_msg(params[0] == unlearned, "%s: a weight without gradient moved", name);
  gan_adam_destroy(&adam);
  gan_free(&params);
  gan_free(&gradients);
  gan_h5_close(&golden);
}
END_TEST

int main(void) {
  Suite *suite = suite_create("parity: adam");
  TCase *tests = tcase_create("adam");
  tcase_add_checked_fixture(tests, NULL, parity_report);
  tcase_add_loop_test(tests, given_gradients, 0, CASES);
  suite_add_tcase(suite, tests);
  return parity_run(suite);
}
