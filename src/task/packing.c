#include "task/packing.h"

#include "base/blocks.h"
#include "base/memory.h"

#include <string.h>

gan_status gan_packing_reserve(const gan_task *task, int64_t samples, gan_packing *packing) {
  const gan_data_info *info = task->info;
  *packing = (gan_packing){
      .samples = task->config->model.packing, .pixels = info->h * info->w, .channels = info->c};
  if (gan_packing_is_plain(packing)) return GAN_OK;
  GAN_TRY_ALLOC(packing->packs, samples * gan_data_row_size(info), "packs of samples");
  return GAN_OK;
}

void gan_packing_release(gan_packing *packing) {
  gan_free(&packing->packs);
}

gan_pass gan_packing_pass(const gan_packing *packing, const gan_pass *pass) {
  int64_t m = packing->samples;
  gan_pass packs = *pass;
  packs.samples /= m;
  packs.at /= m;
  packs.first_sample /= m;
  packs.batch /= m;
  return packs;
}

bool gan_packing_is_plain(const gan_packing *packing) {
  return packing->samples == 1 || packing->pixels == 1;
}

/* Sample j of a pack has its channels behind those of the j samples before it, pixel by pixel. */
static void join(const gan_packing *packing, int64_t n, const float *samples, float *packs) {
  int64_t m = packing->samples, c = packing->channels, pixels = packing->pixels;
  for (int64_t i = 0; i < n * m; i++, samples += pixels * c)
    for (int64_t p = 0; p < pixels; p++)
      memcpy(packs + ((i / m * pixels + p) * m + i % m) * c, samples + p * c,
             (size_t)c * sizeof *packs);
}

static void split(const gan_packing *packing, int64_t n, const float *packs, float *samples) {
  int64_t m = packing->samples, c = packing->channels, pixels = packing->pixels;
  for (int64_t i = 0; i < n * m; i++, samples += pixels * c)
    for (int64_t p = 0; p < pixels; p++)
      memcpy(samples + p * c, packs + ((i / m * pixels + p) * m + i % m) * c,
             (size_t)c * sizeof *packs);
}

static int64_t pack_size(const gan_packing *packing) {
  return packing->samples * packing->pixels * packing->channels;
}

const float *gan_packing_join(const gan_packing *packing, int64_t n, const float *samples) {
  int64_t size = pack_size(packing);
  if (gan_packing_is_plain(packing)) return samples;
  GAN_FOR_BLOCKS(i, count, n, size,
                 join(packing, count, samples + i * size, packing->packs + i * size));
  return packing->packs;
}

void gan_packing_split(const gan_packing *packing, int64_t n, const float *packs, float *samples) {
  int64_t size = pack_size(packing);
  if (gan_packing_is_plain(packing))
    memcpy(samples, packs, (size_t)(n * size) * sizeof *samples);
  else
    GAN_FOR_BLOCKS(i, count, n, size, split(packing, count, packs + i * size, samples + i * size));
}
