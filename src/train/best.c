#include "train/best.h"

#include "base/log.h"
#include "train/eval_metrics.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

/* What a pass over held-out data gives. */
static const struct {
  const char *figure;
  char better;
} tests[] = {{"test_loss", '<'}, {"test_accuracy", '>'}, {"test_reconstruction", '<'}};

enum { TESTS = sizeof tests / sizeof *tests };

static const char *name_of(const void *table, int i) {
  return ((const char *const *)table)[i];
}

/* The known name nearest to a mistyped one, NULL if none is near. */
static const char *nearest(const char *typed) {
  const char *names[GAN_METRICS_MOST * (1 + GAN_METRIC_FIGURES) + TESTS];
  int count, n = 0;
  const gan_metric_row *rows = gan_metric_rows(&count);
  for (int i = 0; i < count; i++) {
    names[n++] = rows[i].name;
    for (int k = 0; k < GAN_METRIC_FIGURES && rows[i].figures[k]; k++)
      names[n++] = rows[i].figures[k];
  }
  for (int i = 0; i < TESTS; i++) names[n++] = tests[i].figure;
  return gan_nearest(typed, n, name_of, names);
}

/* The task's, where it has that one. */
static bool find_test(const gan_task *task, const char *name, gan_watched *out) {
  for (int i = 0; i < TESTS; i++) {
    if (strcmp(tests[i].figure, name) != 0) continue;
    for (int k = 0; k < task->test_count; k++)
      if (strcmp(task->tests[k].name, name) == 0) out->figure = task->tests[k].name;
    out->more = tests[i].better == '>';
    out->of_test = true;
    return out->figure != NULL;
  }
  return false;
}

gan_status gan_watched_find(const gan_config *config, const gan_task *task, gan_watched *out) {
  const char *best = config->eval.best, *metrics = config->eval.metrics;
  char place[600];
  int figure;
  *out = (gan_watched){.patience = config->eval.patience};
  if (!best || find_test(task, best, out)) return GAN_OK;
  gan_config_place(config, "eval.best", place, sizeof place);
  const gan_metric_row *row = gan_eval_metrics_find(best, &figure);
  if (!row) {
    const char *near = nearest(best);
    return gan_fail(
        GAN_USAGE, "%s is '%.64s'; task %s has no such figure%s%s%s; `mpigan help eval` lists them",
        place, best, task->type->name, near ? " (did you mean '" : "", near ? near : "",
        near ? "'?)" : "");
  }
  if (row->better[figure] == '-')
    return gan_fail(GAN_USAGE, "%s is %s, of which neither more nor less is better; watch another",
                    place, row->figures[figure]);
  if (!gan_eval_metrics_named(metrics, row->name))
    return gan_fail(GAN_USAGE, "%s is %s of metric '%s', which eval.metrics (%s) leaves out", place,
                    row->figures[figure], row->name, metrics);
  out->figure = row->figures[figure];
  out->more = row->better[figure] == '>';
  return GAN_OK;
}

void gan_best_begin(const gan_watched *watched, gan_best *best) {
  if (!watched->figure) return;
  if (*best->of && strcmp(best->of, watched->figure) != 0) {
    gan_log("eval.best was %s and is %s: what is best is found anew", best->of, watched->figure);
    *best = (gan_best){.step = 0};
  }
  snprintf(best->of, sizeof best->of, "%s", watched->figure);
  if (best->step)
    gan_log("best so far: %s %.6g at step %lld", best->of, best->value, (long long)best->step);
}

/* Beyond what another number of ranks may make of the same figure: the promise of eval/rows.h. */
static const double SAME = 1e-6;

static bool is_better(const gan_watched *watched, double value, const gan_best *best) {
  double by = watched->more ? value - best->value : best->value - value;
  return by > SAME * fabs(best->value);
}

bool gan_best_note(const gan_watched *watched, double value, int64_t step, gan_best *best) {
  bool better = isfinite(value) && (best->step == 0 || is_better(watched, value, best));
  best->without = better ? 0 : best->without + 1;
  if (!better) return false;
  best->value = value;
  best->step = step;
  return true;
}

bool gan_best_over(const gan_watched *watched, const gan_best *best) {
  return watched->figure && watched->patience && best->without >= watched->patience;
}

char *gan_best_over_text(const gan_best *best, char *text, size_t size) {
  if (best->step)
    snprintf(text, size,
             "stopped early: %s has not got better in %lld evaluations, since %.6g at step %lld",
             best->of, (long long)best->without, best->value, (long long)best->step);
  else
    snprintf(text, size, "stopped early: %s was no number in %lld evaluations", best->of,
             (long long)best->without);
  return text;
}
