/* gzip: what is read must be what zlib's own reader finds, however it is asked for; and what was
 * compressed must come back.
 *
 * Input: a byte k, the pieces in which it is read; the file.
 */
#include "fuzz/fuzz.h"
#include "io/gzip.h"

#include <zlib.h>

enum { RATIO = 1040 };

/* The content by zlib's own reader, which is more lenient: it passes over a torn end. */
static void check_by_zlib(const char *path, fuzz_bytes content) {
  gzFile file = gzopen(path, "rb");
  uint8_t piece[4096];
  size_t done = 0;
  FUZZ_CHECK(file, "%s", path);
  for (int got; (got = gzread(file, piece, sizeof piece)) > 0; done += (size_t)got)
    FUZZ_CHECK((size_t)got <= content.n - done && !memcmp(content.at + done, piece, (size_t)got),
               "zlib reads something else after %zu bytes", done);
  FUZZ_CHECK(done == content.n, "zlib reads %zu bytes, not %zu", done, content.n);
  gzclose(file);
}

/* Counts the content; whether the file was accepted. */
static bool count(const char *path, size_t file_bytes, uint64_t *bytes) {
  gan_gzip *file;
  if (!fuzz_accepted(gan_gzip_open(path, &file), GAN_INPUT, path)) return false;
  FUZZ_CHECK(gan_gzip_file_size(file) == file_bytes, "another size");
  bool whole = fuzz_accepted(gan_gzip_count(file, bytes), GAN_INPUT, path);
  gan_gzip_close(&file);
  return whole;
}

/* Reads that many bytes in pieces, and looks for the end. */
static bool read_content(const char *path, size_t piece, fuzz_bytes *content, uint8_t *to) {
  gan_gzip *file;
  FUZZ_CHECK(gan_gzip_open(path, &file) == GAN_OK, "it was opened before");
  bool fine = true;
  for (size_t done = 0; fine && done < content->n; done += piece) {
    if (piece > content->n - done) piece = content->n - done;
    fine = fuzz_accepted(gan_gzip_read(file, to + done, piece), GAN_INPUT, path);
  }
  fine = fine && fuzz_accepted(gan_gzip_expect_end(file), GAN_INPUT, path);
  uint8_t beyond;
  FUZZ_CHECK(!fine || gan_gzip_read(file, &beyond, 1) == GAN_INPUT, "there is more behind the end");
  gan_gzip_close(&file);
  content->at = to;
  return fine;
}

/* The file's content, or nothing where it is refused. */
static fuzz_bytes read_file(const char *path, size_t file_bytes, size_t piece, uint8_t **owner) {
  uint64_t bytes = 0;
  *owner = NULL;
  if (!count(path, file_bytes, &bytes)) return (fuzz_bytes){0};
  FUZZ_CHECK(bytes <= file_bytes * RATIO, "%zu bytes cannot hold that many", file_bytes);
  fuzz_bytes content = {NULL, bytes};
  *owner = gan_alloc(content.n, 1, "content");
  FUZZ_CHECK(*owner, "%s", gan_error_message());
  FUZZ_CHECK(read_content(path, piece, &content, *owner), "it was read before: %s",
             gan_error_message());
  return content;
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n) {
  size_t before = gan_alloc_bytes();
  fuzz_bytes input = {bytes, n};
  fuzz_cut(&input, 0);
  size_t piece = n && *bytes ? *bytes : 1 << 16;
  uint8_t *owner, *packed;
  const char *path = fuzz_file("file", input);
  fuzz_bytes content = read_file(path, input.n, piece, &owner);
  if (content.at) check_by_zlib(path, content);
  if (content.at && !fuzz_is_gzip(input))
    FUZZ_CHECK(content.n == input.n && !memcmp(content.at, input.at, input.n), "not as it is");
  gan_free(&owner);

  fuzz_bytes stream = fuzz_gzip(input, piece, &packed);
  content = read_file(fuzz_file("file", stream), stream.n, piece, &owner);
  FUZZ_CHECK(content.at && content.n == input.n && (!n || !memcmp(content.at, input.at, input.n)),
             "what was compressed does not come back");
  gan_free(&owner);
  gan_free(&packed);
  fuzz_check_freed(before);
  return 0;
}
