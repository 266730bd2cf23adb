#include "bench/layers.h"

#include "base/memory.h"
#include "kernels/gemm.h"

bool gan_product_kernel_same(gan_product_kernel a, gan_product_kernel b) {
  return a.onednn == b.onednn && a.convolves == b.convolves && a.unfolds == b.unfolds &&
         a.packed == b.packed && a.precision == b.precision;
}

const char *gan_product_kernel_text(gan_product_kernel kernel) {
  if (kernel.convolves) return "convolution";
  if (kernel.unfolds) return "unfolded";
  return kernel.packed ? "packed" : "plain";
}

/* ---- products ---- */

void gan_layer_products_run(const gan_layer_products *products, int choice, gan_part part) {
  const gan_layer_choice *c = &products->choices[choice];
  const gan_product *product = &c->product;
  float *made = products->made;
  gan_compute_set(c->compute);
  if (part == GAN_PART_FORWARD)
    gan_product_forward(product, product->samples, products->x, products->w, &c->memory, made);
  else
    gan_product_backward(product, product->samples, products->x, products->dy, products->w,
                         &c->memory, false, part == GAN_PART_WEIGHT ? made : NULL,
                         part == GAN_PART_INPUT ? made : NULL);
}

void gan_layer_products_pack(const gan_layer_products *products, int choice) {
  const gan_layer_choice *c = &products->choices[choice];
  gan_compute_set(c->compute);
  gan_product_pack(&c->product, products->w, &c->memory);
}

/* ---- seeing what computes them ---- */

static void see_gemm(void *context, const gan_gemm_call *call) {
  gan_product_kernel *kernel = context;
  kernel->onednn = gan_gemm_by_onednn(call);
  kernel->packed = call->packed != NULL;
  kernel->precision = call->precision;
}

static void see_convolution(void *context, const gan_convolution_call *call) {
  gan_product_kernel *kernel = context;
  kernel->onednn = kernel->convolves = true;
  kernel->packed = call->way != GAN_CONVOLVE_GRADIENT;
  kernel->precision = call->precision;
}

/* Forward first: backward wants the copy that it leaves. */
static void see_kernels(gan_layer_products *products, int choice) {
  gan_layer_choice *c = &products->choices[choice];
  for (int part = 0; part < GAN_PARTS; part++) {
    gan_product_kernel *kernel = &c->kernels[part];
    gan_gemm_observe(see_gemm, kernel);
    gan_convolution_observe(see_convolution, kernel);
    gan_layer_products_run(products, choice, (gan_part)part);
    kernel->unfolds = !kernel->convolves && !gan_convolution_is_direct(&c->product.shape);
  }
  gan_gemm_observe(NULL, NULL);
  gan_convolution_observe(NULL, NULL);
}

/* ---- memory ---- */

static gan_status reserve(gan_layer_choice *c) {
  const gan_product *product = &c->product;
  gan_product_memory *memory = &c->memory;
  char *packed[GAN_PACKED_ORDERS], *copy, *scratch;
  for (int to = 0; to < GAN_PACKED_ORDERS; to++) {
    GAN_TRY_ALLOC(packed[to], product->packed_bytes[to], "a packed weight");
    memory->packed[to] = packed[to];
  }
  GAN_TRY_ALLOC(copy, product->copy_bytes * (size_t)product->samples, "a rounded input");
  memory->copy = copy;
  GAN_TRY_ALLOC(scratch, product->scratch_bytes, "scratch of a product");
  memory->scratch = scratch;
  return GAN_OK;
}

static void fill(uint32_t which, int64_t n, float *x) {
  gan_rng_uniform(gan_rng_stream(1, GAN_RNG_SYNTHETIC, 0, 0, which), 0, 0, n, -1, 1, x);
}

static gan_status make_operands(const gan_product *of, gan_layer_products *out) {
  const gan_convolution *shape = &of->shape;
  int64_t large = of->samples * shape->h * shape->w * shape->c;
  int64_t small = of->samples * shape->out_h * shape->out_w * shape->out_c;
  int64_t weights = gan_convolution_weights(shape), most = large > small ? large : small;
  int64_t in = of->transposed ? small : large, back = of->transposed ? large : small;
  GAN_TRY_ALLOC(out->x, in, "the input of a product");
  GAN_TRY_ALLOC(out->dy, back, "a gradient");
  GAN_TRY_ALLOC(out->w, weights, "a weight");
  GAN_TRY_ALLOC(out->made, most > weights ? most : weights, "what a product gives");
  fill(0, in, out->x);
  fill(1, back, out->dy);
  fill(2, weights, out->w);
  return GAN_OK;
}

gan_status gan_layer_products_open(const gan_product *of, const gan_compute *choices, int count,
                                   gan_layer_products *out) {
  GAN_ASSERT(count <= GAN_LAYER_CHOICES_MAX);
  *out = (gan_layer_products){0};
  GAN_TRY(make_operands(of, out));
  for (int i = 0; i < count; i++) {
    gan_layer_choice *c = &out->choices[out->count++];
    c->compute = choices[i];
    gan_compute_set(choices[i]);
    gan_product_plan(&c->product, &of->shape, of->transposed, of->samples, true);
    GAN_TRY(reserve(c));
    gan_layer_products_pack(out, i);
    see_kernels(out, i);
  }
  return GAN_OK;
}

void gan_layer_products_reset(gan_layer_products *products) {
  for (int i = 0; i < products->count; i++) {
    gan_product_memory *memory = &products->choices[i].memory;
    for (int to = 0; to < GAN_PACKED_ORDERS; to++) gan_free(&memory->packed[to]);
    gan_free(&memory->copy);
    gan_free(&memory->scratch);
  }
  gan_free(&products->x);
  gan_free(&products->dy);
  gan_free(&products->w);
  gan_free(&products->made);
  products->count = 0;
}
