/* HDF5 files that are too large for memory, written to disk piece by piece.
 *
 * The pieces go to PATH.tmp; gan_h5_writer_finish makes it PATH, whole and durable.  Whatever fails
 * on the way is GAN_OUTPUT with the system's cause, and gan_h5_writer_abandon leaves nothing.
 */
#ifndef GAN_IO_HDF5_WRITER_H
#define GAN_IO_HDF5_WRITER_H

#include "io/hdf5.h"

typedef struct gan_h5_writer gan_h5_writer;

GAN_CHECKED gan_status gan_h5_writer_create(const char *path, gan_h5_writer **out);

/* A dataset in chunks of `chunk_rows` rows, compressed where gzip (0 to 9) is not 0. */
GAN_CHECKED gan_status gan_h5_writer_add(gan_h5_writer *writer, const char *name, gan_dtype type,
                                         int rank, const int64_t *dims, int64_t chunk_rows,
                                         int gzip);

/* Rows first..first+count-1 of it.  Whole chunks are best. */
GAN_CHECKED gan_status gan_h5_writer_rows(gan_h5_writer *writer, const char *name, gan_dtype type,
                                          int64_t first, int64_t count, const void *values);

/* The dataset ends behind its first `rows` rows. */
GAN_CHECKED gan_status gan_h5_writer_shrink(gan_h5_writer *writer, const char *name, int64_t rows);

/* For attributes (gan_h5_set_...); borrowed. */
gan_h5 *gan_h5_writer_file(gan_h5_writer *writer);

/* Closes the file and puts it in its place.  The writer is gone after it, also on failure. */
GAN_CHECKED gan_status gan_h5_writer_finish(gan_h5_writer **writer);

/* Removes what was written. */
void gan_h5_writer_abandon(gan_h5_writer **writer);

#endif
