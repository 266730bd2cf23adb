#include "task/generate.h"

void gan_latent_fill(gan_latent_distribution law, gan_rng rng, uint64_t draw, int64_t first,
                     int64_t samples, int64_t size, float *out) {
  for (int64_t i = 0; i < samples; i++, out += size) {
    if (law == GAN_LATENT_UNIFORM)
      gan_rng_uniform(rng, draw, (uint32_t)(first + i), size, -1.0f, 1.0f, out);
    else
      gan_rng_normal(rng, draw, (uint32_t)(first + i), size, out);
  }
}

/* (n, H, W, C) in the networks' range to (n, C, H, W) in the data's. */
static void to_data_units(int64_t n, const gan_data_facts *data, const float *from, float *to) {
  int64_t pixels = data->h * data->w, c = data->c;
  for (int64_t i = 0; i < n; i++)
    for (int64_t k = 0; k < c; k++)
      for (int64_t p = 0; p < pixels; p++)
        to[(i * c + k) * pixels + p] =
            (float)(((double)from[(i * pixels + p) * c + k] - data->offset) / data->scale);
}

int64_t gan_class_rows(int64_t n, int64_t classes, int32_t *out) {
  int64_t columns = n > classes ? n / classes : 1;
  for (int64_t i = 0; i < n; i++) out[i] = (int32_t)(i / columns % classes);
  return columns;
}

gan_status gan_generate(gan_net *generator, const gan_request *request, const gan_data_facts *data,
                        float *images, float *latent) {
  gan_rng rng = gan_rng_stream(request->seed, GAN_RNG_SAMPLE, 0, 0, 0);
  int64_t z = gan_shape_size(generator->in), row = gan_shape_size(generator->out);
  for (int64_t done = 0; done < request->n;) {
    int64_t left = request->n - done;
    int64_t count = left < generator->capacity ? left : generator->capacity;
    gan_pass pass = {.comm = gan_comm_alone(),
                     .samples = count,
                     .batch = count,
                     .classes = request->classes ? request->classes + done : NULL};
    float *made;
    gan_latent_fill(request->law, rng, 0, request->first + done, count, z, latent + done * z);
    GAN_TRY(gan_net_forward(generator, &pass, latent + done * z, &made));
    to_data_units(count, data, made, images + done * row);
    done += count;
  }
  return GAN_OK;
}
