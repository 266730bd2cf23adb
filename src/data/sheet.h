/* A contact sheet: some rows of a data set as one PNG.  Of labelled data a row of the sheet is a
 * class, of the first few that come, with the first of its rows in the data; of other data the
 * first 64 rows; of points (N, 2) the first few thousand as a scatter plot. */
#ifndef GAN_DATA_SHEET_H
#define GAN_DATA_SHEET_H

#include "data/facts.h"

typedef struct gan_sheet gan_sheet;

/* GAN_USAGE for points of another number of coordinates than two. */
GAN_CHECKED gan_status gan_sheet_create(const gan_data_info *info, const char *path,
                                        gan_sheet **out);

/* The next rows of the data, from the first on; the sheet keeps what it wants. */
void gan_sheet_add(gan_sheet *sheet, int64_t count, const void *rows, const int32_t *labels);

/* Writes it, `facts` being those of all rows.  The file is replaced atomically. */
GAN_CHECKED gan_status gan_sheet_write(const gan_sheet *sheet, const char *path,
                                       const gan_value_facts *facts);

void gan_sheet_destroy(gan_sheet **sheet);

#endif
