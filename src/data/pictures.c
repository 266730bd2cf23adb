/* Folders of pictures: one sub-folder a class, whose names, sorted by bytes, are the labels 0, 1
 * and so on; or pictures in the folder itself, without labels.
 *
 * Hidden files are left alone.  What is no PNG or JPEG by its first bytes is passed over, and so
 * are damaged pictures where that is wanted: how many rows there are is known at the end only, and
 * info.n is what there are at most.  Decoding is shared by all ranks (data/picture_work.h).
 */
#include "base/log.h"
#include "base/memory.h"
#include "data/picture_work.h"
#include "data/source.h"
#include "io/file.h"

#include <stdio.h>
#include <string.h>

enum { WORK_BYTES = 4 << 20 };

/* What a rank works on. */
typedef struct {
  int count; /* 0: nothing */
  int32_t labels[GAN_PICTURE_WORK_MAX];
} piece;

typedef struct {
  const char *path; /* borrowed, as is the communicator in `spec` */
  gan_picture_spec spec;
  size_t row_bytes;
  int most; /* files a piece, whatever the ranks */

  char **classes; /* sub-folders; none: the pictures stand in the folder */
  int class_count;
  int64_t *class_rows; /* given of each */

  int at_class; /* whose files are handed out */
  char **names;
  int name_count, at_name;
  int64_t files, handed; /* in all; and so far */

  piece *pieces; /* (ranks) */
  int turn;      /* whose is the next in order */
  gan_picture_work *own, *work;
  gan_picture_report *report; /* of the piece that rows are given from */
  uint8_t *rows;              /* (most, side, side, C) */
  int32_t labels[GAN_PICTURE_WORK_MAX];
  int given, kept;
  int64_t damaged, others;
} pictures_state;

/* ---- what there is ---- */

/* Names that are not hidden, in order; folders alone where asked. */
static gan_status list(const char *path, bool folders, char ***names, int *count) {
  int all, kept = 0;
  GAN_TRY(gan_folder_list(path, "", "", names, &all));
  for (int i = 0; i < all; i++) {
    char *full = folders ? gan_format("%s/%s", path, (*names)[i]) : NULL;
    if (folders && !full) {
      gan_names_free(names, all);
      return GAN_NO_MEMORY;
    }
    bool wanted = (*names)[i][0] != '.' && (!folders || gan_folder_exists(full));
    gan_free(&full);
    char *name = (*names)[i];
    (*names)[i] = NULL;
    if (wanted)
      (*names)[kept++] = name;
    else
      gan_free(&name);
  }
  *count = kept;
  return GAN_OK;
}

/* The files of a class; of the folder itself where there are none. */
static gan_status list_class(const pictures_state *state, int class, char ***names, int *count) {
  if (!state->class_count) return list(state->path, false, names, count);
  char *folder = gan_format("%s/%s", state->path, state->classes[class]);
  if (!folder) return GAN_NO_MEMORY;
  gan_status status = list(folder, false, names, count);
  gan_free(&folder);
  return status;
}

static gan_status count_files(pictures_state *state) {
  for (int i = 0; i == 0 || i < state->class_count; i++) {
    char **names;
    int count;
    GAN_TRY(list_class(state, i, &names, &count));
    gan_names_free(&names, count);
    state->files += count;
    if (!count)
      return gan_fail(GAN_INPUT,
                      "%s%s%s: holds no files; wanted are pictures, or one folder of pictures for "
                      "each class and no other",
                      state->path, state->class_count ? "/" : "",
                      state->class_count ? state->classes[i] : "");
  }
  return GAN_OK;
}

/* One name a line. */
static gan_status join_names(const pictures_state *state, char **out) {
  size_t n = 1;
  for (int i = 0; i < state->class_count; i++) {
    if (strchr(state->classes[i], '\n'))
      return gan_fail(GAN_INPUT, "%s: the name of a class has a line break in it: %s", state->path,
                      state->classes[i]);
    n += strlen(state->classes[i]) + 1;
  }
  if (!state->class_count) return GAN_OK;
  GAN_TRY_ALLOC(*out, n, "names of classes");
  char *at = *out;
  for (int i = 0; i < state->class_count; i++)
    at += snprintf(at, n - (size_t)(at - *out), "%s%s", i ? "\n" : "", state->classes[i]);
  return GAN_OK;
}

/* ---- handing out ---- */

static gan_status add_file(pictures_state *state, gan_picture_work *work, piece *to) {
  const char *name = state->names[state->at_name];
  char *path = state->class_count
                   ? gan_format("%s/%s/%s", state->path, state->classes[state->at_class], name)
                   : gan_format("%s/%s", state->path, name);
  if (!path) return GAN_NO_MEMORY;
  to->labels[to->count] = state->at_class;
  gan_status status = gan_picture_work_add(work, path);
  gan_free(&path);
  if (status == GAN_OK) to->count++;
  state->at_name++;
  state->handed++;
  return status;
}

/* Makes the files of the next class those that are handed out; *any: whether there is one. */
static gan_status turn_class(pictures_state *state, bool *any) {
  int next = state->names ? state->at_class + 1 : 0;
  *any = next == 0 || next < state->class_count;
  if (!*any) return GAN_OK;
  gan_names_free(&state->names, state->name_count);
  state->at_class = next;
  state->at_name = 0;
  return list_class(state, next, &state->names, &state->name_count);
}

static gan_status gather(pictures_state *state, gan_picture_work *work, piece *to) {
  work->count = work->bytes = 0;
  work->side = (int32_t)state->spec.side;
  work->channels = (int32_t)state->spec.channels;
  while (to->count < state->most && state->handed < state->files) {
    bool any = true;
    if (state->at_name == state->name_count) GAN_TRY(turn_class(state, &any));
    if (!any) break; /* files have gone since they were counted */
    if (state->at_name < state->name_count) GAN_TRY(add_file(state, work, to));
  }
  return GAN_OK;
}

/* The next files for a rank. */
static gan_status hand_out(pictures_state *state, int rank) {
  piece *to = &state->pieces[rank];
  gan_picture_work *work = rank ? state->work : state->own;
  gan_status status = gather(state, work, to);
  if (status == GAN_OK && to->count && rank)
    status = gan_picture_work_send(state->spec.comm, rank, work);
  if (status != GAN_OK) to->count = 0; /* nothing is on its way */
  return status;
}

/* ---- taking back ---- */

static gan_status collect(pictures_state *state, int rank) {
  if (rank)
    return gan_picture_work_collect(state->spec.comm, rank, state->row_bytes, state->rows,
                                    state->report);
  gan_picture_work_do(state->own, state->rows, state->report);
  return GAN_OK;
}

static gan_status leave_out(pictures_state *state, const char *reason) {
  if (!state->spec.skip_damaged)
    return gan_fail(GAN_INPUT, "%s; --damaged skip goes on without such pictures", reason);
  gan_log("left out: %s", reason);
  state->damaged++;
  return GAN_OK;
}

/* What became of a piece's pictures. */
static gan_status take(pictures_state *state, int rank, int count) {
  const gan_picture_report *report = state->report;
  const piece *from = &state->pieces[rank];
  if (report->status != GAN_OK && rank)
    return gan_fail((gan_status)report->status, "rank %d: %s", rank, report->reasons[0]);
  if (report->status != GAN_OK)
    return gan_fail((gan_status)report->status, "%s", report->reasons[0]);
  for (int i = 0; i < count; i++) {
    if (report->fates[i] == GAN_PICTURE_DAMAGED) GAN_TRY(leave_out(state, report->reasons[i]));
    if (report->fates[i] == GAN_PICTURE_NONE) state->others++;
    if (report->fates[i] != GAN_PICTURE_KEPT) continue;
    state->labels[state->kept++] = from->labels[i];
    state->class_rows[from->labels[i]]++;
  }
  return GAN_OK;
}

/* The next piece in order; *any: whether there is one. */
static gan_status next_piece(pictures_state *state, bool *any) {
  int rank = state->turn, count = state->pieces[rank].count;
  *any = count > 0;
  if (!*any) return GAN_OK;
  state->given = state->kept = 0;
  state->pieces[rank].count = 0; /* it will not be in flight any more */
  GAN_TRY(collect(state, rank));
  GAN_TRY(take(state, rank, count));
  state->turn = (rank + 1) % gan_comm_size(state->spec.comm);
  return hand_out(state, rank);
}

static gan_status read_some(gan_source *source, int64_t most, void *rows, int32_t *labels,
                            int64_t *count) {
  pictures_state *state = source->state;
  *count = 0;
  for (bool any = true; state->given == state->kept;) {
    GAN_TRY(next_piece(state, &any));
    if (!any) return GAN_OK;
  }
  int left = state->kept - state->given;
  *count = left < most ? left : most;
  memcpy(rows, state->rows + (size_t)state->given * state->row_bytes,
         (size_t)*count * state->row_bytes);
  memcpy(labels, state->labels + state->given, (size_t)*count * sizeof *labels);
  state->given += (int)*count;
  return GAN_OK;
}

static gan_status finish(gan_source *source) {
  const pictures_state *state = source->state;
  if (state->damaged)
    gan_log("%s: %lld damaged pictures left out", state->path, (long long)state->damaged);
  if (state->others)
    gan_log("%s: %lld files passed over that are neither PNG nor JPEG", state->path,
            (long long)state->others);
  for (int i = 0; i < state->class_count; i++)
    if (!state->class_rows[i])
      gan_log("%s/%s: has no pictures: there are no rows of class %d", state->path,
              state->classes[i], i);
  return GAN_OK;
}

/* ---- opening ---- */

static gan_status take_memory(pictures_state *state) {
  int ranks = gan_comm_size(state->spec.comm);
  state->row_bytes =
      (size_t)state->spec.side * (size_t)state->spec.side * (size_t)state->spec.channels;
  size_t fit = WORK_BYTES / state->row_bytes;
  state->most = fit < 1 ? 1 : fit > GAN_PICTURE_WORK_MAX ? GAN_PICTURE_WORK_MAX : (int)fit;
  GAN_TRY_ALLOC(state->class_rows, state->class_count + 1, "counts of classes");
  GAN_TRY_ALLOC(state->pieces, ranks, "pictures to decode");
  GAN_TRY_ALLOC(state->own, 1, "pictures to decode");
  GAN_TRY_ALLOC(state->work, 1, "pictures to decode");
  GAN_TRY_ALLOC(state->report, 1, "decoded pictures");
  GAN_TRY_ALLOC(state->rows, (size_t)state->most * state->row_bytes, "decoded pictures");
  return GAN_OK;
}

static gan_status open_source(const gan_source_spec *spec, gan_source *source) {
  pictures_state *state;
  GAN_TRY_ALLOC(state, 1, "a reader of pictures");
  source->state = state;
  state->path = spec->path;
  state->spec = spec->pictures;
  if (!gan_folder_exists(spec->path))
    return gan_fail(GAN_USAGE, "%s: is no folder; --size is for folders of pictures", spec->path);
  GAN_TRY(list(spec->path, true, &state->classes, &state->class_count));
  GAN_TRY(count_files(state));
  GAN_TRY(join_names(state, &source->class_names));
  source->info = (gan_data_info){.n = state->files,
                                 .h = state->spec.side,
                                 .w = state->spec.side,
                                 .c = state->spec.channels,
                                 .type = GAN_U8,
                                 .has_labels = state->class_count > 0};
  GAN_TRY(take_memory(state));
  for (int rank = 0; rank < gan_comm_size(state->spec.comm); rank++) GAN_TRY(hand_out(state, rank));
  return GAN_OK;
}

/* Takes back what is still on its way, so that all ranks wait for work again. */
static void drain(pictures_state *state) {
  for (int rank = 1; state->pieces && rank < gan_comm_size(state->spec.comm); rank++)
    if (state->pieces[rank].count && collect(state, rank) != GAN_OK) return;
}

static void close_source(gan_source *source) {
  pictures_state *state = source->state;
  if (!state) return;
  drain(state);
  gan_names_free(&state->names, state->name_count);
  gan_names_free(&state->classes, state->class_count);
  gan_free(&state->class_rows);
  gan_free(&state->pieces);
  gan_free(&state->own);
  gan_free(&state->work);
  gan_free(&state->report);
  gan_free(&state->rows);
  gan_free(&source->state);
}

const gan_source_format gan_source_pictures = {
    .name = "pictures",
    .open = open_source,
    .read_some = read_some,
    .finish = finish,
    .close = close_source,
};
