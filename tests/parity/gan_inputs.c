#include "parity/gan_inputs.h"

#include "base/memory.h"
#include "data/loader.h"
#include "task/classes.h"
#include "task/generate.h"

gan_status gan_inputs_session(gan_session *session, const char *gan, const char *const *overrides,
                              int override_count) {
  *session = (gan_session){.comm = gan_comm_alone()};
  char *path = gan_format("%s/%s.yaml", PARITY_FOLDER, gan);
  if (!path) return GAN_NO_MEMORY;
  gan_status status = gan_session_config(session, path, overrides, override_count);
  gan_free(&path);
  GAN_TRY(status);
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
                            inputs->of_data ? inputs->of_data + i * inputs->batch : NULL));
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

/* As src/objective/penalty.c draws. */
static void penalty_draws(const gan_session *session, gan_inputs *inputs) {
  gan_rng rng = gan_rng_stream((uint64_t)session->config.seed, GAN_RNG_PENALTY, 0, 0, 0);
  int64_t batch = inputs->batch, pixels = inputs->pixels;
  for (int64_t i = 0; i < GAN_INPUTS_D_UPDATES * batch; i++) {
    uint32_t sample = (uint32_t)(i % batch);
    gan_rng_uniform(rng, (uint64_t)(i / batch), sample, 1, 0, 1, inputs->penalty_e + i);
    gan_rng_normal(rng, (uint64_t)(i / batch), sample, pixels, inputs->penalty_noise + i * pixels);
  }
}

static void classes(const gan_session *session, double *law, uint32_t phase, int64_t updates,
                    int64_t samples, int32_t *out) {
  const gan_config *config = &session->config;
  for (int64_t i = 0; i < updates; i++, out += samples) {
    gan_classes drawn = {.count = config->model.classes, .fake = out, .law = law};
    gan_pass pass = {
        .samples = samples, .seed = (uint64_t)config->seed, .phase = phase, .draw = (uint64_t)i};
    gan_classes_draw(&drawn, &pass);
  }
}

/* law[k]: the part of the data's rows whose class is k or one before it. */
static void count_classes(const gan_dataset *data, int64_t count, double *law) {
  for (int64_t k = 0; k < count; k++) {
    int64_t rows = 0;
    for (int64_t i = 0; i < data->info.n; i++) rows += data->labels[i] <= k;
    law[k] = (double)rows / (double)data->info.n;
  }
}

/* Fakes have the classes of the data as often as the data has them; samples one after another. */
static gan_status fake_classes(const gan_session *session, gan_inputs *inputs) {
  double *law;
  GAN_TRY_ALLOC(law, inputs->classes, "the law of the classes");
  count_classes(session->data, inputs->classes, law);
  classes(session, law, GAN_INPUTS_PASS_FAKE, GAN_INPUTS_D_UPDATES, inputs->batch, inputs->of_d);
  classes(session, law, GAN_INPUTS_PASS_GENERATOR, GAN_INPUTS_G_UPDATES, inputs->batch,
          inputs->of_g);
  gan_class_rows(GAN_INPUTS_SAMPLES, inputs->classes, inputs->of_sample);
  gan_free(&law);
  return GAN_OK;
}

static gan_status make_classes(const gan_session *session, gan_inputs *inputs) {
  inputs->classes = session->config.model.classes;
  if (!inputs->classes) return GAN_OK;
  GAN_TRY_ALLOC(inputs->of_data, GAN_INPUTS_D_UPDATES * inputs->batch, "classes");
  GAN_TRY_ALLOC(inputs->of_d, GAN_INPUTS_D_UPDATES * inputs->batch, "classes");
  GAN_TRY_ALLOC(inputs->of_g, GAN_INPUTS_G_UPDATES * inputs->batch, "classes");
  GAN_TRY_ALLOC(inputs->of_sample, GAN_INPUTS_SAMPLES, "classes");
  return fake_classes(session, inputs);
}

gan_status gan_inputs_make(const gan_session *session, gan_inputs *inputs) {
  int64_t batch = session->config.train.batch, z = session->config.model.latent;
  int64_t pixels = gan_data_row_size(&session->info);
  *inputs = (gan_inputs){.batch = batch, .z = z, .pixels = pixels};
  GAN_TRY_ALLOC(inputs->data, GAN_INPUTS_D_UPDATES * batch * pixels, "batches");
  GAN_TRY_ALLOC(inputs->noise_d, GAN_INPUTS_D_UPDATES * batch * z, "noise");
  GAN_TRY_ALLOC(inputs->noise_g, GAN_INPUTS_G_UPDATES * batch * z, "noise");
  GAN_TRY_ALLOC(inputs->noise_sample, GAN_INPUTS_SAMPLES * z, "noise");
  GAN_TRY_ALLOC(inputs->penalty_e, GAN_INPUTS_D_UPDATES * batch, "noise");
  GAN_TRY_ALLOC(inputs->penalty_noise, GAN_INPUTS_D_UPDATES * batch * pixels, "noise");
  penalty_draws(session, inputs);
  bool vae = session->config.task == GAN_TASK_VAE;
  noise(session, GAN_RNG_LATENT, vae ? GAN_INPUTS_PASS_VAE : GAN_INPUTS_PASS_FAKE,
        GAN_INPUTS_D_UPDATES, batch, inputs->noise_d);
  noise(session, GAN_RNG_LATENT, GAN_INPUTS_PASS_GENERATOR, GAN_INPUTS_G_UPDATES, batch,
        inputs->noise_g);
  noise(session, GAN_RNG_SAMPLE, 0, 1, GAN_INPUTS_SAMPLES, inputs->noise_sample);
  GAN_TRY(make_classes(session, inputs));
  return batches(session, inputs);
}

void gan_inputs_reset(gan_inputs *inputs) {
  gan_free(&inputs->data);
  gan_free(&inputs->noise_d);
  gan_free(&inputs->noise_g);
  gan_free(&inputs->noise_sample);
  gan_free(&inputs->penalty_e);
  gan_free(&inputs->penalty_noise);
  gan_free(&inputs->of_data);
  gan_free(&inputs->of_d);
  gan_free(&inputs->of_g);
  gan_free(&inputs->of_sample);
}
