#include "checkpoint/snapshot.h"

#include "base/memory.h"

#include <string.h>

struct gan_snapshot {
  gan_checkpoint_content source, copy;
  gan_net nets[GAN_CHECKPOINT_NETWORKS_MAX]; /* the sources' shapes over memory of ours */
  gan_optimizer optimizers[GAN_CHECKPOINT_NETWORKS_MAX];
  int64_t counters[GAN_CHECKPOINT_COUNTERS];
};

static size_t slab_bytes(const gan_net *net) {
  return (size_t)net->slab_size * sizeof(float);
}
static size_t buffer_bytes(const gan_net *net) {
  return (size_t)net->buffer_size * sizeof(float);
}
static size_t counter_bytes(const gan_net *net) {
  return (size_t)net->counter_count * sizeof(int64_t);
}

size_t gan_snapshot_bytes(const gan_learner *learners, int count) {
  size_t bytes = 0;
  for (int i = 0; i < count; i++) {
    const gan_net *net = learners[i].net;
    size_t slabs = 1 + (size_t)learners[i].optimizer->type->moment_count;
    bytes += slabs * slab_bytes(net) + buffer_bytes(net) + counter_bytes(net);
  }
  return bytes;
}

static gan_status reserve(gan_snapshot *snapshot, int i) {
  static const char what[] = "the copy of a network for its checkpoints";
  const gan_learner *source = &snapshot->source.learners[i];
  gan_net *net = &snapshot->nets[i];
  gan_optimizer *optimizer = &snapshot->optimizers[i];
  *net = *source->net;
  *optimizer = *source->optimizer;
  net->params = gan_alloc(1, slab_bytes(net), what);
  net->buffers = gan_alloc(1, buffer_bytes(net), what);
  net->counters = gan_alloc(1, counter_bytes(net), what);
  snapshot->copy.learners[i] = (gan_learner){net, optimizer};
  bool all = net->params && net->buffers && net->counters;
  for (int m = 0; m < optimizer->type->moment_count; m++) {
    optimizer->moments[m] = gan_alloc(1, slab_bytes(net), what);
    all = all && optimizer->moments[m];
  }
  return all ? GAN_OK : GAN_NO_MEMORY;
}

gan_status gan_snapshot_create(const gan_checkpoint_content *content, gan_snapshot **out) {
  gan_snapshot *snapshot;
  GAN_TRY_ALLOC(snapshot, 1, "a snapshot");
  *out = snapshot;
  snapshot->source = snapshot->copy = *content;
  gan_status status = GAN_OK;
  for (int i = 0; i < content->learner_count && status == GAN_OK; i++)
    status = reserve(snapshot, i);
  for (int i = 0; i < content->counter_count; i++)
    snapshot->copy.counters[i].value = &snapshot->counters[i];
  if (status != GAN_OK) gan_snapshot_destroy(out);
  return status;
}

void gan_snapshot_destroy(gan_snapshot **out) {
  gan_snapshot *snapshot = *out;
  if (!snapshot) return;
  for (int i = 0; i < GAN_CHECKPOINT_NETWORKS_MAX; i++) {
    gan_free(&snapshot->nets[i].params);
    gan_free(&snapshot->nets[i].buffers);
    gan_free(&snapshot->nets[i].counters);
    for (int m = 0; m < GAN_MOMENTS_MAX; m++) gan_free(&snapshot->optimizers[i].moments[m]);
  }
  gan_free(out);
}

void gan_snapshot_take(gan_snapshot *snapshot, const gan_run_facts *facts) {
  snapshot->copy.facts = *facts;
  for (int i = 0; i < snapshot->source.learner_count; i++) {
    const gan_net *from = snapshot->source.learners[i].net;
    const gan_optimizer *source = snapshot->source.learners[i].optimizer;
    gan_net *net = &snapshot->nets[i];
    gan_optimizer *optimizer = &snapshot->optimizers[i];
    memcpy(net->params, from->params, slab_bytes(net));
    memcpy(net->buffers, from->buffers, buffer_bytes(net));
    memcpy(net->counters, from->counters, counter_bytes(net));
    for (int m = 0; m < optimizer->type->moment_count; m++)
      memcpy(optimizer->moments[m], source->moments[m], slab_bytes(net));
    optimizer->step = source->step;
  }
  for (int i = 0; i < snapshot->source.counter_count; i++)
    snapshot->counters[i] = *snapshot->source.counters[i].value;
}

const gan_checkpoint_content *gan_snapshot_content(const gan_snapshot *snapshot) {
  return &snapshot->copy;
}
