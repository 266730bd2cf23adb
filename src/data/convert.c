#include "data/convert.h"

#include "base/clock.h"
#include "base/log.h"
#include "base/memory.h"
#include "data/facts.h"
#include "data/picture_work.h"
#include "io/file.h"
#include "io/hdf5_writer.h"

#include <stdio.h>
#include <string.h>

/* A chunk is read whole where it is compressed; a piece is what is in memory. */
enum { CHUNK_BYTES = 256 << 10, PIECE_BYTES = 4 << 20 };

static const double REDRAW_S = 0.2;

typedef struct {
  gan_comm *comm;
  const gan_convert_request *request;
  char **paths;
  gan_source **sources;
  gan_data_info info; /* of the whole */
  gan_value_facts facts;
  gan_h5_writer *writer;
  int64_t chunk_rows, piece_rows;
  char *rows;      /* (piece rows, H, W, C) */
  int32_t *labels; /* (piece rows) */
  int at;          /* the source that is read */
  int64_t done;    /* rows written */
  double shown;
} conversion;

/* ---- before ---- */

static gan_status check_out(const gan_convert_request *request) {
  const char *dot = strrchr(request->out, '.');
  if (!dot || (strcmp(dot, ".h5") != 0 && strcmp(dot, ".hdf5") != 0))
    return gan_fail(GAN_USAGE,
                    "%s: the last word names the file to write; its name must end in .h5 or .hdf5",
                    request->out);
  if (gan_folder_exists(request->out))
    return gan_fail(GAN_USAGE, "%s: is a folder; name a file in it", request->out);
  if (request->force || !gan_file_exists(request->out)) return GAN_OK;
  return gan_fail(GAN_USAGE, "%s: exists; give another name, or --force to replace it",
                  request->out);
}

static gan_source_spec spec_of(const conversion *c, int i) {
  const gan_convert_request *request = c->request;
  gan_picture_spec pictures = request->pictures;
  pictures.comm = c->comm;
  return (gan_source_spec){.path = c->paths[i],
                           .images = request->images,
                           .labels = request->labels,
                           .layout = request->layout,
                           .select = request->select,
                           .pictures = pictures,
                           .stack = request->stack};
}

/* Labels mean the same in all sources. */
static gan_status check_class_names(const conversion *c, int i) {
  const char *first = c->sources[0]->class_names, *names = c->sources[i]->class_names;
  if (!first || !names || strcmp(first, names) == 0) return GAN_OK;
  return gan_fail(
      GAN_INPUT,
      "%s and %s cannot be put together: their classes have other names, so that labels "
      "mean something else",
      c->paths[0], c->paths[i]);
}

static gan_status open_source(conversion *c, int i) {
  const gan_convert_request *request = c->request;
  GAN_TRY(gan_source_find(request->sources[i], &c->paths[i]));
  gan_source_spec spec = spec_of(c, i);
  GAN_TRY(gan_source_open(&spec, &c->sources[i]));
  const gan_data_info *info = &c->sources[i]->info;
  if (i == 0) c->info = *info;
  if (i == 0) return GAN_OK;
  if (!gan_data_rows_alike(&c->info, info)) {
    char first[128], other[128];
    return gan_fail(GAN_INPUT,
                    "%s (%s) and %s (%s) cannot be put together: shape, type, and labels or none "
                    "must be the same",
                    c->paths[0], gan_data_info_text(&c->sources[0]->info, first, sizeof first),
                    c->paths[i], gan_data_info_text(info, other, sizeof other));
  }
  c->info.n += info->n;
  return check_class_names(c, i);
}

static gan_status open_sources(conversion *c) {
  int count = c->request->source_count;
  GAN_TRY_ALLOC(c->paths, count, "a list of sources");
  GAN_TRY_ALLOC(c->sources, count, "a list of sources");
  for (int i = 0; i < count; i++) GAN_TRY(open_source(c, i));
  return gan_data_info_check(&c->info, c->request->out);
}

static gan_status take_memory(conversion *c) {
  int64_t row = (int64_t)gan_data_row_bytes(&c->info);
  c->chunk_rows = row < CHUNK_BYTES ? CHUNK_BYTES / row : 1;
  int64_t chunks = PIECE_BYTES / (c->chunk_rows * row);
  c->piece_rows = c->chunk_rows * (chunks > 1 ? chunks : 1); /* whole chunks are written */
  if (c->piece_rows > c->info.n) c->piece_rows = c->info.n;
  GAN_TRY_ALLOC(c->rows, (size_t)c->piece_rows * (size_t)row, "rows on their way");
  GAN_TRY_ALLOC(c->labels, c->piece_rows, "labels on their way");
  return GAN_OK;
}

static gan_status make_datasets(conversion *c) {
  const gan_data_info *info = &c->info;
  bool points = info->h == 1 && info->w == 1;
  int64_t dims[4] = {info->n, points ? info->c : info->h, info->w, info->c};
  int rank = points ? 2 : info->c == 1 ? 3 : 4, gzip = c->request->gzip;
  GAN_TRY(gan_h5_writer_create(c->request->out, &c->writer));
  GAN_TRY(gan_h5_writer_add(c->writer, "images", info->type, rank, dims, c->chunk_rows, gzip));
  if (!info->has_labels) return GAN_OK;
  return gan_h5_writer_add(c->writer, "labels", GAN_I32, 1, dims,
                           CHUNK_BYTES / (int64_t)sizeof(int32_t), gzip);
}

/* ---- the rows ---- */

/* As many rows as the piece has room for and one source gives at once, behind the `filled` first.
 */
static gan_status fill_some(conversion *c, int64_t *filled) {
  gan_source *source = c->sources[c->at];
  int64_t room = c->piece_rows - *filled, first = source->position, count;
  void *rows = c->rows + (size_t)*filled * gan_data_row_bytes(&c->info);
  int32_t *labels = c->labels + *filled;
  GAN_TRY(gan_source_read_some(source, room, rows, labels, &count));
  gan_source_spec spec = spec_of(c, c->at);
  GAN_TRY(gan_value_facts_add(&c->facts, &c->info, &spec, first, count, rows, labels));
  *filled += count;
  if (count) return GAN_OK;
  c->at++;
  return gan_source_finish(source);
}

static void show(conversion *c) {
  double now = gan_clock();
  char text[128];
  if (!gan_log_is_terminal() || now - c->shown < REDRAW_S) return;
  snprintf(text, sizeof text, "%lld of %lld rows", (long long)c->done, (long long)c->info.n);
  gan_log_progress(text, false);
  c->shown = now;
}

static gan_status write_piece(conversion *c) {
  int64_t count = 0;
  while (count < c->piece_rows && c->at < c->request->source_count) GAN_TRY(fill_some(c, &count));
  if (!count) return GAN_OK;
  GAN_TRY(gan_h5_writer_rows(c->writer, "images", c->info.type, c->done, count, c->rows));
  if (c->info.has_labels)
    GAN_TRY(gan_h5_writer_rows(c->writer, "labels", GAN_I32, c->done, count, c->labels));
  c->done += count;
  show(c);
  return GAN_OK;
}

/* Fewer rows than the sources could have had. */
static gan_status shorten(conversion *c) {
  if (c->done == c->info.n) return GAN_OK;
  if (!c->done) return gan_fail(GAN_INPUT, "%s: no pictures are left to write", c->paths[0]);
  c->info.n = c->done;
  GAN_TRY(gan_h5_writer_shrink(c->writer, "images", c->done));
  return c->info.has_labels ? gan_h5_writer_shrink(c->writer, "labels", c->done) : GAN_OK;
}

static gan_status write_facts(conversion *c) {
  gan_h5 *file = gan_h5_writer_file(c->writer);
  GAN_TRY(gan_h5_set_real(file, "images", "minimum", (double)c->facts.smallest));
  GAN_TRY(gan_h5_set_real(file, "images", "maximum", (double)c->facts.largest));
  if (!c->info.has_labels) return GAN_OK;
  if (c->sources[0]->class_names)
    GAN_TRY(gan_h5_set_text(file, "images", "class_names", c->sources[0]->class_names));
  return gan_h5_set_int(file, "images", "classes", (int64_t)c->facts.largest_label + 1);
}

static gan_status convert(conversion *c) {
  GAN_TRY(check_out(c->request));
  GAN_TRY(open_sources(c));
  GAN_TRY(take_memory(c));
  GAN_TRY(make_datasets(c));
  while (c->at < c->request->source_count) GAN_TRY(write_piece(c));
  GAN_TRY(shorten(c));
  GAN_TRY(write_facts(c));
  return gan_h5_writer_finish(&c->writer);
}

static gan_status convert_on_root(gan_comm *comm, const gan_convert_request *request,
                                  gan_data_info *info) {
  conversion c = {.comm = comm, .request = request, .facts = gan_value_facts_none()};
  gan_status status = convert(&c);
  *info = c.info;
  gan_h5_writer_abandon(&c.writer);
  if (status == GAN_OUTPUT)
    status = gan_fail(status, "%s; nothing of it is left there: make room, or name another place",
                      gan_error_message());
  for (int i = 0; i < request->source_count; i++) {
    if (c.sources) gan_source_close(&c.sources[i]);
    if (c.paths) gan_free(&c.paths[i]);
  }
  gan_free(&c.sources);
  gan_free(&c.paths);
  gan_free(&c.rows);
  gan_free(&c.labels);
  return status;
}

gan_status gan_convert(gan_comm *comm, const gan_convert_request *request, gan_data_info *info) {
  gan_status status;
  if (gan_comm_rank(comm) == 0) {
    status = convert_on_root(comm, request, info);
    char message[1024];
    snprintf(message, sizeof message, "%s", gan_error_message());
    gan_status dismissed = gan_picture_work_dismiss(comm);
    if (status == GAN_OK)
      status = dismissed;
    else
      status = gan_fail(status, "%s", message);
  } else {
    status = gan_picture_work_serve(comm);
  }
  return gan_comm_agree(comm, status, "agreeing whether the file was written");
}
