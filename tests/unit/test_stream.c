/* Streamed data: the loader against the definition of its order, written again here from rows that
 * tell their number; what a run looks at before; and files that cannot be read. */
#include "base/clock.h"
#include "base/memory.h"
#include "data/convert.h"
#include "data/loader.h"
#include "unit/data_support.h"

#include <fcntl.h>
#include <math.h>
#include <string.h>
#include <unistd.h>

enum { ROWS_MAX = 2048, BATCH_MAX = 512, SEED = 11 };

/* ---- files ---- */

/* An HDF5 file of one dataset of floats or bytes, with the range as attributes where `extent`. */
static const char *write_images(const char *name, gan_dtype type, int rank, const int64_t *dims,
                                const void *values, const double *extent) {
  const char *path = unit_path("%s", name);
  gan_h5 *file;
  char *image;
  size_t n;
  check_ok(gan_h5_create(&file));
  check_ok(gan_h5_write(file, "images", type, rank, dims, values));
  if (extent) check_ok(gan_h5_set_real(file, "images", "minimum", extent[0]));
  if (extent) check_ok(gan_h5_set_real(file, "images", "maximum", extent[1]));
  check_ok(gan_h5_image(file, &image, &n));
  gan_h5_close(&file);
  unit_write(path, image, n);
  gan_free(&image);
  return path;
}

/* Row i is (i / 256, i mod 256). */
static const char *write_numbered(int64_t n) {
  static uint8_t bytes[2 * ROWS_MAX];
  int64_t dims[] = {n, 2};
  for (int64_t i = 0; i < n; i++) {
    bytes[2 * i] = (uint8_t)(i / 256);
    bytes[2 * i + 1] = (uint8_t)(i % 256);
  }
  return write_images("numbered.h5", GAN_U8, 2, dims, bytes, NULL);
}

/* The part of rank `rank` of `ranks` of an opened file, cut so. */
static gan_dataset *make(const char *path, gan_dtype type, int64_t n, int64_t shards, int64_t batch,
                         gan_window_cut cut, int rank, int ranks) {
  gan_dataset *set = gan_alloc(1, sizeof *set, "a data set");
  ck_assert_ptr_nonnull(set);
  set->spec = (gan_source_spec){.path = path, .images = "images", .labels = "labels"};
  set->info = (gan_data_info){.n = n, .h = 1, .w = 1, .c = 2, .type = type};
  set->shards = gan_shards_of(n, shards, batch, rank, ranks);
  set->cut = cut;
  set->scale = 1;
  return set;
}

/* ---- order ---- */

static const struct {
  int64_t n, shards, batch;
  gan_window_cut cut;
} cases[] = {{12, 4, 4, {1, 2}},     {13, 4, 8, {2, 1}},     {100, 5, 15, {3, 2}},
             {97, 1, 10, {5, 4}},    {97, 8, 24, {2, 3}},    {16, 16, 16, {1, 1}},
             {17, 16, 16, {1, 16}},  {30, 3, 30, {4, 3}},    {10, 2, 64, {1, 16}},
             {7, 7, 21, {1, 1}},     {1797, 16, 64, {3, 9}}, {1000, 3, 333, {16, 16}},
             {2000, 4, 40, {1, 17}}, {2000, 2, 500, {50, 5}}};
enum { CASES = sizeof cases / sizeof *cases };

static gan_dataset *make_case(int i, int rank, int ranks) {
  return make(unit_path("numbered.h5"), GAN_U8, cases[i].n, cases[i].shards, cases[i].batch,
              cases[i].cut, rank, ranks);
}

/* The definition (data/window.h), one sample at a time with nothing kept. */
static int64_t wanted_row(const gan_dataset *set, uint64_t seed, uint64_t drawn, int64_t sample) {
  int64_t v = set->shards.count, quota = set->shards.batch / v, s = sample / quota;
  int64_t n = set->info.n / v + (s < set->info.n % v), begin = s * (set->info.n / v);
  begin += s < set->info.n % v ? s : set->info.n % v;
  int64_t block = set->cut.block, many = set->cut.blocks, count = (n + block - 1) / block;
  uint64_t position = drawn + (uint64_t)(sample % quota), epoch = position / (uint64_t)n;
  uint64_t windows = (uint64_t)((count + many - 1) / many);
  uint32_t order[ROWS_MAX], places[ROWS_MAX];
  int64_t place = (int64_t)(position % (uint64_t)n), laid[ROWS_MAX];
  gan_rng_permutation(gan_rng_stream(seed, GAN_RNG_SHUFFLE, 0, 1, (uint32_t)s), epoch,
                      (uint32_t)count, order);
  for (uint64_t w = 0;; w++) {
    int64_t size = 0;
    for (int64_t b = (int64_t)w * many; b < ((int64_t)w + 1) * many && b < count; b++)
      for (int64_t r = order[b] * block; r < (order[b] + 1) * block && r < n; r++) laid[size++] = r;
    if (place >= size) {
      place -= size;
      continue;
    }
    gan_rng_permutation(gan_rng_stream(seed, GAN_RNG_SHUFFLE, 0, 2, (uint32_t)s),
                        epoch * windows + w, (uint32_t)size, places);
    return begin + laid[places[place]];
  }
}

/* The rows of the data that samples first..first+count-1 are. */
static void rows_of(gan_loader *loader, uint64_t drawn, int64_t first, int64_t count,
                    int64_t *rows) {
  float out[2 * BATCH_MAX];
  check_ok(gan_loader_next(loader, drawn, first, count, out, NULL));
  for (int64_t i = 0; i < count; i++) rows[i] = (int64_t)out[2 * i] * 256 + (int64_t)out[2 * i + 1];
}

static void check_batch(gan_loader *loader, const gan_dataset *set, uint64_t seed, uint64_t drawn) {
  int64_t rows[BATCH_MAX];
  rows_of(loader, drawn, 0, set->shards.batch, rows);
  for (int64_t i = 0; i < set->shards.batch; i++)
    if (rows[i] != wanted_row(set, seed, drawn, i))
      ck_abort_msg("drawn %d, sample %d is row %d", (int)drawn, (int)i, (int)rows[i]);
}

START_TEST(batches_follow_the_definition) {
  write_numbered(cases[_i].n);
  gan_dataset *set = make_case(_i, 0, 1);
  gan_loader *loader;
  check_ok(gan_loader_create(set, SEED, &loader));
  uint64_t quota = (uint64_t)gan_shards_quota(&set->shards);
  uint64_t draws = (uint64_t)(3 * cases[_i].n / cases[_i].batch + 3); /* over three epochs */
  for (uint64_t draw = 0; draw < draws; draw++) check_batch(loader, set, SEED, draw * quota);
  gan_loader_destroy(&loader);
  gan_dataset_destroy(&set);
}
END_TEST

/* Draws in any order, and from a fresh loader, as a resumed run asks for them. */
START_TEST(jumps) {
  write_numbered(cases[_i].n);
  gan_dataset *set = make_case(_i, 0, 1);
  gan_loader *loader, *other;
  uint64_t state = 5, quota = (uint64_t)gan_shards_quota(&set->shards);
  check_ok(gan_loader_create(set, SEED, &loader));
  check_batch(loader, set, SEED, (((uint64_t)1 << 40) + 5) * quota);
  for (int i = 0; i < 40; i++) {
    uint64_t draw = unit_bits(&state) % 60;
    check_batch(loader, set, SEED, draw * quota);
    if (i % 3 == 0) check_batch(loader, set, SEED, (draw + 1) * quota);
    if (i % 10) continue;
    check_ok(gan_loader_create(set, SEED + 1, &other));
    check_batch(other, set, SEED + 1, draw * quota);
    gan_loader_destroy(&other);
  }
  gan_loader_destroy(&loader);
  gan_dataset_destroy(&set);
}
END_TEST

/* A batch asked for in pieces, as gradient accumulation does, is the batch. */
START_TEST(pieces) {
  write_numbered(cases[_i].n);
  gan_dataset *set = make_case(_i, 0, 1);
  gan_loader *loader;
  int64_t batch = set->shards.batch, rows[BATCH_MAX];
  uint64_t quota = (uint64_t)gan_shards_quota(&set->shards), state = 3;
  check_ok(gan_loader_create(set, SEED, &loader));
  for (uint64_t draw = 0; draw < 12; draw++) {
    for (int64_t at = 0, count; at < batch; at += count) {
      count = 1 + (int64_t)(unit_bits(&state) % (uint64_t)(batch - at));
      rows_of(loader, draw * quota, at, count, rows + at);
    }
    for (int64_t i = 0; i < batch; i++)
      ck_assert_int_eq(rows[i], wanted_row(set, SEED, draw * quota, i));
  }
  gan_loader_destroy(&loader);
  gan_dataset_destroy(&set);
}
END_TEST

/* The ranks' parts of a batch, one behind the other, are the batch. */
START_TEST(ranks_share_a_batch) {
  write_numbered(cases[_i].n);
  for (int ranks = 2; ranks <= 5 && ranks <= cases[_i].shards; ranks++) {
    gan_dataset *whole = make_case(_i, 0, 1);
    uint64_t quota = (uint64_t)gan_shards_quota(&whole->shards);
    for (int rank = 0; rank < ranks; rank++) {
      gan_dataset *set = make_case(_i, rank, ranks);
      gan_loader *loader;
      int64_t rows[BATCH_MAX], first = gan_shards_first_sample(&set->shards);
      check_ok(gan_loader_create(set, SEED, &loader));
      for (uint64_t draw = 0; draw < 8; draw++) {
        int64_t count = gan_shards_samples(&set->shards);
        rows_of(loader, draw * quota, 0, count, rows);
        for (int64_t i = 0; i < count; i++)
          ck_assert_int_eq(rows[i], wanted_row(whole, SEED, draw * quota, first + i));
      }
      gan_loader_destroy(&loader);
      gan_dataset_destroy(&set);
    }
    gan_dataset_destroy(&whole);
  }
}
END_TEST

START_TEST(takes_no_memory) {
  static float planes[60 * 2 * 3 * 3], out[12 * 18];
  static const int64_t dims[] = {60, 3, 2, 3};
  gan_loader *loader;
  unit_fill(planes, 60 * 18, 1, 0, 1);
  const char *path = write_images("planes.h5", GAN_F32, 4, dims, planes, NULL);
  gan_dataset *set = make(path, GAN_F32, 60, 4, 12, (gan_window_cut){2, 3}, 0, 1);
  set->spec.layout = GAN_LAYOUT_NCHW; /* rows are turned as they come */
  set->info = (gan_data_info){.n = 60, .h = 2, .w = 3, .c = 3, .type = GAN_F32};
  check_ok(gan_loader_create(set, SEED, &loader));
  uint64_t count = gan_alloc_count();
  for (uint64_t draw = 0; draw < 50; draw++)
    check_ok(gan_loader_next(loader, 3 * (draw * 7 % 50), 0, 12, out, NULL));
  ck_assert_uint_eq(gan_alloc_count(), count);
  ck_assert_double_gt(gan_loader_waited(loader), 0);
  gan_loader_destroy(&loader);
  gan_dataset_destroy(&set);
}
END_TEST

/* While one window is used the next one is read: what happens to the file then is met only behind
 * it.  Reading some rows takes far less than the pause. */
START_TEST(reads_ahead) {
  enum { WINDOW = 6 };
  const char *path = write_numbered(64);
  gan_dataset *set = make(path, GAN_U8, 64, 1, 2, (gan_window_cut){2, 3}, 0, 1);
  gan_loader *loader;
  float out[4];
  check_ok(gan_loader_create(set, SEED, &loader));
  check_batch(loader, set, SEED, 0);
  gan_sleep(1.5);
  ck_assert_int_eq(truncate(path, 700), 0);
  for (uint64_t drawn = 2; drawn < 2 * WINDOW; drawn += 2) check_batch(loader, set, SEED, drawn);
  check_fails(gan_loader_next(loader, 2 * WINDOW, 0, 2, out, NULL), GAN_INPUT, path, "700 now");
  gan_loader_destroy(&loader);
  gan_dataset_destroy(&set);
}
END_TEST

/* ---- before a run ---- */

enum { N = 200, SIDE = 3, NUMBERS = N * SIDE * SIDE };

static gan_status open_set(const char *path, const char *layout, double buffer_mb, gan_range range,
                           gan_config *config, gan_dataset **out) {
  char *keys = gan_format("train.batch: 8\ndata.shards: 4\ndata.cache: stream\n"
                          "data.buffer_mb: %g\ndata.layout: %s",
                          buffer_mb, layout);
  gan_status status = unit_dataset(path, keys, range, config, out);
  gan_free(&keys);
  return status;
}

static gan_status try_set(const char *path, gan_range range) {
  gan_config config;
  gan_dataset *set;
  gan_status status = open_set(path, "auto", 1, range, &config, &set);
  gan_dataset_destroy(&set);
  gan_config_reset(&config);
  return status;
}

static void convert(const char *from, const char *to, int gzip) {
  gan_data_info info;
  gan_convert_request request = {.sources = &from,
                                 .source_count = 1,
                                 .images = "images",
                                 .labels = "labels",
                                 .out = to,
                                 .gzip = gzip,
                                 .force = true};
  check_ok(gan_convert(gan_comm_alone(), &request, &info));
}

/* Range, map and classes are what loading into memory finds. */
START_TEST(facts_are_those_of_memory) {
  static const int types[] = {IDX_U8, IDX_F32, IDX_F64};
  static const int64_t dims[] = {N, SIDE, SIDE}, label_dims[] = {N};
  unit_write_idx(unit_path("train-images-idx3-ubyte"), types[_i], 3, dims,
                 types[_i] == IDX_U8 ? unit_byte : unit_real);
  unit_write_idx(unit_path("train-labels-idx1-ubyte"), IDX_U8, 1, label_dims, unit_digit);
  convert(unit_folder(), unit_path("set.h5"), 0);
  for (gan_range range = GAN_RANGE_UNIT; range <= GAN_RANGE_NONE; range++) {
    gan_config memory_config, stream_config;
    gan_dataset *memory, *stream;
    check_ok(unit_dataset(unit_path("set.h5"), "train.batch: 8\ndata.shards: 4", range,
                          &memory_config, &memory));
    check_ok(open_set(unit_path("set.h5"), "auto", 1, range, &stream_config, &stream));
    ck_assert(stream->low == memory->low && stream->high == memory->high);
    ck_assert(stream->scale == memory->scale && stream->offset == memory->offset);
    ck_assert_int_eq(stream->classes, 10);
    ck_assert(stream->cut.block > 0 && !stream->rows && memory->cut.block == 0);
    gan_dataset_destroy(&memory);
    gan_dataset_destroy(&stream);
    gan_config_reset(&memory_config);
    gan_config_reset(&stream_config);
  }
}
END_TEST

START_TEST(floats_want_their_range) {
  static float values[NUMBERS];
  static const int64_t dims[] = {N, SIDE, SIDE};
  static const double wrong[][2] = {{1, 0}, {0, NAN}, {-INFINITY, 1}, {0, 1e300}};
  unit_fill(values, NUMBERS, 1, -2, 2);
  const char *path = write_images("bare.h5", GAN_F32, 3, dims, values, NULL);
  check_fails(try_set(path, GAN_RANGE_UNIT), GAN_INPUT, path, "minimum and maximum", "data convert",
              "data.range");
  check_ok(try_set(path, GAN_RANGE_NONE));
  for (size_t i = 0; i < 4; i++) {
    path = write_images("wrong.h5", GAN_F32, 3, dims, values, wrong[i]);
    check_fails(try_set(path, GAN_RANGE_UNIT), GAN_INPUT, path, "minimum", "range");
  }
}
END_TEST

START_TEST(only_hdf5_is_streamed) {
  static const int64_t dims[] = {N, SIDE, SIDE};
  unit_write_idx(unit_path("set.idx"), IDX_U8, 3, dims, unit_byte);
  static const char *const more[] = {"builtin:digits", "synthetic:100x2x2x1"};
  check_fails(try_set(unit_path("set.idx"), GAN_RANGE_UNIT), GAN_INPUT, "set.idx", "data.cache",
              "mpigan data convert");
  for (int i = 0; i < 2; i++)
    check_fails(try_set(more[i], GAN_RANGE_UNIT), GAN_INPUT, more[i], "mpigan data convert");
}
END_TEST

/* ---- digest ---- */

static gan_digest digest_of(const char *path, const char *layout) {
  gan_config config;
  gan_dataset *set;
  check_ok(open_set(path, layout, 1, GAN_RANGE_NONE, &config, &set));
  gan_digest digest = set->digest;
  gan_dataset_destroy(&set);
  gan_config_reset(&config);
  return digest;
}

/* (N, 1, H, W), (N, H, W, 1), in chunks, compressed: the same rows. */
START_TEST(digest_is_of_the_content) {
  static uint8_t bytes[NUMBERS];
  static const int64_t plain[] = {N, SIDE, SIDE}, last[] = {N, SIDE, SIDE, 1},
                       first[] = {N, 1, SIDE, SIDE};
  for (int i = 0; i < NUMBERS; i++) bytes[i] = (uint8_t)unit_byte(i);
  gan_digest digest = digest_of(write_images("a.h5", GAN_U8, 3, plain, bytes, NULL), "auto");
  convert(unit_path("a.h5"), unit_path("b.h5"), 0);
  convert(unit_path("a.h5"), unit_path("c.h5"), 9);
  ck_assert(gan_digest_equal(digest, digest_of(unit_path("b.h5"), "auto")));
  ck_assert(gan_digest_equal(digest, digest_of(unit_path("c.h5"), "auto")));
  write_images("d.h5", GAN_U8, 4, last, bytes, NULL);
  write_images("e.h5", GAN_U8, 4, first, bytes, NULL);
  ck_assert(gan_digest_equal(digest, digest_of(unit_path("d.h5"), "nhwc")));
  ck_assert(gan_digest_equal(digest, digest_of(unit_path("e.h5"), "nchw")));
  static const int64_t flat[] = {N, SIDE * SIDE}, fewer[] = {N - 1, SIDE, SIDE};
  ck_assert(!gan_digest_equal(
      digest, digest_of(write_images("f.h5", GAN_U8, 2, flat, bytes, NULL), "auto")));
  ck_assert(!gan_digest_equal(
      digest, digest_of(write_images("g.h5", GAN_U8, 3, fewer, bytes, NULL), "auto")));
}
END_TEST

/* Four shards of 50 rows: all count.  Four of 200: those at i * 200 / 64, and no others. */
START_TEST(digest_sees_its_rows) {
  enum { LARGE = 800, SIZE = 2 };
  static uint8_t bytes[LARGE * SIZE];
  int64_t n = _i ? LARGE : N, dims[] = {n, SIZE}, shard = n / 4, seen = 0;
  gan_digest digest = digest_of(write_images("a.h5", GAN_U8, 2, dims, bytes, NULL), "auto");
  for (int64_t row = 0; row < n; row += 3) {
    bool counts = shard < 64;
    for (int64_t i = 0; i < 64; i++) counts |= row % shard == i * shard / 64;
    bytes[row * SIZE + 1] = 1;
    gan_digest changed = digest_of(write_images("a.h5", GAN_U8, 2, dims, bytes, NULL), "auto");
    bytes[row * SIZE + 1] = 0;
    ck_assert(gan_digest_equal(digest, changed) == !counts);
    seen += counts;
  }
  ck_assert_int_gt(seen, 60);
}
END_TEST

/* ---- files that cannot be read ---- */

/* A loader over two shards of 50 rows of two floats; row `bad` holds one that is none. */
enum { BAD_ROWS = 100, BAD = 70 };

static void write_bad(void) {
  static float values[2 * BAD_ROWS];
  static const int64_t dims[] = {BAD_ROWS, 2};
  for (int i = 0; i < 2 * BAD_ROWS; i++) values[i] = (float)i / (2 * BAD_ROWS);
  values[2 * BAD + 1] = NAN;
  write_images("bad.h5", GAN_F32, 2, dims, values, NULL);
}

/* Batches are right until one needs the window with the bad row; that one fails, leaves numbers in
 * `out`, and fails again; others are right. */
START_TEST(a_row_that_is_no_number) {
  write_bad();
  gan_dataset *set =
      make(unit_path("bad.h5"), GAN_F32, BAD_ROWS, 2, 4, (gan_window_cut){5, 2}, 0, 1);
  gan_loader *loader;
  int failures = 0;
  check_ok(gan_loader_create(set, SEED, &loader));
  for (uint64_t drawn = 0; drawn < 50; drawn += 2) {
    float out[8] = {0};
    gan_status status = gan_loader_next(loader, drawn, 0, 4, out, NULL);
    for (int i = 0; i < 8; i++) ck_assert(isfinite(out[i]));
    if (status != GAN_OK) {
      ck_assert_int_eq(status, GAN_INPUT);
      check_message(unit_path("bad.h5"), "dataset 'images', row 70", "nan", "number 1 of the row");
      check_fails(gan_loader_next(loader, drawn, 0, 4, out, NULL), GAN_INPUT, "row 70");
      failures++;
    } else {
      for (int i = 0; i < 4; i++)
        ck_assert_int_eq(lround((double)out[2 * i] * BAD_ROWS), wanted_row(set, SEED, drawn, i));
    }
  }
  ck_assert_int_eq(failures, 5); /* a window of ten samples, two a batch */
  gan_loader_destroy(&loader);
  gan_dataset_destroy(&set);
}
END_TEST

/* The stream of every compressed chunk, overwritten behind the reader's back but before it reads.
 */
static void spoil_chunks(const char *path) {
  size_t n, spoilt = 0;
  char *bytes = unit_read(path, &n);
  for (size_t i = 1500; i + 1 < n; i++)
    if (bytes[i] == 0x78 && (unsigned char)bytes[i + 1] == 0xda) {
      bytes[i + 1] = bytes[i + 2] = 0;
      spoilt++;
    }
  ck_assert_uint_gt(spoilt, 0);
  unit_write(path, bytes, n);
  gan_free(&bytes);
}

START_TEST(chunks_that_cannot_be_read) {
  float out[4];
  gan_loader *loader;
  write_numbered(1000);
  convert(unit_path("numbered.h5"), unit_path("packed.h5"), 9);
  gan_dataset *set =
      make(unit_path("packed.h5"), GAN_U8, 1000, 1, 2, (gan_window_cut){10, 3}, 0, 1);
  check_ok(gan_loader_create(set, SEED, &loader));
  check_batch(loader, set, SEED, 0);
  gan_loader_destroy(&loader);
  spoil_chunks(unit_path("packed.h5"));
  check_ok(gan_loader_create(set, SEED, &loader));
  check_fails(gan_loader_next(loader, 0, 0, 2, out, NULL), GAN_INPUT, "packed.h5",
              "HDF5 cannot read 10 rows from row", "'images'");
  gan_loader_destroy(&loader);
  gan_dataset_destroy(&set);
}
END_TEST

/* Cut off, or written to, while it is read: HDF5 would go on with zeros. */
START_TEST(a_file_that_changes) {
  const char *path = write_numbered(1000);
  gan_dataset *set = make(path, GAN_U8, 1000, 2, 4, (gan_window_cut){5, 4}, 0, 1);
  gan_loader *loader;
  float out[8];
  check_ok(gan_loader_create(set, SEED, &loader));
  check_batch(loader, set, SEED, 0);
  if (_i == 0) {
    ck_assert_int_eq(truncate(path, 1000), 0);
  } else {
    gan_sleep(0.02); /* file systems tell times in ticks */
    int fd = open(path, O_WRONLY);
    ck_assert(fd >= 0 && pwrite(fd, "x", 1, 1800) == 1 && close(fd) == 0);
  }
  check_fails(gan_loader_next(loader, 300, 0, 4, out, NULL), GAN_INPUT, path,
              "was changed while it was read");
  gan_loader_destroy(&loader);
  gan_dataset_destroy(&set);
}
END_TEST

/* What is no longer what it was, or not there any more, when the loader opens it. */
START_TEST(a_file_that_is_gone) {
  gan_dataset *set = make(write_numbered(100), GAN_U8, 100, 2, 4, (gan_window_cut){5, 4}, 0, 1);
  gan_loader *loader;
  write_numbered(99);
  check_fails(gan_loader_create(set, SEED, &loader), GAN_INPUT, "numbered.h5", "has changed");
  unlink(unit_path("numbered.h5"));
  check_fails(gan_loader_create(set, SEED, &loader), GAN_INPUT, "numbered.h5", "cannot open");
  gan_dataset_destroy(&set);
}
END_TEST

int main(void) {
  const unit_test tests[] = {
      {batches_follow_the_definition, CASES},
      {jumps, CASES},
      {pieces, CASES},
      {ranks_share_a_batch, CASES},
      {takes_no_memory, 1},
      {reads_ahead, 1},
      {facts_are_those_of_memory, 3},
      {floats_want_their_range, 1},
      {only_hdf5_is_streamed, 1},
      {digest_is_of_the_content, 1},
      {digest_sees_its_rows, 2},
      {a_row_that_is_no_number, 1},
      {chunks_that_cannot_be_read, 1},
      {a_file_that_changes, 2},
      {a_file_that_is_gone, 1},
  };
  return UNIT_MAIN("stream", tests);
}
