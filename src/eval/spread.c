#include "eval/spread.h"

#include "base/memory.h"

#include <math.h>
#include <string.h>

/* Passes of the stream, so that halves and resamples of a trial have nothing in common. */
enum { HALVES, RESAMPLES };

static gan_rng stream(const gan_eval *eval, uint32_t pass) {
  return gan_rng_stream(eval->seed, GAN_RNG_EVAL, GAN_EVAL_DRAW_SPREAD, pass, 0);
}

void gan_spread_halve(const gan_eval *eval, int trial, int64_t total, uint32_t *order) {
  gan_rng_permutation(stream(eval, HALVES), (uint64_t)trial, (uint32_t)total, order);
}

/* 32 random bits to 0..total-1: of a million rows some are preferred by 1 in 4000, which no figure
 * sees. */
void gan_spread_resample(const gan_eval *eval, int trial, int64_t total, uint32_t *numbers) {
  gan_rng_bits(stream(eval, RESAMPLES), (uint64_t)trial, 0, total, numbers);
  for (int64_t i = 0; i < total; i++)
    numbers[i] = (uint32_t)((uint64_t)numbers[i] * (uint64_t)total >> 32);
}

static int64_t count_held(const gan_rows *rows, int64_t count, const uint32_t *numbers) {
  int64_t held = 0;
  for (int64_t i = 0; i < count; i++) {
    int64_t place = (int64_t)numbers[i] - rows->first;
    held += place >= 0 && place < rows->n;
  }
  return held;
}

static void copy_held(const gan_rows *rows, int64_t count, const uint32_t *numbers, float *to) {
  for (int64_t i = 0; i < count; i++) {
    int64_t place = (int64_t)numbers[i] - rows->first;
    if (place < 0 || place >= rows->n) continue;
    memcpy(to, rows->x + place * rows->d, (size_t)rows->d * sizeof *to);
    to += rows->d;
  }
}

gan_status gan_subset_create(const gan_eval *eval, const gan_rows *rows, int64_t count,
                             const uint32_t *numbers, gan_subset *out) {
  int64_t held = count_held(rows, count, numbers);
  *out = (gan_subset){0};
  GAN_TRY_EVAL_ALLOC(eval, out->x, held * rows->d);
  copy_held(rows, count, numbers, out->x);
  gan_status status = gan_rows_share(eval, held, rows->d, out->x, &out->rows);
  if (status != GAN_OK) gan_subset_destroy(out);
  return status;
}

void gan_subset_destroy(gan_subset *subset) {
  gan_free(&subset->x);
}

gan_spread gan_spread_of(int64_t n, const double *figures) {
  gan_spread spread = {0};
  double square = 0;
  for (int64_t i = 0; i < n; i++) spread.mean += figures[i] / (double)n;
  for (int64_t i = 0; i < n; i++) square += pow(figures[i] - spread.mean, 2);
  spread.deviation = n > 1 ? sqrt(square / (double)(n - 1)) : NAN;
  return spread;
}

/* ---- spread of figures ---- */

typedef struct {
  gan_figures *figures;
  void *context;
  int count, parts;
  uint32_t *numbers; /* (rows) */
  double *values;    /* (count, parts) */
  double *found;     /* (count) */
} trials_of;

/* Figures of one part, the p-th. */
static gan_status run_part(const gan_eval *eval, const gan_rows *rows, int64_t count,
                           const uint32_t *numbers, int p, trials_of *t) {
  gan_subset part;
  GAN_TRY(gan_subset_create(eval, rows, count, numbers, &part));
  gan_status status = t->figures(t->context, eval, &part.rows, t->count, t->found);
  gan_subset_destroy(&part);
  for (int f = 0; status == GAN_OK && f < t->count; f++) t->values[f * t->parts + p] = t->found[f];
  return status;
}

static gan_status run_halves(const gan_eval *eval, const gan_rows *rows, int trial, trials_of *t) {
  int64_t total = rows->total, half = total / 2;
  gan_spread_halve(eval, trial, total, t->numbers);
  GAN_TRY(run_part(eval, rows, half, t->numbers, 2 * trial, t));
  return run_part(eval, rows, total - half, t->numbers + half, 2 * trial + 1, t);
}

static gan_status run_resample(const gan_eval *eval, const gan_rows *rows, int trial,
                               trials_of *t) {
  gan_spread_resample(eval, trial, rows->total, t->numbers);
  return run_part(eval, rows, rows->total, t->numbers, trial, t);
}

static gan_status run_trials(const gan_eval *eval, const gan_rows *rows, gan_spread_way way,
                             int trials, trials_of *t) {
  GAN_TRY_EVAL_ALLOC(eval, t->numbers, rows->total);
  GAN_TRY_EVAL_ALLOC(eval, t->values, t->count * t->parts);
  GAN_TRY_EVAL_ALLOC(eval, t->found, t->count);
  for (int i = 0; i < trials; i++)
    GAN_TRY(way == GAN_SPREAD_HALVES ? run_halves(eval, rows, i, t)
                                     : run_resample(eval, rows, i, t));
  return GAN_OK;
}

gan_status gan_spread_run(const gan_eval *eval, const gan_rows *rows, gan_spread_way way,
                          int trials, gan_figures *figures, void *context, int count,
                          gan_spread *out) {
  trials_of t = {.figures = figures,
                 .context = context,
                 .count = count,
                 .parts = way == GAN_SPREAD_HALVES ? 2 * trials : trials};
  gan_status status = run_trials(eval, rows, way, trials, &t);
  for (int f = 0; status == GAN_OK && f < count; f++)
    out[f] = gan_spread_of(t.parts, t.values + f * t.parts);
  gan_free(&t.numbers);
  gan_free(&t.values);
  gan_free(&t.found);
  return status;
}

int64_t gan_spread_least_count(int64_t d) {
  return 5 * d;
}
