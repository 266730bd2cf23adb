/* The MPI boundary: agreement, sums, broadcasts, comparison. */
#include "base/clock.h"
#include "base/memory.h"
#include "mpi/support.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

START_TEST(agreement_takes_the_lowest_failed_rank) {
  int rank = gan_comm_rank(world), size = gan_comm_size(world);
  check_ok(gan_comm_agree(world, GAN_OK, "a test"));
  gan_status mine = GAN_OK;
  if (rank == size - 1) mine = gan_fail(GAN_INPUT, "file x is bad");
  gan_status all = gan_comm_agree(world, mine, "a test");
  check_all(all == GAN_INPUT);
  check_all(strstr(gan_error_message(), "file x is bad") != NULL);
  char prefix[32];
  snprintf(prefix, sizeof prefix, "rank %d (", size - 1);
  check_all((strstr(gan_error_message(), prefix) != NULL) == (size > 1));
}
END_TEST

START_TEST(a_mistake_of_all_names_no_rank) {
  gan_status mine = gan_fail(GAN_USAGE, "key 'x' is unknown");
  check_all(gan_comm_agree(world, mine, "a test") == GAN_USAGE);
  check_all(strcmp(gan_error_message(), "key 'x' is unknown") == 0);
}
END_TEST

START_TEST(different_failures_give_one_status_and_message) {
  int rank = gan_comm_rank(world);
  gan_status mine = rank ? gan_fail(GAN_INPUT, "mine") : gan_fail(GAN_OUTPUT, "first");
  check_all(gan_comm_agree(world, mine, "a test") == GAN_OUTPUT);
  check_all(strcmp(gan_error_message(), "first") == 0);
}
END_TEST

START_TEST(any_true_sees_every_rank) {
  for (int who = -1; who < gan_comm_size(world); who++) {
    bool any = false;
    check_ok(gan_comm_any_true(world, gan_comm_rank(world) == who, &any, "a test"));
    check_all(any == (who >= 0));
  }
}
END_TEST

/* Integers below 2^24 add exactly in float, in any order. */
START_TEST(sums_are_exact_for_integers_and_alike_on_all) {
  enum { N = 100003 };
  int rank = gan_comm_rank(world), size = gan_comm_size(world), odd;
  float *x = gan_alloc(N, sizeof *x, "x");
  double *y = gan_alloc(N, sizeof *y, "y");
  for (int i = 0; i < N; i++) x[i] = (float)(y[i] = (i % 1000) * (rank + 1));
  check_ok(gan_comm_sum_float(world, x, N, "a sum"));
  check_ok(gan_comm_sum_double(world, y, N, "a sum"));
  int ranks = size * (size + 1) / 2;
  bool right = true;
  for (int i = 0; i < N; i++)
    right &= x[i] == (float)((i % 1000) * ranks) && y[i] == (i % 1000) * ranks;
  check_all(right);
  for (int i = 0; i < N; i++) x[i] = 0.1f * (float)(i + rank); /* rounding: the same on all */
  check_ok(gan_comm_sum_float(world, x, N, "a sum"));
  check_ok(gan_comm_compare(world, x, N * sizeof *x, &odd, "a comparison"));
  check_all(odd == -1);
  gan_free(&x);
  gan_free(&y);
}
END_TEST

START_TEST(gathering_keeps_the_order_of_ranks) {
  enum { N = 1001 };
  int rank = gan_comm_rank(world), size = gan_comm_size(world);
  unsigned char mine[N], *all = gan_alloc((size_t)size, N, "all");
  for (int i = 0; i < N; i++) mine[i] = (unsigned char)(i * 7 + rank);
  check_ok(gan_comm_gather(world, mine, N, all, "a gather"));
  bool right = true;
  for (int r = 0; r < size; r++)
    for (int i = 0; i < N; i++) right &= all[r * N + i] == (unsigned char)(i * 7 + r);
  check_all(right);
  gan_free(&all);
}
END_TEST

START_TEST(compare_names_the_odd_rank) {
  unsigned char bytes[999] = {7};
  int size = gan_comm_size(world), odd;
  for (int who = 1; who < size; who++) {
    bytes[500] = gan_comm_rank(world) == who ? 1 : 0; /* one bit */
    check_ok(gan_comm_compare(world, bytes, sizeof bytes, &odd, "a comparison"));
    check_all(odd == who);
  }
}
END_TEST

START_TEST(texts_of_any_length_reach_all) {
  static const size_t lengths[] = {0, 1, 100000};
  for (size_t k = 0; k < sizeof lengths / sizeof *lengths; k++) {
    size_t n = gan_comm_rank(world) == 0 ? lengths[k] : 77;
    char *text = NULL;
    if (gan_comm_rank(world) == 0) {
      text = gan_alloc(n + 1, 1, "text");
      memset(text, 'x', n);
    }
    check_ok(gan_comm_broadcast_text(world, &text, &n, "a text"));
    check_all(n == lengths[k] && strlen(text) == n);
    gan_free(&text);
  }
}
END_TEST

START_TEST(groups_work_by_themselves) {
  int rank = gan_comm_rank(world), size = gan_comm_size(world);
  gan_comm *group;
  check_ok(gan_comm_split(world, rank % 2, &group));
  double one = 1;
  check_ok(gan_comm_sum_double(group, &one, 1, "a sum"));
  check_all(one == (double)gan_comm_size(group));
  check_all(gan_comm_size(group) == (size + 1 - rank % 2) / 2);
  gan_comm_destroy(&group);
  check_all(group == NULL);
}
END_TEST

/* Ranks that rest wait for the last, and without a core: their processor's time stands still. */
START_TEST(resting_waits_without_work) {
  static const double late_seconds = 0.5;
  int rank = gan_comm_rank(world), last = gan_comm_size(world) - 1;
  check_ok(gan_comm_barrier(world, "a start"));
  double start = gan_clock();
  clock_t used = clock();
  if (rank == last) gan_sleep(late_seconds);
  check_ok(gan_comm_rest(world, "a rest"));
  double waited = gan_clock() - start, worked = (double)(clock() - used) / CLOCKS_PER_SEC;
  check_all(last == 0 || waited > 0.9 * late_seconds);
  check_all(worked < 0.5 * late_seconds); /* a spinning rank would use all of it */
}
END_TEST

typedef struct {
  int count;
  size_t bytes;
} seen_sums;

static void see(void *context, size_t bytes, const char *what) {
  seen_sums *seen = context;
  seen->count += strcmp(what, "a sum") == 0;
  seen->bytes += bytes;
}

/* On one rank too, where nothing is sent. */
START_TEST(an_observer_sees_every_sum) {
  seen_sums seen = {0, 0};
  float x[10] = {0};
  double y[3] = {0};
  gan_comm_observe(see, &seen);
  check_ok(gan_comm_sum_float(world, x, 10, "a sum"));
  check_ok(gan_comm_sum_double(world, y, 3, "a sum"));
  gan_comm_observe(NULL, NULL);
  check_ok(gan_comm_sum_float(world, x, 10, "a sum"));
  check_all(seen.count == 2 && seen.bytes == 64);
}
END_TEST

int main(int argc, char **argv) {
  const TTest *const tests[] = {
      agreement_takes_the_lowest_failed_rank,
      a_mistake_of_all_names_no_rank,
      different_failures_give_one_status_and_message,
      any_true_sees_every_rank,
      sums_are_exact_for_integers_and_alike_on_all,
      gathering_keeps_the_order_of_ranks,
      compare_names_the_odd_rank,
      texts_of_any_length_reach_all,
      groups_work_by_themselves,
      resting_waits_without_work,
      an_observer_sees_every_sum,
  };
  return run_mpi_tests(argc, argv, "comm", tests, sizeof tests / sizeof *tests);
}
