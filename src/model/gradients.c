/* The gradients of the batch: sums over parts and ranks, begun while a backward pass goes on. */
#include "base/memory.h"
#include "model/build.h"

/* The first bucket, so that something is under way soon. */
static const double FIRST_BYTES = 1 << 20;

/* Slabs that the ranks of a node may share beside gradients: weights, and the optimizer's. */
enum { WEIGHTS, MOMENTS };

/* Cuts the slab at the beginnings of layers, from its end; one bucket is one sum of all. */
static void plan_buckets(const gan_net *net, const gan_config *config, gan_buckets *buckets,
                         int64_t *begins) {
  double bytes = config->comm.bucket_mb * 0x1p20;
  double wanted = bytes < FIRST_BYTES ? bytes : FIRST_BYTES;
  int64_t end = net->slab_size;
  const gan_tensor *tensor = net->tensors + net->tensor_count;
  for (int i = net->layer_count - 1; config->comm.overlap && i >= 0; i--) {
    int64_t begin = INT64_MAX;
    for (int t = 0; t < net->layers[i].tensor_count; t++)
      if ((--tensor)->kind == GAN_TENSOR_PARAM) begin = tensor->offset;
    if (begin == INT64_MAX || begin == 0 || (double)(end - begin) * sizeof(float) < wanted)
      continue;
    if (end - begin > GAN_BUCKET_MOST) break; /* the rest in one, which is waited for */
    buckets->layers[buckets->count] = i;
    begins[buckets->count++] = end = begin;
    wanted = bytes;
  }
  begins[buckets->count++] = 0;
}

static gan_status create(gan_net *net, gan_comm *comm, const gan_config *config, int moments,
                         int64_t *begins) {
  gan_buckets *buckets = &net->buckets;
  plan_buckets(net, config, buckets, begins);
  gan_reducer_spec spec = {.way = (gan_comm_sum)config->comm.sum,
                           .wire = (gan_wire)config->comm.wire,
                           .what = net->gradients_text,
                           .n = net->slab_size,
                           .buckets = buckets->count,
                           .begins = begins,
                           .more = config->comm.share_weights ? MOMENTS + moments : 0};
  GAN_TRY(gan_reducer_create(comm, &spec, &buckets->reducer));
  buckets->shares = spec.more && gan_reducer_shared(buckets->reducer, WEIGHTS);
  return GAN_OK;
}

/* The layers find gradients, and shared weights, where the reducer has them. */
static void move_slabs(gan_net *net) {
  const gan_reducer *reducer = net->buckets.reducer;
  gan_free(&net->grads);
  net->grads = gan_reducer_mine(reducer);
  net->summed = gan_reducer_sum(reducer);
  if (net->buckets.shares) {
    gan_free(&net->params);
    net->params = gan_reducer_shared(reducer, WEIGHTS);
  }
  gan_net_bind(net);
}

gan_status gan_net_join_ranks(gan_net *net, gan_comm *comm, const gan_config *config, int moments) {
  if (gan_comm_size(comm) == 1 || net->sums) return GAN_OK;
  GAN_ASSERT(net->grads && !net->buckets.reducer);
  int64_t *begins = gan_alloc((size_t)net->layer_count + 1, sizeof *begins, "a network's plan");
  net->buckets.layers =
      gan_alloc((size_t)net->layer_count + 1, sizeof *net->buckets.layers, "a network's plan");
  gan_status status = begins && net->buckets.layers ? GAN_OK : GAN_NO_MEMORY;
  status = gan_comm_agree(comm, status, net->gradients_text);
  if (status == GAN_OK) status = create(net, comm, config, moments, begins);
  gan_free(&begins);
  if (status == GAN_OK) move_slabs(net);
  return status;
}

void gan_buckets_release(gan_net *net) {
  if (net->buckets.reducer) net->grads = NULL; /* not ours */
  if (net->buckets.shares || net->borrows_params) net->params = NULL;
  gan_reducer_destroy(&net->buckets.reducer);
  gan_free(&net->buckets.layers);
}

float *gan_net_shared_slab(const gan_net *net, int which) {
  return net->buckets.shares ? gan_reducer_shared(net->buckets.reducer, MOMENTS + which) : NULL;
}

void gan_net_shared_part(const gan_net *net, int64_t *first, int64_t *end) {
  gan_reducer_part(net->buckets.reducer, first, end);
}

void gan_net_borrow_weights(gan_net *net, float *slab) {
  GAN_ASSERT(!net->grads && !net->borrows_params);
  gan_free(&net->params);
  net->params = slab;
  net->borrows_params = true;
  gan_net_bind(net);
}

gan_status gan_net_meet(gan_net *net) {
  return net->buckets.shares ? gan_reducer_meet(net->buckets.reducer) : GAN_OK;
}

gan_status gan_buckets_progress(gan_buckets *buckets, int layer) {
  if (!buckets->reducer || buckets->count == 1) return GAN_OK;
  for (; buckets->next < buckets->count - 1 && buckets->layers[buckets->next] >= layer;
       buckets->next++)
    GAN_TRY(gan_reducer_begin(buckets->reducer));
  return gan_reducer_progress(buckets->reducer);
}

gan_status gan_net_sum_gradients(gan_net *net, gan_comm *comm) {
  net->buckets.next = 0;
  if (net->buckets.reducer) return gan_reducer_finish(net->buckets.reducer);
  return gan_sums_slab(net->sums, comm, gan_net_parts(net), net->slab_size, net->param_tensors,
                       net->param_begins, net->grads, net->gradients_text);
}
