/* The public face of a trained generator: see mpigan/generator.h. */
#include <mpigan/generator.h>

#include "base/cores.h"
#include "base/memory.h"
#include "checkpoint/store.h"
#include "kernels/compute.h"
#include "task/generate.h"

#include <string.h>

/* Samples a pass, and bytes of activations that those of large images may take. */
enum { CAPACITY = 256 };
static const size_t PASS_BYTES = (size_t)1 << 30;

struct gan_generator {
  gan_checkpoint *checkpoint;
  gan_config config;
  gan_net *net;
};

/* For passes of a multiple of `unit` samples; what they take is known of a network that is built.
 */
static gan_status build(gan_net_spec spec, int64_t unit, gan_net **out) {
  spec.capacity = unit;
  GAN_TRY(gan_net_create(&spec, out));
  int64_t units = (int64_t)(PASS_BYTES / ((*out)->activation_bytes + 1));
  int64_t most = (CAPACITY + unit - 1) / unit;
  if (units > most) units = most;
  if (units <= 1) return GAN_OK;
  gan_net_destroy(out);
  spec.capacity = units * unit;
  return gan_net_create(&spec, out);
}

/* What the run computed with, where that is there. */
static gan_compute compute_of(const gan_config *config) {
  gan_compute compute = {.library = (gan_library)config->compute.library,
                         .precision = (gan_precision)config->compute.precision};
  if (!gan_compute_has(compute.library, GAN_PRECISION_FP32)) compute.library = GAN_LIBRARY_AUTO;
  if (!gan_compute_can(compute, config->compute.emulate_bf16))
    compute.precision = GAN_PRECISION_FP32;
  return compute;
}

/* As many as trained, where there are cores for them. */
static int threads_of(const gan_config *config) {
  gan_cores cores = gan_cores_of_process();
  int threads = gan_config_threads(config), most = gan_cores_count(&cores);
  return threads < most ? threads : most;
}

static gan_status load(gan_generator *generator, const char *path) {
  GAN_TRY(gan_store_open(path, &generator->checkpoint));
  gan_layer_schemas layers = gan_layer_table();
  const char *text = gan_checkpoint_config(generator->checkpoint);
  gan_status status =
      gan_config_parse(&generator->config, text, strlen(text), path, NULL, 0, 1, &layers);
  if (status != GAN_OK) return gan_fail_context(GAN_INPUT, "%s: its config", path);
  const gan_config *config = &generator->config;
  int threads = threads_of(config);
  gan_compute_use_threads(threads, config->compute.reproducible);
  gan_compute_set(compute_of(config));
  const gan_data_facts *data = &gan_checkpoint_facts(generator->checkpoint)->data;
  gan_net_spec spec = {.name = "generator",
                       .key = "model.generator",
                       .layers = &generator->config.model.generator,
                       .in = {1, 1, generator->config.model.latent},
                       .out = {data->h, data->w, data->c},
                       .label = gan_config_label_way(config, true),
                       .classes = config->model.classes,
                       .label_units = config->model.label_units};
  int64_t unit = 1;
  if (config->compute.reproducible) { /* whole parts a pass, as training's own samples */
    unit = config->train.batch / config->data.shards;
    spec.division = (gan_division){.share = unit, .threads = threads};
  }
  GAN_TRY(build(spec, unit, &generator->net));
  gan_learner learner = {.net = generator->net};
  return gan_checkpoint_read_learner(generator->checkpoint, &learner);
}

gan_status gan_generator_open(const char *path, gan_generator **out) {
  GAN_TRY_ALLOC(*out, 1, "a generator");
  gan_status status = load(*out, path);
  if (status != GAN_OK) gan_generator_close(out);
  return status;
}

void gan_generator_close(gan_generator **generator) {
  if (!*generator) return;
  gan_net_destroy(&(*generator)->net);
  gan_config_reset(&(*generator)->config);
  gan_checkpoint_close(&(*generator)->checkpoint);
  gan_free(generator);
}

gan_generator_info gan_generator_get_info(const gan_generator *generator) {
  const gan_run_facts *facts = gan_checkpoint_facts(generator->checkpoint);
  return (gan_generator_info){.channels = facts->data.c,
                              .height = facts->data.h,
                              .width = facts->data.w,
                              .latent_size = generator->config.model.latent,
                              .classes = generator->config.model.classes,
                              .step = facts->step,
                              .seed = facts->seed,
                              .low = facts->data.low,
                              .high = facts->data.high};
}

const char *gan_generator_config(const gan_generator *generator) {
  return gan_checkpoint_config(generator->checkpoint);
}

static gan_latent_distribution law_of(const gan_generator *generator) {
  return (gan_latent_distribution)generator->config.model.latent_distribution;
}

/* ---- classes ---- */

static gan_status not_conditional(const gan_generator *generator) {
  return gan_fail(GAN_USAGE, "%s: its generator is not conditional: it knows no classes",
                  gan_checkpoint_path(generator->checkpoint));
}

gan_status gan_generator_find_class(const gan_generator *generator, int64_t label, int32_t *out) {
  const gan_config *config = &generator->config;
  char labels[256];
  if (!config->model.classes) return not_conditional(generator);
  int64_t place = gan_config_class_place(config, label);
  if (place < 0 || place >= config->model.classes)
    return gan_fail(GAN_USAGE, "%s: its generator knows no class %lld; its classes are %s",
                    gan_checkpoint_path(generator->checkpoint), (long long)label,
                    gan_config_classes_text(config, labels, sizeof labels));
  *out = (int32_t)place;
  return GAN_OK;
}

int64_t gan_generator_class_label(const gan_generator *generator, int32_t of) {
  return gan_config_class_label(&generator->config, of);
}

static gan_status check_numbers(const gan_generator *generator, int64_t n, const int32_t *classes) {
  int64_t count = generator->config.model.classes;
  for (int64_t i = 0; classes && i < n; i++)
    if (classes[i] < 0 || classes[i] >= count)
      return gan_fail(GAN_USAGE, "%s: class number %d; its generator knows 0 to %lld",
                      gan_checkpoint_path(generator->checkpoint), classes[i], (long long)count - 1);
  return GAN_OK;
}

static gan_status check_classes(const gan_generator *generator, int64_t n,
                                const gan_generator_classes *classes) {
  bool conditional = generator->config.model.classes > 0;
  if (classes && !conditional) return not_conditional(generator);
  if (!classes && conditional)
    return gan_fail(GAN_USAGE,
                    "%s: its generator is conditional: say of which class each sample is to be",
                    gan_checkpoint_path(generator->checkpoint));
  if (!classes) return GAN_OK;
  if (classes->other && !classes->share)
    return gan_fail(GAN_USAGE, "samples between two classes want the share of the way, too");
  GAN_TRY(check_numbers(generator, n, classes->of));
  return check_numbers(generator, n, classes->other);
}

/* ---- samples ---- */

gan_status gan_generator_latent(const gan_generator *generator, uint64_t seed, double truncation,
                                int64_t first, int64_t n, float *latent) {
  if (truncation != 0 && law_of(generator) != GAN_LATENT_NORMAL)
    return gan_fail(GAN_USAGE,
                    "%s: its noise is uniform in (-1, 1) (model.latent_distribution); truncation "
                    "is for normal noise",
                    gan_checkpoint_path(generator->checkpoint));
  if (!(truncation >= 0))
    return gan_fail(GAN_USAGE, "truncation is %g; allowed is a number above 0, or 0 for none",
                    truncation);
  gan_latent_samples(law_of(generator), truncation, seed, first, n, generator->config.model.latent,
                     latent);
  return GAN_OK;
}

void gan_generator_between(const gan_generator *generator, const float *a, const float *b,
                           double share, float *latent) {
  gan_latent_between(law_of(generator), generator->config.model.latent, a, b, share, latent);
}

gan_status gan_generator_run(gan_generator *generator, int64_t n, const float *latent,
                             const gan_generator_classes *classes, float *images) {
  GAN_TRY(check_classes(generator, n, classes));
  return gan_generate_from(generator->net, &gan_checkpoint_facts(generator->checkpoint)->data, n,
                           latent, classes, images);
}
