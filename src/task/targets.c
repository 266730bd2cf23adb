#include "task/targets.h"

#include "base/memory.h"
#include "base/rng.h"

gan_status gan_targets_reserve(const gan_config *config, int64_t piece, gan_targets *targets) {
  targets->real = config->train.label_real;
  targets->fake = config->train.label_fake;
  targets->flip = config->train.label_flip;
  if (targets->real < 1 || targets->fake > 0 || targets->flip > 0)
    GAN_TRY_ALLOC(targets->wanted, piece, "targets of samples");
  return GAN_OK;
}

void gan_targets_release(gan_targets *targets) {
  gan_free(&targets->wanted);
}

const float *gan_targets_of(const gan_targets *targets, const gan_pass *pass,
                            const gan_span_set *set, bool real) {
  gan_rng rng = gan_rng_stream(pass->seed, GAN_RNG_FLIP, 0, set->phase, 0);
  float own = (float)(real ? targets->real : targets->fake);
  float other = (float)(real ? targets->fake : targets->real);
  if (!targets->wanted) return NULL;
  for (int64_t i = 0; i < set->samples; i++) {
    float u = 1;
    if (targets->flip > 0)
      gan_rng_uniform(rng, pass->draw, (uint32_t)(set->first_sample + i), 1, 0, 1, &u);
    targets->wanted[i] = (double)u < targets->flip ? other : own;
  }
  return targets->wanted;
}
