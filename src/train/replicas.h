/* Replicas: every rank must hold the same bits of weights, statistics, counters and moments, or
 * what the run computes is nobody's.  Memory and links that flip a bit are seen here.
 *
 * A check gathers one digest a network from each rank.  Only where they differ the ranks compare
 * their tensors one by one, by digests too: no slab is ever sent.
 */
#ifndef GAN_TRAIN_REPLICAS_H
#define GAN_TRAIN_REPLICAS_H

#include "task/task.h"

typedef struct gan_replicas gan_replicas;

/* Takes all the room that checks need.  The task is borrowed.  Collective. */
GAN_CHECKED gan_status gan_replicas_create(const gan_task *task, gan_replicas **out);
void gan_replicas_destroy(gan_replicas **replicas);

/* Whether all ranks agree behind `step`; GAN_INTERNAL on all of them if not.  The message names the
 * ranks that are not with the majority (without one: all) and the first tensor that differs.
 * Collective; allocates nothing. */
GAN_CHECKED gan_status gan_replicas_check(gan_replicas *replicas, int64_t step);

/* Logs how many checks there were and what one took, if there was any. */
void gan_replicas_log_cost(const gan_replicas *replicas);

#endif
