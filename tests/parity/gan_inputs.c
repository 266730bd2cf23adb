#include "parity/gan_inputs.h"

#include "base/memory.h"
#include "data/loader.h"
#include "task/generate.h"

gan_status gan_inputs_session(gan_session *session, const char *const *overrides,
                              int override_count) {
  *session = (gan_session){.comm = gan_comm_alone()};
  GAN_TRY(gan_session_config(session, PARITY_FOLDER "/gan.yaml", overrides, override_count));
  GAN_TRY(gan_session_build(session));
  GAN_TRY(gan_session_load(session));
  gan_task_init(session->task);
  return GAN_OK;
}

static gan_status batches(const gan_session *session, gan_inputs *inputs) {
  gan_loader *loader;
  GAN_TRY(gan_loader_create(session->data, (uint64_t)session->config.seed, &loader));
  for (int64_t i = 0; i < GAN_INPUTS_D_UPDATES; i++)
    GAN_TRY(gan_loader_next(loader, (uint64_t)(i * gan_shards_quota(&session->data->shards)), 0,
                            inputs->batch, inputs->data + i * inputs->batch * inputs->pixels,
                            NULL));
  gan_loader_destroy(&loader);
  return GAN_OK;
}

static void noise(const gan_session *session, gan_rng_purpose purpose, uint32_t pass,
                  int64_t updates, int64_t samples, float *out) {
  const gan_config *config = &session->config;
  gan_rng rng = gan_rng_stream((uint64_t)config->seed, purpose, 0, pass, 0);
  for (int64_t i = 0; i < updates; i++, out += samples * config->model.latent)
    gan_latent_fill((gan_latent_distribution)config->model.latent_distribution, rng, (uint64_t)i, 0,
                    samples, config->model.latent, out);
}

gan_status gan_inputs_make(const gan_session *session, gan_inputs *inputs) {
  int64_t batch = session->config.train.batch, z = session->config.model.latent;
  int64_t pixels = gan_data_row_size(&session->info);
  *inputs = (gan_inputs){.batch = batch, .z = z, .pixels = pixels};
  GAN_TRY_ALLOC(inputs->data, GAN_INPUTS_D_UPDATES * batch * pixels, "batches");
  GAN_TRY_ALLOC(inputs->noise_d, GAN_INPUTS_D_UPDATES * batch * z, "noise");
  GAN_TRY_ALLOC(inputs->noise_g, GAN_INPUTS_G_UPDATES * batch * z, "noise");
  GAN_TRY_ALLOC(inputs->noise_sample, GAN_INPUTS_SAMPLES * z, "noise");
  noise(session, GAN_RNG_LATENT, GAN_INPUTS_PASS_FAKE, GAN_INPUTS_D_UPDATES, batch,
        inputs->noise_d);
  noise(session, GAN_RNG_LATENT, GAN_INPUTS_PASS_GENERATOR, GAN_INPUTS_G_UPDATES, batch,
        inputs->noise_g);
  noise(session, GAN_RNG_SAMPLE, 0, 1, GAN_INPUTS_SAMPLES, inputs->noise_sample);
  return batches(session, inputs);
}

void gan_inputs_reset(gan_inputs *inputs) {
  gan_free(&inputs->data);
  gan_free(&inputs->noise_d);
  gan_free(&inputs->noise_g);
  gan_free(&inputs->noise_sample);
}
