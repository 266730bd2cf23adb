/* parity_dump_inputs GAN...: the first stage of the GANs' goldens; see make_golden.py. */
#include "base/memory.h"
#include "io/file.h"
#include "io/hdf5.h"
#include "parity/gan_inputs.h"

#include <stdio.h>
#include <string.h>

static gan_status write_tensor(gan_h5 *file, const gan_net *net, const gan_tensor *tensor,
                               const char *name) {
  float *ordered;
  if (tensor->kind == GAN_TENSOR_COUNTER)
    return gan_h5_write(file, name, GAN_I64, tensor->rank, tensor->dims,
                        gan_net_tensor(net, tensor));
  GAN_TRY_ALLOC(ordered, tensor->size, "a tensor");
  gan_tensor_reorder(tensor, true, gan_net_tensor(net, tensor), ordered);
  gan_status status = gan_h5_write(file, name, GAN_F32, tensor->rank, tensor->dims, ordered);
  gan_free(&ordered);
  return status;
}

static gan_status write_net(gan_h5 *file, const gan_net *net) {
  for (int i = 0; i < net->tensor_count; i++) {
    const gan_tensor *tensor = &net->tensors[i];
    char *name = gan_format("initial/%s/%s", net->name, tensor->name);
    if (!name) return GAN_NO_MEMORY;
    gan_status status = write_tensor(file, net, tensor, name);
    gan_free(&name);
    GAN_TRY(status);
  }
  return GAN_OK;
}

static gan_status write_classes(gan_h5 *file, const gan_inputs *inputs) {
  const int64_t d[] = {GAN_INPUTS_D_UPDATES, inputs->batch};
  const int64_t g[] = {GAN_INPUTS_G_UPDATES, inputs->batch};
  const int64_t sample[] = {GAN_INPUTS_SAMPLES};
  GAN_TRY(gan_h5_write(file, "classes_data", GAN_I32, 2, d, inputs->of_data));
  GAN_TRY(gan_h5_write(file, "classes_d", GAN_I32, 2, d, inputs->of_d));
  GAN_TRY(gan_h5_write(file, "classes_g", GAN_I32, 2, g, inputs->of_g));
  return gan_h5_write(file, "classes_sample", GAN_I32, 1, sample, inputs->of_sample);
}

/* Of configs whose runs have gradient penalties; the others' files stay as they are. */
static gan_status write_penalty_draws(gan_h5 *file, const gan_data_info *info,
                                      const gan_inputs *inputs) {
  const int64_t e[] = {GAN_INPUTS_D_UPDATES, inputs->batch};
  const int64_t noise[] = {GAN_INPUTS_D_UPDATES, inputs->batch, info->c, info->h, info->w};
  GAN_TRY(gan_h5_write(file, "penalty_e", GAN_F32, 2, e, inputs->penalty_e));
  return gan_h5_write(file, "penalty_noise", GAN_F32, 5, noise, inputs->penalty_noise);
}

static gan_status write_all(gan_h5 *file, const gan_session *session, const gan_inputs *inputs) {
  const gan_data_info *info = &session->info;
  /* (update, sample, C, H, W) as PyTorch has it: the same order where C is 1 */
  GAN_ASSERT(info->c == 1);
  const int64_t data[] = {GAN_INPUTS_D_UPDATES, inputs->batch, info->c, info->h, info->w};
  const int64_t noise_d[] = {GAN_INPUTS_D_UPDATES, inputs->batch, inputs->z};
  const int64_t noise_g[] = {GAN_INPUTS_G_UPDATES, inputs->batch, inputs->z};
  const int64_t sample[] = {GAN_INPUTS_SAMPLES, inputs->z};
  for (int i = 0; i < session->task->learner_count; i++)
    GAN_TRY(write_net(file, session->task->learners[i].net));
  GAN_TRY(gan_h5_write(file, "data", GAN_F32, 5, data, inputs->data));
  GAN_TRY(gan_h5_write(file, "noise_d", GAN_F32, 3, noise_d, inputs->noise_d));
  GAN_TRY(gan_h5_write(file, "noise_g", GAN_F32, 3, noise_g, inputs->noise_g));
  GAN_TRY(gan_h5_write(file, "noise_sample", GAN_F32, 2, sample, inputs->noise_sample));
  if (strstr(session->config.name, "penalty")) GAN_TRY(write_penalty_draws(file, info, inputs));
  return inputs->classes ? write_classes(file, inputs) : GAN_OK;
}

static gan_status write_file(const char *path, const gan_session *session,
                             const gan_inputs *inputs) {
  gan_h5 *file;
  char *image = NULL;
  size_t n = 0;
  GAN_TRY(gan_h5_create(&file));
  gan_status status = write_all(file, session, inputs);
  if (status == GAN_OK) status = gan_h5_image(file, &image, &n);
  gan_h5_close(&file);
  if (status == GAN_OK) status = gan_file_replace(path, image, n, NULL, 0);
  gan_free(&image);
  return status;
}

static gan_status dump(const char *gan) {
  gan_session session = {0};
  gan_inputs inputs = {0};
  char *path = gan_format("%s/golden/%s_inputs.h5", PARITY_FOLDER, gan);
  gan_status status = path ? gan_inputs_session(&session, gan, NULL, 0) : GAN_NO_MEMORY;
  if (status == GAN_OK) status = gan_inputs_make(&session, &inputs);
  if (status == GAN_OK) status = write_file(path, &session, &inputs);
  gan_inputs_reset(&inputs);
  gan_session_reset(&session);
  gan_free(&path);
  return status;
}

int main(int argc, char **argv) {
  gan_status status = GAN_OK;
  if (argc < 2) {
    fprintf(stderr, "usage: parity_dump_inputs GAN...\n");
    return GAN_USAGE;
  }
  for (int i = 1; i < argc && status == GAN_OK; i++) status = dump(argv[i]);
  if (status != GAN_OK) fprintf(stderr, "parity_dump_inputs: %s\n", gan_error_message());
  return status;
}
