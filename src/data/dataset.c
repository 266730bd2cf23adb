#include "data/dataset.h"

#include "base/memory.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

enum { PIECE_BYTES = 4 << 20 };

gan_status gan_dataset_open(gan_comm *comm, const gan_config *config, gan_source **source,
                            gan_data_info *info) {
  gan_status status = GAN_OK;
  *source = NULL;
  *info = (gan_data_info){0};
  if (gan_comm_rank(comm) == 0) {
    gan_source_spec spec = {config->data.path, config->data.images, config->data.labels,
                            (gan_layout)config->data.layout};
    status = gan_source_open(&spec, source);
    if (status == GAN_OK) *info = (*source)->info;
  }
  GAN_TRY(gan_comm_agree(comm, status));
  return gan_comm_broadcast(comm, info, sizeof *info);
}

static size_t row_bytes(const gan_data_info *info) {
  return (size_t)gan_data_row_size(info) * gan_dtype_size(info->type);
}

/* What rank 0 learns about the values while it reads. */
typedef struct {
  float smallest, largest;
  int32_t largest_label;
} value_facts;

static gan_status look_at(const gan_dataset *set, int64_t first, int64_t count, const void *rows,
                          const int32_t *labels, value_facts *facts) {
  int64_t size = gan_data_row_size(&set->info);
  for (int64_t i = 0; set->info.has_labels && i < count; i++)
    if (labels[i] > facts->largest_label) facts->largest_label = labels[i];
  if (set->info.type == GAN_U8) return GAN_OK;
  const float *values = rows;
  for (int64_t i = 0; i < count * size; i++) {
    if (!isfinite(values[i]))
      return gan_fail(
          GAN_INPUT, "%s: row %lld holds %g (number %lld of the row); data must be finite",
          set->path, (long long)(first + i / size), (double)values[i], (long long)(i % size));
    if (values[i] < facts->smallest) facts->smallest = values[i];
    if (values[i] > facts->largest) facts->largest = values[i];
  }
  return GAN_OK;
}

/* Rank 0 tells `to` whether a piece follows, then sends it. */
static gan_status send_piece(gan_comm *comm, const gan_dataset *set, int to, gan_status state,
                             int64_t count, const void *rows, const int32_t *labels) {
  int32_t go = state == GAN_OK;
  GAN_TRY(gan_comm_send(comm, to, &go, sizeof go));
  if (!go) return GAN_OK;
  GAN_TRY(gan_comm_send(comm, to, rows, (size_t)count * row_bytes(&set->info)));
  if (!set->info.has_labels) return GAN_OK;
  return gan_comm_send(comm, to, labels, (size_t)count * sizeof *labels);
}

/* One rank's rows, in pieces; a failure is sent on in place of the piece. */
static gan_status hand_out_to(gan_comm *comm, gan_dataset *set, gan_source *source, int to,
                              gan_status state, void *rows, int32_t *labels, value_facts *facts) {
  gan_shards theirs =
      gan_shards_of(set->info.n, set->shards.count, set->shards.batch, to, gan_comm_size(comm));
  int64_t piece = PIECE_BYTES / (int64_t)row_bytes(&set->info);
  if (piece < 1) piece = 1;
  int64_t first = gan_shards_first_row(&theirs), total = gan_shards_rows(&theirs);
  for (int64_t done = 0; done < total; done += piece) {
    int64_t count = total - done < piece ? total - done : piece;
    void *at = to ? rows : (char *)set->rows + (size_t)done * row_bytes(&set->info);
    int32_t *labels_at = to || !set->info.has_labels ? labels : set->labels + done;
    if (state == GAN_OK) state = gan_source_read(source, count, at, labels_at);
    if (state == GAN_OK) state = look_at(set, first + done, count, at, labels_at, facts);
    if (to) GAN_TRY(send_piece(comm, set, to, state, count, at, labels_at));
    if (state != GAN_OK) break;
  }
  return state;
}

static gan_status hand_out(gan_comm *comm, gan_dataset *set, gan_source *source,
                           value_facts *facts) {
  int64_t piece = PIECE_BYTES / (int64_t)row_bytes(&set->info) + 1;
  char *rows = gan_alloc((size_t)piece, row_bytes(&set->info), "rows on their way");
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
  int64_t piece = PIECE_BYTES / (int64_t)row_bytes(&set->info),
          total = gan_shards_rows(&set->shards);
  if (piece < 1) piece = 1;
  for (int64_t done = 0; done < total; done += piece) {
    int64_t count = total - done < piece ? total - done : piece;
    int32_t go;
    GAN_TRY(gan_comm_receive(comm, 0, &go, sizeof go));
    if (!go) return GAN_OK; /* rank 0 has the reason, and all agree next */
    GAN_TRY(gan_comm_receive(comm, 0, (char *)set->rows + (size_t)done * row_bytes(&set->info),
                             (size_t)count * row_bytes(&set->info)));
    if (set->info.has_labels)
      GAN_TRY(gan_comm_receive(comm, 0, set->labels + done, (size_t)count * sizeof *set->labels));
  }
  return GAN_OK;
}

/* The hash of each shard from its owner; the whole is the hash of all, in shard order. */
static gan_status make_digest(gan_comm *comm, gan_dataset *set) {
  gan_digest *hashes;
  double *halves; /* each 64-bit hash as exact doubles of 32 bits, so that a plain sum gathers */
  int64_t count = set->shards.count;
  hashes = gan_alloc((size_t)count + 2, sizeof *hashes, "shard digests");
  halves = gan_alloc((size_t)count * 4, sizeof *halves, "shard digests");
  gan_status status = gan_comm_agree(comm, hashes && halves ? GAN_OK : GAN_NO_MEMORY);
  if (status == GAN_OK) {
    const char *rows = set->rows;
    const int32_t *labels = set->labels;
    for (int64_t s = set->shards.first; s < set->shards.first + set->shards.owned; s++) {
      size_t n = (size_t)gan_shard_rows(&set->shards, s), bytes = n * row_bytes(&set->info);
      gan_digest both[2] = {gan_digest_of(rows, bytes)};
      if (labels) both[1] = gan_digest_of(labels, n * sizeof *labels);
      gan_digest hash = gan_digest_of(both, sizeof both);
      halves[4 * s] = (double)(hash.high >> 32);
      halves[4 * s + 1] = (double)(uint32_t)hash.high;
      halves[4 * s + 2] = (double)(hash.low >> 32);
      halves[4 * s + 3] = (double)(uint32_t)hash.low;
      rows += bytes;
      if (labels) labels += n;
    }
    status = gan_comm_sum_double(comm, halves, (size_t)count * 4);
  }
  if (status == GAN_OK) {
    int64_t shape[6] = {set->info.n, set->info.h,    set->info.w,
                        set->info.c, set->info.type, set->info.has_labels};
    for (int64_t s = 0; s < count; s++) {
      hashes[s].high = (uint64_t)halves[4 * s] << 32 | (uint64_t)halves[4 * s + 1];
      hashes[s].low = (uint64_t)halves[4 * s + 2] << 32 | (uint64_t)halves[4 * s + 3];
    }
    hashes[count] = gan_digest_of(shape, sizeof shape);
    set->digest = gan_digest_of(hashes, (size_t)(count + 1) * sizeof *hashes);
  }
  gan_free(&hashes);
  gan_free(&halves);
  return status;
}

/* See gan_dataset: the interval that the data's values live in, and the map to the networks'. */
static void decide_range(gan_dataset *set, const value_facts *facts, gan_range range) {
  set->low = 0;
  set->high = 255;
  if (set->info.type != GAN_U8) {
    set->low = facts->smallest < 0 ? -1 : 0;
    set->high = 1;
    if (facts->smallest < -1 || facts->largest > 1) {
      set->low = facts->smallest;
      set->high = facts->largest;
    }
    if (!(set->high > set->low)) set->high = set->low + fmax(1, fabs(set->low)); /* constant */
  }
  double to_low = range == GAN_RANGE_SYMMETRIC ? -1 : 0, to_high = 1;
  set->scale = range == GAN_RANGE_NONE ? 1 : (to_high - to_low) / (set->high - set->low);
  set->offset = range == GAN_RANGE_NONE ? 0 : to_low - set->low * set->scale;
}

static gan_status load(gan_comm *comm, gan_dataset *set, gan_source *source, gan_range range) {
  size_t rows = (size_t)gan_shards_rows(&set->shards);
  set->rows = gan_alloc(rows, row_bytes(&set->info), "this rank's data");
  if (set->info.has_labels) set->labels = gan_alloc(rows, sizeof *set->labels, "labels");
  bool ok = set->rows && (set->labels || !set->info.has_labels);
  GAN_TRY(gan_comm_agree(comm, ok ? GAN_OK : GAN_NO_MEMORY));
  value_facts facts = {INFINITY, -INFINITY, 0};
  gan_status status = gan_comm_rank(comm) ? take(comm, set) : hand_out(comm, set, source, &facts);
  GAN_TRY(gan_comm_agree(comm, status));
  GAN_TRY(gan_comm_broadcast(comm, &facts, sizeof facts));
  set->classes = set->info.has_labels ? (int64_t)facts.largest_label + 1 : 0;
  decide_range(set, &facts, range);
  return make_digest(comm, set);
}

gan_status gan_dataset_load(gan_comm *comm, const gan_config *config, gan_source **source,
                            const gan_data_info *info, gan_range range, gan_dataset **out) {
  *out = NULL;
  gan_dataset *set = gan_alloc(1, sizeof *set, "a data set");
  gan_status status = gan_comm_agree(comm, set ? GAN_OK : GAN_NO_MEMORY);
  if (status == GAN_OK) {
    set->info = *info;
    set->shards = gan_shards_of(info->n, config->data.shards, config->train.batch,
                                gan_comm_rank(comm), gan_comm_size(comm));
    set->path = config->data.path;
    status = load(comm, set, *source, range);
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
  gan_free(dataset);
}
