/* The confusion matrix of a test: how often a label was taken for which. */
#ifndef GAN_TASK_CONFUSION_H
#define GAN_TASK_CONFUSION_H

#include "comm/comm.h"
#include "config/config.h"

/* With more classes no matrix is kept, only what was right. */
enum { GAN_CONFUSION_MAX = 1024 };

typedef struct gan_confusion {
  int64_t classes;
  int64_t n, right; /* samples, and those that were told right */
  int64_t *counts;  /* (label, told); NULL for more than GAN_CONFUSION_MAX classes */
} gan_confusion;

GAN_CHECKED gan_status gan_confusion_reserve(int64_t classes, gan_confusion *confusion);
void gan_confusion_release(gan_confusion *confusion);

void gan_confusion_forget(gan_confusion *confusion);
void gan_confusion_add(gan_confusion *confusion, int64_t label, int64_t told);

/* The counts of all ranks, exact.  Collective. */
GAN_CHECKED gan_status gan_confusion_share(gan_confusion *confusion, gan_comm *comm);

/* A table for people: of many classes, the pairs that were confused most. */
void gan_confusion_log(const gan_confusion *confusion, const gan_config *config);

/* The text of confusion.json, in fresh memory. */
GAN_CHECKED gan_status gan_confusion_json(const gan_confusion *confusion, const gan_config *config,
                                          int64_t step, double loss, char **text);

#endif
