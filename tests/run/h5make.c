/* run_h5make OUT.h5 NAME TYPE DIMS RAW [NAME TYPE DIMS RAW ...]: an HDF5 file for the run tests.
 *
 * DIMS is "40,8,8"; RAW is a file with that many numbers of TYPE, in this machine's byte order.
 * TYPE is uint8, int32, int64, float32, float64, or group, which takes no numbers. */
#include "base/memory.h"
#include "io/file.h"
#include "io/hdf5.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static bool find_type(const char *name, gan_dtype *type) {
  for (int i = 0; i < GAN_OTHER; i++) {
    *type = (gan_dtype)i;
    if (strcmp(gan_dtype_name(*type), name) == 0) return true;
  }
  return false;
}

static int parse_dims(const char *text, int64_t *dims) {
  int rank = 0;
  for (char *end; rank < GAN_H5_RANK_MAX; text = end + 1) {
    dims[rank++] = strtoll(text, &end, 10);
    if (*end != ',') break;
  }
  return rank;
}

static gan_status add(gan_h5 *file, char **word) {
  gan_dtype type;
  int64_t dims[GAN_H5_RANK_MAX];
  char *values;
  size_t n, expected;
  if (!strcmp(word[1], "group")) return gan_h5_make_group(file, word[0]);
  if (!find_type(word[1], &type)) return GAN_USAGE;
  int rank = parse_dims(word[2], dims);
  expected = gan_dtype_size(type);
  for (int i = 0; i < rank; i++) expected *= (size_t)dims[i];
  gan_status status = gan_file_read(word[3], &values, &n);
  if (status != GAN_OK) return status;
  status = n == expected ? gan_h5_write(file, word[0], type, rank, dims, values) : GAN_USAGE;
  gan_free(&values);
  return status;
}

int main(int argc, char **argv) {
  gan_h5 *file;
  char *image = NULL;
  size_t n = 0;
  if (argc < 2 || (argc - 2) % 4) return GAN_USAGE;
  gan_status status = gan_h5_create(&file);
  for (int i = 2; status == GAN_OK && i < argc; i += 4) status = add(file, argv + i);
  if (status == GAN_OK) status = gan_h5_image(file, &image, &n);
  if (status == GAN_OK) status = gan_file_replace(argv[1], image, n, NULL, 0);
  if (status != GAN_OK) fprintf(stderr, "run_h5make: status %d\n", (int)status);
  gan_free(&image);
  gan_h5_close(&file);
  return status;
}
