/* Principal components: features of pixels where no network gives better ones. */
#ifndef GAN_EVAL_PCA_H
#define GAN_EVAL_PCA_H

#include "eval/moments.h"

typedef struct gan_pca {
  int64_t d, k;
  double *mean;       /* (d) */
  double *components; /* (k, d), unit vectors, that of the largest variance first */
  double *variances;  /* (k) */
  double share;       /* of the variance that they hold */
} gan_pca;

/* The k components of largest variance, k at most d; the same on all ranks.  Collective. */
GAN_CHECKED gan_status gan_pca_create(const gan_eval *eval, const gan_moments *moments, int64_t k,
                                      gan_pca *out);
void gan_pca_destroy(gan_pca *pca);

/* x (n, d) to y (n, k), (x - mean) components^T.  Local. */
GAN_CHECKED gan_status gan_pca_project(const gan_pca *pca, int64_t n, const float *x, float *y);

#endif
