#include "io/gzip.h"

#include "base/memory.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <zlib.h>

/* zlib's own gzread passes over a missing trailer and over bytes behind the stream, so the loop
 * around inflate is ours. */
struct gan_gzip {
  FILE *file;
  char *path;
  uint64_t file_size, position; /* of the file; of the content */
  bool compressed, at_end;      /* at_end: a compressed stream has ended, its checksum was right */
  z_stream stream;              /* next_in and avail_in serve plain files too */
  unsigned char input[1 << 16];
};

static gan_status refill(gan_gzip *file) {
  if (file->stream.avail_in) return GAN_OK;
  size_t n = fread(file->input, 1, sizeof file->input, file->file);
  if (ferror(file->file))
    return gan_fail(GAN_INPUT, "%s: cannot read: %s", file->path, strerror(errno));
  file->stream.next_in = file->input;
  file->stream.avail_in = (uInt)n;
  return GAN_OK;
}

static gan_status open_stream(gan_gzip *file, const char *path) {
  struct stat info;
  file->path = gan_strdup(path);
  if (!file->path) return GAN_NO_MEMORY;
  file->file = fopen(path, "rb");
  if (!file->file || fstat(fileno(file->file), &info))
    return gan_fail(GAN_INPUT, "%s: cannot open: %s", path, strerror(errno));
  if (!S_ISREG(info.st_mode)) return gan_fail(GAN_INPUT, "%s: is not a file", path);
  if (info.st_size == 0) return gan_fail(GAN_INPUT, "%s: is empty", path);
  file->file_size = (uint64_t)info.st_size;
  GAN_TRY(refill(file));
  const unsigned char *magic = file->stream.next_in;
  if (file->stream.avail_in < 2 || magic[0] != 0x1f || magic[1] != 0x8b) return GAN_OK;
  if (inflateInit2(&file->stream, 15 + 16) != Z_OK) /* gzip, the largest window */
    return gan_fail(GAN_NO_MEMORY, "%s: no memory to decompress it", path);
  file->compressed = true;
  return GAN_OK;
}

gan_status gan_gzip_open(const char *path, gan_gzip **out) {
  GAN_TRY_ALLOC(*out, 1, "a file");
  gan_status status = open_stream(*out, path);
  if (status != GAN_OK) gan_gzip_close(out);
  return status;
}

static gan_status damaged(const gan_gzip *file, const char *what) {
  return gan_fail(GAN_INPUT, "%s: damaged gzip file after %llu bytes of content: %s", file->path,
                  (unsigned long long)file->position, what);
}

/* Behind a stream there may be another one (gzip's manual: members), or nothing. */
static gan_status next_member(gan_gzip *file) {
  if (file->stream.next_in[0] != 0x1f)
    return damaged(file, "something else stands behind the compressed stream");
  inflateReset(&file->stream);
  file->at_end = false;
  return GAN_OK;
}

/* At least one byte of content, or none where the stream ends as it should. */
static gan_status inflate_some(gan_gzip *file, void *bytes, unsigned n, size_t *got) {
  z_stream *stream = &file->stream;
  stream->next_out = bytes;
  stream->avail_out = n;
  while (stream->avail_out == n) {
    GAN_TRY(refill(file));
    if (stream->avail_in == 0 && file->at_end) break;
    if (stream->avail_in == 0) return damaged(file, "the compressed stream is cut off");
    if (file->at_end) GAN_TRY(next_member(file));
    int code = inflate(stream, Z_NO_FLUSH);
    if (code == Z_STREAM_END)
      file->at_end = true;
    else if (code != Z_OK)
      return damaged(file, stream->msg ? stream->msg : "the compressed stream is wrong");
  }
  *got = n - stream->avail_out;
  return GAN_OK;
}

static gan_status copy_some(gan_gzip *file, void *bytes, unsigned n, size_t *got) {
  GAN_TRY(refill(file));
  *got = file->stream.avail_in < n ? file->stream.avail_in : n;
  memcpy(bytes, file->stream.next_in, *got);
  file->stream.next_in += *got;
  file->stream.avail_in -= (uInt)*got;
  return GAN_OK;
}

static gan_status read_some(gan_gzip *file, void *bytes, size_t n, size_t *got) {
  unsigned piece = n < (1u << 30) ? (unsigned)n : 1u << 30;
  return file->compressed ? inflate_some(file, bytes, piece, got)
                          : copy_some(file, bytes, piece, got);
}

gan_status gan_gzip_read(gan_gzip *file, void *bytes, size_t n) {
  for (size_t done = 0, got; done < n; done += got) {
    GAN_TRY(read_some(file, (char *)bytes + done, n - done, &got));
    if (got == 0)
      return gan_fail(GAN_INPUT, "%s: truncated: ends after %llu bytes, %llu more are missing",
                      file->path, (unsigned long long)file->position,
                      (unsigned long long)(n - done));
    file->position += got;
  }
  return GAN_OK;
}

gan_status gan_gzip_expect_end(gan_gzip *file) {
  char extra;
  size_t got;
  GAN_TRY(read_some(file, &extra, 1, &got));
  if (got == 0) return GAN_OK;
  return gan_fail(GAN_INPUT, "%s: has more bytes than its header says (%llu)", file->path,
                  (unsigned long long)file->position);
}

gan_status gan_gzip_count(gan_gzip *file, uint64_t *bytes) {
  char scratch[1 << 14];
  size_t got = 1;
  for (*bytes = 0; got; *bytes += got) GAN_TRY(read_some(file, scratch, sizeof scratch, &got));
  file->position += *bytes;
  return GAN_OK;
}

uint64_t gan_gzip_file_size(const gan_gzip *file) {
  return file->file_size;
}
bool gan_gzip_is_compressed(const gan_gzip *file) {
  return file->compressed;
}

void gan_gzip_close(gan_gzip **file) {
  if (!*file) return;
  if ((*file)->compressed) inflateEnd(&(*file)->stream);
  if ((*file)->file) fclose((*file)->file);
  gan_free(&(*file)->path);
  gan_free(file);
}
