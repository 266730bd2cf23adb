#include "eval/cover.h"

#include "base/memory.h"
#include "eval/neighbours.h"
#include "eval/pairs.h"

typedef struct {
  const double *real_radii; /* squared, (rows of all ranks) */
  double *fake_radii;       /* squared, (rows of this rank) */
  int64_t *holding;         /* real balls that hold it, (fake rows of this rank) */
  int64_t *covered;         /* fake rows in its ball, (real rows of all ranks) */
  int64_t *reached;         /* balls of fake rows that hold it, (real rows of all ranks) */
} balls;

/* Whether the pair lies within a radius, given that it is about there. */
static bool holds(const gan_tile *tile, int64_t i, int64_t j, double squared_radius) {
  double norms = tile->query_norms[i] + tile->reference_norms[j];
  double about = gan_tile_about(tile, i, j), doubt = tile->doubt * norms + tile->floor;
  if (about + doubt <= squared_radius) return true;
  return about - doubt <= squared_radius && gan_tile_exact(tile, i, j) <= squared_radius;
}

static void count_pair(balls *b, const gan_tile *tile, int64_t i, int64_t j) {
  int64_t fake = tile->first_query + i, real = tile->first_reference + j;
  bool in_real = holds(tile, i, j, b->real_radii[real]);
  b->holding[fake] += in_real;
  b->covered[real] += in_real;
  b->reached[real] += holds(tile, i, j, b->fake_radii[fake]);
}

static void count_tile(void *context, const gan_tile *tile) {
  balls *b = context;
  for (int64_t i = 0; i < tile->queries; i++) {
    double fake = b->fake_radii[tile->first_query + i];
    for (int64_t j = 0; j < tile->references; j++) {
      double real = b->real_radii[tile->first_reference + j];
      if (gan_tile_least(tile, i, j) <= (real > fake ? real : fake)) count_pair(b, tile, i, j);
    }
  }
}

/* Squared distance to the k-th nearest of the own set, of this rank's rows. */
static gan_status find_radii(const gan_eval *eval, const gan_rows *rows, int k, double *radii) {
  int64_t *number;
  double *squared;
  GAN_TRY_EVAL_ALLOC(eval, number, rows->n * k);
  gan_status status =
      gan_eval_alloc(eval, &squared, rows->n * k, sizeof *squared, "distances of neighbours");
  if (status == GAN_OK) status = gan_neighbours_find(eval, rows, rows, k, true, number, squared);
  for (int64_t i = 0; status == GAN_OK && i < rows->n; i++) radii[i] = squared[(i + 1) * k - 1];
  gan_free(&number);
  gan_free(&squared);
  return status;
}

gan_status gan_cover_radii(const gan_eval *eval, const gan_rows *rows, int k, double *squared) {
  double *mine;
  GAN_TRY_EVAL_ALLOC(eval, mine, rows->n);
  gan_status status = find_radii(eval, rows, k, mine);
  if (status == GAN_OK) status = gan_rows_gather(eval, rows, mine, squared);
  gan_free(&mine);
  return status;
}

enum { PRECISE, HOLDING, RECALLED, COVERED, COUNTS };

static gan_status judge(const gan_eval *eval, const gan_rows *real, const gan_rows *fake, int k,
                        const balls *b, gan_cover *out) {
  static const char what[] = "the counts of precision and recall";
  int64_t counts[COUNTS] = {0};
  for (int64_t i = 0; i < fake->n; i++) {
    counts[PRECISE] += b->holding[i] > 0;
    counts[HOLDING] += b->holding[i];
  }
  GAN_TRY(gan_comm_sum_int64(eval->comm, counts, COUNTS, what));
  GAN_TRY(gan_comm_sum_int64(eval->comm, b->covered, (size_t)real->total, what));
  GAN_TRY(gan_comm_sum_int64(eval->comm, b->reached, (size_t)real->total, what));
  for (int64_t j = 0; j < real->total; j++) {
    counts[RECALLED] += b->reached[j] > 0;
    counts[COVERED] += b->covered[j] > 0;
  }
  double reals = (double)real->total, fakes = (double)fake->total;
  *out = (gan_cover){.precision = (double)counts[PRECISE] / fakes,
                     .recall = (double)counts[RECALLED] / reals,
                     .density = (double)counts[HOLDING] / (fakes * k),
                     .coverage = (double)counts[COVERED] / reals};
  return GAN_OK;
}

static gan_status run(const gan_eval *eval, const gan_rows *real, const gan_rows *fake, int k,
                      balls *b, gan_cover *out) {
  GAN_TRY_EVAL_ALLOC(eval, b->fake_radii, fake->n);
  GAN_TRY_EVAL_ALLOC(eval, b->holding, fake->n);
  GAN_TRY_EVAL_ALLOC(eval, b->covered, real->total);
  GAN_TRY_EVAL_ALLOC(eval, b->reached, real->total);
  GAN_TRY(find_radii(eval, fake, k, b->fake_radii));
  GAN_TRY(gan_pairs_visit(eval, fake, real, count_tile, b));
  return judge(eval, real, fake, k, b, out);
}

gan_status gan_cover_run(const gan_eval *eval, const gan_rows *real, const gan_rows *fake, int k,
                         gan_cover *out) {
  double *radii;
  GAN_TRY_EVAL_ALLOC(eval, radii, real->total);
  gan_status status = gan_cover_radii(eval, real, k, radii);
  if (status == GAN_OK) status = gan_cover_run_within(eval, real, radii, fake, k, out);
  gan_free(&radii);
  return status;
}

gan_status gan_cover_run_within(const gan_eval *eval, const gan_rows *real, const double *radii,
                                const gan_rows *fake, int k, gan_cover *out) {
  balls b = {.real_radii = radii};
  gan_status status = run(eval, real, fake, k, &b, out);
  gan_free(&b.fake_radii);
  gan_free(&b.holding);
  gan_free(&b.covered);
  gan_free(&b.reached);
  return status;
}
