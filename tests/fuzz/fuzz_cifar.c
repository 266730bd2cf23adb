/* CIFAR-10: one file, or a folder with two.  Plain and compressed must be the same data, and what
 * is accepted must be the records that were put in.
 *
 * Input: a byte k; k records of a first file (0: no folder); the (second) file.
 */
#include "fuzz/fuzz_source.h"

#include <unistd.h>

enum { RATIO = 1040, RECORD = 3073, ROW = RECORD - 1, PIXELS = 1024, LABELS = 10 };

static const char *const names[2][2] = {
    {"folder/data_batch_2.bin", "folder/data_batch_4.bin"},
    {"folder/data_batch_2.bin.gz", "folder/data_batch_4.bin.gz"},
};

static const char *write_files(int packed, fuzz_bytes a, fuzz_bytes b) {
  const char *folder = fuzz_folder("folder");
  for (int i = 0; i < 4; i++) unlink(fuzz_path(names[i / 2][i % 2]));
  if (a.n) fuzz_file(names[packed][0], a);
  const char *path = fuzz_file(names[packed][1], b);
  return a.n ? folder : path;
}

/* Row `i` against the bytes of its record: a label, then three planes. */
static void check_record(const fuzz_rows *rows, int64_t i, const uint8_t *record) {
  FUZZ_CHECK(rows->labels[i] == record[0] && record[0] < LABELS, "label %d", rows->labels[i]);
  for (int k = 0; k < ROW; k++)
    FUZZ_CHECK(rows->rows[i * ROW + k] == record[1 + k % 3 * PIXELS + k / 3], "number %d", k);
}

static void check_records(const fuzz_rows *rows, fuzz_bytes a, fuzz_bytes b) {
  FUZZ_CHECK(a.n % RECORD == 0 && b.n % RECORD == 0, "torn records");
  FUZZ_CHECK((size_t)rows->info.n * RECORD == a.n + b.n, "%zu and %zu bytes", a.n, b.n);
  int64_t first = (int64_t)(a.n / RECORD);
  for (int64_t i = 0; i < rows->info.n; i++)
    check_record(rows, i, i < first ? a.at + i * RECORD : b.at + (i - first) * RECORD);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n) {
  size_t before = gan_alloc_bytes();
  fuzz_bytes b = {bytes, n}, a = fuzz_cut(&b, RECORD);
  bool plain = !fuzz_is_gzip(a) && !fuzz_is_gzip(b);
  fuzz_rows first = fuzz_read_source(write_files(0, a, b), n * (plain ? 1 : RATIO));
  if (first.whole && plain) check_records(&first, a, b);
  if (plain && b.n) { /* an empty file is refused, an empty stream is not */
    uint8_t *packed_a, *packed_b;
    fuzz_bytes a_gz = fuzz_gzip(a, 1, &packed_a), b_gz = fuzz_gzip(b, RECORD, &packed_b);
    if (!a.n) a_gz.n = 0;
    fuzz_rows second = fuzz_read_source(write_files(1, a_gz, b_gz), (a_gz.n + b_gz.n) * RATIO);
    fuzz_check_same_rows(&first, &second);
    fuzz_rows_free(&second);
    gan_free(&packed_a);
    gan_free(&packed_b);
  }
  fuzz_rows_free(&first);
  fuzz_check_freed(before);
  return 0;
}
