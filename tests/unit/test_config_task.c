/* The task and its keys: which networks it wants, and what has no meaning for it. */
#include "base/memory.h"
#include "config/networks.h"
#include "unit/support.h"

#include <math.h>
#include <string.h>

#define GAN                                                                                        \
  "data: {path: x}\ntrain: {steps: 1}\nmodel: {generator: [relu], discriminator: [relu]}\n"
#define CLASSIFIER                                                                                 \
  "task: classifier\ndata: {path: x}\ntrain: {steps: 1}\nmodel: {classifier: [relu]}\n"
#define VAE                                                                                        \
  "task: vae\ndata: {path: x}\ntrain: {steps: 1}\nmodel: {encoder: [relu], decoder: [relu]}\n"

static const struct {
  const char *text, *override;
  const char *texts[2];
} rows[] = {
    {"task: classifier\ndata: {path: x}\n",
     NULL,
     {"key 'model.classifier' is missing", "run.yaml"}},
    {"data: {path: x}\nmodel: {generator: [relu]}\n",
     NULL,
     {"key 'model.discriminator' is missing", "run.yaml"}},
    {CLASSIFIER,
     "model.generator=[relu]",
     {"key 'model.generator' is not used by task: classifier", "which has model.classifier"}},
    {CLASSIFIER, "model.discriminator=[relu]", {"key 'model.discriminator' is not used", ""}},
    {GAN,
     "model.classifier=[relu]",
     {"key 'model.classifier' is not used by task: gan", "model.generator, model.discriminator"}},
    {VAE,
     "model.generator=[relu]",
     {"key 'model.generator' is not used by task: vae", "model.encoder, model.decoder"}},
    {VAE, "train.d_steps=2", {"key 'train.d_steps' is 2", "task is vae"}},
    {VAE, "model.classes=3", {"key 'model.classes' is 3", "task is vae"}},
    {VAE, "train.decoder_std=2", {"key 'train.decoder_std' is 2", "model.likelihood to gaussian"}},
    {GAN, "train.beta=2", {"key 'train.beta' is 2", "task to vae"}},
    {CLASSIFIER, "model.likelihood=gaussian", {"'model.likelihood' is gaussian", "task to vae"}},
    {GAN, "task=classifier", {"key 'model.generator' is not used by task: classifier", ""}},
    {GAN, "task=painter", {"key 'task' is painter", "one of: gan, classifier"}},
    {CLASSIFIER, "train.d_steps=2", {"key 'train.d_steps' is 2", "task is classifier"}},
    {CLASSIFIER, "train.g_steps=2", {"key 'train.g_steps' is 2", "task to gan"}},
    {CLASSIFIER, "train.reuse_fakes=true", {"key 'train.reuse_fakes' is true", "classifier"}},
    {CLASSIFIER, "train.objective=minimax", {"key 'train.objective' is minimax", "classifier"}},
    {CLASSIFIER, "train.optimizer.lr_d=1", {"key 'train.optimizer.lr_d' is 1", "classifier"}},
    {CLASSIFIER, "train.optimizer.lr_g=1", {"key 'train.optimizer.lr_g' is 1", "classifier"}},
    {CLASSIFIER, "model.latent=3", {"key 'model.latent' is 3", "classifier"}},
    {CLASSIFIER, "model.classes=3", {"key 'model.classes' is 3", "classifier"}},
    {CLASSIFIER, "samples.count=3", {"key 'samples.count' is 3", "classifier"}},
    {CLASSIFIER, "train.label_smoothing=1", {"key 'train.label_smoothing' is 1", "allowed"}},
    {GAN,
     "train.optimizer.lr=0.1",
     {"key 'train.optimizer.lr' is 0.1", "give train.optimizer.lr_d and"}},
    {CLASSIFIER, "train.weight_clip=0.01", {"key 'train.weight_clip' is 0.01", "task to gan"}},
    {GAN, "train.weight_clip=0.01", {"is 0.01", "set train.objective to wasserstein"}},
    {GAN, "train.weight_clip=0", {"key 'train.weight_clip' is 0", "allowed"}},
    {GAN, "train.objective=hinged", {"is hinged", "hinge, least_squares, wasserstein"}},
    {GAN, "train.optimizer.type=adamw", {"adamw, which needs train.optimizer.weight_decay", ""}},
    {GAN, "train.optimizer.alpha=0.9", {"key 'train.optimizer.alpha' is 0.9", "to rmsprop"}},
    {GAN, "train.optimizer.weight_decay=-1", {"weight_decay' is -1", "allowed"}},
    {GAN, "train.optimizer.type=adams", {"is adams", "adam, sgd, adamw, rmsprop"}},
    {GAN,
     "train.optimizer={type: rmsprop, beta1: 0.9}",
     {"beta1' is 0.9", "train.optimizer.type is rmsprop"}},
    {GAN,
     "train.optimizer={type: rmsprop, nesterov: true}",
     {"nesterov' is true", "train.optimizer.type to sgd"}},
    {GAN, "train.clip_norm=0", {"key 'train.clip_norm' is 0", "allowed"}},
    {CLASSIFIER, "train.label_real=0.9", {"label_real' is 0.9", "task to gan"}},
    {GAN, "train.label_real=0.5", {"key 'train.label_real' is 0.5", "allowed"}},
    {GAN, "train.label_fake=0.5", {"key 'train.label_fake' is 0.5", "allowed"}},
    {GAN,
     "train={objective: hinge, label_flip: 0.1}",
     {"label_flip' is 0.1", "objective is hinge"}},
    {GAN,
     "train={objective: wasserstein, label_fake: 0.1}",
     {"label_fake' is 0.1", "to non_saturating or minimax or least_squares"}},
    {VAE, "train.instance_noise=0.1", {"instance_noise' is 0.1", "task to gan"}},
    {GAN, "train.instance_noise_steps=9", {"steps' is 9", "give train.instance_noise"}},
    {GAN, "data.test=x", {"key 'data.test' is x", "task is gan"}},
    {GAN, "train.test_every=5", {"key 'train.test_every' is 5", "task is gan"}},
    {GAN, "train.label_smoothing=0.1", {"key 'train.label_smoothing' is 0.1", "task is gan"}},
};

START_TEST(mistakes) {
  gan_config config;
  size_t before = gan_alloc_bytes();
  check_fails(unit_parse(&config, rows[_i].text, rows[_i].override ? 1 : 0, &rows[_i].override),
              GAN_USAGE, rows[_i].texts[0], rows[_i].texts[1]);
  gan_config_reset(&config);
  ck_assert_uint_eq(gan_alloc_bytes(), before);
}
END_TEST

/* What a run saves can be read, whatever its task, and is the same again. */
START_TEST(saved_configs_can_be_read) {
  static const char *const texts[] = {GAN, CLASSIFIER, VAE};
  gan_config first, second;
  char differences[2048], *saved;
  check_ok(unit_parse(&first, texts[_i], 0, NULL));
  check_ok(gan_config_yaml(&first, &saved));
  check_ok(unit_parse(&second, saved, 0, NULL));
  for (int k = 0; k < 2; k++)
    ck_assert_msg(!gan_config_differences(&first, &second, k, differences, sizeof differences),
                  "differs:%s", differences);
  gan_free(&saved);
  gan_config_reset(&first);
  gan_config_reset(&second);
}
END_TEST

START_TEST(networks_of_a_task) {
  static const char *const texts[] = {GAN, CLASSIFIER, VAE};
  static const char *const names[][2] = {
      {"generator", "discriminator"}, {"classifier", NULL}, {"encoder", "decoder"}};
  static const int makers[] = {0, -1, 1};
  gan_config config;
  check_ok(unit_parse(&config, texts[_i], 0, NULL));
  gan_networks networks = gan_networks_of((gan_task_kind)config.task);
  ck_assert_int_eq(networks.count, names[_i][1] ? 2 : 1);
  for (int k = 0; k < networks.count; k++) {
    const gan_network *network = &networks.rows[k];
    ck_assert_str_eq(network->name, names[_i][k]);
    ck_assert_int_eq(gan_network_layers(&config, network)->count, 1);
    ck_assert_int_eq(gan_network_updates(&config, network), 1);
    ck_assert_double_eq(gan_network_rate(&config, network), _i ? 1e-3 : 2e-4);
  }
  const gan_network *maker = gan_network_that_makes_data((gan_task_kind)config.task);
  ck_assert(maker == (makers[_i] < 0 ? NULL : &networks.rows[makers[_i]]));
  gan_config_reset(&config);
}
END_TEST

START_TEST(keys_of_the_rates) {
  char text[128];
  ck_assert_str_eq(gan_networks_rate_keys(GAN_TASK_GAN, text, sizeof text),
                   "train.optimizer.lr_d and train.optimizer.lr_g");
  ck_assert_str_eq(gan_networks_rate_keys(GAN_TASK_CLASSIFIER, text, sizeof text),
                   "train.optimizer.lr");
}
END_TEST

int main(void) {
  const unit_test tests[] = {
      {mistakes, sizeof rows / sizeof *rows},
      {saved_configs_can_be_read, 3},
      {networks_of_a_task, 3},
      {keys_of_the_rates, 1},
  };
  return UNIT_MAIN("config_task", tests);
}
