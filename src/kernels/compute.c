#include "kernels/compute.h"

#include "base/blocks.h"
#include "base/status.h"
#include "kernels/onednn.h"

static gan_compute chosen = {.library = GAN_LIBRARY_AUTO, .precision = GAN_PRECISION_FP32};

/* Widths below which oneDNN was slower than the other way (AVX-512 processors; `mpigan bench gemm`
 * shows where a machine disagrees): its kernels work on blocks of 16 columns or channels, which
 * narrow shapes leave empty. */
static const gan_compute_rule rules[] = {
    {GAN_PRODUCT_GEMM, GAN_PRECISION_FP32, "matrix product, the weight's narrower side", 16,
     "OpenBLAS"},
    {GAN_PRODUCT_GEMM, GAN_PRECISION_BF16, "matrix product, the weight's narrower side", 8,
     "OpenBLAS, in fp32"},
    {GAN_PRODUCT_CONVOLUTION, GAN_PRECISION_FP32, "convolution, channels of the smaller image", 16,
     "unfolded into matrix products"},
    {GAN_PRODUCT_CONVOLUTION, GAN_PRECISION_BF16, "convolution, channels of the smaller image", 16,
     "unfolded into matrix products, in fp32"},
    {GAN_PRODUCT_CONVOLUTION_BACK, GAN_PRECISION_FP32, "back to the larger image, channels there",
     16, "unfolded into matrix products"},
    {GAN_PRODUCT_CONVOLUTION_BACK, GAN_PRECISION_BF16, "back to the larger image, channels there",
     16, "unfolded into matrix products, in fp32"},
};

enum { RULES = sizeof rules / sizeof *rules };

bool gan_compute_has(gan_library library, gan_precision precision) {
  if (library == GAN_LIBRARY_OPENBLAS) return precision == GAN_PRECISION_FP32;
  if (library == GAN_LIBRARY_AUTO && precision == GAN_PRECISION_FP32) return true;
  return gan_onednn_built() && (precision == GAN_PRECISION_FP32 || gan_onednn_multiplies_bf16());
}

bool gan_compute_has_emulated(gan_library library) {
  return library != GAN_LIBRARY_OPENBLAS && gan_onednn_computes_bf16();
}

bool gan_compute_can(gan_compute compute, bool emulated) {
  if (gan_compute_has(compute.library, compute.precision)) return true;
  return emulated && compute.precision == GAN_PRECISION_BF16 &&
         gan_compute_has_emulated(compute.library);
}

void gan_compute_use_threads(int threads, bool share_shards) {
  gan_blocks_set_threads(threads);
  gan_gemm_set_threads(share_shards ? 1 : threads);
}

void gan_compute_set(gan_compute compute) {
  GAN_ASSERT(compute.library != GAN_LIBRARY_ONEDNN || gan_onednn_built());
  chosen = compute;
}

gan_compute gan_compute_now(void) {
  gan_compute now = chosen;
  if (now.library == GAN_LIBRARY_AUTO)
    now.library = gan_onednn_built() ? GAN_LIBRARY_ONEDNN : GAN_LIBRARY_OPENBLAS;
  return now;
}

const gan_compute_rule *gan_compute_rules(int *count) {
  *count = RULES;
  return rules;
}

bool gan_compute_by_onednn(gan_product_kind kind, gan_precision precision, int64_t width) {
  gan_compute now = gan_compute_now();
  for (int i = 0; i < RULES && now.library == GAN_LIBRARY_ONEDNN; i++)
    if (rules[i].kind == kind && rules[i].precision == precision)
      return now.every_width || width >= rules[i].least_width;
  return false;
}
