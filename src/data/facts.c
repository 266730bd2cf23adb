#include "data/facts.h"

#include <math.h>
#include <stdio.h>

gan_value_facts gan_value_facts_none(void) {
  return (gan_value_facts){INFINITY, -INFINITY, 0};
}

static void add_bytes(gan_value_facts *facts, int64_t n, const uint8_t *bytes) {
  uint8_t smallest = UINT8_MAX, largest = 0;
  for (int64_t i = 0; i < n; i++) {
    smallest = bytes[i] < smallest ? bytes[i] : smallest;
    largest = bytes[i] > largest ? bytes[i] : largest;
  }
  if (n && smallest < facts->smallest) facts->smallest = smallest;
  if (n && largest > facts->largest) facts->largest = largest;
}

/* Names the place: number `i` of the row. */
static gan_status reject(const gan_source_spec *spec, int64_t row, int64_t i, float value) {
  char dataset[256] = "";
  const char *of = spec->select.count ? " of the chosen classes" : "";
  if (gan_source_hdf5.claims(spec->path))
    snprintf(dataset, sizeof dataset, " dataset '%s',", spec->images);
  return gan_fail(GAN_INPUT,
                  "%s:%s row %lld%s holds %g (number %lld of the row); data must be finite, as "
                  "32-bit floats",
                  spec->path, dataset, (long long)row, of, gan_printable((double)value),
                  (long long)i);
}

gan_status gan_value_facts_add(gan_value_facts *facts, const gan_data_info *info,
                               const gan_source_spec *spec, int64_t first, int64_t count,
                               const void *rows, const int32_t *labels) {
  int64_t size = gan_data_row_size(info);
  for (int64_t i = 0; info->has_labels && labels && i < count; i++)
    if (labels[i] > facts->largest_label) facts->largest_label = labels[i];
  if (info->type == GAN_U8) {
    add_bytes(facts, count * size, rows);
    return GAN_OK;
  }
  const float *values = rows;
  for (int64_t i = 0; i < count * size; i++) {
    if (!isfinite(values[i])) return reject(spec, first + i / size, i % size, values[i]);
    if (values[i] < facts->smallest) facts->smallest = values[i];
    if (values[i] > facts->largest) facts->largest = values[i];
  }
  return GAN_OK;
}

void gan_value_facts_range(const gan_value_facts *facts, gan_dtype type, double *low,
                           double *high) {
  *low = 0;
  *high = 255;
  if (type == GAN_U8) return;
  *low = facts->smallest < 0 ? -1 : 0;
  *high = 1;
  if (facts->smallest < -1 || facts->largest > 1) {
    *low = facts->smallest;
    *high = facts->largest;
  }
  if (!(*high > *low)) *high = *low + fmax(1, fabs(*low)); /* constant */
}
