/* The products of a training step, matrix products and a library's own convolutions, to be played
 * again alone, by the libraries and in the precision that the step took. */
#ifndef GAN_BENCH_PRODUCTS_H
#define GAN_BENCH_PRODUCTS_H

#include "kernels/convolution.h"
#include "kernels/gemm.h"
#include "task/task.h"

typedef struct gan_step_product {
  bool convolves;
  union {
    gan_gemm_call gemm;
    gan_convolution_call convolution;
  } call;     /* on the step's own memory */
  int phase;  /* the row of task->profile that it belongs to */
  int team;   /* threads that shared the shards when it was called; 1: no shards, or one thread */
  int thread; /* ... and which of them called */
} gan_step_product;

typedef struct gan_step_products {
  gan_step_product *list; /* (room) */
  int count, room;        /* count goes on beyond the room */
  const gan_task *task;
} gan_step_products;

/* Takes a step to count its products, and one to keep them.  Collective; free what it gives with
 * gan_products_reset. */
GAN_CHECKED gan_status gan_products_record(gan_task *task, gan_step_products *out);
void gan_products_reset(gan_step_products *products);

/* Those of a phase (-1: all), on the very memory and by as many threads as in the step: the step's
 * gradients and activations are other numbers afterwards, or none. */
void gan_products_play(const gan_step_products *products, int phase);

/* How many a phase has, and their floating-point operations. */
int gan_products_count(const gan_step_products *products, int phase);
double gan_products_flops(const gan_step_products *products, int phase);

/* 2 m n k. */
double gan_gemm_flops(const gan_gemm_call *call);

/* 2 samples out_h out_w out_c kernel^2 c / groups, each of the three ways; what meets the padding
 * counts, as it does where the image is unfolded. */
double gan_convolution_flops(const gan_convolution *shape, int64_t samples);

#endif
