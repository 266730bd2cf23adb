#include "data/loader.h"

#include "base/memory.h"
#include "base/rng.h"

struct gan_loader {
  const gan_dataset *set;
  uint64_t seed;
  uint32_t *order;       /* (rows of this rank): each shard's permutation of its epoch */
  uint64_t *order_epoch; /* (owned shards): epoch + 1 of that permutation, 0 for none yet */
  float byte_value[256]; /* what a uint8 becomes */
};

gan_status gan_loader_create(const gan_dataset *dataset, uint64_t seed, gan_loader **out) {
  gan_loader *loader;
  GAN_TRY_ALLOC(loader, 1, "the loader");
  *out = loader;
  loader->set = dataset;
  loader->seed = seed;
  loader->order = gan_alloc((size_t)gan_shards_rows(&dataset->shards), sizeof *loader->order,
                            "the order of the data");
  loader->order_epoch = gan_alloc((size_t)dataset->shards.owned, sizeof *loader->order_epoch,
                                  "the order of the data");
  if (!loader->order || !loader->order_epoch) {
    gan_loader_destroy(out);
    return GAN_NO_MEMORY;
  }
  for (int i = 0; i < 256; i++)
    loader->byte_value[i] = (float)(i * dataset->scale + dataset->offset);
  return GAN_OK;
}

void gan_loader_destroy(gan_loader **loader) {
  if (!*loader) return;
  gan_free(&(*loader)->order);
  gan_free(&(*loader)->order_epoch);
  gan_free(loader);
}

static void convert_row(const gan_loader *loader, int64_t row, float *out) {
  const gan_dataset *set = loader->set;
  int64_t size = gan_data_row_size(&set->info);
  if (set->info.type == GAN_U8) {
    const uint8_t *bytes = (const uint8_t *)set->rows + row * size;
    for (int64_t i = 0; i < size; i++) out[i] = loader->byte_value[bytes[i]];
  } else {
    const float *values = (const float *)set->rows + row * size;
    for (int64_t i = 0; i < size; i++) out[i] = (float)(values[i] * set->scale + set->offset);
  }
}

void gan_loader_next(gan_loader *loader, uint64_t draw, float *out) {
  const gan_shards *shards = &loader->set->shards;
  int64_t quota = gan_shards_quota(shards), size = gan_data_row_size(&loader->set->info);
  int64_t shard_begin = 0; /* of the rank's rows */
  for (int64_t s = 0; s < shards->owned; s++) {
    int64_t rows = gan_shard_rows(shards, shards->first + s);
    uint32_t *order = loader->order + shard_begin;
    gan_rng rng =
        gan_rng_stream(loader->seed, GAN_RNG_SHUFFLE, 0, 0, (uint32_t)(shards->first + s));
    for (int64_t i = 0; i < quota; i++, out += size) {
      uint64_t position = draw * (uint64_t)quota + (uint64_t)i;
      uint64_t epoch = position / (uint64_t)rows;
      if (loader->order_epoch[s] != epoch + 1) {
        gan_rng_permutation(rng, epoch, (uint32_t)rows, order);
        loader->order_epoch[s] = epoch + 1;
      }
      convert_row(loader, shard_begin + order[position % (uint64_t)rows], out);
    }
    shard_begin += rows;
  }
}
