/* A batch on its way through a network: layer by layer, span by span. */
#include "model/net.h"

#include <string.h>

int64_t gan_net_parts(const gan_net *net) {
  return net->division.parts ? net->division.parts : 1;
}

float *gan_layer_gradient(const gan_layer *layer, const gan_span *span, int t) {
  return layer->gradient[t] + span->part * layer->gradient_stride;
}

double *gan_layer_statistics(const gan_layer *layer, const gan_span *span) {
  return layer->statistics + span->part * layer->statistics_stride;
}

/* Samples of a span; the last of a pass that only samples may have fewer. */
static int64_t share_of(const gan_net *net, const gan_pass *pass) {
  return net->division.share ? net->division.share : pass->samples;
}

int64_t gan_net_span_count(const gan_net *net, const gan_pass *pass) {
  int64_t share = share_of(net, pass);
  return (pass->samples + share - 1) / share;
}

gan_span gan_net_span(const gan_net *net, const gan_pass *pass, int64_t i) {
  int64_t share = share_of(net, pass), left = pass->samples - i * share;
  bool divided = net->division.share > 0, begins = divided || pass->at == 0;
  return (gan_span){.pass = pass,
                    .first = i * share,
                    .samples = left < share ? left : share,
                    .part = divided ? pass->at / share + i : 0,
                    .begins = begins,
                    .accumulate = pass->accumulate || !begins,
                    .scratch = net->scratch + i * net->scratch_size};
}

/* What is done with each span of a layer. */
typedef struct {
  void (*run)(const gan_layer *layer, const gan_span *span, const void *what);
  const void *what;
} work;

/* The threads share the spans of a pass, each of which is of another part. */
static void for_spans(const gan_net *net, const gan_layer *layer, const gan_pass *pass, work todo) {
  int threads = net->division.threads > 1 ? net->division.threads : 1;
  int64_t count = gan_net_span_count(net, pass);
#pragma omp parallel for schedule(static) num_threads(threads) if (threads > 1)
  for (int64_t i = 0; i < count; i++) {
    gan_span span = gan_net_span(net, pass, i);
    todo.run(layer, &span, todo.what);
  }
}

/* Adds up the spans' first layer->sums numbers of scratch, over the ranks too. */
static gan_status sum_spans(gan_net *net, const gan_layer *layer, const gan_pass *pass) {
  return gan_sums_doubles(net->sums, pass->comm, gan_net_span_count(net, pass), layer->sums,
                          net->scratch_size, net->scratch, net->totals, net->statistics_text);
}

/* ---- forward ---- */

typedef struct {
  const float *x;
  float *y;
} forward_data;

static const float *row(const float *rows, gan_shape shape, const gan_span *span) {
  return rows + span->first * gan_shape_size(shape);
}

static void measure_span(const gan_layer *layer, const gan_span *span, const void *what) {
  const forward_data *data = what;
  layer->type->measure(layer, span, row(data->x, layer->in, span));
}

static void forward_span(const gan_layer *layer, const gan_span *span, const void *what) {
  const forward_data *data = what;
  float *y = data->y + span->first * gan_shape_size(layer->out);
  layer->type->forward(layer, span, row(data->x, layer->in, span), y);
}

static gan_status forward_layer(gan_net *net, gan_layer *layer, const gan_pass *pass,
                                const float *x, float *y) {
  forward_data data = {x, y};
  bool sums = pass->training && layer->sums;
  if (sums) {
    for_spans(net, layer, pass, (work){measure_span, &data});
    GAN_TRY(sum_spans(net, layer, pass));
  }
  if (layer->type->settle) GAN_TRY(layer->type->settle(layer, pass, sums ? net->totals : NULL));
  for_spans(net, layer, pass, (work){forward_span, &data});
  return GAN_OK;
}

gan_status gan_net_forward(gan_net *net, const gan_pass *pass, const float *x, float **y) {
  GAN_ASSERT(pass->samples <= net->capacity);
  const float *from = x;
  for (int i = 0; i < net->layer_count; i++) {
    gan_layer *layer = &net->layers[i];
    if (layer->identity) continue;
    GAN_TRY(forward_layer(net, layer, pass, from, net->at[i + 1]));
    from = net->at[i + 1];
  }
  net->at[0] = (float *)(uintptr_t)x; /* only read, by backward */
  *y = (float *)(uintptr_t)from;
  return GAN_OK;
}

/* ---- backward ---- */

typedef struct {
  unsigned want;
  const float *x, *y;
  float *dy, *dx; /* dx may be NULL */
} backward_data;

static void measure_back_span(const gan_layer *layer, const gan_span *span, const void *what) {
  const backward_data *data = what;
  layer->type->measure_back(layer, span, row(data->x, layer->in, span),
                            row(data->dy, layer->out, span));
}

static void backward_span(const gan_layer *layer, const gan_span *span, const void *what) {
  const backward_data *data = what;
  int64_t in = span->first * gan_shape_size(layer->in);
  int64_t out = span->first * gan_shape_size(layer->out);
  layer->type->backward(layer, span, data->want, data->x + in, data->y + out, data->dy + out,
                        data->dx ? data->dx + in : NULL);
}

static gan_status backward_layer(gan_net *net, gan_layer *layer, const gan_pass *pass,
                                 backward_data data) {
  if (layer->sums) {
    for_spans(net, layer, pass, (work){measure_back_span, &data});
    if (data.dx) {
      GAN_TRY(sum_spans(net, layer, pass));
      layer->type->settle_back(layer, pass, net->totals);
    }
  }
  for_spans(net, layer, pass, (work){backward_span, &data});
  return GAN_OK;
}

gan_status gan_net_backward(gan_net *net, const gan_pass *pass, unsigned want, float *dy,
                            float **dx) {
  GAN_ASSERT(net->grads && pass->training);
  for (int i = net->layer_count - 1; i >= 0; i--) {
    gan_layer *layer = &net->layers[i];
    if (layer->identity) continue;
    /* identities alias: the input is what the last real layer before gave, or x itself */
    int before = i;
    while (before > 0 && net->layers[before - 1].identity) before--;
    float *next = layer->type->in_place ? dy : dy == net->flow[0] ? net->flow[1] : net->flow[0];
    if (before == 0 && !(want & GAN_WANT_INPUT)) next = NULL;
    backward_data data = {want, net->at[before], net->at[i + 1], dy, next};
    GAN_TRY(backward_layer(net, layer, pass, data));
    dy = next;
  }
  if (dx) *dx = dy;
  return GAN_OK;
}

/* ---- what adds up ---- */

gan_status gan_net_sum_gradients(gan_net *net, gan_comm *comm) {
  return gan_sums_slab(net->sums, comm, gan_net_parts(net), net->slab_size, net->param_tensors,
                       net->param_begins, net->grads, net->gradients_text);
}

void gan_net_absorb(gan_net *net, const double *statistics) {
  for (int i = 0; i < net->layer_count; i++) {
    gan_layer *layer = &net->layers[i];
    if (!layer->statistics_count) continue;
    layer->type->absorb(layer, statistics);
    statistics += layer->statistics_count;
  }
  memset(net->statistics, 0,
         (size_t)(gan_net_parts(net) * net->statistics_size) * sizeof *net->statistics);
}
