/* The metrics of an evaluation: what each wants, and the figures that it gives.  A metric is a row
 * of the table in figures.c. */
#ifndef GAN_TRAIN_FIGURES_H
#define GAN_TRAIN_FIGURES_H

#include "eval/bins.h"
#include "eval/frechet.h"
#include "eval/modes.h"
#include "train/evaluate.h"

/* A set as metrics see it. */
typedef struct gan_side {
  gan_rows values;       /* from 0 to 1, channels last */
  gan_rows features;     /* by which most metrics go */
  gan_rows logits;       /* of the classifier; d is 0 without one */
  const int32_t *labels; /* that samples were asked for, or that data has; NULL: none */
  const int32_t *found;  /* by the classifier; NULL: there is none */
} gan_side;

typedef struct gan_judged {
  gan_eval eval;
  int64_t h, w, c;
  gan_side data, held_out; /* held_out has no rows where none was given ... */
  gan_rows training;       /* ... else all rows of the data, among which samples are looked for */
  int64_t classes;         /* that the classifier tells apart; 0: there is none */
  gan_frechet ruler;       /* of the data's features */
  gan_bins *bins;          /* of the data's values, borrowed; `bins` 0: not made yet */
  gan_physics_report *physics; /* borrowed; `size` 0: not made yet */
  double **radii;      /* of the data's balls, for cover, borrowed; *radii NULL: not found yet */
  gan_mixture mixture; /* modes 0: none was given */
  int64_t neighbours;
} gan_judged;

/* What a metric wants beside samples and data. */
enum {
  GAN_WANTS_CLASSIFIER = 1,
  GAN_WANTS_LABELS = 2, /* of the samples */
  GAN_WANTS_HELD_OUT = 4,
  GAN_WANTS_IMAGES = 8,
  GAN_WANTS_MIXTURE = 16,
};

enum { GAN_METRIC_FIGURES = 8, GAN_METRICS_MOST = 32 };

typedef struct gan_metric_row {
  const char *name; /* for --metrics */
  const char *what; /* for help */
  unsigned wants;
  int64_t
      least;   /* rows that it wants of samples and of data; 0: one more than judged->neighbours */
  bool halves; /* the spread of its figures is that between halves of the samples */
  const char *figures[GAN_METRIC_FIGURES]; /* their keys in JSON */
  const char *better; /* a letter a figure: '<' less is better, '>' more is, '-' neither */
  /* Values in that order; spread where the metric knows it itself.  Collective. */
  gan_status (*run)(const gan_judged *judged, const gan_side *samples, gan_figure *figures);
  /* The spreads of figures of all samples, where it is not that between halves.  NULL: it is. */
  gan_status (*spread)(const gan_judged *judged, const gan_side *samples, gan_figure *figures);
} gan_metric_row;

const gan_metric_row *gan_metric_rows(int *count);

/* The bands of the data's statistics, unless they are there: judged->physics.  Collective. */
GAN_CHECKED gan_status gan_judged_find_bands(const gan_judged *judged);

#endif
