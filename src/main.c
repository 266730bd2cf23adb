/* The program: starts MPI where the subcommand wants MPI, prints what went wrong once for the job,
 * and turns the status into the exit status. */
#include "base/log.h"
#include "base/memory.h"
#include "cli/cli.h"
#include "train/signals.h"

#include <fcntl.h>
#include <unistd.h>

/* A job whose terminal went away may have none: then the first files that it opens must not take
 * their places and get what is printed. */
static void open_standard_streams(void) {
  for (int fd = STDIN_FILENO; fd <= STDERR_FILENO; fd++)
    if (fcntl(fd, F_GETFD) < 0 && open("/dev/null", O_RDWR) != fd) return;
}

int main(int argc, char **argv) {
  open_standard_streams();
  gan_memory_give_back();
  gan_comm *comm = gan_comm_alone();
  gan_status status = GAN_OK;
  const gan_command *command = gan_command_find(argc > 1 ? argv[1] : "");
  gan_signals_ignore();
  gan_mpi_use mpi = command ? command->mpi : GAN_MPI_NEVER;
  bool starts_mpi = mpi == GAN_MPI_ALWAYS || (mpi == GAN_MPI_LAUNCHED && gan_comm_launched());
  if (!starts_mpi && gan_comm_launched_rank() != 0)
    return GAN_OK; /* one rank does it for the job */
  if (starts_mpi) {
    if (command->saves_on_signals) gan_signals_install();
    status = gan_comm_start(&argc, &argv, &comm);
  }
  gan_log_start(gan_comm_rank(comm) == 0);
  if (status == GAN_OK)
    status = command ? command->run(comm, argc - 1, argv + 1)
                     : gan_command_unknown(argc > 1 ? argv[1] : NULL);
  if (status != GAN_OK && *gan_error_message()) gan_log_error("%s", gan_error_message());
  gan_comm_finish(&comm);
  return status;
}
