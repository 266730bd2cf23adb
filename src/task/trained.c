#include "task/trained.h"

#include "base/cores.h"
#include "base/memory.h"
#include "checkpoint/store.h"
#include "kernels/compute.h"

#include <string.h>

/* Samples a pass, and bytes of activations that those of large images may take. */
enum { CAPACITY = 256 };
static const size_t PASS_BYTES = (size_t)1 << 30;

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

gan_status gan_trained_open(const char *path, gan_trained *trained) {
  *trained = (gan_trained){0};
  GAN_TRY(gan_store_open(path, &trained->checkpoint));
  gan_layer_schemas layers = gan_layer_table();
  const char *text = gan_checkpoint_config(trained->checkpoint);
  gan_config *config = &trained->config;
  gan_status status = gan_config_parse(config, text, strlen(text), path, NULL, 0, 1, &layers);
  if (status != GAN_OK) return gan_fail_context(GAN_INPUT, "%s: its config", path);
  gan_trained_use(trained);
  return GAN_OK;
}

void gan_trained_use(const gan_trained *trained) {
  const gan_config *config = &trained->config;
  gan_compute_use_threads(threads_of(config), config->compute.reproducible);
  gan_compute_set(compute_of(config));
}

void gan_trained_close(gan_trained *trained) {
  gan_config_reset(&trained->config);
  gan_checkpoint_close(&trained->checkpoint);
}

gan_net_spec gan_trained_spec(const gan_trained *trained, const gan_network *network) {
  return (gan_net_spec){.name = network->name,
                        .key = network->key,
                        .layers = gan_network_layers(&trained->config, network)};
}

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

gan_status gan_trained_network(const gan_trained *trained, gan_net_spec spec, gan_net **out) {
  const gan_config *config = &trained->config;
  int64_t unit = 1;
  if (config->compute.reproducible) { /* whole parts a pass, as in training */
    unit = config->train.batch / config->data.shards;
    spec.division = (gan_division){.share = unit, .threads = threads_of(config)};
  }
  GAN_TRY(build(spec, unit, out));
  gan_learner learner = {.net = *out};
  return gan_checkpoint_read_learner(trained->checkpoint, &learner);
}
