#include "checkpoint/snapshot.h"

#include "base/memory.h"

#include <string.h>

struct gan_snapshot {
  gan_checkpoint_content source, copy;
  gan_net nets[GAN_CHECKPOINT_NETWORKS_MAX]; /* the sources' shapes over memory of ours */
  gan_optimizer optimizers[GAN_CHECKPOINT_NETWORKS_MAX];
  gan_net averaged[GAN_CHECKPOINT_NETWORKS_MAX];
  gan_average averages[GAN_CHECKPOINT_NETWORKS_MAX];
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
    size_t rest = buffer_bytes(net) + counter_bytes(net);
    bytes += slabs * slab_bytes(net) + rest;
    if (learners[i].average) bytes += slab_bytes(net) + rest;
  }
  return bytes;
}

static const char WHAT[] = "the copy of a network for its checkpoints";

static gan_status reserve_network(const gan_net *source, gan_net *net) {
  *net = *source;
  net->params = gan_alloc(1, slab_bytes(net), WHAT);
  net->buffers = gan_alloc(1, buffer_bytes(net), WHAT);
  net->counters = gan_alloc(1, counter_bytes(net), WHAT);
  return net->params && net->buffers && net->counters ? GAN_OK : GAN_NO_MEMORY;
}

/* What is taken is in the snapshot at once, so that a failure frees it. */
static gan_status reserve(gan_snapshot *snapshot, int i) {
  const gan_learner *source = &snapshot->source.learners[i];
  gan_learner *copy = &snapshot->copy.learners[i];
  gan_optimizer *optimizer = &snapshot->optimizers[i];
  *optimizer = *source->optimizer;
  *copy = (gan_learner){.net = &snapshot->nets[i], .optimizer = optimizer};
  bool all = true;
  for (int m = 0; m < optimizer->type->moment_count; m++) {
    optimizer->moments[m] = gan_alloc(1, slab_bytes(source->net), WHAT);
    all = all && optimizer->moments[m];
  }
  GAN_TRY(reserve_network(source->net, copy->net));
  if (!source->average) return all ? GAN_OK : GAN_NO_MEMORY;
  copy->average = &snapshot->averages[i];
  *copy->average = *source->average;
  copy->average->net = &snapshot->averaged[i];
  GAN_TRY(reserve_network(source->average->net, copy->average->net));
  return all ? GAN_OK : GAN_NO_MEMORY;
}

static void release_network(gan_net *net) {
  gan_free(&net->params);
  gan_free(&net->buffers);
  gan_free(&net->counters);
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
    release_network(&snapshot->nets[i]);
    release_network(&snapshot->averaged[i]);
    for (int m = 0; m < GAN_MOMENTS_MAX; m++) gan_free(&snapshot->optimizers[i].moments[m]);
  }
  gan_free(out);
}

static void take_network(const gan_net *from, gan_net *to) {
  memcpy(to->params, from->params, slab_bytes(to));
  memcpy(to->buffers, from->buffers, buffer_bytes(to));
  memcpy(to->counters, from->counters, counter_bytes(to));
}

static void take_learner(const gan_learner *from, gan_learner *to) {
  take_network(from->net, to->net);
  for (int m = 0; m < to->optimizer->type->moment_count; m++)
    memcpy(to->optimizer->moments[m], from->optimizer->moments[m], slab_bytes(to->net));
  to->optimizer->step = from->optimizer->step;
  if (!from->average) return;
  take_network(from->average->net, to->average->net);
  to->average->updates = from->average->updates;
}

void gan_snapshot_take(gan_snapshot *snapshot, const gan_run_facts *facts) {
  snapshot->copy.facts = *facts;
  for (int i = 0; i < snapshot->source.learner_count; i++)
    take_learner(&snapshot->source.learners[i], &snapshot->copy.learners[i]);
  for (int i = 0; i < snapshot->source.counter_count; i++)
    snapshot->counters[i] = *snapshot->source.counters[i].value;
}

const gan_checkpoint_content *gan_snapshot_content(const gan_snapshot *snapshot) {
  return &snapshot->copy;
}
