/* Gradients of gradients, for penalties: directions through a network, and back along them.
 *
 * A direction tx at the input of a layer y = f(x, w) becomes ty = J tx, J the Jacobian of f by x at
 * the x of the last forward (forward mode).  What is learned from is a scalar <e, ty> of the last
 * ty.  Its gradient goes back (reverse mode over it) through two values a layer:
 *
 *   dty, the gradient of ty:   dtx = J^T dty,            dw += gradient by w of <dty, J tx>
 *   dy, the gradient of y:     dx  = J^T dy + bend,      dw += gradient by w of <dy, f>
 *
 * where bend, the gradient by x of <dty, J tx>, is what a second derivative gives.  Of layers that
 * are linear in pieces (all but smooth activations and norms) it is 0, and where a network has
 * no others dy is 0 everywhere: the second line, half of the work, is left out.
 *
 * The gradients of y lie in a twin of the memory of those of ty: the same places by the same plan
 * (flow.c). */
#include "base/memory.h"
#include "kernels/pointwise.h"
#include "model/build.h"

#include <string.h>

/* ---- memory ---- */

static gan_status reject(const gan_net *net, const gan_layer *layer) {
  char origin[512];
  const char *name = layer->type->schema.name, *why = layer->type->no_tangent;
  return gan_fail(GAN_USAGE,
                  "%s: layer %s (%s) of the %s: a gradient penalty (train.penalty.type) wants the "
                  "gradient of a gradient, which this layer does not give: %s",
                  gan_origin_text(origin, sizeof origin, layer->origin), layer->name, name,
                  net->name, why ? why : "take another layer, or set the type to none");
}

/* Whether a layer writes its output's direction over its input's, as it does with the values; a
 * layer that bends wants to see its input's again. */
static bool in_place(const gan_net *net, int i) {
  const gan_layer *layer = &net->layers[i];
  return layer->from[0] > 0 && net->at[i + 1] == net->at[layer->from[0]] && !layer->type->bend;
}

/* Floats of all directions; with memory behind it, cuts them. */
static int64_t cut(gan_net *net, float *memory) {
  int64_t used = 0;
  for (int i = 0; i < net->layer_count; i++) {
    const gan_layer *layer = &net->layers[i];
    if (layer->identity) continue;
    if (in_place(net, i)) {
      net->tangent.at[i + 1] = net->tangent.at[layer->from[0]];
      continue;
    }
    if (memory) net->tangent.at[i + 1] = memory + used;
    used += gan_net_aligned(gan_shape_size(layer->out) * (net->capacity / net->sets));
  }
  return used;
}

gan_status gan_tangent_reserve(gan_net *net) {
  for (int i = 0; i < net->layer_count; i++) {
    const gan_layer *layer = &net->layers[i];
    if (layer->identity) continue;
    if (layer->type->tangent == GAN_TANGENT_NONE) return reject(net, layer);
    net->tangent.bends |= layer->type->bend != NULL;
  }
  GAN_TRY_ALLOC(net->tangent.at, net->layer_count + 1, "directions");
  int64_t floats = cut(net, NULL);
  GAN_TRY_ALLOC(net->tangent.memory, floats, "directions");
  cut(net, net->tangent.memory);
  if (net->tangent.bends) {
    floats += net->flow_size;
    GAN_TRY_ALLOC(net->tangent.adjoint, net->flow_size, "the gradients of directions");
  }
  net->tangent.bytes = (size_t)floats * sizeof(float);
  net->activation_bytes += net->tangent.bytes;
  return GAN_OK;
}

void gan_tangent_release(gan_net *net) {
  gan_free(&net->tangent.at);
  gan_free(&net->tangent.memory);
  gan_free(&net->tangent.adjoint);
}

/* ---- there ---- */

typedef struct {
  const float *x, *y, *tx, *tb; /* tb: of a join's second input */
  float *ty;
} tangent_data;

static gan_point point_of(const gan_layer *layer, const gan_span *span, const float *x,
                          const float *y) {
  return (gan_point){gan_span_const_part(x, layer->in, span),
                     gan_span_const_part(y, layer->out, span)};
}

static void tangent_span(const gan_layer *layer, const gan_span *of, const void *what) {
  const tangent_data *data = what;
  const gan_layer_type *type = layer->type;
  gan_point point = point_of(layer, of, data->x, data->y);
  gan_span span = *of;
  const float *tx = gan_span_const_part(data->tx, layer->in, of);
  float *ty = gan_span_part(data->ty, layer->out, of);
  span.tangent = &point;
  if (type->join)
    type->join(layer, &span, tx, gan_span_const_part(data->tb, layer->in_b, of), ty);
  else if (type->tangent == GAN_TANGENT_BY_FORWARD)
    type->forward(layer, &span, tx, ty);
  else /* dy is written where it is dx too, and there alone */
    type->backward(layer, of, GAN_WANT_INPUT, point.x, point.y, (float *)(uintptr_t)tx, ty);
}

void gan_net_tangent(gan_net *net, const gan_pass *pass, const float *tx, float **ty) {
  float **at = net->tangent.at;
  GAN_ASSERT(at && pass->training && pass->samples <= net->capacity / net->sets);
  at[0] = (float *)(uintptr_t)tx; /* only read */
  for (int i = 0; i < net->layer_count; i++) {
    const gan_layer *layer = &net->layers[i];
    if (layer->identity) continue;
    tangent_data data = {net->at[layer->from[0]], net->at[i + 1], at[layer->from[0]],
                         at[layer->from[1]], at[i + 1]};
    gan_net_for_spans(net, layer, pass, (gan_span_work){tangent_span, &data});
  }
  *ty = at[net->last];
}

/* ---- and back ---- */

typedef struct {
  const float *x, *y, *tx;
  float *dty, *dtx, *dtb; /* dtx, and dtb of a join's second input, may be NULL */
  float *dy, *dx, *db;    /* their twins; dy is NULL where nothing bends */
} back_data;

/* The gradient of the values. */
static void adjoint_span(const gan_layer *layer, const gan_span *of, const gan_point *point,
                         const back_data *data) {
  const gan_layer_type *type = layer->type;
  gan_span span = *of;
  float *dy = gan_span_part(data->dy, layer->out, of), *dx = gan_span_part(data->dx, layer->in, of);
  span.recalls = true;
  if (type->join)
    type->split(layer, &span, dy, dx, gan_span_part(data->db, layer->in_b, of));
  else
    type->backward(layer, &span, GAN_WANT_WEIGHTS, point->x, point->y, dy, dx);
  if (type->bend && dx)
    type->bend(layer, of, point, gan_span_const_part(data->tx, layer->in, of),
               gan_span_const_part(data->dty, layer->out, of), dx);
}

/* That of the directions, behind it: it may write over dty. */
static void back_span(const gan_layer *layer, const gan_span *of, const void *what) {
  const back_data *data = what;
  const gan_layer_type *type = layer->type;
  gan_point point = point_of(layer, of, data->x, data->y);
  gan_span span = *of;
  const float *tx = gan_span_const_part(data->tx, layer->in, of);
  float *dty = gan_span_part(data->dty, layer->out, of);
  float *dtx = gan_span_part(data->dtx, layer->in, of);
  if (data->dy) adjoint_span(layer, of, &point, data);
  if (!type->join && type->tangent == GAN_TANGENT_BY_BACKWARD) {
    type->backward(layer, &span, GAN_WANT_INPUT, point.x, point.y, dty, dtx);
    return;
  }
  span.tangent = &point;
  span.recalls = true;
  if (type->join)
    type->split(layer, &span, dty, dtx, gan_span_part(data->dtb, layer->in_b, of));
  else
    type->backward(layer, &span, GAN_WANT_WEIGHTS, tx, NULL, dty, dtx);
}

/* The place beside one of net->flow where the gradient of the values lies. */
static float *twin(const gan_net *net, const float *place) {
  return place && net->tangent.bends ? net->tangent.adjoint + (place - net->flow_memory) : NULL;
}

/* As in a backward pass, of both. */
static void hand_on(const gan_net *net, const gan_layer *layer, int k, int64_t samples,
                    float *dtx) {
  int value = layer->from[k];
  int64_t n = samples * gan_shape_size(k ? layer->in_b : layer->in);
  if (!dtx || !layer->adds_up[k]) {
    net->back[value] = dtx;
    return;
  }
  gan_add(n, dtx, net->back[value]);
  if (net->tangent.bends) gan_add(n, twin(net, dtx), twin(net, net->back[value]));
}

gan_status gan_net_tangent_back(gan_net *net, const gan_pass *pass) {
  GAN_ASSERT(net->tangent.at && net->grads && pass->accumulate);
  size_t out = (size_t)(pass->samples * gan_shape_size(net->out)) * sizeof(float);
  net->back[net->last] = net->dout;
  if (net->tangent.bends) memset(twin(net, net->dout), 0, out);
  for (int i = net->layer_count - 1; i >= 0; i--) {
    const gan_layer *layer = &net->layers[i];
    if (layer->identity) continue;
    float *dty = net->back[i + 1], *to[GAN_JOINED] = {NULL, NULL};
    for (int k = 0; k < layer->inputs; k++)
      to[k] = gan_net_flow_place(net, layer, k, GAN_WANT_WEIGHTS, dty);
    back_data data = {.x = net->at[layer->from[0]],
                      .y = net->at[i + 1],
                      .tx = net->tangent.at[layer->from[0]],
                      .dty = dty,
                      .dtx = to[0],
                      .dtb = to[1],
                      .dy = twin(net, dty),
                      .dx = twin(net, to[0]),
                      .db = twin(net, to[1])};
    gan_net_for_spans(net, layer, pass, (gan_span_work){back_span, &data});
    for (int k = 0; k < layer->inputs; k++) hand_on(net, layer, k, pass->samples, to[k]);
    if (pass->completes) GAN_TRY(gan_buckets_progress(&net->buckets, i));
  }
  return GAN_OK;
}
