#include "optim/average.h"

#include "base/memory.h"
#include "kernels/update.h"

#include <math.h>
#include <string.h>

bool gan_average_wanted(const gan_config *config) {
  return !isnan(config->train.ema.decay) || !isnan(config->train.ema.half_life_images);
}

/* In images; 0 where each update copies. */
static double half_life_of(const gan_config *config) {
  double decay = config->train.ema.decay;
  if (isnan(decay)) return config->train.ema.half_life_images;
  return decay > 0 ? (double)config->train.batch * log(0.5) / log(decay) : 0;
}

gan_status gan_average_create(const gan_config *config, const gan_net_spec *spec, const char *name,
                              gan_average **out) {
  gan_average *average;
  gan_net_spec averaged = *spec;
  averaged.name = name;
  averaged.trains = false;
  GAN_TRY_ALLOC(average, 1, "an average of weights");
  *out = average;
  *average = (gan_average){.half_life = half_life_of(config),
                           .warmup = config->train.ema.warmup,
                           .batch = config->train.batch};
  gan_status status = gan_net_create(&averaged, &average->net);
  if (status != GAN_OK)
    gan_average_destroy(out);
  else
    average->end = average->net->slab_size;
  return status;
}

void gan_average_destroy(gan_average **average) {
  if (!*average) return;
  gan_net_destroy(&(*average)->net);
  gan_free(average);
}

void gan_average_share(gan_average *average, float *slab, int64_t first, int64_t end) {
  GAN_ASSERT(!average->updates);
  gan_net_borrow_weights(average->net, slab);
  average->first = first;
  average->end = end;
}

void gan_average_begin(gan_average *average, const gan_net *net) {
  GAN_ASSERT(average->net->slab_size == net->slab_size);
  memcpy(average->net->params, net->params, (size_t)net->slab_size * sizeof(float));
  average->updates = 0;
  gan_average_follow(average, net);
}

void gan_average_clear(gan_average *average) {
  gan_net_clear(average->net);
  average->updates = 0;
}

double gan_average_rest(const gan_average *average) {
  double before = (double)average->updates * (double)average->batch;
  double half_life = average->half_life;
  if (average->warmup > 0) half_life = fmin(half_life, average->warmup * before);
  return half_life > 0 ? -expm1(log(0.5) * (double)average->batch / half_life) : 1;
}

void gan_average_update(gan_average *average, const gan_net *net) {
  float rest = (float)gan_average_rest(average);
  int64_t at = average->first, n = average->end - at;
  float *averaged = average->net->params + at;
  if (rest == 1) /* to the bit */
    memcpy(averaged, net->params + at, (size_t)n * sizeof *averaged);
  else
    gan_average_weights(n, rest, net->params + at, averaged);
  average->updates++;
  gan_net_changed(average->net);
}

void gan_average_follow(gan_average *average, const gan_net *net) {
  gan_net *averaged = average->net;
  memcpy(averaged->buffers, net->buffers, (size_t)net->buffer_size * sizeof(float));
  memcpy(averaged->counters, net->counters, (size_t)net->counter_count * sizeof(int64_t));
  gan_net_changed(averaged); /* spectral norms are of both */
}
