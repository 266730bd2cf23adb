#include "task/confusion.h"

#include "base/log.h"
#include "base/memory.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

/* Classes of a table that fits a screen; and pairs that stand for a larger one. */
enum { TABLE_MAX = 16, WIDTH = 6, PAIRS = 8 };

gan_status gan_confusion_reserve(int64_t classes, gan_confusion *confusion) {
  *confusion = (gan_confusion){.classes = classes};
  if (classes > GAN_CONFUSION_MAX) return GAN_OK;
  GAN_TRY_ALLOC(confusion->counts, classes * classes, "the confusion matrix");
  return GAN_OK;
}

void gan_confusion_release(gan_confusion *confusion) {
  gan_free(&confusion->counts);
}

static size_t size_of(const gan_confusion *confusion) {
  return confusion->counts ? (size_t)(confusion->classes * confusion->classes) : 0;
}

void gan_confusion_forget(gan_confusion *confusion) {
  confusion->n = confusion->right = 0;
  if (confusion->counts) memset(confusion->counts, 0, size_of(confusion) * sizeof(int64_t));
}

void gan_confusion_add(gan_confusion *confusion, int64_t label, int64_t told) {
  confusion->n++;
  confusion->right += label == told;
  if (confusion->counts) confusion->counts[label * confusion->classes + told]++;
}

gan_status gan_confusion_share(gan_confusion *confusion, gan_comm *comm) {
  int64_t both[] = {confusion->n, confusion->right};
  GAN_TRY(gan_comm_sum_int64(comm, both, 2, "the sum of a test's counts"));
  confusion->n = both[0];
  confusion->right = both[1];
  if (!confusion->counts) return GAN_OK;
  return gan_comm_sum_int64(comm, confusion->counts, size_of(confusion),
                            "the sum of the confusion matrix");
}

static int64_t count_of(const gan_confusion *confusion, int64_t label, int64_t told) {
  return confusion->counts[label * confusion->classes + told];
}

static void log_row(const gan_confusion *confusion, const gan_config *config, int64_t label) {
  char text[32 + TABLE_MAX * 24];
  size_t used = 0;
  for (int64_t k = 0; k < confusion->classes; k++)
    used += (size_t)snprintf(
        text + used, sizeof text - used, "%*lld", WIDTH,
        (long long)(label < 0 ? gan_config_class_label(config, k) : count_of(confusion, label, k)));
  if (label < 0)
    gan_log("  label \\ told%s", text);
  else
    gan_log("  %12lld%s", (long long)gan_config_class_label(config, label), text);
}

/* The pair of different classes with most counts below `below`, or as many but later than *pair;
 * false: there is none. */
static bool next_pair(const gan_confusion *confusion, int64_t below, int64_t *pair) {
  int64_t best = -1, most = 0, size = (int64_t)size_of(confusion), last = *pair;
  for (int64_t i = 0; i < size; i++) {
    int64_t count = confusion->counts[i];
    bool later = count < below || (count == below && i > last);
    if (i / confusion->classes == i % confusion->classes || !later || count <= most) continue;
    most = count;
    best = i;
  }
  *pair = best;
  return best >= 0;
}

static void log_pairs(const gan_confusion *confusion, const gan_config *config) {
  int64_t pair = -1, below = INT64_MAX;
  for (int i = 0; i < PAIRS && next_pair(confusion, below, &pair); i++) {
    below = confusion->counts[pair];
    gan_log("  label %lld told as %lld: %lld times",
            (long long)gan_config_class_label(config, pair / confusion->classes),
            (long long)gan_config_class_label(config, pair % confusion->classes), (long long)below);
  }
}

void gan_confusion_log(const gan_confusion *confusion, const gan_config *config) {
  gan_log("test: %lld of %lld told right, %.2f%%", (long long)confusion->right,
          (long long)confusion->n, 100 * (double)confusion->right / (double)confusion->n);
  if (!confusion->counts) return;
  if (confusion->classes > TABLE_MAX) {
    log_pairs(confusion, config);
    return;
  }
  for (int64_t label = -1; label < confusion->classes; label++) log_row(confusion, config, label);
}

/* ---- confusion.json ---- */

typedef struct {
  char *text;
  size_t used, size;
} writer;

static void put_number(writer *to, const char *before, int64_t value) {
  to->used += (size_t)snprintf(to->text + to->used, to->size - to->used, "%s%lld", before,
                               (long long)value);
}

static void put(writer *to, const char *text) {
  to->used += (size_t)snprintf(to->text + to->used, to->size - to->used, "%s", text);
}

gan_status gan_confusion_json(const gan_confusion *confusion, const gan_config *config,
                              int64_t step, double loss, char **text) {
  int64_t classes = confusion->counts ? confusion->classes : 0;
  writer to = {.size = 512 + (size_t)classes * 24 + size_of(confusion) * 24};
  char number[32] = "null";
  if (isfinite(loss)) snprintf(number, sizeof number, "%.9g", loss);
  *text = NULL;
  GAN_TRY_ALLOC(to.text, to.size, "the text of the confusion matrix");
  to.used = (size_t)snprintf(
      to.text, to.size,
      "{\n  \"step\": %lld,\n  \"n\": %lld,\n  \"right\": %lld,\n  \"accuracy\": %.9g,\n"
      "  \"loss\": %s,\n  \"rows\": \"labels\",\n  \"columns\": \"told\",\n  \"labels\": [",
      (long long)step, (long long)confusion->n, (long long)confusion->right,
      (double)confusion->right / (double)confusion->n, number);
  for (int64_t k = 0; k < classes; k++)
    put_number(&to, k ? ", " : "", gan_config_class_label(config, k));
  put(&to, "],\n  \"counts\": [");
  for (int64_t label = 0; label < classes; label++) {
    for (int64_t k = 0; k < classes; k++)
      put_number(&to, k ? ", " : label ? ",\n    [" : "\n    [", count_of(confusion, label, k));
    put(&to, "]");
  }
  put(&to, "\n  ]\n}\n");
  *text = to.text;
  return GAN_OK;
}
