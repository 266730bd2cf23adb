/* What the unit tests share: assertions about statuses, a folder a test, random numbers that owe
 * nothing to the product's, configs and networks from text.
 */
#ifndef GAN_TESTS_UNIT_SUPPORT_H
#define GAN_TESTS_UNIT_SUPPORT_H

#include "model/net.h"

#include <check.h>

/* An assertion of check's writes to a pipe each time.  In loops over numbers write
 * `if (wrong) ck_abort_msg(...)` instead. */

/* ---- statuses ---- */

/* The call works; if not, the test fails with its message. */
#define check_ok(call)                                                                             \
  do {                                                                                             \
    gan_status unit_status = (call);                                                               \
    ck_assert_msg(unit_status == GAN_OK, "%s gives %d: %s", #call, unit_status,                    \
                  gan_error_message());                                                            \
  } while (0)

/* The call fails with that status, and its message holds each of the texts. */
#define check_fails(call, wanted, ...)                                                             \
  do {                                                                                             \
    gan_fail_clear();                                                                              \
    gan_status unit_status = (call);                                                               \
    ck_assert_msg(unit_status == (wanted), "%s gives %d (%s), not %d", #call, unit_status,         \
                  gan_error_message(), (wanted));                                                  \
    check_message(__VA_ARGS__);                                                                    \
  } while (0)

/* The recorded message holds each of the texts. */
#define check_message(...)                                                                         \
  do {                                                                                             \
    const char *unit_missing = unit_missing_text((const char *const[]){__VA_ARGS__, NULL});        \
    ck_assert_msg(!unit_missing, "the message lacks '%s': %s", unit_missing, gan_error_message()); \
  } while (0)

/* The first of the texts that gan_error_message() lacks, or NULL. */
const char *unit_missing_text(const char *const *texts);

/* ---- running ---- */

typedef struct unit_test {
  const TTest *test;
  int loops; /* it runs with _i = 0 .. loops - 1 */
} unit_test;

/* Runs them, each in a process and a folder of its own; the exit status of the program. */
int unit_main(const char *name, const unit_test *tests, int count);

#define UNIT_MAIN(name, tests) unit_main(name, tests, (int)(sizeof(tests) / sizeof *(tests)))

/* The folder of the running test, which is empty at first and removed if the test passes. */
const char *unit_folder(void);

/* A path in it; good for the next 16 calls. */
const char *unit_path(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* Files, by the C library's own means. */
void unit_write(const char *path, const void *bytes, size_t n);
char *unit_read(const char *path, size_t *n); /* in fresh memory; a '\0' behind it */
bool unit_exists(const char *path);

/* ---- numbers ---- */

/* A generator of the tests' own (splitmix64, Steele et al. 2014). */
uint64_t unit_bits(uint64_t *state);
double unit_uniform(uint64_t *state, double low, double high);
void unit_fill(float *x, int64_t n, uint64_t seed, double low, double high);
float *unit_floats(int64_t n); /* zeros, in fresh memory */

/* ||a - b|| / ||b||; NaN if either holds one. */
double unit_distance(int64_t n, const float *a, const double *b);
double unit_float_distance(int64_t n, const float *a, const float *b);

/* The value that a chi-square of that many degrees of freedom exceeds with probability 1e-6 (Wilson
 * and Hilferty 1931).  Seeds are fixed, so a test that passes once passes always; the bound only
 * has to be fair. */
double unit_chi_square_bound(int degrees);

/* ---- configs and networks ---- */

/* gan_config_parse of a text that the messages call "run.yaml", with all layers known. */
gan_status unit_parse(gan_config *config, const char *text, int override_count,
                      const char *const *overrides);

/* The same for a start on so many ranks. */
gan_status unit_parse_on(int ranks, gan_config *config, const char *text, int override_count,
                         const char *const *overrides);

/* A network and the config that it borrows from. */
typedef struct unit_net {
  gan_config config;
  gan_net *net;
} unit_net;

/* `layers` is a YAML list; out all 0: whatever it gives.  On failure nothing is left. */
gan_status unit_net_try(unit_net *made, const char *layers, gan_shape in, gan_shape out,
                        int64_t capacity);
unit_net unit_net_create(const char *layers, gan_shape in, gan_shape out, int64_t capacity);
void unit_net_destroy(unit_net *made);

/* Networks here know classes, which only layers that want them see: 0, 1, 1, ... 4096 of them. */
enum { UNIT_CLASSES = 3 };
const int32_t *unit_classes(void);

/* A training pass of one rank over all of a batch. */
gan_pass unit_pass(int64_t samples);

#endif
