/* From the config's lists to a chain of layers, with branches where there are joins.
 *
 * A join's entry becomes the layers of its main branch, those of its shortcut, and the join itself,
 * one behind the other: every layer stands behind those whose outputs it takes. */
#include "model/build.h"

#include <stdio.h>
#include <string.h>

/* Where a network's ends meet images it puts in a reshape. */
enum { PUT_IN = 2 };

typedef struct {
  gan_net *net;
  const gan_net_spec *spec;
  size_t *work_bytes;
  uint32_t index; /* of the next layer of the config: a key of randomness */
} graph;

int gan_graph_size(const gan_net_spec *spec) {
  return gan_layers_total(spec->layers) + PUT_IN;
}

/* The shape of net->at[value]. */
static gan_shape shape_of(const gan_net *net, int value) {
  return value ? net->layers[value - 1].out : net->in;
}

/* Layers that do nothing have no output of their own: theirs is the one before. */
static int resolve(const gan_net *net, int value) {
  while (value && net->layers[value - 1].identity) value = net->layers[value - 1].from[0];
  return value;
}

/* Plans the layer behind those that are there; *value is what it takes, then what it gives. */
static gan_status add(graph *g, gan_layer layer, int *value) {
  gan_net *net = g->net;
  gan_layer *place = &net->layers[net->layer_count];
  layer.network = net->id;
  layer.in = shape_of(net, *value);
  if (!layer.inputs) {
    layer.inputs = 1;
    layer.from[0] = resolve(net, *value);
  }
  *place = layer;
  gan_layer_plan plan = {.net = net, .spec = g->spec, .layer = place};
  GAN_TRY(place->type->plan(place, &plan));
  int64_t size = gan_shape_size(place->out);
  if (size > INT32_MAX || size * net->capacity > INT64_MAX / 64)
    return gan_layer_reject(place, "a smaller output");
  size_t bytes = plan.work_fixed + plan.work_a_sample * (size_t)net->capacity;
  g->work_bytes[net->layer_count++] = (bytes + 63) / 64 * 64;
  *value = net->layer_count;
  return GAN_OK;
}

static gan_status add_list(graph *g, const gan_layer_list *list, const char *prefix, int *value);

/* Both branches from *value on; the join's `from` is where they end. */
static gan_status add_branches(graph *g, gan_layer *join, int *value) {
  const gan_branches *branches = join->parameters;
  char prefix[sizeof join->name + 16];
  int ends[GAN_JOINED] = {*value, *value};
  const gan_layer_list *lists[GAN_JOINED] = {&branches->main, &branches->shortcut};
  static const char *const names[GAN_JOINED] = {"main", "shortcut"};
  for (int i = 0; i < GAN_JOINED; i++) {
    snprintf(prefix, sizeof prefix, "%s.%s.", join->name, names[i]);
    GAN_TRY(add_list(g, lists[i], prefix, &ends[i]));
    join->from[i] = resolve(g->net, ends[i]);
  }
  join->inputs = GAN_JOINED;
  join->in_b = shape_of(g->net, ends[1]);
  *value = ends[0];
  return GAN_OK;
}

static gan_status add_entry(graph *g, const gan_layer_spec *spec, const char *prefix, int i,
                            int *value) {
  gan_layer layer = {.type = gan_layer_type_of(spec->schema),
                     .parameters = spec->parameters,
                     .origin = spec->origin,
                     .index = g->index++};
  int length = snprintf(layer.name, sizeof layer.name, "%s%d", prefix, i);
  if (length >= (int)sizeof layer.name) {
    char origin[512];
    return gan_fail(GAN_USAGE, "%s: layer %s...: lists of layers are nested too deeply",
                    gan_origin_text(origin, sizeof origin, spec->origin), layer.name);
  }
  if (layer.type->join) GAN_TRY(add_branches(g, &layer, value));
  return add(g, layer, value);
}

static gan_status add_list(graph *g, const gan_layer_list *list, const char *prefix, int *value) {
  for (int i = 0; i < list->count; i++) GAN_TRY(add_entry(g, &list->layers[i], prefix, i, value));
  return GAN_OK;
}

/* Before a linear first layer an image becomes a vector. */
static gan_status begin(graph *g, int *value) {
  bool first_is_linear = !strcmp(g->spec->layers->layers[0].schema->name, "linear");
  if (gan_shape_is_flat(g->net->in) || !first_is_linear) return GAN_OK;
  return add(g, (gan_layer){.type = &gan_layer_flatten}, value);
}

/* Behind a flat last layer a vector becomes the image that is wanted. */
static gan_status end(graph *g, int *value) {
  gan_net *net = g->net;
  const gan_net_spec *spec = g->spec;
  gan_shape shape = shape_of(net, *value);
  if (gan_shape_size(spec->out) == 0) net->out = shape;
  if (memcmp(&shape, &net->out, sizeof shape) == 0) return GAN_OK;
  if (gan_shape_is_flat(shape) && gan_shape_size(shape) == gan_shape_size(spec->out))
    return add(g, (gan_layer){.type = &gan_layer_reshape, .out = spec->out}, value);
  const gan_layer_spec *last = &spec->layers->layers[spec->layers->count - 1];
  char origin[512], given[64], wanted[64];
  return gan_fail(GAN_USAGE, "%s: key '%s': the last layer (%s) gives %s; the %s must give %s",
                  gan_origin_text(origin, sizeof origin, last->origin), spec->key,
                  last->schema->name, gan_shape_text(shape, given), spec->name,
                  gan_shape_text(spec->out, wanted));
}

gan_status gan_graph_build(gan_net *net, const gan_net_spec *spec, size_t *work_bytes) {
  graph g = {.net = net, .spec = spec, .work_bytes = work_bytes};
  int value = 0;
  GAN_TRY(begin(&g, &value));
  gan_status status = add_list(&g, spec->layers, "", &value);
  if (status != GAN_OK) return gan_fail_context(status, "key '%s'", spec->key);
  GAN_TRY(end(&g, &value));
  net->last = resolve(net, value);
  return GAN_OK;
}
