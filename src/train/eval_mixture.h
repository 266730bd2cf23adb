/* Mixtures that an evaluation is told of by a text: "ring:8:1:0.01", "grid:5:2:0.05". */
#ifndef GAN_TRAIN_EVAL_MIXTURE_H
#define GAN_TRAIN_EVAL_MIXTURE_H

#include "eval/modes.h"
#include "train/eval_set.h"

/* In the rows' interval; *centres is what it borrows, to be freed.  GAN_USAGE where the text is
 * none, or the rows are no points in the plane.  Collective. */
GAN_CHECKED gan_status gan_eval_mixture_read(const gan_eval *eval, const char *text,
                                             const gan_eval_set *data, double **centres,
                                             gan_mixture *out);

#endif
