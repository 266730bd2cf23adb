/* The table of subcommands. */
#include "cli/cli.h"
#include "config/option.h"

#include <string.h>

static const gan_command *const commands[] = {
    &gan_command_train, &gan_command_sample, &gan_command_eval, &gan_command_inspect,
    &gan_command_data,  &gan_command_bench,  &gan_command_help, &gan_command_version,
};

enum { COUNT = sizeof commands / sizeof *commands };

int gan_command_count(void) {
  return COUNT;
}

const gan_command *gan_command_at(int i) {
  return commands[i];
}

const gan_command *gan_command_find(const char *word) {
  if (!strcmp(word, "--help") || !strcmp(word, "-h")) word = "help";
  for (int i = 0; i < COUNT; i++)
    if (strcmp(commands[i]->name, word) == 0) return commands[i];
  return NULL;
}

static const char *name_of(const void *table, int i) {
  return ((const gan_command *const *)table)[i]->name;
}

gan_status gan_command_unknown(const char *word) {
  if (!word) return gan_fail(GAN_USAGE, "no command given; `mpigan help` lists them");
  const char *nearest = gan_nearest(word, COUNT, name_of, commands);
  return gan_fail(GAN_USAGE, "unknown command '%.100s'%s%s%s; `mpigan help` lists them", word,
                  nearest ? " (did you mean '" : "", nearest ? nearest : "", nearest ? "'?)" : "");
}
