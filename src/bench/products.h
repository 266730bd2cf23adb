/* The matrix products of a training step, to be played again alone; and the engines that can. */
#ifndef GAN_BENCH_PRODUCTS_H
#define GAN_BENCH_PRODUCTS_H

#include "kernels/gemm.h"
#include "task/task.h"

/* A library in a precision.  Another one is a row in products.c. */
typedef struct gan_engine {
  const char *library, *precision;
  void (*run)(const gan_gemm_call *call);
} gan_engine;

const gan_engine *gan_engines(int *count);

/* The engine that the fixed rule takes for a product: its place in the list. */
int gan_engine_of(const gan_gemm_call *call);

typedef struct gan_step_product {
  gan_gemm_call call; /* on the step's own memory */
  int phase;          /* the row of task->profile that it belongs to */
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

/* Those of a phase (-1: all), on the very memory: the step's gradients and activations are other
 * numbers afterwards, or none. */
void gan_products_play(const gan_step_products *products, int phase, const gan_engine *engine);

/* How many a phase has, and their floating-point operations: 2 m n k each. */
int gan_products_count(const gan_step_products *products, int phase);
double gan_products_flops(const gan_step_products *products, int phase);
double gan_gemm_flops(const gan_gemm_call *call);

#endif
