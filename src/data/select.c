/* Rows of some labels alone, of any source.
 *
 * How many there are must be known before the first is read, so opening looks at all labels: where
 * the format can read them alone, at those; else it reads the data once and opens it again.  Where
 * all rows are chosen the labels alone change, and what can be streamed still can.
 */
#include "base/memory.h"
#include "data/label_counts.h"
#include "data/source.h"

#include <string.h>

enum { PIECE_BYTES = 4 << 20 };

typedef struct {
  gan_source *all;
  gan_selection select;
  const char *path;
} selection;

/* What the label is here; -1: its rows are left out. */
static int32_t chosen(const gan_selection *select, int32_t label) {
  for (int i = 0; i < select->count; i++)
    if (select->classes[i] == label) return select->keep_labels ? label : i;
  return -1;
}

/* ---- counting ---- */

typedef struct {
  gan_label_counts counts;
  bool found[GAN_INTS_MAX]; /* of the chosen labels */
  int64_t n;                /* rows of them */
} survey;

static void look_at(survey *seen, const gan_selection *select, int64_t n, const int32_t *labels) {
  gan_label_counts_add(&seen->counts, n, labels);
  for (int64_t i = 0; i < n; i++)
    for (int k = 0; k < select->count; k++) {
      if (select->classes[k] != labels[i]) continue;
      seen->found[k] = true;
      seen->n++;
    }
}

/* All labels, `piece` at a time; `rows` is NULL where they can be read alone. */
static gan_status survey_labels(gan_source *source, const gan_selection *select, int64_t piece,
                                void *rows, int32_t *labels, survey *seen) {
  int64_t n = source->info.n;
  for (int64_t done = 0, some; done < n; done += some) {
    some = n - done < piece ? n - done : piece;
    GAN_TRY(rows ? gan_source_read(source, some, rows, labels)
                 : gan_source_read_labels_at(source, done, some, labels));
    look_at(seen, select, some, labels);
  }
  return rows ? gan_source_finish(source) : GAN_OK;
}

static gan_status take_survey(gan_source *source, const gan_selection *select, survey *seen) {
  int64_t row = (int64_t)gan_data_row_bytes(&source->info);
  int64_t piece = row < PIECE_BYTES ? PIECE_BYTES / row : 1;
  bool alone = source->format->read_labels_at != NULL;
  char *rows = alone ? NULL : gan_alloc((size_t)(piece * row), 1, "rows of data");
  int32_t *labels = gan_alloc((size_t)piece, sizeof *labels, "labels");
  gan_status status = labels && (rows || alone) ? GAN_OK : GAN_NO_MEMORY;
  if (status == GAN_OK) status = survey_labels(source, select, piece, rows, labels, seen);
  gan_free(&rows);
  gan_free(&labels);
  return status;
}

static gan_status check(const gan_source_spec *spec, const survey *seen) {
  char there[1024];
  for (int k = 0; k < spec->select.count; k++)
    if (!seen->found[k])
      return gan_fail(GAN_USAGE,
                      "%s: class %lld is chosen, but no row has that label; there are: %s",
                      spec->path, (long long)spec->select.classes[k],
                      gan_label_counts_text(&seen->counts, there, sizeof there));
  return GAN_OK;
}

/* ---- reading ---- */

/* Moves the chosen ones of `n` rows to the front; their number. */
static int64_t sift(const selection *state, size_t row_bytes, int64_t n, char *rows,
                    int32_t *labels) {
  int64_t kept = 0;
  for (int64_t i = 0; i < n; i++) {
    int32_t label = chosen(&state->select, labels[i]);
    if (label < 0) continue;
    if (kept < i) memmove(rows + (size_t)kept * row_bytes, rows + (size_t)i * row_bytes, row_bytes);
    labels[kept++] = label;
  }
  return kept;
}

static gan_status read_rows(gan_source *source, int64_t wanted, void *rows, int32_t *labels) {
  const selection *state = source->state;
  gan_source *all = state->all;
  size_t row_bytes = gan_data_row_bytes(&source->info);
  for (int64_t filled = 0; filled < wanted;) {
    int64_t left = all->info.n - all->position, room = wanted - filled;
    int64_t some = left < room ? left : room;
    char *at = (char *)rows + (size_t)filled * row_bytes;
    if (!some)
      return gan_fail(GAN_INPUT, "%s: its labels have changed since they were counted",
                      state->path);
    GAN_TRY(gan_source_read(all, some, at, labels + filled));
    filled += sift(state, row_bytes, some, at, labels + filled);
  }
  return GAN_OK;
}

static gan_status read_at(gan_source *source, int64_t first, int64_t n, void *rows) {
  const selection *state = source->state;
  return gan_source_read_at(state->all, first, n, rows);
}

static gan_status read_labels_at(gan_source *source, int64_t first, int64_t n, int32_t *labels) {
  const selection *state = source->state;
  GAN_TRY(gan_source_read_labels_at(state->all, first, n, labels));
  for (int64_t i = 0; i < n; i++) {
    labels[i] = chosen(&state->select, labels[i]);
    if (labels[i] < 0)
      return gan_fail(GAN_INPUT, "%s: its labels have changed since they were counted",
                      state->path);
  }
  return GAN_OK;
}

static gan_status extent(gan_source *source, bool *known, float *smallest, float *largest) {
  const selection *state = source->state;
  return gan_source_extent(state->all, known, smallest, largest);
}

static void close_source(gan_source *source) {
  selection *state = source->state;
  if (!state) return;
  gan_source_close(&state->all);
  gan_free(&source->state);
}

static const gan_source_format some_rows = {
    .name = "selection",
    .read = read_rows,
    .extent = extent,
    .close = close_source,
};

static const gan_source_format all_rows = {
    .name = "selection",
    .read = read_rows,
    .read_at = read_at,
    .read_labels_at = read_labels_at,
    .extent = extent,
    .close = close_source,
};

/* ---- opening ---- */

static gan_status survey_and_open(const gan_source_spec *spec, gan_source **all, survey *seen) {
  gan_source_spec plain = *spec;
  plain.select = (gan_selection){0};
  GAN_TRY(gan_source_open(&plain, all));
  if (!(*all)->info.has_labels)
    return gan_fail(GAN_USAGE, "%s: has no labels, so no classes can be chosen", spec->path);
  GAN_TRY(take_survey(*all, &spec->select, seen));
  GAN_TRY(check(spec, seen));
  if ((*all)->position == 0) return GAN_OK;
  gan_source_close(all);
  return gan_source_open(&plain, all);
}

static gan_status open_selected(const gan_source_spec *spec, gan_source *source) {
  selection *state;
  survey *seen;
  source->format = &some_rows;
  GAN_TRY_ALLOC(state, 1, "a choice of rows");
  source->state = state;
  state->select = spec->select;
  state->path = spec->path;
  GAN_TRY_ALLOC(seen, 1, "counts of labels");
  gan_status status = survey_and_open(spec, &state->all, seen);
  if (status == GAN_OK) {
    source->info = state->all->info;
    if (spec->select.keep_labels && state->all->class_names) {
      source->class_names = gan_strdup(state->all->class_names);
      if (!source->class_names) status = GAN_NO_MEMORY;
    }
    if (seen->n == source->info.n && gan_source_can_stream(state->all)) source->format = &all_rows;
    source->info.n = seen->n;
  }
  gan_free(&seen);
  return status;
}

gan_status gan_source_open_selected(const gan_source_spec *spec, gan_source **out) {
  GAN_ASSERT(spec->select.count <= GAN_INTS_MAX);
  GAN_TRY_ALLOC(*out, 1, "a data source");
  gan_status status = open_selected(spec, *out);
  if (status != GAN_OK) gan_source_close(out);
  return status;
}
