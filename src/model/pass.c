/* A batch on its way through a network: layer by layer, span by span. */
#include "kernels/pointwise.h"
#include "model/build.h"

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

int gan_pass_sets(const gan_pass *pass) {
  return pass->sets > 1 ? pass->sets : 1;
}

gan_span_set gan_span_set_of(const gan_span *span, int set) {
  int sets = gan_pass_sets(span->pass);
  int64_t samples = span->samples / sets;
  return (gan_span_set){.first = set * samples,
                        .samples = samples,
                        .phase = span->pass->phase + (uint32_t)set,
                        .first_sample = span->pass->first_sample + span->first / sets};
}

/* Samples of a span; the last of a pass that only samples may have fewer. */
static int64_t share_of(const gan_net *net, const gan_pass *pass) {
  return net->division.share ? net->division.share * gan_pass_sets(pass) : pass->samples;
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
                    .part = divided ? pass->at / net->division.share + i : 0,
                    .begins = begins,
                    .accumulate = pass->accumulate || !begins,
                    .scratch = net->scratch + i * net->scratch_size};
}

static void run_span(const gan_net *net, const gan_layer *layer, const gan_pass *pass, int64_t i,
                     const gan_span_work *todo) {
  gan_span span = gan_net_span(net, pass, i);
  todo->run(layer, &span, todo->what);
}

/* One thread needs no region, not even of one: inside of it the kernels' and the library's own
 * regions would count as nested, and each would start and end threads. */
void gan_net_for_spans(const gan_net *net, const gan_layer *layer, const gan_pass *pass,
                       gan_span_work todo) {
  int threads = net->division.threads;
  int64_t count = gan_net_span_count(net, pass);
  if (threads <= 1) {
    for (int64_t i = 0; i < count; i++) run_span(net, layer, pass, i, &todo);
    return;
  }
#pragma omp parallel for schedule(static) num_threads(threads)
  for (int64_t i = 0; i < count; i++) run_span(net, layer, pass, i, &todo);
}

/* Adds up the spans' first layer->sums numbers of scratch, over the ranks too. */
static gan_status sum_spans(gan_net *net, const gan_layer *layer, const gan_pass *pass) {
  return gan_sums_doubles(net->sums, pass->comm, gan_net_span_count(net, pass), layer->sums,
                          net->scratch_size, net->scratch, net->totals, net->statistics_text);
}

float *gan_span_part(float *rows, gan_shape shape, const gan_span *span) {
  return rows ? rows + span->first * gan_shape_size(shape) : NULL;
}

const float *gan_span_const_part(const float *rows, gan_shape shape, const gan_span *span) {
  return rows + span->first * gan_shape_size(shape);
}

/* ---- forward ---- */

typedef struct {
  const float *x, *b; /* b: the second input of a join */
  float *y;
} forward_data;

static void measure_span(const gan_layer *layer, const gan_span *span, const void *what) {
  const forward_data *data = what;
  layer->type->measure(layer, span, gan_span_const_part(data->x, layer->in, span));
}

static void forward_span(const gan_layer *layer, const gan_span *span, const void *what) {
  const forward_data *data = what;
  const float *x = gan_span_const_part(data->x, layer->in, span);
  float *y = gan_span_part(data->y, layer->out, span);
  if (layer->type->join)
    layer->type->join(layer, span, x, gan_span_const_part(data->b, layer->in_b, span), y);
  else
    layer->type->forward(layer, span, x, y);
}

static gan_status forward_layer(gan_net *net, gan_layer *layer, const gan_pass *pass,
                                forward_data data) {
  bool sums = pass->training && layer->sums;
  if (sums) {
    gan_net_for_spans(net, layer, pass, (gan_span_work){measure_span, &data});
    GAN_TRY(sum_spans(net, layer, pass));
  }
  if (layer->type->settle) GAN_TRY(layer->type->settle(layer, pass, sums ? net->totals : NULL));
  gan_net_for_spans(net, layer, pass, (gan_span_work){forward_span, &data});
  return GAN_OK;
}

gan_status gan_net_forward(gan_net *net, const gan_pass *pass, const float *x, float **y) {
  GAN_ASSERT(pass->samples <= net->capacity && gan_pass_sets(pass) <= net->sets);
  net->at[0] = (float *)(uintptr_t)x; /* only read */
  for (int i = 0; i < net->layer_count; i++) {
    gan_layer *layer = &net->layers[i];
    if (layer->identity) continue;
    forward_data data = {net->at[layer->from[0]], net->at[layer->from[1]], net->at[i + 1]};
    GAN_TRY(forward_layer(net, layer, pass, data));
  }
  *y = net->at[net->last];
  return GAN_OK;
}

/* ---- backward ---- */

typedef struct {
  unsigned want;
  const float *x, *y;
  float *dy, *dx, *db; /* dx, and db of a join's second input, may be NULL */
} backward_data;

static void measure_back_span(const gan_layer *layer, const gan_span *span, const void *what) {
  const backward_data *data = what;
  layer->type->measure_back(layer, span, gan_span_const_part(data->x, layer->in, span),
                            gan_span_const_part(data->dy, layer->out, span));
}

static void backward_span(const gan_layer *layer, const gan_span *span, const void *what) {
  const backward_data *data = what;
  float *dy = gan_span_part(data->dy, layer->out, span),
        *dx = gan_span_part(data->dx, layer->in, span);
  if (layer->type->join)
    layer->type->split(layer, span, dy, dx, gan_span_part(data->db, layer->in_b, span));
  else
    layer->type->backward(layer, span, data->want, gan_span_const_part(data->x, layer->in, span),
                          gan_span_const_part(data->y, layer->out, span), dy, dx);
}

static gan_status backward_layer(gan_net *net, gan_layer *layer, const gan_pass *pass,
                                 backward_data data) {
  if (layer->sums) {
    gan_net_for_spans(net, layer, pass, (gan_span_work){measure_back_span, &data});
    if (data.dx) {
      GAN_TRY(sum_spans(net, layer, pass));
      layer->type->settle_back(layer, pass, net->totals);
    }
  }
  gan_net_for_spans(net, layer, pass, (gan_span_work){backward_span, &data});
  return GAN_OK;
}

float *gan_net_flow_place(const gan_net *net, const gan_layer *layer, int k, unsigned want,
                          float *dy) {
  if (layer->from[k] == 0 && !(want & GAN_WANT_INPUT)) return NULL;
  return layer->flow[k] == GAN_FLOW_OVER_DY ? dy : net->flow[layer->flow[k]];
}

/* The gradient of input k is there: it is the value's, or is added to what is there of it. */
static void hand_on(gan_net *net, const gan_layer *layer, int k, int64_t samples, float *dx) {
  int value = layer->from[k];
  int64_t n = samples * gan_shape_size(k ? layer->in_b : layer->in);
  if (dx && layer->adds_up[k])
    gan_add(n, dx, net->back[value]);
  else
    net->back[value] = dx;
}

gan_status gan_net_backward(gan_net *net, const gan_pass *pass, unsigned want, float *dy,
                            float **dx) {
  GAN_ASSERT(net->grads && pass->training);
  net->back[net->last] = dy;
  for (int i = net->layer_count - 1; i >= 0; i--) {
    gan_layer *layer = &net->layers[i];
    if (layer->identity) continue;
    float *to[GAN_JOINED] = {NULL, NULL};
    for (int k = 0; k < layer->inputs; k++)
      to[k] = gan_net_flow_place(net, layer, k, want, net->back[i + 1]);
    backward_data data = {.want = want,
                          .x = net->at[layer->from[0]],
                          .y = net->at[i + 1],
                          .dy = net->back[i + 1],
                          .dx = to[0],
                          .db = to[1]};
    GAN_TRY(backward_layer(net, layer, pass, data));
    for (int k = 0; k < layer->inputs; k++) hand_on(net, layer, k, pass->samples, to[k]);
    if (pass->completes && want & GAN_WANT_WEIGHTS) GAN_TRY(gan_buckets_progress(&net->buckets, i));
  }
  if (dx) *dx = net->back[0];
  return GAN_OK;
}

/* ---- what adds up ---- */

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
