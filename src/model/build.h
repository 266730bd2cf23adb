/* Building a network: what graph.c, which chains the layers, and net.c, which gives them memory,
 * know of each other. */
#ifndef GAN_MODEL_BUILD_H
#define GAN_MODEL_BUILD_H

#include "model/net.h"

/* What plan functions add to. */
struct gan_layer_plan {
  gan_net *net;
  const gan_net_spec *spec;
  gan_layer *layer;
  size_t work_fixed, work_a_sample;
};

/* So many floats, and a gap: what comes next begins on a 64-byte boundary. */
static inline int64_t gan_net_aligned(int64_t floats) {
  return (floats + 15) / 16 * 16;
}

/* The most layers that the lists of a spec become, those that a network puts in itself included. */
int gan_graph_size(const gan_net_spec *spec);

/* Plans all layers and says whose output each takes; work_bytes[i]: what layer i asks for. */
GAN_CHECKED gan_status gan_graph_build(gan_net *net, const gan_net_spec *spec, size_t *work_bytes);

/* Gives each layer the places of its tensors; again where they have moved. */
void gan_net_bind(gan_net *net);

/* The backward of a layer is done, and no later pass adds to its gradients: begins the sums of what
 * is final, and takes those that are under way further.  Does nothing where there is one bucket. */
GAN_CHECKED gan_status gan_buckets_progress(gan_buckets *buckets, int layer);

/* Gives back the memory of gradients that are summed over ranks, and its reducer. */
void gan_buckets_release(gan_net *net);

/* Plans and takes the memory of gradients on their way back. */
GAN_CHECKED gan_status gan_flow_reserve(gan_net *net);

/* As gan_layer.flow: the gradient of the input is written over that of the output. */
enum { GAN_FLOW_OVER_DY = -1 };

/* Behind both: likewise of directions and of what comes back along them.  GAN_USAGE names a layer
 * that has none. */
GAN_CHECKED gan_status gan_tangent_reserve(gan_net *net);
void gan_tangent_release(gan_net *net);

/* ---- what passes share ---- */

/* What is done with each span of a layer. */
typedef struct gan_span_work {
  void (*run)(const gan_layer *layer, const gan_span *span, const void *what);
  const void *what;
} gan_span_work;

/* The threads share the spans of a pass, each of which is of another part. */
void gan_net_for_spans(const gan_net *net, const gan_layer *layer, const gan_pass *pass,
                       gan_span_work todo);

/* The part of a span in rows of all samples; NULL stays NULL in the first. */
float *gan_span_part(float *rows, gan_shape shape, const gan_span *span);
const float *gan_span_const_part(const float *rows, gan_shape shape, const gan_span *span);

/* In a backward pass: where the gradient of a layer's input k goes; NULL: nobody wants it. */
float *gan_net_flow_place(const gan_net *net, const gan_layer *layer, int k, unsigned want,
                          float *dy);

#endif
