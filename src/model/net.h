/* A network: a list of layers over flat slabs of memory.
 *
 * Built once from the config; all memory is taken then.  Weights, gradients and (in src/optim)
 * moments share one layout: each tensor begins on a 64-byte boundary, the gaps hold zeros, and
 * optimizer, norm, sum and checkpoint are loops over one vector of `slab_size` floats.
 *
 * graph.c chains the layers, net.c and flow.c give them memory, pass.c takes a batch through them,
 * tangent.c takes directions, gradients.c sums over the ranks, traces.c undoes what passes left.
 */
#ifndef GAN_MODEL_NET_H
#define GAN_MODEL_NET_H

#include "comm/reducer.h"
#include "model/layer.h"
#include "model/sums.h"

/* How gradients are summed over the ranks: the slab from its end, in the order in which a backward
 * pass finishes it.  See gradients.c. */
typedef struct gan_buckets {
  gan_reducer *reducer; /* NULL: one sum of all, at the end */
  bool shares;          /* the node's ranks have one slab of weights */
  int count, next;      /* `next` begins when the backward of layer layers[next] is done */
  int *layers;          /* (count) */
} gan_buckets;

typedef struct gan_net {
  const char *name; /* "generator"; borrowed */
  uint32_t id;      /* a key of its randomness */
  gan_shape in, out;
  int64_t capacity;                             /* samples that a pass may have, of all sets */
  int sets;                                     /* 1 or 2: see gan_net_spec */
  char gradients_text[96], statistics_text[96]; /* its sums over the ranks, for the user */

  gan_layer *layers;
  int layer_count;
  gan_tensor *tensors;
  int tensor_count;

  gan_embedding_options embed; /* of layers that it puts in itself */
  gan_linear_options classify;

  int64_t param_count; /* learned numbers, without the gaps */
  int param_tensors;
  int64_t *param_begins; /* (param_tensors) where each begins in a slab */
  int64_t slab_size, buffer_size, counter_count;
  float *params;       /* (slab_size) */
  bool borrows_params; /* they are another's memory */
  float *grads;        /* (parts, slab_size); NULL in a network that only samples */
  const float *summed; /* (slab_size) after gan_net_sum_gradients the batch's: the first part's
                        * place, or one that the ranks of a node share */
  float *buffers;      /* (buffer_size) */
  int64_t *counters;

  float **at;         /* at[0]: the input; at[i + 1]: what layer i gives */
  int last;           /* at[last]: the output */
  float **back;       /* in a backward pass: the gradients of `at` */
  float **flow;       /* (flow_count) places of gradients on their way back: see flow.c */
  int flow_count;     /* 0 in a network that only samples */
  float *flow_memory; /* (flow_size) what they are cut from */
  int64_t flow_size;
  float *dout;             /* flow[0]: where the gradient of the output is to be put */
  char *activations;       /* the memory behind at[1..] and the layers' work */
  size_t activation_bytes; /* of activations, flow and tangents */

  struct {          /* see gan_net_tangent; all NULL and 0 where the spec wants none */
    float **at;     /* as net->at: the directions */
    float *memory;  /* what they are cut from */
    bool bends;     /* some layer's Jacobian changes smoothly with its input */
    float *adjoint; /* where that is so, a twin of flow_memory: gradients of net->at */
    size_t bytes;
  } tangent;

  gan_division division;
  gan_sums *sums;          /* borrowed; NULL: plain sums */
  gan_buckets buckets;     /* of plain sums over several ranks */
  int64_t scratch_size;    /* widest layer->scratch */
  double *scratch;         /* (spans of a pass, scratch_size) */
  double *totals;          /* (widest layer->sums) */
  int64_t statistics_size; /* numbers of all layers that add up over a step */
  double *statistics;      /* (parts, statistics_size) */

  struct { /* see gan_net_mark */
    float *buffers;
    int64_t *counters, *passes;
    double *statistics;
  } mark;
} gan_net;

typedef struct gan_net_spec {
  const char *name; /* borrowed */
  const char *key;  /* of the config, for messages: "model.generator" */
  uint32_t id;
  const gan_layer_list *layers; /* borrowed: must outlive the network */
  gan_shape in;
  gan_shape out;       /* what the last layer must give; a flat output of the right size will do;
                        * all 0: whatever it gives; auxiliary: the classes' logits come behind it */
  int64_t capacity;    /* samples a pass, of each set */
  int sets;            /* 0 or 1; 2: a pass may hold two sets of samples (data and generated ones),
                        * where gan_net_apart is NULL */
  int64_t share;       /* samples that a shard gives to a batch; 0: capacity */
  bool trains;         /* whether it needs gradients */
  gan_label_way label; /* how the class enters ... */
  int64_t classes;     /* ... of so many; 0: not conditional */
  int64_t label_units; /* length of an embedding */
  gan_division division;
  gan_sums *sums; /* borrowed; NULL: plain sums over the ranks */
  bool tangents;  /* whether directions will be taken through it, as penalties of its gradient want;
                   * it trains, then */
} gan_net_spec;

/* GAN_USAGE if shapes do not chain: names the layer, what reached it, and what it wants. */
GAN_CHECKED gan_status gan_net_create(const gan_net_spec *spec, gan_net **out);
void gan_net_destroy(gan_net **net);

/* Why two sets of samples must or had better take a pass each, and which layer wants that; NULL:
 * one pass gives them what two would, and reads the weights once, in products of twice the rows. */
const char *gan_net_apart(const gan_net *net, const gan_layer **layer);

/* Parts whose gradients are added up apart: 1 where the batch is not divided. */
int64_t gan_net_parts(const gan_net *net);

/* First weights, the same on every rank. */
void gan_net_init(gan_net *net, uint64_t seed, gan_init init, float std);

/* Must be called when weights were written, before the next pass: what was made of the old ones is
 * made anew.  gan_net_init and gan_net_clear do it themselves. */
void gan_net_changed(gan_net *net);

/* x: (samples, in), untouched; *y: (samples, out), the network's own, good until the next forward.
 * Collective over pass->comm when training. */
GAN_CHECKED gan_status gan_net_forward(gan_net *net, const gan_pass *pass, const float *x,
                                       float **y);

/* From dy (samples, out), which is overwritten (net->dout will do), the gradients wanted; *dx is
 * the network's own, and may be NULL where it is not wanted.  Behind a training forward only.
 * Collective over pass->comm. */
GAN_CHECKED gan_status gan_net_backward(gan_net *net, const gan_pass *pass, unsigned want,
                                        float *dy, float **dx);

/* ---- gradients of gradients (tangent.c) ---- */

/* Behind a forward of the same pass: *ty (samples, out) = J tx, how the output changes along the
 * directions tx (samples, in), which stay untouched and the caller's until gan_net_tangent_back.
 * The network's own, good until the next one.  Local. */
void gan_net_tangent(gan_net *net, const gan_pass *pass, const float *tx, float **ty);

/* Behind it: adds to the gradients of the weights those of <dty, J tx>, with dty (samples, out) at
 * net->dout, which is overwritten.  The pass must accumulate.  A penalty of the norm of g = J^T e,
 * with tx proportional to g and held fixed, has the same gradient as <e, J tx>: see
 * objective/penalty.h. */
GAN_CHECKED gan_status gan_net_tangent_back(gan_net *net, const gan_pass *pass);

/* How a pass is cut: the number of its spans, and span i; together they are the pass. */
int64_t gan_net_span_count(const gan_net *net, const gan_pass *pass);
gan_span gan_net_span(const gan_net *net, const gan_pass *pass, int64_t i);

/* For plain sums over several ranks: takes the way that the config's comm keys choose, and puts
 * the gradients where it wants them.  Once, before the first pass; where it fails the network is
 * still to be destroyed, by all.  Collective. */
GAN_CHECKED gan_status gan_net_join_ranks(gan_net *net, gan_comm *comm, const gan_config *config,
                                          int moments);

/* Behind it, with comm.share_weights and ranks that share memory: their one slab number `which` of
 * the optimizer's `moments`; NULL: each has its own.  And the part of these and of the weights,
 * [first, end), that this rank is to update. */
float *gan_net_shared_slab(const gan_net *net, int which);
void gan_net_shared_part(const gan_net *net, int64_t *first, int64_t *end);

/* The weights of a network that only samples lie in `slab` (slab_size) from now on, which others
 * may write and which must outlive it. */
void gan_net_borrow_weights(gan_net *net, float *slab);

/* Behind an update of shared weights: all ranks of the node see what each has written.  Collective.
 */
GAN_CHECKED gan_status gan_net_meet(gan_net *net);

/* The gradients of the whole batch, from those of all parts and ranks, at net->summed.  They stay
 * until the next backward pass.  Collective. */
GAN_CHECKED gan_status gan_net_sum_gradients(gan_net *net, gan_comm *comm);

/* At the end of a step: what its passes added to net->statistics, summed over all parts and ranks,
 * goes into the running statistics.  The same on all ranks. */
void gan_net_absorb(gan_net *net, const double *statistics);

/* ---- traces: what passes in training leave behind beside gradients (running statistics, counts of
 * batches, and what is to be absorbed).  The same on all ranks, but for what is to be absorbed ----
 */

/* Takes the memory for a mark. */
GAN_CHECKED gan_status gan_net_reserve_mark(gan_net *net);

/* Notes the traces as they are; gan_net_return makes them so again, to the bit. */
void gan_net_mark(gan_net *net);
void gan_net_return(gan_net *net);

/* Whether all are finite, and will be when they are absorbed, as far as this rank knows. */
bool gan_net_traces_finite(const gan_net *net);

/* Gradients to zero, the gaps between tensors too: order-free sums spread what is no number over
 * them, and no pass writes there. */
void gan_net_clear_gradients(gan_net *net);

/* Weights, gradients and traces to zero, as they were when the network was built. */
void gan_net_clear(gan_net *net);

/* The tensor's first number, in whichever slab it lives; counters give an int64_t. */
void *gan_net_tensor(const gan_net *net, const gan_tensor *tensor);

#endif
