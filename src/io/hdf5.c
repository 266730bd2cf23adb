#include "io/hdf5.h"

#include "base/memory.h"
#include "io/file.h"
#include "io/hdf5_shared.h"

#include <pthread.h>
#include <stdio.h>
#include <string.h>

/* Files in memory grow by this much at a time. */
enum { GROWTH = 1 << 20 };

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;

void gan_h5_enter(void) {
  static bool begun;
  pthread_mutex_lock(&lock);
  if (!begun) H5dont_atexit(); /* its end crashes after a file could not be closed (full disk) */
  begun = true;
  H5Eset_auto2(H5E_DEFAULT, NULL, NULL); /* its messages go into ours, not to the console */
}

/* HDF5 takes files in memory of one name for one file, so each gets its own. */
static const char *image_name(char text[64]) {
  static unsigned long long count;
  snprintf(text, 64, "mpigan-image-%llu", ++count);
  return text;
}

void gan_h5_leave(void) {
  pthread_mutex_unlock(&lock);
}

static const struct {
  const char *name;
  size_t size;
} types[] = {
    [GAN_U8] = {"uint8", 1},    [GAN_I32] = {"int32", 4},   [GAN_I64] = {"int64", 8},
    [GAN_F32] = {"float32", 4}, [GAN_F64] = {"float64", 8}, [GAN_OTHER] = {"another type", 0},
};

size_t gan_dtype_size(gan_dtype type) {
  return types[type].size;
}
const char *gan_dtype_name(gan_dtype type) {
  return types[type].name;
}

hid_t gan_h5_native_type(gan_dtype type) {
  switch (type) {
  case GAN_U8:
    return H5T_NATIVE_UINT8;
  case GAN_I32:
    return H5T_NATIVE_INT32;
  case GAN_I64:
    return H5T_NATIVE_INT64;
  case GAN_F32:
    return H5T_NATIVE_FLOAT;
  case GAN_F64:
    return H5T_NATIVE_DOUBLE;
  case GAN_OTHER:
    break;
  }
  return H5I_INVALID_HID;
}

hid_t gan_h5_file_type(gan_dtype type) {
  switch (type) {
  case GAN_U8:
    return H5T_STD_U8LE;
  case GAN_I32:
    return H5T_STD_I32LE;
  case GAN_I64:
    return H5T_STD_I64LE;
  case GAN_F32:
    return H5T_IEEE_F32LE;
  case GAN_F64:
    return H5T_IEEE_F64LE;
  case GAN_OTHER:
    break;
  }
  return H5I_INVALID_HID;
}

/* The deepest entry of HDF5's error stack: the cause.  Where the system failed it quotes the
 * system's words among much else. */
static herr_t first_error(unsigned n, const H5E_error2_t *error, void *text) {
  static const char before[] = "error message = '";
  const char *cause = error->desc ? error->desc : "";
  const char *quoted = strstr(cause, before);
  if (quoted) cause = quoted + strlen(before);
  if (n == 0) snprintf(text, 256, "%.*s", (int)strcspn(cause, quoted ? "'" : "\n"), cause);
  return 0;
}

gan_status gan_h5_fail(const gan_h5 *file, gan_status status, const char *what,
                       const char *object) {
  char cause[256] = "";
  H5Ewalk2(H5E_DEFAULT, H5E_WALK_UPWARD, first_error, cause);
  H5Eclear2(H5E_DEFAULT);
  return gan_fail(status, "%s: HDF5 cannot %s '%s'%s%s%s", file->name, what, object,
                  *cause ? " (" : "", cause, *cause ? ")" : "");
}

gan_status gan_h5_new(const char *name, gan_h5 **out) {
  GAN_TRY_ALLOC(*out, 1, "an HDF5 file");
  (*out)->id = H5I_INVALID_HID;
  (*out)->write_failure = GAN_INTERNAL;
  (*out)->name = gan_strdup(name);
  if ((*out)->name) return GAN_OK;
  gan_free(out);
  return GAN_NO_MEMORY;
}

gan_status gan_h5_create(gan_h5 **out) {
  GAN_TRY(gan_h5_new("(in memory)", out));
  char memory[64];
  gan_h5_enter();
  hid_t access = H5Pcreate(H5P_FILE_ACCESS);
  H5Pset_fapl_core(access, GROWTH, 0);
  (*out)->id = H5Fcreate(image_name(memory), H5F_ACC_TRUNC, H5P_DEFAULT, access);
  gan_status status = GAN_OK;
  if ((*out)->id < 0) status = gan_h5_fail(*out, GAN_NO_MEMORY, "make", "a file in memory");
  H5Pclose(access);
  gan_h5_leave();
  if (status != GAN_OK) gan_h5_close(out);
  return status;
}

gan_status gan_h5_open_image(const void *bytes, size_t n, const char *name, gan_h5 **out) {
  GAN_TRY(gan_h5_new(name, out));
  char memory[64];
  gan_h5_enter();
  hid_t access = H5Pcreate(H5P_FILE_ACCESS);
  H5Pset_fapl_core(access, GROWTH, 0);
  /* HDF5 copies the image, so a const buffer is safe. */
  if (H5Pset_file_image(access, (void *)(uintptr_t)bytes, n) >= 0)
    (*out)->id = H5Fopen(image_name(memory), H5F_ACC_RDONLY, access);
  gan_status status = GAN_OK;
  if ((*out)->id < 0) status = gan_h5_fail(*out, GAN_INPUT, "open", "its image");
  H5Pclose(access);
  gan_h5_leave();
  if (status != GAN_OK) gan_h5_close(out);
  return status;
}

hid_t gan_h5_unlocked_access(void) {
  hid_t access = H5Pcreate(H5P_FILE_ACCESS);
#if H5_VERSION_GE(1, 10, 7) && !(H5_VERSION_GE(1, 12, 0) && !H5_VERSION_GE(1, 12, 1))
  H5Pset_file_locking(access, 0, 1);
#endif
  return access;
}

gan_status gan_h5_open(const char *path, gan_h5 **out) {
  GAN_TRY(gan_h5_new(path, out));
  gan_h5_enter();
  gan_status status = GAN_OK;
  hid_t access = gan_h5_unlocked_access();
  (*out)->id = H5Fopen(path, H5F_ACC_RDONLY, access);
  if ((*out)->id < 0) status = gan_h5_fail(*out, GAN_INPUT, "open", "the file");
  H5Pclose(access);
  gan_h5_leave();
  if (status != GAN_OK) gan_h5_close(out);
  return status;
}

void gan_h5_close(gan_h5 **file) {
  if (!*file) return;
  gan_h5_enter();
  if ((*file)->id >= 0) H5Fclose((*file)->id);
  gan_h5_leave();
  gan_free(&(*file)->name);
  gan_free(file);
}

gan_status gan_h5_image(gan_h5 *file, char **bytes, size_t *n) {
  *bytes = NULL;
  gan_h5_enter();
  gan_status status = GAN_OK;
  ssize_t size = -1;
  if (H5Fflush(file->id, H5F_SCOPE_GLOBAL) >= 0) size = H5Fget_file_image(file->id, NULL, 0);
  if (size < 0) status = gan_h5_fail(file, GAN_NO_MEMORY, "finish", "the image");
  if (status == GAN_OK && !(*bytes = gan_alloc((size_t)size, 1, "a file image")))
    status = GAN_NO_MEMORY;
  if (status == GAN_OK && H5Fget_file_image(file->id, *bytes, (size_t)size) != size)
    status = gan_h5_fail(file, GAN_NO_MEMORY, "copy", "the image");
  gan_h5_leave();
  if (status != GAN_OK) gan_free(bytes);
  *n = status == GAN_OK ? (size_t)size : 0;
  return status;
}

gan_status gan_h5_make_group(gan_h5 *file, const char *name) {
  gan_h5_enter();
  hid_t links = H5Pcreate(H5P_LINK_CREATE);
  H5Pset_create_intermediate_group(links, 1);
  hid_t group = H5Gcreate2(file->id, name, links, H5P_DEFAULT, H5P_DEFAULT);
  gan_status status =
      group < 0 ? gan_h5_fail(file, file->write_failure, "make group", name) : GAN_OK;
  if (group >= 0) H5Gclose(group);
  H5Pclose(links);
  gan_h5_leave();
  return status;
}

hid_t gan_h5_make_space(int rank, const int64_t *dims) {
  hsize_t extent[GAN_H5_RANK_MAX];
  GAN_ASSERT(rank <= GAN_H5_RANK_MAX);
  for (int i = 0; i < rank; i++) extent[i] = (hsize_t)dims[i];
  return rank ? H5Screate_simple(rank, extent, NULL) : H5Screate(H5S_SCALAR);
}

gan_status gan_h5_write(gan_h5 *file, const char *name, gan_dtype type, int rank,
                        const int64_t *dims, const void *values) {
  gan_h5_enter();
  hid_t links = H5Pcreate(H5P_LINK_CREATE), creation = H5Pcreate(H5P_DATASET_CREATE);
  H5Pset_create_intermediate_group(links, 1);
  H5Pset_obj_track_times(creation, 0);
  H5Pset_layout(creation, H5D_CONTIGUOUS);
  hid_t space = gan_h5_make_space(rank, dims);
  hid_t set =
      H5Dcreate2(file->id, name, gan_h5_file_type(type), space, links, creation, H5P_DEFAULT);
  gan_status status = GAN_OK;
  if (set < 0 || H5Dwrite(set, gan_h5_native_type(type), H5S_ALL, H5S_ALL, H5P_DEFAULT, values) < 0)
    status = gan_h5_fail(file, file->write_failure, "write", name);
  if (set >= 0) H5Dclose(set);
  H5Sclose(space);
  H5Pclose(creation);
  H5Pclose(links);
  gan_h5_leave();
  return status;
}

/* One attribute of a scalar type. */
static gan_status set_attribute(gan_h5 *file, const char *object, const char *name, hid_t on_disk,
                                hid_t in_memory, const void *value) {
  hid_t space = H5Screate(H5S_SCALAR);
  hid_t attribute = H5Acreate_by_name(file->id, object, name, on_disk, space, H5P_DEFAULT,
                                      H5P_DEFAULT, H5P_DEFAULT);
  gan_status status = GAN_OK;
  if (attribute < 0 || H5Awrite(attribute, in_memory, value) < 0)
    status = gan_h5_fail(file, file->write_failure, "write attribute", name);
  if (attribute >= 0) H5Aclose(attribute);
  H5Sclose(space);
  return status;
}

gan_status gan_h5_set_int(gan_h5 *file, const char *object, const char *name, int64_t value) {
  gan_h5_enter();
  gan_status status = set_attribute(file, object, name, H5T_STD_I64LE, H5T_NATIVE_INT64, &value);
  gan_h5_leave();
  return status;
}

gan_status gan_h5_set_real(gan_h5 *file, const char *object, const char *name, double value) {
  gan_h5_enter();
  gan_status status = set_attribute(file, object, name, H5T_IEEE_F64LE, H5T_NATIVE_DOUBLE, &value);
  gan_h5_leave();
  return status;
}

static hid_t text_type(void) {
  hid_t type = H5Tcopy(H5T_C_S1);
  H5Tset_size(type, H5T_VARIABLE);
  H5Tset_cset(type, H5T_CSET_UTF8);
  return type;
}

gan_status gan_h5_set_text(gan_h5 *file, const char *object, const char *name, const char *value) {
  gan_h5_enter();
  hid_t type = text_type();
  gan_status status = set_attribute(file, object, name, type, type, &value);
  H5Tclose(type);
  gan_h5_leave();
  return status;
}

bool gan_h5_has(gan_h5 *file, const char *name) {
  bool found = true;
  char part[512];
  size_t length = strlen(name);
  if (length >= sizeof part) return false;
  gan_h5_enter();
  /* H5Lexists wants every group on the way to exist. */
  for (size_t i = 1; found && i <= length; i++) {
    if (name[i] != '/' && name[i] != '\0') continue;
    snprintf(part, sizeof part, "%.*s", (int)i, name);
    found = H5Lexists(file->id, part, H5P_DEFAULT) > 0;
  }
  gan_h5_leave();
  return found;
}

gan_status gan_h5_names(gan_h5 *file, const char *group, char ***names, int *count) {
  H5G_info_t info;
  gan_status status = GAN_OK;
  *names = NULL;
  *count = 0;
  gan_h5_enter();
  if (H5Gget_info_by_name(file->id, group, &info, H5P_DEFAULT) < 0)
    status = gan_h5_fail(file, GAN_INPUT, "open group", group);
  if (status == GAN_OK && info.nlinks) {
    *names = gan_alloc(info.nlinks, sizeof **names, "names");
    if (!*names) status = GAN_NO_MEMORY;
  }
  for (hsize_t i = 0; status == GAN_OK && i < info.nlinks; i++) {
    char name[256];
    if (H5Lget_name_by_idx(file->id, group, H5_INDEX_NAME, H5_ITER_INC, i, name, sizeof name,
                           H5P_DEFAULT) < 0)
      status = gan_h5_fail(file, GAN_INPUT, "list group", group);
    else if (!((*names)[(*count)++] = gan_strdup(name)))
      status = GAN_NO_MEMORY;
  }
  gan_h5_leave();
  if (status != GAN_OK) gan_names_free(names, *count);
  return status;
}

static gan_dtype dtype_of(hid_t set) {
  hid_t type = H5Dget_type(set);
  size_t size = H5Tget_size(type);
  gan_dtype result = GAN_OTHER;
  switch (H5Tget_class(type)) {
  case H5T_INTEGER:
    if (size == 1 && H5Tget_sign(type) == H5T_SGN_NONE) result = GAN_U8;
    if (size == 4 && H5Tget_sign(type) == H5T_SGN_2) result = GAN_I32;
    if (size == 8 && H5Tget_sign(type) == H5T_SGN_2) result = GAN_I64;
    break;
  case H5T_FLOAT:
    if (size == 4) result = GAN_F32;
    if (size == 8) result = GAN_F64;
    break;
  default:
    break;
  }
  H5Tclose(type);
  return result;
}

/* The dataset's shape; -1 if it has none that we can hold. */
static int extent_of(hid_t set, int64_t dims[GAN_H5_RANK_MAX]) {
  hsize_t extent[H5S_MAX_RANK];
  hid_t space = H5Dget_space(set);
  int rank = H5Sget_simple_extent_dims(space, extent, NULL);
  H5Sclose(space);
  if (rank > GAN_H5_RANK_MAX) return -1;
  for (int i = 0; i < rank; i++) {
    if (extent[i] > INT64_MAX) return -1;
    dims[i] = (int64_t)extent[i];
  }
  return rank;
}

gan_status gan_h5_shape(gan_h5 *file, const char *name, gan_dtype *type, int *rank,
                        int64_t dims[GAN_H5_RANK_MAX]) {
  gan_h5_enter();
  gan_status status = GAN_OK;
  hid_t set = H5Dopen2(file->id, name, H5P_DEFAULT);
  if (set < 0) {
    status = gan_h5_fail(file, GAN_INPUT, "open dataset", name);
  } else {
    *type = dtype_of(set);
    *rank = extent_of(set, dims);
    if (*rank < 0) status = gan_h5_fail(file, GAN_INPUT, "understand the shape of", name);
    H5Dclose(set);
  }
  gan_h5_leave();
  return status;
}

gan_status gan_h5_read(gan_h5 *file, const char *name, gan_dtype type, int rank,
                       const int64_t *dims, void *values) {
  gan_h5_enter();
  gan_status status = GAN_OK;
  int64_t found[GAN_H5_RANK_MAX];
  hid_t set = H5Dopen2(file->id, name, H5P_DEFAULT);
  if (set < 0)
    status = gan_h5_fail(file, GAN_INPUT, "open dataset", name);
  else if (extent_of(set, found) != rank ||
           (rank && memcmp(found, dims, (size_t)rank * sizeof *dims)))
    status =
        gan_fail(GAN_INPUT, "%s: dataset '%s' has another shape than expected", file->name, name);
  else if (H5Dread(set, gan_h5_native_type(type), H5S_ALL, H5S_ALL, H5P_DEFAULT, values) < 0)
    status = gan_h5_fail(file, GAN_INPUT, "read", name);
  if (set >= 0) H5Dclose(set);
  gan_h5_leave();
  return status;
}

hid_t gan_h5_rows_access(void) {
  hid_t access = H5Pcreate(H5P_DATASET_ACCESS);
  H5Pset_chunk_cache(access, 0, 0, H5D_CHUNK_CACHE_W0_DEFAULT);
  return access;
}

gan_status gan_h5_read_rows(gan_h5 *file, const char *name, gan_dtype type, int64_t first,
                            int64_t count, void *values) {
  char what[80];
  snprintf(what, sizeof what, "read %lld rows from row %lld on of", (long long)count,
           (long long)first);
  gan_h5_enter();
  gan_status status = GAN_OK;
  hid_t access = gan_h5_rows_access(), set = H5Dopen2(file->id, name, access);
  int64_t dims[GAN_H5_RANK_MAX];
  int rank = set < 0 ? -1 : extent_of(set, dims);
  if (rank < 1 || first < 0 || count < 0 || first > dims[0] || count > dims[0] - first) {
    status = gan_h5_fail(file, GAN_INPUT, what, name);
  } else {
    hsize_t start[GAN_H5_RANK_MAX] = {(hsize_t)first}, size[GAN_H5_RANK_MAX];
    for (int i = 0; i < rank; i++) size[i] = (hsize_t)dims[i];
    size[0] = (hsize_t)count;
    hid_t from = H5Dget_space(set), to = H5Screate_simple(rank, size, NULL);
    if (H5Sselect_hyperslab(from, H5S_SELECT_SET, start, NULL, size, NULL) < 0 ||
        H5Dread(set, gan_h5_native_type(type), to, from, H5P_DEFAULT, values) < 0)
      status = gan_h5_fail(file, GAN_INPUT, what, name);
    H5Sclose(from);
    H5Sclose(to);
  }
  if (set >= 0) H5Dclose(set);
  H5Pclose(access);
  gan_h5_leave();
  return status;
}

bool gan_h5_has_attribute(gan_h5 *file, const char *object, const char *name) {
  gan_h5_enter();
  bool found = H5Aexists_by_name(file->id, object, name, H5P_DEFAULT) > 0;
  gan_h5_leave();
  return found;
}

static gan_status get_attribute(gan_h5 *file, const char *object, const char *name,
                                H5T_class_t want, hid_t in_memory, void *value) {
  hid_t attribute = H5Aopen_by_name(file->id, object, name, H5P_DEFAULT, H5P_DEFAULT);
  if (attribute < 0) return gan_h5_fail(file, GAN_INPUT, "find attribute", name);
  hid_t type = H5Aget_type(attribute), space = H5Aget_space(attribute);
  bool fits = H5Tget_class(type) == want && H5Sget_simple_extent_npoints(space) == 1 &&
              (want != H5T_STRING || H5Tis_variable_str(type) > 0);
  gan_status status = GAN_OK;
  if (!fits)
    status = gan_fail(GAN_INPUT, "%s: attribute '%s' of '%s' has another type than expected",
                      file->name, name, object);
  else if (H5Aread(attribute, in_memory, value) < 0)
    status = gan_h5_fail(file, GAN_INPUT, "read attribute", name);
  H5Tclose(type);
  H5Sclose(space);
  H5Aclose(attribute);
  return status;
}

gan_status gan_h5_get_int(gan_h5 *file, const char *object, const char *name, int64_t *value) {
  gan_h5_enter();
  gan_status status = get_attribute(file, object, name, H5T_INTEGER, H5T_NATIVE_INT64, value);
  gan_h5_leave();
  return status;
}

gan_status gan_h5_get_real(gan_h5 *file, const char *object, const char *name, double *value) {
  gan_h5_enter();
  gan_status status = get_attribute(file, object, name, H5T_FLOAT, H5T_NATIVE_DOUBLE, value);
  gan_h5_leave();
  return status;
}

gan_status gan_h5_get_text(gan_h5 *file, const char *object, const char *name, char **value) {
  char *text = NULL;
  *value = NULL;
  gan_h5_enter();
  hid_t type = text_type();
  gan_status status = get_attribute(file, object, name, H5T_STRING, type, &text);
  H5Tclose(type);
  if (status == GAN_OK) {
    *value = gan_strdup(text ? text : "");
    if (!*value) status = GAN_NO_MEMORY;
    H5free_memory(text);
  }
  gan_h5_leave();
  return status;
}

char *gan_h5_library(char *text, size_t size) {
  unsigned major, minor, release;
  gan_h5_enter();
  H5get_libversion(&major, &minor, &release);
  gan_h5_leave();
  snprintf(text, size, "%u.%u.%u", major, minor, release);
  return text;
}
