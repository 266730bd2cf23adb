/* What the files of the HDF5 boundary share, and no other folder sees. */
#ifndef GAN_IO_HDF5_SHARED_H
#define GAN_IO_HDF5_SHARED_H

#include "io/hdf5.h"

#include <hdf5.h>

struct gan_h5 {
  hid_t id;
  char *name;
  gan_status write_failure; /* what a failure to write is: GAN_INTERNAL in memory */
};

/* Around every use of the library. */
void gan_h5_enter(void);
void gan_h5_leave(void);

/* "NAME: HDF5 cannot WHAT 'OBJECT' (cause)", the cause from HDF5's own messages. */
gan_status gan_h5_fail(const gan_h5 *file, gan_status status, const char *what, const char *object);

/* A handle without a file yet. */
GAN_CHECKED gan_status gan_h5_new(const char *name, gan_h5 **out);

hid_t gan_h5_native_type(gan_dtype type);
/* Files hold little-endian numbers, whatever machine wrote them. */
hid_t gan_h5_file_type(gan_dtype type);
hid_t gan_h5_make_space(int rank, const int64_t *dims);

/* How a dataset is opened to read or write rows of it: without a cache of chunks, so that of an
 * uncompressed chunk no more is read than is asked for. */
hid_t gan_h5_rows_access(void);

/* File access without file locks, which some cluster file systems refuse. */
hid_t gan_h5_unlocked_access(void);

#endif
