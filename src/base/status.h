/* Recording and passing on failures.  See mpigan/status.h for the codes.
 *
 * The place that fails calls gan_fail() with one whole sentence for the user; callers use GAN_TRY,
 * and gan_fail_context() where a prefix helps ("checkpoint X: ...").  Our own bugs are not statuses
 * but GAN_ASSERT, which names the rank and takes the job down.
 */
#ifndef GAN_BASE_STATUS_H
#define GAN_BASE_STATUS_H

#include <mpigan/status.h>

/* Records the message (replacing an older one) and returns `status`. */
gan_status gan_fail(gan_status status, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/* Puts "<context>: " before the recorded message and returns `status`. */
gan_status gan_fail_context(gan_status status, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/* Forgets the recorded message: for a caller that deals with the failure itself. */
void gan_fail_clear(void);

/* x for a message: NaN without the sign that a processor may give it. */
double gan_printable(double x);

/* Short memory is a mistake of config or launch: starting again as it was would not help. */
#define GAN_NO_MEMORY GAN_USAGE

/* Passes a failure up. */
#define GAN_TRY(call)                                                                              \
  do {                                                                                             \
    gan_status gan_try_status = (call);                                                            \
    if (gan_try_status != GAN_OK) return gan_try_status;                                           \
  } while (0)

/* Our own bug: prints rank, place and condition, then ends the whole job with GAN_INTERNAL. */
#define GAN_ASSERT(condition)                                                                      \
  do {                                                                                             \
    if (!(condition)) gan_panic(__FILE__, __LINE__, #condition);                                   \
  } while (0)

_Noreturn void gan_panic(const char *file, int line, const char *condition);

/* Leaves at once, from any thread and whatever the others are in: where a job must end that has
 * come to a standstill. */
_Noreturn void gan_leave(gan_status status);

/* Set once by the MPI boundary: who this rank is, and how to end all ranks. */
void gan_panic_set(int rank, void (*end_job)(int status));

#endif
