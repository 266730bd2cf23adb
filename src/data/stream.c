#include "data/stream.h"

#include "base/clock.h"
#include "base/memory.h"
#include "base/thread.h"
#include "data/facts.h"
#include "io/file.h"

#include <pthread.h>
#include <stdio.h>
#include <string.h>

enum { MESSAGE_MAX = 1024 };

typedef enum { EMPTY, WANTED, LOADING, READY, FAILED } slot_state;

/* A window's place in memory.  The loader's side sets position and WANTED; from then to READY or
 * FAILED all else is the thread's. */
typedef struct {
  slot_state state;     /* under the lock */
  uint64_t position;    /* one that the window must hold */
  int64_t shard;        /* of all */
  gan_window window;    /* what it holds */
  char *rows;           /* (rows of a window, H, W, C) */
  int32_t *labels;      /* (rows of a window), or NULL */
  uint32_t *places;     /* (rows of a window): see gan_window_places */
  uint32_t *order;      /* (blocks of the shard), of the epoch order_epoch - 1 */
  uint64_t order_epoch; /* 0: none yet */
} window_slot;

typedef struct {
  window_slot *now, *next;
  bool held; /* `now` was seen READY: its rows may be used without the lock */
} shard_state;

struct gan_stream {
  const gan_dataset *set;
  uint64_t seed;
  size_t row_bytes;
  gan_source *source;    /* the thread's */
  gan_file_watch *watch; /* the thread's */
  window_slot *slots;    /* (2 * owned shards) */
  shard_state *shards;   /* (owned shards) */
  char *rows;            /* what the slots' rows, labels, places and orders are cut from */
  int32_t *labels;       /* NULL where the data has none */
  uint32_t *indices;
  double waited;
  pthread_t thread;
  bool started;
  pthread_mutex_t lock;
  pthread_cond_t work, done; /* something is wanted, or the end; something was read */
  bool stop;
  gan_status failure; /* of the last slot that failed, with its message */
  char message[MESSAGE_MAX];
};

/* ---- the thread ---- */

/* The rows of the window and their labels, block by block, into the slot. */
static gan_status read_blocks(gan_stream *stream, window_slot *slot, int64_t shard_rows) {
  const gan_dataset *set = stream->set;
  int64_t begin = gan_part_begin(set->info.n, set->shards.count, slot->shard);
  const uint32_t *blocks = slot->order + slot->window.first_block;
  gan_value_facts facts = gan_value_facts_none();
  char *rows = slot->rows;
  int32_t *labels = slot->labels;
  for (int64_t i = 0, count; i < slot->window.blocks; i++) {
    int64_t first = begin + gan_window_block(set->cut, shard_rows, blocks[i], &count);
    GAN_TRY(gan_source_read_at(stream->source, first, count, rows));
    if (set->info.type != GAN_U8) /* any byte will do */
      GAN_TRY(gan_value_facts_add(&facts, &set->info, &set->spec, first, count, rows, NULL));
    rows += (size_t)count * stream->row_bytes;
    if (!labels) continue;
    GAN_TRY(gan_source_read_labels_at(stream->source, first, count, labels));
    labels += count;
  }
  return gan_file_unchanged(stream->watch);
}

static gan_status load(gan_stream *stream, window_slot *slot) {
  const gan_dataset *set = stream->set;
  int64_t rows = gan_shard_rows(&set->shards, slot->shard);
  uint64_t epoch = slot->position / (uint64_t)rows;
  if (slot->order_epoch != epoch + 1)
    gan_window_order(stream->seed, slot->shard, epoch, gan_window_block_count(set->cut, rows),
                     slot->order);
  slot->order_epoch = epoch + 1;
  slot->window = gan_window_at(set->cut, rows, slot->order, slot->position);
  gan_window_places(stream->seed, slot->shard, &slot->window, slot->places);
  return read_blocks(stream, slot, rows);
}

/* What is waited for comes before what is read ahead. */
static window_slot *find_work(const gan_stream *stream) {
  window_slot *ahead = NULL;
  for (int64_t s = 0; s < stream->set->shards.owned; s++) {
    const shard_state *shard = &stream->shards[s];
    if (shard->now->state == WANTED) return shard->now;
    if (!ahead && shard->next->state == WANTED) ahead = shard->next;
  }
  return ahead;
}

static void *work(void *argument) {
  gan_stream *stream = argument;
  pthread_mutex_lock(&stream->lock);
  while (!stream->stop) {
    window_slot *slot = find_work(stream);
    if (!slot) {
      pthread_cond_wait(&stream->work, &stream->lock);
      continue;
    }
    slot->state = LOADING;
    pthread_mutex_unlock(&stream->lock);
    gan_status status = load(stream, slot);
    pthread_mutex_lock(&stream->lock);
    slot->state = status == GAN_OK ? READY : FAILED;
    if (status != GAN_OK) {
      stream->failure = status;
      snprintf(stream->message, sizeof stream->message, "%s", gan_error_message());
    }
    pthread_cond_broadcast(&stream->done);
  }
  pthread_mutex_unlock(&stream->lock);
  return NULL;
}

/* ---- the loader's side ---- */

static bool holds(const window_slot *slot, uint64_t position) {
  return position >= slot->window.first &&
         position - slot->window.first < (uint64_t)slot->window.rows;
}

/* Whether the slot has that position, or is on its way to it.  Under the lock. */
static bool promises(const window_slot *slot, uint64_t position) {
  if (slot->state == READY) return holds(slot, position);
  return slot->state != EMPTY && slot->position == position;
}

static void wait_while(gan_stream *stream, const window_slot *slot, slot_state a, slot_state b) {
  double start = gan_clock();
  while (slot->state == a || slot->state == b) pthread_cond_wait(&stream->done, &stream->lock);
  stream->waited += gan_clock() - start;
}

/* Behind what the thread may be reading into the slot. */
static void ask(gan_stream *stream, window_slot *slot, uint64_t position) {
  wait_while(stream, slot, LOADING, LOADING);
  slot->position = position;
  slot->state = WANTED;
  pthread_cond_signal(&stream->work);
}

/* Makes `now` the slot that has the position or will have it.  Under the lock; waits only where the
 * thread is at work on what is not wanted any more. */
static void turn_to(gan_stream *stream, shard_state *shard, uint64_t position) {
  if (promises(shard->now, position)) return;
  shard->held = false;
  if (!promises(shard->next, position)) { /* a jump */
    if (shard->next->state == WANTED) shard->next->state = EMPTY;
    wait_while(stream, shard->next, LOADING, LOADING);
  }
  if (promises(shard->next, position)) {
    window_slot *before = shard->now;
    shard->now = shard->next;
    shard->next = before;
  } else {
    ask(stream, shard->now, position);
  }
}

void gan_stream_want(gan_stream *stream, int64_t s, uint64_t position) {
  shard_state *shard = &stream->shards[s];
  if (shard->held && holds(shard->now, position)) return;
  pthread_mutex_lock(&stream->lock);
  turn_to(stream, shard, position);
  pthread_mutex_unlock(&stream->lock);
}

/* Waits for the window of that position, and has the one behind it read. */
static gan_status turn_and_wait(gan_stream *stream, shard_state *shard, uint64_t position) {
  gan_status status = GAN_OK;
  pthread_mutex_lock(&stream->lock);
  turn_to(stream, shard, position);
  wait_while(stream, shard->now, WANTED, LOADING);
  shard->held = shard->now->state == READY;
  if (shard->held) {
    uint64_t behind = shard->now->window.first + (uint64_t)shard->now->window.rows;
    if (!promises(shard->next, behind)) ask(stream, shard->next, behind);
  } else {
    status = gan_fail(stream->failure, "%s", stream->message);
  }
  pthread_mutex_unlock(&stream->lock);
  return status;
}

gan_status gan_stream_row(gan_stream *stream, int64_t s, uint64_t position,
                          gan_data_sample *sample) {
  shard_state *shard = &stream->shards[s];
  if (!shard->held || !holds(shard->now, position)) GAN_TRY(turn_and_wait(stream, shard, position));
  const window_slot *slot = shard->now;
  uint32_t place = slot->places[position - slot->window.first];
  sample->row = slot->rows + place * stream->row_bytes;
  sample->label = slot->labels ? slot->labels[place] : 0;
  return GAN_OK;
}

double gan_stream_waited(const gan_stream *stream) {
  return stream->waited;
}

/* ---- making it ---- */

static gan_status open_file(gan_stream *stream) {
  const gan_dataset *set = stream->set;
  GAN_TRY(gan_source_open(&set->spec, &stream->source));
  if (stream->source->info.n != set->info.n ||
      !gan_data_rows_alike(&stream->source->info, &set->info))
    return gan_fail(GAN_INPUT, "%s: has changed while it was opened", set->spec.path);
  return gan_file_watch_open(set->spec.path, &stream->watch);
}

/* Cuts two slots a shard from one piece of memory each for rows, labels and indices; with
 * `stream->rows` NULL it only counts. */
static void cut_slots(gan_stream *stream, size_t *rows, size_t *indices) {
  const gan_dataset *set = stream->set;
  *rows = *indices = 0;
  for (int64_t i = 0; i < 2 * set->shards.owned; i++) {
    int64_t shard = set->shards.first + i / 2, n = gan_shard_rows(&set->shards, shard);
    size_t window = (size_t)gan_window_rows_max(set->cut, n);
    window_slot *slot = &stream->slots[i];
    slot->shard = shard;
    if (stream->rows) {
      slot->rows = stream->rows + *rows * stream->row_bytes;
      if (stream->labels) slot->labels = stream->labels + *rows;
      slot->places = stream->indices + *indices;
      slot->order = slot->places + window;
    }
    *rows += window;
    *indices += window + (size_t)gan_window_block_count(set->cut, n);
  }
}

static gan_status take_memory(gan_stream *stream) {
  int64_t owned = stream->set->shards.owned;
  size_t rows, indices;
  GAN_TRY_ALLOC(stream->slots, 2 * owned, "windows of the data");
  GAN_TRY_ALLOC(stream->shards, owned, "windows of the data");
  for (int64_t s = 0; s < owned; s++) {
    stream->shards[s].now = &stream->slots[2 * s];
    stream->shards[s].next = &stream->slots[2 * s + 1];
  }
  cut_slots(stream, &rows, &indices);
  stream->rows = gan_alloc(rows, stream->row_bytes, "windows of the data");
  if (!stream->rows) return GAN_NO_MEMORY;
  /* beside data.buffer_mb, so that labels do not change the cut: 4 bytes a row are noise */
  if (stream->set->info.has_labels) GAN_TRY_ALLOC(stream->labels, rows, "labels of the windows");
  GAN_TRY_ALLOC(stream->indices, indices, "the order of the data");
  cut_slots(stream, &rows, &indices);
  return GAN_OK;
}

gan_status gan_stream_create(const gan_dataset *dataset, uint64_t seed, gan_stream **out) {
  gan_stream *stream;
  GAN_TRY_ALLOC(stream, 1, "a stream of data");
  *out = stream;
  stream->set = dataset;
  stream->seed = seed;
  stream->row_bytes = gan_data_row_bytes(&dataset->info);
  pthread_mutex_init(&stream->lock, NULL);
  pthread_cond_init(&stream->work, NULL);
  pthread_cond_init(&stream->done, NULL);
  gan_status status = open_file(stream);
  if (status == GAN_OK) status = take_memory(stream);
  if (status == GAN_OK) {
    status = gan_thread_start(&stream->thread, work, stream);
    stream->started = status == GAN_OK;
  }
  if (status != GAN_OK) gan_stream_destroy(out);
  return status;
}

void gan_stream_destroy(gan_stream **out) {
  gan_stream *stream = *out;
  if (!stream) return;
  pthread_mutex_lock(&stream->lock);
  stream->stop = true;
  pthread_cond_signal(&stream->work);
  pthread_mutex_unlock(&stream->lock);
  if (stream->started) pthread_join(stream->thread, NULL);
  pthread_cond_destroy(&stream->work);
  pthread_cond_destroy(&stream->done);
  pthread_mutex_destroy(&stream->lock);
  gan_source_close(&stream->source);
  gan_file_watch_close(&stream->watch);
  gan_free(&stream->rows);
  gan_free(&stream->labels);
  gan_free(&stream->indices);
  gan_free(&stream->slots);
  gan_free(&stream->shards);
  gan_free(out);
}
