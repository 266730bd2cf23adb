/* From the config's lists to a chain of layers, with branches where there are joins.
 *
 * A join's entry becomes the layers of its main branch, those of its shortcut, and the join itself,
 * one behind the other: every layer stands behind those whose outputs it takes. */
#include "model/build.h"

#include <stdio.h>
#include <string.h>

/* The most layers that a network puts in itself, at both ends. */
enum { PUT_IN = 6 };

/* The most numbers that a layer gives in a pass, and bytes that it works with: those of as many
 * layers as there can be (GAN_LAYERS_MAX) add up to less than 2^63 bytes. */
static const int64_t PASS_MAX = (int64_t)1 << 48;

/* Those with weights have keys of randomness of their own, beyond any list's. */
enum { INDEX_EMBED = 1 << 24, INDEX_PROJECT, INDEX_CLASSIFY };

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
  layer.classes = g->spec->classes;
  layer.in = shape_of(net, *value);
  if (!layer.inputs) {
    layer.inputs = 1;
    layer.from[0] = resolve(net, *value);
  }
  *place = layer;
  gan_layer_plan plan = {.net = net, .spec = g->spec, .layer = place};
  GAN_TRY(place->type->plan(place, &plan));
  int64_t size = gan_shape_size(place->out);
  size_t bytes = plan.work_fixed + plan.work_a_sample * (size_t)net->capacity;
  if (size > INT32_MAX || size * net->capacity > PASS_MAX || bytes > (size_t)PASS_MAX)
    return gan_layer_reject(place, "sizes with which its output is smaller");
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

/* ---- the ends ---- */

/* Puts in a layer of the network's own, with the name that its tensors have. */
static gan_status put_in(graph *g, gan_layer layer, const char *name, int *value) {
  snprintf(layer.name, sizeof layer.name, "%s", name);
  return add(g, layer, value);
}

/* The class joins what `value` holds. */
static gan_status join_class(graph *g, int *value) {
  gan_net *net = g->net;
  gan_layer one_hot = {.type = &gan_layer_one_hot};
  gan_layer embedding = {
      .type = &gan_layer_embedding, .parameters = &net->embed, .index = INDEX_EMBED};
  net->embed.units = g->spec->label_units;
  if (g->spec->label == GAN_LABEL_ONE_HOT) return put_in(g, one_hot, "", value);
  if (g->spec->label == GAN_LABEL_EMBEDDING) return put_in(g, embedding, "embed", value);
  return GAN_OK;
}

/* Layers before which a network flattens images by itself. */
static bool wants_vector(const gan_layer_spec *spec) {
  return !strcmp(spec->schema->name, "linear") || !strcmp(spec->schema->name, "maxout");
}

/* Before layer i, the first that is not an augmentation: an image becomes a vector for a linear
 * layer, and the class joins it. */
static gan_status begin(graph *g, int i, int *value) {
  gan_layer flatten = {.type = &gan_layer_flatten};
  bool flat = gan_shape_is_flat(shape_of(g->net, *value));
  if (!flat && wants_vector(&g->spec->layers->layers[i])) GAN_TRY(put_in(g, flatten, "", value));
  return join_class(g, value);
}

static gan_status add_lists(graph *g, int *value) {
  const gan_layer_list *list = g->spec->layers;
  int first = 0; /* that is not an augmentation */
  while (first + 1 < list->count && !strcmp(list->layers[first].schema->name, "diff_augment"))
    first++;
  for (int i = 0; i < list->count; i++) {
    if (i == first) GAN_TRY(begin(g, i, value));
    GAN_TRY(add_entry(g, &list->layers[i], "", i, value));
  }
  return GAN_OK;
}

static const gan_layer_spec *last_of(const gan_net_spec *spec) {
  return &spec->layers->layers[spec->layers->count - 1];
}

/* The last layer gives what is wanted; a vector becomes the image. */
static gan_status check_end(graph *g, int *value) {
  gan_net *net = g->net;
  const gan_net_spec *spec = g->spec;
  gan_shape shape = shape_of(net, *value);
  gan_layer reshape = {.type = &gan_layer_reshape, .out = spec->out};
  if (gan_shape_size(spec->out) == 0) net->out = shape;
  if (memcmp(&shape, &net->out, sizeof shape) == 0) return GAN_OK;
  if (gan_shape_is_flat(shape) && gan_shape_size(shape) == gan_shape_size(spec->out))
    return put_in(g, reshape, "", value);
  char origin[512], given[64], wanted[64];
  return gan_fail(GAN_USAGE, "%s: key '%s': the last layer (%s) gives %s; the %s must give %s",
                  gan_origin_text(origin, sizeof origin, last_of(spec)->origin), spec->key,
                  last_of(spec)->schema->name, gan_shape_text(shape, given), spec->name,
                  gan_shape_text(spec->out, wanted));
}

/* *value and `other` meet in a layer of the network's own. */
static gan_status meet(graph *g, const gan_layer_type *type, int other, int *value) {
  gan_layer join = {.type = type,
                    .inputs = GAN_JOINED,
                    .from = {resolve(g->net, *value), resolve(g->net, other)},
                    .in_b = shape_of(g->net, other)};
  return put_in(g, join, "", value);
}

/* Beside the last layer, from what reaches it: a projection on the class, or a head that tells it.
 */
static gan_status judge_class(graph *g, int *value) {
  gan_net *net = g->net;
  int other = net->layers[*value - 1].from[0];
  gan_layer project = {.type = &gan_layer_project, .index = INDEX_PROJECT};
  gan_layer flatten = {.type = &gan_layer_flatten};
  gan_layer classify = {
      .type = &gan_layer_linear, .parameters = &net->classify, .index = INDEX_CLASSIFY};
  if (g->spec->label == GAN_LABEL_PROJECTION) {
    GAN_TRY(put_in(g, project, "project", &other));
    return meet(g, &gan_layer_residual, other, value);
  }
  net->classify = (gan_linear_options){.units = g->spec->classes, .bias = true};
  if (!gan_shape_is_flat(shape_of(net, other))) GAN_TRY(put_in(g, flatten, "", &other));
  GAN_TRY(put_in(g, classify, "classify", &other));
  GAN_TRY(meet(g, &gan_layer_concat, other, value));
  net->out = shape_of(net, *value);
  return GAN_OK;
}

/* What stands beside the last layer needs one that has weights. */
static gan_status check_last(const gan_net_spec *spec) {
  const char *name = last_of(spec)->schema->name;
  char origin[512];
  if (!strcmp(name, "linear") || !strcmp(name, "conv2d")) return GAN_OK;
  return gan_fail(
      GAN_USAGE,
      "%s: key '%s': the last layer is %s; with model.label.discriminator projection or "
      "auxiliary it must be linear or conv2d, which gives the logit",
      gan_origin_text(origin, sizeof origin, last_of(spec)->origin), spec->key, name);
}

gan_status gan_graph_build(gan_net *net, const gan_net_spec *spec, size_t *work_bytes) {
  graph g = {.net = net, .spec = spec, .work_bytes = work_bytes};
  int value = 0;
  bool judges = spec->label == GAN_LABEL_PROJECTION || spec->label == GAN_LABEL_AUXILIARY;
  if (judges) GAN_TRY(check_last(spec));
  gan_status status = add_lists(&g, &value);
  if (status != GAN_OK) return gan_fail_context(status, "key '%s'", spec->key);
  GAN_TRY(check_end(&g, &value));
  if (judges) GAN_TRY(judge_class(&g, &value));
  net->last = resolve(net, value);
  return GAN_OK;
}
