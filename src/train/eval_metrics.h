/* Which metrics an evaluation runs, and running them: each over all samples, and over two halves of
 * them for its spread. */
#ifndef GAN_TRAIN_EVAL_METRICS_H
#define GAN_TRAIN_EVAL_METRICS_H

#include "train/figures.h"

/* Whether every name of the list is a metric's; `where` names the list in messages. */
GAN_CHECKED gan_status gan_eval_metrics_check(const char *list, const char *where);

/* Whether the list has the name; all are in NULL. */
bool gan_eval_metrics_named(const char *list, const char *name);

/* The row whose figure or, as its first one, whose name that is; NULL: none.  *figure: which. */
const gan_metric_row *gan_eval_metrics_find(const char *name, int *figure);

/* Those of the request that apply, or all it names: GAN_USAGE for one that wants what is not in
 * `given`.  Collective.  out->abandoned: request->stop said so, and figures are missing. */
GAN_CHECKED gan_status gan_eval_metrics_run(const gan_judged *judged,
                                            const gan_evaluation_request *request,
                                            const gan_side *samples, unsigned given,
                                            gan_evaluation *out);

#endif
