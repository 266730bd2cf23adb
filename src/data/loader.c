#include "data/loader.h"

#include "base/memory.h"
#include "base/rng.h"
#include "data/stream.h"

struct gan_loader {
  const gan_dataset *set;
  uint64_t seed;
  uint32_t *order;       /* (rows of this rank): each shard's permutation of its epoch */
  uint64_t *order_epoch; /* (owned shards): epoch + 1 of that permutation, 0 for none yet */
  gan_stream *stream;    /* of streamed data, which has no such order */
  float byte_value[256]; /* what a uint8 becomes */
};

static gan_status make_orders(gan_loader *loader) {
  const gan_shards *shards = &loader->set->shards;
  GAN_TRY_ALLOC(loader->order, gan_shards_rows(shards), "the order of the data");
  GAN_TRY_ALLOC(loader->order_epoch, shards->owned, "the order of the data");
  return GAN_OK;
}

gan_status gan_loader_create(const gan_dataset *dataset, uint64_t seed, gan_loader **out) {
  gan_loader *loader;
  GAN_TRY_ALLOC(loader, 1, "the loader");
  *out = loader;
  loader->set = dataset;
  loader->seed = seed;
  gan_status status =
      dataset->cut.block ? gan_stream_create(dataset, seed, &loader->stream) : make_orders(loader);
  if (status != GAN_OK) gan_loader_destroy(out);
  GAN_TRY(status);
  for (int i = 0; i < 256; i++)
    loader->byte_value[i] = (float)(i * dataset->scale + dataset->offset);
  return GAN_OK;
}

void gan_loader_destroy(gan_loader **loader) {
  if (!*loader) return;
  gan_stream_destroy(&(*loader)->stream);
  gan_free(&(*loader)->order);
  gan_free(&(*loader)->order_epoch);
  gan_free(loader);
}

/* Numbers first..first+n-1 of a row. */
static void convert(const gan_loader *loader, const void *row, int64_t first, int64_t n,
                    float *out) {
  const gan_dataset *set = loader->set;
  if (set->info.type == GAN_U8) {
    const uint8_t *bytes = (const uint8_t *)row + first;
    for (int64_t i = 0; i < n; i++) out[i] = loader->byte_value[bytes[i]];
  } else {
    const float *values = (const float *)row + first;
    for (int64_t i = 0; i < n; i++) out[i] = (float)(values[i] * set->scale + set->offset);
  }
}

/* A row as its view shows it, pixel by pixel. */
static void convert_view(const gan_loader *loader, const void *row, const gan_view *view,
                         float *out) {
  const gan_dataset *set = loader->set;
  const gan_data_info *info = &set->info;
  float padding = (float)(set->low * set->scale + set->offset);
  for (int64_t y = 0; y < info->h; y++)
    for (int64_t x = 0; x < info->w; x++, out += info->c) {
      int64_t pixel = gan_view_pixel(view, info, y, x);
      if (pixel >= 0)
        convert(loader, row, pixel * info->c, info->c, out);
      else
        for (int64_t k = 0; k < info->c; k++) out[k] = padding;
    }
}

/* The row at a position of the rank's shard `s`, as the networks see it. */
static void convert_row(const gan_loader *loader, int64_t s, uint64_t position, const void *row,
                        float *out) {
  const gan_dataset *set = loader->set;
  if (gan_augment_is_none(&set->augment)) {
    convert(loader, row, 0, gan_data_row_size(&set->info), out);
    return;
  }
  gan_view view = gan_augment_view(&set->augment, loader->seed, set->shards.first + s, position);
  convert_view(loader, row, &view, out);
}

/* The sample in memory that stands at a position of the rank's shard `s`. */
static gan_data_sample sample_at(gan_loader *loader, int64_t s, uint64_t position) {
  const gan_dataset *set = loader->set;
  const gan_shards *shards = &set->shards;
  int64_t shard = shards->first + s;
  int64_t begin = gan_part_begin(shards->n, shards->count, shard) - gan_shards_first_row(shards);
  uint64_t rows = (uint64_t)gan_shard_rows(shards, shard), epoch = position / rows;
  uint32_t *order = loader->order + begin;
  if (loader->order_epoch[s] != epoch + 1) {
    gan_rng rng = gan_rng_stream(loader->seed, GAN_RNG_SHUFFLE, 0, 0, (uint32_t)shard);
    gan_rng_permutation(rng, epoch, (uint32_t)rows, order);
    loader->order_epoch[s] = epoch + 1;
  }
  int64_t row = begin + order[position % rows];
  return (gan_data_sample){(const char *)set->rows + (size_t)row * gan_data_row_bytes(&set->info),
                           set->labels ? set->labels[row] : 0};
}

static int64_t at_most(int64_t a, int64_t b) {
  return a < b ? a : b;
}

/* Tells the stream of all shards' windows before it waits for the first. */
static void want(const gan_loader *loader, uint64_t drawn, int64_t first, int64_t end) {
  int64_t quota = gan_shards_quota(&loader->set->shards);
  for (int64_t i = first; i < end; i = at_most(end, (i / quota + 1) * quota))
    gan_stream_want(loader->stream, i / quota, drawn + (uint64_t)(i % quota));
}

gan_status gan_loader_next(gan_loader *loader, uint64_t drawn, int64_t first, int64_t count,
                           float *out, int32_t *labels) {
  const gan_shards *shards = &loader->set->shards;
  int64_t quota = gan_shards_quota(shards), size = gan_data_row_size(&loader->set->info);
  GAN_ASSERT(first >= 0 && first + count <= gan_shards_samples(shards));
  GAN_ASSERT(!labels || loader->set->info.has_labels);
  if (loader->stream) want(loader, drawn, first, first + count);
  for (int64_t i = first; i < first + count; i++, out += size) {
    uint64_t position = drawn + (uint64_t)(i % quota);
    gan_data_sample sample;
    if (loader->stream)
      GAN_TRY(gan_stream_row(loader->stream, i / quota, position, &sample));
    else
      sample = sample_at(loader, i / quota, position);
    convert_row(loader, i / quota, position, sample.row, out);
    if (labels) labels[i - first] = sample.label;
  }
  return GAN_OK;
}

double gan_loader_waited(const gan_loader *loader) {
  return loader->stream ? gan_stream_waited(loader->stream) : 0;
}
