#include "data/dataset.h"

#include "base/memory.h"
#include "data/digest.h"
#include "data/facts.h"

#include <string.h>

enum { PIECE_BYTES = 4 << 20 };

/* Labels of as many classes as a model can have are counted; more are no classes. */
enum { CLASSES_MAX = 65536 };

/* Of streamed data the digest knows so many rows a shard. */
enum { DIGEST_ROWS = 64 };

static gan_source_spec spec_of(const gan_config *config) {
  const gan_option_ints *classes = &config->data.classes;
  return (gan_source_spec){.path = config->data.path,
                           .images = config->data.images,
                           .labels = config->data.labels,
                           .layout = (gan_layout)config->data.layout,
                           .labels_beside = config->task == GAN_TASK_CLASSIFIER,
                           .select = {classes->values, classes->count, false}};
}

gan_window_cut gan_dataset_cut(const gan_config *config, const gan_data_info *info) {
  int64_t quota = config->train.batch / config->data.shards;
  return gan_window_cut_of(info->n, config->data.shards, gan_data_row_bytes(info), quota,
                           config->data.buffer_mb * 0x1p20);
}

static gan_status check_stream(const gan_config *config, const gan_source *source) {
  char place[600];
  if (config->data.cache != GAN_CACHE_STREAM || gan_source_can_stream(source)) return GAN_OK;
  if (config->data.classes.count)
    return gan_fail(GAN_INPUT,
                    "%s is stream, but data.classes chooses some rows of %s, and only a file of "
                    "nothing else can be streamed: run `mpigan data convert %s OUT.h5 --classes "
                    "...` once and set data.path to OUT.h5, or data.cache to memory",
                    gan_config_place(config, "data.cache", place, sizeof place), config->data.path,
                    config->data.path);
  return gan_fail(GAN_INPUT,
                  "%s is stream, but %s is no HDF5 file, and only those can be streamed: run "
                  "`mpigan data convert %s OUT.h5` once and set data.path to OUT.h5, or data.cache "
                  "to memory",
                  gan_config_place(config, "data.cache", place, sizeof place), config->data.path,
                  config->data.path);
}

gan_status gan_dataset_open(gan_comm *comm, const gan_config *config, gan_source **source,
                            gan_data_info *info) {
  gan_status status = GAN_OK;
  *source = NULL;
  *info = (gan_data_info){0};
  if (gan_comm_rank(comm) == 0) {
    gan_source_spec spec = spec_of(config);
    status = gan_source_open(&spec, source);
    if (status == GAN_OK) *info = (*source)->info;
    if (status == GAN_OK) status = check_stream(config, *source);
    if (status == GAN_OK) status = gan_augment_check(config, info);
    if (status != GAN_OK) gan_source_close(source);
  }
  GAN_TRY(gan_comm_agree(comm, status, "agreeing whether the data could be opened"));
  return gan_comm_broadcast(comm, info, sizeof *info, "the broadcast of the data's shape");
}

/* ---- in memory ---- */

/* Rank 0 tells `to` whether a piece follows, then sends it. */
static gan_status send_piece(gan_comm *comm, const gan_dataset *set, int to, gan_status state,
                             int64_t count, const void *rows, const int32_t *labels) {
  int32_t go = state == GAN_OK;
  GAN_TRY(gan_comm_send(comm, to, &go, sizeof go, "handing out the data"));
  if (!go) return GAN_OK;
  GAN_TRY(gan_comm_send(comm, to, rows, (size_t)count * gan_data_row_bytes(&set->info),
                        "handing out the data"));
  if (!set->info.has_labels) return GAN_OK;
  return gan_comm_send(comm, to, labels, (size_t)count * sizeof *labels,
                       "handing out the data's labels");
}

/* One rank's rows, in pieces; a failure is sent on in place of the piece. */
static gan_status hand_out_to(gan_comm *comm, gan_dataset *set, gan_source *source, int to,
                              gan_status state, void *rows, int32_t *labels,
                              gan_value_facts *facts) {
  gan_shards theirs =
      gan_shards_of(set->info.n, set->shards.count, set->shards.batch, to, gan_comm_size(comm));
  int64_t piece = PIECE_BYTES / (int64_t)gan_data_row_bytes(&set->info);
  if (piece < 1) piece = 1;
  int64_t first = gan_shards_first_row(&theirs), total = gan_shards_rows(&theirs);
  for (int64_t done = 0; done < total; done += piece) {
    int64_t count = total - done < piece ? total - done : piece;
    void *at = to ? rows : (char *)set->rows + (size_t)done * gan_data_row_bytes(&set->info);
    int32_t *labels_at = to || !set->info.has_labels ? labels : set->labels + done;
    if (state == GAN_OK) state = gan_source_read(source, count, at, labels_at);
    if (state == GAN_OK)
      state =
          gan_value_facts_add(facts, &set->info, &set->spec, first + done, count, at, labels_at);
    if (to) GAN_TRY(send_piece(comm, set, to, state, count, at, labels_at));
    if (state != GAN_OK) break;
  }
  return state;
}

static gan_status hand_out(gan_comm *comm, gan_dataset *set, gan_source *source,
                           gan_value_facts *facts) {
  int64_t piece = PIECE_BYTES / (int64_t)gan_data_row_bytes(&set->info) + 1;
  char *rows = gan_alloc((size_t)piece, gan_data_row_bytes(&set->info), "rows on their way");
  int32_t *labels = gan_alloc((size_t)piece, sizeof *labels, "labels on their way");
  gan_status state = rows && labels ? GAN_OK : GAN_NO_MEMORY;
  for (int to = 0; to < gan_comm_size(comm); to++)
    state = hand_out_to(comm, set, source, to, state, rows, labels, facts);
  if (state == GAN_OK) state = gan_source_finish(source);
  gan_free(&rows);
  gan_free(&labels);
  return state;
}

static gan_status take(gan_comm *comm, gan_dataset *set) {
  int64_t piece = PIECE_BYTES / (int64_t)gan_data_row_bytes(&set->info),
          total = gan_shards_rows(&set->shards);
  if (piece < 1) piece = 1;
  for (int64_t done = 0; done < total; done += piece) {
    int64_t count = total - done < piece ? total - done : piece;
    int32_t go;
    GAN_TRY(gan_comm_receive(comm, 0, &go, sizeof go, "taking a part of the data"));
    if (!go) return GAN_OK; /* rank 0 has the reason, and all agree next */
    GAN_TRY(gan_comm_receive(
        comm, 0, (char *)set->rows + (size_t)done * gan_data_row_bytes(&set->info),
        (size_t)count * gan_data_row_bytes(&set->info), "taking a part of the data"));
    if (set->info.has_labels)
      GAN_TRY(gan_comm_receive(comm, 0, set->labels + done, (size_t)count * sizeof *set->labels,
                               "taking a part of the data's labels"));
  }
  return GAN_OK;
}

/* The hash of each shard that this rank holds. */
static void hash_shards(const gan_dataset *set, gan_digest *hashes) {
  const char *rows = set->rows;
  const int32_t *labels = set->labels;
  for (int64_t s = 0; s < set->shards.owned; s++) {
    size_t n = (size_t)gan_shard_rows(&set->shards, set->shards.first + s);
    size_t bytes = n * gan_data_row_bytes(&set->info);
    gan_digest both[2] = {gan_digest_of(rows, bytes)};
    if (labels) both[1] = gan_digest_of(labels, n * sizeof *labels);
    hashes[s] = gan_digest_of(both, sizeof both);
    rows += bytes;
    if (labels) labels += n;
  }
}

static gan_status load(gan_comm *comm, gan_dataset *set, gan_source *source, gan_digest *hashes,
                       gan_value_facts *facts) {
  size_t rows = (size_t)gan_shards_rows(&set->shards);
  set->rows = gan_alloc(rows, gan_data_row_bytes(&set->info), "this rank's data");
  if (set->info.has_labels) set->labels = gan_alloc(rows, sizeof *set->labels, "labels");
  bool ok = set->rows && (set->labels || !set->info.has_labels);
  GAN_TRY(gan_comm_agree(comm, ok ? GAN_OK : GAN_NO_MEMORY,
                         "agreeing whether all have room for the data"));
  gan_status status = gan_comm_rank(comm) ? take(comm, set) : hand_out(comm, set, source, facts);
  GAN_TRY(gan_comm_agree(comm, status, "agreeing whether all have their data"));
  hash_shards(set, hashes);
  return GAN_OK;
}

/* ---- streamed ---- */

static gan_status open_own(gan_comm *comm, const gan_dataset *set, gan_source **source) {
  if (gan_comm_rank(comm) == 0) return GAN_OK; /* it has it open */
  gan_status status = gan_source_open(&set->spec, source);
  if (status == GAN_INPUT)
    return gan_fail(status, "%s; with data.cache: stream every rank reads the file itself",
                    gan_error_message());
  GAN_TRY(status);
  if ((*source)->info.n == set->info.n && gan_data_rows_alike(&(*source)->info, &set->info))
    return GAN_OK;
  char here[128], there[128];
  return gan_fail(GAN_INPUT, "%s: holds %s here, but %s on rank 0: it is another file",
                  set->spec.path, gan_data_info_text(&(*source)->info, here, sizeof here),
                  gan_data_info_text(&set->info, there, sizeof there));
}

static gan_status find_largest_label(const gan_dataset *set, gan_source *source,
                                     gan_value_facts *facts) {
  const int64_t piece = PIECE_BYTES / (int64_t)sizeof(int32_t);
  int32_t *labels;
  gan_status status = GAN_OK;
  GAN_TRY_ALLOC(labels, piece, "labels");
  for (int64_t done = 0; status == GAN_OK && done < set->info.n; done += piece) {
    int64_t count = set->info.n - done < piece ? set->info.n - done : piece;
    status = gan_source_read_labels_at(source, done, count, labels);
    for (int64_t i = 0; status == GAN_OK && i < count; i++)
      if (labels[i] > facts->largest_label) facts->largest_label = labels[i];
  }
  gan_free(&labels);
  return status;
}

/* What rank 0 must know of all rows and cannot read them all for. */
static gan_status find_facts(const gan_dataset *set, gan_source *source, gan_range range,
                             gan_value_facts *facts) {
  bool known;
  facts->smallest = 0;
  facts->largest = 1; /* where nothing is known, and the networks see the values as they are */
  if (set->info.has_labels) GAN_TRY(find_largest_label(set, source, facts));
  if (set->info.type == GAN_U8) return GAN_OK;
  GAN_TRY(gan_source_extent(source, &known, &facts->smallest, &facts->largest));
  if (known || range == GAN_RANGE_NONE) return GAN_OK;
  return gan_fail(GAN_INPUT,
                  "%s: dataset '%s' lacks the attributes minimum and maximum, from which streamed "
                  "floats are scaled: write the file anew with `mpigan data convert`, or set "
                  "data.range to none",
                  set->spec.path, set->spec.images);
}

/* The hash of each shard's rows at i * n_s / 64, and of their labels; of all rows where it has
 * fewer. */
static gan_status hash_some_rows(const gan_dataset *set, gan_source *source, gan_digest *hashes) {
  size_t row = gan_data_row_bytes(&set->info);
  gan_status status = GAN_OK;
  int32_t labels[DIGEST_ROWS];
  char *rows;
  GAN_TRY_ALLOC(rows, DIGEST_ROWS * row, "rows of data");
  for (int64_t s = 0; s < set->shards.owned && status == GAN_OK; s++) {
    int64_t shard = set->shards.first + s, n = gan_shard_rows(&set->shards, shard);
    int64_t begin = gan_part_begin(set->info.n, set->shards.count, shard);
    int64_t count = n < DIGEST_ROWS ? n : DIGEST_ROWS;
    for (int64_t i = 0; i < count && status == GAN_OK; i++) {
      int64_t at = begin + i * n / count;
      status = gan_source_read_at(source, at, 1, rows + (size_t)i * row);
      if (status == GAN_OK && set->info.has_labels)
        status = gan_source_read_labels_at(source, at, 1, labels + i);
    }
    gan_digest both[2] = {gan_digest_of(rows, (size_t)count * row)};
    if (set->info.has_labels) both[1] = gan_digest_of(labels, (size_t)count * sizeof *labels);
    hashes[s] = set->info.has_labels ? gan_digest_of(both, sizeof both) : both[0];
  }
  gan_free(&rows);
  return status;
}

static gan_status look_in(gan_comm *comm, gan_dataset *set, gan_source **source, gan_range range,
                          gan_digest *hashes, gan_value_facts *facts) {
  GAN_TRY(gan_comm_agree(comm, open_own(comm, set, source),
                         "agreeing whether all could open the data"));
  gan_status status = GAN_OK;
  if (gan_comm_rank(comm) == 0) status = find_facts(set, *source, range, facts);
  if (status == GAN_OK) status = hash_some_rows(set, *source, hashes);
  return gan_comm_agree(comm, status, "agreeing whether all could look into the data");
}

/* ---- both ---- */

/* See gan_dataset: the interval that the data's values live in, and the map to the networks'. */
static void decide_range(gan_dataset *set, const gan_value_facts *facts, gan_range range) {
  gan_value_facts_range(facts, set->info.type, &set->low, &set->high);
  double to_low = range == GAN_RANGE_SYMMETRIC ? -1 : 0, to_high = 1;
  set->scale = range == GAN_RANGE_NONE ? 1 : (to_high - to_low) / (set->high - set->low);
  set->offset = range == GAN_RANGE_NONE ? 0 : to_low - set->low * set->scale;
}

/* The labels of this rank's rows, in pieces, from memory or from the file. */
static gan_status count_own(gan_dataset *set, gan_source *source) {
  const int64_t piece = PIECE_BYTES / (int64_t)sizeof(int32_t),
                rows = gan_shards_rows(&set->shards);
  int32_t *read = NULL;
  gan_status status = GAN_OK;
  if (!set->labels) GAN_TRY_ALLOC(read, piece, "labels");
  for (int64_t done = 0; status == GAN_OK && done < rows; done += piece) {
    int64_t count = rows - done < piece ? rows - done : piece;
    const int32_t *labels = set->labels ? set->labels + done : read;
    if (read)
      status =
          gan_source_read_labels_at(source, gan_shards_first_row(&set->shards) + done, count, read);
    for (int64_t i = 0; status == GAN_OK && i < count; i++)
      if (labels[i] < set->classes)
        set->class_counts[labels[i]]++;
      else
        status = gan_fail(GAN_INPUT,
                          "%s: holds label %d here, but %lld is the largest on rank 0: it is "
                          "another file",
                          set->spec.path, labels[i], (long long)set->classes - 1);
  }
  gan_free(&read);
  return status;
}

static gan_status count_classes(gan_comm *comm, gan_dataset *set, gan_source *source) {
  if (!set->classes || set->classes > CLASSES_MAX) return GAN_OK;
  set->class_counts = gan_alloc((size_t)set->classes, sizeof(int64_t), "the classes' counts");
  gan_status status = set->class_counts ? count_own(set, source) : GAN_NO_MEMORY;
  GAN_TRY(gan_comm_agree(comm, status, "agreeing whether all have counted the classes"));
  return gan_comm_sum_int64(comm, set->class_counts, (size_t)set->classes,
                            "the sum of the classes' counts");
}

static gan_status fill(gan_comm *comm, gan_dataset *set, gan_source **source, gan_range range) {
  gan_value_facts facts = gan_value_facts_none();
  gan_digest *hashes = gan_alloc((size_t)set->shards.owned, sizeof *hashes, "shard digests");
  gan_status status = gan_comm_agree(comm, hashes ? GAN_OK : GAN_NO_MEMORY,
                                     "agreeing whether all have room for digests");
  if (status == GAN_OK && set->cut.block)
    status = look_in(comm, set, source, range, hashes, &facts);
  else if (status == GAN_OK)
    status = load(comm, set, *source, hashes, &facts);
  if (status == GAN_OK)
    status = gan_comm_broadcast(comm, &facts, sizeof facts, "the broadcast of the data's values");
  if (status == GAN_OK) {
    set->classes = set->info.has_labels ? (int64_t)facts.largest_label + 1 : 0;
    decide_range(set, &facts, range);
    status = count_classes(comm, set, *source);
  }
  if (status == GAN_OK)
    status = gan_digest_of_shards(comm, &set->info, &set->shards, hashes, &set->digest);
  gan_free(&hashes);
  return status;
}

gan_status gan_dataset_load(gan_comm *comm, const gan_config *config, gan_source **source,
                            const gan_data_info *info, gan_range range, gan_dataset **out) {
  *out = NULL;
  gan_dataset *set = gan_alloc(1, sizeof *set, "a data set");
  gan_status status = gan_comm_agree(comm, set ? GAN_OK : GAN_NO_MEMORY,
                                     "agreeing whether all have room for a data set");
  if (status == GAN_OK) {
    set->info = *info;
    set->shards = gan_shards_of(info->n, config->data.shards, config->train.batch,
                                gan_comm_rank(comm), gan_comm_size(comm));
    set->spec = spec_of(config);
    set->augment = gan_augment_of(config);
    if (config->data.cache == GAN_CACHE_STREAM) set->cut = gan_dataset_cut(config, info);
    status = fill(comm, set, source, range);
  }
  gan_source_close(source);
  *out = set;
  if (status != GAN_OK) gan_dataset_destroy(out);
  return status;
}

void gan_dataset_destroy(gan_dataset **dataset) {
  if (!*dataset) return;
  gan_free(&(*dataset)->rows);
  gan_free(&(*dataset)->labels);
  gan_free(&(*dataset)->class_counts);
  gan_free(dataset);
}
