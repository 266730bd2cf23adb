/* A file read from front to back, gzip-compressed or plain alike (zlib tells them apart). */
#ifndef GAN_IO_GZIP_H
#define GAN_IO_GZIP_H

#include "base/status.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef struct gan_gzip gan_gzip;

GAN_CHECKED gan_status gan_gzip_open(const char *path, gan_gzip **out);

/* Exactly n bytes, or GAN_INPUT: the message names the file and where it ends. */
GAN_CHECKED gan_status gan_gzip_read(gan_gzip *file, void *bytes, size_t n);

/* GAN_INPUT if there is more to read, or the compressed stream does not end as it should. */
GAN_CHECKED gan_status gan_gzip_expect_end(gan_gzip *file);

/* Reads on to the end; *bytes is what was left of the content. */
GAN_CHECKED gan_status gan_gzip_count(gan_gzip *file, uint64_t *bytes);

/* Bytes of the file on disk; a plain file's content is exactly that long. */
uint64_t gan_gzip_file_size(const gan_gzip *file);
bool gan_gzip_is_compressed(const gan_gzip *file);

void gan_gzip_close(gan_gzip **file);

#endif
