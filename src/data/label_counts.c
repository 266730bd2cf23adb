#include "data/label_counts.h"

#include <stdio.h>

enum { LISTED = 20 };

void gan_label_counts_add(gan_label_counts *counts, int64_t n, const int32_t *labels) {
  for (int64_t i = 0; i < n; i++) {
    if (labels[i] >= 0 && labels[i] < GAN_LABELS_COUNTED)
      counts->rows[labels[i]]++;
    else
      counts->others++;
  }
}

char *gan_label_counts_text(const gan_label_counts *counts, char *text, size_t size) {
  size_t used = 0;
  int listed = 0, more = 0;
  *text = '\0';
  for (int label = 0; label < GAN_LABELS_COUNTED && used < size; label++) {
    if (!counts->rows[label]) continue;
    if (listed == LISTED) {
      more++;
      continue;
    }
    used += (size_t)snprintf(text + used, size - used, "%s%d (%lld rows)", listed++ ? ", " : "",
                             label, (long long)counts->rows[label]);
  }
  if (more && used < size)
    used += (size_t)snprintf(text + used, size - used, ", %d more labels", more);
  if (counts->others && used < size)
    snprintf(text + used, size - used, "%s%lld rows of labels from %d on", used ? ", " : "",
             (long long)counts->others, GAN_LABELS_COUNTED);
  return text;
}
