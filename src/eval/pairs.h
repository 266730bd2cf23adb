/* All pairs of this rank's rows with the rows of all ranks, a tile at a time: what everything that
 * asks for distances has in common.
 *
 * The products x.y of a tile come from one matrix product in fp32, from which
 * |x - y|^2 = |x|^2 + |y|^2 - 2 x.y is known up to a bound.  What hangs on the exact distance (who
 * is nearer, who lies in a ball) is computed again in double, from the rows themselves, for the few
 * pairs where the bound leaves it open: so no answer depends on tiles, ranks or libraries. */
#ifndef GAN_EVAL_PAIRS_H
#define GAN_EVAL_PAIRS_H

#include "eval/rows.h"

typedef struct gan_tile {
  int64_t first_query, queries; /* rows of this rank */
  int64_t first_reference;      /* number of the first reference, of all ranks */
  int64_t references, d;
  const float *x;                              /* (queries, d) */
  const float *y;                              /* (references, d) */
  const float *dots;                           /* (queries, references): x.y */
  const double *query_norms, *reference_norms; /* |x|^2, |y|^2 */
  double doubt; /* distances are off by at most doubt * (|x|^2 + |y|^2) ... */
  double floor; /* ... and this, of products that are too small for fp32 */
} gan_tile;

/* A squared distance, for query i and reference j of the tile, in fp32's precision ... */
static inline double gan_tile_about(const gan_tile *tile, int64_t i, int64_t j) {
  return tile->query_norms[i] + tile->reference_norms[j] -
         2 * (double)tile->dots[i * tile->references + j];
}

/* ... less all that it may be off ... */
static inline double gan_tile_least(const gan_tile *tile, int64_t i, int64_t j) {
  double norms = tile->query_norms[i] + tile->reference_norms[j];
  return norms - tile->doubt * norms - tile->floor -
         2 * (double)tile->dots[i * tile->references + j];
}

/* ... and exactly. */
double gan_tile_exact(const gan_tile *tile, int64_t i, int64_t j);

/* Calls visit for each tile; references come in order.  All ranks take part, those without queries
 * too.  GAN_NUMBERS for features so large that their products are none of fp32.  Collective. */
GAN_CHECKED gan_status gan_pairs_visit(const gan_eval *eval, const gan_rows *queries,
                                       const gan_rows *references,
                                       void (*visit)(void *context, const gan_tile *tile),
                                       void *context);

#endif
