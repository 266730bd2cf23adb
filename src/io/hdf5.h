/* The HDF5 boundary: the only folder that knows hdf5.h.
 *
 * Many builds of HDF5 are not thread-safe, so one lock stands around every call.  Names are paths
 * from the root ("generator/param/0.weight"); missing groups are made on writing.  Datasets are
 * contiguous, carry no times, and use the default library version, so the same content gives the
 * same bytes.  What is too large for memory is written by io/hdf5_writer.h.
 */
#ifndef GAN_IO_HDF5_H
#define GAN_IO_HDF5_H

#include "base/status.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef enum gan_dtype {
  GAN_U8,
  GAN_I32,
  GAN_I64,
  GAN_F32,
  GAN_F64,
  GAN_OTHER, /* anything else that a file may hold */
} gan_dtype;

size_t gan_dtype_size(gan_dtype type);
const char *gan_dtype_name(gan_dtype type); /* "uint8", "float32", ... */

enum { GAN_H5_RANK_MAX = 8 };

typedef struct gan_h5 gan_h5;

/* A new file in memory. */
GAN_CHECKED gan_status gan_h5_create(gan_h5 **out);

/* A file's bytes in memory; `name` is for messages.  The bytes must outlive the handle. */
GAN_CHECKED gan_status gan_h5_open_image(const void *bytes, size_t n, const char *name,
                                         gan_h5 **out);

/* A file on disk, read-only, without any file lock. */
GAN_CHECKED gan_status gan_h5_open(const char *path, gan_h5 **out);

void gan_h5_close(gan_h5 **file);

/* The bytes of a file made by gan_h5_create, in fresh memory. */
GAN_CHECKED gan_status gan_h5_image(gan_h5 *file, char **bytes, size_t *n);

/* Writing. dims has `rank` entries; rank 0 is a scalar. */
GAN_CHECKED gan_status gan_h5_make_group(gan_h5 *file, const char *name);
GAN_CHECKED gan_status gan_h5_write(gan_h5 *file, const char *name, gan_dtype type, int rank,
                                    const int64_t *dims, const void *values);
GAN_CHECKED gan_status gan_h5_set_int(gan_h5 *file, const char *object, const char *name,
                                      int64_t value);
GAN_CHECKED gan_status gan_h5_set_real(gan_h5 *file, const char *object, const char *name,
                                       double value);
GAN_CHECKED gan_status gan_h5_set_text(gan_h5 *file, const char *object, const char *name,
                                       const char *value);

/* Reading.  Numbers are converted to the asked type. */
bool gan_h5_has(gan_h5 *file, const char *name);
/* Names of what is in a group, in alphabetical order; free with gan_names_free. */
GAN_CHECKED gan_status gan_h5_names(gan_h5 *file, const char *group, char ***names, int *count);
GAN_CHECKED gan_status gan_h5_shape(gan_h5 *file, const char *name, gan_dtype *type, int *rank,
                                    int64_t dims[GAN_H5_RANK_MAX]);
/* The whole dataset, which must have exactly this shape. */
GAN_CHECKED gan_status gan_h5_read(gan_h5 *file, const char *name, gan_dtype type, int rank,
                                   const int64_t *dims, void *values);
/* Entries first..first+count-1 along the first dimension. */
GAN_CHECKED gan_status gan_h5_read_rows(gan_h5 *file, const char *name, gan_dtype type,
                                        int64_t first, int64_t count, void *values);
bool gan_h5_has_attribute(gan_h5 *file, const char *object, const char *name);
GAN_CHECKED gan_status gan_h5_get_int(gan_h5 *file, const char *object, const char *name,
                                      int64_t *value);
GAN_CHECKED gan_status gan_h5_get_real(gan_h5 *file, const char *object, const char *name,
                                       double *value);
/* In fresh memory. */
GAN_CHECKED gan_status gan_h5_get_text(gan_h5 *file, const char *object, const char *name,
                                       char **value);

/* The version of the library, "1.10.8". */
char *gan_h5_library(char *text, size_t size);

#endif
