/* Goldens: what PyTorch computed in float64 (make_golden.py), and how our float32 compares. */
#ifndef PARITY_H
#define PARITY_H

#include "base/status.h"
#include "io/hdf5.h"
#include "model/layer.h"

#include <check.h>
#include <stdint.h>

/* In norm, of one layer: some roundings of float32 (6e-8); 5e-7 was seen. */
#define TOLERANCE_LAYER 2e-6

/* In norm, of one pass through a few layers.  float32 rounds by 6e-8; sums over a batch and a
 * layer's inputs were seen to add up to 6e-6 in a GAN's gradients.  A wrong term is 1e-2 or more.
 */
#define TOLERANCE_PASS 1e-5

/* The same of a gradient of a gradient: two passes there, and two back. */
#define TOLERANCE_TWICE (2 * TOLERANCE_PASS)

/* Absolute, in norm, for what is zero but for rounding: the gradient of a bias that a batch norm
 * takes out again.  Our rounding is that of a sum of a batch's gradients of size 1. */
#define TOLERANCE_ZERO 1e-5

/* Below this norm a golden of float64 is rounding of a zero: 1e-16, times a batch. */
#define GOLDEN_ZERO 1e-12

/* In norm, where products are of bf16: each number that is multiplied is off by up to 2^-9 of
 * itself (2e-3), which passes through a few layers and a batch norm's differences.  Against a wrong
 * term these are weaker than the others; unit.product holds bf16's products to a float's roundings.
 */
#define TOLERANCE_BF16 5e-2

/* The same of a gradient of a gradient: 6e-2 was seen. */
#define TOLERANCE_BF16_TWICE (2 * TOLERANCE_BF16)

/* The same, behind an update: Adam's first steps are nearly lr * sign(gradient), so that weights
 * whose gradient is less than bf16's rounding move either way; 5e-1 was seen.  A wrong sign is 2.
 */
#define TOLERANCE_BF16_UPDATED 8e-1

/* What multiplies, from the environment (PARITY_COMPUTE): "openblas", "onednn" or "bf16"; unset: as
 * by default.  Ends the program with CTest's code of a skipped test, and says why, where this build
 * or this processor cannot. */
void parity_choose_compute(void);

/* Whether it is bf16. */
bool parity_is_bf16(void);

/* The same choice, as two overrides of a config; "" where there are none. */
const char *const *parity_compute_overrides(void);

/* A failed status fails the test with its message. */
#define parity_ok(call)                                                                            \
  do {                                                                                             \
    gan_status parity_status = (call);                                                             \
    ck_assert_msg(parity_status == GAN_OK, "%s: %s", #call, gan_error_message());                  \
  } while (0)

/* A file of the folder golden. */
gan_h5 *parity_open(const char *file);

/* A whole dataset of n numbers as `type`, in fresh memory; fails the test if it has not n. */
void *parity_read(gan_h5 *golden, gan_dtype type, int64_t n, const char *name, ...)
    __attribute__((format(printf, 4, 5)));

/* An attribute of an object; text is in fresh memory. */
int64_t parity_int(gan_h5 *golden, const char *object, const char *name);
char *parity_text(gan_h5 *golden, const char *object, const char *name);

/* Fails unless ||ours - golden|| <= tolerance ||golden||; a golden that is zero but for rounding
 * wants ||ours|| <= TOLERANCE_ZERO.  NaN fails.  The format names what is compared. */
void parity_near(int64_t n, const float *ours, const double *golden, double tolerance,
                 const char *what, ...) __attribute__((format(printf, 5, 6)));

/* The same for a tensor, from its place in a slab. */
void parity_near_tensor(const gan_tensor *tensor, const float *ours, const double *golden,
                        double tolerance, const char *what, ...)
    __attribute__((format(printf, 5, 6)));

/* A copy of a tensor in PyTorch's order, in fresh memory. */
float *parity_in_order(const gan_tensor *tensor, const float *ours);

/* Likewise for one number. */
void parity_near_real(double ours, double golden, double tolerance, const char *what, ...)
    __attribute__((format(printf, 4, 5)));

/* Fails unless error <= bound: for a test with a bound of its own. */
void parity_within(double error, double bound, const char *what, ...)
    __attribute__((format(printf, 3, 4)));

/* Prints the comparison that came nearest to its bound; a teardown of each test case. */
void parity_report(void);

/* Runs the suite, in `main`. */
int parity_run(Suite *suite);

#endif
