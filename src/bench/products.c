#include "bench/products.h"

#include "base/memory.h"

#include <omp.h>

/* ---- recording ---- */

/* Threads that share the shards call it at the same time. */
static void record(gan_step_products *products, gan_step_product product) {
  int at;
  product.phase = products->task->phase;
  product.team = omp_in_parallel() ? omp_get_num_threads() : 1;
  product.thread = omp_get_thread_num();
#pragma omp atomic capture
  at = products->count++;
  if (at < products->room) products->list[at] = product;
}

static void record_gemm(void *context, const gan_gemm_call *call) {
  record(context, (gan_step_product){.call.gemm = *call});
}

static void record_convolution(void *context, const gan_convolution_call *call) {
  record(context, (gan_step_product){.convolves = true, .call.convolution = *call});
}

static gan_status take_step(gan_task *task, gan_step_products *out) {
  out->count = 0;
  gan_gemm_observe(record_gemm, out);
  gan_convolution_observe(record_convolution, out);
  gan_status status = task->type->step(task);
  gan_gemm_observe(NULL, NULL);
  gan_convolution_observe(NULL, NULL);
  return status;
}

gan_status gan_products_record(gan_task *task, gan_step_products *out) {
  *out = (gan_step_products){.task = task};
  GAN_TRY(take_step(task, out));
  out->list = gan_alloc((size_t)out->count, sizeof *out->list, "a list of products");
  out->room = out->count;
  GAN_TRY(gan_comm_agree(task->comm, out->list ? GAN_OK : GAN_NO_MEMORY,
                         "agreeing whether all have room for a list of products"));
  GAN_TRY(take_step(task, out));
  GAN_ASSERT(out->count == out->room);
  return GAN_OK;
}

void gan_products_reset(gan_step_products *products) {
  gan_free(&products->list);
  products->count = products->room = 0;
}

/* ---- playing ---- */

static bool belongs(const gan_step_product *product, int phase) {
  return phase < 0 || product->phase == phase;
}

static void play(const gan_step_product *product) {
  if (product->convolves)
    gan_convolution_run(&product->call.convolution);
  else
    gan_gemm_run(&product->call.gemm);
}

/* Those from `first` to `end` were called by threads of one team: each plays its own.  In the step
 * they meet behind each layer, which costs them more. */
static void play_shared(const gan_step_products *products, int phase, int first, int end) {
#pragma omp parallel num_threads(products->list[first].team)
  for (int i = first; i < end; i++) {
    const gan_step_product *product = &products->list[i];
    if (belongs(product, phase) && product->thread == omp_get_thread_num()) play(product);
  }
}

void gan_products_play(const gan_step_products *products, int phase) {
  for (int i = 0, end; i < products->count; i = end) {
    const gan_step_product *first = &products->list[i];
    for (end = i + 1; first->team > 1 && end < products->count; end++)
      if (products->list[end].team != first->team || products->list[end].phase != first->phase)
        break;
    if (!belongs(first, phase)) continue;
    if (first->team > 1)
      play_shared(products, phase, i, end);
    else
      play(first);
  }
}

/* ---- counting ---- */

int gan_products_count(const gan_step_products *products, int phase) {
  int count = 0;
  for (int i = 0; i < products->count; i++) count += belongs(&products->list[i], phase);
  return count;
}

double gan_gemm_flops(const gan_gemm_call *call) {
  return 2.0 * (double)call->m * (double)call->n * (double)call->k;
}

double gan_convolution_flops(const gan_convolution *shape, int64_t samples) {
  double pixels = (double)samples * (double)shape->out_h * (double)shape->out_w;
  return 2.0 * pixels * (double)gan_convolution_weights(shape);
}

static double flops_of(const gan_step_product *product) {
  const gan_convolution_call *convolution = &product->call.convolution;
  if (product->convolves) return gan_convolution_flops(convolution->shape, convolution->samples);
  return gan_gemm_flops(&product->call.gemm);
}

double gan_products_flops(const gan_step_products *products, int phase) {
  double sum = 0;
  for (int i = 0; i < products->count; i++)
    if (belongs(&products->list[i], phase)) sum += flops_of(&products->list[i]);
  return sum;
}
