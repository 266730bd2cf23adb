#include "comm/window.h"

#include "base/memory.h"

#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/statvfs.h>

/* Where Linux keeps shared memory; a container may have made it small.  Who touches a page of it
 * that is not there any more dies of SIGBUS, so room is looked for first. */
static const char SHARED_FOLDER[] = "/dev/shm";

/* What others on the node may take of it meanwhile. */
static const double SLACK_BYTES = 8 << 20;

enum { ALIGNMENT = 64 };

bool gan_window_fits(const char *folder, double bytes, char why[GAN_WINDOW_WHY]) {
  struct statvfs room;
  char wanted[16], left[16];
  if (statvfs(folder, &room) != 0) return true;
  double available = (double)room.f_bavail * (double)room.f_frsize;
  if (available >= bytes + SLACK_BYTES) return true;
  snprintf(why, GAN_WINDOW_WHY, "%s has %s left, and the ranks of this node want to share %s",
           folder, gan_bytes_text(left, available), gan_bytes_text(wanted, bytes));
  return false;
}

static bool allocate(MPI_Comm node, size_t bytes, gan_window *window) {
  MPI_Info info;
  char *mine;
  MPI_Info_create(&info);
  /* a rank's pages may lie near its cores */
  MPI_Info_set(info, "alloc_shared_noncontig", "true");
  int code =
      MPI_Win_allocate_shared((MPI_Aint)(bytes + ALIGNMENT), 1, info, node, &mine, &window->win);
  MPI_Info_free(&info);
  if (code != MPI_SUCCESS)
    window->win = MPI_WIN_NULL;
  else
    MPI_Win_set_errhandler(window->win, MPI_ERRORS_RETURN);
  return code == MPI_SUCCESS;
}

static void find_segments(MPI_Comm node, gan_window *window) {
  int size;
  MPI_Comm_size(node, &size);
  for (int r = 0; r < size; r++) {
    MPI_Aint bytes;
    int unit;
    char *at;
    MPI_Win_shared_query(window->win, r, &bytes, &unit, &at);
    /* every process may see it elsewhere, but pages begin alike for all */
    window->segments[r] = at + (ALIGNMENT - (uintptr_t)at % ALIGNMENT) % ALIGNMENT;
  }
}

/* Whether all ranks of the node say so. */
static bool all(MPI_Comm node, bool mine) {
  int yes = mine, every = 0;
  if (MPI_Allreduce(&yes, &every, 1, MPI_INT, MPI_MIN, node) != MPI_SUCCESS) return false;
  return every;
}

/* Whether the node has room for what all its ranks want, and this one for the list of it. */
static bool fits(MPI_Comm node, size_t bytes, gan_window *window, char why[GAN_WINDOW_WHY]) {
  double mine = (double)bytes, sum = 0;
  int rank, size;
  MPI_Comm_rank(node, &rank);
  MPI_Comm_size(node, &size);
  window->segments =
      gan_alloc((size_t)size, sizeof *window->segments, "the segments of shared memory");
  if (MPI_Allreduce(&mine, &sum, 1, MPI_DOUBLE, MPI_SUM, node) != MPI_SUCCESS) return false;
  bool room = rank != 0 || gan_window_fits(SHARED_FOLDER, sum, why);
  return all(node, room && window->segments);
}

bool gan_window_create(MPI_Comm node, size_t bytes, gan_window *window, char why[GAN_WINDOW_WHY]) {
  int rank;
  *window = (gan_window){.win = MPI_WIN_NULL};
  *why = '\0';
  if (!fits(node, bytes, window, why)) return false;
  bool given = allocate(node, bytes, window);
  if (!given) snprintf(why, GAN_WINDOW_WHY, "MPI gives no shared memory");
  if (!all(node, given)) {
    window->win = MPI_WIN_NULL; /* those that have some cannot give it back: that is collective */
    return false;
  }
  MPI_Win_lock_all(MPI_MODE_NOCHECK, window->win);
  find_segments(node, window);
  MPI_Comm_rank(node, &rank);
  memset(window->segments[rank], 0, bytes);
  return true;
}

void gan_window_reset(gan_window *window) {
  if (window->win != MPI_WIN_NULL) {
    MPI_Win_unlock_all(window->win);
    MPI_Win_free(&window->win);
  }
  gan_free(&window->segments);
}
