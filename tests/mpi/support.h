/* What the mpi tests share.
 *
 * check's fork mode breaks MPI_Finalize, so they run with CK_NOFORK; and a failed check would jump
 * out of the test on one rank alone and leave the others in the next collective. So a verdict is
 * reduced over the ranks first, then asserted alike on all.
 */
#ifndef GAN_TESTS_MPI_SUPPORT_H
#define GAN_TESTS_MPI_SUPPORT_H

#include "comm/comm.h"

#include <check.h>

/* The whole job. */
extern gan_comm *world;

/* Whether the condition holds on every rank of the job; prints where it does not. Collective. */
bool holds_on_all(bool mine, const char *condition, int line);

#define check_all(condition) ck_assert(holds_on_all((condition), #condition, __LINE__))
#define check_ok(call)       check_all((call) == GAN_OK)

/* ||a - b|| / ||b|| over n numbers. */
double distance(const float *a, const float *b, int64_t n);

/* Starts MPI, runs the cases, ends MPI; the exit status of the program. */
int run_mpi_tests(int argc, char **argv, const char *name, const TTest *const *tests, int n);

#endif
