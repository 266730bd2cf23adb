/* The Frechet distance of two sets of features, taken as Gaussians:
 *
 *   |m1 - m2|^2 + tr(C1 + C2 - 2 (C1 C2)^(1/2))
 *
 * Dowson and Landau, "The Frechet distance between multivariate normal distributions", 1982, eq. 4;
 * as a judge of images Heusel et al., "GANs trained by a two time-scale update rule", 2017.  Over
 * the features of another network than theirs it is no FID, and must not be called so.
 *
 * The trace of the root is that of (C1^(1/2) C2 C1^(1/2))^(1/2), which is symmetric: the roots of
 * its eigenvalues. */
#ifndef GAN_EVAL_FRECHET_H
#define GAN_EVAL_FRECHET_H

#include "eval/moments.h"

/* The side that stays: its covariance is decomposed once. */
typedef struct gan_frechet {
  int64_t d;
  double *mean; /* (d) */
  double *root; /* (d, d): C^(1/2) in C's eigenbasis, rows sqrt(value) * vector */
  double *room; /* (2, d, d) and (d) */
  double trace; /* of C */
} gan_frechet;

/* Local; moments need not stay.  GAN_NUMBERS where the eigenproblem has no answer. */
GAN_CHECKED gan_status gan_frechet_create(const gan_moments *moments, gan_frechet *out);
void gan_frechet_destroy(gan_frechet *frechet);

/* To another Gaussian.  Local: the same moments give the same number. */
GAN_CHECKED gan_status gan_frechet_distance(const gan_frechet *frechet, const gan_moments *to,
                                            double *distance);

/* What many more samples would give.  Of n samples the distance is about F + s / n, so that few
 * samples make every model look worse: F by least squares over `points` counts from a tenth to all
 * (Chong and Forsyth, "Effectively unbiased FID and Inception Score", 2020, section 4). */
typedef struct gan_frechet_limit {
  double plain;    /* of all rows */
  double infinite; /* F */
  double slope;    /* s */
  double error;    /* the standard error of F in that fit; rows are shared, so too small a one */
} gan_frechet_limit;

/* Collective; points at least 3 (they take 15).  GAN_USAGE where a tenth of the rows is fewer than
 * 2. */
GAN_CHECKED gan_status gan_frechet_extrapolate(const gan_eval *eval, const gan_frechet *frechet,
                                               const gan_rows *rows, int points,
                                               gan_frechet_limit *out);

/* The standard error of the distance to the Gaussian of these rows, by a jackknife: from what it is
 * without each of so many groups of them (Efron and Tibshirani, "An introduction to the bootstrap",
 * 1993, chapter 11; groups - 1 degrees of freedom).  Collective; groups at least 2.  GAN_USAGE
 * where a group has fewer than 2 rows. */
GAN_CHECKED gan_status gan_frechet_jackknife(const gan_eval *eval, const gan_frechet *frechet,
                                             const gan_rows *rows, int groups, double *error);

#endif
