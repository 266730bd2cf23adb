/* Order-free sums: the same bits whichever part comes first, exact to the grid, one grid a number
 * or tensor. */
#include "base/memory.h"
#include "model/sums.h"
#include "unit/support.h"

#include <math.h>
#include <string.h>

enum { PARTS = 23, NUMBERS = 301, STRIDE = NUMBERS + 6, SHUFFLES = 20 };

/* ---- doubles ---- */

static gan_sums *make_sums(int64_t parts, int threads, int64_t room) {
  gan_sums *sums;
  check_ok(gan_sums_create(parts, threads, &sums));
  check_ok(gan_sums_reserve(sums, room));
  return sums;
}

/* Numbers of both signs over some orders of magnitude; what lies between the parts is NaN. */
static void fill_doubles(double *values, uint64_t seed) {
  for (int p = 0; p < PARTS; p++)
    for (int k = 0; k < STRIDE; k++)
      values[p * STRIDE + k] = k < NUMBERS ? ldexp(unit_uniform(&seed, -1, 1),
                                                   (int)(unit_bits(&seed) % 12) + 40 * (k % 7))
                                           : (double)NAN;
}

static void shuffle(int n, int *order, uint64_t *state) {
  for (int i = 0; i < n; i++) order[i] = i;
  for (int i = n - 1; i > 0; i--) {
    int j = (int)(unit_bits(state) % (uint64_t)(i + 1)), kept = order[i];
    order[i] = order[j];
    order[j] = kept;
  }
}

START_TEST(doubles_do_not_depend_on_the_order) {
  static double values[PARTS * STRIDE], mixed[PARTS * STRIDE];
  double totals[NUMBERS], again[NUMBERS], plain[NUMBERS], plain_again[NUMBERS];
  gan_sums *sums = make_sums(PARTS, 1, NUMBERS);
  uint64_t state = 1;
  int order[PARTS];
  fill_doubles(values, 2);
  check_ok(
      gan_sums_doubles(sums, gan_comm_alone(), PARTS, NUMBERS, STRIDE, values, totals, "a sum"));
  check_ok(
      gan_sums_doubles(NULL, gan_comm_alone(), PARTS, NUMBERS, STRIDE, values, plain, "a sum"));
  for (int trial = 0; trial < SHUFFLES; trial++) {
    shuffle(PARTS, order, &state);
    for (int p = 0; p < PARTS; p++)
      memcpy(mixed + p * STRIDE, values + order[p] * STRIDE, STRIDE * sizeof *values);
    check_ok(
        gan_sums_doubles(sums, gan_comm_alone(), PARTS, NUMBERS, STRIDE, mixed, again, "a sum"));
    ck_assert_mem_eq(again, totals, sizeof totals);
    check_ok(gan_sums_doubles(NULL, gan_comm_alone(), PARTS, NUMBERS, STRIDE, mixed, plain_again,
                              "a sum"));
    ck_assert_mem_ne(plain_again, plain, sizeof plain); /* so the numbers are a test */
  }
  gan_sums_destroy(&sums);
}
END_TEST

/* Each part is off by half a unit of its grid, 2^(e + h - 62) where all lie below 2^e and 2^h parts
 * fit; the total is rounded to a double once. */
START_TEST(doubles_are_exact_to_their_grid) {
  static double values[PARTS * STRIDE];
  double totals[NUMBERS];
  gan_sums *sums = make_sums(PARTS, 1, NUMBERS);
  fill_doubles(values, 3);
  check_ok(
      gan_sums_doubles(sums, gan_comm_alone(), PARTS, NUMBERS, STRIDE, values, totals, "a sum"));
  for (int k = 0; k < NUMBERS; k++) {
    long double wanted = 0;
    double most = 0;
    for (int p = 0; p < PARTS; p++) {
      wanted += (long double)values[p * STRIDE + k];
      most = fmax(most, fabs(values[p * STRIDE + k]));
    }
    const int headroom = 5; /* 23 parts */
    double unit = ldexp(1, ilogb(most) + 1 + headroom - 62);
    double bound = PARTS * unit / 2 + fabs(totals[k]) * 0x1p-53;
    double error = (double)fabsl((long double)totals[k] - wanted);
    if (!(error <= bound)) ck_abort_msg("total %d is off by %g, not %g", k, error, bound);
  }
  gan_sums_destroy(&sums);
}
END_TEST

/* With 512 parts the grid is as fine as a double: one part alone comes out as it went in, and 512
 * equal ones as 512 times that. */
START_TEST(doubles_survive_up_to_512_parts) {
  enum { MOST = 512 };
  static double values[MOST];
  double total;
  gan_sums *sums = make_sums(MOST, 1, 1);
  uint64_t state = 4;
  for (int trial = 0; trial < 2000; trial++) {
    double x = ldexp(unit_uniform(&state, -1, 1), (int)(unit_bits(&state) % 1800) - 900);
    if (trial == 0) x = nextafter(1, 0);
    if (trial == 1) x = -nextafter(2, 0);
    if (trial == 2) x = 1;
    check_ok(gan_sums_doubles(sums, gan_comm_alone(), 1, 1, 1, &x, &total, "a sum"));
    if (total != x) ck_abort_msg("%a becomes %a", x, total);
    for (int p = 0; p < MOST; p++) values[p] = x;
    check_ok(gan_sums_doubles(sums, gan_comm_alone(), MOST, 1, 1, values, &total, "a sum"));
    if (total != MOST * x) ck_abort_msg("512 times %a becomes %a", x, total);
  }
  gan_sums_destroy(&sums);
}
END_TEST

/* Parts that cancel leave the small one: all lie on the grid, and integers add exactly. */
START_TEST(doubles_cancel_exactly) {
  static const double values[] = {0x1p40, 0x1p-8, -0x1p40, 0x1p40 + 1, -0x1p40 - 1};
  double total;
  gan_sums *sums = make_sums(8, 1, 1);
  check_ok(gan_sums_doubles(sums, gan_comm_alone(), 5, 1, 1, values, &total, "a sum"));
  ck_assert_double_eq(total, 0x1p-8);
  gan_sums_destroy(&sums);
}
END_TEST

/* What is not finite spoils its own total alone; zeros of either sign give 0. */
START_TEST(doubles_that_are_not_finite) {
  const double odd[] = {(double)INFINITY, -(double)INFINITY, (double)NAN};
  static double values[PARTS * STRIDE];
  double totals[NUMBERS], spoilt[NUMBERS];
  gan_sums *sums = make_sums(PARTS, 1, NUMBERS);
  fill_doubles(values, 5);
  for (int p = 0; p < PARTS; p++) values[p * STRIDE + 17] = p % 2 ? -0.0 : 0.0;
  check_ok(
      gan_sums_doubles(sums, gan_comm_alone(), PARTS, NUMBERS, STRIDE, values, totals, "a sum"));
  ck_assert_double_eq(totals[17], 0);
  for (int i = 0; i < 3; i++) {
    int k = 100 + i, p = 11 * i;
    double kept = values[p * STRIDE + k];
    values[p * STRIDE + k] = odd[i];
    check_ok(
        gan_sums_doubles(sums, gan_comm_alone(), PARTS, NUMBERS, STRIDE, values, spoilt, "a sum"));
    ck_assert(isnan(spoilt[k]));
    spoilt[k] = totals[k];
    ck_assert_mem_eq(spoilt, totals, sizeof totals);
    values[p * STRIDE + k] = kept;
  }
  gan_sums_destroy(&sums);
}
END_TEST

/* ---- slabs ---- */

/* Longer than two pieces of 2^20, with tensors that begin and end at, before and behind their
 * borders, and no multiple of anything at the end. */
enum { PIECE = 1 << 20, SLAB = 2 * PIECE + 5003, SLAB_PARTS = 3, TENSORS = 7 };

static const int64_t begins[TENSORS] = {0,          16,        4000,          PIECE - 48,
                                        PIECE + 32, 2 * PIECE, 2 * PIECE + 64};

/* Far from each other, so that a grid of one would leave nothing of another. */
static const int orders[TENSORS] = {60, -60, 0, 30, -100, 90, -30};

static int64_t end_of(int t) {
  return t + 1 < TENSORS ? begins[t + 1] : SLAB;
}

/* Multiples of 2^(order - 23) below 2^order: a few add up exactly in a double. */
static void fill_slab(float *slab, uint64_t seed) {
  for (int p = 0; p < SLAB_PARTS; p++)
    for (int t = 0; t < TENSORS; t++)
      for (int64_t i = begins[t]; i < end_of(t); i++)
        slab[p * (int64_t)SLAB + i] =
            (float)ldexp((double)((int64_t)(unit_bits(&seed) >> 40) - (1 << 23)), orders[t] - 23);
}

static void sum_slab(int threads, float *slab) {
  gan_sums *sums = make_sums(SLAB_PARTS, threads, 1);
  uint64_t count = gan_alloc_count();
  check_ok(gan_sums_slab(sums, gan_comm_alone(), SLAB_PARTS, SLAB, TENSORS, begins, slab, "a sum"));
  ck_assert_uint_eq(gan_alloc_count(), count);
  gan_sums_destroy(&sums);
}

/* The numbers lie on their tensor's grid, so the sums are exact but for the last rounding. */
START_TEST(slabs_are_exact) {
  float *slab = unit_floats((int64_t)SLAB_PARTS * SLAB);
  double *wanted = gan_alloc(SLAB, sizeof *wanted, "sums");
  fill_slab(slab, 1);
  for (int64_t i = 0; i < SLAB; i++)
    for (int p = 0; p < SLAB_PARTS; p++) wanted[i] += (double)slab[p * (int64_t)SLAB + i];
  sum_slab(1, slab);
  for (int64_t i = 0; i < SLAB; i++)
    if (slab[i] != (float)wanted[i])
      ck_abort_msg("number %lld: %a, not %a", (long long)i, (double)slab[i], wanted[i]);
  gan_free(&slab);
  gan_free(&wanted);
}
END_TEST

START_TEST(slabs_do_not_depend_on_order_or_threads) {
  static const int order[][SLAB_PARTS] = {{0, 2, 1}, {1, 0, 2}, {1, 2, 0}, {2, 0, 1}, {2, 1, 0}};
  int64_t all = (int64_t)SLAB_PARTS * SLAB;
  size_t bytes = SLAB * sizeof(float);
  float *first = unit_floats(all), *slab = unit_floats(all), *mixed = unit_floats(all);
  unit_fill(first, all, 7, -1, 1); /* of all magnitudes: rounded */
  for (int64_t i = 0; i < all; i += 3) first[i] *= 0x1p-20f;
  memcpy(slab, first, (size_t)all * sizeof *slab);
  sum_slab(1, slab);
  for (int k = 0; k < 5; k++) {
    int64_t differ = 0;
    for (int p = 0; p < SLAB_PARTS; p++)
      memcpy(mixed + p * (int64_t)SLAB, first + order[k][p] * (int64_t)SLAB, bytes);
    for (int64_t i = 0; i < SLAB; i++)
      differ += first[i] + first[SLAB + i] + first[2 * (int64_t)SLAB + i] !=
                mixed[i] + mixed[SLAB + i] + mixed[2 * (int64_t)SLAB + i];
    if (k != 1) ck_assert_int_gt(differ, 0); /* so the numbers are a test; a + b is b + a */
    sum_slab(k % 4 + 1, mixed);
    ck_assert_msg(memcmp(mixed, slab, bytes) == 0, "order %d, %d threads", k, k % 4 + 1);
  }
  gan_free(&first);
  gan_free(&slab);
  gan_free(&mixed);
}
END_TEST

/* One number spoils its tensor and no other, in whichever part and piece it lies. */
START_TEST(slabs_that_are_not_finite) {
  static const struct {
    int tensor, part;
    float value;
  } rows[] = {{0, 1, INFINITY}, {2, 0, NAN}, {3, 2, -INFINITY}, {6, 1, NAN}};
  float *first = unit_floats((int64_t)SLAB_PARTS * SLAB);
  float *slab = unit_floats((int64_t)SLAB_PARTS * SLAB);
  float *good = unit_floats((int64_t)SLAB_PARTS * SLAB);
  size_t bytes = SLAB_PARTS * sizeof(float) * SLAB;
  fill_slab(first, 8);
  memcpy(good, first, bytes);
  sum_slab(1, good);
  for (size_t r = 0; r < sizeof rows / sizeof *rows; r++) {
    int t = rows[r].tensor;
    memcpy(slab, first, bytes);
    slab[rows[r].part * (int64_t)SLAB + end_of(t) - 1] = rows[r].value;
    sum_slab(2, slab);
    for (int64_t i = 0; i < SLAB; i++) {
      bool inside = i >= begins[t] && i < end_of(t);
      if (inside ? !isnan(slab[i]) : slab[i] != good[i])
        ck_abort_msg("row %zu, number %lld: %g", r, (long long)i, (double)slab[i]);
    }
  }
  gan_free(&first);
  gan_free(&slab);
  gan_free(&good);
}
END_TEST

/* Zeros stay, the least numbers there are add up, and the largest pass the end of floats. */
START_TEST(slabs_at_the_ends_of_floats) {
  enum { N = 5 };
  static const int64_t starts[] = {0, 2, 4};
  float slab[2 * N] = {0, -0.0f, 0x1p-149f, 0x3p-149f,  0x1.8p127f,
                       0, -0.0f, 0x1p-149f, -0x1p-149f, 0x1.8p127f};
  gan_sums *sums = make_sums(512, 1, 1);
  check_ok(gan_sums_slab(sums, gan_comm_alone(), 2, N, 3, starts, slab, "a sum"));
  ck_assert_float_eq(slab[0], 0);
  ck_assert_float_eq(slab[1], 0);
  ck_assert_float_eq(slab[2], 0x2p-149f);
  ck_assert_float_eq(slab[3], 0x2p-149f);
  ck_assert_float_infinite(slab[4]);
  gan_sums_destroy(&sums);
}
END_TEST

/* As many parts as there is room for, each as large as its grid allows. */
START_TEST(slabs_of_largest_numbers_fit) {
  enum { N = 3, MOST = 512 };
  static const int64_t starts[] = {0};
  static float slab[MOST * N];
  for (int parts = 1; parts <= MOST; parts *= 2) {
    gan_sums *sums = make_sums(parts, 1, 1);
    for (int i = 0; i < parts * N; i++) slab[i] = i % N == 1 ? 0x1.fffffep-1f : -0x1.fffffep-1f;
    check_ok(gan_sums_slab(sums, gan_comm_alone(), parts, N, 1, starts, slab, "a sum"));
    ck_assert_float_eq(slab[0], -0x1.fffffep-1f * (float)parts);
    ck_assert_float_eq(slab[1], 0x1.fffffep-1f * (float)parts);
    gan_sums_destroy(&sums);
  }
}
END_TEST

START_TEST(sums_take_no_memory) {
  static double values[PARTS * STRIDE];
  double totals[NUMBERS];
  gan_sums *sums = make_sums(PARTS, 2, NUMBERS);
  fill_doubles(values, 9);
  uint64_t count = gan_alloc_count();
  check_ok(
      gan_sums_doubles(sums, gan_comm_alone(), PARTS, NUMBERS, STRIDE, values, totals, "a sum"));
  ck_assert_uint_eq(gan_alloc_count(), count);
  gan_sums_destroy(&sums);
  ck_assert_ptr_null(sums);
  gan_sums_destroy(&sums);
}
END_TEST

int main(void) {
  const unit_test tests[] = {
      {doubles_do_not_depend_on_the_order, 1},
      {doubles_are_exact_to_their_grid, 1},
      {doubles_survive_up_to_512_parts, 1},
      {doubles_cancel_exactly, 1},
      {doubles_that_are_not_finite, 1},
      {slabs_are_exact, 1},
      {slabs_do_not_depend_on_order_or_threads, 1},
      {slabs_that_are_not_finite, 1},
      {slabs_at_the_ends_of_floats, 1},
      {slabs_of_largest_numbers_fit, 1},
      {sums_take_no_memory, 1},
  };
  return UNIT_MAIN("sums", tests);
}
