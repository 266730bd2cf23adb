#include "comm/reducer.h"

#include "base/clock.h"
#include "base/log.h"
#include "base/memory.h"
#include "comm/group.h"
#include "comm/window.h"
#include "comm/wire.h"

#include <sched.h>
#include <stdio.h>
#include <string.h>

/* What a rank tells the others of its node, at the beginning of its segment: only it writes there,
 * and the counts only grow, so that nothing has to be set back between two sums. */
typedef struct {
  _Atomic uint64_t published; /* buckets of its slab that were final, over all sums */
  _Atomic uint64_t summed;    /* buckets of which the sum of its lane is there */
  _Atomic uint64_t met;       /* how often it has met the others */
  _Atomic bool failed;        /* it does not go on */
} rank_flags;

_Static_assert(ATOMIC_LLONG_LOCK_FREE == 2, "processes share atomic words");

/* Two cache lines lie between the flags and the numbers. */
enum { FLAGS_BYTES = 128, LINE = 16 /* floats */, BLOCK = 4096 /* floats */ };
_Static_assert(sizeof(rank_flags) <= FLAGS_BYTES, "flags have their place");

/* How long a waiting rank looks before it lets others run; and how often it then lets MPI see to
 * messages that other nodes may wait for. */
enum { LOOKS = 2000, LOOKS_A_PROBE = 64 };

struct gan_reducer {
  gan_comm *comm;
  const char *what;
  bool window; /* of those nodes that have more than one rank */
  int64_t n;
  int more; /* slabs that a node shares, 0 where it shares none */
  int buckets;
  int64_t *begins; /* (buckets) */

  MPI_Comm node;   /* MPI_COMM_NULL: one rank, or all by MPI's allreduce */
  MPI_Comm across; /* this rank's lane on all nodes; MPI_COMM_NULL: it has none */
  int node_rank, node_size, nodes, lanes, across_size;
  gan_window shared;  /* if node_size > 1 */
  rank_flags **flags; /* (node_size) */
  float **slabs;      /* (node_size) */
  float *own;         /* if node_size == 1 */
  float *mine, *sum;

  MPI_Request *requests; /* (buckets) between nodes */
  gan_wire_sums wire;    /* where numbers travel as bfloat16 */
  bool rounds;

  int begun, added, crossed; /* buckets of the sum that is under way: each is that far */
  uint64_t before;           /* buckets of all earlier sums */
  uint64_t met;
  double left; /* clock at the end of the last call */
};

/* ---- who sums with whom ---- */

static gan_status check(const gan_reducer *r, int code) {
  if (code == MPI_SUCCESS) return GAN_OK;
  char text[MPI_MAX_ERROR_STRING] = "";
  int length = 0;
  MPI_Error_string(code, text, &length);
  return gan_fail(GAN_TEMPORARY, "MPI: %s failed: %s", r->what, text);
}

/* The ranks that share memory with this one. */
static gan_status find_node(gan_reducer *r, const gan_reducer_spec *spec) {
  MPI_Comm node;
  gan_comm_enter(r->comm, -1, r->what);
  int code =
      MPI_Comm_split_type(r->comm->mpi, MPI_COMM_TYPE_SHARED, r->comm->rank, MPI_INFO_NULL, &node);
  GAN_TRY(gan_comm_leave(r->comm, check(r, code)));
  r->node = node;
  if (spec->apart) {
    code = MPI_Comm_split(node, r->comm->rank % spec->apart, r->comm->rank, &r->node);
    MPI_Comm_free(&node);
    GAN_TRY(check(r, code));
  }
  MPI_Comm_set_errhandler(r->node, MPI_ERRORS_RETURN);
  MPI_Comm_rank(r->node, &r->node_rank);
  MPI_Comm_size(r->node, &r->node_size);
  return GAN_OK;
}

static gan_status least_and_most(gan_reducer *r, int mine, int *least, int *most) {
  int both[2] = {-mine, mine}, all[2];
  GAN_TRY(check(r, MPI_Allreduce(both, all, 2, MPI_INT, MPI_MAX, r->comm->mpi)));
  *least = -all[0];
  *most = all[1];
  return GAN_OK;
}

/* As if each rank were a node of its own. */
static void leave_node(gan_reducer *r) {
  gan_window_reset(&r->shared);
  if (r->node != MPI_COMM_NULL) MPI_Comm_free(&r->node);
  r->node_rank = 0;
  r->node_size = r->lanes = 1;
  r->nodes = r->comm->size;
  r->window = false;
}

/* Floats from one slab to the next. */
static size_t stride(const gan_reducer *r) {
  return ((size_t)r->n + LINE) / LINE * LINE;
}

/* A segment: flags, this rank's slab, and of the first one the sum and what else is shared. */
static size_t segment_bytes(const gan_reducer *r) {
  size_t slabs = r->node_rank == 0 ? 2 + (size_t)r->more : 1;
  return FLAGS_BYTES + slabs * stride(r) * sizeof(float);
}

/* Memory that the ranks of each node share; *mine: whether this one's has it. */
static gan_status try_window(gan_reducer *r, bool *mine, char why[GAN_WINDOW_WHY]) {
  int first = r->node_rank == 0;
  *mine = r->node_size == 1 || gan_window_create(r->node, segment_bytes(r), &r->shared, why);
  return check(r, MPI_Allreduce(&first, &r->nodes, 1, MPI_INT, MPI_SUM, r->comm->mpi));
}

/* On all nodes or on none. */
static gan_status share_memory(gan_reducer *r, const gan_reducer_spec *spec) {
  char why[GAN_WINDOW_WHY] = "";
  bool mine, missing;
  gan_comm_enter(r->comm, -1, r->what);
  GAN_TRY(gan_comm_leave(r->comm, try_window(r, &mine, why)));
  GAN_TRY(gan_comm_any_true(r->comm, !mine, &missing, r->what));
  r->window = !missing;
  if (!missing) return GAN_OK;
  /* the lowest rank that knows tells all */
  gan_status told = *why ? gan_fail(GAN_USAGE, "%s", why) : GAN_OK;
  if (gan_comm_agree(r->comm, told, r->what) == GAN_OK)
    told = gan_fail(GAN_USAGE, "the ranks of a node get no shared memory");
  if (spec->way == GAN_COMM_SUM_WINDOW)
    return gan_fail_context(GAN_USAGE,
                            "comm.sum is window; give it more (containers: --shm-size), or set "
                            "comm.sum to allreduce");
  gan_log("%s goes through MPI's allreduce: %s", r->what, gan_error_message());
  gan_fail_clear();
  return GAN_OK;
}

/* Whether some node has several ranks, and what the smallest has: the lanes. */
static gan_status compare_nodes(gan_reducer *r, int *most) {
  gan_comm_enter(r->comm, -1, r->what);
  return gan_comm_leave(r->comm, least_and_most(r, r->node_size, &r->lanes, most));
}

/* The ranks that sum the same lane. */
static gan_status find_lane(gan_reducer *r) {
  int colour = r->node_rank < r->lanes ? r->node_rank : MPI_UNDEFINED;
  gan_comm_enter(r->comm, -1, r->what);
  int code = MPI_Comm_split(r->comm->mpi, colour, r->comm->rank, &r->across);
  GAN_TRY(gan_comm_leave(r->comm, check(r, code)));
  if (r->across != MPI_COMM_NULL) MPI_Comm_size(r->across, &r->across_size);
  return GAN_OK;
}

static gan_status choose(gan_reducer *r, const gan_reducer_spec *spec) {
  int most = 1;
  if (r->comm->size == 1) return GAN_OK;
  if (spec->way != GAN_COMM_SUM_ALLREDUCE) {
    GAN_TRY(find_node(r, spec));
    GAN_TRY(compare_nodes(r, &most));
  }
  if (most > 1) GAN_TRY(share_memory(r, spec));
  if (!r->window) leave_node(r);
  return find_lane(r);
}

/* ---- memory ---- */

static gan_status take_memory(gan_reducer *r, const gan_reducer_spec *spec) {
  GAN_TRY_ALLOC(r->begins, r->buckets, "the plan of a sum");
  memcpy(r->begins, spec->begins, (size_t)r->buckets * sizeof *r->begins);
  GAN_TRY_ALLOC(r->requests, r->buckets, "the plan of a sum");
  for (int b = 0; b < r->buckets; b++) r->requests[b] = MPI_REQUEST_NULL;
  GAN_TRY_ALLOC(r->flags, r->node_size, "the plan of a sum");
  GAN_TRY_ALLOC(r->slabs, r->node_size, "the plan of a sum");
  r->rounds = spec->wire == GAN_WIRE_BF16 && r->across_size > 1;
  if (r->rounds) GAN_TRY(gan_wire_create(r->across, r->n / r->lanes + 2 * LINE, &r->wire));
  if (r->node_size > 1) return GAN_OK;
  GAN_TRY_ALLOC(r->own, r->n, "the gradients");
  return GAN_OK;
}

static void place_slabs(gan_reducer *r) {
  r->mine = r->sum = r->own;
  if (r->node_size == 1) return;
  for (int k = 0; k < r->node_size; k++) {
    r->flags[k] = (rank_flags *)(void *)r->shared.segments[k];
    r->slabs[k] = (float *)(void *)(r->shared.segments[k] + FLAGS_BYTES);
  }
  r->mine = r->slabs[r->node_rank];
  r->sum = r->slabs[0] + stride(r);
}

gan_status gan_reducer_create(gan_comm *comm, const gan_reducer_spec *spec, gan_reducer **out) {
  gan_reducer *r = *out = gan_alloc(1, sizeof *r, "a sum over ranks");
  GAN_TRY(gan_comm_agree(comm, r ? GAN_OK : GAN_NO_MEMORY, spec->what));
  *r = (gan_reducer){.comm = comm,
                     .what = spec->what,
                     .n = spec->n,
                     .more = spec->more,
                     .buckets = spec->buckets,
                     .node = MPI_COMM_NULL,
                     .across = MPI_COMM_NULL,
                     .node_size = 1,
                     .nodes = 1,
                     .lanes = 1,
                     .across_size = 1,
                     .shared.win = MPI_WIN_NULL};
  gan_status status = choose(r, spec);
  if (status == GAN_OK) status = take_memory(r, spec);
  status = gan_comm_agree(comm, status, spec->what);
  if (status == GAN_OK)
    place_slabs(r);
  else
    gan_reducer_destroy(out);
  return status;
}

void gan_reducer_destroy(gan_reducer **out) {
  gan_reducer *r = *out;
  if (!r) return;
  gan_window_reset(&r->shared);
  if (r->node != MPI_COMM_NULL) MPI_Comm_free(&r->node);
  if (r->across != MPI_COMM_NULL) MPI_Comm_free(&r->across);
  gan_wire_reset(&r->wire);
  gan_free(&r->begins);
  gan_free(&r->requests);
  gan_free(&r->flags);
  gan_free(&r->slabs);
  gan_free(&r->own);
  gan_free(out);
}

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
  return r->node_size > 1 ? r->sum + (size_t)(k + 1) * stride(r) : NULL;
}

static int64_t part_begin(const gan_reducer *r, int k) {
  int64_t at = (r->n + LINE - 1) / LINE * k / r->node_size * LINE;
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
  int64_t begin = r->begins[b], end = bucket_end(r, b), lines = (end - begin + LINE - 1) / LINE;
  int64_t at = begin + lines * k / r->lanes * LINE;
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
  if (b == r->buckets - 1) return check(r, sum_waiting(r, end - begin, values));
  GAN_ASSERT(end - begin <= GAN_COMM_PIECE && !r->rounds);
  return check(r, MPI_Iallreduce(MPI_IN_PLACE, values, (int)(end - begin), MPI_FLOAT, MPI_SUM,
                                 r->across, &r->requests[b]));
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
    GAN_TRY(check(r, MPI_Test(&r->requests[r->crossed], &there, MPI_STATUS_IGNORE)));
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

/* ---- the plan ---- */

char *gan_reducer_text(const gan_reducer *r, char *text, size_t size) {
  char all[16], first[16];
  size_t used = 0;
  if (r->window && r->nodes == 1)
    used = (size_t)snprintf(text, size, "in memory that %d ranks share", r->node_size);
  else if (r->window)
    used = (size_t)snprintf(text, size,
                            "in memory that the ranks of a node share, %d lane%s between %d nodes",
                            r->lanes, r->lanes == 1 ? "" : "s", r->nodes);
  else
    used = (size_t)snprintf(text, size, "MPI's allreduce");
  if (used < size && r->more && r->node_size > 1)
    used += (size_t)snprintf(text + used, size - used, ", as they do weights and moments");
  if (used < size && r->rounds) used += (size_t)snprintf(text + used, size - used, ", as bfloat16");
  if (used < size && r->buckets > 1)
    snprintf(text + used, size - used,
             "; %s in %d buckets, the first of %s, begun while backward goes on",
             gan_bytes_text(all, 4.0 * (double)r->n), r->buckets,
             gan_bytes_text(first, 4.0 * (double)(r->n - r->begins[0])));
  return text;
}
