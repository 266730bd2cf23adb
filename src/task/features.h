/* Features: what a trained classifier makes of images before its last layer, and the logits that
 * this gives.  One rank; MPI is not needed. */
#ifndef GAN_TASK_FEATURES_H
#define GAN_TASK_FEATURES_H

#include "base/hash.h"
#include "checkpoint/checkpoint.h"

typedef struct gan_features gan_features;

typedef struct gan_features_info {
  int64_t h, w, c;      /* of an image */
  int64_t features;     /* numbers that reach the last linear layer */
  int64_t classes;      /* logits that it gives */
  double scale, offset; /* the network sees value * scale + offset of the data's values, ... */
  double low, high;     /* ... which lay between these */
  int64_t step;         /* of training */
  gan_digest digest;    /* of the checkpoint */
} gan_features_info;

/* `path` is a checkpoint of task: classifier, or a run folder: its newest that verifies.  GAN_INPUT
 * if there is none or it is damaged; GAN_USAGE if it is of another task, or its last layer is not
 * linear. */
GAN_CHECKED gan_status gan_features_open(const char *path, gan_features **out);
void gan_features_close(gan_features **features);

/* Library, precision and threads of what is computed from now on: as opening sets them. */
void gan_features_use(const gan_features *features);

gan_features_info gan_features_get_info(const gan_features *features);

/* The label that the data of its training had for a class, 0 to classes - 1. */
int64_t gan_features_label(const gan_features *features, int64_t of);

/* From images (n, C, H, W) in the data's own units, as sample files have them, to (n, H, W, C) as
 * the network sees them. */
void gan_features_scale(const gan_features *features, int64_t n, const float *images, float *out);

/* images (n, H, W, C), as the network sees them; out_features (n, features) and out_logits
 * (n, classes), either of which may be NULL.  Local. */
GAN_CHECKED gan_status gan_features_of(gan_features *features, int64_t n, const float *images,
                                       float *out_features, float *out_logits);

#endif
