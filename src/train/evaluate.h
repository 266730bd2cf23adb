/* Evaluation: a set of samples held against data by every metric of src/eval that applies.
 *
 * Samples come from a checkpoint or from a file, the data from anywhere that data.path can name;
 * features are the penultimate activations of a classifier, or principal components of the values.
 * Everything is chosen by the seed and shared by the ranks: the same figures for any number of
 * ranks, to 1e-6.  train/evaluator.h is the same for samples that change, while a run trains. */
#ifndef GAN_TRAIN_EVALUATE_H
#define GAN_TRAIN_EVALUATE_H

#include "train/eval_set.h"
#include "train/physics_report.h"

typedef struct gan_evaluation_request {
  const char *samples; /* a checkpoint, a run folder, or a file of samples */
  gan_weights weights; /* of a checkpoint's generator */
  const char *data;    /* NULL: what the checkpoint was trained on */
  const char
      *held_out; /* rows that were not trained on; NULL: metrics that want them are left out */
  const char *classifier; /* a checkpoint of one, or its run folder; NULL: principal components */
  const char *metrics;    /* names with commas between; NULL: all that apply */
  const char *pairs;      /* a PNG of the samples that are nearest to the data; NULL: none */
  gan_physics_report *physics; /* where statistics of the images are left, for the caller to
                                * destroy; NULL: they are not wanted */
  const char *mixture;         /* of 2-D points: "ring:8:1:0.01", "grid:5:2:0.05"; NULL: none */
  int64_t count;               /* samples, and rows of the data, at most */
  int64_t seed;
  int64_t neighbours;  /* k of precision, recall, density and coverage */
  double truncation;   /* of the noise of a checkpoint's samples; 0: none */
  double buffer_mb;    /* of blocks of distances, a rank */
  bool while_training; /* messages speak of a run's config, not of the command's words */
  bool (*stop)(void);  /* asked of all ranks between metrics: whether to give up; NULL: never */
} gan_evaluation_request;

/* k of precision, recall, density and coverage where nobody says another. */
enum { GAN_EVAL_NEIGHBOURS = 5 };

typedef struct gan_figure {
  const char *name; /* "frechet_distance": its key in JSON */
  double value;     /* NaN: there is none */
  double spread;    /* one standard error, by what `spread_of` names; NaN: not known */
  const char *spread_of;
} gan_figure;

enum { GAN_FIGURES_MAX = 64 };

typedef struct gan_evaluation {
  gan_figure figures[GAN_FIGURES_MAX];
  int count;
  int64_t samples, rows, rows_of, held_out; /* that were looked at */
  int64_t features;                         /* their number */
  char over[512];                           /* what they are: "64 principal components ..." */
  int64_t step;                             /* of the checkpoint; -1: it was a file */
  bool averaged;                            /* its samples are of the moving average's weights */
  gan_digest data_digest, held_out_digest, samples_digest, classifier_digest;
  char samples_path[4096], data_path[4096];
  double seconds;
  bool abandoned; /* request->stop said so: figures are missing */
} gan_evaluation;

/* Collective.  GAN_USAGE for a metric that is unknown, or that wants what is not given. */
GAN_CHECKED gan_status gan_evaluate(gan_comm *comm, const gan_evaluation_request *request,
                                    gan_evaluation *out);

/* Asks request->stop of all ranks, into out->abandoned.  Collective. */
GAN_CHECKED gan_status gan_evaluation_ask(const gan_eval *eval,
                                          const gan_evaluation_request *request,
                                          gan_evaluation *out);

/* The names of all metrics and what each gives, a line each, for help. */
const char *gan_evaluate_metric(int i, const char **what);

#endif
