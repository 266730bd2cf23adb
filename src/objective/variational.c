#include "objective/variational.h"

#include "base/blocks.h"
#include "kernels/lanes.h"
#include "kernels/pointwise.h"

#include <math.h>

static const double LOG_2PI = 1.83787706640934548356;

/* What a number costs, in floats that are passed over: an exponential, and a few passes. */
enum { COST = 8 };

/* Numbers whose 1 + exp(-|l|), each at most 2, are multiplied before one logarithm is taken: their
 * product fits a double. */
enum { CHUNK = 512 };

/* Of a chunk: sum of log(1 + exp(l)) - x l, by log(1 + exp(l)) = max(l, 0) + log(1 + exp(-|l|)).
 * `slope` holds exp(-|l|), and then scale (sigmoid(l) - x).  A logit that is no number stays none,
 * by x l. */
GAN_KERNEL static double bernoulli_chunk(int64_t n, float scale, const float *x,
                                         const float *logits, float *slope) {
  double sums[GAN_LANES] = {0}, products[GAN_LANES], product = 1;
  for (int k = 0; k < GAN_LANES; k++) products[k] = 1;
  for (int64_t i = 0; i < n; i += GAN_LANES) {
    int lanes = n - i < GAN_LANES ? (int)(n - i) : GAN_LANES;
    for (int k = 0; k < lanes; k++) {
      float l = logits[i + k], e = slope[i + k], above = l > 0.0f ? l : 0.0f;
      sums[k] += (double)above - (double)x[i + k] * (double)l;
      products[k] *= 1 + (double)e;
      slope[i + k] = scale * ((l >= 0.0f ? 1.0f : e) / (1.0f + e) - x[i + k]);
    }
  }
  for (int k = 0; k < GAN_LANES; k++) product *= products[k];
  return gan_lanes_total(sums) + log(product);
}

static double bernoulli(int64_t n, float scale, const float *x, const float *logits, float *slope) {
  double sum = 0;
  for (int64_t i = 0, count; i < n; i += count) {
    count = n - i < CHUNK ? n - i : CHUNK;
    for (int64_t k = i; k < i + count; k++) slope[k] = -fabsf(logits[k]);
    gan_exp(count, slope + i, slope + i);
    sum += bernoulli_chunk(count, scale, x + i, logits + i, slope + i);
  }
  return sum;
}

/* Sum of squares of the differences; their slope, scaled. */
GAN_KERNEL static double squares(int64_t n, float scale, const float *x, const float *out,
                                 float *slope) {
  double sums[GAN_LANES] = {0};
  for (int64_t i = 0; i < n; i += GAN_LANES) {
    int lanes = n - i < GAN_LANES ? (int)(n - i) : GAN_LANES;
    for (int k = 0; k < lanes; k++) {
      float d = out[i + k] - x[i + k];
      sums[k] += (double)d * (double)d;
      slope[i + k] = scale * d;
    }
  }
  return gan_lanes_total(sums);
}

/* Sample by sample, so that a sample's sum does not depend on those beside it. */
static double bernoulli_rows(int64_t n, int64_t size, float scale, const float *x, const float *out,
                             float *slope) {
  double sum = 0;
  for (int64_t i = 0; i < n * size; i += size)
    sum += bernoulli(size, scale, x + i, out + i, slope + i);
  return sum;
}

static double squares_rows(int64_t n, int64_t size, float scale, const float *x, const float *out,
                           float *slope) {
  double sum = 0;
  for (int64_t i = 0; i < n * size; i += size)
    sum += squares(size, scale, x + i, out + i, slope + i);
  return sum;
}

double gan_reconstruction_term(const gan_likelihood *likelihood, int64_t n, int64_t batch,
                               int64_t size, const float *x, const float *out, float *dout) {
  double sum, variance = likelihood->std * likelihood->std;
  if (likelihood->kind == GAN_LIKELIHOOD_BERNOULLI) {
    float scale = (float)(1 / (double)batch);
    GAN_SUM_BLOCKS(
        sum, i, count, n, COST * size,
        bernoulli_rows(count, size, scale, x + i * size, out + i * size, dout + i * size));
    return sum / (double)batch;
  }
  float scale = (float)(1 / (variance * (double)batch));
  GAN_SUM_BLOCKS(sum, i, count, n, size,
                 squares_rows(count, size, scale, x + i * size, out + i * size, dout + i * size));
  double constant = (double)(n * size) * (log(likelihood->std) + LOG_2PI / 2);
  return (sum / (2 * variance) + constant) / (double)batch;
}

/* ---- the code ---- */

static void draw(int64_t n, int64_t latent, const float *code, const float *eps, float *z) {
  for (int64_t i = 0; i < n; i++, code += 2 * latent)
    for (int64_t k = 0; k < latent; k++, eps++, z++)
      *z = (float)((double)code[k] + exp((double)code[latent + k] / 2) * (double)*eps);
}

void gan_reparametrise(int64_t n, int64_t latent, const float *code, const float *eps, float *z) {
  GAN_FOR_BLOCKS(i, count, n, COST * latent,
                 draw(count, latent, code + i * 2 * latent, eps + i * latent, z + i * latent));
}

static double divergence(int64_t n, int64_t batch, int64_t latent, double beta, const float *code,
                         const float *eps, const float *dz, float *dcode) {
  double sum = 0, scale = beta / (double)batch;
  for (int64_t i = 0; i < n; i++, code += 2 * latent, dcode += 2 * latent)
    for (int64_t k = 0; k < latent; k++, eps++, dz++) {
      double mean = (double)code[k], v = (double)code[latent + k], std = exp(v / 2);
      sum += (mean * mean + (expm1(v) - v)) / 2;
      dcode[k] = (float)(scale * mean + (double)*dz);
      dcode[latent + k] = (float)(scale * expm1(v) / 2 + (double)*dz * (double)*eps * std / 2);
    }
  return sum;
}

double gan_kl_term(int64_t n, int64_t batch, int64_t latent, double beta, const float *code,
                   const float *eps, const float *dz, float *dcode) {
  double sum;
  GAN_SUM_BLOCKS(sum, i, count, n, COST * latent,
                 divergence(count, batch, latent, beta, code + i * 2 * latent, eps + i * latent,
                            dz + i * latent, dcode + i * 2 * latent));
  return sum / (double)batch;
}
