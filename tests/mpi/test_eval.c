/* Every metric of src/eval over ranks: of rows that are divided in any way, what one rank that has
 * them all finds; and the same bits on all ranks. */
#include "base/memory.h"
#include "eval/bins.h"
#include "eval/classes.h"
#include "eval/cover.h"
#include "eval/kernel_distance.h"
#include "eval/memorisation.h"
#include "eval/modes.h"
#include "eval/parzen.h"
#include "eval/pca.h"
#include "eval/physics.h"
#include "eval/spread.h"
#include "mpi/support.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

/* What the metrics promise. Sums are in double; only Parzen's distances are in fp32. */
static const double PROMISE = 1e-6;

enum { REAL = 300, FAKE = 260, D = 12, CLASSES = 3, BINS = 7 };

/* What a metric finds, under a name for the message. */
typedef struct {
  int count;
  double value[512];
  const char *name[512];
} figures;

static void put(figures *f, const char *name, double value) {
  f->name[f->count] = name;
  f->value[f->count++] = value;
}

static void put_all(figures *f, const char *name, int64_t n, const double *values) {
  for (int64_t i = 0; i < n; i++) put(f, name, values[i]);
}

/* Two sets of features with their classes, as a rank holds them. */
typedef struct {
  gan_eval eval;
  gan_rows real, fake;
  int32_t real_classes[REAL], fake_classes[FAKE];
} sides;

static float real_rows[REAL * D], fake_rows[FAKE * D];

static void fill_rows(void) {
  gan_rng rng = gan_rng_stream(3, GAN_RNG_SYNTHETIC, 0, 0, 0);
  for (uint32_t i = 0; i < REAL; i++) gan_rng_normal(rng, 0, i, D, real_rows + i * D);
  for (uint32_t i = 0; i < FAKE; i++) gan_rng_normal(rng, 1, i, D, fake_rows + i * D);
  for (int i = 0; i < FAKE * D; i++) fake_rows[i] = 0.9f * fake_rows[i] + 0.2f;
}

/* Where a rank's rows begin: all on one rank; all on the last; few on the first, many on the last.
 */
static int64_t begin_of(int division, int64_t rank, int64_t size, int64_t n) {
  if (division == 0) return rank > 0 ? n : 0;
  if (division == 1) return rank < size ? 0 : n;
  return n * rank * rank / (size * size);
}

static gan_status share_side(sides *s, int division, int64_t n, const float *x, int32_t *classes,
                             gan_rows *out) {
  int64_t rank = gan_comm_rank(s->eval.comm), size = gan_comm_size(s->eval.comm);
  int64_t begin = begin_of(division, rank, size, n), end = begin_of(division, rank + 1, size, n);
  for (int64_t i = begin; i < end; i++) classes[i - begin] = (int32_t)(i % CLASSES);
  return gan_rows_share(&s->eval, end - begin, D, x + begin * D, out);
}

static gan_status share(sides *s, gan_comm *comm, int division) {
  s->eval = (gan_eval){.comm = comm, .buffer_bytes = 2048, .seed = 7};
  GAN_TRY(share_side(s, division, REAL, real_rows, s->real_classes, &s->real));
  return share_side(s, division, FAKE, fake_rows, s->fake_classes, &s->fake);
}

/* ---- the metrics ---- */

static gan_status run_frechet(const sides *s, figures *f) {
  gan_moments moments;
  gan_frechet frechet;
  gan_frechet_limit limit;
  gan_pca pca;
  GAN_TRY(gan_moments_create(&s->eval, &s->real, &moments));
  put_all(f, "covariance", D, moments.covariance);
  GAN_TRY(gan_pca_create(&s->eval, &moments, 2, &pca));
  put_all(f, "component", D, pca.components);
  GAN_TRY(gan_frechet_create(&moments, &frechet));
  GAN_TRY(gan_frechet_extrapolate(&s->eval, &frechet, &s->fake, 5, &limit));
  put(f, "frechet", limit.plain);
  put(f, "frechet infinite", limit.infinite);
  put(f, "frechet error", limit.error);
  GAN_TRY(gan_frechet_jackknife(&s->eval, &frechet, &s->fake, 10, &limit.error));
  put(f, "frechet jackknife", limit.error);
  gan_pca_destroy(&pca);
  gan_frechet_destroy(&frechet);
  gan_moments_destroy(&moments);
  return GAN_OK;
}

static gan_status run_kernel(const sides *s, figures *f) {
  gan_kernel_distance kernel;
  GAN_TRY(gan_kernel_distance_run(&s->eval, &s->real, &s->fake, 50, &kernel));
  put(f, "kernel", kernel.mean);
  put(f, "kernel error", kernel.error);
  return GAN_OK;
}

static gan_status run_neighbours(const sides *s, figures *f) {
  gan_cover cover;
  gan_memorisation memory;
  int64_t number[FAKE];
  double numbers[FAKE], distance[FAKE], all[FAKE];
  GAN_TRY(gan_cover_run(&s->eval, &s->real, &s->fake, 5, &cover));
  put(f, "precision", cover.precision);
  put(f, "recall", cover.recall);
  put(f, "density", cover.density);
  put(f, "coverage", cover.coverage);
  GAN_TRY(gan_memorisation_run(&s->eval, &s->fake, &s->real, &s->real, &memory, NULL, NULL));
  put(f, "held-out distance", memory.held_out_mean); /* 0: the training data itself */
  GAN_TRY(gan_memorisation_run(&s->eval, &s->fake, &s->real, &s->fake, &memory, number, distance));
  put(f, "mean distance", memory.mean);
  put(f, "middle distance", memory.middle);
  put(f, "share below", memory.below_low);
  gan_copy copies[9];
  GAN_TRY(gan_memorisation_copies(&s->eval, &s->fake, number, distance, 9, copies));
  for (int i = 0; i < 9; i++)
    put(f, "copy", (double)(copies[i].sample * REAL + copies[i].training));
  for (int64_t i = 0; i < s->fake.n; i++) numbers[i] = (double)number[i];
  GAN_TRY(gan_rows_gather(&s->eval, &s->fake, numbers, all));
  put_all(f, "nearest", 100, all);
  return GAN_OK;
}

static gan_status run_classes(const sides *s, figures *f) {
  gan_class_score score;
  double distances[CLASSES], mean, share;
  int64_t counts[CLASSES];
  GAN_TRY(gan_class_score_run(&s->eval, &s->fake, 4, &score));
  put(f, "score", score.mean);
  put(f, "score deviation", score.deviation);
  GAN_TRY(gan_class_count(&s->eval, s->fake.n, s->fake_classes, CLASSES, counts));
  for (int k = 0; k < CLASSES; k++) put(f, "class count", (double)counts[k]);
  int32_t found[FAKE];
  gan_class_of(&s->fake, found);
  GAN_TRY(gan_class_accuracy(&s->eval, s->fake.n, s->fake_classes, found, &share));
  put(f, "accuracy", share);
  gan_labelled real = {&s->real, s->real_classes}, fake = {&s->fake, s->fake_classes};
  GAN_TRY(gan_class_frechet(&s->eval, real, fake, CLASSES, 2, distances, &mean));
  put_all(f, "frechet within", CLASSES, distances);
  put(f, "frechet within, mean", mean);
  return GAN_OK;
}

static gan_status run_modes(const sides *s, figures *f) {
  int64_t nearest[BINS], good[BINS];
  double centres[BINS * D];
  for (int i = 0; i < BINS * D; i++) centres[i] = (double)real_rows[i];
  gan_mixture mixture = {BINS, D, centres, 1};
  gan_mode_report report;
  GAN_TRY(gan_modes_count(&s->eval, &s->fake, &mixture, nearest, good));
  gan_modes_judge(BINS, nearest, good, NULL, &report);
  put(f, "captured", (double)report.captured);
  put(f, "high quality", report.high_quality);
  put(f, "reverse KL", report.reverse_kl);
  return GAN_OK;
}

static gan_status run_bins(const sides *s, figures *f) {
  gan_bins bins;
  gan_bins_report report;
  int64_t counts[BINS];
  GAN_TRY(gan_bins_create(&s->eval, &s->real, BINS, 10, &bins));
  GAN_TRY(gan_bins_count(&s->eval, &bins, &s->fake, counts));
  gan_bins_compare(BINS, bins.counts, counts, GAN_BINS_LEVEL_5, &report);
  for (int b = 0; b < BINS; b++) put(f, "bin", (double)bins.counts[b]);
  for (int b = 0; b < BINS; b++) put(f, "bin of fakes", (double)counts[b]);
  put(f, "divergence", report.divergence);
  gan_bins_destroy(&bins);
  return GAN_OK;
}

static gan_status run_parzen(const sides *s, figures *f) {
  gan_parzen parzen;
  gan_parzen_grid grid = {.low = 0.2, .high = 2, .count = 5};
  GAN_TRY(gan_parzen_validated(&s->eval, &s->real, &s->fake, &s->fake, grid, &parzen));
  put(f, "parzen sigma", parzen.sigma);
  put(f, "parzen", parzen.mean);
  put(f, "parzen error", parzen.error);
  return GAN_OK;
}

/* Rows as images of 3 channels. */
static gan_status run_physics(const sides *s, figures *f) {
  enum { SIZE = 5 + 2 + 4 * 3 };
  static double measured[REAL * SIZE], found[SIZE], low[SIZE], high[SIZE];
  gan_physics physics = {.h = 2, .w = 2, .c = 3, .low = -3, .high = 3, .bins = 5};
  if (gan_physics_size(&physics) != SIZE) return GAN_INTERNAL;
  GAN_TRY(gan_physics_measure(&physics, s->real.n, s->real.x, measured));
  GAN_TRY(gan_physics_run(&s->eval, &physics, s->real.n, measured, found));
  GAN_TRY(gan_physics_bands(&s->eval, &physics, s->real.n, measured, 3, low, high));
  put_all(f, "physics", SIZE, found);
  put_all(f, "physics, low", SIZE, low);
  put_all(f, "physics, high", SIZE, high);
  return GAN_OK;
}

static gan_status first_mean(void *context, const gan_eval *eval, const gan_rows *rows, int count,
                             double *out) {
  gan_moments moments;
  (void)context, (void)count;
  GAN_TRY(gan_moments_create(eval, rows, &moments));
  *out = moments.mean[0];
  gan_moments_destroy(&moments);
  return GAN_OK;
}

static gan_status run_spread(const sides *s, figures *f) {
  gan_spread spread;
  for (int way = GAN_SPREAD_HALVES; way <= GAN_SPREAD_RESAMPLES; way++) {
    GAN_TRY(
        gan_spread_run(&s->eval, &s->real, (gan_spread_way)way, 4, first_mean, NULL, 1, &spread));
    put(f, "spread, mean", spread.mean);
    put(f, "spread", spread.deviation);
  }
  return GAN_OK;
}

typedef gan_status metric(const sides *s, figures *f);

static metric *const metrics[] = {run_frechet, run_kernel, run_neighbours, run_classes, run_modes,
                                  run_bins,    run_parzen, run_physics,    run_spread};

enum { METRICS = sizeof metrics / sizeof *metrics, DIVISIONS = 3 };

static bool agree(const figures *many, const figures *one) {
  bool right = many->count == one->count;
  for (int i = 0; right && i < one->count; i++) {
    double a = many->value[i], b = one->value[i];
    if (fabs(a - b) <= PROMISE * fmax(fabs(b), PROMISE)) continue;
    fprintf(stderr, "%s (figure %d): %.12g, but %.12g on one rank\n", one->name[i], i, a, b);
    right = false;
  }
  return right;
}

START_TEST(any_division_gives_what_one_rank_finds) {
  static sides alone, shared;
  static figures one, many;
  int odd;
  fill_rows();
  check_ok(share(&alone, gan_comm_alone(), 0));
  for (int division = 0; division < DIVISIONS; division++) {
    check_ok(share(&shared, world, division));
    for (int m = 0; m < METRICS; m++) {
      memset(&one, 0, sizeof one);
      memset(&many, 0, sizeof many);
      check_ok(metrics[m](&alone, &one));
      check_ok(metrics[m](&shared, &many));
      check_all(agree(&many, &one));
      check_ok(gan_comm_compare(world, many.value, sizeof many.value, &odd, "a comparison"));
      check_all(odd == -1);
    }
  }
}
END_TEST

/* A mistake that one rank alone can see fails on all, and none waits for ever. */
START_TEST(one_rank_fails_for_all) {
  gan_eval eval = {.comm = world, .buffer_bytes = 2048, .seed = 7};
  float x[2] = {1, gan_comm_rank(world) == gan_comm_size(world) - 1 ? NAN : 2};
  int32_t classes[1] = {gan_comm_rank(world) == 0 ? 9 : 0};
  int64_t counts[CLASSES];
  gan_rows rows;
  char named[64]; /* by its number over all ranks, each of which has one */
  snprintf(named, sizeof named, "feature 1 of row %d is", gan_comm_size(world) - 1);
  check_all(gan_rows_share(&eval, 1, 2, x, &rows) == GAN_NUMBERS);
  check_all(strstr(gan_error_message(), named) != NULL);
  check_all(gan_class_count(&eval, 1, classes, CLASSES, counts) == GAN_INPUT);
}
END_TEST

int main(int argc, char **argv) {
  const TTest *const tests[] = {any_division_gives_what_one_rank_finds, one_rank_fails_for_all};
  return run_mpi_tests(argc, argv, "eval", tests, 2);
}
