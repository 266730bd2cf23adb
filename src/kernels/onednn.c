#include "kernels/onednn.h"

#ifdef GAN_ONEDNN

#include "kernels/onednn_version.h"

#include <omp.h>
#include <stdio.h>
#include <string.h>

/* ---- primitives, by shape ---- */

enum { KEY = 18, TABLE = 512, OPERANDS = 3 };

typedef enum {
  GEMM = 1, /* 0: an empty place */
  PACK_B,
  CONVOLVE, /* the ways of convolution.h follow */
  PACK_WEIGHT = CONVOLVE + GAN_CONVOLVE_WAYS,
  UNPACK_GRADIENT,
} kind;

typedef struct {
  int64_t key[KEY];
  bool fails; /* the library has no such primitive, or a slow one */
  dnnl_primitive_t primitive;
  operand operands[OPERANDS]; /* in the order of the arguments of its kind */
} entry;

/* A thread has its own: the library's scratch belongs to the thread that made the primitive. */
static _Thread_local struct {
  dnnl_engine_t engine;
  dnnl_stream_t stream;
  int count;
  entry entries[TABLE];
} table;

static uint64_t hash_of(const int64_t *key) {
  uint64_t hash = 1469598103934665603u; /* FNV-1a, over numbers in place of bytes */
  for (int i = 0; i < KEY; i++) hash = (hash ^ (uint64_t)key[i]) * 1099511628211u;
  return hash ^ hash >> 29;
}

static void empty_table(void) {
  for (int i = 0; i < TABLE; i++) {
    entry *e = &table.entries[i];
    if (e->primitive) dnnl_primitive_destroy(e->primitive);
  }
  memset(table.entries, 0, sizeof table.entries);
  table.count = 0;
}

/* What each call from outside begins with: entries that it finds stay while it lasts.  Shapes
 * beyond all reason (samples asked for in ever other numbers) make it begin anew. */
static void open_table(void) {
  if (table.count > TABLE / 2) empty_table();
  if (table.stream) return;
  GAN_ASSERT(dnnl_engine_create(&table.engine, dnnl_cpu, 0) == dnnl_success);
  GAN_ASSERT(dnnl_stream_create(&table.stream, table.engine, dnnl_stream_default_flags) ==
             dnnl_success);
}

int gan_onednn_threads(void) {
  return omp_in_parallel() ? 1 : omp_get_max_threads();
}

/* The library makes a primitive for as many threads as there are then; gives the number before. */
static int use_threads(int threads) {
  int before = omp_get_max_threads();
  if (threads != before) omp_set_num_threads(threads);
  return before;
}

/* The entry of a key; `fresh`: it is still to be made. */
static entry *find(int64_t *key, int threads, bool *fresh) {
  key[KEY - 1] = threads; /* what the library makes it for */
  uint64_t at = hash_of(key) % TABLE;
  while (table.entries[at].key[0] && memcmp(table.entries[at].key, key, sizeof(int64_t) * KEY) != 0)
    at = (at + 1) % TABLE;
  entry *e = &table.entries[at];
  *fresh = !e->key[0];
  if (*fresh) {
    memcpy(e->key, key, sizeof(int64_t) * KEY);
    table.count++;
  }
  return e;
}

/* Makes the primitive of what was described, with its operands as the library wants them. */
static void finish(entry *e, dnnl_status_t described, dnnl_primitive_desc_t primitive,
                   const dnnl_query_t *operands) {
  e->fails = described != dnnl_success || dnnl_primitive_create(&e->primitive, primitive);
  const_dnnl_primitive_desc_t own;
  if (!e->fails) dnnl_primitive_get_primitive_desc(e->primitive, &own);
  for (int i = 0; i < OPERANDS && !e->fails; i++) e->operands[i] = queried(own, operands[i]);
  if (described == dnnl_success) dnnl_primitive_desc_destroy(primitive);
}

/* A slow one computes by the definition. */
static bool is_slow(dnnl_primitive_desc_t primitive) {
  const char *name = "";
  dnnl_primitive_desc_query(primitive, dnnl_query_impl_info_str, 0, (void *)&name);
  return strstr(name, "ref") != NULL;
}

static void execute(const entry *e, const int *arguments, const void *const *handles, int count) {
  dnnl_exec_arg_t given[OPERANDS];
  for (int i = 0; i < count; i++) {
    given[i].arg = arguments[i];
    GAN_ASSERT(dnnl_memory_create(&given[i].memory, e->operands[i], table.engine,
                                  (void *)(uintptr_t)handles[i]) == dnnl_success);
  }
  GAN_ASSERT(dnnl_primitive_execute(e->primitive, table.stream, count, given) == dnnl_success);
  dnnl_stream_wait(table.stream);
  for (int i = 0; i < count; i++) dnnl_memory_destroy(given[i].memory);
}

static dnnl_data_type_t type_of(gan_precision precision) {
  return precision == GAN_PRECISION_BF16 ? dnnl_bf16 : dnnl_f32;
}

static dnnl_primitive_attr_t adding(bool accumulate) {
  dnnl_primitive_attr_t attributes;
  dnnl_post_ops_t operations;
  if (!accumulate) return NULL;
  GAN_ASSERT(dnnl_primitive_attr_create(&attributes) == dnnl_success);
  GAN_ASSERT(dnnl_post_ops_create(&operations) == dnnl_success);
  add_sum(operations);
  dnnl_primitive_attr_set_post_ops(attributes, operations);
  dnnl_post_ops_destroy(operations);
  return attributes;
}

/* ---- what there is ---- */

bool gan_onednn_built(void) {
  return true;
}

bool gan_onednn_multiplies_bf16(void) {
  int isa = (int)dnnl_get_effective_cpu_isa(), wanted = (int)dnnl_cpu_isa_avx512_core_bf16;
  return (isa & wanted) == wanted;
}

char *gan_onednn_text(char *text, size_t size) {
  static const struct {
    int isa;
    const char *name;
  } sets[] = {{(int)dnnl_cpu_isa_avx512_core_amx, "AMX"},
              {(int)dnnl_cpu_isa_avx512_core_bf16, "AVX-512 with bf16"},
              {(int)dnnl_cpu_isa_avx512_core, "AVX-512"},
              {(int)dnnl_cpu_isa_avx2, "AVX2"},
              {0, "portable"}};
  int isa = (int)dnnl_get_effective_cpu_isa(), i = 0;
  while ((isa & sets[i].isa) != sets[i].isa) i++;
  const dnnl_version_t *version = dnnl_version();
  snprintf(text, size, "oneDNN %d.%d.%d (%s) and OpenBLAS", version->major, version->minor,
           version->patch, sets[i].name);
  return text;
}

/* ---- products ---- */

static void key_gemm(const gan_gemm_call *call, kind what, int64_t *key) {
  const int64_t from[KEY] = {what,
                             call->precision,
                             call->transpose_a,
                             call->transpose_b,
                             call->m,
                             call->n,
                             call->k,
                             call->lda,
                             call->packed ? 0 : call->ldb,
                             call->ldc,
                             call->beta != 0.0f,
                             call->packed != NULL,
                             call->packed ? call->packed_rows : 0,
                             call->packed ? call->packed_threads : 0};
  memcpy(key, from, sizeof from);
}

static description matrix(int64_t rows, int64_t columns, bool transposed, int64_t ld,
                          dnnl_data_type_t type) {
  dnnl_dims_t dims = {rows, columns}, strides = {transposed ? 1 : ld, transposed ? ld : 1};
  return strided(2, dims, type, strides);
}

static const dnnl_query_t OF_PRODUCT[OPERANDS] = {dnnl_query_src_md, dnnl_query_weights_md,
                                                  dnnl_query_dst_md};

static const entry *gemm_of(const gan_gemm_call *call, int threads);

/* The order of a packed b: what the library likes for a call of packed_rows rows, by packed_threads
 * threads. */
static description packed_b(const gan_gemm_call *call) {
  gan_gemm_call nominal = *call;
  nominal.m = call->packed_rows;
  nominal.transpose_a = false;
  nominal.lda = call->k;
  nominal.ldc = call->n;
  nominal.beta = 0.0f;
  return as_description(gemm_of(&nominal, call->packed_threads)->operands[1]);
}

static bool is_nominal(const gan_gemm_call *call) {
  return call->m == call->packed_rows && !call->transpose_a && call->lda == call->k &&
         call->ldc == call->n && call->beta == 0.0f;
}

static void make_gemm(const gan_gemm_call *call, entry *e, int threads) {
  dnnl_data_type_t type = type_of(call->precision);
  dnnl_dims_t b_dims = {call->k, call->n};
  description a = matrix(call->m, call->k, call->transpose_a, call->lda, type);
  description c = matrix(call->m, call->n, false, call->ldc, dnnl_f32);
  bool borrowed = call->packed && !(is_nominal(call) && threads == call->packed_threads);
  description b = borrowed       ? packed_b(call)
                  : call->packed ? any_order(2, b_dims, type)
                                 : matrix(call->k, call->n, call->transpose_b, call->ldb, type);
  dnnl_primitive_attr_t attributes = adding(call->beta != 0.0f);
  dnnl_primitive_desc_t described;
  dnnl_status_t status = describe_gemm(&described, table.engine, a, b, c, attributes);
  finish(e, status, described, OF_PRODUCT);
  if (attributes) dnnl_primitive_attr_destroy(attributes);
  forget(&a);
  if (!borrowed) forget(&b);
  forget(&c);
}

static entry *try_gemm(const gan_gemm_call *call, int threads) {
  int64_t key[KEY];
  bool fresh;
  key_gemm(call, GEMM, key);
  entry *e = find(key, threads, &fresh);
  if (fresh) {
    int before = use_threads(threads);
    make_gemm(call, e, threads);
    use_threads(before);
  }
  return e;
}

static const entry *gemm_of(const gan_gemm_call *call, int threads) {
  const entry *e = try_gemm(call, threads);
  GAN_ASSERT(!e->fails);
  return e;
}

bool gan_onednn_computes_bf16(void) {
  enum { SIZE = 64 };
  gan_gemm_call call = {.m = SIZE,
                        .n = SIZE,
                        .k = SIZE,
                        .lda = SIZE,
                        .ldb = SIZE,
                        .ldc = SIZE,
                        .precision = GAN_PRECISION_BF16};
  open_table();
  return !try_gemm(&call, gan_onednn_threads())->fails;
}

void gan_onednn_gemm(const gan_gemm_call *call) {
  static const int arguments[] = {DNNL_ARG_SRC, DNNL_ARG_WEIGHTS, DNNL_ARG_DST};
  const void *handles[] = {call->a, call->packed ? call->packed : call->b, call->c};
  open_table();
  execute(gemm_of(call, gan_onednn_threads()), arguments, handles, OPERANDS);
}

/* Any address that is not NULL: the call is about packed ones. */
static gan_gemm_call packed_call(const gan_gemm_call *call) {
  gan_gemm_call packed = *call;
  packed.packed = call;
  return packed;
}

size_t gan_onednn_packed_b_bytes(const gan_gemm_call *call) {
  gan_gemm_call packed = packed_call(call);
  open_table();
  description order = packed_b(&packed);
  return dnnl_memory_desc_get_size(GIVEN(order));
}

void gan_onednn_pack_b(const gan_gemm_call *call, const float *b, void *packed) {
  static const int arguments[] = {DNNL_ARG_FROM, DNNL_ARG_TO};
  static const dnnl_query_t operands[OPERANDS] = {dnnl_query_src_md, dnnl_query_dst_md,
                                                  dnnl_query_dst_md};
  gan_gemm_call as_packed = packed_call(call);
  int64_t key[KEY];
  bool fresh;
  open_table();
  key_gemm(&as_packed, PACK_B, key);
  key[8] = call->ldb;
  entry *e = find(key, gan_onednn_threads(), &fresh);
  if (fresh) {
    description from = matrix(call->k, call->n, call->transpose_b, call->ldb, dnnl_f32);
    description to = packed_b(&as_packed);
    dnnl_primitive_desc_t described;
    dnnl_status_t status = describe_reorder(&described, table.engine, from, to, NULL);
    finish(e, status, described, operands);
    forget(&from);
  }
  GAN_ASSERT(!e->fails);
  const void *handles[] = {b, packed};
  execute(e, arguments, handles, 2);
}

/* ---- convolutions ---- */

static void key_convolution(const gan_convolution_call *call, int what, int64_t *key) {
  const gan_convolution *shape = call->shape;
  const int64_t from[KEY] = {what,
                             call->precision,
                             shape->h,
                             shape->w,
                             shape->c,
                             shape->out_h,
                             shape->out_w,
                             shape->out_c,
                             shape->kernel,
                             shape->stride,
                             shape->padding,
                             shape->groups,
                             call->samples,
                             call->packed_samples,
                             call->packed_threads,
                             what == UNPACK_GRADIENT && call->accumulate};
  memcpy(key, from, sizeof from);
}

static description image(int64_t samples, int64_t h, int64_t w, int64_t c, dnnl_data_type_t type) {
  dnnl_dims_t dims = {samples, c, h, w}, strides = {h * w * c, 1, w * c, c};
  return strided(4, dims, type, strides);
}

static void weight_dims(const gan_convolution *shape, dnnl_dim_t *dims) {
  dims[0] = shape->out_c;
  dims[1] = shape->c;
  dims[2] = dims[3] = shape->kernel;
}

/* As convolution.h has it: (out_c, kernel, kernel, c). */
static description plain_weight(const gan_convolution *shape) {
  dnnl_dims_t dims, strides;
  weight_dims(shape, dims);
  strides[0] = shape->kernel * shape->kernel * shape->c;
  strides[1] = 1;
  strides[2] = shape->kernel * shape->c;
  strides[3] = shape->c;
  return strided(4, dims, dnnl_f32, strides);
}

static const entry *convolution_of(const gan_convolution_call *call, int threads);

/* The order of the packed weight, or of its gradient: what the library likes for packed_samples
 * and packed_threads. */
static description weight_order(const gan_convolution_call *call) {
  gan_convolution_call nominal = *call;
  nominal.samples = call->packed_samples;
  return as_description(convolution_of(&nominal, call->packed_threads)->operands[1]);
}

static void make_convolution(const gan_convolution_call *call, entry *e, int threads) {
  static const dnnl_query_t operands[GAN_CONVOLVE_WAYS][OPERANDS] = {
      [GAN_CONVOLVE] = {dnnl_query_src_md, dnnl_query_weights_md, dnnl_query_dst_md},
      [GAN_CONVOLVE_BACK] = {dnnl_query_diff_src_md, dnnl_query_weights_md, dnnl_query_diff_dst_md},
      [GAN_CONVOLVE_GRADIENT] = {dnnl_query_src_md, dnnl_query_diff_weights_md,
                                 dnnl_query_diff_dst_md},
  };
  const gan_convolution *shape = call->shape;
  gan_convolution_way way = call->way;
  dnnl_data_type_t type = type_of(call->precision);
  window at = {.strides = {shape->stride, shape->stride},
               .padding = {shape->padding, shape->padding}};
  dnnl_dims_t w_dims;
  weight_dims(shape, w_dims);
  bool borrowed = call->samples != call->packed_samples || threads != call->packed_threads;
  description x = image(call->samples, shape->h, shape->w, shape->c,
                        way == GAN_CONVOLVE_BACK ? dnnl_f32 : type);
  description y = image(call->samples, shape->out_h, shape->out_w, shape->out_c,
                        way == GAN_CONVOLVE ? dnnl_f32 : type);
  description w = borrowed ? weight_order(call)
                           : any_order(4, w_dims, way == GAN_CONVOLVE_GRADIENT ? dnnl_f32 : type);
  dnnl_primitive_desc_t forward = NULL, described = NULL;
  dnnl_status_t status;
  if (way == GAN_CONVOLVE) {
    status = describe_forward(&described, table.engine, x, w, y, &at);
  } else { /* a backward one wants a hint: a forward one, which need not be used */
    description hint_x = image(call->samples, shape->h, shape->w, shape->c, type);
    description hint_y = image(call->samples, shape->out_h, shape->out_w, shape->out_c, dnnl_f32);
    description hint_w = any_order(4, w_dims, type);
    status = describe_forward(&forward, table.engine, hint_x, hint_w, hint_y, &at);
    if (status == dnnl_success)
      status = (way == GAN_CONVOLVE_BACK ? describe_back : describe_weights)(
          &described, table.engine, x, w, y, &at, forward);
    forget(&hint_x);
    forget(&hint_y);
    forget(&hint_w);
  }
  bool slow = status == dnnl_success && is_slow(described);
  finish(e, status, described, operands[way]);
  e->fails |= slow;
  if (forward) dnnl_primitive_desc_destroy(forward);
  forget(&x);
  forget(&y);
  if (!borrowed) forget(&w);
}

static entry *try_convolution(const gan_convolution_call *call, int threads) {
  int64_t key[KEY];
  bool fresh;
  key_convolution(call, CONVOLVE + (int)call->way, key);
  entry *e = find(key, threads, &fresh);
  if (fresh) {
    int before = use_threads(threads);
    make_convolution(call, e, threads);
    use_threads(before);
  }
  return e;
}

static const entry *convolution_of(const gan_convolution_call *call, int threads) {
  const entry *e = try_convolution(call, threads);
  GAN_ASSERT(e->primitive);
  return e;
}

bool gan_onednn_convolves(const gan_convolution *shape, int64_t samples, gan_precision precision) {
  int threads = gan_onednn_threads();
  gan_convolution_call call = {.shape = shape,
                               .samples = samples,
                               .packed_samples = samples,
                               .packed_threads = threads,
                               .precision = precision};
  if (shape->groups != 1) return false;
  open_table();
  for (int way = 0; way < GAN_CONVOLVE_WAYS; way++) {
    call.way = (gan_convolution_way)way;
    if (try_convolution(&call, threads)->fails) return false;
  }
  return true;
}

size_t gan_onednn_packed_weight_bytes(const gan_convolution_call *call) {
  open_table();
  description order = weight_order(call);
  return dnnl_memory_desc_get_size(GIVEN(order));
}

/* Between the plain order and the library's. */
static const entry *reorder_of(const gan_convolution_call *call, kind what) {
  static const dnnl_query_t operands[OPERANDS] = {dnnl_query_src_md, dnnl_query_dst_md,
                                                  dnnl_query_dst_md};
  int64_t key[KEY];
  bool fresh;
  key_convolution(call, (int)what, key);
  key[KEY - 2] = call->way;
  entry *e = find(key, gan_onednn_threads(), &fresh);
  if (fresh) {
    description order = weight_order(call), plain = plain_weight(call->shape);
    bool unpacks = what == UNPACK_GRADIENT;
    dnnl_primitive_attr_t attributes = adding(unpacks && call->accumulate);
    dnnl_primitive_desc_t described;
    dnnl_status_t status = describe_reorder(&described, table.engine, unpacks ? order : plain,
                                            unpacks ? plain : order, attributes);
    finish(e, status, described, operands);
    if (attributes) dnnl_primitive_attr_destroy(attributes);
    forget(&plain);
  }
  GAN_ASSERT(!e->fails);
  return e;
}

static void reorder(const gan_convolution_call *call, kind what, const void *from, void *to) {
  static const int arguments[] = {DNNL_ARG_FROM, DNNL_ARG_TO};
  const void *handles[] = {from, to};
  execute(reorder_of(call, what), arguments, handles, 2);
}

void gan_onednn_pack_weight(const gan_convolution_call *call, const float *w, void *packed) {
  open_table();
  reorder(call, PACK_WEIGHT, w, packed);
}

void gan_onednn_convolve(const gan_convolution_call *call) {
  static const int arguments[GAN_CONVOLVE_WAYS][OPERANDS] = {
      [GAN_CONVOLVE] = {DNNL_ARG_SRC, DNNL_ARG_WEIGHTS, DNNL_ARG_DST},
      [GAN_CONVOLVE_BACK] = {DNNL_ARG_DIFF_SRC, DNNL_ARG_WEIGHTS, DNNL_ARG_DIFF_DST},
      [GAN_CONVOLVE_GRADIENT] = {DNNL_ARG_SRC, DNNL_ARG_DIFF_WEIGHTS, DNNL_ARG_DIFF_DST},
  };
  const void *handles[] = {call->x, call->w, call->y};
  open_table();
  if (call->way == GAN_CONVOLVE_GRADIENT) handles[1] = call->scratch;
  execute(convolution_of(call, gan_onednn_threads()), arguments[call->way], handles, OPERANDS);
  if (call->way == GAN_CONVOLVE_GRADIENT) reorder(call, UNPACK_GRADIENT, call->scratch, call->dw);
}

#endif
