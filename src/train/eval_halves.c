#include "train/eval_halves.h"

#include "base/memory.h"

#include <stdlib.h>

static void release(gan_eval_half *half) {
  gan_subset_destroy(&half->values);
  gan_subset_destroy(&half->features);
  gan_subset_destroy(&half->logits);
  gan_free(&half->labels);
  gan_free(&half->found);
}

void gan_eval_halves_release(gan_eval_half halves[2]) {
  release(&halves[0]);
  release(&halves[1]);
}

static gan_status copy_classes(const gan_eval *eval, int64_t n, const int64_t *places,
                               const int32_t *from, int32_t **to) {
  if (!from) return GAN_OK;
  GAN_TRY_EVAL_ALLOC(eval, *to, n);
  for (int64_t i = 0; i < n; i++) (*to)[i] = from[places[i]];
  return GAN_OK;
}

static gan_status copy_both_classes(const gan_eval *eval, const gan_side *samples, int64_t count,
                                    const uint32_t *numbers, gan_eval_half *out) {
  int64_t *places;
  GAN_TRY_EVAL_ALLOC(eval, places, count);
  int64_t n = gan_rows_places(&samples->values, count, numbers, places);
  gan_status status = copy_classes(eval, n, places, samples->labels, &out->labels);
  if (status == GAN_OK) status = copy_classes(eval, n, places, samples->found, &out->found);
  gan_free(&places);
  return status;
}

static gan_status take(const gan_eval *eval, const gan_side *samples, int64_t count,
                       const uint32_t *numbers, gan_eval_half *out) {
  GAN_TRY(gan_subset_create(eval, &samples->values, count, numbers, &out->values));
  GAN_TRY(gan_subset_create(eval, &samples->features, count, numbers, &out->features));
  if (samples->logits.d)
    GAN_TRY(gan_subset_create(eval, &samples->logits, count, numbers, &out->logits));
  GAN_TRY(copy_both_classes(eval, samples, count, numbers, out));
  out->side =
      (gan_side){out->values.rows, out->features.rows, out->logits.rows, out->labels, out->found};
  return GAN_OK;
}

static int by_number(const void *a, const void *b) {
  uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;
  return (x > y) - (x < y);
}

/* Each half in order, so that its rows have the same numbers however ranks share them. */
static void halve(const gan_eval *eval, int64_t total, uint32_t *order) {
  int64_t middle = total / 2;
  gan_spread_halve(eval, 0, total, order);
  qsort(order, (size_t)middle, sizeof *order, by_number);
  qsort(order + middle, (size_t)(total - middle), sizeof *order, by_number);
}

gan_status gan_eval_halves_take(const gan_eval *eval, const gan_side *samples,
                                gan_eval_half halves[2]) {
  int64_t total = samples->values.total, middle = total / 2;
  uint32_t *order;
  GAN_TRY_EVAL_ALLOC(eval, order, total);
  halve(eval, total, order);
  gan_status status = take(eval, samples, middle, order, &halves[0]);
  if (status == GAN_OK) status = take(eval, samples, total - middle, order + middle, &halves[1]);
  gan_free(&order);
  return status;
}
