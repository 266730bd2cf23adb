/* Memory that the ranks of a node share (MPI-3): one segment a rank, seen by all of them at once.
 *
 * For this folder alone.  Who may read or write what when is the caller's business; a word that
 * tells of it is atomic.
 */
#ifndef GAN_COMM_WINDOW_H
#define GAN_COMM_WINDOW_H

#include <mpi.h>
#include <stdbool.h>
#include <stddef.h>

typedef struct gan_window {
  MPI_Win win;     /* MPI_WIN_NULL: none */
  char **segments; /* (size) of each rank of the node, on 64-byte boundaries */
} gan_window;

enum { GAN_WINDOW_WHY = 256 };

/* Whether `bytes` more fit into the folder that shared memory is taken from; where they do not,
 * `why` says so.  A folder that is not there holds nobody up. */
bool gan_window_fits(const char *folder, double bytes, char why[GAN_WINDOW_WHY]);

/* `bytes` for this rank of `node`, zeroed.  False on all its ranks, and `why` on those that know,
 * where the node has no room for all of it or MPI gives none; then only to be reset.  Collective.
 */
bool gan_window_create(MPI_Comm node, size_t bytes, gan_window *window, char why[GAN_WINDOW_WHY]);

/* Collective where there is one. */
void gan_window_reset(gan_window *window);

#endif
