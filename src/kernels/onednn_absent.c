/* In place of onednn.c in a build without oneDNN. */
#include "kernels/onednn.h"

#include "base/status.h"

#include <stdio.h>

#ifndef GAN_ONEDNN

bool gan_onednn_built(void) {
  return false;
}
bool gan_onednn_multiplies_bf16(void) {
  return false;
}
bool gan_onednn_computes_bf16(void) {
  return false;
}
char *gan_onednn_text(char *text, size_t size) {
  snprintf(text, size, "OpenBLAS alone (built without oneDNN)");
  return text;
}
int gan_onednn_threads(void) {
  return 1;
}
void gan_onednn_gemm(const gan_gemm_call *call) {
  (void)call;
  GAN_ASSERT(gan_onednn_built());
}
size_t gan_onednn_packed_b_bytes(const gan_gemm_call *call) {
  (void)call;
  return 0;
}
void gan_onednn_pack_b(const gan_gemm_call *call, const float *b, void *packed) {
  (void)call, (void)b, (void)packed;
  GAN_ASSERT(gan_onednn_built());
}
bool gan_onednn_convolves(const gan_convolution *shape, int64_t samples, gan_precision precision) {
  (void)shape, (void)samples, (void)precision;
  return false;
}
void gan_onednn_convolve(const gan_convolution_call *call) {
  (void)call;
  GAN_ASSERT(gan_onednn_built());
}
size_t gan_onednn_packed_weight_bytes(const gan_convolution_call *call) {
  (void)call;
  return 0;
}
void gan_onednn_pack_weight(const gan_convolution_call *call, const float *w, void *packed) {
  (void)call, (void)w, (void)packed;
  GAN_ASSERT(gan_onednn_built());
}

#endif
