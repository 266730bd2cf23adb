#include "kernels/product.h"

#include "kernels/bf16.h"
#include "kernels/onednn.h"

enum { TO_SMALL, TO_LARGE }; /* orders of a packed weight */

/* Where packing pays for one product that can do without: of few rows the library spends more on
 * the weight's order than on multiplying; in bf16 the products of many are worth the time.  Packing
 * takes about as long as a product of 128 rows in bf16, rounding a tenth of it. */
static const int64_t FEW_ROWS = 32, MANY_ROWS = 1024;

static int64_t rows_of(const gan_product *product, int64_t samples) {
  return samples * product->shape.out_h * product->shape.out_w;
}

static int64_t pixels(const gan_product *product, bool large) {
  const gan_convolution *shape = &product->shape;
  return large ? shape->h * shape->w * shape->c : shape->out_h * shape->out_w * shape->out_c;
}

/* Numbers of a sample that goes in, or comes out. */
static int64_t in_size(const gan_product *product) {
  return pixels(product, !product->transposed);
}
static int64_t out_size(const gan_product *product) {
  return pixels(product, product->transposed);
}

static int64_t least(int64_t a, int64_t b) {
  return a < b ? a : b;
}

static size_t aligned(size_t bytes) {
  return (bytes + 63) / 64 * 64;
}

/* ---- calls ---- */

/* Rows of the smaller image by the weight, or back: b is the weight (out_c, columns). */
static gan_gemm_call gemm_call(const gan_product *product, int to, int64_t samples) {
  int64_t columns = gan_convolution_columns(&product->shape), out_c = product->shape.out_c;
  bool small = to == TO_SMALL;
  return (gan_gemm_call){.transpose_b = small,
                         .m = rows_of(product, samples),
                         .n = small ? out_c : columns,
                         .k = small ? columns : out_c,
                         .lda = small ? columns : out_c,
                         .ldb = columns,
                         .ldc = small ? out_c : columns,
                         .precision = product->precision,
                         .packed_rows = rows_of(product, product->samples),
                         .packed_threads = product->threads};
}

static gan_convolution_call convolution_call(const gan_product *product, gan_convolution_way way,
                                             int64_t samples) {
  return (gan_convolution_call){.way = way,
                                .shape = &product->shape,
                                .samples = samples,
                                .precision = product->precision,
                                .packed_samples = product->samples,
                                .packed_threads = product->threads};
}

static gan_convolution_way way_of(int to) {
  return to == TO_SMALL ? GAN_CONVOLVE : GAN_CONVOLVE_BACK;
}

/* ---- planning ---- */

static void choose(gan_product *product) {
  const gan_convolution *shape = &product->shape;
  bool one = gan_convolution_is_direct(shape) && shape->groups == 1;
  int64_t width = one ? least(shape->out_c, gan_convolution_columns(shape)) : shape->out_c;
  gan_product_kind kind = one ? GAN_PRODUCT_GEMM : GAN_PRODUCT_CONVOLUTION;
  gan_precision precision = gan_compute_now().precision;
  if (!gan_compute_by_onednn(kind, precision, width)) precision = GAN_PRECISION_FP32;
  bool by_library = gan_compute_by_onednn(kind, precision, width);
  if (!one && by_library) by_library = gan_onednn_convolves(shape, product->samples, precision);
  if (!by_library) precision = GAN_PRECISION_FP32;
  product->precision = precision;
  product->way = one ? GAN_PRODUCT_ONE : by_library ? GAN_PRODUCT_LIBRARY : GAN_PRODUCT_TILES;
  product->back_in_tiles =
      product->way == GAN_PRODUCT_LIBRARY &&
      !gan_compute_by_onednn(GAN_PRODUCT_CONVOLUTION_BACK, precision, shape->c);
  int64_t rows = rows_of(product, product->samples);
  bool bf16 = precision == GAN_PRECISION_BF16;
  product->packs = by_library && (!one || rows <= FEW_ROWS || (bf16 && rows >= MANY_ROWS));
  product->rounds = bf16 && !product->packs;
}

static bool in_tiles(const gan_product *product, int to) {
  return product->way == GAN_PRODUCT_TILES || (to == TO_LARGE && product->back_in_tiles);
}

static size_t packed_bytes(const gan_product *product, int to) {
  if (product->way == GAN_PRODUCT_LIBRARY) {
    gan_convolution_call call = convolution_call(product, way_of(to), product->samples);
    return aligned(gan_onednn_packed_weight_bytes(&call));
  }
  gan_gemm_call call = gemm_call(product, to, product->samples);
  return aligned(gan_onednn_packed_b_bytes(&call));
}

void gan_product_plan(gan_product *product, const gan_convolution *shape, bool transposed,
                      int64_t samples, bool trains) {
  *product = (gan_product){
      .shape = *shape, .transposed = transposed, .samples = samples, .trains = trains};
  product->threads = gan_onednn_threads();
  choose(product);
  bool bf16 = product->precision == GAN_PRECISION_BF16;
  for (int to = 0; to < GAN_PACKED_ORDERS && product->packs; to++)
    if ((trains || to == (transposed ? TO_LARGE : TO_SMALL)) && !in_tiles(product, to))
      product->packed_bytes[to] = packed_bytes(product, to);
  if (product->rounds)
    product->packed_bytes[0] = aligned((size_t)gan_convolution_weights(shape) * sizeof(gan_bf16));
  if (bf16) product->copy_bytes = (size_t)in_size(product) * sizeof(gan_bf16);
  if (bf16 && trains)
    product->scratch_bytes = aligned((size_t)(samples * out_size(product)) * sizeof(gan_bf16));
  if (product->way == GAN_PRODUCT_LIBRARY && trains) {
    gan_convolution_call call = convolution_call(product, GAN_CONVOLVE_GRADIENT, samples);
    product->scratch_bytes += gan_onednn_packed_weight_bytes(&call);
  }
  size_t tile = (size_t)gan_convolution_scratch(shape) * sizeof(float);
  if (in_tiles(product, TO_LARGE) && tile > product->scratch_bytes) product->scratch_bytes = tile;
}

void gan_product_pack(const gan_product *product, const float *w,
                      const gan_product_memory *memory) {
  if (product->rounds)
    gan_bf16_round(gan_convolution_weights(&product->shape), w, memory->packed[0]);
  for (int to = 0; to < GAN_PACKED_ORDERS && product->packs; to++) {
    if (!product->packed_bytes[to]) continue;
    if (product->way == GAN_PRODUCT_LIBRARY) {
      gan_convolution_call call = convolution_call(product, way_of(to), product->samples);
      gan_onednn_pack_weight(&call, w, memory->packed[to]);
    } else {
      gan_gemm_call call = gemm_call(product, to, product->samples);
      gan_onednn_pack_b(&call, w, memory->packed[to]);
    }
  }
}

/* ---- the three products ---- */

/* What is multiplied, and the same rounded: in bf16; else NULL. */
typedef struct {
  const float *floats;
  const gan_bf16 *rounded;
} operand;

static const void *numbers_of(operand from) {
  return from.rounded ? (const void *)from.rounded : from.floats;
}

static void multiply(const gan_product *product, int to, int64_t samples, operand from,
                     const float *w, const gan_product_memory *memory, float *result) {
  if (in_tiles(product, to)) {
    (to == TO_SMALL ? gan_convolve : gan_convolve_back)(&product->shape, samples, from.floats, w,
                                                        result, memory->scratch);
  } else if (product->way == GAN_PRODUCT_LIBRARY) {
    gan_convolution_call call = convolution_call(product, way_of(to), samples);
    call.x = to == TO_SMALL ? numbers_of(from) : result;
    call.y = to == TO_SMALL ? result : numbers_of(from);
    call.w = memory->packed[to];
    gan_convolution_run(&call);
  } else {
    gan_gemm_call call = gemm_call(product, to, samples);
    call.a = numbers_of(from);
    call.b = product->rounds ? memory->packed[0] : w;
    call.c = result;
    if (product->packs) call.packed = memory->packed[to];
    gan_gemm_run(&call);
  }
}

static void differentiate(const gan_product *product, int64_t samples, operand large, operand small,
                          bool adds, void *scratch, float *dw) {
  int64_t columns = gan_convolution_columns(&product->shape), out_c = product->shape.out_c;
  if (product->way == GAN_PRODUCT_TILES) {
    gan_convolve_weights(&product->shape, samples, large.floats, small.floats, adds, dw, scratch);
  } else if (product->way == GAN_PRODUCT_LIBRARY) {
    gan_convolution_call call = convolution_call(product, GAN_CONVOLVE_GRADIENT, samples);
    call.x = numbers_of(large);
    call.y = numbers_of(small);
    call.dw = dw;
    call.accumulate = adds;
    call.scratch = scratch;
    gan_convolution_run(&call);
  } else {
    gan_gemm_call call = {.transpose_a = true,
                          .m = out_c,
                          .n = columns,
                          .k = rows_of(product, samples),
                          .a = numbers_of(small),
                          .lda = out_c,
                          .b = numbers_of(large),
                          .ldb = columns,
                          .beta = adds ? 1.0f : 0.0f,
                          .c = dw,
                          .ldc = columns,
                          .precision = product->precision};
    gan_gemm_run(&call);
  }
}

void gan_product_forward(const gan_product *product, int64_t samples, const float *x,
                         const float *w, const gan_product_memory *memory, float *y) {
  operand from = {x, NULL};
  if (product->precision == GAN_PRECISION_BF16) {
    gan_bf16_round(samples * in_size(product), x, memory->copy);
    from.rounded = memory->copy;
  }
  multiply(product, product->transposed ? TO_LARGE : TO_SMALL, samples, from, w, memory, y);
}

void gan_product_recall(const gan_product *product, int64_t samples, const float *x,
                        const gan_product_memory *memory) {
  if (product->precision == GAN_PRECISION_BF16)
    gan_bf16_round(samples * in_size(product), x, memory->copy);
}

void gan_product_backward(const gan_product *product, int64_t samples, const float *x,
                          const float *dy, const float *w, const gan_product_memory *memory,
                          bool adds, float *dw, float *dx) {
  operand input = {x, NULL}, output = {dy, NULL};
  char *scratch = memory->scratch;
  if (product->precision == GAN_PRECISION_BF16) {
    gan_bf16_round(samples * out_size(product), dy, memory->scratch);
    input.rounded = memory->copy;
    output.rounded = memory->scratch;
    scratch += aligned((size_t)(product->samples * out_size(product)) * sizeof(gan_bf16));
  }
  bool transposed = product->transposed;
  if (dw)
    differentiate(product, samples, transposed ? output : input, transposed ? input : output, adds,
                  scratch, dw);
  /* in tiles it may write over the rounded output, which nobody wants any more */
  if (dx) multiply(product, transposed ? TO_SMALL : TO_LARGE, samples, output, w, memory, dx);
}

const char *gan_product_text(const gan_product *product) {
  bool bf16 = product->precision == GAN_PRECISION_BF16;
  int64_t width = least(product->shape.out_c, gan_convolution_columns(&product->shape));
  if (product->way == GAN_PRODUCT_LIBRARY && product->back_in_tiles)
    return bf16 ? "oneDNN's convolution, bf16; back in tiles"
                : "oneDNN's convolution; back in tiles";
  if (product->way == GAN_PRODUCT_LIBRARY)
    return bf16 ? "oneDNN's convolution, bf16" : "oneDNN's convolution";
  if (product->way == GAN_PRODUCT_TILES) return "unfolded in tiles";
  if (!gan_compute_by_onednn(GAN_PRODUCT_GEMM, product->precision, width)) return "OpenBLAS";
  return bf16 ? "oneDNN, bf16" : "oneDNN";
}
