/* The making of a reducer: nodes, lanes, memory. */
#include "comm/nodes.h"

#include "base/log.h"
#include "base/memory.h"

#include <stdio.h>
#include <string.h>

gan_status gan_reducer_check(const gan_reducer *r, int code) {
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
  GAN_TRY(gan_comm_leave(r->comm, gan_reducer_check(r, code)));
  r->node = node;
  if (spec->apart) {
    code = MPI_Comm_split(node, r->comm->rank % spec->apart, r->comm->rank, &r->node);
    MPI_Comm_free(&node);
    GAN_TRY(gan_reducer_check(r, code));
  }
  MPI_Comm_set_errhandler(r->node, MPI_ERRORS_RETURN);
  MPI_Comm_rank(r->node, &r->node_rank);
  MPI_Comm_size(r->node, &r->node_size);
  return GAN_OK;
}

static gan_status least_and_most(gan_reducer *r, int mine, int *least, int *most) {
  int both[2] = {-mine, mine}, all[2];
  GAN_TRY(gan_reducer_check(r, MPI_Allreduce(both, all, 2, MPI_INT, MPI_MAX, r->comm->mpi)));
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

size_t gan_reducer_stride(const gan_reducer *r) {
  return ((size_t)r->n + GAN_LINE) / GAN_LINE * GAN_LINE;
}

/* A segment: flags, this rank's slab, and of the first one the sum and what else is shared. */
static size_t segment_bytes(const gan_reducer *r) {
  size_t slabs = r->node_rank == 0 ? 2 + (size_t)r->more : 1;
  return GAN_FLAGS_BYTES + slabs * gan_reducer_stride(r) * sizeof(float);
}

/* Memory that the ranks of each node share; *mine: whether this one's has it. */
static gan_status try_window(gan_reducer *r, bool *mine, char why[GAN_WINDOW_WHY]) {
  int first = r->node_rank == 0;
  *mine = r->node_size == 1 || gan_window_create(r->node, segment_bytes(r), &r->shared, why);
  return gan_reducer_check(r, MPI_Allreduce(&first, &r->nodes, 1, MPI_INT, MPI_SUM, r->comm->mpi));
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
  GAN_TRY(gan_comm_leave(r->comm, gan_reducer_check(r, code)));
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
  if (r->rounds) GAN_TRY(gan_wire_create(r->across, r->n / r->lanes + 2 * GAN_LINE, &r->wire));
  if (r->node_size > 1) return GAN_OK;
  GAN_TRY_ALLOC(r->own, r->n, "the gradients");
  return GAN_OK;
}

static void place_slabs(gan_reducer *r) {
  r->mine = r->sum = r->own;
  if (r->node_size == 1) return;
  for (int k = 0; k < r->node_size; k++) {
    r->flags[k] = (gan_rank_flags *)(void *)r->shared.segments[k];
    r->slabs[k] = (float *)(void *)(r->shared.segments[k] + GAN_FLAGS_BYTES);
  }
  r->mine = r->slabs[r->node_rank];
  r->sum = r->slabs[0] + gan_reducer_stride(r);
}

gan_status gan_reducer_create(gan_comm *comm, const gan_reducer_spec *spec, gan_reducer **out) {
  gan_reducer *r = *out = gan_alloc(1, sizeof *r, "a sum over ranks");
  gan_status room = gan_comm_agree(comm, r ? GAN_OK : GAN_NO_MEMORY, spec->what);
  if (room != GAN_OK) gan_free(out);
  GAN_TRY(room);
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
