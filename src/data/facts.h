/* What is learned about a data set's values and labels while they are read. */
#ifndef GAN_DATA_FACTS_H
#define GAN_DATA_FACTS_H

#include "data/source.h"

typedef struct gan_value_facts {
  float smallest, largest; /* of the values */
  int32_t largest_label;
} gan_value_facts;

/* Before any row was looked at. */
gan_value_facts gan_value_facts_none(void);

/* Adds `count` rows, which are those from `first` on of the source, and their labels (ignored where
 * the data has none).  GAN_INPUT naming file, dataset and row if a value is not finite. */
GAN_CHECKED gan_status gan_value_facts_add(gan_value_facts *facts, const gan_data_info *info,
                                           const gan_source_spec *spec, int64_t first,
                                           int64_t count, const void *rows, const int32_t *labels);

/* The interval [low, high] that values of that type live in: 0 and 255 for uint8; for floats the
 * first of [0, 1], [-1, 1], [smallest, largest] that holds them all, never empty. */
void gan_value_facts_range(const gan_value_facts *facts, gan_dtype type, double *low, double *high);

#endif
