#include "base/memory.h"
#include "eval/frechet.h"
#include "eval/spread.h"

#include <math.h>

/* Groups of rows by chance: the g-th has those from part g of the order. */
typedef struct {
  int groups;
  uint32_t *order; /* (total) */
  int64_t *places; /* (total) */
  double *values;  /* (groups) the distance without each */
  gan_moments all, rest;
} jackknife;

/* What is left of all rows without a group, from both moments (Chan, Golub and LeVeque, "Algorithms
 * for computing the sample variance", 1983, for the part that is taken away). */
static void take_away(const gan_moments *all, const gan_moments *group, gan_moments *rest) {
  int64_t d = all->d;
  rest->n = all->n - group->n;
  double of_all = (double)all->n, of_group = (double)group->n, of_rest = (double)rest->n;
  for (int64_t i = 0; i < d; i++)
    rest->mean[i] = (of_all * all->mean[i] - of_group * group->mean[i]) / of_rest;
  for (int64_t i = 0; i < d * d; i++) {
    double a = rest->mean[i / d] - group->mean[i / d], b = rest->mean[i % d] - group->mean[i % d];
    double scatter = (of_all - 1) * all->covariance[i] - (of_group - 1) * group->covariance[i];
    rest->covariance[i] = (scatter - of_rest * of_group / of_all * a * b) / (of_rest - 1);
  }
}

static gan_status distance_without(const gan_eval *eval, const gan_frechet *frechet,
                                   const gan_rows *rows, int g, jackknife *j) {
  gan_moments group;
  int64_t first = rows->total * g / j->groups, end = rows->total * (g + 1) / j->groups;
  int64_t held = gan_rows_places(rows, end - first, j->order + first, j->places);
  GAN_TRY(gan_moments_create_of(eval, rows, held, j->places, &group));
  take_away(&j->all, &group, &j->rest);
  gan_status status = gan_frechet_distance(frechet, &j->rest, j->values + g);
  gan_moments_destroy(&group);
  return gan_comm_agree(eval->comm, status, "agreeing on a Frechet distance");
}

static gan_status run(const gan_eval *eval, const gan_frechet *frechet, const gan_rows *rows,
                      jackknife *j, double *error) {
  enum { TRIAL = 2 }; /* a division of its own */
  double n = j->groups;
  GAN_TRY_EVAL_ALLOC(eval, j->order, rows->total);
  GAN_TRY_EVAL_ALLOC(eval, j->places, rows->total);
  GAN_TRY_EVAL_ALLOC(eval, j->values, j->groups);
  GAN_TRY_EVAL_ALLOC(eval, j->rest.mean, rows->d);
  GAN_TRY_EVAL_ALLOC(eval, j->rest.covariance, rows->d * rows->d);
  GAN_TRY(gan_moments_create(eval, rows, &j->all));
  j->rest.d = rows->d;
  gan_spread_halve(eval, TRIAL, rows->total, j->order);
  for (int g = 0; g < j->groups; g++) GAN_TRY(distance_without(eval, frechet, rows, g, j));
  *error = gan_spread_of(j->groups, j->values).deviation * (n - 1) / sqrt(n);
  return gan_comm_broadcast(eval->comm, error, sizeof *error, "the spread of a distance");
}

gan_status gan_frechet_jackknife(const gan_eval *eval, const gan_frechet *frechet,
                                 const gan_rows *rows, int groups, double *error) {
  GAN_ASSERT(groups >= 2);
  if (rows->total < 2 * groups)
    return gan_fail(GAN_USAGE, "%d groups of samples want at least %d, not %lld", groups,
                    2 * groups, (long long)rows->total);
  jackknife j = {.groups = groups};
  gan_status status = run(eval, frechet, rows, &j, error);
  gan_moments_destroy(&j.all);
  gan_moments_destroy(&j.rest);
  gan_free(&j.order);
  gan_free(&j.places);
  gan_free(&j.values);
  return status;
}
