/* The nearest rows of each row, by exact distances; ties go to the lower number.  Collective. */
#ifndef GAN_EVAL_NEIGHBOURS_H
#define GAN_EVAL_NEIGHBOURS_H

#include "eval/rows.h"

/* The k nearest references of each query of this rank, nearest first: number (n, k) among the
 * references of all ranks, squared (n, k) distances.  Where `same`, the two are one set, and no row
 * is its own neighbour.  GAN_USAGE where there are fewer than k. */
GAN_CHECKED gan_status gan_neighbours_find(const gan_eval *eval, const gan_rows *queries,
                                           const gan_rows *references, int k, bool same,
                                           int64_t *number, double *squared);

#endif
