#include "model/build.h"

#include "base/memory.h"
#include "kernels/pointwise.h"

#include <stdio.h>
#include <string.h>

enum { LAYER_TENSORS = GAN_LAYER_TENSORS_MAX };

/* The product of two numbers that are not negative. */
static int64_t bounded_product(int64_t a, int64_t b) {
  return a && b > INT64_MAX / a ? INT64_MAX : a * b;
}

int64_t gan_shape_size(gan_shape shape) {
  return bounded_product(bounded_product(shape.h, shape.w), shape.c);
}

bool gan_shape_is_flat(gan_shape shape) {
  return shape.h == 1 && shape.w == 1;
}

char *gan_shape_text(gan_shape shape, char text[64]) {
  if (gan_shape_is_flat(shape))
    snprintf(text, 64, "%lld", (long long)shape.c);
  else
    snprintf(text, 64, "%lldx%lldx%lld", (long long)shape.h, (long long)shape.w,
             (long long)shape.c);
  return text;
}

gan_status gan_plan_tensor(gan_layer_plan *plan, gan_tensor_kind kind, const char *name,
                           gan_dims dims) {
  gan_net *net = plan->net;
  GAN_ASSERT(plan->layer->tensor_count < LAYER_TENSORS);
  gan_tensor *tensor = &net->tensors[net->tensor_count++];
  plan->layer->tensor_count++;
  snprintf(tensor->name, sizeof tensor->name, "%s.%s", plan->layer->name, name);
  tensor->kind = kind;
  tensor->rank = dims.rank;
  tensor->size = 1;
  for (int i = 0; i < dims.rank; i++) {
    tensor->dims[i] = dims.d[i];
    if (dims.d[i] < 1 || tensor->size > INT32_MAX / dims.d[i])
      return gan_layer_reject(plan->layer,
                              "sizes with which its weights have fewer than 2^31 numbers");
    tensor->size *= dims.d[i];
  }
  tensor->channels = dims.rank >= 3 ? dims.d[dims.rank - 3] : 0;
  int64_t *slab = kind == GAN_TENSOR_PARAM    ? &net->slab_size
                  : kind == GAN_TENSOR_BUFFER ? &net->buffer_size
                                              : &net->counter_count;
  tensor->offset = *slab;
  *slab += kind == GAN_TENSOR_COUNTER ? 1 : gan_net_aligned(tensor->size);
  if (kind == GAN_TENSOR_PARAM) net->param_count += tensor->size;
  return GAN_OK;
}

void gan_plan_channels_last(gan_layer_plan *plan, int64_t channels) {
  plan->net->tensors[plan->net->tensor_count - 1].channels = channels;
}

void gan_tensor_reorder(const gan_tensor *tensor, bool to_pytorch, const float *from, float *to) {
  int64_t c = tensor->channels, outer = tensor->rank == 4 ? tensor->dims[0] : 1;
  int64_t pixels = c ? tensor->size / outer / c : 0;
  if (!c)
    memcpy(to, from, (size_t)tensor->size * sizeof *to);
  else if (to_pytorch)
    gan_transpose(outer, pixels, c, from, to);
  else
    gan_transpose(outer, c, pixels, from, to);
}

size_t gan_plan_work(gan_layer_plan *plan, size_t fixed, size_t a_sample) {
  size_t before = plan->work_fixed;
  plan->work_fixed += (fixed + 63) / 64 * 64;
  plan->work_a_sample += a_sample;
  return before;
}

int64_t gan_plan_capacity(const gan_layer_plan *plan) {
  return plan->net->capacity;
}

int64_t gan_plan_share(const gan_layer_plan *plan) {
  return plan->spec->share ? plan->spec->share : plan->spec->capacity;
}

int64_t gan_plan_span(const gan_layer_plan *plan) {
  int64_t share = plan->spec->division.share;
  return share ? share * plan->net->sets : plan->net->capacity;
}

bool gan_plan_trains(const gan_layer_plan *plan) {
  return plan->spec->trains;
}

gan_status gan_layer_reject(const gan_layer *layer, const char *wanted) {
  char origin[512], text[64];
  const char *name = layer->type->schema.name;
  gan_shape_text(layer->in, text);
  if (layer->origin.kind == GAN_ORIGIN_NONE) /* the class asked for it */
    return gan_fail(GAN_USAGE,
                    "the layer %s that model.classes and model.label put in: %s reaches it; it "
                    "wants %s",
                    name, text, wanted);
  return gan_fail(GAN_USAGE, "%s: layer %s (%s): %s reaches it; it wants %s",
                  gan_origin_text(origin, sizeof origin, layer->origin), layer->name, name, text,
                  wanted);
}

gan_rng gan_layer_rng(const gan_layer *layer, uint64_t seed, gan_rng_purpose purpose, uint32_t pass,
                      uint32_t tensor) {
  return gan_rng_stream(seed, purpose, layer->network, pass, layer->index * LAYER_TENSORS + tensor);
}

/* How many take each of net->at; the caller takes the last one. */
static void count_takers(const gan_net *net, int *takers) {
  takers[net->last]++;
  for (int i = 0; i < net->layer_count; i++)
    for (int k = 0; k < net->layers[i].inputs && !net->layers[i].identity; k++)
      takers[net->layers[i].from[k]]++;
}

/* Whether layer i may write over its (first) input: nobody else takes it. */
static bool in_place(const gan_net *net, const int *takers, int i) {
  int from = net->layers[i].from[0];
  return net->layers[i].type->in_place && from > 0 && takers[from] == 1 &&
         !net->layers[from - 1].type->needs_y;
}

/* Bytes of all outputs and work areas; with memory behind it, carves them. */
static size_t carve(gan_net *net, const int *takers, const size_t *work_bytes, char *memory) {
  size_t used = 0;
  for (int i = 0; i < net->layer_count; i++) {
    gan_layer *layer = &net->layers[i];
    if (layer->identity) continue;
    if (in_place(net, takers, i)) {
      net->at[i + 1] = net->at[layer->from[0]];
    } else {
      if (memory) net->at[i + 1] = (float *)(memory + used);
      used += (size_t)gan_net_aligned(gan_shape_size(layer->out) * net->capacity) * sizeof(float);
    }
    if (memory) layer->work = memory + used;
    used += work_bytes[i];
  }
  return used;
}

static gan_status reserve_activations(gan_net *net, const int *takers, const size_t *work_bytes) {
  net->activation_bytes = carve(net, takers, work_bytes, NULL);
  GAN_TRY_ALLOC(net->activations, net->activation_bytes, "the activations");
  carve(net, takers, work_bytes, net->activations);
  return GAN_OK;
}

static gan_status list_begins(gan_net *net) {
  GAN_TRY_ALLOC(net->param_begins, net->tensor_count, "tensors");
  for (int i = 0; i < net->tensor_count; i++)
    if (net->tensors[i].kind == GAN_TENSOR_PARAM)
      net->param_begins[net->param_tensors++] = net->tensors[i].offset;
  return GAN_OK;
}

void gan_net_bind(gan_net *net) {
  gan_tensor *tensor = net->tensors;
  for (int i = 0; i < net->layer_count; i++) {
    gan_layer *layer = &net->layers[i];
    for (int t = 0; t < layer->tensor_count; t++, tensor++) {
      if (tensor->kind == GAN_TENSOR_COUNTER)
        layer->counter[t] = gan_net_tensor(net, tensor);
      else
        layer->value[t] = gan_net_tensor(net, tensor);
      if (tensor->kind == GAN_TENSOR_PARAM && net->grads)
        layer->gradient[t] = net->grads + tensor->offset;
    }
    layer->gradient_stride = net->slab_size;
  }
}

/* What adds up over spans, parts and ranks. */
static gan_status reserve_sums(gan_net *net) {
  const gan_division *division = &net->division;
  int64_t scratch = 0, sums = 0;
  for (int i = 0; i < net->layer_count; i++) {
    const gan_layer *layer = &net->layers[i];
    if (layer->scratch > scratch) scratch = layer->scratch;
    if (layer->sums > sums) sums = layer->sums;
    net->statistics_size += layer->statistics_count;
  }
  net->scratch_size = (scratch + 7) / 8 * 8;
  int64_t capacity = net->capacity / net->sets;
  int64_t spans = division->share ? (capacity + division->share - 1) / division->share : 1;
  GAN_TRY_ALLOC(net->scratch, spans * net->scratch_size, "partial sums");
  GAN_TRY_ALLOC(net->totals, sums, "sums over the batch");
  if (net->sums) GAN_TRY(gan_sums_reserve(net->sums, sums));
  GAN_TRY_ALLOC(net->statistics, gan_net_parts(net) * net->statistics_size, "statistics");
  double *statistics = net->statistics;
  for (int i = 0; i < net->layer_count; i++) {
    net->layers[i].statistics = statistics;
    net->layers[i].statistics_stride = net->statistics_size;
    statistics += net->layers[i].statistics_count;
  }
  return GAN_OK;
}

/* The layers of a network of `most` at most, and their memory. */
static gan_status build(gan_net *net, const gan_net_spec *spec, int most, size_t *work_bytes,
                        int *takers) {
  GAN_TRY_ALLOC(net->layers, most, "layers");
  GAN_TRY_ALLOC(net->tensors, most * LAYER_TENSORS, "tensors");
  GAN_TRY_ALLOC(net->at, most + 1, "layers");
  GAN_TRY(gan_graph_build(net, spec, work_bytes));
  GAN_TRY(list_begins(net));
  GAN_TRY_ALLOC(net->params, net->slab_size, "the weights");
  GAN_TRY_ALLOC(net->buffers, net->buffer_size, "the running statistics");
  GAN_TRY_ALLOC(net->counters, net->counter_count, "the counters");
  count_takers(net, takers);
  GAN_TRY(reserve_activations(net, takers, work_bytes));
  if (spec->trains) {
    GAN_TRY_ALLOC(net->grads, gan_net_parts(net) * net->slab_size, "the gradients");
    net->summed = net->grads;
    GAN_TRY(gan_flow_reserve(net));
    if (spec->tangents) GAN_TRY(gan_tangent_reserve(net));
  }
  gan_net_bind(net);
  gan_net_changed(net);
  return reserve_sums(net);
}

gan_status gan_net_create(const gan_net_spec *spec, gan_net **out) {
  gan_net *net;
  GAN_TRY_ALLOC(net, 1, "a network");
  *out = net;
  net->name = spec->name;
  snprintf(net->gradients_text, sizeof net->gradients_text, "the sum of the %s's gradients",
           spec->name);
  snprintf(net->statistics_text, sizeof net->statistics_text,
           "the sum of the %s's batch statistics", spec->name);
  net->id = spec->id;
  net->in = spec->in;
  net->out = spec->out;
  net->sets = spec->sets > 1 ? spec->sets : 1;
  net->capacity = spec->capacity * net->sets;
  net->division = spec->division;
  net->sums = spec->sums;
  int most = gan_graph_size(spec);
  size_t *work_bytes = gan_alloc((size_t)most, sizeof *work_bytes, "a network's plan");
  int *takers = gan_alloc((size_t)most + 1, sizeof *takers, "a network's plan");
  gan_status status =
      work_bytes && takers ? build(net, spec, most, work_bytes, takers) : GAN_NO_MEMORY;
  gan_free(&work_bytes);
  gan_free(&takers);
  if (status != GAN_OK) gan_net_destroy(out);
  return status;
}

void gan_net_destroy(gan_net **out) {
  gan_net *net = *out;
  if (!net) return;
  gan_buckets_release(net);
  gan_free(&net->layers);
  gan_free(&net->tensors);
  gan_free(&net->at);
  gan_free(&net->param_begins);
  gan_free(&net->params);
  gan_free(&net->grads);
  gan_free(&net->buffers);
  gan_free(&net->counters);
  gan_free(&net->activations);
  gan_free(&net->flow);
  gan_free(&net->flow_memory);
  gan_free(&net->back);
  gan_tangent_release(net);
  gan_free(&net->scratch);
  gan_free(&net->totals);
  gan_free(&net->statistics);
  gan_free(&net->mark.buffers);
  gan_free(&net->mark.counters);
  gan_free(&net->mark.passes);
  gan_free(&net->mark.statistics);
  gan_free(out);
}

static const char *apart(const gan_layer *layer) {
  if (!strcmp(layer->type->schema.name, "minibatch_stddev"))
    return "compares the samples of a pass";
  if (layer->sums || layer->group) return "normalises over the samples of a pass";
  if (layer->spectral.rows) return "takes a step of its power iteration with each pass";
  if (layer->tensor_count && !gan_shape_is_flat(layer->in))
    return "has rows enough for its products in each pass";
  return NULL;
}

const char *gan_net_apart(const gan_net *net, const gan_layer **layer) {
  for (int i = 0; i < net->layer_count; i++) {
    const char *why = apart(&net->layers[i]);
    if (!why) continue;
    *layer = &net->layers[i];
    return why;
  }
  return NULL;
}

void gan_net_init(gan_net *net, uint64_t seed, gan_init init, float std) {
  float *shared = net->buckets.shares ? net->params : NULL;
  if (shared) { /* made in this rank's own memory: others write theirs at the same time */
    net->params = net->grads;
    gan_net_bind(net);
  }
  for (int i = 0; i < net->layer_count; i++)
    if (net->layers[i].type->init) net->layers[i].type->init(&net->layers[i], seed, init, std);
  if (shared) {
    memcpy(shared, net->params, (size_t)net->slab_size * sizeof *shared);
    net->params = shared;
    gan_net_bind(net);
    gan_net_clear_gradients(net);
  }
  gan_net_changed(net);
}

void gan_net_changed(gan_net *net) {
  for (int i = 0; i < net->layer_count; i++) net->layers[i].stale = true;
}

void *gan_net_tensor(const gan_net *net, const gan_tensor *tensor) {
  switch (tensor->kind) {
  case GAN_TENSOR_PARAM:
    return net->params + tensor->offset;
  case GAN_TENSOR_BUFFER:
    return net->buffers + tensor->offset;
  case GAN_TENSOR_COUNTER:
    return net->counters + tensor->offset;
  }
  return NULL;
}
