#include "eval/memorisation.h"

#include "base/memory.h"
#include "eval/neighbours.h"

#include <math.h>
#include <stdlib.h>

static int compare(const void *a, const void *b) {
  double x = *(const double *)a, y = *(const double *)b;
  return (x > y) - (x < y);
}

/* Distances of a set's rows to their nearest training rows, on this rank and of all; each is (rows)
 * of its side. */
typedef struct {
  int64_t *number;
  double *mine, *all;
} nearest;

static gan_status find(const gan_eval *eval, const gan_rows *rows, const gan_rows *training,
                       nearest *n) {
  GAN_TRY_EVAL_ALLOC(eval, n->number, rows->n);
  GAN_TRY_EVAL_ALLOC(eval, n->mine, rows->n);
  GAN_TRY_EVAL_ALLOC(eval, n->all, rows->total);
  GAN_TRY(gan_neighbours_find(eval, rows, training, 1, false, n->number, n->mine));
  for (int64_t i = 0; i < rows->n; i++) n->mine[i] = sqrt(n->mine[i]);
  return gan_rows_gather(eval, rows, n->mine, n->all);
}

static void reset(nearest *n) {
  gan_free(&n->number);
  gan_free(&n->mine);
  gan_free(&n->all);
}

static double mean_of(int64_t n, const double *x) {
  double sum = 0;
  for (int64_t i = 0; i < n; i++) sum += x[i];
  return sum / (double)n;
}

/* Of sorted numbers, between neighbours by line (NumPy's default). */
static double quantile_of(int64_t n, const double *sorted, double share) {
  double at = share * (double)(n - 1);
  int64_t below = (int64_t)at, above = below + 1 < n ? below + 1 : below;
  return sorted[below] + (at - (double)below) * (sorted[above] - sorted[below]);
}

static double share_below(int64_t n, const double *x, double bound) {
  int64_t count = 0;
  for (int64_t i = 0; i < n; i++) count += x[i] < bound;
  return (double)count / (double)n;
}

static void judge(int64_t samples, const double *distances, int64_t held_out, double *others,
                  gan_memorisation *out) {
  out->mean = mean_of(samples, distances);
  out->held_out_mean = mean_of(held_out, others);
  qsort(others, (size_t)held_out, sizeof *others, compare);
  out->low = quantile_of(held_out, others, 0.05);
  out->middle = quantile_of(held_out, others, 0.5);
  out->below_low = share_below(samples, distances, out->low);
  out->below_middle = share_below(samples, distances, out->middle);
}

static gan_status run(const gan_eval *eval, const gan_rows *samples, const gan_rows *training,
                      const gan_rows *held_out, nearest of[2], gan_memorisation *out) {
  if (samples->total < 1 || held_out->total < 1)
    return gan_fail(GAN_USAGE, "distances to the training data want samples and held-out data");
  GAN_TRY(find(eval, samples, training, &of[0]));
  GAN_TRY(find(eval, held_out, training, &of[1]));
  judge(samples->total, of[0].all, held_out->total, of[1].all, out);
  return GAN_OK;
}

gan_status gan_memorisation_run(const gan_eval *eval, const gan_rows *samples,
                                const gan_rows *training, const gan_rows *held_out,
                                gan_memorisation *out, int64_t *number, double *distance) {
  nearest of[2] = {{0}};
  gan_status status = run(eval, samples, training, held_out, of, out);
  for (int64_t i = 0; status == GAN_OK && i < samples->n; i++) {
    if (number) number[i] = of[0].number[i];
    if (distance) distance[i] = of[0].mine[i];
  }
  reset(&of[0]);
  reset(&of[1]);
  return status;
}

static int compare_copies(const void *a, const void *b) {
  const gan_copy *x = a, *y = b;
  if (x->distance != y->distance) return x->distance < y->distance ? -1 : 1;
  return (x->sample > y->sample) - (x->sample < y->sample);
}

/* Samples' numbers of training rows are below 2^53, so that doubles hold them. */
static gan_status gather_copies(const gan_eval *eval, const gan_rows *samples,
                                const int64_t *number, const double *distance, double *mine,
                                double *all, gan_copy *copies) {
  GAN_TRY(gan_rows_gather(eval, samples, distance, all));
  for (int64_t i = 0; i < samples->total; i++)
    copies[i] = (gan_copy){.sample = i, .distance = all[i]};
  for (int64_t i = 0; i < samples->n; i++) mine[i] = (double)number[i];
  GAN_TRY(gan_rows_gather(eval, samples, mine, all));
  for (int64_t i = 0; i < samples->total; i++) copies[i].training = (int64_t)all[i];
  qsort(copies, (size_t)samples->total, sizeof *copies, compare_copies);
  return GAN_OK;
}

gan_status gan_memorisation_copies(const gan_eval *eval, const gan_rows *samples,
                                   const int64_t *number, const double *distance, int64_t count,
                                   gan_copy *copies) {
  double *numbers; /* of this rank's samples, and behind them of all */
  gan_copy *all;
  GAN_ASSERT(count <= samples->total);
  GAN_TRY_EVAL_ALLOC(eval, numbers, samples->n + samples->total);
  gan_status status =
      gan_eval_alloc(eval, &all, samples->total, sizeof *all, "the nearest training rows");
  if (status == GAN_OK)
    status = gather_copies(eval, samples, number, distance, numbers, numbers + samples->n, all);
  for (int64_t i = 0; status == GAN_OK && i < count; i++) copies[i] = all[i];
  gan_free(&numbers);
  gan_free(&all);
  return status;
}
