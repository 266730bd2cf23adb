/* IDX: one file, or a folder with labels.  Plain and compressed must be the same data, and what is
 * accepted must be as long as its header says.
 *
 * Input: a byte k; k bytes of a file of labels (0: no folder); the file of images.
 */
#include "fuzz/fuzz_source.h"

#include <unistd.h>

enum { RATIO = 1040 }; /* gzip's largest, as the reader has it */

static const char *const images_names[] = {"folder/train-images-idx3-ubyte",
                                           "folder/train-images-idx3-ubyte.gz"};
static const char *const labels_names[] = {"folder/train-labels-idx1-ubyte",
                                           "folder/train-labels-idx1-ubyte.gz"};

static const char *write_files(int packed, fuzz_bytes images, fuzz_bytes labels) {
  const char *folder = fuzz_folder("folder");
  for (int i = 0; i < 2; i++) {
    unlink(fuzz_path(images_names[i]));
    unlink(fuzz_path(labels_names[i]));
  }
  if (labels.n) fuzz_file(labels_names[packed], labels);
  const char *path = fuzz_file(images_names[packed], images);
  return labels.n ? folder : path;
}

/* Bytes that an accepted file has, counted from its header. */
static size_t promised(fuzz_bytes file) {
  size_t size = file.at[2] == 8 ? 1 : file.at[2] == 13 ? 4 : 8, rank = file.at[3];
  for (size_t i = 0; i < rank; i++) {
    const uint8_t *dim = file.at + 4 + 4 * i;
    size *= (size_t)dim[0] << 24 | (size_t)dim[1] << 16 | (size_t)dim[2] << 8 | dim[3];
  }
  return 4 + 4 * rank + size;
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n) {
  size_t before = gan_alloc_bytes();
  fuzz_bytes images = {bytes, n}, labels = fuzz_cut(&images, 1);
  bool plain = !fuzz_is_gzip(images) && !fuzz_is_gzip(labels);
  fuzz_rows first = fuzz_read_source(write_files(0, images, labels), n * (plain ? 1 : RATIO));
  if (first.whole && plain) {
    FUZZ_CHECK(promised(images) == images.n, "%zu bytes, not %zu", promised(images), images.n);
    if (labels.n) FUZZ_CHECK(promised(labels) == labels.n, "labels: %zu bytes", labels.n);
    FUZZ_CHECK(first.info.has_labels == (labels.n > 0), "labels come from nowhere");
  }
  if (plain) {
    uint8_t *packed_images, *packed_labels;
    fuzz_bytes images_gz = fuzz_gzip(images, 1, &packed_images);
    fuzz_bytes labels_gz = fuzz_gzip(labels, 5, &packed_labels);
    if (!labels.n) labels_gz.n = 0;
    fuzz_rows second = fuzz_read_source(write_files(1, images_gz, labels_gz), images_gz.n * RATIO);
    fuzz_check_same_rows(&first, &second);
    fuzz_rows_free(&second);
    gan_free(&packed_images);
    gan_free(&packed_labels);
  }
  fuzz_rows_free(&first);
  fuzz_check_freed(before);
  return 0;
}
