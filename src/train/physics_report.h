/* Statistics of images side by side: those of samples, over the band in which halves of the data
 * lie by chance.  For figures, for JSON, and as a picture. */
#ifndef GAN_TRAIN_PHYSICS_REPORT_H
#define GAN_TRAIN_PHYSICS_REPORT_H

#include "eval/physics.h"

/* What the numbers of a report are, in their order; the last four have one a channel. */
typedef enum gan_physics_part {
  GAN_PART_HISTOGRAM, /* share of pixels a bin of values from 0 to 1 */
  GAN_PART_SPECTRUM,  /* mean power a ring of so many cycles an image's shorter side */
  GAN_PART_MEAN,
  GAN_PART_DEVIATION,
  GAN_PART_SKEWNESS,
  GAN_PART_KURTOSIS,
  GAN_PARTS,
} gan_physics_part;

typedef struct gan_physics_report {
  gan_physics physics;
  int64_t size;           /* 0: there is none yet */
  double *low, *high;     /* (size) the band of halves of the data */
  double *data, *samples; /* (size) of all of them */
} gan_physics_report;

/* Of images (H, W, C) with values from 0 to 1: the data's side, samples all 0.  Collective. */
GAN_CHECKED gan_status gan_physics_report_create(const gan_eval *eval, int64_t h, int64_t w,
                                                 int64_t c, const gan_rows *data,
                                                 gan_physics_report *out);
void gan_physics_report_destroy(gan_physics_report *report);

/* The same statistics of other images, in a report's order: found (size).  Collective. */
GAN_CHECKED gan_status gan_physics_report_measure(const gan_eval *eval,
                                                  const gan_physics_report *report,
                                                  const gan_rows *images, double *found);

/* The same into the report's own samples.  Collective. */
GAN_CHECKED gan_status gan_physics_report_fill(const gan_eval *eval,
                                               const gan_physics_report *report,
                                               const gan_rows *samples);

/* The share of the numbers of parts first..last, of those `found`, outside of the band. */
double gan_physics_report_outside(const gan_physics_report *report, const double *found,
                                  gan_physics_part first, gan_physics_part last);

/* To the log: each channel's moments, with their bands.  Of the first few channels. */
void gan_physics_report_print(const gan_physics_report *report);

/* As an object of JSON, without a newline, in fresh memory: for each part x, low, high, data and
 * samples. */
GAN_CHECKED gan_status gan_physics_report_json(const gan_physics_report *report, char **text);

/* As PNG, a chart a part.  GAN_OUTPUT. */
GAN_CHECKED gan_status gan_physics_report_draw(const gan_physics_report *report, const char *path);

#endif
