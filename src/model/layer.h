/* Layers: what one is, and how to add another.
 *
 * A layer is one file (with its family) and one row in layers.c.  To write one:
 *
 *   1. a parameter struct, and its option rows in a gan_layer_schema: the config, help and saved
 *      config follow;
 *   2. plan: from layer->in and the parameters set layer->out, declare tensors by their PyTorch
 *      names, ask for memory, and say which of x and y backward needs;
 *   3. init: the tensors' first values;
 *   4. forward and backward;
 *   5. its row in layers.c, a finite-difference row in tests/unit, a golden in tests/parity.
 *
 * Inside, a batch of images is (samples * H * W) rows by C channels, channels last; flat vectors
 * are H = W = 1.  Files use PyTorch's order.
 */
#ifndef GAN_MODEL_LAYER_H
#define GAN_MODEL_LAYER_H

#include "base/rng.h"
#include "comm/comm.h"
#include "config/config.h"

typedef struct gan_shape {
  int64_t h, w, c;
} gan_shape;

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

typedef struct gan_tensor {
  char name[96]; /* PyTorch's: "0.weight" */
  gan_tensor_kind kind;
  int rank;
  int64_t dims[4]; /* PyTorch's order */
  int64_t size;    /* numbers in it */
  int64_t offset;  /* into the slab of its kind */
} gan_tensor;

/* One pass of one batch through a network. */
typedef struct gan_pass {
  gan_comm *comm;  /* statistics are those of all its ranks */
  bool training;   /* batch statistics and dropout; else running statistics, no communication */
  bool accumulate; /* backward adds to the gradients in place of writing them */
  int64_t samples; /* of this rank */
  int64_t first_sample; /* global index of the first of them */
  int64_t batch;        /* samples of all ranks */
  uint64_t seed;
  uint32_t phase; /* which pass of a step this is: a key of dropout */
  uint64_t draw;  /* which update: a key of dropout */
} gan_pass;

enum { GAN_LAYER_TENSORS_MAX = 8 };

typedef struct gan_layer gan_layer;
typedef struct gan_layer_plan gan_layer_plan;

typedef enum gan_want {
  GAN_WANT_INPUT = 1,   /* the gradient of the input */
  GAN_WANT_WEIGHTS = 2, /* the gradients of the weights */
} gan_want;

typedef struct gan_layer_type {
  gan_layer_schema schema;
  gan_status (*plan)(gan_layer *layer, gan_layer_plan *plan);
  void (*init)(gan_layer *layer, uint64_t seed, gan_init init, float std); /* NULL: no tensors */
  gan_status (*forward)(gan_layer *layer, const gan_pass *pass, const float *x, float *y);
  /* dx may be dy where `in_place`; NULL where the input's gradient is not wanted. */
  gan_status (*backward)(gan_layer *layer, const gan_pass *pass, unsigned want, const float *x,
                         const float *y, float *dy, float *dx);
  bool in_place; /* forward may have y == x, backward dx == dy */
  bool needs_x;  /* backward reads x, so it must survive */
  bool needs_y;  /* backward reads y, so the next layer must not overwrite it */
} gan_layer_type;

struct gan_layer {
  const gan_layer_type *type;
  const void *parameters; /* of the config; borrowed */
  char name[64];          /* its index: "3"; "" for one that the network put in itself */
  gan_origin origin;
  uint32_t network, index; /* keys of its randomness */
  gan_shape in, out;
  bool identity; /* y is x: nothing to do */

  int tensor_count;
  float *value[GAN_LAYER_TENSORS_MAX];    /* parameters and buffers, in order of declaration */
  float *gradient[GAN_LAYER_TENSORS_MAX]; /* NULL for buffers, and in a network that only samples */
  int64_t *counter[GAN_LAYER_TENSORS_MAX];
  void *work; /* the bytes that plan asked for */
};

/* For plan: one more tensor, `name` as PyTorch's module has it ("weight"). */
GAN_CHECKED gan_status gan_plan_tensor(gan_layer_plan *plan, gan_tensor_kind kind, const char *name,
                                       int rank, int64_t d0, int64_t d1);

/* For plan: `fixed` bytes and `a_sample` bytes a sample that live from forward to backward. */
void gan_plan_work(gan_layer_plan *plan, size_t fixed, size_t a_sample);
int64_t gan_plan_capacity(const gan_layer_plan *plan);

/* For plan: the layer cannot take what reaches it; names layer, shape and what is wanted. */
gan_status gan_layer_reject(const gan_layer *layer, const char *wanted);

/* A stream of randomness of this layer's own. */
gan_rng gan_layer_rng(const gan_layer *layer, uint64_t seed, gan_rng_purpose purpose, uint32_t pass,
                      uint32_t tensor);

/* All kinds of layers. */
gan_layer_schemas gan_layer_table(void);
const gan_layer_type *gan_layer_type_of(const gan_layer_schema *schema);

/* For reshapes that a network puts in itself, where its ends meet images. */
extern const gan_layer_type gan_layer_flatten, gan_layer_reshape;

#endif
