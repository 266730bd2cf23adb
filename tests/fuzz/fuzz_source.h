/* Reading a whole data set, for the fuzzers of its formats. */
#ifndef GAN_TESTS_FUZZ_FUZZ_SOURCE_H
#define GAN_TESTS_FUZZ_FUZZ_SOURCE_H

#include "data/source.h"
#include "fuzz/fuzz.h"

typedef struct fuzz_rows {
  gan_data_info info;
  uint8_t *rows;
  int32_t *labels;
  bool whole; /* all rows were read, and the file ends behind them */
} fuzz_rows;

/* Opens, reads in pieces of different sizes, closes.  No more memory is taken than rows and labels
 * of `content_max` bytes of content want: the most that the files can hold. */
fuzz_rows fuzz_read_source(const char *path, size_t content_max);
void fuzz_rows_free(fuzz_rows *rows);

/* Both were refused, or both gave the same rows and labels. */
void fuzz_check_same_rows(const fuzz_rows *a, const fuzz_rows *b);

#endif
