/* Sums down the columns of (rows, c), two of each, in tasks that threads share: some columns by a
 * block of rows.  Rows are added in order within a block, the blocks' sums in order, and the blocks
 * depend on the number of rows alone. */
#ifndef GAN_KERNELS_COLUMNS_H
#define GAN_KERNELS_COLUMNS_H

#include <stdint.h>

/* What is summed over, each as gan_sum_columns' caller has it. */
typedef struct gan_columns {
  int64_t rows, c;
  const float *x, *dy;                   /* (rows, c) */
  const float *mean, *inverse_deviation; /* (c) or (rows) */
} gan_columns;

/* Rows row..row_end-1 of columns column..column+width-1. */
typedef struct gan_column_task {
  const gan_columns *of;
  int64_t row, row_end, column, width;
} gan_column_task;

/* Adds a task's terms to first[0..width-1] and second[0..width-1]. */
typedef void (*gan_column_work)(const gan_column_task *task, double *first, double *second);

enum { GAN_COLUMNS_MOST = 4096 }; /* of a group */

/* Columns that gan_sum_columns takes at once. */
int64_t gan_columns_group(int64_t rows);

/* first[k], second[k] = the sums of column `column` + k, of a group of them or what is left; second
 * may be NULL. */
void gan_sum_columns(const gan_columns *of, int64_t column, gan_column_work work, double *first,
                     double *second);

#endif
