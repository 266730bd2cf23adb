/* The loader against its contract, written again here: shard s gives its positions
 * p = draw * quota + i, which is row perm(seed, s, p / n_s)[p mod n_s] of the shard. */
#include "base/memory.h"
#include "data/loader.h"
#include "unit/data_support.h"

#include <math.h>
#include <string.h>

/* A data set whose row i is (i / 256, i mod 256), so that what a loader gives tells the row; the
 * part that rank `rank` of `ranks` holds. */
static gan_dataset *make(int64_t n, int64_t shards, int64_t batch, int rank, int ranks) {
  gan_dataset *set = gan_alloc(1, sizeof *set, "a data set");
  ck_assert_ptr_nonnull(set);
  set->info = (gan_data_info){.n = n, .h = 1, .w = 1, .c = 2, .type = GAN_U8};
  set->shards = gan_shards_of(n, shards, batch, rank, ranks);
  set->scale = 1;
  int64_t first = gan_shards_first_row(&set->shards), rows = gan_shards_rows(&set->shards);
  uint8_t *bytes = gan_alloc((size_t)rows, 2, "rows");
  for (int64_t i = 0; i < rows; i++) {
    bytes[2 * i] = (uint8_t)((first + i) / 256);
    bytes[2 * i + 1] = (uint8_t)((first + i) % 256);
  }
  set->rows = bytes;
  return set;
}

/* The rows of the data that a batch holds, in order. */
static void batch_of(gan_loader *loader, const gan_dataset *set, uint64_t draw, int64_t *rows) {
  int64_t samples = gan_shards_samples(&set->shards);
  float *out = unit_floats(2 * samples);
  uint64_t drawn = draw * (uint64_t)gan_shards_quota(&set->shards);
  check_ok(gan_loader_next(loader, drawn, 0, samples, out, NULL));
  for (int64_t i = 0; i < samples; i++)
    rows[i] = (int64_t)out[2 * i] * 256 + (int64_t)out[2 * i + 1];
  gan_free(&out);
}

/* The contract, position by position, with nothing kept from one to the next. */
static int64_t wanted_row(const gan_dataset *set, uint64_t seed, uint64_t draw, int64_t sample) {
  int64_t n = set->info.n, v = set->shards.count, quota = set->shards.batch / v;
  int64_t s = sample / quota, begin = s * (n / v) + (s < n % v ? s : n % v);
  uint32_t rows = (uint32_t)(n / v + (s < n % v)), order[4096];
  uint64_t position = draw * (uint64_t)quota + (uint64_t)(sample % quota);
  gan_rng rng = gan_rng_stream(seed, GAN_RNG_SHUFFLE, 0, 0, (uint32_t)s);
  gan_rng_permutation(rng, position / rows, rows, order);
  return begin + order[position % rows];
}

/* Rows, shards, batch: even and odd shares, a batch that divides nothing, one that holds all the
 * data, and one that holds it several times over. */
static const struct {
  int64_t n, shards, batch;
} cases[] = {{12, 4, 4},   {13, 4, 8},  {100, 5, 15}, {97, 1, 10}, {97, 8, 24},    {16, 16, 16},
             {17, 16, 16}, {30, 3, 30}, {10, 2, 64},  {7, 7, 21},  {1797, 16, 64}, {1000, 3, 333}};
enum { CASES = sizeof cases / sizeof *cases, BATCH_MAX = 512 };

START_TEST(batches_follow_the_contract) {
  enum { SEED = 11 };
  gan_dataset *set = make(cases[_i].n, cases[_i].shards, cases[_i].batch, 0, 1);
  gan_loader *loader;
  int64_t rows[BATCH_MAX];
  check_ok(gan_loader_create(set, SEED, &loader));
  uint64_t draws = (uint64_t)(3 * cases[_i].n / cases[_i].batch + 3); /* over three epochs */
  for (uint64_t draw = 0; draw < draws; draw++) {
    batch_of(loader, set, draw, rows);
    for (int64_t i = 0; i < cases[_i].batch; i++)
      if (rows[i] != wanted_row(set, SEED, draw, i))
        ck_abort_msg("draw %d, sample %d is row %d", (int)draw, (int)i, (int)rows[i]);
  }
  gan_loader_destroy(&loader);
  gan_dataset_destroy(&set);
}
END_TEST

/* From the definition of an epoch alone: each shard deals its rows out once before any again. */
START_TEST(every_row_once_an_epoch) {
  gan_dataset *set = make(cases[_i].n, cases[_i].shards, cases[_i].batch, 0, 1);
  int64_t rows[BATCH_MAX], quota = gan_shards_quota(&set->shards), dealt[16] = {0};
  int *times = gan_alloc((size_t)cases[_i].n, sizeof *times, "counts");
  gan_loader *loader;
  check_ok(gan_loader_create(set, 5, &loader));
  for (uint64_t draw = 0; draw < (uint64_t)(4 * cases[_i].n / cases[_i].batch + 4); draw++) {
    batch_of(loader, set, draw, rows);
    for (int64_t i = 0; i < cases[_i].batch; i++) {
      int64_t s = i / quota, size = gan_shard_rows(&set->shards, s);
      int64_t begin = gan_part_begin(cases[_i].n, cases[_i].shards, s);
      if (rows[i] < begin || rows[i] >= begin + size) ck_abort_msg("a row of another shard");
      if (times[rows[i]]++ != dealt[s] / size) ck_abort_msg("row %d comes too soon", (int)rows[i]);
      dealt[s]++;
    }
  }
  gan_loader_destroy(&loader);
  gan_dataset_destroy(&set);
  gan_free(&times);
}
END_TEST

/* Draws in any order, and from a fresh loader, as a resumed run asks for them. */
START_TEST(draws_stand_alone) {
  static const uint64_t draws[] = {7, 0, 100, 99, 7, 1u << 20, 3, ((uint64_t)1 << 40) + 5};
  gan_dataset *set = make(97, 4, 12, 0, 1);
  gan_loader *loader;
  int64_t rows[12], fresh[12];
  check_ok(gan_loader_create(set, 1, &loader));
  for (size_t i = 0; i < sizeof draws / sizeof *draws; i++) {
    gan_loader *other;
    check_ok(gan_loader_create(set, 1, &other));
    batch_of(loader, set, draws[i], rows);
    batch_of(other, set, draws[i], fresh);
    ck_assert_mem_eq(rows, fresh, sizeof rows);
    for (int64_t k = 0; k < 12; k++) ck_assert_int_eq(rows[k], wanted_row(set, 1, draws[i], k));
    gan_loader_destroy(&other);
  }
  gan_loader_destroy(&loader);
  gan_dataset_destroy(&set);
}
END_TEST

/* How many of an epoch's places two orders share; unrelated ones share one on average. */
static int same_places(const int64_t *a, const int64_t *b, int n) {
  int same = 0;
  for (int i = 0; i < n; i++) same += a[i] == b[i];
  return same;
}

START_TEST(order_depends_on_seed_shard_and_epoch) {
  enum { N = 200, FEW = 12 }; /* P(more than 12 fixed points of a permutation) is about 1e-10 */
  gan_dataset *set = make(2 * N, 2, 2 * N, 0, 1);
  gan_loader *one, *again, *other;
  int64_t first[2 * N], same[2 * N], seeded[2 * N], later[2 * N];
  check_ok(gan_loader_create(set, 1, &one));
  check_ok(gan_loader_create(set, 1, &again));
  check_ok(gan_loader_create(set, 2, &other));
  batch_of(one, set, 0, first);
  batch_of(again, set, 0, same);
  batch_of(other, set, 0, seeded);
  batch_of(one, set, 1, later);
  ck_assert_mem_eq(first, same, sizeof first);
  ck_assert_int_le(same_places(first, seeded, 2 * N), FEW);
  ck_assert_int_le(same_places(first, later, 2 * N), FEW);
  for (int i = 0; i < N; i++) seeded[i] = first[N + i] - N; /* the other shard's order */
  ck_assert_int_le(same_places(first, seeded, N), FEW);
  for (int i = 0; i < N; i++) seeded[i] = i; /* the data's own */
  ck_assert_int_le(same_places(first, seeded, N), FEW);
  gan_loader_destroy(&one);
  gan_loader_destroy(&again);
  gan_loader_destroy(&other);
  gan_dataset_destroy(&set);
}
END_TEST

/* The ranks' parts of a batch, one behind the other, are the batch of one rank. */
START_TEST(ranks_share_a_batch) {
  for (int ranks = 2; ranks <= 5; ranks++)
    for (uint64_t draw = 0; draw < 40; draw++) {
      int64_t whole[30], parts[30], at = 0;
      gan_dataset *set = make(101, 5, 30, 0, 1);
      gan_loader *loader;
      check_ok(gan_loader_create(set, 3, &loader));
      batch_of(loader, set, draw, whole);
      gan_loader_destroy(&loader);
      gan_dataset_destroy(&set);
      for (int rank = 0; rank < ranks; rank++) {
        set = make(101, 5, 30, rank, ranks);
        check_ok(gan_loader_create(set, 3, &loader));
        batch_of(loader, set, draw, parts + at);
        at += gan_shards_samples(&set->shards);
        gan_loader_destroy(&loader);
        gan_dataset_destroy(&set);
      }
      ck_assert_mem_eq(whole, parts, sizeof whole);
    }
}
END_TEST

/* The map to the networks' range: value * scale + offset, rounded once. */
START_TEST(values_are_scaled) {
  static const struct {
    int type;
    unit_value value;
    gan_range range;
    double scale, offset;
  } maps[] = {{IDX_U8, unit_byte, GAN_RANGE_UNIT, 1 / 255.0, 0},
              {IDX_U8, unit_byte, GAN_RANGE_SYMMETRIC, 2 / 255.0, -1},
              {IDX_U8, unit_byte, GAN_RANGE_NONE, 1, 0},
              {IDX_F32, unit_real, GAN_RANGE_NONE, 1, 0},
              {IDX_F64, unit_real, GAN_RANGE_NONE, 1, 0}};
  static const int64_t dims[] = {10, 3, 5};
  gan_config config;
  gan_dataset *set;
  gan_loader *loader;
  float out[10 * 15];
  unit_write_idx(unit_path("set"), maps[_i].type, 3, dims, maps[_i].value);
  check_ok(unit_dataset(unit_path("set"), "train.batch: 10\ndata.shards: 1", maps[_i].range,
                        &config, &set));
  check_ok(gan_loader_create(set, 9, &loader));
  check_ok(gan_loader_next(loader, 40, 0, 10, out, NULL));
  for (int64_t i = 0; i < 10; i++) {
    int64_t row = wanted_row(set, 9, 4, i);
    for (int64_t k = 0; k < 15; k++) {
      double wanted = maps[_i].value(row * 15 + k) * maps[_i].scale + maps[_i].offset;
      /* the double's own rounding may tip the last bit of a float */
      if (fabs((double)out[i * 15 + k] - wanted) > 6.1e-8)
        ck_abort_msg("row %d, number %d: %g, not %g", (int)row, (int)k, (double)out[i * 15 + k],
                     wanted);
    }
  }
  gan_loader_destroy(&loader);
  gan_dataset_destroy(&set);
  gan_config_reset(&config);
}
END_TEST

START_TEST(takes_no_memory) {
  gan_dataset *set = make(97, 4, 12, 0, 1);
  gan_loader *loader;
  float out[24];
  check_ok(gan_loader_create(set, 1, &loader));
  uint64_t count = gan_alloc_count();
  for (uint64_t draw = 0; draw < 50; draw++)
    check_ok(gan_loader_next(loader, 3 * draw, 0, 12, out, NULL));
  ck_assert_uint_eq(gan_alloc_count(), count);
  gan_loader_destroy(&loader);
  gan_dataset_destroy(&set);
}
END_TEST

int main(void) {
  const unit_test tests[] = {
      {batches_follow_the_contract, CASES},
      {every_row_once_an_epoch, CASES},
      {draws_stand_alone, 1},
      {order_depends_on_seed_shard_and_epoch, 1},
      {ranks_share_a_batch, 1},
      {values_are_scaled, 5},
      {takes_no_memory, 1},
  };
  return UNIT_MAIN("loader", tests);
}
