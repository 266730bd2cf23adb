#include <mpigan/generator.h>

#include "base/log.h"
#include "base/memory.h"
#include "cli/arguments.h"
#include "cli/cli.h"
#include "output/samples.h"
#include "task/generate.h"

#define USAGE "CHECKPOINT|RUN_DIR [--count N] [--seed S] [--output F.h5] [--png F.png]"

enum { NOT_GIVEN = -1 };

typedef struct {
  const char *checkpoint, *output, *png;
  int64_t count, seed;
} sample_options;

static gan_status write_files(const sample_options *options, const gan_samples *samples) {
  if (options->output) {
    GAN_TRY(gan_samples_write_hdf5(options->output, samples));
    gan_log("%lld sample%s: %s", (long long)samples->n, samples->n == 1 ? "" : "s",
            options->output);
  }
  if (!options->png) return GAN_OK;
  int written;
  GAN_TRY(gan_samples_write_png(options->png, samples, &written));
  if (!written)
    return gan_fail(GAN_USAGE,
                    "--png: points of %lld numbers have no picture; images and 2-D points do",
                    (long long)samples->c);
  gan_log("picture: %s", options->png);
  return GAN_OK;
}

typedef struct {
  float *images, *latent;
  int32_t *classes;
} sample_arrays;

static gan_status sample(const sample_options *options, gan_generator *generator,
                         sample_arrays *made) {
  gan_generator_info info = gan_generator_get_info(generator);
  int64_t row = info.channels * info.height * info.width;
  uint64_t seed = (uint64_t)(options->seed == NOT_GIVEN ? info.seed : options->seed);
  int64_t columns = 0;
  GAN_TRY_ALLOC(made->images, options->count * row, "the samples");
  GAN_TRY_ALLOC(made->latent, options->count * info.latent_size, "noise");
  if (info.classes) {
    GAN_TRY_ALLOC(made->classes, options->count, "classes");
    columns = gan_class_rows(options->count, info.classes, made->classes);
  }
  GAN_TRY(gan_generator_sample(generator, seed, 0, options->count, made->classes, made->images,
                               made->latent));
  gan_samples samples = {.n = options->count,
                         .c = info.channels,
                         .h = info.height,
                         .w = info.width,
                         .latent_size = info.latent_size,
                         .images = made->images,
                         .latent = made->latent,
                         .labels = made->classes,
                         .columns = columns,
                         .low = info.low,
                         .high = info.high,
                         .step = info.step,
                         .config = gan_generator_config(generator)};
  return write_files(options, &samples);
}

static gan_status run(gan_comm *comm, int argc, char **argv) {
  (void)comm;
  sample_options options = {.count = 64, .seed = NOT_GIVEN};
  const gan_argument table[] = {
      {.what = "CHECKPOINT or RUN_DIR", .text = &options.checkpoint, .required = true},
      {.name = "--count", .what = "N", .integer = &options.count, .min = 1, .max = INT32_MAX},
      {.name = "--seed", .what = "S", .integer = &options.seed, .min = 0, .max = INT64_MAX},
      {.name = "--output", .what = "F.h5", .text = &options.output},
      {.name = "--png", .what = "F.png", .text = &options.png},
  };
  GAN_TRY(gan_arguments_parse("sample", USAGE, table, sizeof table / sizeof *table, argc, argv));
  if (!options.output && !options.png) {
    options.output = "samples.h5";
    options.png = "samples.png";
  }
  gan_generator *generator;
  sample_arrays made = {NULL, NULL, NULL};
  GAN_TRY(gan_generator_open(options.checkpoint, &generator));
  gan_status status = sample(&options, generator, &made);
  gan_free(&made.images);
  gan_free(&made.latent);
  gan_free(&made.classes);
  gan_generator_close(&generator);
  return status;
}

const gan_command gan_command_sample = {
    .name = "sample",
    .usage = USAGE,
    .summary = "samples from a checkpoint's generator; default: samples.h5 and samples.png",
    .run = run,
};
