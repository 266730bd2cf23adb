#include "data/heldout.h"

gan_config gan_heldout_config(const gan_config *config) {
  gan_config heldout = *config;
  heldout.data.path = config->data.test;
  heldout.data.cache = GAN_CACHE_MEMORY;
  heldout.data.flip = false;
  heldout.data.crop_padding = 0;
  return heldout;
}

gan_status gan_heldout_open(gan_comm *comm, const gan_config *heldout, const gan_data_info *train,
                            gan_source **source, gan_data_info *info) {
  char place[600], here[128], there[128];
  GAN_TRY(gan_dataset_open(comm, heldout, source, info));
  gan_data_info unlabelled = *info;
  unlabelled.has_labels = train->has_labels;
  if (gan_data_rows_alike(train, &unlabelled)) return GAN_OK;
  return gan_fail(GAN_USAGE, "%s is %s: it holds %s, but the training data %s",
                  gan_config_place(heldout, "data.test", place, sizeof place), heldout->data.path,
                  gan_data_info_text(info, here, sizeof here),
                  gan_data_info_text(train, there, sizeof there));
}

gan_status gan_heldout_load(gan_comm *comm, const gan_config *heldout, const gan_dataset *train,
                            gan_source **source, const gan_data_info *info, gan_dataset **out) {
  GAN_TRY(gan_dataset_load(comm, heldout, source, info, GAN_RANGE_NONE, out));
  (*out)->low = train->low;
  (*out)->high = train->high;
  (*out)->scale = train->scale;
  (*out)->offset = train->offset;
  return GAN_OK;
}

void gan_heldout_images(const gan_dataset *set, int64_t first, int64_t n, float *out) {
  int64_t begin = first * gan_data_row_size(&set->info), count = n * gan_data_row_size(&set->info);
  const uint8_t *bytes = (const uint8_t *)set->rows + begin;
  const float *values = (const float *)set->rows + begin;
  if (set->info.type == GAN_U8)
    for (int64_t i = 0; i < count; i++) out[i] = (float)(bytes[i] * set->scale + set->offset);
  else
    for (int64_t i = 0; i < count; i++) out[i] = (float)(values[i] * set->scale + set->offset);
}
