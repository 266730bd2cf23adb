#include "cli/reconstruct.h"

#include "base/log.h"
#include "base/memory.h"
#include "config/config.h"
#include "data/planes.h"
#include "data/source.h"
#include "model/layer.h"
#include "output/samples.h"

#include <math.h>
#include <string.h>

enum { COUNT = 64 };

typedef struct {
  int64_t n, size;        /* images, and numbers in one */
  float *images;          /* (n, C, H, W) in the data's own units, as are all */
  float *reconstructions; /* (n, C, H, W) */
  float *pairs;           /* (2 n, C, H, W) each image and its reconstruction */
  float *latent;          /* (n, Z) */
} arrays;

static gan_status check_shape(const gan_data_info *data, const gan_generator_info *info,
                              const char *path) {
  if (data->h == info->height && data->w == info->width && data->c == info->channels) return GAN_OK;
  return gan_fail(GAN_USAGE,
                  "sample: --reconstruct %s: its rows are %lldx%lldx%lld (H, W, C), but the model "
                  "was trained on %lldx%lldx%lld",
                  path, (long long)data->h, (long long)data->w, (long long)data->c,
                  (long long)info->height, (long long)info->width, (long long)info->channels);
}

static gan_status choose_count(const gan_reconstruct_request *request, const gan_data_info *data,
                               int64_t *n) {
  *n = request->count ? request->count : COUNT;
  if (!request->count && *n > data->n) *n = data->n;
  if (*n <= data->n) return GAN_OK;
  return gan_fail(GAN_USAGE, "sample: --count is %lld, but %s has %lld rows", (long long)*n,
                  request->data, (long long)data->n);
}

/* Rows (n, H, W, C), as stored, to floats (n, C, H, W); room: as many floats. */
static void take_rows(const gan_data_info *data, int64_t n, const void *rows, float *room,
                      float *images) {
  int64_t count = n * gan_data_row_size(data);
  const uint8_t *bytes = rows;
  for (int64_t i = 0; data->type == GAN_U8 && i < count; i++) room[i] = (float)bytes[i];
  gan_planes_of(n, data->h * data->w, data->c, data->type == GAN_U8 ? room : rows, images);
}

static gan_status read_images(gan_source *source, arrays *made) {
  const gan_data_info *data = &source->info;
  void *rows = gan_alloc((size_t)made->n, gan_data_row_bytes(data), "rows of data");
  int32_t *labels = gan_alloc((size_t)made->n, sizeof *labels, "labels of data");
  gan_status status = rows && labels ? GAN_OK : GAN_NO_MEMORY;
  if (status == GAN_OK) status = gan_source_read(source, made->n, rows, labels);
  if (status == GAN_OK) take_rows(data, made->n, rows, made->pairs, made->images);
  gan_free(&rows);
  gan_free(&labels);
  return status;
}

/* ---- values ---- */

/* What rounding of the interval's ends may add, of its length. */
static const double SLACK = 1e-6;

static gan_status refuse_value(const arrays *made, int64_t i, const gan_generator_info *info,
                               const char *path) {
  return gan_fail(GAN_USAGE,
                  "sample: --reconstruct %s: row %lld holds %g, but the values that the model was "
                  "trained on lie from %g to %g: give data of the same units",
                  path, (long long)(i / made->size), gan_printable((double)made->images[i]),
                  info->low, info->high);
}

/* Values beyond those of the run's data are none that its networks know; and floats from 0 to 1 for
 * a model of bytes would all be black. */
static gan_status check_values(const gan_data_info *data, const arrays *made,
                               const gan_generator_info *info, const char *path) {
  double slack = SLACK * (info->high - info->low), largest = -INFINITY;
  for (int64_t i = 0; i < made->n * made->size; i++) {
    double value = (double)made->images[i];
    if (!(value >= info->low - slack && value <= info->high + slack))
      return refuse_value(made, i, info, path);
    largest = fmax(largest, value);
  }
  if (data->type == GAN_U8 || largest > 1 || info->low != 0 || info->high != 255) return GAN_OK;
  return gan_fail(GAN_USAGE,
                  "sample: --reconstruct %s: its floats are %g at most, but the model was trained "
                  "on values from 0 to 255: give data of the same units",
                  path, gan_printable(largest));
}

/* ---- making ---- */

static gan_status reserve(const gan_generator_info *info, arrays *made) {
  int64_t all = made->n * made->size;
  GAN_TRY_ALLOC(made->images, all, "images");
  GAN_TRY_ALLOC(made->reconstructions, all, "reconstructions");
  GAN_TRY_ALLOC(made->pairs, 2 * all, "images beside their reconstructions");
  GAN_TRY_ALLOC(made->latent, made->n * info->latent_size, "codes");
  return GAN_OK;
}

static void pair_up(arrays *made) {
  size_t bytes = (size_t)made->size * sizeof(float);
  for (int64_t i = 0; i < made->n; i++) {
    float *pair = made->pairs + 2 * i * made->size;
    memcpy(pair, made->images + i * made->size, bytes);
    memcpy(pair + made->size, made->reconstructions + i * made->size, bytes);
  }
}

/* With data.range: none the networks see values as they are, whatever they are. */
static gan_status read_all(const gan_reconstruct_request *request, const gan_generator_info *info,
                           const gan_config *config, const char *path, gan_source *source,
                           arrays *made) {
  GAN_TRY(check_shape(&source->info, info, path));
  GAN_TRY(choose_count(request, &source->info, &made->n));
  GAN_TRY(reserve(info, made));
  GAN_TRY(read_images(source, made));
  if (config->data.range == GAN_RANGE_NONE) return GAN_OK;
  return check_values(&source->info, made, info, path);
}

/* As the run reads its own data. */
static gan_status open_and_read(const gan_reconstruct_request *request,
                                const gan_generator_info *info, const gan_config *config,
                                const char *path, arrays *made) {
  gan_source_spec spec = {.path = path,
                          .images = request->images ? request->images : config->data.images,
                          .labels = config->data.labels,
                          .layout = (gan_layout)config->data.layout};
  gan_source *source;
  made->size = info->channels * info->height * info->width;
  GAN_TRY(gan_source_open(&spec, &source));
  gan_status status = read_all(request, info, config, path, source, made);
  gan_source_close(&source);
  return status;
}

static gan_status fill(const gan_reconstruct_request *request, gan_generator *generator,
                       const char *path, arrays *made) {
  gan_generator_info info = gan_generator_get_info(generator);
  gan_layer_schemas layers = gan_layer_table();
  const char *text = gan_generator_config(generator);
  gan_config config;
  gan_status status =
      gan_config_parse(&config, text, strlen(text), "the model's config", NULL, 0, 1, &layers);
  if (status == GAN_OK) status = open_and_read(request, &info, &config, path, made);
  gan_config_reset(&config);
  GAN_TRY(status);
  GAN_TRY(gan_generator_reconstruct(generator, made->n, made->images, made->latent,
                                    made->reconstructions));
  pair_up(made);
  return GAN_OK;
}

static gan_status write_files(const gan_reconstruct_request *request,
                              const gan_generator *generator, const arrays *made) {
  gan_generator_info info = gan_generator_get_info(generator);
  gan_samples samples = {.n = made->n,
                         .c = info.channels,
                         .h = info.height,
                         .w = info.width,
                         .latent_size = info.latent_size,
                         .images = made->images,
                         .latent = made->latent,
                         .reconstructions = made->reconstructions,
                         .low = info.low,
                         .high = info.high,
                         .step = info.step,
                         .config = gan_generator_config(generator)};
  int written = 1;
  if (request->output) {
    GAN_TRY(gan_samples_write_hdf5(request->output, &samples));
    gan_log("%lld images and their reconstructions: %s", (long long)made->n, request->output);
  }
  samples.n = 2 * made->n;
  samples.images = made->pairs;
  samples.columns = 2 * (int64_t)ceil(sqrt((double)made->n / 2)); /* whole pairs, nearly square */
  if (request->png) GAN_TRY(gan_samples_write_png(request->png, &samples, &written));
  if (!written)
    return gan_fail(GAN_USAGE,
                    "--png: points of %lld numbers have no picture; images and 2-D points do",
                    (long long)samples.c);
  if (request->png) gan_log("picture, each image left of its reconstruction: %s", request->png);
  return GAN_OK;
}

gan_status gan_reconstruct(gan_generator *generator, const gan_reconstruct_request *request) {
  arrays made = {0};
  char *path;
  GAN_TRY(gan_source_find(request->data, &path));
  gan_status status = fill(request, generator, path, &made);
  if (status == GAN_OK) status = write_files(request, generator, &made);
  gan_free(&path);
  gan_free(&made.images);
  gan_free(&made.reconstructions);
  gan_free(&made.pairs);
  gan_free(&made.latent);
  return status;
}
