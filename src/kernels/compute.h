/* What multiplies: the library and the precision of matrix products and convolutions.
 *
 * OpenBLAS is always there and does everything in fp32.  oneDNN, where the build found it, is
 * faster on most shapes, and the only one that knows bf16.  Which of them takes a product follows
 * from its shape by one table (gan_compute_rules), never from a timing: the same on all ranks.
 *
 * The choice holds for the process, as the libraries' own settings do.
 */
#ifndef GAN_KERNELS_COMPUTE_H
#define GAN_KERNELS_COMPUTE_H

#include "config/config.h"

#include <stdbool.h>

typedef struct gan_compute {
  gan_library library;
  gan_precision precision;
  bool every_width; /* oneDNN takes all that it can, whatever the table says: for tests, and for
                     * `mpigan bench`, which shows where the table is wrong */
} gan_compute;

/* Whether this build, on this processor, can: bf16 counts only where the processor multiplies it.
 */
bool gan_compute_has(gan_library library, gan_precision precision);

/* Whether the library can compute bf16 in other instructions, slowly. */
bool gan_compute_has_emulated(gan_library library);

/* Whether it can be computed: as the processor does, or, where `emulated` will do, slowly. */
bool gan_compute_can(gan_compute compute, bool emulated);

/* Threads of all that is computed from now on, as the calling thread sees it; where they share the
 * shards of a rank each has a product to itself. */
void gan_compute_use_threads(int threads, bool share_shards);

/* From now on.  GAN_LIBRARY_AUTO: oneDNN where it is there.  A library that is not there is a
 * mistake of the caller's; bf16 without the processor's help is emulated. */
void gan_compute_set(gan_compute compute);

/* The choice now, the library by name. */
gan_compute gan_compute_now(void);

/* A product or convolution, for the rule. */
typedef enum gan_product_kind {
  GAN_PRODUCT_GEMM,        /* the narrower of the two sides that are not the batch's */
  GAN_PRODUCT_CONVOLUTION, /* to the smaller image, and the weight's gradient: channels there */
  GAN_PRODUCT_CONVOLUTION_BACK, /* to the larger image: channels there */
} gan_product_kind;

/* The table: oneDNN takes what is at least so wide; first match. */
typedef struct gan_compute_rule {
  gan_product_kind kind;
  gan_precision precision;
  const char *what; /* for the user */
  int64_t least_width;
  const char *otherwise; /* what takes narrower ones, for the user */
} gan_compute_rule;

const gan_compute_rule *gan_compute_rules(int *count);

/* Whether oneDNN takes a product of that precision and width, by the table and the choice now. */
bool gan_compute_by_onednn(gan_product_kind kind, gan_precision precision, int64_t width);

#endif
