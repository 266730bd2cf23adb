#include <mpigan/generator.h>

#include "base/log.h"
#include "base/memory.h"
#include "cli/arguments.h"
#include "cli/cli.h"
#include "cli/reconstruct.h"
#include "output/samples.h"

#include <string.h>

#define USAGE                                                                                      \
  "CHECKPOINT|RUN_DIR [--count N] [--seed S] [--class all|C[,C...]] [--truncation T] "             \
  "[--interpolate S,S] [--interpolate-class C,C] [--manifold] [--steps K] "                        \
  "[--reconstruct PATH [--images NAME]] [--weights ema|raw] [--output F.h5] [--png F.png]"

enum { NOT_GIVEN = -1, COUNT = 64, STEPS = 8, MANIFOLD_STEPS = 20, MANIFOLD_STEPS_MAX = 1000 };

typedef struct {
  const char *checkpoint, *output, *png;
  const char *classes, *seeds, *class_path; /* as they are given; else NULL */
  const char *reconstruct, *images;         /* likewise */
  const char *weights;                      /* likewise */
  bool manifold;
  int64_t count, seed, steps;
  double truncation; /* 0: none */
} sample_options;

/* What is made.  Sample i stands in row i / columns of the picture. */
typedef struct {
  int64_t n, columns;
  bool square;         /* the rows mean nothing: the picture is nearly square */
  bool path;           /* a row leads from one end to another */
  bool manifold;       /* all rows together are the plane of z */
  uint64_t seeds[2];   /* of its ends; where it is no path both are the same */
  int64_t class_count; /* 0 where the generator is not conditional */
  int32_t *classes;    /* (class_count) of the first row, of the second, ... and so on again */
  int32_t other;       /* the class at the end of each row; NOT_GIVEN: its own */
} sample_plan;

/* ---- what is asked for ---- */

static gan_status want_pair(const char *name, const char *text, int64_t max, gan_option_ints *out) {
  GAN_TRY(gan_argument_integers(name, text, max, out));
  if (out->count == 2) return GAN_OK;
  return gan_fail(GAN_USAGE, "%s is '%.100s'; it takes two, the ends of a path: for example 3,5",
                  name, text);
}

/* --reconstruct and --manifold say alone what is made. */
static gan_status check_alone(const sample_options *options) {
  bool data = options->reconstruct != NULL;
  const struct {
    bool given;
    const char *name;
  } others[] = {{options->seed != NOT_GIVEN, "--seed"},
                {options->seeds != NULL, "--interpolate"},
                {options->class_path != NULL, "--interpolate-class"},
                {options->truncation > 0, "--truncation"},
                {data && options->classes, "--class"},
                {data && options->manifold, "--manifold"},
                {data && options->steps != NOT_GIVEN, "--steps"},
                {!data && options->count != NOT_GIVEN, "--count"}};
  for (size_t i = 0; i < sizeof others / sizeof *others; i++)
    if (others[i].given)
      return gan_fail(GAN_USAGE, "sample: %s has no use for %s; leave out one",
                      data ? "--reconstruct" : "--manifold", others[i].name);
  return GAN_OK;
}

static gan_status check_together(const sample_options *options) {
  if (options->reconstruct || options->manifold) GAN_TRY(check_alone(options));
  if (options->images && !options->reconstruct)
    return gan_fail(GAN_USAGE, "sample: --images names a dataset of --reconstruct: give that too");
  if (options->seeds && options->seed != NOT_GIVEN)
    return gan_fail(GAN_USAGE, "sample: --seed and --interpolate both give seeds; leave out one");
  if (options->class_path && options->classes)
    return gan_fail(GAN_USAGE,
                    "sample: --class and --interpolate-class both give classes; leave out one");
  if (options->steps != NOT_GIVEN && !options->seeds && !options->class_path && !options->manifold)
    return gan_fail(GAN_USAGE, "sample: --steps is the length of a path: give --interpolate, "
                               "--interpolate-class or --manifold too");
  return GAN_OK;
}

static gan_status plan_seeds(const sample_options *options, const gan_generator *generator,
                             sample_plan *plan) {
  int64_t seed = options->seed;
  gan_option_ints ends = {2, {seed, seed}};
  if (seed == NOT_GIVEN) ends.values[0] = ends.values[1] = gan_generator_get_info(generator).seed;
  if (options->seeds) GAN_TRY(want_pair("sample: --interpolate", options->seeds, INT64_MAX, &ends));
  for (int i = 0; i < 2; i++) plan->seeds[i] = (uint64_t)ends.values[i];
  return GAN_OK;
}

static gan_status plan_all_classes(int64_t count, sample_plan *plan) {
  GAN_TRY_ALLOC(plan->classes, count, "classes");
  for (int64_t k = 0; k < count; k++) plan->classes[k] = (int32_t)k;
  plan->class_count = count;
  return GAN_OK;
}

static gan_status plan_some_classes(const sample_options *options, const gan_generator *generator,
                                    sample_plan *plan) {
  gan_option_ints labels;
  const int64_t max = INT32_MAX - 1;
  if (options->class_path)
    GAN_TRY(want_pair("sample: --interpolate-class", options->class_path, max, &labels));
  else
    GAN_TRY(
        gan_argument_integers("sample: --class (all, or labels)", options->classes, max, &labels));
  GAN_TRY_ALLOC(plan->classes, labels.count, "classes");
  for (int i = 0; i < labels.count; i++)
    GAN_TRY(gan_generator_find_class(generator, labels.values[i], &plan->classes[i]));
  plan->class_count = options->class_path ? 1 : labels.count;
  if (options->class_path) plan->other = plan->classes[1];
  return GAN_OK;
}

static gan_status plan_classes(const sample_options *options, const gan_generator *generator,
                               sample_plan *plan) {
  int64_t known = gan_generator_get_info(generator).classes;
  plan->other = NOT_GIVEN;
  if (!known && (options->classes || options->class_path))
    return gan_fail(GAN_USAGE,
                    "%s: its generator is not conditional, it knows no classes: leave out %s",
                    options->checkpoint, options->classes ? "--class" : "--interpolate-class");
  if (!known) return GAN_OK;
  if (options->class_path || (options->classes && strcmp(options->classes, "all") != 0))
    return plan_some_classes(options, generator, plan);
  return plan_all_classes(known, plan);
}

static gan_status plan_manifold(const sample_options *options, const gan_generator *generator,
                                sample_plan *plan) {
  int64_t z = gan_generator_get_info(generator).latent_size;
  plan->columns = options->steps == NOT_GIVEN ? MANIFOLD_STEPS : options->steps;
  plan->n = plan->columns * plan->columns;
  if (z != 2)
    return gan_fail(GAN_USAGE,
                    "%s: --manifold shows the plane of z, but model.latent is %lld; it is for 2",
                    options->checkpoint, (long long)z);
  if (plan->columns > MANIFOLD_STEPS_MAX)
    return gan_fail(GAN_USAGE, "sample: --steps is %lld; with --manifold allowed is 2 to %d",
                    (long long)plan->columns, MANIFOLD_STEPS_MAX);
  if (plan->class_count > 1)
    return gan_fail(GAN_USAGE,
                    "%s: its model is conditional: --manifold shows one class, give it with "
                    "--class",
                    options->checkpoint);
  return GAN_OK;
}

/* Whole rows, unless the user says otherwise; a path is never cut. */
static gan_status plan_grid(const sample_options *options, sample_plan *plan) {
  int64_t steps = options->steps == NOT_GIVEN ? STEPS : options->steps;
  int64_t unit = plan->path ? steps : plan->class_count ? plan->class_count : 1;
  plan->n = options->count == NOT_GIVEN ? (COUNT + unit - 1) / unit * unit : options->count;
  if (plan->path && plan->n % steps)
    return gan_fail(GAN_USAGE,
                    "sample: --count is %lld; allowed are multiples of --steps, %lld, the samples "
                    "of a path",
                    (long long)plan->n, (long long)steps);
  plan->square = !plan->path && plan->class_count <= 1;
  plan->columns = plan->path ? steps : plan->n / unit;
  if (!plan->columns) plan->columns = 1;
  return GAN_OK;
}

static gan_status make_plan(const sample_options *options, const gan_generator *generator,
                            sample_plan *plan) {
  plan->path = options->seeds || options->class_path;
  plan->manifold = options->manifold;
  GAN_TRY(plan_seeds(options, generator, plan));
  GAN_TRY(plan_classes(options, generator, plan));
  return plan->manifold ? plan_manifold(options, generator, plan) : plan_grid(options, plan);
}

/* ---- samples ---- */

typedef struct {
  float *images, *latent, *share;
  float *ends; /* (2, latent_size) */
  int32_t *classes, *other;
} sample_arrays;

static gan_status reserve(const sample_plan *plan, gan_generator_info info, sample_arrays *made) {
  GAN_TRY_ALLOC(made->images, plan->n * info.channels * info.height * info.width, "the samples");
  GAN_TRY_ALLOC(made->latent, plan->n * info.latent_size, "noise");
  GAN_TRY_ALLOC(made->ends, 2 * info.latent_size, "noise");
  if (plan->path) GAN_TRY_ALLOC(made->share, plan->n, "paths");
  if (plan->class_count) GAN_TRY_ALLOC(made->classes, plan->n, "classes");
  if (plan->other != NOT_GIVEN) GAN_TRY_ALLOC(made->other, plan->n, "classes");
  return GAN_OK;
}

static void fill_classes(const sample_plan *plan, sample_arrays *made) {
  for (int64_t i = 0; i < plan->n; i++) {
    if (made->share) made->share[i] = (float)(i % plan->columns) / (float)(plan->columns - 1);
    if (made->classes) made->classes[i] = plan->classes[i / plan->columns % plan->class_count];
    if (made->other) made->other[i] = plan->other;
  }
}

/* At the middles of equal shares of z's law (Kingma and Welling 2014, appendix A); the second
 * number grows upwards. */
static void fill_plane(const sample_plan *plan, const gan_generator *generator, float *latent) {
  double side = (double)plan->columns;
  for (int64_t i = 0; i < plan->n; i++) {
    double across = (double)(i % plan->columns), down = (double)(i / plan->columns);
    latent[2 * i] = gan_generator_quantile(generator, (across + 0.5) / side);
    latent[2 * i + 1] = gan_generator_quantile(generator, 1 - (down + 0.5) / side);
  }
}

/* Row r of paths leads from sample r of one seed to sample r of the other. */
static gan_status fill_latent(const sample_plan *plan, const sample_options *options,
                              const gan_generator *generator, sample_arrays *made) {
  int64_t z = gan_generator_get_info(generator).latent_size;
  if (plan->manifold) {
    fill_plane(plan, generator, made->latent);
    return GAN_OK;
  }
  if (!plan->path)
    return gan_generator_latent(generator, plan->seeds[0], options->truncation, 0, plan->n,
                                made->latent);
  for (int64_t i = 0; i < plan->n; i++) {
    for (int end = 0; end < 2 && i % plan->columns == 0; end++)
      GAN_TRY(gan_generator_latent(generator, plan->seeds[end], options->truncation,
                                   i / plan->columns, 1, made->ends + end * z));
    gan_generator_between(generator, made->ends, made->ends + z, (double)made->share[i],
                          made->latent + i * z);
  }
  return GAN_OK;
}

static gan_status make_samples(const sample_plan *plan, const sample_options *options,
                               gan_generator *generator, sample_arrays *made) {
  GAN_TRY(reserve(plan, gan_generator_get_info(generator), made));
  fill_classes(plan, made);
  GAN_TRY(fill_latent(plan, options, generator, made));
  const gan_generator_classes classes = {made->classes, made->other, made->share};
  return gan_generator_run(generator, plan->n, made->latent, made->classes ? &classes : NULL,
                           made->images);
}

/* ---- files ---- */

/* From classes to the labels that the data has for them; NULL has none. */
static void to_labels(const gan_generator *generator, int64_t n, int32_t *classes) {
  for (int64_t i = 0; classes && i < n; i++)
    classes[i] = (int32_t)gan_generator_class_label(generator, classes[i]);
}

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

static gan_status sample(const sample_options *options, gan_generator *generator, sample_plan *plan,
                         sample_arrays *made) {
  GAN_TRY(make_plan(options, generator, plan));
  GAN_TRY(make_samples(plan, options, generator, made));
  to_labels(generator, plan->n, made->classes);
  to_labels(generator, plan->n, made->other);
  gan_generator_info info = gan_generator_get_info(generator);
  gan_samples samples = {.n = plan->n,
                         .c = info.channels,
                         .h = info.height,
                         .w = info.width,
                         .latent_size = info.latent_size,
                         .images = made->images,
                         .latent = made->latent,
                         .labels = made->classes,
                         .labels_to = made->other,
                         .share = made->share,
                         .columns = plan->square ? 0 : plan->columns,
                         .low = info.low,
                         .high = info.high,
                         .step = info.step,
                         .config = gan_generator_config(generator)};
  return write_files(options, &samples);
}

static gan_status reconstruct(const sample_options *options, gan_generator *generator) {
  const gan_reconstruct_request request = {.data = options->reconstruct,
                                           .images = options->images,
                                           .count =
                                               options->count == NOT_GIVEN ? 0 : options->count,
                                           .output = options->output,
                                           .png = options->png};
  return gan_reconstruct(generator, &request);
}

static void release(sample_plan *plan, sample_arrays *made) {
  gan_free(&plan->classes);
  gan_free(&made->images);
  gan_free(&made->latent);
  gan_free(&made->share);
  gan_free(&made->ends);
  gan_free(&made->classes);
  gan_free(&made->other);
}

static gan_status run(gan_comm *comm, int argc, char **argv) {
  (void)comm;
  sample_options options = {.count = NOT_GIVEN, .seed = NOT_GIVEN, .steps = NOT_GIVEN};
  const gan_argument table[] = {
      {.what = "CHECKPOINT or RUN_DIR", .text = &options.checkpoint, .required = true},
      {.name = "--count", .what = "N", .integer = &options.count, .min = 1, .max = INT32_MAX},
      {.name = "--seed", .what = "S", .integer = &options.seed, .min = 0, .max = INT64_MAX},
      {.name = "--class", .what = "all or C[,C...]", .text = &options.classes},
      {.name = "--truncation", .what = "T", .positive = &options.truncation},
      {.name = "--interpolate", .what = "S,S", .text = &options.seeds},
      {.name = "--interpolate-class", .what = "C,C", .text = &options.class_path},
      {.name = "--manifold", .flag = &options.manifold},
      {.name = "--reconstruct", .what = "PATH", .text = &options.reconstruct},
      {.name = "--images", .what = "NAME", .text = &options.images},
      {.name = "--steps", .what = "K", .integer = &options.steps, .min = 2, .max = INT32_MAX},
      {.name = "--weights", .what = "ema or raw", .text = &options.weights},
      {.name = "--output", .what = "F.h5", .text = &options.output},
      {.name = "--png", .what = "F.png", .text = &options.png},
  };
  GAN_TRY(gan_arguments_parse("sample", USAGE, table, sizeof table / sizeof *table, argc, argv));
  if (!options.output && !options.png) {
    options.output = "samples.h5";
    options.png = "samples.png";
  }
  gan_generator *generator;
  gan_weights weights;
  sample_plan plan = {0};
  sample_arrays made = {0};
  GAN_TRY(check_together(&options));
  GAN_TRY(gan_argument_weights("sample: --weights", options.weights, &weights));
  GAN_TRY(gan_generator_open_weights(options.checkpoint, weights, &generator));
  if (gan_generator_get_info(generator).averaged)
    gan_log("weights: the moving average (generator_ema); --weights raw takes those learned last");
  gan_status status = options.reconstruct ? reconstruct(&options, generator)
                                          : sample(&options, generator, &plan, &made);
  release(&plan, &made);
  gan_generator_close(&generator);
  return status;
}

const gan_command gan_command_sample = {
    .name = "sample",
    .usage = USAGE,
    .summary = "samples from a checkpoint's generator; default: samples.h5 and samples.png",
    .run = run,
};
