#include "train/eval_rows.h"

#include "base/memory.h"

/* Bytes of streamed rows that are read at once. */
enum { PIECE_BYTES = 4 << 20 };

/* Rows as stored to values from 0 to 1. */
static void bring(const gan_data_info *info, int64_t n, const void *rows, const gan_eval_set *set,
                  float *out) {
  double scale = 1 / (set->high - set->low);
  const uint8_t *bytes = rows;
  const float *floats = rows;
  bool is_bytes = info->type == GAN_U8;
  for (int64_t i = 0; i < n * gan_data_row_size(info); i++)
    out[i] = (float)(((is_bytes ? bytes[i] : (double)floats[i]) - set->low) * scale);
}

static void take_from_memory(const gan_config *config, const gan_dataset *data,
                             const uint8_t *chosen, gan_eval_set *set) {
  int64_t size = gan_data_row_size(&data->info), rows = gan_shards_rows(&data->shards), at = 0;
  size_t bytes = gan_data_row_bytes(&data->info);
  for (int64_t i = 0; i < rows; i++) {
    if (!chosen[i]) continue;
    if (set->labels) set->labels[at] = (int32_t)gan_config_class_label(config, data->labels[i]);
    bring(&data->info, 1, (const char *)data->rows + (size_t)i * bytes, set,
          set->values + at++ * size);
  }
}

/* How many rows that follow each other are taken, from this one on. */
static int64_t run_of(const uint8_t *chosen, int64_t rows, int64_t most) {
  int64_t n = 0;
  while (n < rows && n < most && chosen[n]) n++;
  return n;
}

/* piece: room for so many rows as stored */
static gan_status read_chosen(gan_source *source, const gan_dataset *data, const uint8_t *chosen,
                              int64_t most, void *piece, gan_eval_set *set) {
  int64_t size = gan_data_row_size(&data->info), rows = gan_shards_rows(&data->shards), at = 0;
  int64_t first = gan_shards_first_row(&data->shards);
  for (int64_t i = 0, n; i<rows; i += n> 0 ? n : 1) {
    n = run_of(chosen + i, rows - i, most);
    if (!n) continue;
    GAN_TRY(gan_source_read_at(source, first + i, n, piece));
    if (set->labels) GAN_TRY(gan_source_read_labels_at(source, first + i, n, set->labels + at));
    bring(&data->info, n, piece, set, set->values + at * size);
    at += n;
  }
  return GAN_OK;
}

/* Streamed data has all rows of its file: its labels are what they are. */
static gan_status take_from_file(const gan_dataset *data, const uint8_t *chosen,
                                 gan_eval_set *set) {
  size_t bytes = gan_data_row_bytes(&data->info);
  int64_t most = PIECE_BYTES / (int64_t)bytes + 1;
  gan_source *source = NULL;
  void *piece = gan_alloc((size_t)most, bytes, "rows of streamed data");
  if (!piece) return GAN_NO_MEMORY;
  gan_status status = gan_source_open(&data->spec, &source);
  if (status == GAN_OK) status = read_chosen(source, data, chosen, most, piece, set);
  gan_source_close(&source);
  gan_free(&piece);
  return status;
}

gan_status gan_eval_rows_take(const gan_config *config, const gan_dataset *data,
                              const uint8_t *chosen, gan_eval_set *set) {
  if (!data->rows) return take_from_file(data, chosen, set);
  take_from_memory(config, data, chosen, set);
  return GAN_OK;
}

gan_status gan_eval_rows_check(const gan_eval_room *room) {
  char takes[16], has[16];
  double rows = (double)room->info->n, looked = room->count ? (double)room->count : rows;
  if (looked > rows) looked = rows;
  double bytes = looked * (double)gan_data_row_size(room->info) * sizeof(float);
  if (!room->streams) bytes += rows * (double)gan_data_row_bytes(room->info);
  bytes /= room->ranks;
  if (!room->bytes || bytes <= (double)room->bytes) return GAN_OK;
  return gan_fail(GAN_USAGE,
                  "%s: to look at %.0f of its %.0f rows each of %d ranks would hold %s, and this "
                  "machine has %s: start more ranks, on more machines%s%s",
                  room->path, looked, rows, room->ranks, gan_bytes_text(takes, bytes),
                  gan_bytes_text(has, (double)room->bytes),
                  room->count ? ", or look at fewer with --count"
                              : ", or leave out --test and --pairs, which look at all",
                  room->streams ? ""
                                : "; the data of a run with data.cache: stream is not held as it "
                                  "is stored");
}
