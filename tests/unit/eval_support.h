/* What the tests of src/eval share: features that make_eval_golden.py makes alike, and an
 * evaluation on one rank. */
#ifndef GAN_TESTS_UNIT_EVAL_SUPPORT_H
#define GAN_TESTS_UNIT_EVAL_SUPPORT_H

#include "eval/rows.h"

/* N(0, 1), on a grid of 1/4096; in fresh memory. */
float *eval_normals(int64_t n, int64_t d, uint64_t seed);

/* Correlated features of several scales (n, d), about `shift`; in fresh memory. */
float *eval_features(int64_t n, int64_t d, uint64_t seed, double shift);

/* The first `columns` of each of n rows (n, d), in fresh memory. */
float *eval_columns(int64_t n, int64_t d, const float *x, int64_t columns);

/* Of one rank; its blocks are as small as they may be, so that there are several. */
const gan_eval *eval_alone(void);

gan_rows eval_rows(int64_t n, int64_t d, const float *x);

/* |value - golden| <= relative * |golden|, for each of n */
#define check_near(n, values, golden, relative)                                                    \
  do {                                                                                             \
    for (int near_i = 0; near_i < (int)(n); near_i++)                                              \
      if (!(fabs((values)[near_i] - (golden)[near_i]) <= (relative)*fabs((golden)[near_i])))       \
        ck_abort_msg("%s[%d] is %.17g, not %.17g", #values, near_i, (values)[near_i],              \
                     (golden)[near_i]);                                                            \
  } while (0)

#endif
