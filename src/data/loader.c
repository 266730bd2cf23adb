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

/* The row of the rank's data that stands at a position of its shard `s`, `begin` rows in. */
static int64_t row_at(gan_loader *loader, int64_t s, int64_t begin, uint64_t position) {
  const gan_shards *shards = &loader->set->shards;
  uint64_t rows = (uint64_t)gan_shard_rows(shards, shards->first + s), epoch = position / rows;
  uint32_t *order = loader->order + begin;
  if (loader->order_epoch[s] != epoch + 1) {
    gan_rng rng =
        gan_rng_stream(loader->seed, GAN_RNG_SHUFFLE, 0, 0, (uint32_t)(shards->first + s));
    gan_rng_permutation(rng, epoch, (uint32_t)rows, order);
    loader->order_epoch[s] = epoch + 1;
  }
  return begin + order[position % rows];
}

gan_status gan_loader_next(gan_loader *loader, uint64_t drawn, int64_t first, int64_t count,
                           float *out) {
  const gan_shards *shards = &loader->set->shards;
  int64_t quota = gan_shards_quota(shards), size = gan_data_row_size(&loader->set->info);
  int64_t first_row = gan_shards_first_row(shards);
  GAN_ASSERT(first >= 0 && first + count <= gan_shards_samples(shards));
  for (int64_t i = first; i < first + count; i++, out += size) {
    int64_t s = i / quota, begin = gan_part_begin(shards->n, shards->count, shards->first + s);
    convert_row(loader, row_at(loader, s, begin - first_row, drawn + (uint64_t)(i % quota)), out);
  }
  return GAN_OK;
}
