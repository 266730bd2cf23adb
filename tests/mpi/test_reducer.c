/* Sums of slabs over the ranks: by MPI, in shared memory, over several nodes, in buckets that are
 * begun one by one, as bfloat16.  All ranks know what each puts in, so each adds it up itself. */
#include "comm/reducer.h"

#include "base/clock.h"
#include "base/memory.h"
#include "comm/window.h"
#include "mpi/support.h"

#include <math.h>
#include <string.h>

enum { ROUNDS = 3, RANKS_MAX = 8 };

static const int64_t sizes[] = {0, 1, 3, 16, 17, 33, 1000, 70001, (1 << 20) + 3};
enum { SIZES = sizeof sizes / sizeof *sizes, LARGEST = SIZES - 1 };

/* What rank r puts into number i in a round: of many magnitudes, so that the order of a sum shows
 * in its last bits. */
static float number(int rank, int round, int64_t i) {
  uint64_t x =
      (uint64_t)i * 2654435761u + (uint64_t)rank * 40503u + (uint64_t)round * 977u + 12345u;
  x ^= x >> 13;
  x *= 0x9e3779b97f4a7c15u;
  x ^= x >> 29;
  float mantissa = (float)(x & 0xffffff) / 0x1p23f - 1.0f;
  return ldexpf(mantissa, (int)(x >> 40 & 15) - 8);
}

/* Over the ranks of a node, in their order. */
static float sum_of(int node, int nodes, int round, int64_t i) {
  float sum = number(node, round, i);
  for (int r = node + nodes; r < gan_comm_size(world); r += nodes) sum += number(r, round, i);
  return sum;
}

/* The order that the header promises: each node's ranks in order; two nodes add up the same in
 * either order. */
static float in_order(int nodes, int round, int64_t i) {
  float sum = sum_of(0, nodes, round, i);
  for (int node = 1; node < nodes && node < gan_comm_size(world); node++)
    sum += sum_of(node, nodes, round, i);
  return sum;
}

/* `count` buckets of which none need begin on a cache line. */
static int plan(int64_t n, int count, int64_t *begins) {
  for (int b = 0; b < count; b++) begins[b] = n - n * (b + 1) / count;
  return count;
}

static void fill(const gan_reducer *reducer, int64_t n, int round) {
  float *mine = gan_reducer_mine(reducer);
  for (int64_t i = 0; i < n; i++) mine[i] = number(gan_comm_rank(world), round, i);
}

/* Buckets one by one, at another pace on each rank and in each round. */
static gan_status take(gan_reducer *reducer, int buckets, int round) {
  for (int b = 0; b + 1 < buckets; b++) {
    GAN_TRY(gan_reducer_begin(reducer));
    for (int k = 0; k < (gan_comm_rank(world) + b + round) % 3; k++) {
      gan_sleep(0.0005);
      GAN_TRY(gan_reducer_progress(reducer));
    }
  }
  return gan_reducer_finish(reducer);
}

typedef struct {
  gan_comm_sum way;
  gan_wire wire;
  int apart, buckets;
} variant;

static gan_status create(variant v, int64_t n, gan_reducer **out) {
  int64_t begins[16];
  gan_reducer_spec spec = {.way = v.way,
                           .wire = v.wire,
                           .what = "a test's sum",
                           .n = n,
                           .buckets = plan(n, v.buckets, begins),
                           .begins = begins,
                           .apart = v.apart};
  return gan_reducer_create(world, &spec, out);
}

/* Whether all rounds of a variant give, at each number, what `right` says; and the same bits on all
 * ranks. */
static bool rounds_are(variant v, int64_t n,
                       bool (*right)(variant v, int round, int64_t i, float x)) {
  if (n == sizes[LARGEST] && v.buckets > 1) return true; /* takes its time */
  gan_reducer *reducer;
  bool good = create(v, n, &reducer) == GAN_OK;
  int odd = -1;
  for (int round = 0; good && round < ROUNDS; round++) {
    fill(reducer, n, round);
    good = take(reducer, v.buckets, round) == GAN_OK;
    const float *sum = gan_reducer_sum(reducer);
    for (int64_t i = 0; i < n; i++) good &= right(v, round, i, sum[i]);
    good &= gan_comm_compare(world, sum, (size_t)n * sizeof *sum, &odd, "a test") == GAN_OK;
    good &= odd == -1;
  }
  gan_reducer_destroy(&reducer);
  return good;
}

static bool exact(variant v, int round, int64_t i, float x) {
  float wanted = in_order(v.apart ? v.apart : 1, round, i);
  return memcmp(&x, &wanted, sizeof x) == 0;
}

START_TEST(a_window_adds_up_in_order_of_rank) {
  for (int s = 0; s < SIZES; s++)
    for (int buckets = 1; buckets <= 7; buckets += 3)
      check_all(
          rounds_are((variant){GAN_COMM_SUM_WINDOW, GAN_WIRE_FP32, 0, buckets}, sizes[s], exact));
}
END_TEST

/* Two nodes, of which one has more ranks where their number is odd. */
START_TEST(lanes_add_up_two_nodes) {
  for (int s = 0; s < SIZES; s++)
    for (int buckets = 1; buckets <= 7; buckets += 3)
      check_all(
          rounds_are((variant){GAN_COMM_SUM_WINDOW, GAN_WIRE_FP32, 2, buckets}, sizes[s], exact));
}
END_TEST

START_TEST(what_is_free_is_a_window) {
  char text[256];
  gan_reducer *reducer;
  check_ok(create((variant){GAN_COMM_SUM_AUTO, GAN_WIRE_FP32, 0, 1}, 100, &reducer));
  bool several = gan_comm_size(world) > 1;
  check_all((strstr(gan_reducer_text(reducer, text, sizeof text), "share") != NULL) == several);
  gan_reducer_destroy(&reducer);
  check_ok(create((variant){GAN_COMM_SUM_AUTO, GAN_WIRE_FP32, RANKS_MAX, 1}, 100, &reducer));
  check_all(strstr(gan_reducer_text(reducer, text, sizeof text), "allreduce") != NULL);
  gan_reducer_destroy(&reducer);
}
END_TEST

/* The rounding of a sum of so many floats: a half unit in the last place of the largest partial sum
 * for each addition. */
static bool near(variant v, int round, int64_t i, float x) {
  double sum = 0, magnitude = 0;
  (void)v;
  for (int r = 0; r < gan_comm_size(world); r++) {
    sum += (double)number(r, round, i);
    magnitude += fabs((double)number(r, round, i));
  }
  return fabs((double)x - sum) <= gan_comm_size(world) * 0x1p-24 * magnitude;
}

/* Of three nodes, and of MPI's own sums, nobody says in which order they add up. */
START_TEST(any_order_is_a_sum) {
  for (int s = 0; s < SIZES; s++)
    for (int buckets = 1; buckets <= 7; buckets += 3) {
      check_all(
          rounds_are((variant){GAN_COMM_SUM_WINDOW, GAN_WIRE_FP32, 3, buckets}, sizes[s], near));
      check_all(
          rounds_are((variant){GAN_COMM_SUM_ALLREDUCE, GAN_WIRE_FP32, 0, buckets}, sizes[s], near));
    }
}
END_TEST

/* Rounds of the same numbers, which come at another pace each time, give the same bits. */
START_TEST(timing_does_not_show) {
  const variant variants[] = {{GAN_COMM_SUM_WINDOW, GAN_WIRE_FP32, 0, 5},
                              {GAN_COMM_SUM_WINDOW, GAN_WIRE_FP32, 3, 5},
                              {GAN_COMM_SUM_ALLREDUCE, GAN_WIRE_FP32, 0, 5}};
  enum { N = 70001 };
  float *first = gan_alloc(N, sizeof *first, "a sum");
  for (size_t k = 0; k < sizeof variants / sizeof *variants; k++) {
    gan_reducer *reducer;
    bool same = true;
    check_ok(create(variants[k], N, &reducer));
    for (int round = 0; round < 5; round++) {
      fill(reducer, N, 0);
      check_ok(take(reducer, variants[k].buckets, round));
      if (round == 0)
        memcpy(first, gan_reducer_sum(reducer), N * sizeof *first);
      else
        same &= memcmp(first, gan_reducer_sum(reducer), N * sizeof *first) == 0;
    }
    check_all(same);
    gan_reducer_destroy(&reducer);
  }
  gan_free(&first);
}
END_TEST

/* One bucket of MPI's sums is the sum that comm.h takes, to the bit. */
START_TEST(allreduce_is_that_of_the_group) {
  enum { N = 70001 };
  gan_reducer *reducer;
  float *plain = gan_alloc(N, sizeof *plain, "a sum");
  check_ok(create((variant){GAN_COMM_SUM_ALLREDUCE, GAN_WIRE_FP32, 0, 1}, N, &reducer));
  fill(reducer, N, 0);
  memcpy(plain, gan_reducer_mine(reducer), N * sizeof *plain);
  check_ok(gan_comm_sum_float(world, plain, N, "a test's sum"));
  check_ok(gan_reducer_finish(reducer));
  check_all(memcmp(plain, gan_reducer_sum(reducer), N * sizeof *plain) == 0);
  gan_reducer_destroy(&reducer);
  gan_free(&plain);
}
END_TEST

START_TEST(what_is_no_number_passes) {
  const variant variants[] = {{GAN_COMM_SUM_WINDOW, GAN_WIRE_FP32, 0, 3},
                              {GAN_COMM_SUM_WINDOW, GAN_WIRE_FP32, 2, 3},
                              {GAN_COMM_SUM_ALLREDUCE, GAN_WIRE_FP32, 0, 3},
                              {GAN_COMM_SUM_ALLREDUCE, GAN_WIRE_BF16, 0, 1}};
  enum { N = 100 };
  for (size_t k = 0; k < sizeof variants / sizeof *variants; k++) {
    gan_reducer *reducer;
    check_ok(create(variants[k], N, &reducer));
    float *mine = gan_reducer_mine(reducer);
    fill(reducer, N, 0);
    if (gan_comm_rank(world) == gan_comm_size(world) - 1) {
      mine[0] = NAN;
      mine[50] = INFINITY;
    }
    if (gan_comm_rank(world) == 0) mine[99] = -INFINITY;
    check_ok(take(reducer, variants[k].buckets, 0));
    const float *sum = gan_reducer_sum(reducer);
    check_all(isnan(sum[0]) && isinf(sum[50]) && sum[50] > 0 && isinf(sum[99]) && sum[99] < 0);
    check_all(isfinite(sum[1]) && isfinite(sum[49]));
    fill(reducer, N, 0); /* and is forgotten */
    check_ok(take(reducer, variants[k].buckets, 0));
    bool finite = true;
    for (int i = 0; i < N; i++) finite &= isfinite(gan_reducer_sum(reducer)[i]) != 0;
    check_all(finite);
    gan_reducer_destroy(&reducer);
  }
}
END_TEST

/* The nearest number of 8 bits, ties to even: by arithmetic. */
static float bfloat(float x) {
  int exponent;
  double mantissa = frexp((double)x, &exponent);
  return (float)ldexp(rint(ldexp(mantissa, 8)), exponent - 8);
}

static bool rounded(variant v, int round, int64_t i, float x) {
  double exact_sum = 0, magnitude = 0;
  float sum = 0;
  (void)v;
  for (int r = 0; r < gan_comm_size(world); r++) {
    exact_sum += (double)number(r, round, i);
    magnitude += fabs((double)number(r, round, i));
    sum = r ? sum + bfloat(number(r, round, i)) : bfloat(number(r, round, i));
  }
  float wanted = gan_comm_size(world) > 1 ? bfloat(sum) : number(0, round, i);
  /* wire.h: each number is off by 2^-8 of itself, and so is their sum; to first order */
  double limit = 0x1p-8 * (1 + 0x1p-7) * (fabs(exact_sum) + magnitude);
  return x == wanted && fabs((double)x - exact_sum) <= limit;
}

START_TEST(a_wire_of_half_the_bytes_rounds_twice) {
  for (int s = 0; s < SIZES; s++)
    check_all(
        rounds_are((variant){GAN_COMM_SUM_ALLREDUCE, GAN_WIRE_BF16, 0, 1}, sizes[s], rounded));
}
END_TEST

/* In the window numbers are floats; what goes between two nodes is rounded. */
static bool rounded_between_nodes(variant v, int round, int64_t i, float x) {
  float a = sum_of(0, v.apart, round, i);
  if (gan_comm_size(world) == 1) return x == a;
  return x == bfloat(bfloat(a) + bfloat(sum_of(1, v.apart, round, i)));
}

START_TEST(a_wire_is_between_nodes) {
  for (int s = 0; s < SIZES; s++) {
    check_all(rounds_are((variant){GAN_COMM_SUM_WINDOW, GAN_WIRE_BF16, 0, 1}, sizes[s], exact));
    check_all(rounds_are((variant){GAN_COMM_SUM_WINDOW, GAN_WIRE_BF16, 2, 1}, sizes[s],
                         rounded_between_nodes));
  }
}
END_TEST

START_TEST(too_large_a_window_is_refused) {
  gan_reducer *reducer;
  char why[GAN_WINDOW_WHY] = "";
  check_all(gan_window_fits("/no/such/folder", 1e18, why) && !*why);
  check_all(!gan_window_fits("/", 1e18, why) && strstr(why, "/ has ") &&
            strstr(why, "EiB") == NULL);
  if (gan_comm_size(world) == 1) return;
  gan_status status =
      create((variant){GAN_COMM_SUM_WINDOW, GAN_WIRE_FP32, 0, 1}, (int64_t)1 << 40, &reducer);
  check_all(status == GAN_USAGE && reducer == NULL);
  check_all(strstr(gan_error_message(), "comm.sum is window") != NULL);
  check_all(strstr(gan_error_message(), "/dev/shm has ") != NULL);
}
END_TEST

/* Each writes its part of a shared slab, and reads the others', round after round. */
static bool parts_are_seen(gan_reducer *reducer, int64_t n) {
  int64_t first, end;
  float *slab = gan_reducer_shared(reducer, 1);
  gan_reducer_part(reducer, &first, &end);
  bool good = true;
  for (int round = 1; good && round <= ROUNDS; round++) {
    for (int64_t i = first; i < end; i++) good &= slab[i] == 0 || round > 1;
    for (int64_t i = first; i < end; i++) slab[i] = number(0, round, i);
    good &= gan_reducer_meet(reducer) == GAN_OK;
    for (int64_t i = 0; i < n; i++) good &= slab[i] == number(0, round, i);
    good &= gan_reducer_meet(reducer) == GAN_OK;
  }
  return good;
}

START_TEST(what_one_has_written_all_read) {
  for (int s = 0; s < LARGEST; s++)
    for (int apart = 0; apart <= 2; apart += 2) {
      const int64_t begins[] = {0};
      gan_reducer *reducer;
      gan_reducer_spec spec = {.way = GAN_COMM_SUM_WINDOW,
                               .what = "a test's sum",
                               .n = sizes[s],
                               .buckets = 1,
                               .begins = begins,
                               .more = 2,
                               .apart = apart};
      check_ok(gan_reducer_create(world, &spec, &reducer));
      int ranks = gan_comm_size(world), nodes = apart ? apart : 1;
      bool shares = (ranks - gan_comm_rank(world) % nodes + nodes - 1) / nodes > 1;
      bool good = (gan_reducer_shared(reducer, 1) != NULL) == shares;
      if (good && shares) good = parts_are_seen(reducer, sizes[s]);
      fill(reducer, sizes[s], 0);
      good &= gan_reducer_finish(reducer) == GAN_OK;
      for (int64_t i = 0; i < sizes[s]; i++)
        good &= exact((variant){.apart = apart}, 0, i, gan_reducer_sum(reducer)[i]);
      check_all(good);
      gan_reducer_destroy(&reducer);
    }
}
END_TEST

START_TEST(no_sum_takes_memory) {
  const variant variants[] = {{GAN_COMM_SUM_WINDOW, GAN_WIRE_FP32, 0, 3},
                              {GAN_COMM_SUM_WINDOW, GAN_WIRE_FP32, 2, 3},
                              {GAN_COMM_SUM_ALLREDUCE, GAN_WIRE_BF16, 0, 1}};
  for (size_t k = 0; k < sizeof variants / sizeof *variants; k++) {
    gan_reducer *reducer;
    check_ok(create(variants[k], 70001, &reducer));
    uint64_t before = gan_alloc_count();
    gan_status status = take(reducer, variants[k].buckets, 0);
    uint64_t taken = gan_alloc_count() - before;
    check_all(status == GAN_OK && taken == 0);
    gan_reducer_destroy(&reducer);
  }
}
END_TEST

int main(int argc, char **argv) {
  const TTest *const tests[] = {a_window_adds_up_in_order_of_rank,
                                lanes_add_up_two_nodes,
                                what_is_free_is_a_window,
                                any_order_is_a_sum,
                                timing_does_not_show,
                                allreduce_is_that_of_the_group,
                                what_is_no_number_passes,
                                a_wire_of_half_the_bytes_rounds_twice,
                                a_wire_is_between_nodes,
                                too_large_a_window_is_refused,
                                what_one_has_written_all_read,
                                no_sum_takes_memory};
  return run_mpi_tests(argc, argv, "reducer", tests, sizeof tests / sizeof *tests);
}
