#include "eval/neighbours.h"

#include "base/blocks.h"
#include "eval/pairs.h"

#include <math.h>

/* A list (k) a query, sorted; INFINITY where there is none yet. */
typedef struct {
  int k;
  int64_t itself; /* number of this rank's first query among the references; -1: they are others */
  int64_t *number;
  double *squared;
} lists;

/* References come in order of their numbers, so that of equals the first stays in front. */
static void insert(const lists *l, int64_t query, double squared, int64_t number) {
  double *distances = l->squared + query * l->k;
  int64_t *numbers = l->number + query * l->k;
  int at = l->k - 1;
  for (; at > 0 && distances[at - 1] > squared; at--) {
    distances[at] = distances[at - 1];
    numbers[at] = numbers[at - 1];
  }
  distances[at] = squared;
  numbers[at] = number;
}

static void scan_query(const lists *l, const gan_tile *tile, int64_t i) {
  int64_t query = tile->first_query + i;
  int64_t itself = l->itself < 0 ? -1 : l->itself + query - tile->first_reference;
  const double *last = l->squared + (query + 1) * l->k - 1;
  for (int64_t j = 0; j < tile->references; j++) {
    if (gan_tile_least(tile, i, j) > *last || j == itself) continue;
    double squared = gan_tile_exact(tile, i, j);
    if (squared < *last) insert(l, query, squared, tile->first_reference + j);
  }
}

static void scan_queries(const lists *l, const gan_tile *tile, int64_t first, int64_t count) {
  for (int64_t i = first; i < first + count; i++) scan_query(l, tile, i);
}

static void scan_tile(void *context, const gan_tile *tile) {
  const lists *l = context;
  GAN_FOR_BLOCKS(at, count, tile->queries, tile->references, scan_queries(l, tile, at, count));
}

gan_status gan_neighbours_find(const gan_eval *eval, const gan_rows *queries,
                               const gan_rows *references, int k, bool same, int64_t *number,
                               double *squared) {
  lists l = {k, same ? queries->first : -1, number, squared};
  if (k < 1 || references->total - same < k)
    return gan_fail(GAN_USAGE, "%d nearest neighbours are wanted, of %lld rows", k,
                    (long long)(references->total - same));
  for (int64_t i = 0; i < queries->n * k; i++) squared[i] = INFINITY;
  for (int64_t i = 0; i < queries->n * k; i++) number[i] = -1;
  return gan_pairs_visit(eval, queries, references, scan_tile, &l);
}
