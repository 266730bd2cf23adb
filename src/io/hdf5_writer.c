#include "io/hdf5_writer.h"

#include "base/memory.h"
#include "io/file.h"
#include "io/hdf5_shared.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

struct gan_h5_writer {
  gan_h5 *file; /* its name, for messages, is the path */
  char *temporary;
};

/* The system's words for why a file cannot be made are better than HDF5's. */
static gan_status touch(const char *path, const char *temporary) {
  int fd = open(temporary, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
  if (fd < 0) return gan_fail(GAN_OUTPUT, "%s: cannot create: %s", path, strerror(errno));
  close(fd);
  return GAN_OK;
}

static gan_status open_file(gan_h5_writer *writer, const char *path) {
  GAN_TRY(gan_h5_new(path, &writer->file));
  gan_h5 *file = writer->file;
  file->write_failure = GAN_OUTPUT;
  writer->temporary = gan_format("%s.tmp", path);
  if (!writer->temporary) return GAN_NO_MEMORY;
  GAN_TRY(touch(path, writer->temporary));
  gan_h5_enter();
  hid_t access = gan_h5_unlocked_access();
  file->id = H5Fcreate(writer->temporary, H5F_ACC_TRUNC, H5P_DEFAULT, access);
  gan_status status = GAN_OK;
  if (file->id < 0) status = gan_h5_fail(file, GAN_OUTPUT, "create", writer->temporary);
  H5Pclose(access);
  gan_h5_leave();
  return status;
}

gan_status gan_h5_writer_create(const char *path, gan_h5_writer **out) {
  GAN_TRY_ALLOC(*out, 1, "an HDF5 file");
  gan_status status = open_file(*out, path);
  if (status != GAN_OK) gan_h5_writer_abandon(out);
  return status;
}

gan_status gan_h5_writer_add(gan_h5_writer *writer, const char *name, gan_dtype type, int rank,
                             const int64_t *dims, int64_t chunk_rows, int gzip) {
  hsize_t chunk[GAN_H5_RANK_MAX];
  GAN_ASSERT(rank >= 1 && rank <= GAN_H5_RANK_MAX && chunk_rows >= 1);
  for (int i = 0; i < rank; i++) chunk[i] = (hsize_t)dims[i];
  if (chunk_rows < dims[0]) chunk[0] = (hsize_t)chunk_rows;
  gan_h5_enter();
  hid_t creation = H5Pcreate(H5P_DATASET_CREATE), space = gan_h5_make_space(rank, dims);
  H5Pset_obj_track_times(creation, 0);
  H5Pset_fill_time(creation, H5D_FILL_TIME_NEVER); /* every row is written */
  H5Pset_chunk(creation, rank, chunk);
  if (gzip) H5Pset_deflate(creation, (unsigned)gzip);
  hid_t set = H5Dcreate2(writer->file->id, name, gan_h5_file_type(type), space, H5P_DEFAULT,
                         creation, H5P_DEFAULT);
  gan_status status = GAN_OK;
  if (set < 0 || H5Dclose(set) < 0)
    status = gan_h5_fail(writer->file, GAN_OUTPUT, "make dataset", name);
  H5Sclose(space);
  H5Pclose(creation);
  gan_h5_leave();
  return status;
}

/* Into an open dataset. */
static gan_status write_rows(const gan_h5 *file, hid_t set, const char *name, gan_dtype type,
                             int64_t first, int64_t count, const void *values) {
  hsize_t start[H5S_MAX_RANK] = {(hsize_t)first}, size[H5S_MAX_RANK];
  gan_status status = GAN_OK;
  hid_t to = H5Dget_space(set);
  int rank = H5Sget_simple_extent_dims(to, size, NULL);
  size[0] = (hsize_t)count;
  hid_t from = H5Screate_simple(rank, size, NULL);
  if (H5Sselect_hyperslab(to, H5S_SELECT_SET, start, NULL, size, NULL) < 0 ||
      H5Dwrite(set, gan_h5_native_type(type), from, to, H5P_DEFAULT, values) < 0)
    status = gan_h5_fail(file, GAN_OUTPUT, "write", name);
  H5Sclose(from);
  H5Sclose(to);
  return status;
}

gan_status gan_h5_writer_rows(gan_h5_writer *writer, const char *name, gan_dtype type,
                              int64_t first, int64_t count, const void *values) {
  const gan_h5 *file = writer->file;
  gan_h5_enter();
  hid_t access = gan_h5_rows_access(), set = H5Dopen2(file->id, name, access);
  gan_status status = GAN_OK;
  if (set < 0)
    status = gan_h5_fail(file, GAN_OUTPUT, "open dataset", name);
  else
    status = write_rows(file, set, name, type, first, count, values);
  if (set >= 0 && H5Dclose(set) < 0 && status == GAN_OK)
    status = gan_h5_fail(file, GAN_OUTPUT, "write", name);
  H5Pclose(access);
  gan_h5_leave();
  return status;
}

gan_status gan_h5_writer_shrink(gan_h5_writer *writer, const char *name, int64_t rows) {
  const gan_h5 *file = writer->file;
  hsize_t dims[H5S_MAX_RANK];
  gan_status status = GAN_OK;
  gan_h5_enter();
  hid_t set = H5Dopen2(file->id, name, H5P_DEFAULT), space = set < 0 ? set : H5Dget_space(set);
  bool fits = space >= 0 && H5Sget_simple_extent_dims(space, dims, NULL) >= 1;
  dims[0] = (hsize_t)rows;
  if (!fits || H5Dset_extent(set, dims) < 0)
    status = gan_h5_fail(file, GAN_OUTPUT, "shorten", name);
  if (space >= 0) H5Sclose(space);
  if (set >= 0 && H5Dclose(set) < 0 && status == GAN_OK)
    status = gan_h5_fail(file, GAN_OUTPUT, "write", name);
  gan_h5_leave();
  return status;
}

gan_h5 *gan_h5_writer_file(gan_h5_writer *writer) {
  return writer->file;
}

static gan_status close_file(gan_h5 *file) {
  gan_status status = GAN_OK;
  gan_h5_enter();
  if (H5Fclose(file->id) < 0) status = gan_h5_fail(file, GAN_OUTPUT, "close", "the file");
  file->id = H5I_INVALID_HID;
  gan_h5_leave();
  return status;
}

gan_status gan_h5_writer_finish(gan_h5_writer **out) {
  gan_h5_writer *writer = *out;
  gan_status status = close_file(writer->file);
  if (status == GAN_OK) status = gan_file_publish(writer->temporary, writer->file->name);
  if (status == GAN_OK) gan_free(&writer->temporary); /* there is none any more */
  gan_h5_writer_abandon(out);
  return status;
}

void gan_h5_writer_abandon(gan_h5_writer **out) {
  gan_h5_writer *writer = *out;
  if (!writer) return;
  gan_h5_close(&writer->file);
  if (writer->temporary) unlink(writer->temporary);
  gan_free(&writer->temporary);
  gan_free(out);
}
