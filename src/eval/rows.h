/* Features, and how ranks share them.
 *
 * Every metric here works on rows of features: (n, d) floats, row-major.  Each rank of the group
 * holds some of them, in order of rank: any division, even none on some ranks.  A row's number
 * counts over all ranks, so that what is chosen by chance does not depend on the division.
 *
 * All metrics are collective, give the same result on all ranks, and but for rounding (1e-6) the
 * same for any number of ranks.  They add up in double. */
#ifndef GAN_EVAL_ROWS_H
#define GAN_EVAL_ROWS_H

#include "base/rng.h"
#include "comm/comm.h"

/* What all metrics want to know beside their rows. */
typedef struct gan_eval {
  gan_comm *comm;
  size_t buffer_bytes; /* of blocks of rows and of distances, a rank; never less than a few rows */
  uint64_t seed;       /* of everything that is chosen by chance */
} gan_eval;

typedef struct gan_rows {
  int64_t n, d;   /* rows of this rank, numbers of a row */
  const float *x; /* (n, d), borrowed */
  int64_t first;  /* number of this rank's first row ... */
  int64_t total;  /* ... of so many on all ranks */
} gan_rows;

/* Counts them over the ranks.  GAN_NUMBERS where a number is not finite; GAN_INPUT where ranks
 * differ in d; GAN_USAGE where there are 2^32 of them.  Collective. */
GAN_CHECKED gan_status gan_rows_share(const gan_eval *eval, int64_t n, int64_t d, const float *x,
                                      gan_rows *out);

/* Rows first..first+count-1 of all ranks to out (count, d). */
GAN_CHECKED gan_status gan_rows_fetch(const gan_eval *eval, const gan_rows *rows, int64_t first,
                                      int64_t count, float *out);

/* Rows of these numbers, the same list on all ranks, to out (count, d). */
GAN_CHECKED gan_status gan_rows_pick(const gan_eval *eval, const gan_rows *rows, int64_t count,
                                     const uint32_t *numbers, float *out);

/* One number a row of this rank to all, in order of rows: all (total). */
GAN_CHECKED gan_status gan_rows_gather(const gan_eval *eval, const gan_rows *rows,
                                       const double *mine, double *all);

/* Which of these rows this rank holds, as places in x: `places` has room for count.  Local; gives
 * how many. */
int64_t gan_rows_places(const gan_rows *rows, int64_t count, const uint32_t *numbers,
                        int64_t *places);

/* What draws of chance are for: each metric has a stream of its own. */
typedef enum gan_eval_draw {
  GAN_EVAL_DRAW_SUBSAMPLE = 1, /* Frechet distances of fewer rows */
  GAN_EVAL_DRAW_KERNEL_A,      /* blocks of the kernel distance */
  GAN_EVAL_DRAW_KERNEL_B,
  GAN_EVAL_DRAW_CENTRES, /* first centres of k-means */
  GAN_EVAL_DRAW_SPREAD,  /* halves and resamples */
  GAN_EVAL_DRAW_ROWS,    /* which rows of a data set are looked at */
  GAN_EVAL_DRAW_CLASSES, /* of the samples that a conditional model is asked for */
} gan_eval_draw;

gan_rng gan_eval_stream(const gan_eval *eval, gan_eval_draw draw);

/* Zeroed memory that all ranks have, or the failure of the one that has not. */
GAN_CHECKED gan_status gan_eval_alloc(const gan_eval *eval, void *pointer_address, int64_t count,
                                      size_t size, const char *what);

#define GAN_TRY_EVAL_ALLOC(eval, pointer, count)                                                   \
  GAN_TRY(gan_eval_alloc((eval), &(pointer), (count), sizeof *(pointer), #pointer))

/* The squared distance of two points of d numbers; in one fixed order of sums. */
double gan_squared_distance(int64_t d, const float *x, const float *y);

#endif
