#include "task/batch.h"

#include "base/memory.h"
#include "task/generate.h"

#include <string.h>

gan_status gan_batch_reserve(const gan_task *task, int64_t piece, int sets, gan_batch *batch) {
  batch->sets = sets;
  batch->image = gan_data_row_size(task->info);
  GAN_TRY_ALLOC(batch->images, sets * piece * batch->image, "a batch of data");
  GAN_TRY_ALLOC(batch->latent, piece * task->latent_size, "a batch of noise");
  return gan_classes_reserve(task, sets * piece, &batch->classes);
}

gan_status gan_batch_start(const gan_task *task, const gan_dataset *data, gan_batch *batch) {
  GAN_TRY(gan_classes_start(task, data, &batch->classes));
  return gan_loader_create(data, (uint64_t)task->config->seed, &batch->loader);
}

void gan_batch_release(gan_batch *batch) {
  gan_loader_destroy(&batch->loader);
  gan_free(&batch->images);
  gan_free(&batch->latent);
  gan_classes_release(&batch->classes);
}

/* The classes from number `first` on; NULL where there are none. */
static int32_t *classes_at(int32_t *classes, int64_t first) {
  return classes ? classes + first : NULL;
}

void gan_batch_fetch(gan_batch *batch, const gan_net *net, const gan_pass *pass, uint64_t drawn) {
  for (int64_t i = 0; i < gan_net_span_count(net, pass); i++) {
    gan_span span = gan_net_span(net, pass, i);
    gan_span_set set = gan_span_set_of(&span, 0);
    int64_t sample = pass->at + span.first / batch->sets;
    gan_status status = gan_loader_next(batch->loader, drawn, sample, set.samples,
                                        batch->images + span.first * batch->image,
                                        classes_at(batch->classes.real, span.first));
    if (status != GAN_OK) batch->data_status = status;
  }
}

void gan_batch_draw(const gan_task *task, gan_batch *batch, const gan_pass *pass) {
  gan_rng rng = gan_rng_stream(pass->seed, GAN_RNG_LATENT, 0, pass->phase, 0);
  gan_latent_fill((gan_latent_distribution)task->config->model.latent_distribution, rng, pass->draw,
                  pass->first_sample, pass->samples, task->latent_size, batch->latent);
  gan_classes_draw(&batch->classes, pass);
}

void gan_batch_join(gan_batch *batch, const gan_net *net, const gan_pass *pass, const float *fake) {
  for (int64_t i = 0; i < gan_net_span_count(net, pass); i++) {
    gan_span span = gan_net_span(net, pass, i);
    gan_span_set set = gan_span_set_of(&span, 1);
    int64_t to = span.first + set.first, from = span.first / batch->sets;
    memcpy(batch->images + to * batch->image, fake + from * batch->image,
           (size_t)(set.samples * batch->image) * sizeof *fake);
    if (batch->classes.count)
      memcpy(batch->classes.real + to, batch->classes.fake + from,
             (size_t)set.samples * sizeof *batch->classes.real);
  }
}

void gan_batch_keep_data(gan_batch *batch, const gan_net *judge, const gan_pass *pass) {
  for (int64_t i = 1; i < gan_net_span_count(judge, pass); i++) {
    gan_span span = gan_net_span(judge, pass, i);
    int64_t from = span.first * batch->sets;
    memmove(batch->images + span.first * batch->image, batch->images + from * batch->image,
            (size_t)(span.samples * batch->image) * sizeof *batch->images);
    if (batch->classes.count)
      memmove(batch->classes.real + span.first, batch->classes.real + from,
              (size_t)span.samples * sizeof *batch->classes.real);
  }
}
