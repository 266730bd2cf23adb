/* Batches of a task whose networks see nothing but data: images and, where wanted, their labels,
 * piece by piece. */
#ifndef GAN_TASK_INPUTS_H
#define GAN_TASK_INPUTS_H

#include "data/loader.h"
#include "task/work.h"

typedef struct gan_inputs {
  gan_loader *loader;
  float *images;          /* (piece, H, W, C) */
  int32_t *labels;        /* (piece); NULL: not wanted */
  gan_status data_status; /* a failure to read, which this rank alone may know until the sums */
} gan_inputs;

GAN_CHECKED gan_status gan_inputs_reserve(const gan_task *task, int64_t piece, bool labels,
                                          gan_inputs *inputs);
/* Once the data is there. */
GAN_CHECKED gan_status gan_inputs_start(const gan_task *task, const gan_dataset *data,
                                        gan_inputs *inputs);
void gan_inputs_release(gan_inputs *inputs);

/* The data of a pass of one set; time goes to the profile's rows `row`, and `row` + 1 where it was
 * waited for.  A failure must not leave the others in their sums: images stay as they were,
 * data_status tells. */
void gan_inputs_fetch(gan_task *task, gan_work *work, gan_inputs *inputs, const gan_pass *pass,
                      int row);

#endif
