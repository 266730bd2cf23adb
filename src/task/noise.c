#include "task/noise.h"

#include "base/blocks.h"
#include "base/memory.h"
#include "base/rng.h"

/* What a normal number costs, in floats that are passed over. */
enum { COST = 16 };

gan_status gan_noise_reserve(const gan_config *config, int64_t samples, int64_t size,
                             gan_noise *noise) {
  noise->std = config->train.instance_noise;
  noise->last = config->train.instance_noise_steps;
  if (noise->std > 0) GAN_TRY_ALLOC(noise->seen, samples * size, "noise on samples");
  return GAN_OK;
}

void gan_noise_release(gan_noise *noise) {
  gan_free(&noise->seen);
}

double gan_noise_std(const gan_noise *noise, int64_t step) {
  if (noise->last == GAN_UNSET_INT) return noise->std;
  return step < noise->last ? noise->std * (1 - (double)step / (double)noise->last) : 0;
}

/* n samples of `size` numbers, the first of which is the batch's `first`. */
static void blur(gan_rng rng, uint64_t draw, int64_t first, int64_t n, int64_t size, float std,
                 const float *images, float *seen) {
  for (int64_t i = 0; i < n; i++, images += size, seen += size) {
    gan_rng_normal(rng, draw, (uint32_t)(first + i), size, seen);
    for (int64_t k = 0; k < size; k++) seen[k] = images[k] + std * seen[k];
  }
}

const float *gan_noise_on(const gan_noise *noise, const gan_net *judge, const gan_pass *pass,
                          int64_t step, const float *images) {
  float std = (float)gan_noise_std(noise, step);
  int64_t size = gan_shape_size(judge->in);
  if (!(std > 0)) return images;
  for (int64_t i = 0; i < gan_net_span_count(judge, pass); i++) {
    gan_span span = gan_net_span(judge, pass, i);
    for (int which = 0; which < gan_pass_sets(pass); which++) {
      gan_span_set set = gan_span_set_of(&span, which);
      gan_rng rng = gan_rng_stream(pass->seed, GAN_RNG_INSTANCE, 0, set.phase, 0);
      int64_t at = (span.first + set.first) * size;
      GAN_FOR_BLOCKS(k, count, set.samples, COST * size,
                     blur(rng, pass->draw, set.first_sample + k, count, size, std,
                          images + at + k * size, noise->seen + at + k * size));
    }
  }
  return noise->seen;
}
