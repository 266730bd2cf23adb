/* What an evaluation found: on the console, and as a line of eval.jsonl. */
#ifndef GAN_TRAIN_EVAL_RECORD_H
#define GAN_TRAIN_EVAL_RECORD_H

#include "output/json.h"
#include "train/evaluate.h"

/* A table of the figures with their spreads. */
void gan_evaluation_print(const gan_evaluation_request *request, const gan_evaluation *made);

/* The line, begun and filled.  `source` says who evaluated: "eval", the command, or "train". */
void gan_evaluation_fill(gan_json *line, const gan_evaluation_request *request, const char *source,
                         int ranks, const gan_evaluation *made);

#endif
