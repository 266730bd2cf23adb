#include "task/inputs.h"

#include "base/memory.h"

gan_status gan_inputs_reserve(const gan_task *task, int64_t piece, bool labels,
                              gan_inputs *inputs) {
  GAN_TRY_ALLOC(inputs->images, piece * gan_data_row_size(task->info), "a batch of data");
  if (labels) GAN_TRY_ALLOC(inputs->labels, piece, "a batch's labels");
  return GAN_OK;
}

gan_status gan_inputs_start(const gan_task *task, const gan_dataset *data, gan_inputs *inputs) {
  return gan_loader_create(data, (uint64_t)task->config->seed, &inputs->loader);
}

void gan_inputs_release(gan_inputs *inputs) {
  gan_loader_destroy(&inputs->loader);
  gan_free(&inputs->images);
  gan_free(&inputs->labels);
}

void gan_inputs_fetch(gan_task *task, gan_work *work, gan_inputs *inputs, const gan_pass *pass,
                      int row) {
  double waited = gan_loader_waited(inputs->loader);
  uint64_t drawn = (uint64_t)(task->images_seen / task->config->data.shards);
  gan_status status = gan_loader_next(inputs->loader, drawn, pass->at, pass->samples,
                                      inputs->images, inputs->labels);
  if (status != GAN_OK) inputs->data_status = status;
  waited = gan_loader_waited(inputs->loader) - waited;
  gan_work_spend(task, work, row);
  task->profile[row].seconds -= waited;
  task->profile[row + 1].seconds += waited;
}
