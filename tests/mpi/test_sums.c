/* Sums over ranks: of integers, the largest of all, and order-free sums, whose bits do not depend
 * on which rank holds which part. */
#include "base/memory.h"
#include "base/rng.h"
#include "model/sums.h"
#include "mpi/support.h"

#include <math.h>
#include <string.h>

enum { PARTS = 12 };

START_TEST(integers_are_summed_to_all_their_bits) {
  enum { N = 10007 };
  int rank = gan_comm_rank(world), size = gan_comm_size(world);
  int64_t *x = gan_alloc(N, sizeof *x, "integers");
  bool right = true;
  for (int64_t i = 0; i < N; i++) /* up to 2^60, where neither floats nor doubles are exact */
    x[i] = (i % 2 ? -1 : 1) * (((int64_t)1 << 58) + i * 1000003 + rank);
  check_ok(gan_comm_sum_int64(world, x, N, "a sum"));
  for (int64_t i = 0; i < N; i++)
    right &= x[i] ==
             (i % 2 ? -1 : 1) * (size * (((int64_t)1 << 58) + i * 1000003) + size * (size - 1) / 2);
  check_all(right);
  check_ok(gan_comm_sum_int64(world, x, 0, "a sum"));
  gan_free(&x);
}
END_TEST

START_TEST(the_largest_of_all_ranks_is_known_to_all) {
  enum { N = 1009 };
  int rank = gan_comm_rank(world), size = gan_comm_size(world);
  int32_t x[N];
  bool right = true;
  for (int i = 0; i < N; i++) x[i] = i % size == rank ? i - 500 : INT32_MIN;
  x[0] = rank == size - 1 ? INT32_MAX : -7;
  x[1] = -1 - rank;
  x[2] = INT32_MIN;
  check_ok(gan_comm_max_int32(world, x, N, "a maximum"));
  for (int i = 3; i < N; i++) right &= x[i] == i - 500;
  check_all(right);
  check_all(x[0] == INT32_MAX && x[1] == -1 && x[2] == INT32_MIN);
}
END_TEST

/* The first part of a rank: unevenly dealt, none to the first of four. */
static int64_t first_part(int rank) {
  int64_t size = gan_comm_size(world);
  return PARTS * rank * rank / (size * size);
}

START_TEST(doubles_do_not_depend_on_the_ranks) {
  enum { N = 257, STRIDE = N + 3 };
  static double values[PARTS * STRIDE], one[N], many[N], plain[N];
  int rank = gan_comm_rank(world), odd;
  gan_rng rng = gan_rng_stream(1, GAN_RNG_SYNTHETIC, 0, 0, 0);
  float x[STRIDE];
  for (uint32_t p = 0; p < PARTS; p++) {
    gan_rng_normal(rng, 0, p, STRIDE, x);
    for (int k = 0; k < STRIDE; k++) values[p * STRIDE + (uint32_t)k] = ldexp(exp((double)x[k]), k);
  }
  values[3 * STRIDE + 5] = (double)NAN; /* on one rank alone */
  for (int p = 0; p < PARTS; p++) values[p * STRIDE + 6] = 0;
  int64_t first = first_part(rank), parts = first_part(rank + 1) - first;
  gan_sums *sums;
  check_ok(gan_sums_create(PARTS, 1, &sums));
  check_ok(gan_sums_doubles(sums, gan_comm_alone(), PARTS, N, STRIDE, values, one, "a sum"));
  check_ok(gan_sums_doubles(sums, world, parts, N, STRIDE, values + first * STRIDE, many, "a sum"));
  check_all(isnan(many[5]) && many[6] == 0 && !isnan(many[4]));
  check_all(memcmp(one, many, sizeof one) == 0);
  check_ok(gan_comm_compare(world, many, sizeof many, &odd, "a comparison"));
  check_all(odd == -1);
  /* what plain sums would not give, so that the numbers are a test */
  check_ok(gan_sums_doubles(NULL, gan_comm_alone(), PARTS, N, STRIDE, values, one, "a sum"));
  check_ok(
      gan_sums_doubles(NULL, world, parts, N, STRIDE, values + first * STRIDE, plain, "a sum"));
  check_all((memcmp(one, plain, sizeof one) == 0) == (gan_comm_size(world) == 1));
  gan_sums_destroy(&sums);
}
END_TEST

/* Longer than a piece of 2^20 integers. */
START_TEST(slabs_do_not_depend_on_the_ranks) {
  enum { PIECE = 1 << 20, N = PIECE + 1003, TENSORS = 4 };
  static const int64_t begins[TENSORS] = {0, 160, PIECE - 64, PIECE + 48};
  int rank = gan_comm_rank(world);
  int64_t first = first_part(rank), parts = first_part(rank + 1) - first, at = first * N;
  float *slab = gan_alloc((size_t)N * PARTS, sizeof *slab, "slabs");
  float *mine = gan_alloc((size_t)N * (size_t)(parts ? parts : 1), sizeof *mine, "slabs");
  gan_rng rng = gan_rng_stream(2, GAN_RNG_SYNTHETIC, 0, 0, 0);
  for (uint32_t p = 0; p < PARTS; p++) gan_rng_uniform(rng, 0, p, N, -1, 1, slab + p * (int64_t)N);
  for (int p = 0; p < PARTS; p++) /* a tensor far below the others */
    for (int64_t i = begins[1]; i < begins[2]; i++) slab[p * (int64_t)N + i] *= 0x1p-90f;
  slab[7 * (int64_t)N + begins[3]] = INFINITY; /* on one rank alone */
  memcpy(mine, slab + at, (size_t)(parts * N) * sizeof *mine);
  gan_sums *sums;
  check_ok(gan_sums_create(PARTS, 1, &sums));
  check_ok(gan_sums_slab(sums, gan_comm_alone(), PARTS, N, TENSORS, begins, slab, "a sum"));
  check_ok(gan_sums_slab(sums, world, parts, N, TENSORS, begins, mine, "a sum"));
  check_all(isnan(mine[N - 1]) && isnan(mine[begins[3]]) && !isnan(mine[begins[3] - 1]));
  check_all(memcmp(slab, mine, (size_t)N * sizeof *slab) == 0);
  gan_sums_destroy(&sums);
  gan_free(&slab);
  gan_free(&mine);
}
END_TEST

int main(int argc, char **argv) {
  const TTest *const tests[] = {
      integers_are_summed_to_all_their_bits,
      the_largest_of_all_ranks_is_known_to_all,
      doubles_do_not_depend_on_the_ranks,
      slabs_do_not_depend_on_the_ranks,
  };
  return run_mpi_tests(argc, argv, "sums", tests, sizeof tests / sizeof *tests);
}
