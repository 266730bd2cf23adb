/* oneDNN's products and convolutions, versions 2 and 3 of its interface; in a build without it
 * gan_onednn_built() is false and nothing else may be called.
 *
 * Weights are packed into the library's own order, once an update, by the caller: pack, then pass
 * what was packed to each call.  A primitive (the library's word for a kernel made for one shape)
 * is made when its shape first comes, and kept. */
#ifndef GAN_KERNELS_ONEDNN_H
#define GAN_KERNELS_ONEDNN_H

#include "kernels/convolution.h"
#include "kernels/gemm.h"

#include <stddef.h>

bool gan_onednn_built(void);

/* Whether this processor has instructions for products of bf16. */
bool gan_onednn_multiplies_bf16(void);

/* Whether it computes them at all, in whatever instructions. */
bool gan_onednn_computes_bf16(void);

/* "oneDNN 2.6.3 (AVX-512 with bf16) and OpenBLAS": version, and the instruction set that it found.
 */
char *gan_onednn_text(char *text, size_t size);

/* Threads that it would share a product among now. */
int gan_onednn_threads(void);

/* The call's a and b are of its precision; packed ones as gan_onednn_pack_b made them. */
void gan_onednn_gemm(const gan_gemm_call *call);

/* Bytes of the call's b in the library's own order. */
size_t gan_onednn_packed_b_bytes(const gan_gemm_call *call);

/* From b in fp32, as the call has it. */
void gan_onednn_pack_b(const gan_gemm_call *call, const float *b, void *packed);

/* Whether all three convolutions are there in the library's fast kernels. */
bool gan_onednn_convolves(const gan_convolution *shape, int64_t samples, gan_precision precision);

/* The call's x and y are of its precision. */
void gan_onednn_convolve(const gan_convolution_call *call);

/* Bytes of the call's weight in the library's order, and of scratch that a gradient of the weight
 * wants. */
size_t gan_onednn_packed_weight_bytes(const gan_convolution_call *call);

/* From the weight in fp32, as convolution.h has it. */
void gan_onednn_pack_weight(const gan_convolution_call *call, const float *w, void *packed);

#endif
