/* What passes in training leave behind in a network beside gradients, and how it is undone. */
#include "base/memory.h"
#include "model/net.h"

#include <float.h>
#include <math.h>
#include <string.h>

/* The sum over as many parts as there can be (data.shards is at most 2^16) still fits a float,
 * which is what becomes of it. */
static const double PART_MAX = (double)FLT_MAX / 0x1p17;

static size_t statistics_bytes(const gan_net *net) {
  return (size_t)(gan_net_parts(net) * net->statistics_size) * sizeof *net->statistics;
}

gan_status gan_net_reserve_mark(gan_net *net) {
  GAN_TRY_ALLOC(net->mark.buffers, net->buffer_size, "a copy of the running statistics");
  GAN_TRY_ALLOC(net->mark.counters, net->counter_count, "a copy of the counters");
  GAN_TRY_ALLOC(net->mark.passes, net->layer_count, "a copy of the counters");
  GAN_TRY_ALLOC(net->mark.statistics, gan_net_parts(net) * net->statistics_size,
                "a copy of the statistics");
  return GAN_OK;
}

void gan_net_mark(gan_net *net) {
  memcpy(net->mark.buffers, net->buffers, (size_t)net->buffer_size * sizeof(float));
  memcpy(net->mark.counters, net->counters, (size_t)net->counter_count * sizeof(int64_t));
  memcpy(net->mark.statistics, net->statistics, statistics_bytes(net));
  for (int i = 0; i < net->layer_count; i++) net->mark.passes[i] = net->layers[i].passes;
}

void gan_net_return(gan_net *net) {
  memcpy(net->buffers, net->mark.buffers, (size_t)net->buffer_size * sizeof(float));
  memcpy(net->counters, net->mark.counters, (size_t)net->counter_count * sizeof(int64_t));
  memcpy(net->statistics, net->mark.statistics, statistics_bytes(net));
  for (int i = 0; i < net->layer_count; i++) net->layers[i].passes = net->mark.passes[i];
}

bool gan_net_traces_finite(const gan_net *net) {
  int64_t statistics = gan_net_parts(net) * net->statistics_size;
  bool finite = true;
  for (int64_t i = 0; i < net->buffer_size; i++) finite &= isfinite(net->buffers[i]) != 0;
  for (int64_t i = 0; i < statistics; i++) finite &= fabs(net->statistics[i]) <= PART_MAX;
  return finite;
}

void gan_net_clear_gradients(gan_net *net) {
  size_t slab = (size_t)net->slab_size * sizeof(float);
  if (net->grads) memset(net->grads, 0, (size_t)gan_net_parts(net) * slab);
}

void gan_net_clear(gan_net *net) {
  gan_net_clear_gradients(net);
  memset(net->params, 0, (size_t)net->slab_size * sizeof(float));
  memset(net->buffers, 0, (size_t)net->buffer_size * sizeof(float));
  memset(net->counters, 0, (size_t)net->counter_count * sizeof(int64_t));
  memset(net->statistics, 0, statistics_bytes(net));
  for (int i = 0; i < net->layer_count; i++) net->layers[i].passes = 0;
  gan_net_changed(net);
}
