#include "bench/products.h"

#include "base/memory.h"

static const gan_engine engines[] = {
    {"openblas", "fp32", gan_gemm_run},
};

const gan_engine *gan_engines(int *count) {
  *count = sizeof engines / sizeof *engines;
  return engines;
}

int gan_engine_of(const gan_gemm_call *call) {
  (void)call; /* there is one */
  return 0;
}

/* Threads that share the shards call it at the same time. */
static void record(void *context, const gan_gemm_call *call) {
  gan_step_products *products = context;
  int at;
#pragma omp atomic capture
  at = products->count++;
  if (at < products->room)
    products->list[at] = (gan_step_product){.call = *call, .phase = products->task->phase};
}

gan_status gan_products_record(gan_task *task, gan_step_products *out) {
  *out = (gan_step_products){.task = task};
  for (int i = 0; i < 2; i++) {
    out->count = 0;
    gan_gemm_observe(record, out);
    gan_status status = task->type->step(task);
    gan_gemm_observe(NULL, NULL);
    GAN_TRY(status);
    if (i > 0) break;
    out->list = gan_alloc((size_t)out->count, sizeof *out->list, "a list of products");
    out->room = out->count;
    GAN_TRY(gan_comm_agree(task->comm, out->list ? GAN_OK : GAN_NO_MEMORY,
                           "agreeing whether all have room for a list of products"));
  }
  GAN_ASSERT(out->count == out->room);
  return GAN_OK;
}

void gan_products_reset(gan_step_products *products) {
  gan_free(&products->list);
  products->count = products->room = 0;
}

static bool belongs(const gan_step_product *product, int phase) {
  return phase < 0 || product->phase == phase;
}

void gan_products_play(const gan_step_products *products, int phase, const gan_engine *engine) {
  for (int i = 0; i < products->count; i++)
    if (belongs(&products->list[i], phase)) engine->run(&products->list[i].call);
}

int gan_products_count(const gan_step_products *products, int phase) {
  int count = 0;
  for (int i = 0; i < products->count; i++) count += belongs(&products->list[i], phase);
  return count;
}

double gan_gemm_flops(const gan_gemm_call *call) {
  return 2.0 * (double)call->m * (double)call->n * (double)call->k;
}

double gan_products_flops(const gan_step_products *products, int phase) {
  double sum = 0;
  for (int i = 0; i < products->count; i++)
    if (belongs(&products->list[i], phase)) sum += gan_gemm_flops(&products->list[i].call);
  return sum;
}
