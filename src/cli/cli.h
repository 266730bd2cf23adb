/* Subcommands: one file each, one row each in commands.c. */
#ifndef GAN_CLI_CLI_H
#define GAN_CLI_CLI_H

#include "comm/comm.h"

typedef enum gan_mpi_use {
  GAN_MPI_NEVER,    /* works on a login node where MPI may not; one process does it for a job */
  GAN_MPI_LAUNCHED, /* only where a launcher started several processes */
  GAN_MPI_ALWAYS,
} gan_mpi_use;

/* argv[0] is the subcommand's name. */
typedef struct gan_command {
  const char *name;
  const char *usage;   /* arguments, for help */
  const char *summary; /* one line */
  gan_mpi_use mpi;
  bool saves_on_signals; /* SIGTERM, SIGINT and SIGUSR1 ask it to save and stop; else they end it */
  gan_status (*run)(gan_comm *comm, int argc, char **argv);
  void (*explain)(void); /* more of it, for `mpigan help COMMAND`; NULL: there is no more */
} gan_command;

extern const gan_command gan_command_train, gan_command_sample, gan_command_eval,
    gan_command_inspect, gan_command_data, gan_command_bench, gan_command_help, gan_command_version;

int gan_command_count(void);
const gan_command *gan_command_at(int i);

/* The command of that name, or NULL. */
const gan_command *gan_command_find(const char *word);

/* GAN_USAGE for a word (NULL: none given) that is no command. */
gan_status gan_command_unknown(const char *word);

#endif
