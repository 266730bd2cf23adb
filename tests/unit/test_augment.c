/* Augmented images: every pixel tells where it comes from, so that a batch shows which view it is
 * of what row; views against their definition, their law, and what they must not depend on. */
#include "base/memory.h"
#include "data/loader.h"
#include "unit/data_support.h"

#include <math.h>
#include <string.h>

enum { ROWS = 60, HEIGHT = 7, WIDTH = 5, SIZE = HEIGHT * WIDTH * 2, SEED = 9, PADDING = 2 };
enum { BATCH = 12, SHARDS = 4, QUOTA = BATCH / SHARDS };

/* Pixel (y, x) of row i is (10 y + x + 1, i + 1); 0 is padding. */
static uint8_t *make_rows(int64_t first, int64_t count) {
  uint8_t *rows = gan_alloc((size_t)count, SIZE, "rows"), *at = rows;
  ck_assert_ptr_nonnull(rows);
  for (int64_t i = first; i < first + count; i++)
    for (int y = 0; y < HEIGHT; y++)
      for (int x = 0; x < WIDTH; x++) {
        *at++ = (uint8_t)(10 * y + x + 1);
        *at++ = (uint8_t)(i + 1);
      }
  return rows;
}

static gan_dataset *make(gan_augment augment, int rank, int ranks) {
  gan_dataset *set = gan_alloc(1, sizeof *set, "a data set");
  ck_assert_ptr_nonnull(set);
  set->info = (gan_data_info){.n = ROWS, .h = HEIGHT, .w = WIDTH, .c = 2, .type = GAN_U8};
  set->shards = gan_shards_of(ROWS, SHARDS, BATCH, rank, ranks);
  set->augment = augment;
  set->scale = 1;
  set->rows = make_rows(gan_shards_first_row(&set->shards), gan_shards_rows(&set->shards));
  return set;
}

typedef struct {
  int row, mirrored, down, right;
} seen;

static bool shows(const float *image, seen view) {
  for (int y = 0, i = 0; y < HEIGHT; y++)
    for (int x = 0; x < WIDTH; x++, i += 2) {
      int from_y = y + view.down, from_x = (view.mirrored ? WIDTH - 1 - x : x) + view.right;
      bool inside = from_y >= 0 && from_y < HEIGHT && from_x >= 0 && from_x < WIDTH;
      if (image[i] != (inside ? (float)(10 * from_y + from_x + 1) : 0)) return false;
      if (image[i + 1] != (inside ? (float)(view.row + 1) : 0)) return false;
    }
  return true;
}

/* Which view of which row it is; exactly one within a margin larger than the padding. */
static seen look(const float *image) {
  seen found = {.row = -1};
  int row = (int)image[2 * (HEIGHT / 2 * WIDTH + WIDTH / 2) + 1] - 1; /* the middle is inside */
  for (int m = 0; m < 2; m++)
    for (int d = -PADDING - 1; d <= PADDING + 1; d++)
      for (int r = -PADDING - 1; r <= PADDING + 1; r++) {
        seen view = {row, m, d, r};
        if (!shows(image, view)) continue;
        ck_assert_int_eq(found.row, -1);
        found = view;
      }
  ck_assert_int_ge(found.row, 0);
  return found;
}

/* ---- what a view is ---- */

static const gan_augment augments[] = {{true, 0}, {false, 1}, {true, PADDING}};

static void check_law(const int *counts, int n, int total) {
  double chi_square = 0, each = (double)total / n;
  for (int i = 0; i < n; i++) chi_square += (counts[i] - each) * (counts[i] - each) / each;
  ck_assert_double_lt(chi_square, unit_chi_square_bound(n - 1));
}

/* All views that are asked for come, equally often, and no others. */
START_TEST(views_follow_their_law) {
  gan_augment augment = augments[_i];
  gan_dataset *set = make(augment, 0, 1);
  gan_loader *loader;
  int flips[2] = {0}, shifts[2 * PADDING + 1][2 * PADDING + 1] = {{0}}, total = 0;
  int pad = (int)augment.padding, side = 2 * pad + 1;
  float out[BATCH * SIZE];
  check_ok(gan_loader_create(set, SEED, &loader));
  for (uint64_t draw = 0; draw < 300; draw++) {
    check_ok(gan_loader_next(loader, QUOTA * draw, 0, BATCH, out, NULL));
    for (int i = 0; i < BATCH; i++, total++) {
      seen view = look(out + i * SIZE);
      ck_assert(view.down >= -pad && view.down <= pad && view.right >= -pad && view.right <= pad);
      flips[view.mirrored]++;
      shifts[view.down + pad][view.right + pad]++;
    }
  }
  if (augment.flip)
    check_law(flips, 2, total);
  else
    ck_assert_int_eq(flips[1], 0);
  int cells[(2 * PADDING + 1) * (2 * PADDING + 1)], n = 0;
  for (int d = 0; d < side; d++)
    for (int r = 0; r < side; r++) cells[n++] = shifts[d][r];
  if (pad) check_law(cells, n, total);
  gan_loader_destroy(&loader);
  gan_dataset_destroy(&set);
}
END_TEST

/* The same rows in the same order as without. */
START_TEST(order_stays) {
  gan_dataset *plain_set = make((gan_augment){0}, 0, 1), *set = make(augments[2], 0, 1);
  gan_loader *plain, *loader;
  float a[BATCH * SIZE], b[BATCH * SIZE];
  check_ok(gan_loader_create(plain_set, SEED, &plain));
  check_ok(gan_loader_create(set, SEED, &loader));
  for (uint64_t draw = 0; draw < 40; draw++) {
    check_ok(gan_loader_next(plain, QUOTA * draw, 0, BATCH, a, NULL));
    check_ok(gan_loader_next(loader, QUOTA * draw, 0, BATCH, b, NULL));
    for (int i = 0; i < BATCH; i++) {
      seen view = look(a + i * SIZE);
      ck_assert(!view.mirrored && !view.down && !view.right);
      ck_assert_int_eq(view.row, look(b + i * SIZE).row);
    }
  }
  gan_loader_destroy(&plain);
  gan_loader_destroy(&loader);
  gan_dataset_destroy(&plain_set);
  gan_dataset_destroy(&set);
}
END_TEST

/* A row is seen in another way each epoch; no two of six epochs all alike. */
START_TEST(epochs_differ) {
  gan_dataset *set = make(augments[2], 0, 1);
  gan_loader *loader;
  enum { EPOCHS = 6 };
  seen views[EPOCHS][ROWS];
  float out[BATCH * SIZE];
  check_ok(gan_loader_create(set, SEED, &loader));
  for (int epoch = 0; epoch < EPOCHS; epoch++)
    for (int draw = 0; draw < ROWS / BATCH; draw++) {
      uint64_t drawn = (uint64_t)(QUOTA * (epoch * (ROWS / BATCH) + draw));
      check_ok(gan_loader_next(loader, drawn, 0, BATCH, out, NULL));
      for (int i = 0; i < BATCH; i++) {
        seen view = look(out + i * SIZE);
        views[epoch][view.row] = view;
      }
    }
  for (int a = 0; a < EPOCHS; a++)
    for (int b = 0; b < a; b++) {
      int same = 0;
      for (int i = 0; i < ROWS; i++) same += !memcmp(&views[a][i], &views[b][i], sizeof(seen));
      ck_assert_int_lt(same, 12); /* 60 rows, 50 views: 1.2 on average */
    }
  gan_loader_destroy(&loader);
  gan_dataset_destroy(&set);
}
END_TEST

/* ---- what it must not depend on ---- */

/* Ranks' parts one behind the other, pieces, fresh loaders and any order: always the same batch. */
START_TEST(only_seed_shard_and_position_count) {
  gan_dataset *whole_set = make(augments[2], 0, 1);
  gan_loader *whole, *part, *other;
  float whole_batch[BATCH * SIZE], parts[BATCH * SIZE];
  check_ok(gan_loader_create(whole_set, SEED, &whole));
  check_ok(gan_loader_create(whole_set, SEED + 1, &other));
  for (int ranks = 1; ranks <= SHARDS; ranks++) {
    uint64_t state = (uint64_t)ranks;
    for (int i = 0; i < 20; i++) {
      uint64_t drawn = unit_bits(&state) % 1000 * QUOTA + (i == 7 ? (uint64_t)QUOTA << 40 : 0);
      check_ok(gan_loader_next(whole, drawn, 0, BATCH, whole_batch, NULL));
      float *to = parts;
      for (int rank = 0; rank < ranks; rank++) {
        gan_dataset *set = make(augments[2], rank, ranks);
        check_ok(gan_loader_create(set, SEED, &part)); /* as behind a resume */
        int64_t samples = gan_shards_samples(&set->shards), cut = 1 + samples / 3;
        check_ok(gan_loader_next(part, drawn, 0, cut, to, NULL));
        check_ok(gan_loader_next(part, drawn, cut, samples - cut, to + cut * SIZE, NULL));
        to += samples * SIZE;
        gan_loader_destroy(&part);
        gan_dataset_destroy(&set);
      }
      ck_assert_mem_eq(whole_batch, parts, sizeof parts);
    }
  }
  check_ok(gan_loader_next(whole, 0, 0, BATCH, whole_batch, NULL));
  check_ok(gan_loader_next(other, 0, 0, BATCH, parts, NULL));
  ck_assert_mem_ne(whole_batch, parts, sizeof parts);
  gan_loader_destroy(&whole);
  gan_loader_destroy(&other);
  gan_dataset_destroy(&whole_set);
}
END_TEST

START_TEST(takes_no_memory) {
  gan_dataset *set = make(augments[2], 0, 1);
  gan_loader *loader;
  float out[BATCH * SIZE];
  check_ok(gan_loader_create(set, SEED, &loader));
  uint64_t count = gan_alloc_count();
  for (uint64_t draw = 0; draw < 50; draw++)
    check_ok(gan_loader_next(loader, QUOTA * draw, 0, BATCH, out, NULL));
  ck_assert_uint_eq(gan_alloc_count(), count);
  gan_loader_destroy(&loader);
  gan_dataset_destroy(&set);
}
END_TEST

/* ---- from a config ---- */

/* Padding is what the networks see of the data's lowest value, also of floats. */
START_TEST(padding_is_the_lowest_value) {
  static const int64_t dims[] = {20, 6, 6};
  static const gan_range ranges[] = {GAN_RANGE_UNIT, GAN_RANGE_SYMMETRIC, GAN_RANGE_NONE,
                                     GAN_RANGE_NONE};
  static const float wanted[] = {0, -1, 0, -2}; /* unit_real goes from -2 on */
  gan_config config;
  gan_dataset *set;
  gan_loader *loader;
  float out[20 * 36];
  bool real = _i == 3;
  unit_write_idx(unit_path("set"), real ? IDX_F32 : IDX_U8, 3, dims, real ? unit_real : unit_byte);
  check_ok(unit_dataset(unit_path("set"), "data.crop_padding: 5\ntrain.batch: 20\ndata.shards: 1",
                        ranges[_i], &config, &set));
  check_ok(gan_loader_create(set, SEED, &loader));
  check_ok(gan_loader_next(loader, 0, 0, 20, out, NULL));
  int padded = 0;
  for (int i = 0; i < 20 * 36; i++) padded += out[i] == (real ? (float)set->low : wanted[_i]);
  ck_assert_int_gt(padded, 20 * 36 / 3); /* half is padding, on average */
  gan_loader_destroy(&loader);
  gan_dataset_destroy(&set);
  gan_config_reset(&config);
}
END_TEST

START_TEST(what_is_refused) {
  static const int64_t points[] = {20, 6}, images[] = {20, 6, 4};
  static const struct {
    const char *path, *keys, *message;
  } wrong[] = {
      {"points", "data.flip: true", "key 'data.flip' is for images; the data is 20 points"},
      {"points", "data.crop_padding: 1", "key 'data.crop_padding' is for images"},
      {"images", "data.crop_padding: 4",
       "is 4: a crop could lie outside of images of 6x4; "
       "use at most 3"},
      {"images", "data.crop_padding: -1", "an integer from 0"}};
  unit_write_idx(unit_path("points"), IDX_U8, 2, points, unit_byte);
  unit_write_idx(unit_path("images"), IDX_U8, 3, images, unit_byte);
  gan_config config;
  gan_dataset *set;
  for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
    check_fails(
        unit_dataset(unit_path("%s", wrong[i].path), wrong[i].keys, GAN_RANGE_NONE, &config, &set),
        GAN_USAGE, "run.yaml:4", wrong[i].message);
    gan_config_reset(&config);
  }
  check_ok(unit_dataset(unit_path("images"),
                        "data.crop_padding: 3\ndata.flip: true\ntrain.batch: 4", GAN_RANGE_NONE,
                        &config, &set));
  ck_assert(set->augment.flip && set->augment.padding == 3);
  gan_dataset_destroy(&set);
  gan_config_reset(&config);
}
END_TEST

int main(void) {
  const unit_test tests[] = {
      {views_follow_their_law, 3}, {order_stays, 1},
      {epochs_differ, 1},          {only_seed_shard_and_position_count, 1},
      {takes_no_memory, 1},        {padding_is_the_lowest_value, 4},
      {what_is_refused, 1},
  };
  return UNIT_MAIN("augment", tests);
}
