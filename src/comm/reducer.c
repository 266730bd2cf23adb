#include "comm/reducer.h"

#include "base/clock.h"
#include "comm/nodes.h"

#include <sched.h>

/* Floats of all slabs that are added up before the next ones: they stay in the cache. */
enum { BLOCK = 4096 };

/* How long a waiting rank looks before it lets others run; and how often it then lets MPI see to
 * messages that other nodes may wait for. */
enum { LOOKS = 2000, LOOKS_A_PROBE = 64 };

float *gan_reducer_mine(const gan_reducer *r) {
  return r->mine;
}
const float *gan_reducer_sum(const gan_reducer *r) {
  return r->sum;
}

double gan_reducer_shared_bytes(const gan_reducer *r) {
  double others = r->node_rank < r->lanes ? (r->node_size - 1) / (double)r->lanes : 0;
  return r->node_size > 1 ? (double)r->n * sizeof(float) * (2 + others + r->more) : 0;
}

float *gan_reducer_shared(const gan_reducer *r, int k) {
  GAN_ASSERT(k < r->more);
  return r->node_size > 1 ? r->sum + (size_t)(k + 1) * gan_reducer_stride(r) : NULL;
}

static int64_t part_begin(const gan_reducer *r, int k) {
  int64_t at = (r->n + GAN_LINE - 1) / GAN_LINE * k / r->node_size * GAN_LINE;
  return at < r->n ? at : r->n;
}

void gan_reducer_part(const gan_reducer *r, int64_t *first, int64_t *end) {
  *first = part_begin(r, r->node_rank);
  *end = part_begin(r, r->node_rank + 1);
}

/* ---- a bucket's way ---- */

static int64_t bucket_end(const gan_reducer *r, int b) {
  return b ? r->begins[b - 1] : r->n;
}

/* Where lane k of bucket b begins: on a cache line. */
static int64_t lane_begin(const gan_reducer *r, int b, int k) {
  int64_t begin = r->begins[b], end = bucket_end(r, b),
          lines = (end - begin + GAN_LINE - 1) / GAN_LINE;
  int64_t at = begin + lines * k / r->lanes * GAN_LINE;
  return at < end ? at : end;
}

static void add_two(int64_t n, const float *restrict a, const float *restrict b,
                    float *restrict to) {
  for (int64_t i = 0; i < n; i++) to[i] = a[i] + b[i];
}

static void add_to(int64_t n, const float *restrict a, float *restrict to) {
  for (int64_t i = 0; i < n; i++) to[i] += a[i];
}

/* [begin, end) of the slabs of the node's ranks, in their order; a block stays in the cache. */
static void add_slabs(const gan_reducer *r, int64_t begin, int64_t end) {
  for (int64_t at = begin; at < end; at += BLOCK) {
    int64_t n = end - at < BLOCK ? end - at : BLOCK;
    add_two(n, r->slabs[0] + at, r->slabs[1] + at, r->sum + at);
    for (int k = 2; k < r->node_size; k++) add_to(n, r->slabs[k] + at, r->sum + at);
  }
}

/* All at once: what overlaps with nothing need not pay for being able to. */
static int sum_waiting(gan_reducer *r, int64_t n, float *values) {
  if (r->rounds) return gan_wire_sum(&r->wire, n, values);
  int code = MPI_SUCCESS;
  for (int64_t at = 0; code == MPI_SUCCESS && at < n; at += GAN_COMM_PIECE)
    code = MPI_Allreduce(MPI_IN_PLACE, values + at, gan_comm_piece(n, at), MPI_FLOAT, MPI_SUM,
                         r->across);
  return code;
}

/* This rank's lane of bucket b: the node's sum, then that of the nodes.  The last bucket is begun
 * when nothing is left to be computed, on all ranks: they may wait for each other. */
static gan_status sum_lane(gan_reducer *r, int b) {
  if (r->node_rank >= r->lanes) return GAN_OK;
  int64_t begin = lane_begin(r, b, r->node_rank), end = lane_begin(r, b, r->node_rank + 1);
  float *values = r->sum + begin;
  if (r->node_size > 1) add_slabs(r, begin, end);
  if (r->across_size == 1) return GAN_OK;
  if (b == r->buckets - 1) return gan_reducer_check(r, sum_waiting(r, end - begin, values));
  GAN_ASSERT(end - begin <= GAN_BUCKET_MOST && !r->rounds);
  return gan_reducer_check(r, MPI_Iallreduce(MPI_IN_PLACE, values, (int)(end - begin), MPI_FLOAT,
                                             MPI_SUM, r->across, &r->requests[b]));
}

/* ---- what the ranks of a node tell each other ---- */

static void tell_published(const gan_reducer *r) {
  if (r->node_size == 1) return;
  atomic_store_explicit(&r->flags[r->node_rank]->published, r->before + (uint64_t)r->begun,
                        memory_order_release);
}

static void tell_summed(const gan_reducer *r) {
  if (r->node_size == 1) return;
  atomic_store_explicit(&r->flags[r->node_rank]->summed, r->before + (uint64_t)r->crossed,
                        memory_order_release);
}

static gan_status tell_failed(const gan_reducer *r, gan_status status) {
  if (status != GAN_OK && r->node_size > 1) atomic_store(&r->flags[r->node_rank]->failed, true);
  return status;
}

/* Whether every rank of the node has published so many buckets. */
static bool published(const gan_reducer *r, int buckets) {
  uint64_t count = r->before + (uint64_t)buckets;
  for (int k = 0; k < r->node_size && r->node_size > 1; k++)
    if (atomic_load_explicit(&r->flags[k]->published, memory_order_acquire) < count) return false;
  return true;
}

/* Whether all lanes of all buckets are there. */
static bool summed(const gan_reducer *r) {
  uint64_t count = r->before + (uint64_t)r->buckets;
  if (r->crossed < r->buckets) return false;
  for (int k = 0; k < r->lanes && r->node_size > 1; k++)
    if (atomic_load_explicit(&r->flags[k]->summed, memory_order_acquire) < count) return false;
  return true;
}

static gan_status look_for_failures(const gan_reducer *r) {
  for (int k = 0; k < r->node_size && r->node_size > 1; k++)
    if (atomic_load_explicit(&r->flags[k]->failed, memory_order_relaxed))
      return gan_fail(GAN_TEMPORARY, "another rank of this node could not go on in %s", r->what);
  return GAN_OK;
}

/* ---- the calls ---- */

/* Each bucket as far as it goes without waiting, in their order. */
static gan_status advance(gan_reducer *r) {
  for (; r->added < r->begun && published(r, r->added + 1); r->added++)
    GAN_TRY(sum_lane(r, r->added));
  while (r->crossed < r->added) {
    int there;
    GAN_TRY(gan_reducer_check(r, MPI_Test(&r->requests[r->crossed], &there, MPI_STATUS_IGNORE)));
    if (!there) break;
    r->crossed++;
    tell_summed(r);
  }
  return GAN_OK;
}

/* What was under way while this rank computed is hidden; what it does here itself is not. */
static double enter(const gan_reducer *r) {
  double now = gan_clock();
  if (r->crossed < r->begun) r->comm->hidden += now - r->left;
  return now;
}

static gan_status leave(gan_reducer *r, double entered, gan_status status) {
  r->left = gan_clock();
  r->comm->seconds += r->left - entered;
  return tell_failed(r, status);
}

static void pause_core(void) {
#if defined(__x86_64__) || defined(__i386__)
  __builtin_ia32_pause();
#elif defined(__aarch64__)
  __asm__ volatile("yield");
#endif
}

/* Ranks may be more than cores; and a message of an earlier call may still be on its way to another
 * node, which waits for it. */
static void relax(const gan_reducer *r, int64_t look) {
  int there;
  if (look < LOOKS)
    pause_core();
  else
    sched_yield();
  if (look >= LOOKS && look % LOOKS_A_PROBE == 0)
    MPI_Iprobe(MPI_ANY_SOURCE, MPI_ANY_TAG, r->comm->mpi, &there, MPI_STATUS_IGNORE);
}

static bool all_met(const gan_reducer *r) {
  for (int k = 0; k < r->node_size; k++)
    if (atomic_load_explicit(&r->flags[k]->met, memory_order_acquire) < r->met) return false;
  return true;
}

static gan_status wait_for_node(const gan_reducer *r) {
  for (int64_t look = 0; !all_met(r); look++) {
    GAN_TRY(look_for_failures(r));
    relax(r, look);
  }
  return GAN_OK;
}

static gan_status wait_for_all(gan_reducer *r) {
  for (int64_t look = 0;; look++) {
    GAN_TRY(advance(r));
    if (summed(r)) return GAN_OK;
    GAN_TRY(look_for_failures(r));
    relax(r, look);
  }
}

gan_status gan_reducer_begin(gan_reducer *r) {
  GAN_ASSERT(r->begun < r->buckets - 1);
  if (r->comm->size == 1) return GAN_OK;
  double entered = enter(r);
  r->begun++;
  tell_published(r);
  return leave(r, entered, advance(r));
}

gan_status gan_reducer_progress(gan_reducer *r) {
  if (r->crossed == r->begun) return GAN_OK;
  double entered = enter(r);
  return leave(r, entered, advance(r));
}

gan_status gan_reducer_finish(gan_reducer *r) {
  if (r->comm->size == 1) return GAN_OK;
  double entered = enter(r);
  for (int b = 0; b < r->buckets; b++)
    gan_comm_show((size_t)(bucket_end(r, b) - r->begins[b]) * sizeof(float), r->what);
  gan_comm_enter(r->comm, -1, r->what);
  r->begun = r->buckets;
  tell_published(r);
  gan_status status = gan_comm_leave(r->comm, wait_for_all(r));
  r->before += (uint64_t)r->buckets;
  r->begun = r->added = r->crossed = 0;
  return leave(r, entered, status);
}

gan_status gan_reducer_meet(gan_reducer *r) {
  if (r->node_size == 1 || !r->more) return GAN_OK;
  double entered = enter(r);
  gan_comm_enter(r->comm, -1, r->what);
  r->met++;
  atomic_store_explicit(&r->flags[r->node_rank]->met, r->met, memory_order_release);
  return leave(r, entered, gan_comm_leave(r->comm, wait_for_node(r)));
}
