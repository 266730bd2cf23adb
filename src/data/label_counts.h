/* How often each label comes, for people: exact for labels below 1024. */
#ifndef GAN_DATA_LABEL_COUNTS_H
#define GAN_DATA_LABEL_COUNTS_H

#include <stddef.h>
#include <stdint.h>

enum { GAN_LABELS_COUNTED = 1024 };

typedef struct gan_label_counts {
  int64_t rows[GAN_LABELS_COUNTED];
  int64_t others; /* rows of larger labels */
} gan_label_counts;

void gan_label_counts_add(gan_label_counts *counts, int64_t n, const int32_t *labels);

/* "0 (5923 rows), 1 (6742 rows)"; only so many of them, then how many more there are. */
char *gan_label_counts_text(const gan_label_counts *counts, char *text, size_t size);

#endif
