#include "train/eval_set.h"

#include <mpigan/generator.h>

#include "base/memory.h"
#include "data/dataset.h"
#include "data/planes.h"
#include "train/eval_rows.h"

#include <string.h>

/* Logical shards of a set, of which a rank owns some: the digest is over them. */
enum { SHARDS_MAX = 1024 };

/* Samples that are made at once. */
enum { PIECE = 1024 };

void gan_eval_set_release(gan_eval_set *set) {
  gan_free(&set->values);
  gan_free(&set->labels);
  gan_free(&set->asked);
  gan_free(&set->latent);
  gan_free(&set->images);
}

/* ---- rows of a data set ---- */

static gan_status open_data(const gan_eval *eval, gan_config *config, gan_source **source,
                            gan_data_info *info) {
  char *path = NULL;
  int ranks = gan_comm_size(eval->comm);
  size_t n = 0;
  gan_status status = GAN_OK;
  if (gan_comm_rank(eval->comm) == 0) status = gan_source_find(config->data.path, &path);
  GAN_TRY(gan_comm_agree(eval->comm, status, "agreeing whether the data was found"));
  if (path) n = strlen(path);
  GAN_TRY(gan_comm_broadcast_text(eval->comm, &path, &n, "the broadcast of a path"));
  config->data.path = path;
  GAN_TRY(gan_dataset_open(eval->comm, config, source, info));
  config->data.shards = info->n < SHARDS_MAX ? info->n : SHARDS_MAX;
  config->train.batch = config->data.shards;
  if (ranks <= config->data.shards) return GAN_OK;
  return gan_fail(GAN_USAGE, "%s: %lld rows for %d ranks; start at most %lld", path,
                  (long long)info->n, ranks, (long long)config->data.shards);
}

static gan_status check_like(const char *path, const gan_data_info *info,
                             const gan_eval_set *like) {
  if (!like || (like->h == info->h && like->w == info->w && like->c == info->c)) return GAN_OK;
  return gan_fail(GAN_INPUT,
                  "%s: its rows are %lldx%lldx%lld (height, width, channels), but those of --data "
                  "are %lldx%lldx%lld",
                  path, (long long)info->h, (long long)info->w, (long long)info->c,
                  (long long)like->h, (long long)like->w, (long long)like->c);
}

/* Which of all rows are taken: a mark a row. */
static gan_status choose(const gan_eval *eval, int64_t n, int64_t count, uint8_t *chosen) {
  uint32_t *order;
  if (count == 0 || count >= n) {
    memset(chosen, 1, (size_t)n);
    return GAN_OK;
  }
  GAN_TRY_ALLOC(order, n, "the order of the data");
  gan_rng_permutation(gan_eval_stream(eval, GAN_EVAL_DRAW_ROWS), 0, (uint32_t)n, order);
  for (int64_t i = 0; i < count; i++) chosen[order[i]] = 1;
  gan_free(&order);
  return GAN_OK;
}

static gan_status copy_chosen(const gan_config *config, const gan_dataset *data,
                              const uint8_t *chosen, gan_eval_set *set, int64_t *n) {
  int64_t first = gan_shards_first_row(&data->shards), rows = gan_shards_rows(&data->shards);
  *n = 0;
  for (int64_t i = 0; i < rows; i++) *n += chosen[first + i];
  GAN_TRY_ALLOC(set->values, *n * gan_data_row_size(&data->info), "the rows to evaluate");
  if (data->info.has_labels) GAN_TRY_ALLOC(set->labels, *n, "their labels");
  return gan_eval_rows_take(config, data, chosen + first, set);
}

static gan_status take_rows(const gan_eval *eval, const gan_config *config, const gan_dataset *data,
                            int64_t count, gan_eval_set *set) {
  uint8_t *chosen = gan_alloc((size_t)data->info.n, 1, "marks of rows");
  int64_t n = 0;
  gan_status status = chosen ? choose(eval, data->info.n, count, chosen) : GAN_NO_MEMORY;
  if (status == GAN_OK) status = copy_chosen(config, data, chosen, set, &n);
  gan_free(&chosen);
  GAN_TRY(gan_comm_agree(eval->comm, status, "agreeing whether all have room for their rows"));
  return gan_rows_share(eval, n, gan_data_row_size(&data->info), set->values, &set->rows);
}

/* The largest label that a row can have + 1; 0: rows have none. */
static int64_t labels_end(const gan_config *config, const gan_dataset *data) {
  int64_t end = data->classes;
  for (int i = 0; data->classes && i < config->data.classes.count; i++)
    if (config->data.classes.values[i] >= end) end = config->data.classes.values[i] + 1;
  return end;
}

/* Before memory is taken, which a system might kill for instead of refusing it. */
static gan_status check_room(const gan_eval *eval, const gan_config *config,
                             const gan_data_info *info, int64_t count) {
  gan_eval_room room = {.path = config->data.path,
                        .info = info,
                        .count = count,
                        .ranks = gan_comm_size(eval->comm),
                        .streams = config->data.cache == GAN_CACHE_STREAM,
                        .bytes = gan_memory_physical()};
  return gan_comm_agree(eval->comm, gan_eval_rows_check(&room),
                        "agreeing whether all have room for the data");
}

static gan_status load(const gan_eval *eval, gan_config *config, int64_t count,
                       const gan_eval_set *like, gan_eval_set *out) {
  gan_source *source = NULL;
  gan_data_info info;
  gan_dataset *data = NULL;
  bool streams = config->data.cache == GAN_CACHE_STREAM;
  gan_status status = open_data(eval, config, &source, &info);
  if (status == GAN_OK) status = check_like(config->data.path, &info, like);
  if (status == GAN_OK) status = check_room(eval, config, &info, count);
  if (status == GAN_OK)
    status = gan_dataset_load(eval->comm, config, &source, &info,
                              streams ? GAN_RANGE_UNIT : GAN_RANGE_NONE, &data);
  gan_source_close(&source);
  GAN_TRY(status);
  *out = (gan_eval_set){.h = info.h,
                        .w = info.w,
                        .c = info.c,
                        .classes = labels_end(config, data),
                        .of = info.n,
                        .low = like ? like->low : data->low,
                        .high = like ? like->high : data->high,
                        .digest = data->digest};
  status = take_rows(eval, config, data, count, out);
  gan_dataset_destroy(&data);
  return status;
}

/* Whether it is the data of a run that streams it: it may not fit into memory.  Where the run takes
 * values as they are, their interval is not known without reading them all. */
static bool streams(gan_eval_source from) {
  return from.config && from.config->data.cache == GAN_CACHE_STREAM &&
         from.config->data.range != GAN_RANGE_NONE &&
         strcmp(from.path, from.config->data.path) == 0;
}

/* Nothing is held in the windows of streamed data here: of any size. */
static const double ANY_MB = 1e9;

/* The data keys of a config, so that gan_dataset can read them; what it points to is borrowed. */
static gan_config data_config(gan_eval_source from, char *path) {
  static char images[] = "images", labels[] = "labels";
  gan_config config = {.data = {.path = path, .images = images, .labels = labels}};
  if (from.config) config.data = from.config->data;
  config.data.path = path;
  config.data.range = GAN_RANGE_NONE;
  config.data.cache = streams(from) ? GAN_CACHE_STREAM : GAN_CACHE_MEMORY;
  config.data.buffer_mb = ANY_MB;
  config.data.flip = false;
  config.data.crop_padding = 0;
  return config;
}

gan_status gan_eval_set_load(const gan_eval *eval, gan_eval_source from, int64_t count,
                             const gan_eval_set *like, gan_eval_set *out) {
  char path[4096];
  *out = (gan_eval_set){0};
  if (strlen(from.path) >= sizeof path)
    return gan_fail(GAN_USAGE, "the path of the data is too long: %.100s...", from.path);
  strcpy(path, from.path);
  gan_config config = data_config(from, path);
  gan_status status = load(eval, &config, count, like, out);
  if (config.data.path != path) gan_free(&config.data.path);
  if (status != GAN_OK) gan_eval_set_release(out);
  return status;
}

/* ---- samples ---- */

gan_status gan_eval_set_count(const gan_eval *eval, const gan_eval_set *set, int64_t classes,
                              int64_t *counts) {
  memset(counts, 0, (size_t)classes * sizeof *counts);
  for (int64_t i = 0; set->labels && i < set->rows.n; i++)
    if (set->labels[i] >= 0 && set->labels[i] < classes) counts[set->labels[i]]++;
  return gan_comm_sum_int64(eval->comm, counts, (size_t)classes, "the sum of the classes' counts");
}

/* The classes of samples first, first + 1, ...: as often as the data has them. */
static void draw_classes(const gan_eval *eval, int64_t known, const int64_t *counts, int64_t first,
                         int64_t n, int32_t *classes) {
  int64_t total = 0;
  gan_rng rng = gan_eval_stream(eval, GAN_EVAL_DRAW_CLASSES);
  for (int64_t k = 0; k < known; k++) total += counts[k];
  for (int64_t i = 0; i < n; i++) {
    uint32_t bits;
    int32_t k = 0;
    gan_rng_bits(rng, 0, (uint32_t)(first + i), 1, &bits);
    double at = (double)bits * 0x1p-32 * (double)total;
    for (double below = (double)counts[0]; k + 1 < known && at >= below; below += (double)counts[k])
      k++;
    classes[i] = k;
  }
}

/* Rows of each of the maker's classes in the data. */
static gan_status count_known(const gan_eval *eval, const gan_eval_maker *maker,
                              const gan_eval_set *like, int64_t *counts) {
  int64_t total = 0, *all;
  GAN_TRY_EVAL_ALLOC(eval, all, like->classes + 1);
  gan_status status = gan_eval_set_count(eval, like, like->classes, all);
  for (int64_t k = 0; k < maker->classes; k++) {
    int64_t label = maker->label(maker->context, (int32_t)k);
    counts[k] = label < like->classes ? all[label] : 0;
    total += counts[k];
  }
  for (int64_t k = 0; k < maker->classes && !total; k++) counts[k] = 1; /* the data has no labels */
  gan_free(&all);
  return status;
}

static gan_status reserve_classes(const gan_eval *eval, const gan_eval_maker *maker,
                                  const gan_eval_set *like, gan_eval_set *out) {
  int64_t *counts, n = out->rows.n;
  GAN_TRY_EVAL_ALLOC(eval, out->asked, n);
  GAN_TRY_EVAL_ALLOC(eval, out->labels, n);
  GAN_TRY_EVAL_ALLOC(eval, counts, maker->classes);
  gan_status status = count_known(eval, maker, like, counts);
  if (status == GAN_OK) draw_classes(eval, maker->classes, counts, out->rows.first, n, out->asked);
  gan_free(&counts);
  for (int64_t i = 0; i < n && status == GAN_OK; i++)
    out->labels[i] = (int32_t)maker->label(maker->context, out->asked[i]);
  return status;
}

static gan_status reserve(const gan_eval *eval, const gan_eval_maker *maker, int64_t count,
                          const gan_eval_set *like, gan_eval_set *out) {
  int rank = gan_comm_rank(eval->comm), ranks = gan_comm_size(eval->comm);
  int64_t first = gan_part_begin(count, ranks, rank), row = maker->h * maker->w * maker->c;
  int64_t n = gan_part_begin(count, ranks, rank + 1) - first, piece = n < PIECE ? n : PIECE;
  *out = (gan_eval_set){.h = maker->h,
                        .w = maker->w,
                        .c = maker->c,
                        .rows = {.n = n, .d = row, .first = first, .total = count},
                        .classes = maker->classes ? like->classes : 0,
                        .of = count,
                        .low = like->low,
                        .high = like->high};
  GAN_TRY_EVAL_ALLOC(eval, out->values, n * row);
  GAN_TRY_EVAL_ALLOC(eval, out->latent, piece * maker->latent_size);
  GAN_TRY_EVAL_ALLOC(eval, out->images, piece * row);
  return maker->classes ? reserve_classes(eval, maker, like, out) : GAN_OK;
}

gan_status gan_eval_set_reserve(const gan_eval *eval, const gan_eval_maker *maker, int64_t count,
                                const gan_eval_set *like, gan_eval_set *out) {
  gan_status status = reserve(eval, maker, count, like, out);
  if (status != GAN_OK) gan_eval_set_release(out);
  return status;
}

/* (n, C, H, W) in the data's units to rows, channels last, from 0 to 1. */
static void bring_images(const gan_eval_set *set, int64_t n, const float *images, float *out) {
  double scale = 1 / (set->high - set->low);
  gan_planes_to_rows(n, set->h * set->w, set->c, images, out);
  for (int64_t i = 0; i < n * set->rows.d; i++)
    out[i] = (float)(((double)out[i] - set->low) * scale);
}

static gan_status make_rows(const gan_eval_maker *maker, gan_eval_set *set) {
  const gan_rows *rows = &set->rows;
  for (int64_t at = 0; at < rows->n; at += PIECE) {
    int64_t n = rows->n - at < PIECE ? rows->n - at : PIECE;
    GAN_TRY(maker->make(maker->context, rows->first + at, n, set->asked ? set->asked + at : NULL,
                        set->latent, set->images));
    bring_images(set, n, set->images, set->values + at * rows->d);
  }
  return GAN_OK;
}

gan_status gan_eval_set_make(const gan_eval *eval, const gan_eval_maker *maker, gan_eval_set *set) {
  gan_status status = make_rows(maker, set);
  GAN_TRY(gan_comm_agree(eval->comm, status, "agreeing whether all could make samples"));
  return gan_rows_share(eval, set->rows.n, set->rows.d, set->values, &set->rows);
}

/* ---- a checkpoint's ---- */

typedef struct {
  gan_generator *generator;
  uint64_t seed;
  double truncation;
} trained;

static gan_status make_of_trained(void *context, int64_t first, int64_t n, const int32_t *classes,
                                  float *latent, float *images) {
  const trained *from = context;
  const gan_generator_classes of = {.of = classes};
  GAN_TRY(gan_generator_latent(from->generator, from->seed, from->truncation, first, n, latent));
  return gan_generator_run(from->generator, n, latent, classes ? &of : NULL, images);
}

static int64_t label_of_trained(void *context, int32_t of) {
  return gan_generator_class_label(((const trained *)context)->generator, of);
}

static gan_eval_maker maker_of_trained(trained *from) {
  gan_generator_info info = gan_generator_get_info(from->generator);
  return (gan_eval_maker){.h = info.height,
                          .w = info.width,
                          .c = info.channels,
                          .latent_size = info.latent_size,
                          .classes = info.classes,
                          .context = from,
                          .make = make_of_trained,
                          .label = label_of_trained};
}

static gan_status check_shape(const char *checkpoint, const gan_generator *generator,
                              const gan_eval_set *like) {
  gan_generator_info info = gan_generator_get_info(generator);
  gan_data_info rows = {.h = info.height, .w = info.width, .c = info.channels};
  return check_like(checkpoint, &rows, like);
}

gan_status gan_eval_set_generate(const gan_eval *eval, const char *checkpoint, gan_weights weights,
                                 int64_t count, double truncation, const gan_eval_set *like,
                                 gan_eval_set *out, bool *averaged) {
  trained from = {.seed = eval->seed, .truncation = truncation};
  *out = (gan_eval_set){0};
  gan_status status = gan_generator_open_weights(checkpoint, weights, &from.generator);
  if (status == GAN_OK) status = check_shape(checkpoint, from.generator, like);
  status = gan_comm_agree(eval->comm, status, "agreeing whether all could open the checkpoint");
  if (status == GAN_OK) {
    gan_eval_maker maker = maker_of_trained(&from);
    *averaged = gan_generator_get_info(from.generator).averaged;
    status = gan_eval_set_reserve(eval, &maker, count, like, out);
    if (status == GAN_OK) status = gan_eval_set_make(eval, &maker, out);
  }
  gan_generator_close(&from.generator);
  if (status != GAN_OK) gan_eval_set_release(out);
  return status;
}
