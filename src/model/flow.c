/* Where gradients lie on their way back: planned once, by going through the layers backward.
 *
 * Each of net->at has a gradient from when the last of its takers gives it to when the layer that
 * made it is done; those that do not live at the same time share a place.  A second taker's
 * gradient goes to a place of its own and is added. */
#include "base/memory.h"
#include "model/build.h"

#include <string.h>

enum { NONE = -1 };

typedef struct {
  const gan_net *net;
  int *place;    /* (layer_count + 1): of each gradient, or NONE */
  bool *taken;   /* (count) */
  int64_t *size; /* (count) floats a sample of the largest gradient there */
  int count;
} flow_plan;

static int64_t size_of(const gan_net *net, int value) {
  return gan_shape_size(value ? net->layers[value - 1].out : net->in);
}

static int take(flow_plan *plan, int value) {
  int place = 0;
  while (place < plan->count && plan->taken[place]) place++;
  if (place == plan->count) plan->count++;
  plan->taken[place] = true;
  int64_t size = size_of(plan->net, value);
  if (size > plan->size[place]) plan->size[place] = size;
  return place;
}

/* Input k of a layer whose output's gradient lies at `dy`; whether dy lives on as the input's. */
static bool plan_input(flow_plan *plan, gan_layer *layer, int k, int dy) {
  int value = layer->from[k];
  bool over = layer->type->in_place && k == 0;
  layer->adds_up[k] = plan->place[value] != NONE;
  layer->flow[k] = over ? GAN_FLOW_OVER_DY : take(plan, value);
  if (layer->adds_up[k]) return false;
  plan->place[value] = over ? dy : layer->flow[k];
  return over;
}

/* What was added to another's is free again; not before all inputs have a place, since a join gives
 * both before either is added. */
static void release_added(flow_plan *plan, const gan_layer *layer) {
  for (int k = 0; k < layer->inputs; k++)
    if (layer->adds_up[k] && layer->flow[k] != GAN_FLOW_OVER_DY)
      plan->taken[layer->flow[k]] = false;
}

static void plan_back(gan_net *net, flow_plan *plan) {
  memset(plan->place, NONE, (size_t)(net->layer_count + 1) * sizeof *plan->place);
  plan->place[net->last] = take(plan, net->last);
  for (int i = net->layer_count - 1; i >= 0; i--) {
    gan_layer *layer = &net->layers[i];
    if (layer->identity) continue;
    int dy = plan->place[i + 1];
    GAN_ASSERT(dy != NONE);
    bool lives = false;
    for (int k = 0; k < layer->inputs; k++) lives |= plan_input(plan, layer, k, dy);
    release_added(plan, layer);
    if (!lives) plan->taken[dy] = false;
  }
}

static gan_status cut(gan_net *net, const flow_plan *plan) {
  int64_t floats = 0;
  net->flow_count = plan->count;
  for (int i = 0; i < plan->count; i++) floats += gan_net_aligned(plan->size[i] * net->capacity);
  GAN_TRY_ALLOC(net->flow, plan->count, "the gradients of activations");
  GAN_TRY_ALLOC(net->flow_memory, floats, "the gradients of activations");
  net->flow_size = floats;
  net->activation_bytes += (size_t)floats * sizeof(float);
  float *at = net->flow_memory;
  for (int i = 0; i < plan->count; i++) {
    net->flow[i] = at;
    at += gan_net_aligned(plan->size[i] * net->capacity);
  }
  net->dout = net->flow[0];
  return GAN_OK;
}

gan_status gan_flow_reserve(gan_net *net) {
  size_t most = (size_t)net->layer_count + 1 + GAN_JOINED; /* all of `at`, and what is added */
  GAN_TRY_ALLOC(net->back, net->layer_count + 1, "a network's plan");
  flow_plan plan = {.net = net,
                    .place = gan_alloc(most, sizeof *plan.place, "a network's plan"),
                    .taken = gan_alloc(most, sizeof *plan.taken, "a network's plan"),
                    .size = gan_alloc(most, sizeof *plan.size, "a network's plan")};
  gan_status status = GAN_NO_MEMORY;
  if (plan.place && plan.taken && plan.size) {
    plan_back(net, &plan);
    status = cut(net, &plan);
  }
  gan_free(&plan.place);
  gan_free(&plan.taken);
  gan_free(&plan.size);
  return status;
}
