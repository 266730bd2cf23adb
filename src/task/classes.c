#include "task/classes.h"

#include "base/log.h"
#include "base/memory.h"

gan_status gan_classes_reserve(const gan_task *task, int64_t samples, gan_classes *classes) {
  const gan_config *config = task->config;
  char place[600];
  classes->count = config->model.classes;
  if (!classes->count) return GAN_OK;
  if (!task->info->has_labels)
    return gan_fail(GAN_USAGE,
                    "%s is %lld, but the data (%s) has no labels; leave the key out, or give data "
                    "with labels",
                    gan_config_place(config, "model.classes", place, sizeof place),
                    (long long)classes->count, config->data.path);
  GAN_TRY_ALLOC(classes->real, samples, "the classes of a batch");
  GAN_TRY_ALLOC(classes->fake, samples, "the classes of a batch");
  GAN_TRY_ALLOC(classes->law, classes->count, "the law of the classes");
  return GAN_OK;
}

void gan_classes_release(gan_classes *classes) {
  gan_free(&classes->real);
  gan_free(&classes->fake);
  gan_free(&classes->law);
}

gan_status gan_classes_start(const gan_task *task, const gan_dataset *data, gan_classes *classes) {
  const gan_config *config = task->config;
  char place[600];
  int64_t below = 0, without = 0;
  if (classes->count && data->classes > classes->count)
    return gan_fail(GAN_USAGE, "%s is %lld, but the data's largest label is %lld; use %lld",
                    gan_config_place(config, "model.classes", place, sizeof place),
                    (long long)classes->count, (long long)data->classes - 1,
                    (long long)data->classes);
  for (int64_t k = 0; k < classes->count; k++) {
    int64_t rows = k < data->classes ? data->class_counts[k] : 0;
    below += rows;
    without += rows == 0;
    classes->law[k] = (double)below / (double)data->info.n;
  }
  if (without)
    gan_log("of the %lld classes (model.classes) %lld have no row in the data: they are not learnt",
            (long long)classes->count, (long long)without);
  return GAN_OK;
}

void gan_classes_draw(gan_classes *classes, const gan_pass *pass) {
  gan_rng rng = gan_rng_stream(pass->seed, GAN_RNG_CLASS, 0, pass->phase, 0);
  for (int64_t i = 0; i < pass->samples && classes->count; i++) {
    uint32_t bits;
    int32_t k = 0;
    gan_rng_bits(rng, pass->draw, (uint32_t)(pass->first_sample + i), 1, &bits);
    while (k + 1 < classes->count && (double)bits * 0x1p-32 >= classes->law[k]) k++;
    classes->fake[i] = k;
  }
}
