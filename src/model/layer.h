/* Layers: what one is, and how to add another.
 *
 * A layer is one file (with its family) and one row in layers.c.  To write one:
 *
 *   1. a parameter struct, and its option rows in a gan_layer_schema: the config, help and saved
 *      config follow;
 *   2. plan: from layer->in and the parameters set layer->out, declare tensors by their PyTorch
 *      names, ask for memory, and say which of x and y backward needs;
 *   3. init: the tensors' first values;
 *   4. forward and backward, on a span of samples at a time: pure arithmetic, no MPI, no failure;
 *      spans of other parts may be worked on by other threads at the same time;
 *   5. what needs a sum over the whole batch first (batchnorm): measure gives a span's part of it,
 *      the network adds up spans and ranks, settle gets the totals;
 *   6. `tangent`: how directions go through it, for gradient penalties (model/tangent.c); or
 *      `no_tangent`, why they do not;
 *   7. its row in layers.c, a finite-difference row in tests/unit, a golden in tests/parity.
 *
 * Inside, a batch of images is (samples * H * W) rows by C channels, channels last; flat vectors
 * are H = W = 1.  Files use PyTorch's order.
 */
#ifndef GAN_MODEL_LAYER_H
#define GAN_MODEL_LAYER_H

#include "base/rng.h"
#include "comm/comm.h"
#include "config/config.h"
#include "kernels/product.h"

typedef struct gan_shape {
  int64_t h, w, c;
} gan_shape;

/* Numbers in it; INT64_MAX for more, which a config can ask for and no network takes. */
int64_t gan_shape_size(gan_shape shape);
bool gan_shape_is_flat(gan_shape shape);
/* "784" for flat ones, "28x28x1" (H, W, C) else. */
char *gan_shape_text(gan_shape shape, char text[64]);

/* What a tensor is for decides where it lives and in which group a checkpoint keeps it. */
typedef enum gan_tensor_kind {
  GAN_TENSOR_PARAM,   /* learned: in the slabs of weights, gradients and moments */
  GAN_TENSOR_BUFFER,  /* floats that are kept, not learned: running statistics */
  GAN_TENSOR_COUNTER, /* one int64 */
} gan_tensor_kind;

/* A shape in PyTorch's order. */
typedef struct gan_dims {
  int rank;
  int64_t d[4];
} gan_dims;

/* In its slab a tensor of rank 3 or 4 lies channels last: (C, H, W) as (H, W, C), and (O, I, kh,
 * kw) as (O, kh, kw, I).  gan_tensor_reorder is where that ends. */
typedef struct gan_tensor {
  char name[96]; /* PyTorch's: "0.weight" */
  gan_tensor_kind kind;
  int rank;
  int64_t dims[4];  /* PyTorch's order */
  int64_t channels; /* that lie last in the slab; 0: it lies as PyTorch has it */
  int64_t size;     /* numbers in it */
  int64_t offset;   /* into the slab of its kind */
} gan_tensor;

/* One pass of one batch through a network. */
typedef struct gan_pass {
  gan_comm *comm;  /* statistics are those of all its ranks */
  bool training;   /* batch statistics and dropout; else running statistics, no communication */
  bool accumulate; /* backward adds to the gradients of an earlier pass of this update */
  bool completes;  /* ... and no later pass adds to them: their sums over the ranks may begin */
  int sets;        /* 0 or 1; 2: of each part the samples come twice, as phase `phase` has them and
                    * behind those as the next phase has them: see gan_net_spec.sets */
  int64_t samples; /* of this rank, of all sets */
  int64_t at;      /* index of the first among this rank's samples of the batch: not 0 where a batch
                    * is taken in pieces; passes over the pieces follow in order */
  int64_t first_sample; /* global index of the first */
  int64_t batch;        /* samples of all ranks */
  uint64_t seed;
  uint32_t phase;         /* which pass of a step this is: a key of dropout */
  uint64_t draw;          /* which update: a key of dropout */
  const int32_t *classes; /* (samples) of conditional networks; else NULL */
  const int32_t *other;   /* (samples) or NULL; only sampling: each stands between its ... */
  const float *share;     /* ... class and this other one: (samples) 0 to 1 of the way to it */
} gan_pass;

/* Where a layer is when a direction goes through it: what its last forward took and gave. */
typedef struct gan_point {
  const float *x, *y; /* the span's; those that backward reads */
} gan_point;

/* Samples of a pass that lie one behind the other: what a layer works on in one call. */
typedef struct gan_span {
  const gan_pass *pass;
  int64_t first; /* in the pass */
  int64_t samples;
  int64_t part;             /* whose gradients and statistics they add to: see gan_division */
  bool begins;              /* no piece of its part came before it in this pass over the batch */
  bool accumulate;          /* backward adds to the part's gradients in place of writing them */
  double *scratch;          /* (layer->scratch) the span's own */
  const gan_point *tangent; /* not NULL: x and y are directions there: see gan_tangent_way */
  bool recalls; /* backward's x is not what the last forward took: copies of it are made anew */
} gan_span;

/* Of a pass: 1 or 2. */
int gan_pass_sets(const gan_pass *pass);

/* What of a span is one set's: the keys of its randomness are those of a pass of its own. */
typedef struct gan_span_set {
  int64_t first; /* in the span */
  int64_t samples;
  uint32_t phase;
  int64_t first_sample; /* global index of its first */
} gan_span_set;

gan_span_set gan_span_set_of(const gan_span *span, int set);

/* How a rank's samples of a batch are cut, so that every number of ranks computes the same pieces:
 * a part is a shard's share of the batch, a span of its own, with its own slab of gradients.
 * All zeros: not cut; a pass is one span, and a rank one part. */
typedef struct gan_division {
  int64_t share; /* samples of a part */
  int64_t parts; /* of this rank */
  int threads;   /* that share the parts */
} gan_division;

enum { GAN_LAYER_TENSORS_MAX = 8 };

typedef struct gan_layer gan_layer;
typedef struct gan_layer_plan gan_layer_plan;

typedef enum gan_want {
  GAN_WANT_INPUT = 1,   /* the gradient of the input */
  GAN_WANT_WEIGHTS = 2, /* the gradients of the weights */
} gan_want;

/* How a layer's Jacobian J, at the point of its last forward, is applied to a direction, ty = J tx,
 * and the transposed one to the gradient of ty (model/tangent.c). */
typedef enum gan_tangent_way {
  GAN_TANGENT_NONE,
  /* By forward and backward of a span with `tangent`: forward leaves out what does not depend on x
   * (a bias, a class) and chooses as it did at the point (masks, maxima); backward leaves out the
   * gradients of what forward left out, and reads no y.  Joins are linear as they are. */
  GAN_TANGENT_BY_FORWARD,
  GAN_TANGENT_BY_BACKWARD, /* J is symmetric, and backward is J without more */
} gan_tangent_way;

typedef struct gan_layer_type {
  gan_layer_schema schema;
  gan_status (*plan)(gan_layer *layer, gan_layer_plan *plan);
  void (*init)(gan_layer *layer, uint64_t seed, gan_init init, float std); /* NULL: no tensors */
  /* In training, before forward: the span's part of layer->sums sums over the batch, into the
   * first of its scratch. */
  void (*measure)(const gan_layer *layer, const gan_span *span, const float *x);
  /* Once a pass, before forward: the sums over the batch (NULL: none, or not training). */
  gan_status (*settle)(gan_layer *layer, const gan_pass *pass, const double *totals);
  void (*forward)(const gan_layer *layer, const gan_span *span, const float *x, float *y);
  /* The same two for backward; settle_back only where dx is wanted. */
  void (*measure_back)(const gan_layer *layer, const gan_span *span, const float *x,
                       const float *dy);
  void (*settle_back)(gan_layer *layer, const gan_pass *pass, const double *totals);
  /* dx may be dy where `in_place`; NULL where the input's gradient is not wanted. */
  void (*backward)(const gan_layer *layer, const gan_span *span, unsigned want, const float *x,
                   const float *y, float *dy, float *dx);
  /* A join, which ends two branches (gan_branches are its parameters), has these two in place of
   * forward and backward: a and b are what the branches gave.  y may be a, and da dy, where
   * `in_place`; da or db is NULL where it is not wanted. */
  void (*join)(const gan_layer *layer, const gan_span *span, const float *a, const float *b,
               float *y);
  void (*split)(const gan_layer *layer, const gan_span *span, float *dy, float *da, float *db);
  /* At the end of a step: the sum over all parts of layer->statistics (NULL: has none). */
  void (*absorb)(gan_layer *layer, const double *statistics);
  gan_tangent_way tangent;
  const char *no_tangent; /* of GAN_TANGENT_NONE, for the user: why, and what to do */
  /* Where J changes smoothly with x: dx += the gradient by x of <dty, J(x) tx>.  NULL: it does not,
   * or only from one choice to another. */
  void (*bend)(const gan_layer *layer, const gan_span *span, const gan_point *point,
               const float *tx, const float *dty, float *dx);
  bool in_place; /* forward may have y == x, backward dx == dy */
  bool needs_x;  /* backward reads x, so it must survive */
  bool needs_y;  /* backward reads y, so the next layer must not overwrite it */
} gan_layer_type;

/* What a join's parameters begin with: two lists of layers that start from the same input. */
typedef struct gan_branches {
  gan_layer_list main;
  gan_layer_list shortcut; /* empty: the input itself */
} gan_branches;

enum { GAN_JOINED = 2 };

/* How a layer's weight, its tensor 0, is normalised: see model/spectral.h. */
typedef struct gan_spectral {
  int64_t rows, columns; /* of the weight as a matrix W, PyTorch's order; 0: it is not */
  bool transposed;       /* it lies in the slab as W^T */
  int64_t channels;      /* of v, which lies channels last; 0: as PyTorch has it */
  int u;                 /* number of the tensor weight_u; v is the next */
  int64_t scratch;       /* doubles of a span's that lie before those of its gradient */
} gan_spectral;

struct gan_layer {
  const gan_layer_type *type;
  const void *parameters; /* of the config; borrowed */
  char name[64];          /* its index: "3", in branches "3.main.0"; "" for one that the network put
                           * in itself and that has no tensors */
  gan_origin origin;
  uint32_t network, index; /* keys of its randomness */
  gan_shape in, out;
  gan_shape in_b;  /* of a join: what its second branch gives; `in` is of the first */
  bool identity;   /* y is x: nothing to do */
  int64_t classes; /* of the network; 0: it is not conditional */

  int inputs;               /* 1; of a join 2 */
  int from[GAN_JOINED];     /* whose outputs it takes: see gan_net.at */
  int flow[GAN_JOINED];     /* where its input's gradient goes: one of net->flow, or over dy */
  bool adds_up[GAN_JOINED]; /* ... and is then added to what another layer gave */

  int tensor_count;
  float *value[GAN_LAYER_TENSORS_MAX];    /* parameters and buffers, in order of declaration */
  float *gradient[GAN_LAYER_TENSORS_MAX]; /* NULL for buffers, and in a network that only samples */
  int64_t *counter[GAN_LAYER_TENSORS_MAX];
  int64_t gradient_stride; /* floats from a part's gradient to the next part's */

  int64_t capacity;          /* set by plan where forward wants it: samples a pass */
  int64_t group;             /* set by plan: samples that belong together; 0: any */
  int64_t scratch;           /* set by plan: doubles a span */
  gan_spectral spectral;     /* set by plan */
  gan_product product;       /* set by plan: see model/weight.h */
  size_t own_work;           /* set by plan where wanted: bytes of work that lie before its own */
  size_t product_work;       /* bytes of work that lie before its memory ... */
  int64_t product_scratch;   /* ... and doubles of a span's scratch */
  bool stale;                /* its weight has changed since it was packed */
  int64_t sums;              /* set by plan: how many of them are summed over the batch */
  int64_t statistics_count;  /* set by plan: numbers that add up over a step */
  double *statistics;        /* (parts, ...) of them; zero when a step begins */
  int64_t statistics_stride; /* from a part's to the next part's */
  int64_t passes;            /* over a batch that are in them; counted by settle, 0 behind absorb */
  void *work;                /* the bytes that plan asked for */
};

/* Where a span's gradients of tensor t, and its statistics, are added up. */
float *gan_layer_gradient(const gan_layer *layer, const gan_span *span, int t);
double *gan_layer_statistics(const gan_layer *layer, const gan_span *span);

/* For plan: one more tensor, `name` as PyTorch's module has it ("weight"). */
GAN_CHECKED gan_status gan_plan_tensor(gan_layer_plan *plan, gan_tensor_kind kind, const char *name,
                                       gan_dims dims);

/* The tensor of rank 1 that was planned last is (channels, ...) in one piece, and lies channels
 * last too. */
void gan_plan_channels_last(gan_layer_plan *plan, int64_t channels);

/* From a tensor as it lies in a slab to PyTorch's order, or back; `from` and `to` differ. */
void gan_tensor_reorder(const gan_tensor *tensor, bool to_pytorch, const float *from, float *to);

/* For plan: `fixed` bytes and `a_sample` bytes a sample that live from forward to backward, behind
 * the fixed ones that it asked for before; gives where those are. */
size_t gan_plan_work(gan_layer_plan *plan, size_t fixed, size_t a_sample);
int64_t gan_plan_capacity(const gan_layer_plan *plan);
/* Samples that a shard gives to a batch: what groups of samples must divide. */
int64_t gan_plan_share(const gan_layer_plan *plan);
/* Samples of a span at most. */
int64_t gan_plan_span(const gan_layer_plan *plan);
/* Whether the network will learn. */
bool gan_plan_trains(const gan_layer_plan *plan);

/* For plan: the layer cannot take what reaches it; names layer, shape and what is wanted. */
gan_status gan_layer_reject(const gan_layer *layer, const char *wanted);

/* A stream of randomness of this layer's own. */
gan_rng gan_layer_rng(const gan_layer *layer, uint64_t seed, gan_rng_purpose purpose, uint32_t pass,
                      uint32_t tensor);

/* For init: the n numbers of tensor t as PyTorch has them, uniform within 1 / sqrt(fan_in) (He et
 * al. 2015 with a = sqrt(5)); with GAN_INIT_NORMAL N(0, std). */
void gan_init_tensor(gan_layer *layer, uint64_t seed, gan_init init, float std, uint32_t t,
                     int64_t n, int64_t fan_in);

/* The same of tensor 0, n weights, and tensor 1, `biases` of them, which GAN_INIT_NORMAL leaves 0.
 */
void gan_init_weights(gan_layer *layer, uint64_t seed, gan_init init, float std, int64_t n,
                      int64_t fan_in, int64_t biases);

/* All kinds of layers. */
gan_layer_schemas gan_layer_table(void);
const gan_layer_type *gan_layer_type_of(const gan_layer_schema *schema);

/* For layers that a network puts in itself, where its ends meet images and classes. */
extern const gan_layer_type gan_layer_flatten, gan_layer_reshape, gan_layer_one_hot,
    gan_layer_embedding, gan_layer_project, gan_layer_linear, gan_layer_residual, gan_layer_concat;

typedef struct gan_linear_options {
  int64_t units;
  bool bias, spectral_norm;
} gan_linear_options;

typedef struct gan_embedding_options {
  int64_t units;
} gan_embedding_options;

#endif
