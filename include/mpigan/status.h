/* Status codes: what every fallible mpigan function returns, and the exit status of the program.
 *
 * A failing function records one sentence (what, where, the value, what is allowed, what to do);
 * callers pass the status up and may put their own context in front. main() prints the whole chain
 * once for the job.  gan_error_message() reads it.
 */
#ifndef MPIGAN_STATUS_H
#define MPIGAN_STATUS_H

typedef enum gan_status {
  GAN_OK = 0,
  GAN_USAGE = 2,      /* usage, config or launch mistake */
  GAN_INPUT = 3,      /* unusable input file or checkpoint */
  GAN_OUTPUT = 4,     /* could not write: disk, permission, lock held by another run */
  GAN_NUMBERS = 5,    /* stopped on numbers: non-finite loss or gradient */
  GAN_INTERNAL = 6,   /* a bug of ours, or replicas that differ */
  GAN_TEMPORARY = 75, /* start me again from the newest checkpoint that verifies */
} gan_status;

/* Put before the return type of every function that can fail. */
#define GAN_CHECKED __attribute__((warn_unused_result))

/* The message chain of this thread's last failure; "" if none. */
const char *gan_error_message(void);

#endif
