#include "train/eval_metrics.h"

#include "base/log.h"
#include "config/option.h"
#include "train/eval_halves.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

/* What running the rows needs beside each row. */
typedef struct {
  const gan_judged *judged;
  const gan_evaluation_request *request;
  const gan_side *samples;
  unsigned given;
} course;

/* ---- by name ---- */

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

bool gan_eval_metrics_named(const char *list, const char *name) {
  size_t length = strlen(name);
  if (!list) return true;
  for (const char *at = list; at; at = strchr(at, ',') ? strchr(at, ',') + 1 : NULL)
    if (strncmp(at, name, length) == 0 && (at[length] == ',' || !at[length])) return true;
  return false;
}

gan_status gan_eval_metrics_check(const char *list, const char *where) {
  int count;
  const gan_metric_row *rows = gan_metric_rows(&count);
  char word[64];
  for (const char *at = list; at; at = strchr(at, ',') ? strchr(at, ',') + 1 : NULL) {
    snprintf(word, sizeof word, "%.*s", (int)strcspn(at, ","), at);
    bool known = false;
    for (int i = 0; i < count; i++) known |= strcmp(word, rows[i].name) == 0;
    if (known) continue;
    const char *nearest = gan_nearest(word, count, metric_name, rows);
    return gan_fail(GAN_USAGE, "%s: unknown metric '%s'%s%s%s; `mpigan help eval` lists them",
                    where, word, nearest ? " (did you mean '" : "", nearest ? nearest : "",
                    nearest ? "'?)" : "");
  }
  return GAN_OK;
}

const gan_metric_row *gan_eval_metrics_find(const char *name, int *figure) {
  int count;
  const gan_metric_row *rows = gan_metric_rows(&count);
  *figure = 0;
  for (int i = 0; i < count; i++) {
    if (strcmp(rows[i].name, name) == 0) return &rows[i];
    for (int k = 0; k < GAN_METRIC_FIGURES && rows[i].figures[k]; k++) {
      *figure = k;
      if (strcmp(rows[i].figures[k], name) == 0) return &rows[i];
    }
    *figure = 0;
  }
  return NULL;
}

/* ---- which are run ---- */

/* What a user gives to the command, and in the config of a run that is evaluated while it trains.
 */
static const struct {
  unsigned flag;
  const char *what, *while_training;
} wants[] = {
    {GAN_WANTS_CLASSIFIER, "a classifier: give --features CLASSIFIER",
     "a classifier: give eval.features"},
    {GAN_WANTS_LABELS, "the classes that the samples were asked for, and these have none",
     "the classes that the samples were asked for, and the model is not conditional"},
    {GAN_WANTS_HELD_OUT, "rows that were not trained on: give --test PATH",
     "rows that were not trained on: it is left to `mpigan eval --test`"},
    {GAN_WANTS_IMAGES, "images, and these are points", "images, and these are points"},
    {GAN_WANTS_MIXTURE, "a mixture: give --mixture, as in ring:8:1:0.01",
     "a mixture: it is left to `mpigan eval --mixture`"},
};

/* Whether a metric is to be run; one that is named must have what it wants. */
static gan_status runs(const course *all, const gan_metric_row *row, bool *out) {
  const char *list = all->request->metrics;
  unsigned lacks = row->wants & ~all->given;
  *out = list ? gan_eval_metrics_named(list, row->name) : !lacks;
  if (!*out || !lacks) return GAN_OK;
  for (size_t i = 0; i < sizeof wants / sizeof *wants; i++)
    if (lacks & wants[i].flag)
      return gan_fail(GAN_USAGE, "metric '%s' wants %s", row->name,
                      all->request->while_training ? wants[i].while_training : wants[i].what);
  return GAN_OK;
}

/* Whether there are rows enough, of so many samples. */
static bool enough(const course *all, const gan_metric_row *row, int64_t samples) {
  int64_t least = row->least ? row->least : all->judged->neighbours + 1;
  return samples >= least && all->judged->data.values.total >= least;
}

/* A mark each.  Those that are not named and lack rows are left out. */
static gan_status choose(const course *all, bool *chosen) {
  int count;
  const gan_metric_row *rows = gan_metric_rows(&count);
  GAN_ASSERT(count <= GAN_METRICS_MOST);
  for (int i = 0; i < count; i++) {
    GAN_TRY(runs(all, &rows[i], &chosen[i]));
    if (!chosen[i] || all->request->metrics || enough(all, &rows[i], all->samples->values.total))
      continue;
    gan_log("too few rows for metric '%s': left out", rows[i].name);
    chosen[i] = false;
  }
  return GAN_OK;
}

/* ---- running them ---- */

static gan_status run_row(const course *all, const gan_metric_row *row, const gan_eval_half *halves,
                          gan_evaluation *out) {
  gan_figure values[GAN_METRIC_FIGURES], of_half[2][GAN_METRIC_FIGURES];
  bool spreads = row->halves && enough(all, row, halves[0].side.values.total);
  for (int i = 0; i < GAN_METRIC_FIGURES; i++)
    values[i] = of_half[0][i] = of_half[1][i] = (gan_figure){NULL, NAN, NAN, NULL};
  GAN_TRY(row->run(all->judged, all->samples, values));
  for (int k = 0; k < 2 && spreads; k++)
    GAN_TRY(row->run(all->judged, &halves[k].side, of_half[k]));
  if (row->spread && spreads) GAN_TRY(row->spread(all->judged, all->samples, values));
  for (int i = 0; i < GAN_METRIC_FIGURES && row->figures[i]; i++) {
    gan_figure *figure = &out->figures[out->count++];
    *figure = values[i];
    figure->name = row->figures[i];
    if (!spreads || isfinite(figure->spread)) continue;
    /* of two halves, each of twice the variance of the whole, the difference has four times it */
    figure->spread = fabs(of_half[0][i].value - of_half[1][i].value) / 2;
    figure->spread_of = "halves";
  }
  return GAN_OK;
}

gan_status gan_evaluation_ask(const gan_eval *eval, const gan_evaluation_request *request,
                              gan_evaluation *out) {
  if (!request->stop) return GAN_OK;
  return gan_comm_any_true(eval->comm, request->stop(), &out->abandoned,
                           "agreeing whether the evaluation goes on");
}

static gan_status run_rows(const course *all, const gan_eval_half *halves, gan_evaluation *out) {
  int count;
  const gan_metric_row *rows = gan_metric_rows(&count);
  bool chosen[GAN_METRICS_MOST];
  GAN_TRY(choose(all, chosen));
  for (int i = 0; i < count; i++) {
    if (!chosen[i]) continue;
    GAN_TRY(gan_evaluation_ask(&all->judged->eval, all->request, out));
    if (out->abandoned) break;
    GAN_TRY(run_row(all, &rows[i], halves, out));
  }
  return GAN_OK;
}

gan_status gan_eval_metrics_run(const gan_judged *judged, const gan_evaluation_request *request,
                                const gan_side *samples, unsigned given, gan_evaluation *out) {
  const course all = {judged, request, samples, given};
  gan_eval_half halves[2] = {0};
  gan_status status = gan_eval_halves_take(&judged->eval, samples, halves);
  if (status == GAN_OK) status = run_rows(&all, halves, out);
  gan_eval_halves_release(halves);
  return status;
}
