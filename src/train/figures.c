#include "train/figures.h"

#include "base/memory.h"
#include "eval/classes.h"
#include "eval/cover.h"
#include "eval/kernel_distance.h"
#include "eval/memorisation.h"
#include "eval/parzen.h"
#include "eval/spread.h"

#include <math.h>

enum {
  FRECHET_POINTS = 15,
  JACKKNIFE_GROUPS = 10,
  KERNEL_BLOCK = 1000,
  BINS = 100,
  BIN_ITERATIONS = 20,
  LEAST_OF_CLASS = 20, /* rows of a class, for a distance within it */
  VALIDATION = 1000,   /* rows by which Parzen's sigma is chosen, as Goodfellow et al. have it */
};

static const gan_parzen_grid SIGMAS = {0.1, 1, 10}; /* of values from 0 to 1 */

/* ---- over features ---- */

static gan_status run_frechet(const gan_judged *judged, const gan_side *samples,
                              gan_figure *figures) {
  gan_frechet_limit limit;
  GAN_TRY(gan_frechet_extrapolate(&judged->eval, &judged->ruler, &samples->features, FRECHET_POINTS,
                                  &limit));
  figures[0].value = limit.plain;
  figures[1].value = limit.infinite;
  return GAN_OK;
}

/* Of the plain one; what it is extrapolated to has that of one pair of halves. */
static gan_status spread_frechet(const gan_judged *judged, const gan_side *samples,
                                 gan_figure *figures) {
  figures[0].spread_of = "jackknife";
  return gan_frechet_jackknife(&judged->eval, &judged->ruler, &samples->features, JACKKNIFE_GROUPS,
                               &figures[0].spread);
}

static gan_status run_kernel(const gan_judged *judged, const gan_side *samples,
                             gan_figure *figures) {
  gan_kernel_distance distance;
  GAN_TRY(gan_kernel_distance_run(&judged->eval, &judged->data.features, &samples->features,
                                  KERNEL_BLOCK, &distance));
  figures[0].value = distance.mean;
  figures[0].spread = distance.error;
  figures[0].spread_of = "blocks";
  return GAN_OK;
}

/* The data's balls are its alone: found once, for the samples and for their halves. */
static gan_status find_radii(const gan_judged *judged) {
  const gan_rows *data = &judged->data.features;
  if (*judged->radii) return GAN_OK;
  GAN_TRY_EVAL_ALLOC(&judged->eval, *judged->radii, data->total);
  return gan_cover_radii(&judged->eval, data, (int)judged->neighbours, *judged->radii);
}

static gan_status run_cover(const gan_judged *judged, const gan_side *samples,
                            gan_figure *figures) {
  gan_cover cover;
  GAN_TRY(find_radii(judged));
  GAN_TRY(gan_cover_run_within(&judged->eval, &judged->data.features, *judged->radii,
                               &samples->features, (int)judged->neighbours, &cover));
  figures[0].value = cover.precision;
  figures[1].value = cover.recall;
  figures[2].value = cover.density;
  figures[3].value = cover.coverage;
  return GAN_OK;
}

/* ---- by the classifier ---- */

/* Of all samples at once: in parts of a file that is sorted by class it would be low. */
static gan_status run_score(const gan_judged *judged, const gan_side *samples,
                            gan_figure *figures) {
  gan_class_score score;
  GAN_TRY(gan_class_score_run(&judged->eval, &samples->logits, 1, &score));
  figures[0].value = score.mean;
  return GAN_OK;
}

static gan_status compare_histograms(const gan_judged *judged, const gan_side *samples,
                                     int64_t *counts, double *variation) {
  int classes = (int)judged->classes;
  const gan_side *data = &judged->data;
  GAN_TRY(gan_class_count(&judged->eval, data->values.n, data->found, classes, counts));
  GAN_TRY(
      gan_class_count(&judged->eval, samples->values.n, samples->found, classes, counts + classes));
  *variation = gan_total_variation(classes, counts, counts + classes);
  return GAN_OK;
}

static gan_status run_histogram(const gan_judged *judged, const gan_side *samples,
                                gan_figure *figures) {
  int64_t *counts;
  GAN_TRY_EVAL_ALLOC(&judged->eval, counts, 2 * judged->classes);
  gan_status status = compare_histograms(judged, samples, counts, &figures[0].value);
  gan_free(&counts);
  return status;
}

static gan_status run_accuracy(const gan_judged *judged, const gan_side *samples,
                               gan_figure *figures) {
  return gan_class_accuracy(&judged->eval, samples->values.n, samples->labels, samples->found,
                            &figures[0].value);
}

static gan_status run_within(const gan_judged *judged, const gan_side *samples,
                             gan_figure *figures) {
  double *distances;
  const gan_side *side = &judged->data;
  gan_labelled data = {&side->features, side->labels ? side->labels : side->found};
  gan_labelled fake = {&samples->features, samples->labels};
  GAN_TRY_EVAL_ALLOC(&judged->eval, distances, judged->classes);
  gan_status status = gan_class_frechet(&judged->eval, data, fake, (int)judged->classes,
                                        LEAST_OF_CLASS, distances, &figures[0].value);
  gan_free(&distances);
  return status;
}

/* ---- over values ---- */

static gan_status run_memorisation(const gan_judged *judged, const gan_side *samples,
                                   gan_figure *figures) {
  gan_memorisation found;
  GAN_TRY(gan_memorisation_run(&judged->eval, &samples->values, &judged->training,
                               &judged->held_out.values, &found, NULL, NULL));
  figures[0].value = found.mean;
  figures[1].value = found.held_out_mean;
  figures[2].value = found.below_low;
  figures[3].value = found.below_middle;
  return GAN_OK;
}

/* The bins are the data's alone: made once, for the samples and for their halves. */
static gan_status run_bins(const gan_judged *judged, const gan_side *samples, gan_figure *figures) {
  gan_bins *bins = judged->bins;
  int64_t *counts;
  gan_bins_report usual, far;
  if (!bins->bins)
    GAN_TRY(gan_bins_create(&judged->eval, &judged->data.values, BINS, BIN_ITERATIONS, bins));
  GAN_TRY_EVAL_ALLOC(&judged->eval, counts, bins->bins);
  gan_status status = gan_bins_count(&judged->eval, bins, &samples->values, counts);
  if (status == GAN_OK) {
    gan_bins_compare(bins->bins, bins->counts, counts, GAN_BINS_LEVEL_5, &usual);
    gan_bins_compare(bins->bins, bins->counts, counts, GAN_BINS_ERRORS_3, &far);
    figures[0].value = (double)usual.different;
    figures[1].value = (double)far.different;
    figures[2].value = usual.divergence;
  }
  gan_free(&counts);
  return status;
}

static gan_status fit_parzen(const gan_judged *judged, const gan_side *samples,
                             const gan_rows *validation, gan_figure *figures) {
  gan_parzen parzen;
  GAN_TRY(gan_parzen_validated(&judged->eval, &judged->held_out.values, validation,
                               &samples->values, SIGMAS, &parzen));
  figures[0].value = parzen.mean;
  figures[0].spread = parzen.error;
  figures[0].spread_of = "points";
  figures[1].value = parzen.sigma;
  return GAN_OK;
}

/* Rows of the data, chosen by chance, choose sigma; what is told is of held-out rows. */
static gan_status run_parzen(const gan_judged *judged, const gan_side *samples,
                             gan_figure *figures) {
  const gan_rows *data = &judged->data.values;
  int64_t count = data->total < VALIDATION ? data->total : VALIDATION;
  gan_subset validation = {.x = NULL};
  uint32_t *order;
  GAN_TRY_EVAL_ALLOC(&judged->eval, order, data->total);
  gan_spread_halve(&judged->eval, 1, data->total, order);
  gan_status status = gan_subset_create(&judged->eval, data, count, order, &validation);
  gan_free(&order);
  if (status == GAN_OK) status = fit_parzen(judged, samples, &validation.rows, figures);
  gan_subset_destroy(&validation);
  return status;
}

static gan_status run_modes(const gan_judged *judged, const gan_side *samples,
                            gan_figure *figures) {
  int64_t modes = judged->mixture.modes, *counts;
  gan_mode_report report;
  GAN_TRY_EVAL_ALLOC(&judged->eval, counts, 2 * modes);
  gan_status status =
      gan_modes_count(&judged->eval, &samples->values, &judged->mixture, counts, counts + modes);
  if (status == GAN_OK) gan_modes_judge(modes, counts, counts + modes, NULL, &report);
  gan_free(&counts);
  GAN_TRY(status);
  figures[0].value = (double)report.captured;
  figures[1].value = report.high_quality;
  figures[2].value = report.reverse_kl;
  return GAN_OK;
}

/* ---- physics ---- */

gan_status gan_judged_find_bands(const gan_judged *judged) {
  if (judged->physics->size) return GAN_OK;
  return gan_physics_report_create(&judged->eval, judged->h, judged->w, judged->c,
                                   &judged->data.values, judged->physics);
}

static void judge_physics(const gan_physics_report *report, const double *found,
                          gan_figure *figures) {
  static const gan_physics_part first[] = {GAN_PART_HISTOGRAM, GAN_PART_SPECTRUM, GAN_PART_MEAN};
  static const gan_physics_part last[] = {GAN_PART_HISTOGRAM, GAN_PART_SPECTRUM, GAN_PART_KURTOSIS};
  for (int i = 0; i < 3; i++)
    figures[i].value = gan_physics_report_outside(report, found, first[i], last[i]);
}

/* The bands are the data's alone: found once, for the samples and for their halves. */
static gan_status run_physics(const gan_judged *judged, const gan_side *samples,
                              gan_figure *figures) {
  const gan_physics_report *report = judged->physics;
  double *found;
  GAN_TRY(gan_judged_find_bands(judged));
  GAN_TRY_EVAL_ALLOC(&judged->eval, found, report->size);
  gan_status status = gan_physics_report_measure(&judged->eval, report, &samples->values, found);
  if (status == GAN_OK) judge_physics(report, found, figures);
  gan_free(&found);
  return status;
}

/* clang-format off */
static const gan_metric_row rows[] = {
  {"frechet", "Frechet distance over the features, and what it would be of infinitely many samples",
   0, 20, true, {"frechet_distance", "frechet_distance_infinite"}, "<<", run_frechet, spread_frechet},
  {"kernel", "kernel distance over the features: polynomial MMD, unbiased",
   0, 2, false, {"kernel_distance"}, "<", run_kernel, NULL},
  {"cover", "precision, recall, density, coverage over the features",
   0, 0, true, {"precision", "recall", "density", "coverage"}, ">>>>", run_cover, NULL},
  {"score", "classifier score: the inception score's formula, of all samples at once",
   GAN_WANTS_CLASSIFIER, 2, true, {"classifier_score"}, ">", run_score, NULL},
  {"histogram", "total variation between the classes found in samples and in data",
   GAN_WANTS_CLASSIFIER, 1, true, {"class_total_variation"}, "<", run_histogram, NULL},
  {"accuracy", "share of samples of the class that was asked for",
   GAN_WANTS_CLASSIFIER | GAN_WANTS_LABELS, 1, true, {"class_accuracy"}, ">", run_accuracy, NULL},
  {"within", "mean Frechet distance within the classes",
   GAN_WANTS_CLASSIFIER | GAN_WANTS_LABELS, 20, true, {"within_class_frechet_distance"}, "<", run_within, NULL},
  {"memorisation", "distance to the nearest row of the data, beside that of held-out rows",
   GAN_WANTS_HELD_OUT, 1, true,
   {"nearest_distance", "nearest_distance_held_out", "nearer_than_5_percent", "nearer_than_half"}, "----",
   run_memorisation, NULL},
  {"bins", "bins of 100 whose share differs from the data's (NDB; far: by 3 standard errors), Jensen-Shannon",
   0, 100, true, {"bins_different", "bins_far", "bins_divergence"}, "<<<", run_bins, NULL},
  {"parzen", "Parzen log-likelihood of held-out rows in nats (Goodfellow 2014)",
   GAN_WANTS_HELD_OUT, 2, false, {"parzen_log_likelihood", "parzen_sigma"}, ">-", run_parzen, NULL},
  {"physics", "shares of value histogram, radial power spectrum and moments outside the data's bands",
   GAN_WANTS_IMAGES, 2, true, {"histogram_outside", "spectrum_outside", "moments_outside"}, "<<<",
   run_physics, NULL},
  {"modes", "modes of the mixture that are captured, high-quality samples, reverse KL",
   GAN_WANTS_MIXTURE, 1, true, {"modes_captured", "high_quality", "reverse_kl"}, ">><", run_modes, NULL},
};
/* clang-format on */

const gan_metric_row *gan_metric_rows(int *count) {
  *count = sizeof rows / sizeof *rows;
  return rows;
}
