#include "train/tally.h"

#include "base/log.h"
#include "base/memory.h"

typedef struct {
  double steps, seconds; /* of all */
} whole;

static void print_row(const whole *all, const char *name, double seconds, const char *note) {
  gan_log("  %-24s %8.2f ms %5.1f%%%s", name, 1e3 * seconds / all->steps,
          100 * seconds / all->seconds, note);
}

void gan_tally_time(const gan_task *task, int64_t steps, double seconds, double evaluating) {
  whole all = {(double)steps, seconds};
  double rest = seconds - evaluating, hidden = gan_comm_hidden_seconds(task->comm);
  if (steps < 1) return;
  gan_log("time a step: %.2f ms", 1e3 * seconds / all.steps);
  for (int i = 0; i < task->profile_count; i++) {
    rest -= task->profile[i].seconds;
    print_row(&all, task->profile[i].name, task->profile[i].seconds, "");
  }
  if (evaluating > 0) print_row(&all, "evaluations", evaluating, "");
  if (hidden > 0) print_row(&all, "sums that were hidden", hidden, " (in the rows of backward)");
  print_row(&all, "output and the rest", rest, "");
}

gan_status gan_tally_memory(gan_comm *comm, size_t at_start) {
  int ranks = gan_comm_size(comm), most = 0, least = 0;
  size_t mine = gan_memory_peak();
  size_t *all = gan_alloc((size_t)ranks, sizeof *all, "the ranks' memory");
  gan_status status = gan_comm_agree(comm, all ? GAN_OK : GAN_NO_MEMORY,
                                     "agreeing whether all have room for the memory's figures");
  if (status == GAN_OK)
    status = gan_comm_gather(comm, &mine, sizeof mine, all, "the exchange of the ranks' memory");
  for (int r = 0; status == GAN_OK && r < ranks; r++) {
    if (all[r] > all[most]) most = r;
    if (all[r] < all[least]) least = r;
  }
  if (status == GAN_OK) {
    char largest[16], smallest[16];
    gan_log("peak memory: %s on the largest rank (rank %d), %s on the smallest (rank %d)",
            gan_bytes_text(largest, (double)all[most]), most,
            gan_bytes_text(smallest, (double)all[least]), least);
    if (at_start)
      gan_log("  rank 0 took %s above what it started with",
              gan_bytes_text(largest, (double)(mine - at_start)));
  }
  gan_free(&all);
  return status;
}
