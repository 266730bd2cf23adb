/* Run-time dispatch: the compiler makes one copy of a kernel for each instruction set and the
 * loader picks one.  All copies give the same bits: no contraction (-ffp-contract=off), no
 * reordering of sums; a kernel that sums says in which order. */
#ifndef GAN_KERNELS_DISPATCH_H
#define GAN_KERNELS_DISPATCH_H

#if defined(__x86_64__) && defined(__GNUC__) && !defined(GAN_NO_DISPATCH)
#define GAN_KERNEL __attribute__((target_clones("avx512f", "avx2", "default")))
#else
#define GAN_KERNEL
#endif

#define GAN_INLINE static inline __attribute__((always_inline))

#endif
