/* Command-line arguments: `--name VALUE`, `--name=VALUE`, flags and positional words, from a table.
 */
#ifndef GAN_CLI_ARGUMENTS_H
#define GAN_CLI_ARGUMENTS_H

#include <mpigan/generator.h>

#include "config/option.h"

enum { GAN_ARGUMENT_LIST_MAX = 256 };

typedef struct gan_argument_list {
  const char *values[GAN_ARGUMENT_LIST_MAX];
  int count;
} gan_argument_list;

/* Exactly one of the places is set. */
typedef struct gan_argument {
  const char *name; /* "--seed"; NULL: the next positional word */
  const char *what; /* "SEED": for messages */
  bool *flag;
  const char **text;
  int64_t *integer;
  int64_t min, max; /* of integer */
  double *positive; /* a finite number above 0 */
  gan_argument_list *list;
  bool required;
} gan_argument;

/* GAN_USAGE with what is wrong and the command's usage. */
GAN_CHECKED gan_status gan_arguments_parse(const char *command, const char *usage,
                                           const gan_argument *table, int n, int argc, char **argv);

/* "3,5" as a list of integers from 0 to `max`; `name` is the option's, for the message of
 * GAN_USAGE.
 */
GAN_CHECKED gan_status gan_argument_integers(const char *name, const char *text, int64_t max,
                                             gan_option_ints *out);

/* "ema" or "raw" as one of gan_weights; NULL as auto. */
GAN_CHECKED gan_status gan_argument_weights(const char *name, const char *text, gan_weights *out);

#endif
