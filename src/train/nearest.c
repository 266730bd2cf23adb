#include "train/nearest.h"

#include "base/memory.h"
#include "data/planes.h"
#include "eval/memorisation.h"
#include "eval/neighbours.h"
#include "output/samples.h"

#include <math.h>

enum { PAIRS = 32, COLUMNS = 16 };

typedef struct {
  int64_t *number;  /* of this rank's samples: the nearest row ... */
  double *distance; /* ... and how far it is, squared at first */
  gan_copy pairs[PAIRS];
  float *values, *images;
} search;

static void release(search *found) {
  gan_free(&found->number);
  gan_free(&found->distance);
  gan_free(&found->values);
  gan_free(&found->images);
}

static gan_status find(const gan_eval *eval, const gan_rows *samples, const gan_rows *training,
                       int64_t count, search *found) {
  GAN_TRY_EVAL_ALLOC(eval, found->number, samples->n);
  GAN_TRY_EVAL_ALLOC(eval, found->distance, samples->n);
  GAN_TRY(gan_neighbours_find(eval, samples, training, 1, false, found->number, found->distance));
  for (int64_t i = 0; i < samples->n; i++) found->distance[i] = sqrt(found->distance[i]);
  return gan_memorisation_copies(eval, samples, found->number, found->distance, count,
                                 found->pairs);
}

/* Rows, channels last, to every second image (C, H, W). */
static void lay_out(const gan_eval_set *set, int count, const float *values, float *images) {
  int64_t pixels = set->h * set->w, size = pixels * set->c;
  for (int i = 0; i < count; i++)
    gan_planes_of(1, pixels, set->c, values + i * size, images + 2 * i * size);
}

static gan_status draw(const gan_eval *eval, const char *path, const gan_eval_set *samples,
                       const gan_eval_set *training, int count, search *found, int *written) {
  int64_t size = samples->rows.d;
  uint32_t sample[PAIRS], row[PAIRS];
  for (int i = 0; i < count; i++) {
    sample[i] = (uint32_t)found->pairs[i].sample;
    row[i] = (uint32_t)found->pairs[i].training;
  }
  GAN_TRY_EVAL_ALLOC(eval, found->values, count * size);
  GAN_TRY_EVAL_ALLOC(eval, found->images, 2 * count * size);
  GAN_TRY(gan_rows_pick(eval, &samples->rows, count, sample, found->values));
  lay_out(samples, count, found->values, found->images);
  GAN_TRY(gan_rows_pick(eval, &training->rows, count, row, found->values));
  lay_out(training, count, found->values, found->images + size);
  gan_samples picture = {.n = 2 * count,
                         .c = samples->c,
                         .h = samples->h,
                         .w = samples->w,
                         .images = found->images,
                         .columns = COLUMNS,
                         .low = 0,
                         .high = 1};
  gan_status status = GAN_OK;
  if (gan_comm_rank(eval->comm) == 0) status = gan_samples_write_png(path, &picture, written);
  return gan_comm_agree(eval->comm, status, "agreeing whether the picture was written");
}

gan_status gan_nearest_write_png(const gan_eval *eval, const char *path,
                                 const gan_eval_set *samples, const gan_eval_set *training,
                                 int *written) {
  search found = {.number = NULL};
  *written = 0;
  int count = samples->rows.total < PAIRS ? (int)samples->rows.total : PAIRS;
  gan_status status = find(eval, &samples->rows, &training->rows, count, &found);
  if (status == GAN_OK) status = draw(eval, path, samples, training, count, &found, written);
  release(&found);
  return status;
}
