#include "task/generate.h"

#include "base/blocks.h"
#include "base/memory.h"
#include "kernels/pointwise.h"

#include <math.h>
#include <string.h>

static void fill(gan_latent_distribution law, gan_rng rng, uint64_t draw, int64_t first,
                 int64_t samples, int64_t size, float *out) {
  for (int64_t i = 0; i < samples; i++, out += size) {
    if (law == GAN_LATENT_UNIFORM)
      gan_rng_uniform(rng, draw, (uint32_t)(first + i), size, -1.0f, 1.0f, out);
    else
      gan_rng_normal(rng, draw, (uint32_t)(first + i), size, out);
  }
}

void gan_latent_fill(gan_latent_distribution law, gan_rng rng, uint64_t draw, int64_t first,
                     int64_t samples, int64_t size, float *out) {
  enum { COST = 32 }; /* a number costs as much as passing over so many */
  GAN_FOR_BLOCKS(i, count, samples, COST * size,
                 fill(law, rng, draw, first + i, count, size, out + i * size));
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

/* The other way, (n, C, H, W) in the data's range to (n, H, W, C) in the networks'. */
static void from_data_units(int64_t n, const gan_data_facts *data, const float *from, float *to) {
  int64_t pixels = data->h * data->w, c = data->c;
  for (int64_t i = 0; i < n; i++)
    for (int64_t k = 0; k < c; k++)
      for (int64_t p = 0; p < pixels; p++)
        to[(i * pixels + p) * c + k] =
            (float)((double)from[(i * c + k) * pixels + p] * data->scale + data->offset);
}

int64_t gan_class_rows(int64_t n, int64_t classes, int32_t *out) {
  int64_t columns = n > classes ? n / classes : 1;
  for (int64_t i = 0; i < n; i++) out[i] = (int32_t)(i / columns % classes);
  return columns;
}

void gan_latent_samples(gan_latent_distribution law, double truncation, uint64_t seed,
                        int64_t first, int64_t n, int64_t size, float *out) {
  gan_rng rng = gan_rng_stream(seed, GAN_RNG_SAMPLE, 0, 0, 0);
  if (truncation == 0) {
    gan_latent_fill(law, rng, 0, first, n, size, out);
    return;
  }
  GAN_ASSERT(law == GAN_LATENT_NORMAL);
  for (int64_t i = 0; i < n; i++)
    gan_rng_truncated(rng, 0, (uint32_t)(first + i), size, truncation, out + i * size);
}

float gan_latent_quantile(gan_latent_distribution law, double u) {
  return (float)(law == GAN_LATENT_UNIFORM ? 2 * u - 1 : gan_normal_quantile(u));
}

static double inner_product(int64_t n, const float *a, const float *b) {
  double sum = 0;
  for (int64_t i = 0; i < n; i++) sum += (double)a[i] * (double)b[i];
  return sum;
}

/* The angle between two vectors; 0 where there is none. */
static double angle_between(int64_t n, const float *a, const float *b) {
  double lengths = sqrt(inner_product(n, a, a) * inner_product(n, b, b));
  double cosine = lengths > 0 ? inner_product(n, a, b) / lengths : 1;
  return acos(fmax(-1, fmin(cosine, 1)));
}

void gan_latent_between(gan_latent_distribution law, int64_t size, const float *a, const float *b,
                        double share, float *out) {
  const double parallel = 1e-6; /* the sine below which the arc is not told from the line */
  double angle = law == GAN_LATENT_NORMAL ? angle_between(size, a, b) : 0, sine = sin(angle);
  double of_a = 1 - share, of_b = share;
  if (sine > parallel) {
    of_a = sin(of_a * angle) / sine;
    of_b = sin(of_b * angle) / sine;
  }
  for (int64_t i = 0; i < size; i++) out[i] = (float)(of_a * (double)a[i] + of_b * (double)b[i]);
}

static gan_pass pass_over(const gan_generator_classes *classes, int64_t first, int64_t n) {
  gan_pass pass = {.comm = gan_comm_alone(), .samples = n, .batch = n};
  if (!classes) return pass;
  pass.classes = classes->of + first;
  if (!classes->other) return pass;
  pass.other = classes->other + first;
  pass.share = classes->share + first;
  return pass;
}

gan_status gan_generate_from(gan_net *generator, bool logits, const gan_data_facts *data, int64_t n,
                             const float *latent, const gan_generator_classes *classes,
                             float *images) {
  int64_t z = gan_shape_size(generator->in), row = gan_shape_size(generator->out);
  for (int64_t done = 0; done < n;) {
    int64_t count = n - done < generator->capacity ? n - done : generator->capacity;
    gan_pass pass = pass_over(classes, done, count);
    float *made;
    GAN_TRY(gan_net_forward(generator, &pass, latent + done * z, &made));
    if (logits) gan_sigmoid(count * row, made, made);
    to_data_units(count, data, made, images + done * row);
    done += count;
  }
  return GAN_OK;
}

gan_status gan_generate(gan_net *generator, const gan_request *request, const gan_data_facts *data,
                        float *images, float *latent) {
  gan_latent_samples(request->law, 0, request->seed, request->first, request->n,
                     gan_shape_size(generator->in), latent);
  gan_generator_classes classes = {.of = request->classes};
  return gan_generate_from(generator, false, data, request->n, latent,
                           request->classes ? &classes : NULL, images);
}

static gan_status encode_piece(gan_net *encoder, int64_t n, int64_t latent_size, const float *x,
                               float *latent) {
  gan_pass pass = pass_over(NULL, 0, n);
  int64_t code = gan_shape_size(encoder->out);
  float *codes;
  GAN_TRY(gan_net_forward(encoder, &pass, x, &codes));
  for (int64_t i = 0; i < n; i++)
    memcpy(latent + i * latent_size, codes + i * code, (size_t)latent_size * sizeof *latent);
  return GAN_OK;
}

gan_status gan_encode(gan_net *encoder, const gan_data_facts *data, int64_t n, int64_t latent_size,
                      const float *images, float *latent) {
  int64_t row = gan_shape_size(encoder->in);
  int64_t most = n < encoder->capacity ? n : encoder->capacity;
  float *x;
  gan_status status = GAN_OK;
  GAN_TRY_ALLOC(x, most * row, "images to encode");
  for (int64_t done = 0; done < n && status == GAN_OK; done += most) {
    int64_t count = n - done < most ? n - done : most;
    from_data_units(count, data, images + done * row, x);
    status = encode_piece(encoder, count, latent_size, x, latent + done * latent_size);
  }
  gan_free(&x);
  return status;
}
