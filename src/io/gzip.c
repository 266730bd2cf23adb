#include "io/gzip.h"

#include "base/memory.h"

#include <errno.h>
#include <string.h>
#include <sys/stat.h>
#include <zlib.h>

struct gan_gzip {
  gzFile stream;
  char *path;
  uint64_t file_size, position;
  bool compressed;
};

static gan_status open_stream(gan_gzip *file, const char *path) {
  struct stat info;
  file->path = gan_strdup(path);
  if (!file->path) return GAN_NO_MEMORY;
  if (stat(path, &info)) return gan_fail(GAN_INPUT, "%s: cannot open: %s", path, strerror(errno));
  if (!S_ISREG(info.st_mode)) return gan_fail(GAN_INPUT, "%s: is not a file", path);
  if (info.st_size == 0) return gan_fail(GAN_INPUT, "%s: is empty", path);
  file->file_size = (uint64_t)info.st_size;
  file->stream = gzopen(path, "rb");
  if (!file->stream) return gan_fail(GAN_INPUT, "%s: cannot open: %s", path, strerror(errno));
  gzbuffer(file->stream, 1 << 17);
  file->compressed = !gzdirect(file->stream);
  return GAN_OK;
}

gan_status gan_gzip_open(const char *path, gan_gzip **out) {
  GAN_TRY_ALLOC(*out, 1, "a file");
  gan_status status = open_stream(*out, path);
  if (status != GAN_OK) gan_gzip_close(out);
  return status;
}

static gan_status damaged(const gan_gzip *file) {
  int code;
  const char *text = gzerror(file->stream, &code);
  const char *colon = strstr(text, ": "); /* zlib puts the path in front */
  if (code == Z_BUF_ERROR) text = "the compressed stream is cut off";
  return gan_fail(GAN_INPUT, "%s: damaged gzip file after %llu bytes of content: %s", file->path,
                  (unsigned long long)file->position,
                  code == Z_ERRNO                ? strerror(errno)
                  : code != Z_BUF_ERROR && colon ? colon + 2
                                                 : text);
}

gan_status gan_gzip_read(gan_gzip *file, void *bytes, size_t n) {
  for (size_t done = 0; done < n;) {
    unsigned piece = n - done < (1u << 30) ? (unsigned)(n - done) : 1u << 30;
    int got = gzread(file->stream, (char *)bytes + done, piece);
    int code;
    gzerror(file->stream, &code);
    if (got < 0 || code == Z_BUF_ERROR) return damaged(file);
    if (got == 0)
      return gan_fail(GAN_INPUT, "%s: truncated: ends after %llu bytes, %llu more are missing",
                      file->path, (unsigned long long)file->position,
                      (unsigned long long)(n - done));
    done += (size_t)got;
    file->position += (uint64_t)got;
  }
  return GAN_OK;
}

gan_status gan_gzip_expect_end(gan_gzip *file) {
  char extra;
  int got = gzread(file->stream, &extra, 1), code;
  gzerror(file->stream, &code);
  if (got < 0 || code == Z_BUF_ERROR) return damaged(file);
  if (got > 0)
    return gan_fail(GAN_INPUT, "%s: has more bytes than its header says (%llu)", file->path,
                    (unsigned long long)file->position);
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
  if ((*file)->stream) gzclose_r((*file)->stream);
  gan_free(&(*file)->path);
  gan_free(file);
}
