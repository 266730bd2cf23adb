#include "fuzz/fuzz.h"

#include <errno.h>
#include <sys/stat.h>
#include <zlib.h>

enum { PATHS = 8, PATH_BYTES = 512, GZIP = 16 };

bool fuzz_accepted(gan_status status, gan_status failure, const char *place) {
  if (status == GAN_OK) return true;
  const char *message = gan_error_message();
  FUZZ_CHECK(status == failure, "the status is %d: %s", status, message);
  FUZZ_CHECK(strncmp(message, place, strlen(place)) == 0, "the message is '%s'", message);
  gan_fail_clear();
  return false;
}

void fuzz_check_freed(size_t before) {
  FUZZ_CHECK(gan_alloc_bytes() == before, "%zu bytes before, %zu now", before, gan_alloc_bytes());
}

const char *fuzz_path(const char *name) {
  static char folder[PATH_BYTES / 2], paths[PATHS][PATH_BYTES];
  static int next;
  if (!*folder) {
    const char *base = getenv("TMPDIR");
    snprintf(folder, sizeof folder, "%s/mpigan-fuzz-XXXXXX", base && *base ? base : "/tmp");
    FUZZ_CHECK(mkdtemp(folder), "%s: %s", folder, strerror(errno));
  }
  char *path = paths[next++ % PATHS];
  snprintf(path, PATH_BYTES, "%s/%s", folder, name);
  return path;
}

const char *fuzz_file(const char *name, fuzz_bytes content) {
  const char *path = fuzz_path(name);
  FILE *file = fopen(path, "wb");
  FUZZ_CHECK(file, "%s: %s", path, strerror(errno));
  size_t wrote = content.n ? fwrite(content.at, 1, content.n, file) : 0;
  FUZZ_CHECK(fclose(file) == 0 && wrote == content.n, "%s: %s", path, strerror(errno));
  return path;
}

const char *fuzz_folder(const char *name) {
  const char *path = fuzz_path(name);
  FUZZ_CHECK(mkdir(path, 0777) == 0 || errno == EEXIST, "%s: %s", path, strerror(errno));
  return path;
}

fuzz_bytes fuzz_cut(fuzz_bytes *input, size_t unit) {
  size_t n = input->n ? *input->at * unit : 0, skipped = input->n ? 1 : 0;
  if (n > input->n - skipped) n = input->n - skipped;
  fuzz_bytes front = {input->at + skipped, n};
  *input = (fuzz_bytes){front.at + n, input->n - skipped - n};
  return front;
}

static void deflate_member(z_stream *stream, fuzz_bytes content) {
  FUZZ_CHECK(deflateReset(stream) == Z_OK, "zlib");
  stream->next_in = (Bytef *)(uintptr_t)content.at;
  stream->avail_in = (uInt)content.n;
  FUZZ_CHECK(deflate(stream, Z_FINISH) == Z_STREAM_END, "zlib");
}

fuzz_bytes fuzz_gzip(fuzz_bytes content, size_t cut, uint8_t **owner) {
  z_stream stream = {0};
  int code = deflateInit2(&stream, 1, Z_DEFLATED, MAX_WBITS + GZIP, 1, Z_DEFAULT_STRATEGY);
  FUZZ_CHECK(code == Z_OK, "zlib: %d", code);
  size_t room = 2 * deflateBound(&stream, (uLong)content.n);
  *owner = gan_alloc(room, 1, "a gzip file");
  FUZZ_CHECK(*owner, "%s", gan_error_message());
  stream.next_out = *owner;
  stream.avail_out = (uInt)room;
  bool two = cut > 0 && cut < content.n;
  if (two) deflate_member(&stream, (fuzz_bytes){content.at, cut});
  if (!two) cut = 0;
  deflate_member(&stream, (fuzz_bytes){content.at + cut, content.n - cut});
  deflateEnd(&stream);
  return (fuzz_bytes){*owner, room - stream.avail_out};
}

bool fuzz_is_gzip(fuzz_bytes content) {
  return content.n >= 2 && content.at[0] == 0x1f && content.at[1] == 0x8b;
}
