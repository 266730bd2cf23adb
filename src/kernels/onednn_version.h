/* The two versions of oneDNN's interface, 2 and 3, as one: descriptions of memory, of products, of
 * reorders and of convolutions.  For onednn.c alone. */
#ifndef GAN_KERNELS_ONEDNN_VERSION_H
#define GAN_KERNELS_ONEDNN_VERSION_H

#include "base/status.h"

#include <dnnl.h>
#include <stdint.h>

typedef dnnl_memory_desc_t description; /* of memory: its shape, type and order */

/* How the windows of a convolution lie; version 2 wants no dilates. */
typedef struct {
  dnnl_dims_t strides, dilates, padding;
} window;

#if DNNL_VERSION_MAJOR >= 3

#define GIVEN(description) (description)

static inline description strided(int rank, const dnnl_dim_t *dims, dnnl_data_type_t type,
                                  const dnnl_dim_t *strides) {
  description made;
  GAN_ASSERT(dnnl_memory_desc_create_with_strides(&made, rank, dims, type, strides) ==
             dnnl_success);
  return made;
}

static inline description any_order(int rank, const dnnl_dim_t *dims, dnnl_data_type_t type) {
  description made;
  GAN_ASSERT(dnnl_memory_desc_create_with_tag(&made, rank, dims, type, dnnl_format_tag_any) ==
             dnnl_success);
  return made;
}

/* An operand of a primitive, which owns it. */
typedef const_dnnl_memory_desc_t operand;

static inline description as_description(operand from) {
  return (description)(uintptr_t)from;
}

static inline void forget(description *forgotten) {
  dnnl_memory_desc_destroy(*forgotten);
}

static inline void add_sum(dnnl_post_ops_t operations) {
  dnnl_post_ops_append_sum(operations, 1.0f, 0, dnnl_data_type_undef);
}

static inline dnnl_status_t describe_gemm(dnnl_primitive_desc_t *out, dnnl_engine_t engine,
                                          description a, description b, description c,
                                          dnnl_primitive_attr_t attributes) {
  return dnnl_matmul_primitive_desc_create(out, engine, a, b, NULL, c, attributes);
}

static inline dnnl_status_t describe_reorder(dnnl_primitive_desc_t *out, dnnl_engine_t engine,
                                             description from, description to,
                                             dnnl_primitive_attr_t attributes) {
  return dnnl_reorder_primitive_desc_create(out, from, engine, to, engine, attributes);
}

static inline dnnl_status_t describe_forward(dnnl_primitive_desc_t *out, dnnl_engine_t engine,
                                             description x, description w, description y,
                                             const window *at) {
  return dnnl_convolution_forward_primitive_desc_create(
      out, engine, dnnl_forward_training, dnnl_convolution_direct, x, w, NULL, y, at->strides,
      at->dilates, at->padding, at->padding, NULL);
}

static inline dnnl_status_t describe_back(dnnl_primitive_desc_t *out, dnnl_engine_t engine,
                                          description x, description w, description y,
                                          const window *at, const_dnnl_primitive_desc_t forward) {
  return dnnl_convolution_backward_data_primitive_desc_create(
      out, engine, dnnl_convolution_direct, x, w, y, at->strides, at->dilates, at->padding,
      at->padding, forward, NULL);
}

static inline dnnl_status_t describe_weights(dnnl_primitive_desc_t *out, dnnl_engine_t engine,
                                             description x, description w, description y,
                                             const window *at,
                                             const_dnnl_primitive_desc_t forward) {
  return dnnl_convolution_backward_weights_primitive_desc_create(
      out, engine, dnnl_convolution_direct, x, w, NULL, y, at->strides, at->dilates, at->padding,
      at->padding, forward, NULL);
}

#else

#define GIVEN(description) (&(description))

static inline description strided(int rank, const dnnl_dim_t *dims, dnnl_data_type_t type,
                                  const dnnl_dim_t *strides) {
  description made;
  GAN_ASSERT(dnnl_memory_desc_init_by_strides(&made, rank, dims, type, strides) == dnnl_success);
  return made;
}

static inline description any_order(int rank, const dnnl_dim_t *dims, dnnl_data_type_t type) {
  description made;
  GAN_ASSERT(dnnl_memory_desc_init_by_tag(&made, rank, dims, type, dnnl_format_tag_any) ==
             dnnl_success);
  return made;
}

typedef const dnnl_memory_desc_t *operand;

static inline description as_description(operand from) {
  return *from;
}

static inline void forget(description *forgotten) {
  (void)forgotten;
}

static inline void add_sum(dnnl_post_ops_t operations) {
  dnnl_post_ops_append_sum(operations, 1.0f);
}

static inline dnnl_status_t describe_gemm(dnnl_primitive_desc_t *out, dnnl_engine_t engine,
                                          description a, description b, description c,
                                          dnnl_primitive_attr_t attributes) {
  dnnl_matmul_desc_t operation;
  dnnl_status_t status = dnnl_matmul_desc_init(&operation, &a, &b, NULL, &c);
  return status == dnnl_success
             ? dnnl_primitive_desc_create(out, &operation, attributes, engine, NULL)
             : status;
}

static inline dnnl_status_t describe_reorder(dnnl_primitive_desc_t *out, dnnl_engine_t engine,
                                             description from, description to,
                                             dnnl_primitive_attr_t attributes) {
  return dnnl_reorder_primitive_desc_create(out, &from, engine, &to, engine, attributes);
}

static inline dnnl_status_t describe_forward(dnnl_primitive_desc_t *out, dnnl_engine_t engine,
                                             description x, description w, description y,
                                             const window *at) {
  dnnl_convolution_desc_t operation;
  dnnl_status_t status =
      dnnl_convolution_forward_desc_init(&operation, dnnl_forward_training, dnnl_convolution_direct,
                                         &x, &w, NULL, &y, at->strides, at->padding, at->padding);
  return status == dnnl_success ? dnnl_primitive_desc_create(out, &operation, NULL, engine, NULL)
                                : status;
}

static inline dnnl_status_t describe_back(dnnl_primitive_desc_t *out, dnnl_engine_t engine,
                                          description x, description w, description y,
                                          const window *at, const_dnnl_primitive_desc_t forward) {
  dnnl_convolution_desc_t operation;
  dnnl_status_t status = dnnl_convolution_backward_data_desc_init(
      &operation, dnnl_convolution_direct, &x, &w, &y, at->strides, at->padding, at->padding);
  return status == dnnl_success ? dnnl_primitive_desc_create(out, &operation, NULL, engine, forward)
                                : status;
}

static inline dnnl_status_t describe_weights(dnnl_primitive_desc_t *out, dnnl_engine_t engine,
                                             description x, description w, description y,
                                             const window *at,
                                             const_dnnl_primitive_desc_t forward) {
  dnnl_convolution_desc_t operation;
  dnnl_status_t status = dnnl_convolution_backward_weights_desc_init(
      &operation, dnnl_convolution_direct, &x, &w, NULL, &y, at->strides, at->padding, at->padding);
  return status == dnnl_success ? dnnl_primitive_desc_create(out, &operation, NULL, engine, forward)
                                : status;
}

#endif

static inline operand queried(const_dnnl_primitive_desc_t from, dnnl_query_t what) {
  return dnnl_primitive_desc_query_md(from, what, 0);
}

#endif
