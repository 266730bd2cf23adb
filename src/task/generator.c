/* The public face of a trained generator: see mpigan/generator.h. */
#include <mpigan/generator.h>

#include "base/memory.h"
#include "task/generate.h"
#include "task/networks.h"
#include "task/trained.h"

struct gan_generator {
  gan_trained trained;
  gan_net *net;
  bool averaged;    /* its weights are */
  gan_net *encoder; /* of a vae, once something was to be encoded */
};

/* The network of the checkpoint that has the weights. */
static gan_status choose(const gan_trained *trained, const gan_network *maker, gan_weights weights,
                         const char **name) {
  bool averaged = maker->average && gan_checkpoint_holds(trained->checkpoint, maker->average);
  if (weights == GAN_WEIGHTS_EMA && !averaged)
    return gan_fail(GAN_USAGE,
                    "%s: holds no averaged weights (generator_ema): its run had no train.ema; the "
                    "raw weights are what there is",
                    gan_checkpoint_path(trained->checkpoint));
  *name = averaged && weights != GAN_WEIGHTS_RAW ? maker->average : maker->name;
  return GAN_OK;
}

static gan_status load(gan_generator *generator, const char *path, gan_weights weights) {
  gan_trained *trained = &generator->trained;
  GAN_TRY(gan_trained_open(path, trained));
  const gan_config *config = &trained->config;
  const gan_data_facts *data = &gan_checkpoint_facts(trained->checkpoint)->data;
  const gan_network *maker = gan_network_that_makes_data((gan_task_kind)config->task);
  if (!maker)
    return gan_fail(GAN_USAGE,
                    "%s: is of task: %s, which generates nothing; give a checkpoint of a task that "
                    "does, such as gan",
                    path, gan_checkpoint_task(trained->checkpoint));
  gan_net_spec spec = gan_trained_spec(trained, maker);
  GAN_TRY(choose(trained, maker, weights, &spec.name));
  generator->averaged = spec.name != maker->name;
  spec.in = (gan_shape){1, 1, config->model.latent};
  spec.out = (gan_shape){data->h, data->w, data->c};
  spec.label = gan_config_label_way(config, true);
  spec.classes = config->model.classes;
  spec.label_units = config->model.label_units;
  return gan_trained_network(trained, spec, &generator->net);
}

gan_status gan_generator_open_weights(const char *path, gan_weights weights, gan_generator **out) {
  GAN_TRY_ALLOC(*out, 1, "a generator");
  gan_status status = load(*out, path, weights);
  if (status != GAN_OK) gan_generator_close(out);
  return status;
}

gan_status gan_generator_open(const char *path, gan_generator **out) {
  return gan_generator_open_weights(path, GAN_WEIGHTS_AUTO, out);
}

void gan_generator_close(gan_generator **generator) {
  if (!*generator) return;
  gan_net_destroy(&(*generator)->net);
  gan_net_destroy(&(*generator)->encoder);
  gan_trained_close(&(*generator)->trained);
  gan_free(generator);
}

gan_generator_info gan_generator_get_info(const gan_generator *generator) {
  const gan_run_facts *facts = gan_checkpoint_facts(generator->trained.checkpoint);
  return (gan_generator_info){.channels = facts->data.c,
                              .height = facts->data.h,
                              .width = facts->data.w,
                              .latent_size = generator->trained.config.model.latent,
                              .classes = generator->trained.config.model.classes,
                              .step = facts->step,
                              .seed = facts->seed,
                              .averaged = generator->averaged,
                              .low = facts->data.low,
                              .high = facts->data.high};
}

const char *gan_generator_config(const gan_generator *generator) {
  return gan_checkpoint_config(generator->trained.checkpoint);
}

static gan_latent_distribution law_of(const gan_generator *generator) {
  return (gan_latent_distribution)generator->trained.config.model.latent_distribution;
}

/* ---- classes ---- */

static gan_status not_conditional(const gan_generator *generator) {
  return gan_fail(GAN_USAGE, "%s: its generator is not conditional: it knows no classes",
                  gan_checkpoint_path(generator->trained.checkpoint));
}

gan_status gan_generator_find_class(const gan_generator *generator, int64_t label, int32_t *out) {
  const gan_config *config = &generator->trained.config;
  char labels[256];
  if (!config->model.classes) return not_conditional(generator);
  int64_t place = gan_config_class_place(config, label);
  if (place < 0 || place >= config->model.classes)
    return gan_fail(GAN_USAGE, "%s: its generator knows no class %lld; its classes are %s",
                    gan_checkpoint_path(generator->trained.checkpoint), (long long)label,
                    gan_config_classes_text(config, labels, sizeof labels));
  *out = (int32_t)place;
  return GAN_OK;
}

int64_t gan_generator_class_label(const gan_generator *generator, int32_t of) {
  return gan_config_class_label(&generator->trained.config, of);
}

static gan_status check_numbers(const gan_generator *generator, int64_t n, const int32_t *classes) {
  int64_t count = generator->trained.config.model.classes;
  for (int64_t i = 0; classes && i < n; i++)
    if (classes[i] < 0 || classes[i] >= count)
      return gan_fail(GAN_USAGE, "%s: class number %d; its generator knows 0 to %lld",
                      gan_checkpoint_path(generator->trained.checkpoint), classes[i],
                      (long long)count - 1);
  return GAN_OK;
}

static gan_status check_classes(const gan_generator *generator, int64_t n,
                                const gan_generator_classes *classes) {
  bool conditional = generator->trained.config.model.classes > 0;
  if (classes && !conditional) return not_conditional(generator);
  if (!classes && conditional)
    return gan_fail(GAN_USAGE,
                    "%s: its generator is conditional: say of which class each sample is to be",
                    gan_checkpoint_path(generator->trained.checkpoint));
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
                    gan_checkpoint_path(generator->trained.checkpoint));
  if (!(truncation >= 0))
    return gan_fail(GAN_USAGE, "truncation is %g; allowed is a number above 0, or 0 for none",
                    truncation);
  gan_latent_samples(law_of(generator), truncation, seed, first, n,
                     generator->trained.config.model.latent, latent);
  return GAN_OK;
}

void gan_generator_between(const gan_generator *generator, const float *a, const float *b,
                           double share, float *latent) {
  gan_latent_between(law_of(generator), generator->trained.config.model.latent, a, b, share,
                     latent);
}

gan_status gan_generator_run(gan_generator *generator, int64_t n, const float *latent,
                             const gan_generator_classes *classes, float *images) {
  GAN_TRY(check_classes(generator, n, classes));
  return gan_generate_from(generator->net, gan_config_makes_logits(&generator->trained.config),
                           &gan_checkpoint_facts(generator->trained.checkpoint)->data, n, latent,
                           classes, images);
}

float gan_generator_quantile(const gan_generator *generator, double u) {
  return gan_latent_quantile(law_of(generator), u);
}

/* ---- a vae's encoder ---- */

static gan_status want_encoder(gan_generator *generator) {
  const gan_trained *trained = &generator->trained;
  const gan_data_facts *data = &gan_checkpoint_facts(trained->checkpoint)->data;
  if (generator->encoder) return GAN_OK;
  if (trained->config.task != GAN_TASK_VAE)
    return gan_fail(GAN_USAGE,
                    "%s: is of task: %s, which has no encoder; to reconstruct images give a "
                    "checkpoint of task: vae",
                    gan_checkpoint_path(trained->checkpoint),
                    gan_checkpoint_task(trained->checkpoint));
  gan_net_spec spec = gan_trained_spec(trained, &gan_networks_of(GAN_TASK_VAE).rows[GAN_ENCODER]);
  spec.in = (gan_shape){data->h, data->w, data->c};
  spec.out = (gan_shape){1, 1, gan_config_code_size(&trained->config)};
  return gan_trained_network(trained, spec, &generator->encoder);
}

gan_status gan_generator_reconstruct(gan_generator *generator, int64_t n, const float *images,
                                     float *latent, float *reconstructions) {
  GAN_TRY(want_encoder(generator));
  GAN_TRY(gan_encode(generator->encoder, &gan_checkpoint_facts(generator->trained.checkpoint)->data,
                     n, generator->trained.config.model.latent, images, latent));
  return gan_generator_run(generator, n, latent, NULL, reconstructions);
}
