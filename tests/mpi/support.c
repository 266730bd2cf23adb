#include "mpi/support.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

gan_comm *world;

bool holds_on_all(bool mine, const char *condition, int line) {
  bool any_failed = true;
  if (!mine)
    fprintf(stderr, "rank %d, line %d: '%s' does not hold; last message: %s\n",
            gan_comm_rank(world), line, condition, gan_error_message());
  if (gan_comm_any_true(world, !mine, &any_failed, "a verdict") != GAN_OK) return false;
  return !any_failed;
}

double distance(const float *a, const float *b, int64_t n) {
  double difference = 0, size = 0;
  for (int64_t i = 0; i < n; i++) {
    difference += pow((double)a[i] - (double)b[i], 2);
    size += pow((double)b[i], 2);
  }
  return sqrt(difference / size);
}

int run_mpi_tests(int argc, char **argv, const char *name, const TTest *const *tests, int n) {
  if (gan_comm_start(&argc, &argv, &world) != GAN_OK) return EXIT_FAILURE;
  Suite *suite = suite_create(name);
  TCase *cases = tcase_create(name);
  tcase_set_timeout(cases, 0);
  for (int i = 0; i < n; i++) tcase_add_test(cases, tests[i]);
  suite_add_tcase(suite, cases);
  SRunner *runner = srunner_create(suite);
  srunner_set_fork_status(runner, CK_NOFORK);
  srunner_run_all(runner, gan_comm_rank(world) == 0 ? CK_NORMAL : CK_SILENT);
  int failed = srunner_ntests_failed(runner);
  srunner_free(runner);
  gan_comm_finish(&world);
  return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
