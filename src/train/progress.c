#include "train/progress.h"

#include "base/clock.h"
#include "base/log.h"

#include <math.h>
#include <stdio.h>

static const double REDRAW_S = 0.2;

void gan_progress_start(gan_progress *progress, int64_t step, int64_t last_step) {
  double now = gan_clock();
  *progress = (gan_progress){
      .step = step, .first_step = step, .last_step = last_step, .start = now, .since = now};
}

void gan_progress_step(gan_progress *progress, int64_t step, int64_t images) {
  progress->step = step;
  progress->images += images;
}

double gan_progress_rate(gan_progress *progress) {
  double seconds = gan_clock() - progress->since;
  if (seconds > 0 && progress->images) progress->rate = (double)progress->images / seconds;
  return progress->rate;
}

/* Those that have a label; gives how long the text is then. */
static size_t add_metrics(const gan_metric *metrics, int count, char *text, size_t used,
                          size_t size) {
  for (int i = 0; i < count && used < size; i++)
    if (metrics[i].label)
      used += (size_t)snprintf(text + used, size - used,
                               fabs(metrics[i].value) < 1e6 ? "  %s %.3f" : "  %s %.3g",
                               metrics[i].label, gan_printable(metrics[i].value));
  return used;
}

static void compose(const gan_progress *progress, const gan_task *task, char *text, size_t size) {
  double done = (double)(progress->step - progress->first_step);
  double left = (double)(progress->last_step - progress->step);
  char eta[32];
  gan_duration_text(eta, done > 0 ? (gan_clock() - progress->start) / done * left : 0);
  size_t used = (size_t)snprintf(text, size, "step %lld/%lld  ETA %s  %.0f images/s",
                                 (long long)progress->step, (long long)progress->last_step, eta,
                                 progress->rate);
  used = add_metrics(task->metrics, task->metric_count, text, used, size);
  if (task->tested) add_metrics(task->tests, task->test_count, text, used, size);
}

void gan_progress_show(gan_progress *progress, const gan_task *task, bool due) {
  double now = gan_clock();
  bool redraw = gan_log_is_terminal() && now - progress->shown > REDRAW_S;
  if (!due && !redraw) return;
  char text[512];
  gan_progress_rate(progress);
  compose(progress, task, text, sizeof text);
  if (gan_log_is_terminal()) {
    gan_log_progress(text, due);
    progress->shown = now;
  } else {
    gan_log("%s", text);
  }
  if (!due) return;
  progress->since = now;
  progress->images = 0;
}
