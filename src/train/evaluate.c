#include "train/evaluate.h"

#include "base/clock.h"
#include "base/log.h"
#include "base/memory.h"
#include "checkpoint/store.h"
#include "data/source.h"
#include "eval/classes.h"
#include "eval/pca.h"
#include "eval/spread.h"
#include "io/file.h"
#include "kernels/compute.h"
#include "task/features.h"
#include "train/figures.h"
#include "train/nearest.h"
#include "train/threads.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* The covariance of such long rows still fits, and is decomposed within a minute. */
enum { COMPONENTS = 64, COMPONENTS_OF = 4096 };

/* What a set's features are kept in; its side borrows. */
typedef struct {
  gan_eval_set set;
  float *features, *logits;
  int32_t *found;
  gan_side side;
} judged_set;

typedef struct {
  const gan_evaluation_request *request;
  gan_judged judged;
  judged_set samples, data, held_out;
  gan_eval_set training; /* all rows of the data, where samples are looked for among them */
  gan_features *classifier;
  gan_pca pca;
  gan_bins bins;
  gan_physics_report physics; /* where the caller has no place for it */
  double *centres;
  int threads;
  unsigned given; /* what metrics may want of this evaluation */
} evaluation;

static void release_set(judged_set *set) {
  gan_eval_set_release(&set->set);
  gan_free(&set->features);
  gan_free(&set->logits);
  gan_free(&set->found);
}

static void release(evaluation *all) {
  release_set(&all->samples);
  release_set(&all->data);
  release_set(&all->held_out);
  gan_eval_set_release(&all->training);
  gan_features_close(&all->classifier);
  gan_pca_destroy(&all->pca);
  gan_frechet_destroy(&all->judged.ruler);
  gan_bins_destroy(&all->bins);
  gan_physics_report_destroy(&all->physics);
  gan_free(&all->centres);
}

/* ---- which metrics ---- */

static const char *metric_name(const void *table, int i) {
  return ((const gan_metric_row *)table)[i].name;
}

const char *gan_evaluate_metric(int i, const char **what) {
  int count;
  const gan_metric_row *rows = gan_metric_rows(&count);
  if (i >= count) return NULL;
  *what = rows[i].what;
  return rows[i].name;
}

/* Whether the list names the metric, and how long the word is. */
static bool named(const char *list, const char *name) {
  size_t length = strlen(name);
  for (const char *at = list; at; at = strchr(at, ',') ? strchr(at, ',') + 1 : NULL)
    if (strncmp(at, name, length) == 0 && (at[length] == ',' || !at[length])) return true;
  return false;
}

static gan_status check_names(const char *list) {
  int count;
  const gan_metric_row *rows = gan_metric_rows(&count);
  char word[64];
  for (const char *at = list; at; at = strchr(at, ',') ? strchr(at, ',') + 1 : NULL) {
    snprintf(word, sizeof word, "%.*s", (int)strcspn(at, ","), at);
    bool known = false;
    for (int i = 0; i < count; i++) known |= strcmp(word, rows[i].name) == 0;
    if (known) continue;
    const char *nearest = gan_nearest(word, count, metric_name, rows);
    return gan_fail(
        GAN_USAGE, "--metrics: unknown metric '%s'%s%s%s; `mpigan help eval` lists them", word,
        nearest ? " (did you mean '" : "", nearest ? nearest : "", nearest ? "'?)" : "");
  }
  return GAN_OK;
}

static const struct {
  unsigned flag;
  const char *what;
} wants[] = {
    {GAN_WANTS_CLASSIFIER, "a classifier: give --features CLASSIFIER"},
    {GAN_WANTS_LABELS, "the classes that the samples were asked for, and these have none"},
    {GAN_WANTS_HELD_OUT, "rows that were not trained on: give --test PATH"},
    {GAN_WANTS_IMAGES, "images, and these are points"},
    {GAN_WANTS_MIXTURE, "a mixture: give --mixture, as in ring:8:1:0.01"},
};

/* Whether a metric is to be run; one that is named must have what it wants. */
static gan_status runs(const evaluation *all, const gan_metric_row *row, bool *out) {
  const char *list = all->request->metrics;
  unsigned lacks = row->wants & ~all->given;
  *out = list ? named(list, row->name) : !lacks;
  if (!*out || !lacks) return GAN_OK;
  for (size_t i = 0; i < sizeof wants / sizeof *wants; i++)
    if (lacks & wants[i].flag)
      return gan_fail(GAN_USAGE, "metric '%s' wants %s", row->name, wants[i].what);
  return GAN_OK;
}

/* ---- the sets ---- */

/* What rank 0 finds out about the samples, and tells. */
typedef struct {
  char *checkpoint;  /* its file; NULL: they are in a file of samples */
  char *text;        /* its config, */
  gan_config config; /* read */
  int64_t step;
} origin;

static void forget_origin(origin *from) {
  gan_free(&from->checkpoint);
  gan_free(&from->text);
  gan_config_reset(&from->config);
}

static gan_status look_at(const char *path, origin *out) {
  gan_checkpoint *checkpoint = NULL;
  if (!gan_store_holds(path)) return GAN_OK;
  GAN_TRY(gan_store_open(path, &checkpoint));
  out->step = gan_checkpoint_facts(checkpoint)->step;
  out->checkpoint = gan_strdup(gan_checkpoint_path(checkpoint));
  out->text = gan_strdup(gan_checkpoint_config(checkpoint));
  gan_checkpoint_close(&checkpoint);
  return out->checkpoint && out->text ? GAN_OK : GAN_NO_MEMORY;
}

static gan_status share_text(const gan_eval *eval, char **text) {
  size_t n = *text ? strlen(*text) : 0;
  return gan_comm_broadcast_text(eval->comm, text, &n, "the broadcast of a checkpoint's words");
}

static gan_status find_origin(const gan_eval *eval, const char *path, origin *out) {
  bool found = false;
  gan_status status = GAN_OK;
  if (gan_comm_rank(eval->comm) == 0) status = look_at(path, out);
  GAN_TRY(gan_comm_agree(eval->comm, status, "agreeing whether the checkpoint could be opened"));
  GAN_TRY(
      gan_comm_any_true(eval->comm, out->checkpoint != NULL, &found, "agreeing what is evaluated"));
  if (!found) return GAN_OK;
  GAN_TRY(gan_comm_broadcast(eval->comm, &out->step, sizeof out->step, "the broadcast of a step"));
  GAN_TRY(share_text(eval, &out->checkpoint));
  GAN_TRY(share_text(eval, &out->text));
  gan_layer_schemas layers = gan_layer_table();
  status = gan_config_parse(&out->config, out->text, strlen(out->text), out->checkpoint, NULL, 0, 1,
                            &layers);
  return gan_comm_agree(eval->comm, status, "agreeing whether all could read the config");
}

static gan_status load_data(evaluation *all, const origin *from, const char *path,
                            gan_evaluation *out) {
  const gan_evaluation_request *request = all->request;
  const gan_eval *eval = &all->judged.eval;
  gan_eval_set *data = &all->data.set;
  bool own = !request->data; /* the run's */
  gan_eval_source rows = {path, own ? &from->config : NULL};
  gan_eval_source held_out = {request->held_out, rows.config};
  GAN_TRY(gan_eval_set_load(eval, rows, request->count, NULL, data));
  all->judged.h = data->h;
  all->judged.w = data->w;
  all->judged.c = data->c;
  out->rows = data->rows.total;
  out->rows_of = data->of;
  out->data_digest = data->digest;
  snprintf(out->data_path, sizeof out->data_path, "%s", path);
  if (request->held_out)
    GAN_TRY(gan_eval_set_load(eval, held_out, request->count, data, &all->held_out.set));
  out->held_out = all->held_out.set.rows.total;
  out->held_out_digest = all->held_out.set.digest;
  if (!request->held_out && !request->pairs) return GAN_OK;
  return gan_eval_set_load(eval, rows, 0, data, &all->training);
}

static gan_status load_samples(evaluation *all, const origin *from, gan_evaluation *out) {
  const gan_evaluation_request *request = all->request;
  const gan_eval *eval = &all->judged.eval;
  gan_eval_set *samples = &all->samples.set;
  if (from->checkpoint)
    GAN_TRY(gan_eval_set_generate(eval, from->checkpoint, request->count, request->truncation,
                                  &all->data.set, samples));
  else
    GAN_TRY(gan_eval_set_load(eval, (gan_eval_source){request->samples, NULL}, request->count,
                              &all->data.set, samples));
  out->samples = samples->rows.total;
  out->samples_digest = samples->digest;
  return GAN_OK;
}

static gan_status load_both(evaluation *all, const origin *from, gan_evaluation *out) {
  const gan_evaluation_request *request = all->request;
  const char *path = request->data ? request->data : from->config.data.path;
  out->step = from->checkpoint ? from->step : -1;
  snprintf(out->samples_path, sizeof out->samples_path, "%s",
           from->checkpoint ? from->checkpoint : request->samples);
  if (!path)
    return gan_fail(GAN_USAGE,
                    "eval: %s is no checkpoint, so what it was trained on is not known: give "
                    "--data PATH",
                    request->samples);
  if (!from->checkpoint && request->truncation > 0)
    return gan_fail(GAN_USAGE,
                    "eval: --truncation is for the noise of a checkpoint's samples; "
                    "those of %s are there",
                    request->samples);
  GAN_TRY(load_data(all, from, path, out));
  return load_samples(all, from, out);
}

static gan_status load_sets(evaluation *all, gan_evaluation *out) {
  origin from = {.checkpoint = NULL};
  gan_status status = find_origin(&all->judged.eval, all->request->samples, &from);
  if (status == GAN_OK) status = load_both(all, &from, out);
  forget_origin(&from);
  return status;
}

/* ---- features ---- */

static gan_status project(evaluation *all, judged_set *set) {
  const gan_rows *values = &set->set.rows;
  const gan_eval *eval = &all->judged.eval;
  GAN_TRY_EVAL_ALLOC(eval, set->features, values->n * all->pca.k);
  gan_status status = gan_pca_project(&all->pca, values->n, values->x, set->features);
  GAN_TRY(gan_comm_agree(eval->comm, status, "agreeing whether all could project their rows"));
  return gan_rows_share(eval, values->n, all->pca.k, set->features, &set->side.features);
}

static gan_status find_components(evaluation *all, gan_evaluation *out) {
  const gan_eval *eval = &all->judged.eval;
  const gan_rows *values = &all->data.set.rows;
  gan_moments moments;
  if (values->d > COMPONENTS_OF)
    return gan_fail(GAN_USAGE,
                    "eval: rows of %lld numbers are too long for principal components (up to %d): "
                    "give --features CLASSIFIER",
                    (long long)values->d, COMPONENTS_OF);
  GAN_TRY(gan_moments_create(eval, values, &moments));
  int64_t k = values->d < COMPONENTS ? values->d : COMPONENTS;
  gan_status status = gan_pca_create(eval, &moments, k, &all->pca);
  gan_moments_destroy(&moments);
  GAN_TRY(status);
  out->features = k;
  snprintf(out->over, sizeof out->over,
           "the data's first %lld principal components (%.1f%% of its "
           "variance)",
           (long long)k, 100 * all->pca.share);
  GAN_TRY(project(all, &all->data));
  return project(all, &all->samples);
}

enum { SEEN_ROWS = 1024 };

/* Rows in pieces, brought from 0 to 1 to the interval of its own data, and so to what it sees:
 * bytes and floats of the same images are told alike. */
static gan_status classify_rows(evaluation *all, judged_set *set) {
  const gan_rows *values = &set->set.rows;
  gan_features_info info = gan_features_get_info(all->classifier);
  float scale = (float)((info.high - info.low) * info.scale);
  float offset = (float)(info.low * info.scale + info.offset), *seen;
  gan_status status = GAN_OK;
  GAN_TRY_ALLOC(seen, SEEN_ROWS * values->d, "rows to classify");
  for (int64_t at = 0; at < values->n && status == GAN_OK; at += SEEN_ROWS) {
    int64_t n = values->n - at < SEEN_ROWS ? values->n - at : SEEN_ROWS;
    for (int64_t i = 0; i < n * values->d; i++)
      seen[i] = values->x[at * values->d + i] * scale + offset;
    status = gan_features_of(all->classifier, n, seen, set->features + at * info.features,
                             set->logits + at * info.classes);
  }
  gan_free(&seen);
  return status;
}

static gan_status classify(evaluation *all, judged_set *set) {
  const gan_rows *values = &set->set.rows;
  const gan_eval *eval = &all->judged.eval;
  gan_features_info info = gan_features_get_info(all->classifier);
  GAN_TRY_EVAL_ALLOC(eval, set->features, values->n * info.features);
  GAN_TRY_EVAL_ALLOC(eval, set->logits, values->n * info.classes);
  GAN_TRY_EVAL_ALLOC(eval, set->found, values->n);
  GAN_TRY(gan_comm_agree(eval->comm, classify_rows(all, set),
                         "agreeing whether all could classify their rows"));
  GAN_TRY(gan_rows_share(eval, values->n, info.features, set->features, &set->side.features));
  GAN_TRY(gan_rows_share(eval, values->n, info.classes, set->logits, &set->side.logits));
  gan_class_of(&set->side.logits, set->found);
  for (int64_t i = 0; i < values->n; i++)
    set->found[i] = (int32_t)gan_features_label(all->classifier, set->found[i]);
  set->side.found = set->found;
  return GAN_OK;
}

/* The largest label + 1 that the classifier, the data or the samples know. */
static int64_t labels_end(const evaluation *all, int64_t classes) {
  int64_t end = all->data.set.classes;
  if (all->samples.set.classes > end) end = all->samples.set.classes;
  for (int64_t k = 0; k < classes; k++) {
    int64_t label = gan_features_label(all->classifier, k);
    if (label >= end) end = label + 1;
  }
  return end;
}

static gan_status open_classifier(evaluation *all, gan_evaluation *out) {
  const gan_evaluation_request *request = all->request;
  const gan_judged *judged = &all->judged;
  gan_status status = gan_features_open(request->classifier, &all->classifier);
  GAN_TRY(
      gan_comm_agree(judged->eval.comm, status, "agreeing whether all could open the classifier"));
  gan_features_info info = gan_features_get_info(all->classifier);
  if (info.h != judged->h || info.w != judged->w || info.c != judged->c)
    return gan_fail(GAN_USAGE,
                    "%s: its images are %lldx%lldx%lld (height, width, channels), but the data's "
                    "are %lldx%lldx%lld",
                    request->classifier, (long long)info.h, (long long)info.w, (long long)info.c,
                    (long long)judged->h, (long long)judged->w, (long long)judged->c);
  char digest[33];
  out->features = info.features;
  out->classifier_digest = info.digest;
  snprintf(out->over, sizeof out->over, "the %lld penultimate activations of %.300s (%s)",
           (long long)info.features, request->classifier, gan_digest_text(digest, info.digest));
  all->judged.classes = labels_end(all, info.classes);
  all->given |= GAN_WANTS_CLASSIFIER;
  GAN_TRY(classify(all, &all->data));
  return classify(all, &all->samples);
}

static gan_status make_ruler(evaluation *all) {
  gan_moments moments;
  GAN_TRY(gan_moments_create(&all->judged.eval, &all->data.side.features, &moments));
  gan_status status = gan_frechet_create(&moments, &all->judged.ruler);
  gan_moments_destroy(&moments);
  return gan_comm_agree(all->judged.eval.comm, status,
                        "agreeing whether all could decompose the data's covariance");
}

/* ---- a mixture ---- */

static gan_status bad_mixture(const char *text) {
  return gan_fail(GAN_USAGE,
                  "--mixture is '%.100s'; allowed are ring:MODES:RADIUS:DEVIATION and "
                  "grid:SIDE:SPACING:DEVIATION, for example ring:8:1:0.01 and grid:5:2:0.05",
                  text);
}

/* Centres on the unit circle, or on a grid about 0. */
static void place_centres(bool ring, int64_t modes, int64_t side, double length, double *centres) {
  for (int64_t i = 0; i < modes; i++) {
    double turn = 2 * acos(-1) * (double)i / (double)modes, middle = (double)(side - 1) / 2;
    centres[2 * i] = ring ? length * cos(turn) : length * ((double)(i / side) - middle);
    centres[2 * i + 1] = ring ? length * sin(turn) : length * ((double)(i % side) - middle);
  }
}

static gan_status read_mixture(evaluation *all) {
  const char *text = all->request->mixture;
  const gan_eval_set *data = &all->data.set;
  long long count;
  double length, deviation, scale = 1 / (data->high - data->low);
  char end;
  bool ring = text && strncmp(text, "ring:", 5) == 0;
  if (!text) return GAN_OK;
  if (!ring && strncmp(text, "grid:", 5) != 0) return bad_mixture(text);
  if (sscanf(text + 5, "%lld:%lf:%lf%c", &count, &length, &deviation, &end) != 3 || count < 1 ||
      count > 1000 || !(length > 0 && length < 1e30) || !(deviation > 0 && deviation < 1e30))
    return bad_mixture(text);
  if (data->h * data->w * data->c != 2)
    return gan_fail(GAN_USAGE,
                    "--mixture is of points in two dimensions; these rows have %lld "
                    "numbers",
                    (long long)(data->h * data->w * data->c));
  int64_t modes = ring ? count : count * count;
  GAN_TRY_EVAL_ALLOC(&all->judged.eval, all->centres, 2 * modes);
  place_centres(ring, modes, count, length, all->centres);
  for (int64_t i = 0; i < 2 * modes; i++) all->centres[i] = (all->centres[i] - data->low) * scale;
  all->judged.mixture = (gan_mixture){modes, 2, all->centres, deviation * scale};
  all->given |= GAN_WANTS_MIXTURE;
  return GAN_OK;
}

/* ---- figures ---- */

/* One half of the samples, in memory of its own. */
typedef struct {
  gan_subset values, features, logits;
  int32_t *labels, *found;
  gan_side side;
} half;

static void release_half(half *one) {
  gan_subset_destroy(&one->values);
  gan_subset_destroy(&one->features);
  gan_subset_destroy(&one->logits);
  gan_free(&one->labels);
  gan_free(&one->found);
}

static gan_status copy_classes(const gan_eval *eval, int64_t n, const int64_t *places,
                               const int32_t *from, int32_t **to) {
  if (!from) return GAN_OK;
  GAN_TRY_EVAL_ALLOC(eval, *to, n);
  for (int64_t i = 0; i < n; i++) (*to)[i] = from[places[i]];
  return GAN_OK;
}

static gan_status copy_both_classes(const gan_eval *eval, const gan_side *samples, int64_t count,
                                    const uint32_t *numbers, half *out) {
  int64_t *places;
  GAN_TRY_EVAL_ALLOC(eval, places, count);
  int64_t n = gan_rows_places(&samples->values, count, numbers, places);
  gan_status status = copy_classes(eval, n, places, samples->labels, &out->labels);
  if (status == GAN_OK) status = copy_classes(eval, n, places, samples->found, &out->found);
  gan_free(&places);
  return status;
}

static gan_status take_half(const gan_eval *eval, const gan_side *samples, int64_t count,
                            const uint32_t *numbers, half *out) {
  GAN_TRY(gan_subset_create(eval, &samples->values, count, numbers, &out->values));
  GAN_TRY(gan_subset_create(eval, &samples->features, count, numbers, &out->features));
  if (samples->logits.d)
    GAN_TRY(gan_subset_create(eval, &samples->logits, count, numbers, &out->logits));
  GAN_TRY(copy_both_classes(eval, samples, count, numbers, out));
  out->side =
      (gan_side){out->values.rows, out->features.rows, out->logits.rows, out->labels, out->found};
  return GAN_OK;
}

/* Whether there are rows enough, of so many samples. */
static bool enough(const evaluation *all, const gan_metric_row *row, int64_t samples) {
  int64_t least = row->least ? row->least : all->judged.neighbours + 1;
  return samples >= least && all->data.side.values.total >= least;
}

static gan_status run_row(const evaluation *all, const gan_metric_row *row, const half *halves,
                          gan_evaluation *out) {
  gan_figure values[GAN_METRIC_FIGURES], of_half[2][GAN_METRIC_FIGURES];
  bool spreads = row->halves && enough(all, row, halves[0].side.values.total);
  for (int i = 0; i < GAN_METRIC_FIGURES; i++)
    values[i] = of_half[0][i] = of_half[1][i] = (gan_figure){NULL, NAN, NAN, NULL};
  GAN_TRY(row->run(&all->judged, &all->samples.side, values));
  for (int k = 0; k < 2 && spreads; k++)
    GAN_TRY(row->run(&all->judged, &halves[k].side, of_half[k]));
  for (int i = 0; i < GAN_METRIC_FIGURES && row->figures[i]; i++) {
    gan_figure *figure = &out->figures[out->count++];
    *figure = values[i];
    figure->name = row->figures[i];
    if (!spreads) continue;
    /* of two halves, each of twice the variance of the whole, the difference has four times it */
    figure->spread = fabs(of_half[0][i].value - of_half[1][i].value) / 2;
    figure->spread_of = "halves";
  }
  return GAN_OK;
}

/* Which metrics: a mark each.  Those that are not named and lack rows are left out. */
static gan_status choose_metrics(const evaluation *all, bool *chosen) {
  int count;
  const gan_metric_row *rows = gan_metric_rows(&count);
  GAN_ASSERT(count <= GAN_METRICS_MOST);
  for (int i = 0; i < count; i++) {
    GAN_TRY(runs(all, &rows[i], &chosen[i]));
    if (!chosen[i] || all->request->metrics ||
        enough(all, &rows[i], all->samples.side.values.total))
      continue;
    gan_log("too few rows for metric '%s': left out", rows[i].name);
    chosen[i] = false;
  }
  return GAN_OK;
}

static gan_status run_rows(const evaluation *all, const half *halves, gan_evaluation *out) {
  int count;
  const gan_metric_row *rows = gan_metric_rows(&count);
  bool chosen[GAN_METRICS_MOST];
  GAN_TRY(choose_metrics(all, chosen));
  for (int i = 0; i < count; i++)
    if (chosen[i]) GAN_TRY(run_row(all, &rows[i], halves, out));
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

static gan_status run_metrics(const evaluation *all, gan_evaluation *out) {
  const gan_eval *eval = &all->judged.eval;
  const gan_side *samples = &all->samples.side;
  int64_t total = samples->values.total, middle = total / 2;
  half halves[2] = {0};
  uint32_t *order;
  GAN_TRY_EVAL_ALLOC(eval, order, total);
  halve(eval, total, order);
  gan_status status = take_half(eval, samples, middle, order, &halves[0]);
  if (status == GAN_OK)
    status = take_half(eval, samples, total - middle, order + middle, &halves[1]);
  if (status == GAN_OK) status = run_rows(all, halves, out);
  release_half(&halves[0]);
  release_half(&halves[1]);
  gan_free(&order);
  return status;
}

/* ---- all of it ---- */

static void note_given(evaluation *all) {
  judged_set *sets[] = {&all->data, &all->samples, &all->held_out};
  for (int i = 0; i < 3; i++) {
    sets[i]->side.values = sets[i]->set.rows;
    sets[i]->side.labels = sets[i]->set.labels;
  }
  if (all->samples.set.labels) all->given |= GAN_WANTS_LABELS;
  if (all->request->held_out) all->given |= GAN_WANTS_HELD_OUT;
  if (all->judged.h > 1 && all->judged.w > 1) all->given |= GAN_WANTS_IMAGES;
}

static void warn(const gan_evaluation *out) {
  int64_t least = gan_spread_least_count(out->features);
  if (out->samples < least || out->rows < least)
    gan_log("few rows for %lld features: %lld samples, %lld of the data; below %lld the Frechet "
            "distance says little",
            (long long)out->features, (long long)out->samples, (long long)out->rows,
            (long long)least);
}

static gan_status draw_pairs(const evaluation *all) {
  const char *path = all->request->pairs;
  int written;
  if (!path) return GAN_OK;
  if (!(all->given & GAN_WANTS_IMAGES))
    return gan_fail(GAN_USAGE, "--pairs draws images, and these are points");
  GAN_TRY(
      gan_nearest_write_png(&all->judged.eval, path, &all->samples.set, &all->training, &written));
  if (written) gan_log("the samples nearest to the data, each beside it: %s", path);
  return GAN_OK;
}

/* Statistics that the caller wants, and no metric has made. */
static gan_status complete_physics(evaluation *all) {
  const gan_judged *judged = &all->judged;
  if (!all->request->physics || all->request->physics->size) return GAN_OK;
  return gan_physics_report_create(&judged->eval, judged->h, judged->w, judged->c,
                                   &judged->data.values, &all->samples.side.values,
                                   all->request->physics);
}

/* What metrics compute with, whatever a checkpoint's config had. */
static void use_own_compute(const evaluation *all) {
  gan_compute_set((gan_compute){.library = GAN_LIBRARY_AUTO, .precision = GAN_PRECISION_FP32});
  gan_compute_use_threads(all->threads, false);
}

static gan_status find_threads(evaluation *all) {
  gan_config config = {.compute.threads = GAN_AUTO_INT};
  GAN_TRY(gan_threads_resolve(all->judged.eval.comm, &config));
  all->threads = (int)config.compute.threads;
  return GAN_OK;
}

static gan_status evaluate(evaluation *all, gan_evaluation *out) {
  GAN_TRY(find_threads(all));
  if (all->request->metrics) GAN_TRY(check_names(all->request->metrics));
  GAN_TRY(load_sets(all, out));
  note_given(all);
  if (all->request->physics && !(all->given & GAN_WANTS_IMAGES))
    return gan_fail(GAN_USAGE, "--physics is of images, and these are points");
  GAN_TRY(read_mixture(all));
  use_own_compute(all);
  GAN_TRY(all->request->classifier ? open_classifier(all, out) : find_components(all, out));
  use_own_compute(all);
  GAN_TRY(make_ruler(all));
  all->judged.data = all->data.side;
  all->judged.held_out = all->held_out.side;
  all->judged.training = all->training.rows;
  warn(out);
  GAN_TRY(run_metrics(all, out));
  GAN_TRY(complete_physics(all));
  return draw_pairs(all);
}

gan_status gan_evaluate(gan_comm *comm, const gan_evaluation_request *request,
                        gan_evaluation *out) {
  evaluation all = {.request = request,
                    .judged = {.eval = {.comm = comm,
                                        .buffer_bytes = (size_t)(request->buffer_mb * 0x1p20),
                                        .seed = (uint64_t)request->seed},
                               .neighbours = request->neighbours}};
  double start = gan_clock();
  all.judged.bins = &all.bins;
  all.judged.physics = request->physics ? request->physics : &all.physics;
  *out = (gan_evaluation){.count = 0};
  gan_status status = evaluate(&all, out);
  release(&all);
  out->seconds = gan_clock() - start;
  return status;
}
