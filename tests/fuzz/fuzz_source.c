#include "fuzz/fuzz_source.h"

static bool read_all(gan_source *source, fuzz_rows *out) {
  size_t row = gan_data_row_bytes(&source->info);
  const char *place = fuzz_path("");
  for (int64_t done = 0, piece = 1; done < source->info.n; done += piece, piece++) {
    if (piece > source->info.n - done) piece = source->info.n - done;
    gan_status status = gan_source_read(source, piece, out->rows + (size_t)done * row,
                                        out->info.has_labels ? out->labels + done : NULL);
    if (!fuzz_accepted(status, GAN_INPUT, place)) return false;
  }
  return fuzz_accepted(gan_source_finish(source), GAN_INPUT, place);
}

fuzz_rows fuzz_read_source(const char *path, size_t content_max) {
  fuzz_rows out = {0};
  gan_source *source = NULL;
  gan_source_spec spec = {.path = path, .images = "images", .labels = "labels"};
  bool opened = fuzz_accepted(gan_source_open(&spec, &source), GAN_INPUT, fuzz_path(""));
  FUZZ_CHECK(opened == (source != NULL), "opened: %d, source: %p", opened, (void *)source);
  if (!opened) return out;
  out.info = source->info;
  size_t n = (size_t)out.info.n, row = gan_data_row_bytes(&out.info);
  /* float64 is handed out as float32, so the rows are never larger than what holds them */
  FUZZ_CHECK(out.info.n > 0 && row > 0 && row <= content_max && n <= content_max / row,
             "%zu rows of %zu bytes, of at most %zu bytes of content", n, row, content_max);
  out.rows = gan_alloc(n, row, "rows");
  out.labels = gan_alloc(n, sizeof *out.labels, "labels");
  FUZZ_CHECK(out.rows && out.labels, "%s", gan_error_message());
  out.whole = read_all(source, &out);
  gan_source_close(&source);
  return out;
}

void fuzz_rows_free(fuzz_rows *rows) {
  gan_free(&rows->rows);
  gan_free(&rows->labels);
}

void fuzz_check_same_rows(const fuzz_rows *a, const fuzz_rows *b) {
  FUZZ_CHECK(a->whole == b->whole, "one was read, the other was refused");
  if (!a->whole) return;
  FUZZ_CHECK(a->info.n == b->info.n && gan_data_rows_alike(&a->info, &b->info), "other shapes");
  size_t n = (size_t)a->info.n;
  FUZZ_CHECK(!memcmp(a->rows, b->rows, n * gan_data_row_bytes(&a->info)), "other rows");
  FUZZ_CHECK(!memcmp(a->labels, b->labels, n * sizeof *a->labels), "other labels");
}
