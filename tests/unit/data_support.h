/* Data sets of the tests: files of every format, made here byte by byte, and reading them whole. */
#ifndef GAN_TESTS_UNIT_DATA_SUPPORT_H
#define GAN_TESTS_UNIT_DATA_SUPPORT_H

#include "data/dataset.h"
#include "unit/support.h"

/* IDX's types of numbers. */
enum { IDX_U8 = 8, IDX_F32 = 13, IDX_F64 = 14 };

/* Number i of a data set; made-up data that every reader must give back. */
typedef double (*unit_value)(int64_t i);
double unit_byte(int64_t i);  /* 0 .. 255, without a short period */
double unit_digit(int64_t i); /* 0 .. 9 */
double unit_real(int64_t i);  /* in [-2, 2], exact in float32 */

/* The bytes of an IDX file, in fresh memory. */
unsigned char *unit_idx(int type, int rank, const int64_t *dims, unit_value value, size_t *n);
void unit_write_idx(const char *path, int type, int rank, const int64_t *dims, unit_value value);

/* The bytes gzip-compressed, in fresh memory. */
unsigned char *unit_gzip(const void *bytes, size_t n, size_t *packed);
void unit_write_gzip(const char *path, const void *bytes, size_t n);

/* A whole source. */
typedef struct unit_rows {
  gan_data_info info;
  void *rows;
  int32_t *labels; /* NULL where there are none */
} unit_rows;

/* Opens, reads in pieces of `piece` rows (0: all at once), checks the end, closes. */
gan_status unit_load(const char *path, gan_layout layout, int64_t piece, unit_rows *out);
void unit_rows_free(unit_rows *rows);

/* Every number must be value(i), i counting through (N, H, W, C). */
void unit_check_rows(const unit_rows *rows, unit_value value);
void unit_check_labels(const unit_rows *rows, unit_value value);

/* Loads a path as a run of one rank does; `keys` are more lines of the config, such as
 * "data.shards: 4". */
gan_status unit_dataset(const char *path, const char *keys, gan_range range, gan_config *config,
                        gan_dataset **out);

#endif
