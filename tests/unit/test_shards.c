/* Who holds what: every small case, against counting one by one. */
#include "data/shards.h"
#include "unit/support.h"

/* Deals n things out to parts in turn, as the first parts take the larger shares. */
static int64_t share(int64_t n, int64_t parts, int64_t part) {
  int64_t count = 0;
  for (int64_t i = 0; i < n; i++) count += i % parts == part;
  return count;
}

START_TEST(parts_are_shares_in_order) {
  for (int64_t n = 0; n <= 60; n++)
    for (int64_t parts = 1; parts <= 17; parts++) {
      int64_t begin = 0;
      for (int64_t i = 0; i <= parts; i++) {
        ck_assert_int_eq(gan_part_begin(n, parts, i), begin);
        begin += i < parts ? share(n, parts, i) : 0;
      }
      ck_assert_int_eq(begin, n);
    }
}
END_TEST

START_TEST(large_numbers_do_not_overflow) {
  static const int64_t ns[] = {INT64_C(1) << 40, (INT64_C(1) << 62) + 12345, INT64_MAX, 4294967297};
  static const int64_t parts[] = {1, 3, 16, 65535, 65536};
  for (size_t a = 0; a < 4; a++)
    for (size_t b = 0; b < 5; b++) {
      int64_t n = ns[a], v = parts[b], small = n / v;
      ck_assert_int_eq(gan_part_begin(n, v, 0), 0);
      ck_assert_int_eq(gan_part_begin(n, v, v), n);
      for (int64_t i = 0; i < v; i += v / 50 + 1) {
        int64_t size = gan_part_begin(n, v, i + 1) - gan_part_begin(n, v, i);
        ck_assert_int_eq(size, small + (i < n % v));
      }
    }
}
END_TEST

/* One rank's view must agree with the count over all shards and ranks before it. */
static void check_ranks(int64_t n, int64_t count, int64_t quota, int ranks) {
  int64_t shard = 0, row = 0, sample = 0, least = count, most = 0;
  for (int rank = 0; rank < ranks; rank++) {
    gan_shards s = gan_shards_of(n, count, count * quota, rank, ranks);
    ck_assert_int_eq(s.n, n);
    ck_assert_int_eq(s.first, shard);
    ck_assert_int_ge(s.owned, 1);
    ck_assert_int_eq(gan_shards_quota(&s), quota);
    ck_assert_int_eq(gan_shards_first_row(&s), row);
    ck_assert_int_eq(gan_shards_first_sample(&s), sample);
    int64_t rows = 0;
    for (int64_t i = 0; i < s.owned; i++) {
      ck_assert_int_eq(gan_shard_rows(&s, s.first + i), share(n, count, s.first + i));
      rows += share(n, count, s.first + i);
    }
    ck_assert_int_eq(gan_shards_rows(&s), rows);
    ck_assert_int_eq(gan_shards_samples(&s), s.owned * quota);
    if (s.owned < least) least = s.owned;
    if (s.owned > most) most = s.owned;
    shard += s.owned;
    row += rows;
    sample += s.owned * quota;
  }
  ck_assert_int_eq(shard, count);
  ck_assert_int_eq(row, n);
  ck_assert_int_eq(sample, count * quota);
  ck_assert_int_le(most - least, 1);
}

START_TEST(ranks_own_runs_of_whole_shards) {
  static const int64_t ns[] = {0, 1, 2, 3, 5, 7, 11, 12, 13, 16, 17, 29, 64, 97, 100};
  for (size_t a = 0; a < sizeof ns / sizeof *ns; a++)
    for (int64_t count = 1; count <= 13; count++)
      for (int ranks = 1; ranks <= count; ranks++)
        for (int64_t quota = 1; quota <= 3; quota++) check_ranks(ns[a], count, quota, ranks);
  check_ranks(1797, 16, 8, 7);
  check_ranks(60000, 64, 2, 48);
}
END_TEST

int main(void) {
  const unit_test tests[] = {
      {parts_are_shares_in_order, 1},
      {large_numbers_do_not_overflow, 1},
      {ranks_own_runs_of_whole_shards, 1},
  };
  return UNIT_MAIN("shards", tests);
}
