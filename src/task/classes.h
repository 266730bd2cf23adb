/* The classes of a conditional model's samples: the data's labels, and what is drawn for generated
 * ones. */
#ifndef GAN_TASK_CLASSES_H
#define GAN_TASK_CLASSES_H

#include "task/task.h"

typedef struct gan_classes {
  int64_t count; /* 0: not conditional, and all below NULL */
  int32_t *real; /* (samples of a pass) of the data */
  int32_t *fake; /* (samples of a pass) of what is generated */
  double *law;   /* (count) the probability of a class or one before it */
} gan_classes;

/* For passes of `samples`.  GAN_USAGE if the model is conditional and the data has no labels. */
GAN_CHECKED gan_status gan_classes_reserve(const gan_task *task, int64_t samples,
                                           gan_classes *classes);
void gan_classes_release(gan_classes *classes);

/* Once the data is there: generated samples have the classes of the data as often as the data has
 * them.  GAN_USAGE if a label is beyond the model's classes. */
GAN_CHECKED gan_status gan_classes_start(const gan_task *task, const gan_dataset *data,
                                         gan_classes *classes);

/* Those of a pass that generates, into classes->fake. */
void gan_classes_draw(gan_classes *classes, const gan_pass *pass);

#endif
