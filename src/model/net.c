#include "model/net.h"

#include "base/memory.h"

#include <stdio.h>
#include <string.h>

enum { ALIGN_FLOATS = 16, LAYER_TENSORS = GAN_LAYER_TENSORS_MAX };

/* What plan functions add to. */
struct gan_layer_plan {
  gan_net *net;
  const gan_net_spec *spec;
  gan_layer *layer;
  size_t work_fixed, work_a_sample;
};

int64_t gan_shape_size(gan_shape shape) {
  return shape.h * shape.w * shape.c;
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

static int64_t aligned(int64_t floats) {
  return (floats + ALIGN_FLOATS - 1) / ALIGN_FLOATS * ALIGN_FLOATS;
}

gan_status gan_plan_tensor(gan_layer_plan *plan, gan_tensor_kind kind, const char *name, int rank,
                           int64_t d0, int64_t d1) {
  gan_net *net = plan->net;
  GAN_ASSERT(plan->layer->tensor_count < LAYER_TENSORS);
  gan_tensor *tensor = &net->tensors[net->tensor_count++];
  plan->layer->tensor_count++;
  snprintf(tensor->name, sizeof tensor->name, "%s.%s", plan->layer->name, name);
  tensor->kind = kind;
  tensor->rank = rank;
  tensor->dims[0] = d0;
  tensor->dims[1] = d1;
  tensor->size = rank == 0 ? 1 : rank == 1 ? d0 : d0 * d1;
  int64_t *slab = kind == GAN_TENSOR_PARAM    ? &net->slab_size
                  : kind == GAN_TENSOR_BUFFER ? &net->buffer_size
                                              : &net->counter_count;
  tensor->offset = *slab;
  *slab += kind == GAN_TENSOR_COUNTER ? 1 : aligned(tensor->size);
  if (kind == GAN_TENSOR_PARAM) net->param_count += tensor->size;
  return GAN_OK;
}

void gan_plan_work(gan_layer_plan *plan, size_t fixed, size_t a_sample) {
  plan->work_fixed += fixed;
  plan->work_a_sample += a_sample;
}

int64_t gan_plan_capacity(const gan_layer_plan *plan) {
  return plan->spec->capacity;
}

int64_t gan_plan_share(const gan_layer_plan *plan) {
  return plan->spec->share ? plan->spec->share : plan->spec->capacity;
}

bool gan_plan_trains(const gan_layer_plan *plan) {
  return plan->spec->trains;
}

gan_status gan_layer_reject(const gan_layer *layer, const char *wanted) {
  char origin[512], text[64];
  return gan_fail(GAN_USAGE, "%s: layer %s (%s): %s reaches it; it wants %s",
                  gan_origin_text(origin, sizeof origin, layer->origin), layer->name,
                  layer->type->schema.name, gan_shape_text(layer->in, text), wanted);
}

gan_rng gan_layer_rng(const gan_layer *layer, uint64_t seed, gan_rng_purpose purpose, uint32_t pass,
                      uint32_t tensor) {
  return gan_rng_stream(seed, purpose, layer->network, pass, layer->index * LAYER_TENSORS + tensor);
}

/* One layer planned; its work memory is counted in, and carved later. */
static gan_status plan_layer(gan_net *net, const gan_net_spec *spec, gan_layer *layer,
                             size_t *work_bytes) {
  gan_layer_plan plan = {.net = net, .spec = spec, .layer = layer};
  layer->network = net->id;
  GAN_TRY(layer->type->plan(layer, &plan));
  int64_t size = gan_shape_size(layer->out);
  if (size > INT32_MAX || size * net->capacity > INT64_MAX / 64)
    return gan_layer_reject(layer, "a smaller output");
  *work_bytes = plan.work_fixed + plan.work_a_sample * (size_t)net->capacity;
  *work_bytes = (*work_bytes + 63) / 64 * 64;
  return GAN_OK;
}

/* The config's layers, and where its ends meet images: a flatten before a linear first layer, a
 * reshape behind a flat last one. */
static gan_status plan_layers(gan_net *net, const gan_net_spec *spec, size_t *work_bytes) {
  gan_shape shape = spec->in;
  const gan_layer_list *list = spec->layers;
  bool first_is_linear = !strcmp(list->layers[0].schema->name, "linear");
  if (!gan_shape_is_flat(shape) && first_is_linear) {
    gan_layer *layer = &net->layers[net->layer_count];
    *layer = (gan_layer){.type = &gan_layer_flatten, .in = shape, .name = ""};
    GAN_TRY(plan_layer(net, spec, layer, &work_bytes[net->layer_count++]));
    shape = layer->out;
  }
  for (int i = 0; i < list->count; i++) {
    gan_layer *layer = &net->layers[net->layer_count];
    *layer = (gan_layer){.type = gan_layer_type_of(list->layers[i].schema),
                         .parameters = list->layers[i].parameters,
                         .origin = list->layers[i].origin,
                         .index = (uint32_t)i,
                         .in = shape};
    snprintf(layer->name, sizeof layer->name, "%d", i);
    gan_status status = plan_layer(net, spec, layer, &work_bytes[net->layer_count++]);
    if (status != GAN_OK) return gan_fail_context(status, "key '%s'", spec->key);
    shape = layer->out;
  }
  if (gan_shape_size(spec->out) == 0) net->out = shape;
  if (memcmp(&shape, &net->out, sizeof shape) == 0) return GAN_OK;
  if (!gan_shape_is_flat(shape) || gan_shape_size(shape) != gan_shape_size(spec->out)) {
    char origin[512], last[64], wanted[64];
    gan_origin_text(origin, sizeof origin, list->layers[list->count - 1].origin);
    return gan_fail(GAN_USAGE, "%s: key '%s': the last layer (%s) gives %s; the %s must give %s",
                    origin, spec->key, list->layers[list->count - 1].schema->name,
                    gan_shape_text(shape, last), spec->name, gan_shape_text(spec->out, wanted));
  }
  gan_layer *layer = &net->layers[net->layer_count];
  *layer = (gan_layer){.type = &gan_layer_reshape, .in = shape, .out = spec->out, .name = ""};
  return plan_layer(net, spec, layer, &work_bytes[net->layer_count++]);
}

/* Whether layer i may write over its input. */
static bool in_place(const gan_net *net, int i) {
  const gan_layer *layer = &net->layers[i];
  if (layer->identity) return true;
  if (!layer->type->in_place || i == 0) return false;
  /* the input is somebody's output: the last layer before it that is not an alias */
  int before = i - 1;
  while (before >= 0 && net->layers[before].identity) before--;
  return before >= 0 && !net->layers[before].type->needs_y;
}

/* Bytes of all outputs and work areas; with memory behind it, carves them. */
static size_t carve(gan_net *net, const size_t *work_bytes, char *memory) {
  size_t used = 0;
  for (int i = 0; i < net->layer_count; i++) {
    size_t bytes = (size_t)(aligned(gan_shape_size(net->layers[i].out) * net->capacity)) * 4;
    if (in_place(net, i)) {
      net->at[i + 1] = net->at[i];
    } else {
      if (memory) net->at[i + 1] = (float *)(memory + used);
      used += bytes;
    }
    if (memory) net->layers[i].work = memory + used;
    used += work_bytes[i];
  }
  return used;
}

static int64_t widest(const gan_net *net) {
  int64_t most = gan_shape_size(net->in);
  for (int i = 0; i < net->layer_count; i++)
    if (gan_shape_size(net->layers[i].out) > most) most = gan_shape_size(net->layers[i].out);
  return most;
}

static gan_status list_begins(gan_net *net) {
  GAN_TRY_ALLOC(net->param_begins, net->tensor_count, "tensors");
  for (int i = 0; i < net->tensor_count; i++)
    if (net->tensors[i].kind == GAN_TENSOR_PARAM)
      net->param_begins[net->param_tensors++] = net->tensors[i].offset;
  return GAN_OK;
}

/* Gives each layer the places of its tensors. */
static void bind_tensors(gan_net *net) {
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
  net->scratch_size = scratch;
  int64_t spans = division->share ? (net->capacity + division->share - 1) / division->share : 1;
  GAN_TRY_ALLOC(net->scratch, spans * scratch, "partial sums");
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

static gan_status build(gan_net *net, const gan_net_spec *spec, size_t *work_bytes) {
  int most = spec->layers->count + 2;
  GAN_TRY_ALLOC(net->layers, most, "layers");
  GAN_TRY_ALLOC(net->tensors, most * LAYER_TENSORS, "tensors");
  GAN_TRY_ALLOC(net->at, most + 1, "layers");
  GAN_TRY(plan_layers(net, spec, work_bytes));
  GAN_TRY(list_begins(net));
  GAN_TRY_ALLOC(net->params, net->slab_size, "the weights");
  GAN_TRY_ALLOC(net->buffers, net->buffer_size, "the running statistics");
  GAN_TRY_ALLOC(net->counters, net->counter_count, "the counters");
  net->activation_bytes = carve(net, work_bytes, NULL);
  GAN_TRY_ALLOC(net->activations, net->activation_bytes, "the activations");
  carve(net, work_bytes, net->activations);
  if (spec->trains) {
    int64_t flow = aligned(widest(net) * net->capacity);
    GAN_TRY_ALLOC(net->grads, gan_net_parts(net) * net->slab_size, "the gradients");
    GAN_TRY_ALLOC(net->flow[0], 2 * flow, "the gradients of activations");
    net->flow[1] = net->flow[0] + flow;
    net->dout = net->flow[0];
    net->activation_bytes += (size_t)(2 * flow) * sizeof(float);
  }
  bind_tensors(net);
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
  net->capacity = spec->capacity;
  net->division = spec->division;
  net->sums = spec->sums;
  size_t *work_bytes =
      gan_alloc((size_t)spec->layers->count + 2, sizeof *work_bytes, "a network's plan");
  gan_status status = work_bytes ? build(net, spec, work_bytes) : GAN_NO_MEMORY;
  gan_free(&work_bytes);
  if (status != GAN_OK) gan_net_destroy(out);
  return status;
}

void gan_net_destroy(gan_net **out) {
  gan_net *net = *out;
  if (!net) return;
  gan_free(&net->layers);
  gan_free(&net->tensors);
  gan_free(&net->at);
  gan_free(&net->param_begins);
  gan_free(&net->params);
  gan_free(&net->grads);
  gan_free(&net->buffers);
  gan_free(&net->counters);
  gan_free(&net->activations);
  gan_free(&net->flow[0]);
  gan_free(&net->scratch);
  gan_free(&net->totals);
  gan_free(&net->statistics);
  gan_free(&net->mark.buffers);
  gan_free(&net->mark.counters);
  gan_free(&net->mark.passes);
  gan_free(&net->mark.statistics);
  gan_free(out);
}

void gan_net_init(gan_net *net, uint64_t seed, gan_init init, float std) {
  for (int i = 0; i < net->layer_count; i++)
    if (net->layers[i].type->init) net->layers[i].type->init(&net->layers[i], seed, init, std);
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
