#include "eval/pairs.h"

#include "base/memory.h"
#include "kernels/gemm.h"

#include <math.h>

/* Tiles of this size keep a product at full speed and stay in a cache. */
enum { LEAST = 16, MOST_QUERIES = 512, MOST_REFERENCES = 1024 };

typedef struct {
  int64_t queries, references; /* of a tile, at most */
  float *y;                    /* (references, d) */
  float *dots;                 /* (queries, references) */
  double *query_norms;         /* (rows of this rank) */
  double *reference_norms;     /* (references) */
} room;

static int64_t between(int64_t value, int64_t least, int64_t most) {
  return value < least ? least : value > most ? most : value;
}

/* Alike on all ranks: all fetch the same references.  Half of the buffer is for each side. */
static void plan(const gan_eval *eval, int64_t d, room *r) {
  int64_t half = (int64_t)(eval->buffer_bytes / sizeof(float) / 2);
  r->references = between(half / (d > 0 ? d : 1), LEAST, MOST_REFERENCES);
  r->queries = between(half / r->references, LEAST, MOST_QUERIES);
}

static double squared_norm(int64_t d, const float *x) {
  enum { LANES = 8 };
  double sums[LANES] = {0}, total = 0;
  for (int64_t i = 0; i < d; i++) sums[i % LANES] += (double)x[i] * (double)x[i];
  for (int l = 0; l < LANES; l++) total += sums[l];
  return total;
}

/* No partial sum of products of two rows is larger than the larger of their squared lengths: with
 * these none overflows. */
static const double LARGEST_NORM = 0x1p126;

/* Of rows first..first+n-1 of all ranks. */
static gan_status take_norms(int64_t first, int64_t n, int64_t d, const float *x, double *norms) {
  for (int64_t i = 0; i < n; i++) {
    norms[i] = squared_norm(d, x + i * d);
    if (norms[i] <= LARGEST_NORM) continue;
    return gan_fail(GAN_NUMBERS,
                    "row %lld of features is %.3g long: distances are found for rows of length up "
                    "to %.3g",
                    (long long)(first + i), sqrt(norms[i]), sqrt(LARGEST_NORM));
  }
  return GAN_OK;
}

double gan_tile_exact(const gan_tile *tile, int64_t i, int64_t j) {
  return gan_squared_distance(tile->d, tile->x + i * tile->d, tile->y + j * tile->d);
}

/* A sum of d products in fp32, in any order, is off by at most about d u |x||y|, u = 2^-24 (Higham,
 * Accuracy and Stability of Numerical Algorithms, 2nd edition, section 3.1), and |x||y| is at most
 * half of |x|^2 + |y|^2; it counts twice in the distance. */
static double doubt_of(int64_t d) {
  return ((double)d + 4) * 0x1.1p-24;
}

/* A product below the smallest normal number may be rounded to 0, and a sum too, of which there are
 * as many; they count twice. */
static double floor_of(int64_t d) {
  return 4 * (double)d * 0x1p-126;
}

static void visit_tile(const room *r, const gan_rows *queries, int64_t at, gan_tile *tile,
                       void (*visit)(void *context, const gan_tile *tile), void *context) {
  tile->first_query = at;
  tile->queries = queries->n - at < r->queries ? queries->n - at : r->queries;
  tile->x = queries->x + at * queries->d;
  tile->query_norms = r->query_norms + at;
  gan_gemm(false, true, tile->queries, tile->references, tile->d, tile->x, tile->y, 0, r->dots);
  visit(context, tile);
}

static gan_status run(const gan_eval *eval, const gan_rows *queries, const gan_rows *references,
                      room *r, void (*visit)(void *context, const gan_tile *tile), void *context) {
  gan_tile tile = {.d = queries->d,
                   .y = r->y,
                   .dots = r->dots,
                   .reference_norms = r->reference_norms,
                   .doubt = doubt_of(queries->d),
                   .floor = floor_of(queries->d)};
  gan_status status =
      take_norms(queries->first, queries->n, queries->d, queries->x, r->query_norms);
  GAN_TRY(gan_comm_agree(eval->comm, status, "agreeing whether all features have products"));
  for (int64_t first = 0; first < references->total; first += r->references) {
    int64_t left = references->total - first;
    tile.first_reference = first;
    tile.references = left < r->references ? left : r->references;
    GAN_TRY(gan_rows_fetch(eval, references, first, tile.references, r->y));
    GAN_TRY(take_norms(first, tile.references, tile.d, r->y, r->reference_norms));
    for (int64_t at = 0; at < queries->n; at += r->queries)
      visit_tile(r, queries, at, &tile, visit, context);
  }
  return GAN_OK;
}

static gan_status take_room(const gan_eval *eval, const gan_rows *queries, room *r) {
  GAN_TRY_EVAL_ALLOC(eval, r->y, r->references * queries->d);
  GAN_TRY_EVAL_ALLOC(eval, r->dots, r->queries * r->references);
  GAN_TRY_EVAL_ALLOC(eval, r->query_norms, queries->n);
  GAN_TRY_EVAL_ALLOC(eval, r->reference_norms, r->references);
  return GAN_OK;
}

gan_status gan_pairs_visit(const gan_eval *eval, const gan_rows *queries,
                           const gan_rows *references,
                           void (*visit)(void *context, const gan_tile *tile), void *context) {
  GAN_ASSERT(queries->d == references->d);
  room r = {0};
  plan(eval, queries->d, &r);
  gan_status status = take_room(eval, queries, &r);
  if (status == GAN_OK) status = run(eval, queries, references, &r, visit, context);
  gan_free(&r.y);
  gan_free(&r.dots);
  gan_free(&r.query_norms);
  gan_free(&r.reference_norms);
  return status;
}
