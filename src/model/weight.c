#include "model/weight.h"

void gan_weight_plan(gan_layer *layer, gan_layer_plan *plan, const gan_convolution *shape,
                     bool transposed) {
  gan_product *product = &layer->product;
  gan_product_plan(product, shape, transposed, gan_plan_span(plan), gan_plan_trains(plan));
  size_t bytes = (size_t)gan_plan_capacity(plan) * product->copy_bytes;
  for (int to = 0; to < GAN_PACKED_ORDERS; to++) bytes += product->packed_bytes[to];
  layer->product_work = gan_plan_work(plan, bytes, 0);
  layer->product_scratch = layer->scratch;
  layer->scratch += (int64_t)(product->scratch_bytes + 63) / 64 * 8;
}

static gan_product_memory memory_of(const gan_layer *layer, const gan_span *span) {
  const gan_product *product = &layer->product;
  gan_product_memory memory = {.scratch = span ? span->scratch + layer->product_scratch : NULL};
  char *at = (char *)layer->work + layer->product_work;
  for (int to = 0; to < GAN_PACKED_ORDERS; to++) {
    memory.packed[to] = at;
    at += product->packed_bytes[to];
  }
  memory.copy = at + (span ? (size_t)span->first * product->copy_bytes : 0);
  return memory;
}

gan_status gan_weight_settle(gan_layer *layer, const gan_pass *pass, const double *totals) {
  GAN_TRY(gan_spectral_settle(layer, pass, totals));
  bool changed = layer->stale || gan_spectral_changes(layer, pass);
  if (!changed) return GAN_OK;
  gan_product_memory memory = memory_of(layer, NULL);
  gan_product_pack(&layer->product, gan_spectral_weight(layer), &memory);
  layer->stale = false;
  return GAN_OK;
}

void gan_weight_forward(const gan_layer *layer, const gan_span *span, const float *x, float *y) {
  gan_product_memory memory = memory_of(layer, span);
  gan_product_forward(&layer->product, span->samples, x, gan_spectral_weight(layer), &memory, y);
}

void gan_weight_backward(const gan_layer *layer, const gan_span *span, unsigned want,
                         const float *x, const float *dy, float *dx) {
  gan_product_memory memory = memory_of(layer, span);
  bool adds = false;
  if (span->recalls && want & GAN_WANT_WEIGHTS)
    gan_product_recall(&layer->product, span->samples, x, &memory);
  float *dw = want & GAN_WANT_WEIGHTS ? gan_spectral_gradient(layer, span, &adds) : NULL;
  gan_product_backward(&layer->product, span->samples, x, dy, gan_spectral_weight(layer), &memory,
                       adds, dw, dx);
  if (dw) gan_spectral_finish(layer, span);
}
